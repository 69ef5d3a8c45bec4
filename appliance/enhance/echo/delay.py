"""Where the echo of the reference lies in what a microphone hears: 0 to 0.5 s, and its slips.

The smoothed coherence transform of C. H. Knapp and G. C. Carter ("The generalized correlation
method for estimation of time delay", IEEE Trans. ASSP 24(4), 1976): cross spectrum over the root
of both power spectra, back in time. Its lags are computed exactly and cheaply in partitions of
40 ms, as those of a partitioned block filter (J.-S. Soo and K. K. Pang, IEEE Trans. ASSP 38(2),
1990): the microphone's 40 ms, padded with zeros, against each of the latest 80 ms pieces of the
reference. The work of 40 ms is done in four parts of 10 ms, so that no block costs much more than
another.

What is believed: a peak that is alone must be seen again by sound that had no part in finding it
(a sequential test after A. Wald, 1945). One loud syllable of somebody else's correlates with
anything; three in a row do not at the same lag.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.enhance.types import Mono
from appliance.frames import FRAME_SAMPLES, RATE

HOP = 4 * FRAME_SAMPLES
"""Samples of one partition, 40 ms: one estimate for each."""

HOP_SECONDS = HOP / RATE
LONGEST = RATE // 2
"""The longest delay that is looked for, in samples."""

_FFT = 2 * HOP
_BINS = HOP + 1
_PARTITIONS = LONGEST // HOP + 2  # the path behind the longest delay, too
_LOW = 200 * _FFT // RATE  # below it loudspeakers of this size give nothing, and rooms hum
_HALF = HOP // 2 + 1  # lags are looked for at 8 kHz: the lower half of the spectrum
_MEMORY = np.float32(0.87)  # of the spectra per hop: 0.3 s (lock and slip in less than 0.5 s)
_QUIET = np.float32(1e-7 * _FFT * HOP)  # a reference below -70 dBFS plays nothing
_SAME = 8  # lags at 8 kHz, 1 ms: both sides of a peak that is the same one
_CLOSE = 24  # 3 ms before and 30 ms after it other peaks are its room, not its rivals
_ROOM = 240
_PEAK = 8.0  # over the root mean square of all lags; 2000 wrong lags have 4 among them
_RIVAL = 0.7  # of the highest: periodic sound has rivals
_NEAR = 1  # lag to both sides
_CHANCE = 2.0  # height of a place that has nothing in it, searched 1 ms to both sides
_SURE = 10.0  # evidence: two to four hops at the usual heights of 6 to 9
_MOST = 20.0
_START_BACK = 160  # 20 ms before the peak an earlier, softer arrival may lie
_START_HEIGHT = 0.5
_EMPHASIS = np.float32(0.9)
_TINY = np.float32(1e-20)


def _taper() -> NDArray[np.float32]:
    """Give what the microphone's 40 ms are multiplied with, after the zeros before them.

    Without it the edges of the pieces correlate, in bands without sound, at all whole multiples
    of a partition.
    """
    rise = np.sin(np.linspace(0, np.pi / 2, _EDGE, endpoint=False)) ** 2
    window = np.concatenate([np.zeros(HOP), rise, np.ones(HOP - 2 * _EDGE), rise[::-1]])
    return window.astype(np.float32)


_EDGE = 80
_TAPER = _taper()


def _brighten(block: Mono, before: float) -> Mono:
    """Take away the fall of speech's spectrum, which leaks from low bands into high ones."""
    bright = block.copy()
    bright[1:] -= _EMPHASIS * block[:-1]
    bright[0] -= _EMPHASIS * np.float32(before)
    return bright


@dataclass(frozen=True, slots=True)
class Found:
    """An echo at a lag."""

    peak: float
    """Of the strongest arrival, in samples."""

    start: float
    """Of the first arrival that counts, at most 20 ms before."""


