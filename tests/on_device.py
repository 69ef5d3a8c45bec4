"""The on-device backend without a model: what it hears with, thinks with and speaks with."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from appliance.backend.local.understand.types import Call, Past, Understanding
from appliance.catalogue import ToolSpec
from appliance.errors import ModelError
from appliance.frames import FRAME_SAMPLES, Frame
from appliance.units import SampleIndex, SampleRate

LAMP = ToolSpec("light", "Switches lamps.", {"type": "object"})
STOP = ToolSpec("stop", "Ends the conversation.", {"type": "object"}, closes=True)
RATE = SampleRate(22_050)
ON = Call("light", {"state": "on"})
OFF = Call("light", {"state": "off"})

Sound = NDArray[np.int16]
T = TypeVar("T")


@dataclass
class Ears:
    """Hears a prepared text in every sound that is not empty."""

    text: str = "turn on the light"
    heard: list[Sound] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    at_work: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def transcribe(self, samples: Sound) -> str:
        self.heard.append(samples)
        self.at_work.set()
        assert self.gate.wait(5.0)
        if self.text == "broken":
            raise ModelError("turn on the light cannot be transcribed")
        return self.text


@dataclass
class Mind:
    """Understands every text as prepared."""

    meaning: Understanding
    asked: list[tuple[str, tuple[ToolSpec, ...]]] = field(default_factory=list)
    past: list[tuple[Past, ...]] = field(default_factory=list)
    tools: tuple[ToolSpec, ...] = ()
    """Those with which the past was told."""

    def understand(self, text: str, catalogue: Sequence[ToolSpec]) -> Understanding:
        self.asked.append((text, tuple(catalogue)))
        if self.meaning.stage == "broken":
            raise RuntimeError(text)
        return self.meaning

    def remember(self, past: Sequence[Past], catalogue: Sequence[ToolSpec]) -> None:
        assert not self.asked, "what was before comes before what is asked"
        self.past.append(tuple(past))
        self.tools = tuple(catalogue)


@dataclass
class Mouth:
    """Speaks 10 ms for each letter; every sample is the number of the sentence."""

    rate: SampleRate = RATE
    said: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    gate: threading.Semaphore | None = None
    broken: bool = False
    begun: int = 0

    def synthesize(self, sentence: str) -> Sound:
        self.begun += 1
        if self.gate is not None:
            assert self.gate.acquire(timeout=5.0)
        if self.broken:
            raise ModelError("no voice")
        self.said.append(sentence)
        return np.full(len(sentence) * RATE // 100, len(self.said), np.int16)

    def keep(self, sentence: str) -> None:
        self.kept.append(sentence)


class AtOnce:
    """In place of a worker's thread: takes every step when it is given, so time can be virtual."""

    def __init__(self, *_: object) -> None:
        pass

    def submit(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        done: Future[T] = Future()
        try:
            done.set_result(function(*arguments))
        except Exception as error:  # noqa: BLE001 - the one who waits gets it
            done.set_exception(error)
        return done

    def shutdown(self, *, wait: bool, cancel_futures: bool) -> None:
        assert not wait
        assert cancel_futures


def frame(value: int = 1) -> Frame:
    return Frame(np.full(FRAME_SAMPLES, value, np.int16), SampleIndex(0))
