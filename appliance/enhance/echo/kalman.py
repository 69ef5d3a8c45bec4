"""The linear echo canceller of our own: a partitioned frequency-domain Kalman filter.

Every tap of every microphone's filter is thought of as a random walk that is seen through the
echo (G. Enzner, P. Vary, Signal Processing 86(6), 2006; partitioned: F. Kuech, E. Mabande,
G. Enzner, ICASSP 2014). How much is known of a tap decides how far an error moves it, and what is
left now (a person's voice, noise) how far the error is believed. Ours differs in that

* taps may walk in proportion to what has been found there, and far in the first half second of
  playback: what is near the loudspeaker's direct sound is learnt before the rest of the room
  (as D. L. Duttweiler's proportionate filters do: IEEE Trans. SAP 8(5), 2000);
* the uncertainty is shared by all microphones, which hear the same loudspeaker in the same room;
* the loudspeaker's distortion is learnt, too (``appliance.enhance.echo.loudspeaker``);
* partitions are kept causal in turns, a few in every step (as in speexdsp).

The constants were found on the tuning scenes (docs/decisions/0010-the-echo-canceller.md).
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from appliance.enhance.echo.loudspeaker import SHAPES, Loudspeaker
from appliance.enhance.echo.partitioned import (
    BINS,
    SPAN,
    Line,
    Spectrum,
    constrained,
    latest_of_spectrum,
    partitions_of,
    spectrum_of_latest,
    taps_of,
)
from appliance.enhance.types import Block, Mono
from appliance.frames import FRAME_SAMPLES, samples
from appliance.units import Seconds

_DOUBT = np.float32(0.01)  # variance of a tap's spectrum of which nothing is known yet
_LEAST_DOUBT = np.float32(1e-10)
_WALK = np.float32(0.002)  # of a tap's power per step
_FAST_WALK = 0.1  # and in the beginning
_FAST_STEPS = 50.0  # of playback, in which that falls to 1/e
_FLOOR = np.float32(1e-7)  # of a tap's power
_MEMORY = np.float32(0.9)  # per step, of the power of what is left
_TINY = np.float32(1e-9)
_CAUSAL_IN_TURN = 3  # partitions per step
_LEVEL_MEMORY = 0.9  # per 10 ms, of the powers that are compared
_WORSE = 1.2  # a filter that makes things louder by this factor of power is wrong
_PATIENCE = 15  # frames until a filter may be found wrong again
_LEARNT = 100  # steps after which a wrong filter means that the path has changed
_FULL = np.float32(0.99)  # a sample that is as large has been clipped
_AUDIBLE = 1e-7  # power, -70 dB
_LIMIT = np.float32(4.0)  # nothing that was a 16-bit sample gets as large


class KalmanCanceller:
    """One filter per microphone; see ``appliance.enhance.types.Canceller``.

    It adds no delay. The echo may come at any time up to ``tail`` after its reference, so a delay
    below 0.2 s need not be known.

    Args:
        microphones: How many channels the blocks have.
        tail: How long after the reference an echo may come, delay and room together.
    """

    def __init__(self, microphones: int, tail: Seconds = Seconds(0.3)) -> None:
        partitions = -(-samples(tail) // SPAN)
        self._microphones = microphones
        self._loudspeaker = Loudspeaker()
        self._line = Line(1 + SHAPES, partitions)
        shape = (microphones, partitions, BINS)
        self._filters = np.zeros(shape, np.complex64)
        self._product = np.zeros(shape, np.complex64)
        self._doubt = np.full(shape[1:], _DOUBT, np.float32)
        self._left = np.full((microphones, BINS), 1e-6, np.float32)
        self._heard = np.zeros((microphones, SPAN), np.float32)
        self._levels = _Levels(microphones)
        self._step = 0
        self._steps_of_playback = 0
        self.echo: Block = np.zeros((microphones, FRAME_SAMPLES), np.float32)
        """What was taken out of the latest block."""

    def process(self, block: Block, reference: Mono) -> Block:
        """Take the next 10 ms and its aligned reference; give what is not echo."""
        heard = _finite(block)
        self._line.push(self._loudspeaker.bend(_finite(reference)))
        self._heard[:, :FRAME_SAMPLES] = self._heard[:, FRAME_SAMPLES:]
        self._heard[:, FRAME_SAMPLES:] = heard
        if self._line.silent:
            self.echo = np.zeros_like(heard)
            return heard
        np.multiply(self._filters, self._line.spectra[0], out=self._product)
        echoes = latest_of_spectrum(self._product.sum(axis=1))
        self._learn(self._heard - echoes)
        shares = self._levels.shares(heard, echoes[:, FRAME_SAMPLES:])
        self.echo = echoes[:, FRAME_SAMPLES:] * shares
        self._mend()
        return heard - self.echo

    def slide(self, samples: int) -> None:
        """Be told that the reference now comes so much later (+) or earlier (-).

        What was learnt of the room stays, moved by as much.
        """
        if not samples:
            return
        self._line.slide(samples)
        response = taps_of(self._filters)
        moved = np.zeros_like(response)
        length = response.shape[1]
        if 0 < samples < length:
            moved[:, : length - samples] = response[:, samples:]
        elif -length < samples < 0:
            moved[:, -samples:] = response[:, : length + samples]
        self._filters = partitions_of(moved)
        np.maximum(self._doubt, self._power() * np.float32(0.1), out=self._doubt)

    def state(self) -> dict[str, NDArray[np.float32]]:
        """Return what was learnt: impulse responses, doubts, the loudspeaker's curve."""
        return {
            "responses": taps_of(self._filters),
            "doubt": self._doubt.copy(),
            **self._loudspeaker.state(),
        }

    def restore(self, state: Mapping[str, NDArray[np.float32]]) -> bool:
        """Take what ``state`` gave; ``False``: it is not of this shape, and nothing changes."""
        mine = self.state()
        for name, value in mine.items():
            theirs = state.get(name)
            if theirs is None or theirs.shape != value.shape or not np.isfinite(theirs).all():
                return False
        self._filters = partitions_of(state["responses"].astype(np.float32))
        self._doubt = np.clip(state["doubt"], _LEAST_DOUBT, 1.0).astype(np.float32)
        self._loudspeaker.restore(state["seen"], state["fits"], state["amounts"])
        self._steps_of_playback = _LEARNT
        return True

    def _learn(self, left: Block) -> None:
        spectra, powers = self._line.spectra, self._line.powers
        left_spectrum = spectrum_of_latest(left)
        power = left_spectrum.real**2 + left_spectrum.imag**2
        self._left *= _MEMORY
        self._left += (1 - _MEMORY) * power
        self._steps_of_playback += 1
        fast = np.float32(np.exp(-self._steps_of_playback / _FAST_STEPS))
        # a person's first syllable is in `power`, but hardly in `_left`; in the beginning both are
        # mere echo, from which to learn
        disturbance = np.maximum(self._left, (1 - fast) * power)
        doubted = self._doubt * powers
        expected = np.float32(0.5) * doubted.sum(axis=0) + disturbance + _TINY
        pull = left_spectrum / expected
        pull[np.abs(self._heard).max(axis=1) > _FULL] = 0  # what is clipped is not linear
        gain = spectra[0].conj()
        gain *= self._doubt
        np.multiply(gain, pull[:, np.newaxis], out=self._product)
        self._filters += self._product
        self._keep_causal()
        # what all microphones have told: as much as the one that is disturbed most
        doubted *= np.float32(0.5) / expected.mean(axis=0)
        self._doubt *= (1 - _WALK) * np.maximum(1 - doubted, 0)
        walk = np.maximum(_WALK, np.float32(_FAST_WALK) * fast)
        self._doubt += walk * (self._power() + _FLOOR)
        np.maximum(self._doubt, _LEAST_DOUBT, out=self._doubt)
        self._learn_loudspeaker(left_spectrum, power)

    def _power(self) -> NDArray[np.float32]:
        """Return that of each partition and bin, ``(partitions, BINS)``, mean of microphones."""
        power: NDArray[np.float32] = (self._filters.real**2 + self._filters.imag**2).mean(axis=0)
        return power

    def _keep_causal(self) -> None:
        partitions = self._filters.shape[1]
        for turn in range(self._step, self._step + _CAUSAL_IN_TURN):
            at = turn % partitions
            self._filters[:, at] = constrained(self._filters[:, at])
        self._step = (self._step + _CAUSAL_IN_TURN) % partitions

    def _learn_loudspeaker(self, left: Spectrum, power: NDArray[np.float32]) -> None:
        which = int(np.argmax(self._levels.echo))
        behind = np.multiply(self._filters[which], self._line.spectra).sum(axis=1)
        echoes = spectrum_of_latest(latest_of_spectrum(behind))
        trust = 1 / (self._left[which] + power[which] + _TINY)
        self._loudspeaker.learn(echoes[1:], echoes[0], left[which], trust)

    def _mend(self) -> None:
        """Weaken filters that do harm; where they had been right once, learn fast again."""
        wrong, true_share = self._levels.wrong()
        if not wrong.any():
            return
        self._filters[wrong] *= true_share[wrong, np.newaxis, np.newaxis]
        np.maximum(self._doubt, _DOUBT, out=self._doubt)
        if self._steps_of_playback > _LEARNT:
            self._steps_of_playback = 0


