"""A sound as a line of overlapping spectra: what a partitioned frequency-domain filter works on.

A filter of 0.3 s is cut into partitions of 20 ms (``SPAN``). Each is applied to the sound of its
age by multiplying spectra of twice its length, of which the later half is valid (overlap-save:
J. J. Soo, K. K. Pang, IEEE Trans. ASSP 38(2), 1990). A spectrum is made every 10 ms, so that
every sample is learnt from twice.
"""

import numpy as np
from numpy.typing import NDArray

from appliance.frames import FRAME_SAMPLES

SPAN = 2 * FRAME_SAMPLES
"""Taps of a partition."""

WINDOW = 2 * SPAN
"""Samples of a spectrum."""

BINS = SPAN + 1

Spectrum = NDArray[np.complex64]
"""Of ``WINDOW`` samples; shape ``(..., BINS)``."""

_PER_SPAN = SPAN // FRAME_SAMPLES
_HEARABLE = 1e-6  # -120 dB of full scale, far below one step of 16 bits


class Line:
    """The latest spectra of several versions of one sound.

    Args:
        rows: How many versions there are; the first is the one whose power is kept.
        partitions: How far back it reaches, in ``SPAN``.
    """

    def __init__(self, rows: int, partitions: int) -> None:
        self._depth = partitions * _PER_SPAN
        self._kept = self._depth * FRAME_SAMPLES + WINDOW  # samples that matter
        self._sound = np.zeros((rows, 2 * self._kept), np.float32)
        self._end = self._kept
        # twice as long as needed, so that the latest ones always lie in one piece
        self._spectra = np.zeros((rows, 2 * self._depth, BINS), np.complex64)
        self._powers = np.zeros((2 * self._depth, BINS), np.float32)
        self._at = 0
        self._forgets = self._depth + WINDOW // FRAME_SAMPLES - 1
        self._quiet = self._forgets

    @property
    def silent(self) -> bool:
        """Whether there is nothing to be heard in all of it."""
        return self._quiet >= self._forgets

    @property
    def spectra(self) -> Spectrum:
        """Shape ``(rows, partitions, BINS)``, latest first; a view that ``push`` changes."""
        return self._spectra[:, self._at : self._at + self._depth : _PER_SPAN]

    @property
    def powers(self) -> NDArray[np.float32]:
        """Squared magnitudes of the first row, ``(partitions, BINS)``; a view."""
        return self._powers[self._at : self._at + self._depth : _PER_SPAN]

    def push(self, sound: NDArray[np.float32]) -> None:
        """Take the next 10 ms, shape ``(rows, 160)``."""
        self._quiet = 0 if np.abs(sound[0]).max() > _HEARABLE else self._quiet + 1
        if self._end + FRAME_SAMPLES > self._sound.shape[1]:
            self._sound[:, : self._kept] = self._sound[:, self._end - self._kept : self._end]
            self._end = self._kept
        self._sound[:, self._end : self._end + FRAME_SAMPLES] = sound
        self._end += FRAME_SAMPLES
        self._at = (self._at or self._depth) - 1
        self._write(self._at, self._sound[:, self._end - WINDOW : self._end])

    def slide(self, samples: int) -> None:
        """Make all of it later by so many samples (earlier, if negative); fill up with silence."""
        latest = self._sound[:, self._end - self._kept : self._end].copy()
        moved = min(abs(samples), self._kept)
        self._sound[...] = 0
        self._end = self._kept
        if samples >= 0:
            self._sound[:, moved : self._kept] = latest[:, : self._kept - moved]
        else:
            self._sound[:, : self._kept - moved] = latest[:, moved:]
        for age in range(self._depth):
            end = self._end - age * FRAME_SAMPLES
            self._write((self._at + age) % self._depth, self._sound[:, end - WINDOW : end])

    def _write(self, at: int, window: NDArray[np.float32]) -> None:
        spectrum = np.fft.rfft(window, axis=1)
        power = spectrum[0].real ** 2 + spectrum[0].imag ** 2
        for place in (at, at + self._depth):
            self._spectra[:, place] = spectrum
            self._powers[place] = power


def spectrum_of_latest(sound: NDArray[np.float32]) -> Spectrum:
    """Return the spectrum of ``(..., SPAN)`` samples with silence before them."""
    padded = np.zeros((*sound.shape[:-1], WINDOW), np.float32)
    padded[..., SPAN:] = sound
    return np.asarray(np.fft.rfft(padded), np.complex64)


def latest_of_spectrum(spectrum: Spectrum) -> NDArray[np.float32]:
    """Return the valid half of a filtered window, shape ``(..., SPAN)``."""
    return np.asarray(np.fft.irfft(spectrum, WINDOW)[..., SPAN:], np.float32)


def constrained(partitions: Spectrum) -> Spectrum:
    """Return filters without the taps that a partition cannot have (the later half)."""
    taps = np.fft.irfft(partitions, WINDOW)
    taps[..., SPAN:] = 0
    return np.asarray(np.fft.rfft(taps), np.complex64)


def taps_of(partitions: Spectrum) -> NDArray[np.float32]:
    """Return one impulse response of ``(..., partitions, BINS)``: ``(..., partitions * SPAN)``."""
    taps = np.fft.irfft(partitions, WINDOW)[..., :SPAN]
    return np.asarray(taps.reshape(*taps.shape[:-2], -1), np.float32)


def partitions_of(response: NDArray[np.float32]) -> Spectrum:
    """Return the partitions of an impulse response ``(..., n * SPAN)``: ``(..., n, BINS)``."""
    taps = response.reshape(*response.shape[:-1], -1, SPAN)
    return np.asarray(np.fft.rfft(taps, WINDOW), np.complex64)
