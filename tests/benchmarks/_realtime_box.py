"""The whole box with a realtime backend, on recordings in real time; see ``realtime``.

``python -m tests.benchmarks._realtime_box barge_in|take_over`` prints what it measured as JSON.
"""

import asyncio
import json
import os
import sys
import tempfile
from itertools import cycle, islice

import numpy as np
from numpy.typing import NDArray

from appliance.app.answers import load_minds
from appliance.app.backends import open_answers
from appliance.app.open_house import open_house
from appliance.app.replay import Playing, replay
from appliance.audio.recording import Recording
from appliance.cli.replay import room
from appliance.config import Config, Loaded
from appliance.config.cloud import Backends, Realtime
from appliance.config.model import Turn
from appliance.store import ModelStore
from appliance.timeline import Entry, Timeline
from appliance.units import SampleRate
from tests.benchmarks._realtime_peer import Peer, peer

RATE = SampleRate(16_000)
STALL_S = 1.0
INTERRUPTIONS = 12
BLOCK = RATE // 200
"""5 ms: how finely an onset is found."""

QUIET = 10 * BLOCK
"""50 ms without a sample: it is silent, not between two periods of a tone."""

Sound = NDArray[np.int16]


def barge_in() -> list[float]:
    """Return how long the loudspeaker went on after each onset of speech, in ms."""
    sound = room().samples[:, 0]
    opening = sound[: int(4.2 * RATE)]  # "hey jarvis, turn on the kitchen light"
    said = [_trimmed(sound[int(a * RATE) : int(b * RATE)]) for a, b in _UTTERANCES]
    hush = sound[int(11.0 * RATE) : int(18.0 * RATE)]  # nobody speaks; not a digital silence
    parts, onsets, at = [opening], [], len(opening)
    for number, utterance in enumerate(islice(cycle(said), INTERRUPTIONS)):
        silence = hush[: int((2.3 + 0.0137 * number) * RATE)]  # not on one grid
        onsets.append(at + len(silence))
        parts += [silence, utterance]
        at += len(silence) + len(utterance)
    whole = np.concatenate([*parts, np.zeros(RATE, dtype=np.int16)])
    config = Config(turn=Turn(barge_in="speech"))
    with peer(speech_s=20.0, pace=float("inf")) as server:
        _, heard = asyncio.run(_play(config, server, whole))
    return [1000 * (_silent_from(heard, onset) - onset) / RATE for onset in onsets]


_UTTERANCES = ((7.5, 10.0), (20.0, 24.2), (48.2, 49.4), (1.4, 4.2))
"""Where in the recorded room somebody speaks, in seconds. The last begins with the wake word:
without it the box, which may be hearing itself, lets speech interrupt it four times in a row."""


def take_over() -> list[float]:
    """Return how long nothing was heard after each stall's deadline, in s."""
    with peer(speech_s=0.1, pace=0.0) as server:
        entries, _ = asyncio.run(_play(Config(), server, room().samples[:, 0]))
    gaps, lost = [], None
    for entry in entries:
        if entry.event == "backend" and entry.data.get("name") == "local":
            lost = entry.at
        elif entry.event == "sound" and lost is not None:
            gaps.append(entry.at - lost)
            lost = None
    return gaps


async def _play(config: Config, server: Peer, sound: Sound) -> tuple[list[Entry], Sound]:
    realtime = Realtime.model_validate({"url": server.url, "api_key": server.key})
    backend = Backends(stall_s=STALL_S)
    config = config.model_copy(update={"realtime": realtime, "backend": backend})
    store, timeline, heard = ModelStore.default(), Timeline(), bytearray()
    entries: list[Entry] = []
    timeline.watch(entries.append)
    async with open_house(Loaded(config, None, {}), timeline) as house:
        async with asyncio.TaskGroup() as group:
            group.create_task(house.settle())
            minds = await load_minds(config, store, house.tools.catalogue)
        async with open_answers(
            config, minds.parts, house.tools.catalogue, private=False
        ) as answers:
            await replay(
                config,
                Playing(Recording(sound.reshape(-1, 1), RATE), speed="real", sink=heard.extend),
                senses=minds.senses,
                answers=answers,
                house=house,
                timeline=timeline,
            )
    return entries, np.frombuffer(bytes(heard), dtype=np.int16)


def _trimmed(sound: Sound) -> Sound:
    """Return an utterance from its first to its last loud block."""
    blocks = sound[: len(sound) // BLOCK * BLOCK].reshape(-1, BLOCK).astype(np.float64)
    loud = np.flatnonzero(np.sqrt(np.mean(blocks**2, axis=1)) > 400)
    return sound[loud[0] * BLOCK : (loud[-1] + 1) * BLOCK]


def _silent_from(heard: Sound, onset: int) -> int:
    if not heard[onset - BLOCK : onset].any():
        raise ValueError(f"nothing was being said at {onset / RATE:.2f} s")
    sounding = np.flatnonzero(heard[onset:])
    gap = np.flatnonzero(np.diff(sounding) > QUIET)
    last = sounding[gap[0]] if len(gap) else sounding[-1]
    return int(onset + last + 1)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as state:
        os.environ["STATE_DIRECTORY"] = state  # the bill of a benchmark is nobody's
        told = {"ms": barge_in()} if sys.argv[1] == "barge_in" else {"s": take_over()}
    print(json.dumps(told))
