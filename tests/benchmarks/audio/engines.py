"""The cancellers compared, all with one face: 10 ms of microphones and reference in, taps out.

No engine is told the delay, and each hears what a card would give it. The peers have one
microphone and one tap; the appliance's own chain has three (``appliance.frames.Taps``).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from pywebrtc_audio import AudioProcessor

from appliance.enhance.array.geometry import Array, generic
from appliance.enhance.chain import Chain
from appliance.frames import FRAME_SAMPLES, RATE, Frame
from appliance.units import SampleIndex
from tests.benchmarks.audio.acoustics import circle
from tests.benchmarks.audio.corpus import Samples
from tests.benchmarks.audio.speexdsp import SpeexWithPreprocessor


class Engine(Protocol):
    """One canceller at work."""

    def process(self, block: Samples, reference: Samples) -> Sequence[Samples]:
        """Take shapes ``(microphones, 160)`` and ``(160,)``; give ``(160,)`` for every tap."""
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """One canceller to compare."""

    name: str
    taps: tuple[str, ...]
    make: Callable[[], Engine]

    @property
    def wake(self) -> int:
        """Which tap a wake word is looked for in."""
        return self.taps.index("wake") if "wake" in self.taps else 0


class Nothing:
    """The first microphone as it is."""

    def process(self, block: Samples, reference: Samples) -> Sequence[Samples]:
        """Leave the echo in."""
        del reference
        return (block[0],)


class Aec3:
    """WebRTC's AEC3 as it comes (pywebrtc-audio): canceller, suppressor, high pass; no more."""

    def __init__(self) -> None:
        self._processor = AudioProcessor(
            sample_rate=RATE, echo_cancellation=True, high_pass_filter=True
        )

    def process(self, block: Samples, reference: Samples) -> Sequence[Samples]:
        """Cancel and suppress."""
        heard, played = np.ascontiguousarray(block[0]), np.ascontiguousarray(reference)
        return (np.asarray(self._processor.process(heard, played), dtype=np.int16),)


class Speex:
    """speexdsp with 300 ms and its preprocessor."""

    def __init__(self) -> None:
        self._speex = SpeexWithPreprocessor(tail=0.3)

    def process(self, block: Samples, reference: Samples) -> Sequence[Samples]:
        """Cancel and suppress."""
        return (self._speex.process(block[0], reference),)


class Ours:
    """The appliance's whole chain with its usual settings, fresh: nothing learnt before.

    Args:
        microphones: More than one: the circular array of ``acoustics.circle``, with its beam.
    """

    def __init__(self, microphones: int = 1) -> None:
        array = generic(1) if microphones == 1 else _circle(microphones)
        self._chain = Chain(lambda _: array)
        self._at = 0

    def process(self, block: Samples, reference: Samples) -> Sequence[Samples]:
        """Give wake, speech and recognition tap."""
        raw = np.ascontiguousarray(block.T)
        taps = self._chain.process(Frame(raw, SampleIndex(self._at), reference))
        self._at += FRAME_SAMPLES
        return taps.wake.samples, taps.speech.samples, taps.recognition.samples


def _circle(microphones: int) -> Array:
    places = circle(microphones, np.zeros(3)).T
    return Array(
        name="circle",
        title="the benchmarks' array",
        microphones=tuple(range(microphones)),
        positions=tuple((float(x), float(y), float(z)) for x, y, z in places),
        beam=True,
        channels=microphones,
    )


KINDS = (
    Kind("none", ("microphone",), Nothing),
    Kind("AEC3 alone", ("output",), Aec3),
    Kind("speexdsp alone", ("output",), Speex),
    Kind("ours", ("wake", "speech", "recognition"), Ours),
)


def chosen(names: str) -> tuple[Kind, ...]:
    """Return the kinds whose name begins with one of some words, all for an empty list.

    Raises:
        ValueError: There is no such kind.
    """
    words = [word.strip().lower() for word in names.split(",") if word.strip()]
    found = [kind for kind in KINDS if not words or kind.name.lower().startswith(tuple(words))]
    known = ", ".join(kind.name for kind in KINDS)
    for word in words:
        if not any(kind.name.lower().startswith(word) for kind in KINDS):
            raise ValueError(f"no engine {word!r}; there are {known}")
    return tuple(found)


def through(kind: Kind, microphones: Samples, reference: Samples) -> dict[str, Samples]:
    """Run a whole recording through a fresh engine; return each tap's sound, shape ``(n,)``."""
    engine = kind.make()
    whole = len(reference) // FRAME_SAMPLES * FRAME_SAMPLES
    outputs = {tap: np.zeros(whole, dtype=np.int16) for tap in kind.taps}
    for first in range(0, whole, FRAME_SAMPLES):
        block = slice(first, first + FRAME_SAMPLES)
        made = engine.process(microphones[:, block], reference[block])
        for tap, sound in zip(kind.taps, made, strict=True):
            outputs[tap][block] = sound
    return outputs
