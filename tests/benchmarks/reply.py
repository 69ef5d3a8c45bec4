"""How long one waits for the box: from the end of speech to the first sample of the reply.

On the level of the backend: from the commit of a turn (the trailing silence has passed) to the
first piece of sound; tools answer at once. The requests are spoken by the box's own voice, and by
the people recorded in ``tests/data/audio``. No sentence of the replies has been said before.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from appliance.backend.local.tts import Voice
from appliance.store import ModelStore
from tests.benchmarks import Row
from tests.benchmarks._local import (
    REQUESTS,
    Measured,
    catalogue,
    converse,
    load,
    recordings,
    spoken,
)
from tests.benchmarks._warming import warm_up

NAME = "reply"
SUMMARY = "End of speech (after the silence) to first sample of the reply, offline, by stage."

LIMIT_MS = 600.0
"""The aim for the median."""

STAGES = {
    "Transcribed": "trimming and speech to text",
    "Understood": "understanding",
    "ReplyAudio": "first sentence to speech",
}
RECORDINGS = Path(__file__).parents[1] / "data" / "audio"


def _run_size(size: Literal["base", "tiny"], store: ModelStore) -> list[Row]:
    parts = load(store, size)
    warm_up(parts, catalogue())
    speaker = Voice(store.folder("voice-en-joe"))
    sounds = [*(spoken(speaker, text) for text in REQUESTS), *recordings(RECORDINGS)]
    return _rows(size, converse(parts, sounds))


def _rows(size: str, measured: Sequence[Measured]) -> list[Row]:
    waited = [1000 * one.first_sample for one in measured if one.first_sample is not None]
    note = f"{len(waited)} of {len(measured)} requests were answered aloud"
    rows = [
        Row(f"{size}: first sample, median", float(np.median(waited)), "ms", LIMIT_MS, note),
        Row(f"{size}: first sample, 90 %", float(np.percentile(waited, 90)), "ms"),
    ]
    for event, what in STAGES.items():
        took = [1000 * one.stages[event] for one in measured if event in one.stages]
        rows.append(Row(f"{size}: {what}, median", float(np.median(took)), "ms"))
    return rows


def run(_: argparse.Namespace) -> list[Row]:
    store = ModelStore.default()
    return [*_run_size("base", store), *_run_size("tiny", store)]
