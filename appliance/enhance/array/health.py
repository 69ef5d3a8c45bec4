"""Which microphones work: dead, clipped and turned ones are found while they listen.

All microphones of a board hear much the same: within a few centimetres their levels differ by
little, and below 600 Hz, where the sound is many times longer than the board, they move together.
So a microphone is

* dead, when it is some 26 dB softer than the middle one of them for two seconds in which there was
  something to hear (a talker close to one side makes a few dB);
* clipped, when several of its samples lie at the limit of 16 bits, or at any other level that is
  its loudest, for a while;
* flipped, when at low frequencies it moves against most of the others. It is turned back.

A single microphone has none to be compared with: then only silence, for long, and clipping count.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.enhance.types import Block
from appliance.frames import FRAME_SAMPLES

FINE, DEAD, CLIPPED, FLIPPED = "fine", "dead", "clipped", "flipped"

_AUDIBLE = 1e-8
"""Mean square (-80 dBFS) below which a block tells nothing of the microphones."""

_DEAD_RATIO = 10 ** (-26 / 10)
_ALIVE_RATIO = 10 ** (-20 / 10)
_SILENT = 1e-11
"""Mean square below which even a single microphone is dead: less than rounding makes."""

_LEVEL_STEP = 1 / 100
_SINGLE_BLOCKS = 500

_JUDGED = 25
"""Blocks from one judgement to the next: what is judged changes over seconds."""

_LIMIT = 0.999
"""Of full scale."""

_AT_LIMIT = 4
"""Samples of a block at the limit that make it a clipped one."""

_CLIP_STEP = 1 / 200
_CLIPPED, _UNCLIPPED = 0.25, 0.05
"""Share of the latest 2 s that is clipped: the microphone is not used, is used again."""

_LOW = FRAME_SAMPLES // 16
"""Samples that a block has after averaging over 16 (a low pass at about 450 Hz)."""

_AVERAGE = np.kron(np.eye(_LOW), np.full((FRAME_SAMPLES // _LOW, 1), _LOW / FRAME_SAMPLES))
_AVERAGE = _AVERAGE.astype(np.float32)

_TURNED, _UPRIGHT = -0.5, -0.2
"""Correlation with the others, below which a microphone is turned, above which it is not."""

_WARM = 100
"""Blocks with sound before anything is said."""

_TINY = 1e-20


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the microphones are doing, in their order."""

    states: tuple[str, ...]
    usable: tuple[int, ...]
    """Rows that may be used; never none, for a bad microphone is better than no sound."""

    @classmethod
    def of(cls, states: Sequence[str]) -> "Verdict":
        """Return the verdict on microphones in these states."""
        good = tuple(row for row, s in enumerate(states) if s in {FINE, FLIPPED})
        living = tuple(row for row, s in enumerate(states) if s != DEAD)
        return cls(tuple(states), good or living or (0,))


class Health:
    """Watches the microphones of one board.

    Args:
        microphones: How many.
    """

    def __init__(self, microphones: int) -> None:
        self._count = microphones
        self._levels = np.zeros(microphones)
        self._clipped = np.zeros(microphones)
        self._together = np.zeros((microphones, microphones))
        self._blocks = 0
        self._silence = 0
        self._signs = np.ones((microphones, 1), np.float32)
        self._turning = False
        self.verdict = Verdict.of((FINE,) * microphones)

    def process(self, block: Block) -> Block:
        """Take the next 10 ms; give the same, with turned microphones turned back."""
        powers = np.vecdot(block, block).astype(np.float64) / FRAME_SAMPLES
        self._watch_limit(block)
        loudest = float(powers.max())
        self._silence = self._silence + 1 if loudest < _SILENT else 0
        if loudest > 100 * _AUDIBLE or float(np.sort(powers)[self._count // 2]) > _AUDIBLE:
            self._blocks += 1
            step = max(_LEVEL_STEP, 1 / self._blocks)
            self._levels += step * (powers - self._levels)
            if self._count > 1:
                low = (block @ _AVERAGE).astype(np.float64)
                self._together += step * (low @ low.T - self._together)
        if self._blocks % _JUDGED == 0 or self._silence >= _SINGLE_BLOCKS:
            self._judge()
        return block * self._signs if self._turning else block

    def _watch_limit(self, block: Block) -> None:
        if max(float(block.max()), -float(block.min())) < _LIMIT:  # as nearly always
            self._clipped *= 1 - _CLIP_STEP
            return
        at_limit = (np.abs(block) >= _LIMIT).sum(axis=1)
        self._clipped += _CLIP_STEP * ((at_limit >= _AT_LIMIT) - self._clipped)

    def _judge(self) -> None:
        states = [FINE] * self._count
        if self._silence >= _SINGLE_BLOCKS:
            states = [DEAD] * self._count
        elif self._blocks >= _WARM and self._count > 1:
            states = self._compared()
        for row, share in enumerate(self._clipped):
            was = self.verdict.states[row] == CLIPPED
            if states[row] != DEAD and share > (_UNCLIPPED if was else _CLIPPED):
                states[row] = CLIPPED
        if tuple(states) != self.verdict.states:
            self.verdict = Verdict.of(states)

    def _compared(self) -> list[str]:
        """Return how each is doing beside the others."""
        before = self.verdict.states
        # of two, the louder one is the measure, of more the middle one
        middle = float(np.max(self._levels) if self._count < 3 else np.median(self._levels))
        dead = [
            float(level) < middle * (_ALIVE_RATIO if before[row] == DEAD else _DEAD_RATIO)
            for row, level in enumerate(self._levels)
        ]
        turned = self._turned(dead)
        states = []
        for row in range(self._count):
            state = DEAD if dead[row] else FLIPPED if turned[row] else FINE
            self._signs[row] = -1.0 if state == FLIPPED else 1.0
            states.append(state)
        self._turning = bool((self._signs < 0).any())
        return states

    def _turned(self, dead: list[bool]) -> list[bool]:
        """Return which move against the others; of two nobody knows which, so the second."""
        scale = np.sqrt(np.maximum(np.diag(self._together), _TINY))
        alike: NDArray[np.float64] = self._together / (scale[:, None] * scale[None])
        living = [row for row in range(self._count) if not dead[row]]
        turned = [False] * self._count
        if len(living) < 2:
            return turned
        # what most agree on: the first microphone's side of the strongest common movement
        part = alike[np.ix_(living, living)]
        common = np.linalg.eigh(part)[1][:, -1]
        side = np.sign(common)
        if side.sum() < 0 or (side.sum() == 0 and side[0] < 0):
            side = -side
        for place, row in enumerate(living):
            others = [k for k in range(len(living)) if k != place]
            agreement = float(np.mean(part[place, others] * side[others]))
            limit = _UPRIGHT if self.verdict.states[row] == FLIPPED else _TURNED
            turned[row] = agreement < limit
        return turned
