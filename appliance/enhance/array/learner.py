"""What the microphones of an array hear of noise and of a talker, and the weights that part them.

Per frequency it learns the covariance of noise while nobody talks, and that of the talker while
somebody does. The relative transfer function from the talker to the microphones is the principal
generalised eigenvector of the two, dewhitened (S. Markovich-Golan, S. Gannot, ICASSP 2015); the
weights are MVDR's: least noise, the talker as the reference microphone hears it. No geometry is
needed: also reflections, and microphones of unequal gain, are as they are heard.

The costly part, inverting and solving for each frequency, is spread over sixteen blocks.
"""

import numpy as np
from numpy.typing import NDArray

from appliance.enhance.array.hermitian import Packed, Packing, Spectra, invert, times
from appliance.enhance.array.presence import (
    ENDLESS,
    Bins,
    Talk,
    speech_band,
    speech_in,
)
from appliance.enhance.types import Block, Mono
from appliance.frames import FRAME_SAMPLES

WINDOW = 512
"""Samples that one spectrum is made of (32 ms)."""

_PARTS = 4
"""Groups of frequencies; each takes two of every other block, one to invert, one to solve."""

_START = 50
"""Blocks that are taken for noise, to begin with."""

_NOISE_BLOCKS = 300.0
_TALK_BLOCKS = 80.0
_PRESENT_BLOCKS = 50.0
"""Time constants in blocks of 10 ms."""

_FEWEST = np.float32(5.0)
"""Blocks of talk that what is first known of a talker is averaged over."""

_HANG = 20
_HANGING = 0.2
"""After talk, noise is learnt more slowly for 0.2 s: the room still rings."""

_LOADING = 3e-2
"""Of the mean power, added to the diagonal: how far microphones and estimates can be trusted."""

_FLOOR = 1.5e-8
"""Power per frequency of the rounding to 16 bits, which no sound goes below."""

_ITERATIONS = 3
_TINY = 1e-20


