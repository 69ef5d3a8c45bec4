"""One sound of several microphones: the talker as the best of them hears him, with less noise.

The weights of ``learner`` become a filter per microphone of 22 ms, which is applied in pieces of
10 ms (overlap-save), so that what is heard comes 4 ms later and nothing else; where the filters
change, the old and the new result are faded into each other.

The beam is measured all the time against its reference microphone: by how much it lowers the
sound when nobody talks, and by how much when somebody does. It is used only while that pays.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from appliance.enhance.array.direction import Direction
from appliance.enhance.array.geometry import Array
from appliance.enhance.array.learner import WINDOW, Learner
from appliance.enhance.types import Block, Mono
from appliance.frames import FRAME_SAMPLES, RATE
from appliance.units import Seconds

DELAY = 64
"""Samples (4 ms) by which the beam is later than what it hears: what its filters look ahead.
More did not measure better (docs/decisions/0011-the-beam.md)."""

_TAPS = WINDOW - FRAME_SAMPLES
"""The longest filter for which a window gives one block of sound."""

_PAYS_DB = 0.5
_COSTS_DB = 0.0
"""The beam is used from so much gain on, until it has less."""

_QUIET_DB = 18.0
"""Talk so far above the noise wants no beam: it would cost the voice more than it gains."""

_BETTER_DB = 1.0
"""By so much another microphone must be better to become the reference."""

_ENOUGH = 15.0
"""Blocks of talk that must be known before the beam is judged."""

_TINY = 1e-12

Filters = NDArray[np.complex64]
"""Shape ``(microphones, frequencies)``: to be multiplied with the spectrum of a window."""


class _Former:
    """The beam of some microphones that all work."""

    def __init__(self, microphones: int) -> None:
        self.learner = Learner(microphones)
        self.reference = 0
        self.beaming = False
        """Whether the beam is better than the reference."""

        self.used = False
        self._plain = [_plain(microphones, number) for number in range(microphones)]
        self.filters: Filters = self._plain[0]
        """Applied now."""

        self.before: Filters | None = None
        """Applied until this block, if others are applied now."""

        self._candidate: Filters = self._plain[0]

    def process(self, block: Block, *, hold: bool) -> Mono:
        learner = self.learner
        if hold and self.filters is self._plain[self.reference]:
            self.used, self.before = False, None
            return learner.pass_by(block, self.reference, DELAY)
        new = learner.process(block, reference=self.reference, hold=hold)
        if new:
            self._candidate = _filters(learner.weights)
            self._judge()
        # nothing can be judged while learning rests, and a wrong beam costs more than none gains
        self.used = self.beaming and not hold
        wanted = self._candidate if self.used else self._plain[self.reference]
        self.before = self.filters if wanted is not self.filters else None
        self.filters = wanted
        return self.apply(learner.spectrum)

    def apply(self, spectrum: NDArray[np.complex64]) -> Mono:
        """Filter a window's spectrum, with the fade of this block."""
        sound = _filtered(spectrum, self.filters)
        if self.before is None:
            return sound
        old = _filtered(spectrum, self.before)
        return old + _FADE * (sound - old)

    def _judge(self) -> None:
        """Decide which microphone is the best, and whether the beam is better than it."""
        learner = self.learner
        if learner.talked < _ENOUGH:
            return
        m = learner.packing.size
        quiet, loud = (part[:m].sum(axis=1) for part in (learner.noise, learner.present))
        worth = _worth_db(quiet, loud)
        best = int(np.argmax(worth))
        if worth[best] > worth[self.reference] + _BETTER_DB:
            self.reference = best
        beam = learner.packing.outer(self._candidate.conj())
        beam[m:] *= 2.0
        powers = [np.array([np.vdot(beam, part)]) for part in (learner.noise, learner.present)]
        gain = float(_worth_db(powers[0], powers[1])[0] - worth[self.reference])
        quiet = worth[self.reference] > _QUIET_DB
        self.beaming = not quiet and gain > (_COSTS_DB if self.beaming else _PAYS_DB)


