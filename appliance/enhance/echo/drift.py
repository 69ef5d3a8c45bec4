"""By how much faster the echo comes than the reference: two clocks, heard from the sound itself.

An echo path that is heard now and the one of some seconds ago are the same but for a shift. The
shift between two signals of one shape is where their generalized correlation is highest (Knapp
and Carter 1976, see ``delay``); between samples, Newton's method climbs to the top in the
frequency domain, where a shift is a phase that grows with frequency. Shift over time is drift; a
Kalman filter of one state (R. E. Kalman 1960) joins the measurements.

Measured 2026-11-21 on simulated rooms: a shift is known to 0.01 to 0.04 samples while both
clocks are one, and to 0.25 samples at 100 ppm, because the moment to which a path belongs is
known to 0.15 s only.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.enhance.echo.delay import HOP_SECONDS, DelayTracker
from appliance.frames import RATE

BEFORE = 160
"""Samples of a path before its strongest arrival."""

LENGTH = 1024
"""Samples of a path: 64 ms, the direct way and the early reflections."""

_FFT = 2 * LENGTH
_LOW, _HIGH = 300 * _FFT // RATE, 6500 * _FFT // RATE
_OMEGA = 2 * np.pi * np.arange(_LOW, _HIGH) / _FFT
_SQUARE = _OMEGA * _OMEGA
_EVERY = 10  # hops of playback, 0.4 s, from path to path
_KEPT = 25  # paths, 10 s of playback
_SHORTEST = 1.0  # seconds between two paths that are compared
_LONGEST = 30.0  # after such a pause anything may have happened
_ALIKE = 0.35  # of two paths; the same one gives 0.5 to 0.8, another device place less
_STEEPEST = 400.0  # ppm; what is steeper is no clock
_TIMING = 0.0025  # samples of error per ppm, from the moment's error
_SHIFTING = 0.04  # samples of error in any case
_WANDER = 0.3  # ppm per path: crystals warm up
_UNKNOWN = 100.0  # ppm, where nothing is known
_OUTLIERS = 15  # in a row (6 s of playback): it has been wrong
_PPM_PER_RATE = 1e6 / RATE


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """An echo path as it was heard."""

    begin: float
    """Lag of its first sample."""

    spectrum: NDArray[np.complex64]
    """Of its samples, zero outside of 300 Hz to 6.5 kHz."""

    moment: float
    """When, in seconds since the start."""

    @classmethod
    def of(cls, lags: NDArray[np.float32], begin: float, moment: float) -> "Path":
        """Make it of ``LENGTH`` lags."""
        spectrum = np.fft.rfft(lags, _FFT).astype(np.complex64)
        spectrum[:_LOW] = spectrum[_HIGH:] = 0
        return cls(begin, spectrum, moment)


@dataclass(frozen=True, slots=True)
class Shift:
    """How a path lies to an older one."""

    samples: float
    """By so much it comes later."""

    likeness: float
    """Correlation of the two there, -1 to 1."""


def shift(old: Path, new: Path, near: float, reach: int) -> Shift:
    """Find where a path fits an older one best.

    Args:
        old: A path.
        new: Another of the same echo.
        near: Where to look, in samples later.
        reach: How far to both sides, in samples; at most ``LENGTH``.
    """
    cross = new.spectrum * old.spectrum.conj()
    energy = float(np.linalg.norm(old.spectrum)) * float(np.linalg.norm(new.spectrum))
    if not energy > 0:
        return Shift(near, 0.0)
    between = new.begin - old.begin
    middle = min(max(round(near - between), reach - LENGTH), LENGTH - reach)
    lags = np.fft.irfft(cross, _FFT)
    at = np.arange(middle - reach, middle + reach + 1)
    top = float(at[int(lags[at].argmax())])
    cross = cross[_LOW:_HIGH]
    turned = cross
    for _ in range(3):
        turned = cross * np.exp(1j * (_OMEGA * top))
        slope = -float(np.dot(_OMEGA, turned.imag))
        curve = float(np.dot(_SQUARE, turned.real))
        if curve <= 0:
            break
        top += min(max(slope / curve, -0.5), 0.5)
    return Shift(between + top, float(turned.real.sum()) / energy)


class DriftTracker:
    """Follows one clock against the other; see the module.

    ``process`` costs one Fourier transform or two, every 40 ms of playback.
    """

    def __init__(self) -> None:
        self.ppm = 0.0
        """By how much faster the echo comes than the reference."""

        self._variance = _UNKNOWN**2
        self._paths: deque[Path] = deque(maxlen=_KEPT)
        self._back = 0  # how far back the latest path is to be compared next; 0: done
        self._surprised = False  # by the latest path, whichever it was compared with
        self._outliers = 0
        self._hops = 0

    @property
    def sigma(self) -> float:
        """The standard error of ``ppm``."""
        return float(np.sqrt(self._variance))

    @property
    def latest(self) -> Path | None:
        """The latest path that was kept."""
        return self._paths[-1] if self._paths else None

    def process(self, tracker: DelayTracker) -> None:
        """Take an estimate that the tracker has just finished, while its delay stands."""
        self._hops += 1
        if self._hops >= _EVERY:
            self._hops = 0
            path = hear(tracker)
            if path is not None:
                self._keep(path)
        elif self._back > 0:
            self._compare()

    def settle(self, later: float, moment: float) -> None:
        """Be told that the reference slipped: after ``moment`` the echo comes so much later.

        What was heard up to 0.8 s before the news may be of both, and is dropped.
        """
        old = [path for path in self._paths if path.moment < moment - 0.8]
        self._paths = deque(
            (Path(path.begin + later, path.spectrum, path.moment) for path in old), maxlen=_KEPT
        )
        self._back = self._hops = 0

    def forget(self) -> None:
        """Forget the paths, not the drift: another microphone comes, or another place."""
        self._paths.clear()
        self._back = self._hops = 0

    def restore(self, ppm: float) -> None:
        """Go on with what an earlier run has learnt."""
        self.ppm = min(max(ppm, -_STEEPEST), _STEEPEST)
        self._variance = 25.0 + (0.1 * self.ppm) ** 2  # another day, another temperature
        self.forget()

    def _keep(self, path: Path) -> None:
        self._outliers = self._outliers + 1 if self._surprised else 0
        self._surprised = False
        if self._outliers > _OUTLIERS:
            self._outliers, self._variance = 0, _UNKNOWN**2
        self._paths.append(path)
        while path.moment - self._paths[0].moment > _LONGEST:
            self._paths.popleft()
        self._back = len(self._paths) - 1

    def _compare(self) -> None:
        """Compare the latest path with one that is as old as may be, else a younger one."""
        old, new = self._paths[-1 - self._back], self._paths[-1]
        self._back //= 2
        time = new.moment - old.moment
        if time < _SHORTEST:
            self._back = 0
            return
        reach = 4 + round(time * _STEEPEST / _PPM_PER_RATE)
        found = shift(old, new, 0.0, reach)
        measured = -found.samples / time * _PPM_PER_RATE
        if found.likeness < _ALIKE or abs(measured) > _STEEPEST:
            return
        error = (_SHIFTING + _TIMING * abs(measured)) / time * _PPM_PER_RATE
        self._weigh(measured, error * error)

    def _weigh(self, measured: float, variance: float) -> None:
        self._variance += _WANDER**2
        surprise = measured - self.ppm
        if abs(surprise) > 10 + 4 * np.sqrt(self._variance + variance):
            self._surprised = True  # unless a younger path agrees
            return
        self._surprised = False
        self._back = 0
        gain = self._variance / (self._variance + variance)
        self.ppm += gain * surprise
        self._variance *= 1 - gain


def hear(tracker: DelayTracker) -> Path | None:
    """Give the path around the delay that was found, as the tracker hears it now."""
    if tracker.found is None:
        return None
    begin = round(tracker.found.peak) - BEFORE
    return Path.of(tracker.path(begin, LENGTH), begin, tracker.moment * HOP_SECONDS)