class Learner:
    """Learns from blocks; gives weights now and then.

    Args:
        microphones: How many, at least two.
    """

    def __init__(self, microphones: int) -> None:
        self.packing = Packing.of(microphones)
        self.frequencies = WINDOW // 2 + 1
        self.band = speech_band(self.frequencies)
        self.heard = np.zeros((microphones, WINDOW), np.float32)
        """The latest 32 ms."""

        shape = (microphones * microphones, self.frequencies)
        self.spectrum: Spectra = np.zeros((microphones, self.frequencies), np.complex64)
        """Of ``heard``, without a window."""

        self.outer: Packed = np.zeros(shape, np.float32)
        self.speech: Bins = np.zeros(self.frequencies, np.float32)
        """Probability per frequency."""

        self.talk = 0.0
        """0 to 1: whether somebody talks in this block."""

        self.weights: Spectra = np.zeros((microphones, self.frequencies), np.complex64)
        self.noise: Packed = np.zeros(shape, np.float32)
        """Covariance of what is heard when nobody talks."""

        self.present: Packed = np.zeros(shape, np.float32)
        """Covariance of what is heard while somebody talks: talk and noise."""

        self.talked = 0.0
        """Blocks of talk so far."""

        self._talk = Talk()
        self._talker: Packed = np.zeros(shape, np.float32)
        self._inverses = np.zeros((2, *shape), np.float32)
        self._evidence: Bins = np.zeros(self.frequencies, np.float32)
        self._known: Bins = np.zeros(self.frequencies, np.float32)
        self._blocks = 0
        self._hang = 0
        self._part = 0
        self._inverse: NDArray[np.complexfloating] | None = None
        self._both: NDArray[np.complexfloating] | None = None

    @property
    def ready(self) -> bool:
        """Whether noise is known well enough to look for talk."""
        return self._blocks >= _START

    def process(self, block: Block, *, reference: int, hold: bool = False) -> bool:
        """Take the next 10 ms; return whether ``weights`` are new.

        Args:
            block: One row per microphone.
            reference: The microphone as which the talker is to be heard.
            hold: Learn nothing now (what is heard is the box's own echo).
        """
        self._hear(block)
        self.spectrum = np.fft.rfft(self.heard, axis=1).astype(np.complex64, copy=False)
        self.outer = self.packing.outer(_hann(self.spectrum))
        if not self.ready:
            self._begin(hold=hold)
            return False
        self._look()
        if hold:
            return False
        self._learn()
        return self._blocks % 2 == 0 and self._solve(reference)

    def pass_by(self, block: Block, microphone: int, delay: int) -> Mono:
        """Take the next 10 ms without looking at them; give what one microphone hears.

        Args:
            block: One row per microphone.
            microphone: Which.
            delay: By how many samples later.
        """
        self._hear(block)
        end = self.heard.shape[1] - delay
        return np.asarray(self.heard[microphone, end - FRAME_SAMPLES : end].copy())

    def _hear(self, block: Block) -> None:
        self.heard[:, :-FRAME_SAMPLES] = self.heard[:, FRAME_SAMPLES:]
        self.heard[:, -FRAME_SAMPLES:] = block

    def _begin(self, *, hold: bool) -> None:
        m = self.packing.size
        silent = float(self.outer[:m].mean()) < _FLOOR  # a card that has not begun yet
        if hold or silent:
            return
        self._blocks += 1
        self.noise += (self.outer - self.noise) / np.float32(self._blocks)
        if self.ready:
            self._talker = self.noise.copy()
            self._talker[:m] += 3.0 * self.noise[:m].mean(axis=0)
            for part in range(_PARTS):
                self._invert(_part(part, self.frequencies))
            self._inverse = None

    def _look(self) -> None:
        m = self.packing.size
        noise, talker = (self._inverses * self.outer).sum(axis=1)
        surprise = float(np.log1p(np.maximum(noise[self.band], 0.0) / m).mean())
        self.talk = self._talk.process(surprise)
        self.speech = speech_in(self._evidence + noise - talker, self.talk)

    def _learn(self) -> None:
        self._hang = _HANG if self.talk > 0.5 else max(0, self._hang - 1)
        self._blocks += 1
        step = (1.0 - self.talk) * (_HANGING if self._hang else 1.0)
        least = 1.0 / _NOISE_BLOCKS if self._talk.share > ENDLESS else 0.0
        if step > 0.0 or least > 0.0:
            rate = np.float32(step / min(float(self._blocks), _NOISE_BLOCKS)) * (1.0 - self.speech)
            self.noise += np.maximum(rate, np.float32(least)) * (self.outer - self.noise)
        if self.talk > 0.0:
            self._learn_talk()

    def _learn_talk(self) -> None:
        self.talked += self.talk
        latest = self.talk / min(self.talked + 1.0, _PRESENT_BLOCKS)
        self.present += np.float32(latest) * (self.outer - self.present)
        share = self.speech * np.float32(self.talk)
        self._known = np.minimum(self._known + share, np.float32(_TALK_BLOCKS))
        self._talker += (share / np.maximum(self._known, _FEWEST)) * (self.outer - self._talker)

    def _invert(self, part: slice) -> None:
        m, count = self.packing.size, part.stop - part.start
        both = np.concatenate((self.noise[:, part], self._talker[:, part]), axis=1)
        matrices = self.packing.unpack(both)
        diagonal = np.arange(m)
        matrices[diagonal, diagonal] += _LOADING * both[:m].mean(axis=0) + _FLOOR
        inverses, logs = invert(matrices)
        doubled = self.packing.doubled(inverses)
        self._inverses[0, :, part] = doubled[:, :count]
        self._inverses[1, :, part] = doubled[:, count:]
        self._evidence[part] = logs[:count] - logs[count:]
        self._inverse, self._both = inverses[..., :count], matrices[..., count:]

    def _solve(self, reference: int) -> bool:
        """Take one step of the round; return whether it is complete."""
        part = _part(self._part, self.frequencies)
        if self._inverse is None or self._both is None:
            self._invert(part)
            return False
        self.weights[:, part] = _mvdr(self._inverse, self._both, reference)
        self._inverse = None
        self._part = (self._part + 1) % _PARTS
        return self._part == 0


def _mvdr(
    inverse: NDArray[np.complexfloating], talker: NDArray[np.complexfloating], reference: int
) -> NDArray[np.complexfloating]:
    """Return the weights from noise (inverted) and talker, for each frequency."""
    ratio = (inverse[:, :, None] * talker[None]).sum(axis=1)
    vector = ratio[:, reference].copy()
    vector[reference] -= 1.0  # the talker alone, by subtraction: where the iteration begins
    for _ in range(_ITERATIONS):
        vector = times(ratio, vector)
        vector /= np.sqrt((vector.real**2 + vector.imag**2).sum(axis=0)) + _TINY
    path = times(talker, vector)
    own = path[reference]
    path = path * own.conj() / (own.real**2 + own.imag**2 + _TINY)
    whitened = times(inverse, path)
    power = (path.conj() * whitened).sum(axis=0).real
    weights: NDArray[np.complexfloating] = whitened / (power + _TINY)
    return weights


def _hann(spectrum: Spectra) -> Spectra:
    """Return the spectrum as if a Hann window had been laid over the sound."""
    windowed = 0.5 * spectrum
    windowed[:, 1:-1] -= 0.25 * (spectrum[:, :-2] + spectrum[:, 2:])
    windowed[:, 0] -= 0.5 * spectrum[:, 1].real
    windowed[:, -1] -= 0.5 * spectrum[:, -2].real
    return windowed


def _part(number: int, frequencies: int) -> slice:
    length = -(-frequencies // _PARTS)
    return slice(number * length, min(frequencies, (number + 1) * length))