def _worth_db(quiet: NDArray[np.floating], loud: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the ratio of talk to noise, from the powers without and with talk."""
    talk = np.maximum(loud - quiet, 0.01 * loud)
    worth: NDArray[np.floating] = 10.0 * np.log10((talk + _TINY) / (quiet + _TINY))
    return worth


class Beam:
    """One sound of an array's microphones; with a single microphone, that one's.

    Hearing thread only.

    Args:
        array: The board.
    """

    def __init__(self, array: Array) -> None:
        self.array = array
        self._all = len(array.microphones)
        self._usable: tuple[int, ...] = tuple(range(self._all)) if array.beam else (0,)
        self._begin()

    def _begin(self) -> None:
        count = len(self._usable)
        self._former = _Former(count) if count > 1 else None
        positions = self.array.positions
        self._direction = (
            None
            if positions is None or count < 2
            else Direction([positions[row] for row in self._usable])
        )

    @property
    def bearing(self) -> float | None:
        """Where the latest talker stands, as ``Direction`` says; ``None``: not known."""
        return None if self._direction is None else self._direction.bearing

    @property
    def beaming(self) -> bool:
        """Whether the beam is used now, rather than the best microphone."""
        return self._former is not None and self._former.used

    @property
    def delay(self) -> Seconds:
        """By how much the sound is later than what the microphones hear."""
        return Seconds(0.0 if self._former is None else DELAY / RATE)

    @property
    def reference(self) -> int:
        """Row of the best microphone."""
        return self._usable[0 if self._former is None else self._former.reference]

    def plain(self, block: Block) -> Mono:
        """Return what the best microphone hears, as late as the beam.

        Args:
            block: What ``process`` has just been given.
        """
        if self._former is None:
            single: Mono = block[self.reference]
            return single
        end = WINDOW - DELAY
        late = self._former.learner.heard[self._former.reference, end - FRAME_SAMPLES : end]
        return late.copy()

    @property
    def learner(self) -> Learner | None:
        """What was learnt; ``None`` with a single microphone."""
        return None if self._former is None else self._former.learner

    def process(
        self, block: Block, *, usable: Sequence[int] | None = None, hold: bool = False
    ) -> Mono:
        """Take the next 10 ms of every microphone; give one sound, later by ``delay``.

        Args:
            block: Shape ``(microphones, FRAME_SAMPLES)``, in the order of ``array.microphones``.
            usable: Rows that work; ``None``: all. When they change, learning begins anew.
            hold: The box itself is to be heard, so nothing is learnt of what is heard, and the
                best microphone is used.
        """
        if usable is not None and self.array.beam:
            rows = tuple(usable) or (0,)
            if rows != self._usable:
                self._usable = rows
                self._begin()
        sound = block if len(self._usable) == len(block) else block[list(self._usable)]
        if self._former is None:
            single: Mono = sound[0]
            return single
        beam = self._former.process(sound, hold=hold)
        if self._direction is not None and not hold:
            self._direction.process(self._former.learner)
        return beam


def _filtered(spectrum: NDArray[np.complex64], filters: Filters) -> Mono:
    sound = np.fft.irfft((spectrum * filters).sum(axis=0), WINDOW)[-FRAME_SAMPLES:]
    return sound.astype(np.float32, copy=False)


def _filters(weights: NDArray[np.complex64]) -> Filters:
    """Return the causal filters of some weights, as spectra of a window."""
    taps = np.roll(np.fft.irfft(weights.conj(), WINDOW, axis=1), DELAY, axis=1)
    taps[:, :_TAPS] *= _TAPER
    taps[:, _TAPS:] = 0.0
    return np.fft.rfft(taps, axis=1).astype(np.complex64)


def _plain(microphones: int, number: int) -> Filters:
    """Return the filters that only let one microphone through, later by ``DELAY``."""
    taps = np.zeros((microphones, WINDOW), np.float32)
    taps[number, DELAY] = 1.0
    return np.fft.rfft(taps, axis=1).astype(np.complex64)


def _tapered() -> NDArray[np.float32]:
    taper = np.ones(_TAPS, np.float32)
    for edge, order in ((DELAY // 2, 1), (_TAPS // 4, -1)):
        rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)
        taper[::order][:edge] = rise
    return taper


_TAPER = _tapered()
_FADE = ((np.arange(FRAME_SAMPLES) + 1.0) / FRAME_SAMPLES).astype(np.float32)
