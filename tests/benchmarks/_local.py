"""The on-device backend with its real models and the demo's tools, without the rest of the box."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from appliance.backend.local import phrases
from appliance.backend.local.pipeline import LocalBackend, Parts
from appliance.backend.local.stt import Transcriber
from appliance.backend.local.trim import trim_by
from appliance.backend.local.tts import Voice
from appliance.backend.local.understand import StagedUnderstander
from appliance.catalogue import ToolSpec
from appliance.detect.speech import Silero
from appliance.errors import BackendUnavailable
from appliance.events import ReplyAudio, ReplyEnded, ToolCalled, Transcribed
from appliance.frames import FRAME_SAMPLES, RATE, Frame, samples
from appliance.ports import ToolResult
from appliance.store import ModelStore
from appliance.tools.parse import parse_toml
from appliance.units import SampleIndex, Seconds, TurnNumber

Sound = NDArray[np.int16]

REQUESTS = (
    "Turn on the kitchen light.",
    "Turn off the kitchen light.",
    "Set the temperature to twenty one degrees.",
    "Close the blind.",
    "Open the blind.",
    "Set the kitchen light to forty percent.",
    "Turn on the ceiling light and close the blind.",
    "Make me a large latte.",
    "Could you make it a bit brighter in here?",
    "Switch everything off.",
)
"""Ten requests: on, off, values, two at once, an order, and two that no sentence matches."""

ANSWERS = (
    "The kitchen light is on.",
    "The kitchen light is off.",
    "The thermostat is set to 21 degrees.",
    "The blind is closed.",
    "The blind is open.",
    "The kitchen light is at 40 percent.",
    "The ceiling light is on.",
    "A large latte is on its way.",
    "The light is brighter.",
    "Everything is off.",
    "A small latte is on its way.",
    "A mocha with a single shot is on its way.",
)
"""What the tools say: never the same twice, so that nothing is spoken from memory."""

TRAILING = Seconds(0.7)
"""Silence at the end of a turn, as the default settings have it."""


@dataclass(slots=True)
class Measured:
    """One request, from its commit to the end of its reply; seconds."""

    transcript: str = ""
    stages: dict[str, Seconds] = field(default_factory=dict)
    """From the name of a step to how long it took."""

    first_sample: Seconds | None = None
    """From the commit to the first piece of the reply; ``None`` if it said nothing."""


def load(store: ModelStore, size: Literal["base", "tiny"]) -> Parts:
    """Load every part, as the appliance does."""
    return Parts(
        transcriber=Transcriber(store.folder(f"moonshine-{size}")),
        understander=StagedUnderstander(minilm_folder=store.folder("minilm")),
        voice=Voice(store.folder("voice-en-joe")),
        phrases=phrases.load("en"),
        trim=trim_by(Silero(store.folder("silero-vad") / "silero_vad.onnx")),
    )


def catalogue() -> tuple[ToolSpec, ...]:
    """Return the demo's tools."""
    folder = resources.files("appliance.demo") / "tools.d"
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return tuple(parse_toml(file.read_bytes(), source=file.name).spec for file in files)


def spoken(voice: Voice, sentence: str) -> Sound:
    """Return a request as the microphone would hear it, in a quiet room."""
    return in_room(soxr.resample(voice.synthesize(sentence), voice.rate, RATE))


def recordings(folder: Path) -> Iterator[Sound]:
    """Yield the recorded requests of people that the repository holds."""
    for file in sorted(folder.glob("order_*.flac")):
        sound, rate = soundfile.read(file, dtype="int16")
        yield in_room(soxr.resample(sound, rate, RATE))


def in_room(sound: Sound) -> Sound:
    """Put quiet noise around it: the pre-roll before, the silence that ended the turn behind."""
    noise = np.random.default_rng(1).normal(0, 8, samples(1.2 + TRAILING)).astype(np.int16)
    return np.concatenate([noise[: samples(1.2)], sound, noise[samples(1.2) :]])


async def ask(parts: Parts, tools: Sequence[ToolSpec], sounds: Sequence[Sound]) -> list[Measured]:
    """Put requests to one session, one after the other; the tools answer at once."""
    backend = LocalBackend(parts, lambda: tools)
    events = backend.events()
    measured = []
    for number, sound in enumerate(sounds, start=1):
        for start in range(0, len(sound) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
            frame = Frame(sound[start : start + FRAME_SAMPLES], SampleIndex(start))
            await backend.send_audio(frame)
        timeline = [("commit", time.perf_counter())]
        await backend.commit_turn(TurnNumber(number))
        one = Measured()
        async for event in events:
            timeline.append((type(event).__name__, time.perf_counter()))
            if isinstance(event, ToolCalled):
                answer = ToolResult("done", ANSWERS[number % len(ANSWERS)])
                await backend.answer_call(event.call, answer)
            if isinstance(event, Transcribed):
                one.transcript = event.text
            if isinstance(event, ReplyEnded) and not event.calls_tool:
                break
        _account(one, timeline)
        measured.append(one)
    await asyncio.sleep(0.2)  # memory is given back after a reply
    await backend.close()
    with suppress(BackendUnavailable):
        await anext(events)
    return measured


def _account(one: Measured, timeline: list[tuple[str, float]]) -> None:
    """Give each stretch of time to the event that ended it, up to the first sound."""
    for (_, before), (name, at) in pairwise(timeline):
        one.stages[name] = Seconds(one.stages.get(name, 0.0) + at - before)
        if name == ReplyAudio.__name__:
            one.first_sample = Seconds(at - timeline[0][1])
            return


def converse(parts: Parts, sounds: Sequence[Sound]) -> list[Measured]:
    """Put requests to one session, from a program without an event loop."""
    return asyncio.run(ask(parts, catalogue(), sounds))
