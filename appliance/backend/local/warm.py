"""Does at the start what the first request would have to wait for.

Each function runs one model once, on any thread, before a backend is made of the models; together
they take about a second, most of it the voice.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from appliance.backend.local.parts import Hears, Sound, Speaks, usable
from appliance.backend.local.phrases import Phrases
from appliance.backend.local.session import give_memory_back
from appliance.backend.local.understand.types import Understander
from appliance.backend.pipeline import sentences
from appliance.catalogue import ToolSpec
from appliance.frames import RATE


@runtime_checkable
class Warms(Protocol):
    """A part that can prepare itself for the tools that there are."""

    def warm(self, catalogue: Sequence[ToolSpec]) -> None:
        """Prepare, from the thread that will ask later or before it does."""
        ...


def hear(transcriber: Hears, trim: Callable[[Sound], Sound]) -> None:
    """Run what hears once.

    Raises:
        ModelError: It does not work.
    """
    silence = np.zeros(RATE, np.int16)
    transcriber.transcribe(trim(silence))
    transcriber.transcribe(silence)


def speak(voice: Speaks, phrases: Phrases) -> None:
    """Run the voice once.

    The box's own words for "something went wrong" are made here and kept, so that it has a voice
    for them even when its voice is what goes wrong; so are those that somebody waits for.

    Raises:
        ModelError: It does not work.
    """
    for text in (phrases.failed, phrases.alone, phrases.working):
        for sentence in sentences.split(text, abbreviations=phrases.abbreviations):
            voice.keep(phrases.spell_out(sentence))


def understand(understander: Understander, catalogue: Sequence[ToolSpec]) -> None:
    """Prepare for the tools, as the last of all; what was only needed to load is given back."""
    if isinstance(understander, Warms):
        understander.warm(usable(catalogue))
    give_memory_back()