class DelayTracker:
    """Looks for one echo in one microphone; see the module. NaN may not come in."""

    def __init__(self) -> None:
        self._played = np.zeros(_FFT, np.float32)
        self._heard = np.zeros(_FFT, np.float32)
        self._heard_before = self._played_before = 0.0
        self._slot = 0
        self._spectra = np.zeros((_PARTITIONS, _BINS), np.complex64)
        self._powers = np.zeros((_PARTITIONS, _BINS), np.float32)
        self._loudness = np.zeros(_PARTITIONS, np.float32)
        self._at = 0
        self._microphone: NDArray[np.complex64] = np.zeros(_BINS, np.complex64)
        self._weights = np.zeros(_BINS, np.float32)
        self._signed: NDArray[np.float32] = np.zeros(_PARTITIONS * HOP // 2, np.float32)
        self._lags = self._signed
        self.found: Found | None = None
        """The latest that was believed; it stays over pauses."""

        self.height = 0.0
        """How clearly ``found`` is seen now: about 2 is chance, 5 and more an echo (smoothed over
        0.4 s of playback)."""

        self.hops = 0
        """Counts the 40 ms of playback that were weighed."""

        self.moment = 0.0
        """The middle of what the spectra hold, weighed by its energy, in hops since the start,
        pauses included."""

        self.forget()

    def forget(self) -> None:
        """Forget the spectra, not what was found: another microphone comes."""
        self._cross = np.zeros((_PARTITIONS, _BINS), np.complex64)
        self._power_played = np.zeros(_BINS, np.float32)
        self._power_heard = np.zeros(_BINS, np.float32)
        self._energy = 0.0
        self._moments = 0.0
        self._clock = 0
        self._candidate = -1
        self._evidence = 0.0
        self._active = False

    @property
    def playing(self) -> bool:
        """Whether anything in reach of the search is played."""
        return self._active

    def process(self, heard: Mono, reference: Mono) -> bool:
        """Take the next 10 ms of both; tell whether an estimate was finished with them."""
        into = HOP + self._slot * FRAME_SAMPLES
        self._heard[into : into + FRAME_SAMPLES] = _brighten(heard, self._heard_before)
        self._played[into : into + FRAME_SAMPLES] = _brighten(reference, self._played_before)
        self._heard_before, self._played_before = float(heard[-1]), float(reference[-1])
        slot, self._slot = self._slot, (self._slot + 1) % 4
        match slot:
            case 0:  # the parts work on what the hop before has brought
                self._gather()
            case 1:
                self._correlate()
            case 2:
                self._judge()
            case _:
                self._transform()
        return slot == 3 and self._active

    def path(self, begin: int, length: int) -> NDArray[np.float32]:
        """Give the weighted correlation at lags from ``begin`` on, in samples at 16 kHz.

        It is the echo path, filtered with a spectrum that has no phase: what moves in time moves
        in it. Lags outside of 0 to 0.55 s are zero.
        """
        first, last = max(begin // HOP, 0), min((begin + length - 1) // HOP, _PARTITIONS - 1)
        lags = np.zeros(length, np.float32)
        if last < first:
            return lags
        spectra = self._cross[first : last + 1] * self._weights
        piece = np.fft.irfft(spectra, _FFT)[:, :HOP].reshape(-1)
        offset = first * HOP - begin
        source = piece[max(-offset, 0) :][: length - max(offset, 0)]
        lags[max(offset, 0) : max(offset, 0) + len(source)] = source
        return lags

    def _transform(self) -> None:
        """Transform the hop that has just become full."""
        self._clock += 1
        self._at = (self._at - 1) % _PARTITIONS
        np.fft.rfft(self._played, out=self._spectra[self._at])
        self._microphone = np.fft.rfft(self._heard * _TAPER).astype(np.complex64, copy=False)
        spectrum = self._spectra[self._at]
        power = spectrum.real**2 + spectrum.imag**2
        self._powers[self._at] = power
        self._loudness[self._at] = power.sum()
        self._played[:HOP] = self._played[HOP:]
        self._active = bool(self._loudness.max() > _QUIET)

    def _gather(self) -> None:
        """Let the hop into the smoothed spectra; in a pause they keep what they hold."""
        if not self._active:
            return
        self._cross *= _MEMORY
        order = (self._at + np.arange(_PARTITIONS)) % _PARTITIONS
        self._cross += self._microphone * self._spectra[order].conj()
        heard = self._microphone.real**2 + self._microphone.imag**2
        self._power_played *= _MEMORY
        self._power_played += self._powers.max(axis=0)
        self._power_heard *= _MEMORY
        self._power_heard += heard
        energy = float(heard.sum())
        self._energy = float(_MEMORY) * self._energy + energy
        self._moments = float(_MEMORY) * self._moments + energy * self._clock
        self.hops += 1

    def _correlate(self) -> None:
        """Go from spectra to lags."""
        if not self._active:
            return
        if self._energy > 0:
            self.moment = self._moments / self._energy
        floor = np.float32(1e-6) * (self._power_played.max() * self._power_heard.max())
        powers = self._power_played * self._power_heard
        np.divide(1, np.sqrt(powers + (floor + _TINY)), out=self._weights)
        self._weights[:_LOW] = 0
        half = self._cross[:, :_HALF] * self._weights[:_HALF]
        signed = np.fft.irfft(half, HOP)[:, : HOP // 2].reshape(-1)
        self._signed = signed.astype(np.float32, copy=False)
        self._lags = np.abs(self._signed)

    def _judge(self) -> None:
        """Weigh the evidence for the highest peak, and for what was found before."""
        if not self._active:
            return
        lags = self._lags
        peak = int(lags.argmax())
        highest = float(lags[peak])
        spread = float(np.sqrt(np.dot(lags, lags) / len(lags)))
        if self.found is not None:
            self.height += 0.1 * (self._height(round(self.found.peak / 2)) - self.height)
        if abs(peak - self._candidate) <= _SAME:
            seen = self._height(self._candidate)
            self._evidence = min(max(self._evidence + seen - _CHANCE, 0.0), _MOST)
        else:
            self._evidence = 0.0
        self._candidate = peak
        if self._evidence < _SURE or highest < _PEAK * spread or 2 * peak > LONGEST:
            return
        before, after = lags[: max(peak - _CLOSE, 0)], lags[peak + _ROOM :]
        rival = max(float(before.max(initial=0.0)), float(after.max(initial=0.0)))
        if rival < _RIVAL * highest:
            self.found = Found(2 * self._top(peak), 2.0 * self._start(peak))

    def _height(self, lag: int) -> float:
        """Tell how far the latest hop alone stands out at a lag, over its partition's spread."""
        partition = min(max(lag * 2 // HOP, 0), _PARTITIONS - 1)
        played = self._spectra[(self._at + partition) % _PARTITIONS, :_HALF]
        spectrum = self._microphone[:_HALF] * played.conj() * self._weights[:_HALF]
        lags = np.fft.irfft(spectrum, HOP)[: HOP // 2]
        spread = float(np.sqrt(np.dot(lags, lags) / len(lags)))
        at = lag - partition * HOP // 2
        sign = np.copysign(np.float32(1), self._signed[lag])
        near = sign * lags[max(at - _NEAR, 0) : at + _NEAR + 1]
        return float(near.max(initial=-spread)) / (spread + 1e-20)

    def _top(self, peak: int) -> float:
        """Give the top of the parabola through a peak and its neighbours."""
        if not 0 < peak < len(self._lags) - 1:
            return float(peak)
        left, top, right = (float(value) for value in self._lags[peak - 1 : peak + 2])
        curve = left - 2 * top + right
        return peak + (0.5 * (left - right) / curve if curve < 0 else 0.0)

    def _start(self, peak: int) -> int:
        begin = max(peak - _START_BACK, 0)
        high = self._lags[begin : peak + 1] >= _START_HEIGHT * self._lags[peak]
        return begin + int(high.argmax())
