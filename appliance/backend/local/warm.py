"""Does at the start what the first request would have to wait for."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from appliance.backend.local.parts import Parts, usable
from appliance.backend.local.session import give_memory_back
from appliance.backend.pipeline import sentences
from appliance.catalogue import ToolSpec
from appliance.frames import RATE


@runtime_checkable
class Warms(Protocol):
    """A part that can prepare itself for the tools that there are."""

    def warm(self, catalogue: Sequence[ToolSpec]) -> None:
        """Prepare, from the thread that will ask later or before it does."""
        ...


def warm(parts: Parts, catalogue: Sequence[ToolSpec]) -> None:
    """Run every part once, in any thread, before a backend is made of them; about a second.

    The box's own words for "something went wrong" are made here and kept, so that it has a voice
    for them even when its voice is what goes wrong; so are those that somebody waits for.

    Raises:
        ModelError: A part does not work.
    """
    phrases = parts.phrases
    parts.transcriber.transcribe(parts.trim(np.zeros(RATE, np.int16)))
    parts.transcriber.transcribe(np.zeros(RATE, np.int16))
    for text in (phrases.failed, phrases.offline, phrases.working):
        for sentence in sentences.split(text, abbreviations=phrases.abbreviations):
            parts.voice.keep(phrases.spell_out(sentence))
    if isinstance(parts.understander, Warms):
        parts.understander.warm(usable(catalogue))
    give_memory_back()
