"""The linear echo canceller of our own: a partitioned frequency-domain Kalman filter.

Every tap of every microphone's filter is thought of as a random walk that is seen through the
echo (G. Enzner, P. Vary, Signal Processing 86(6), 2006; partitioned: F. Kuech, E. Mabande,
G. Enzner, ICASSP 2014). How much is known of a tap decides how far an error moves it, and what is
left now (a person's voice, noise) how far the error is believed. Ours differs in that

* taps may walk in proportion to what has been found there, and far in the first second of
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
    WINDOW,
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
_FAST_DOUBT = np.float32(1e-3)  # and the least in the beginning
_WALK = np.float32(0.001)  # of a tap's power per step
_FAST_WALK = 0.1  # and in the beginning
_FAST_STEPS = 80.0  # of playback, in which that falls to 1/e
_FLOOR = np.float32(1e-7)  # of a tap's power
_MEMORY = np.float32(0.9)  # per step, of the power of what is left
_TINY = np.float32(1e-9)
_CAUSAL_IN_TURN = 3  # partitions per step
_LOUDSPEAKER_EVERY = 8  # steps
_LEVEL_MEMORY = 0.9  # per 10 ms, of the powers that are compared
_WORSE = 1.2  # a filter that makes things louder by this factor of power is wrong
_ARRIVED = 0.1  # of the whole echo; with less, what was played last has not come back yet
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
        self._step = self._turn = 0
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
            return heard.copy()
        np.multiply(self._filters, self._line.spectra[0], out=self._product)
        echoes = latest_of_spectrum(self._product.sum(axis=1))
        self._learn(self._heard - echoes)
        self.echo = self._levels.audible(heard, echoes[:, FRAME_SAMPLES:])
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
        np.maximum(
            self._doubt, self._power(slice(None)).mean(axis=0) * np.float32(0.1), out=self._doubt
        )

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
        self._steps_of_playback = 10 * _LEARNT
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
        # what all microphones have told: as much as the one that is disturbed most
        doubted *= np.float32(0.5) / expected.mean(axis=0)
        np.subtract(1, doubted, out=doubted)
        self._doubt *= np.maximum(doubted, 0, out=doubted)
        walk = np.maximum(_WALK, np.float32(_FAST_WALK) * fast)
        power_of_one = self._power(self._step % self._microphones)
        power_of_one += _FLOOR
        power_of_one *= walk
        self._doubt += power_of_one
        # a partition may have been judged before all of it had been played
        np.maximum(self._doubt, _LEAST_DOUBT + _FAST_DOUBT * fast, out=self._doubt)
        self._step += 1
        if self._step % _LOUDSPEAKER_EVERY:
            self._keep_causal()
        else:
            self._learn_loudspeaker(left_spectrum, power)

    def _power(self, which: int | slice) -> NDArray[np.float32]:
        """Return that of filters, their real and imaginary parts by turns, squared."""
        parts = self._filters[which].view(np.float32)
        squares = parts * parts
        return np.asarray(squares[..., ::2] + squares[..., 1::2], np.float32)

    def _keep_causal(self) -> None:
        at = slice(self._turn, self._turn + _CAUSAL_IN_TURN)
        self._filters[:, at] = constrained(self._filters[:, at])
        self._turn = at.stop if at.stop < self._filters.shape[1] else 0

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
        wrong &= self._levels.echo > _ARRIVED * self._whole_echo()
        if not wrong.any():
            return
        self._levels.be_patient()
        self._filters[wrong] *= true_share[wrong, np.newaxis, np.newaxis]
        np.maximum(self._doubt, _DOUBT, out=self._doubt)
        if self._steps_of_playback > _LEARNT:
            self._steps_of_playback = 0

    def _whole_echo(self) -> NDArray[np.float32]:
        """Return the power of each echo if all of the line were as loud as its loudest part."""
        power = self._power(slice(None)).sum(axis=1) * self._line.powers.max(axis=0)
        whole: NDArray[np.float32] = power.sum(axis=1) * np.float32(2 / WINDOW**2)
        return whole


class _Levels:
    """Compares, over 0.1 s, what was heard with the echo that was thought to be in it."""

    def __init__(self, microphones: int) -> None:
        # powers: of what was heard, of the echo, of both together
        self._powers = np.zeros((3, microphones))
        self._new = np.zeros((3, microphones), np.float32)
        self._whole = np.ones((microphones, 1), np.float32)
        self._shares = self._whole
        self._patience = 0
        self._ramp = np.linspace(0, 1, FRAME_SAMPLES, dtype=np.float32)

    @property
    def echo(self) -> NDArray[np.float64]:
        """Power of each microphone's echo as it was thought to be."""
        return np.asarray(self._powers[1])

    def audible(self, heard: Block, echo: Block) -> Block:
        """Return what to take out: the echo, but no more of it than makes things softer."""
        new = self._new
        np.vecdot(heard, heard, out=new[0])
        np.vecdot(echo, echo, out=new[1])
        np.vecdot(heard, echo, out=new[2])
        self._powers *= _LEVEL_MEMORY
        self._powers += (1 - _LEVEL_MEMORY) / FRAME_SAMPLES * new
        before, louder = self._shares, self._left() > self._powers[0]
        if louder.any():
            wanted = np.where(louder, self._true_share(), 1)
            self._shares = wanted[:, np.newaxis].astype(np.float32)
        elif before is self._whole:
            return echo
        else:
            self._shares = self._whole
        audible: Block = echo * (before + (self._shares - before) * self._ramp)
        return audible

    def wrong(self) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Return whose filters do harm, and what share of each echo is really there."""
        self._patience -= 1
        wrong = (self._left() > _WORSE * self._powers[0]) & (self.echo > _AUDIBLE)
        if self._patience > 0:
            wrong[:] = False
        return wrong, self._true_share().astype(np.float32)

    def be_patient(self) -> None:
        """Find nothing wrong for a while."""
        self._patience = _PATIENCE

    def _left(self) -> NDArray[np.float64]:
        heard, echo, both = self._powers
        left: NDArray[np.float64] = heard + echo - 2 * both
        return left

    def _true_share(self) -> NDArray[np.float64]:
        return np.asarray(np.clip(self._powers[2] / (self.echo + 1e-10), 0, 1), np.float64)


def _finite(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    if np.abs(sound).max() <= _LIMIT:  # which is not so for what is not a number
        return sound
    return np.asarray(np.clip(np.nan_to_num(sound), -_LIMIT, _LIMIT), np.float32)
