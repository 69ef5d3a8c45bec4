"""What the on-device backend is made of; shared by all its sessions."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.backend.local.phrases import Phrases
from appliance.backend.local.trim import trim
from appliance.backend.local.understand.types import Understander
from appliance.catalogue import ToolSpec
from appliance.units import SampleRate, Seconds

Sound = NDArray[np.int16]

OTHER_PADDING = Seconds(0.1)
"""Silence around the speech when the usual padding gave an empty transcript."""


class Hears(Protocol):
    """Speech to text: ``stt.Transcriber``."""

    def transcribe(self, samples: Sound) -> str:
        """Return what was said, or nothing."""
        ...


class Speaks(Protocol):
    """Text to speech: ``tts.Voice``."""

    @property
    def rate(self) -> SampleRate:
        """Samples per second."""
        ...

    def synthesize(self, sentence: str) -> Sound:
        """Return a sentence as sound."""
        ...

    def keep(self, sentence: str) -> None:
        """Make a sentence now and keep it for good."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """The models and phrases; every method of theirs is called by one thread at a time."""

    transcriber: Hears
    understander: Understander
    voice: Speaks
    phrases: Phrases
    trim: Callable[[Sound], Sound] = trim
    """Leaves the part with speech; nothing at all where there is none. See ``trim.trim_by``."""

    in_use: threading.Lock = field(default_factory=threading.Lock, repr=False)
    """Held by the worker that uses them: a session that was closed may still be finishing a step
    when the next one begins."""

    def write_down(self, sound: Sound) -> str:
        """Return what was said; where nothing comes out of it, once more with other ends."""
        speech = self.trim(sound)
        if not len(speech):
            return ""
        transcribe = self.transcriber.transcribe
        return transcribe(speech) or transcribe(trim(sound, padding=OTHER_PADDING))


def usable(catalogue: Sequence[ToolSpec]) -> tuple[ToolSpec, ...]:
    """Return the tools whose answers this backend can use: not those that show a picture."""
    return tuple(tool for tool in catalogue if not tool.sees)