class _Levels:
    """Compares, over 0.1 s, what was heard with the echo that was thought to be in it."""

    def __init__(self, microphones: int) -> None:
        self._heard = np.zeros(microphones)
        self._left = np.zeros(microphones)
        self._both = np.zeros(microphones)
        self._shares = np.ones((microphones, 1), np.float32)
        self._patience = 0
        self._ramp = np.linspace(0, 1, FRAME_SAMPLES, dtype=np.float32)
        self.echo = np.zeros(microphones)
        """Power of the echo as it was thought to be."""

    def shares(self, heard: Block, echo: Block) -> Block:
        """Return how much of the echo to take out: all, unless that makes it louder."""
        left = heard - echo
        _smooth(self._heard, heard * heard)
        _smooth(self._left, left * left)
        _smooth(self._both, heard * echo)
        _smooth(self.echo, echo * echo)
        wanted = np.where(self._left > self._heard, self._true_share(), 1)
        target = wanted[:, np.newaxis].astype(np.float32)
        shares: Block = self._shares + (target - self._shares) * self._ramp
        self._shares = target
        return shares

    def wrong(self) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Return whose filters do harm, and what share of each echo is really there."""
        self._patience -= 1
        wrong = (self._left > _WORSE * self._heard) & (self.echo > _AUDIBLE)
        if self._patience > 0:
            wrong[:] = False
        elif wrong.any():
            self._patience = _PATIENCE
        return wrong, self._true_share().astype(np.float32)

    def _true_share(self) -> NDArray[np.float64]:
        return np.clip(self._both / (self.echo + 1e-10), 0, 1)


def _smooth(level: NDArray[np.float64], value: Block) -> None:
    level *= _LEVEL_MEMORY
    level += (1 - _LEVEL_MEMORY) * value.mean(axis=1)


def _finite(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.clip(np.nan_to_num(sound), -_LIMIT, _LIMIT), np.float32)
