"""A simulated loudspeaker, room and card that play the measuring programme."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from appliance.audio.sounding import Sounding, measure
from appliance.audio.sweep import Sound, programme
from appliance.frames import RATE

PLAYED = programme(-20.0)


@dataclass(frozen=True)
class Way:
    """From the loudspeaker to one channel."""

    late: float = 0.0
    """Samples after the others."""

    gain: float = 0.5
    reverberant: bool = True
    noise_db: float = -66.0
    seed: int = 0


@dataclass(frozen=True)
class Scene:
    ways: tuple[Way, ...] = (Way(),)
    delay: float = 640.0
    """Samples."""

    drift_ppm: float = 0.0
    bends: float = 0.0
    """Of the driver: x + bends * x**3, at the programme's peak."""

    slip: tuple[int, int] | None = None
    """Where how many samples are lost."""

    def recorded(self) -> NDArray[np.int16]:
        count = len(PLAYED.samples) + RATE
        sound = _straight()
        if self.bends:
            sound = PLAYED.samples / 32_768
            peak = np.abs(sound).max()
            fine = finer(sound, 4)  # what a driver adds above the band does not fold back
            bent = fine + self.bends * peak * (fine / peak) ** 3
            size = len(fine) // 4
            sound = finer(np.fft.irfft(np.fft.rfft(bent)[: size // 2 + 1], size) / 4, 8)
        channels = [self._heard(sound, way, count) for way in self.ways]
        recorded = np.stack(channels, axis=1)
        if self.slip is not None:
            where, lost = self.slip
            recorded = np.concatenate((recorded[:where], recorded[where + lost :]))
        return np.clip(np.rint(32_768 * recorded), -32_768, 32_767).astype(np.int16)

    def _heard(self, sound: Sound, way: Way, count: int) -> Sound:
        moments = np.arange(count) / (1 + 1e-6 * self.drift_ppm) - self.delay - way.late
        heard = way.gain * between(sound, moments)
        rng = np.random.default_rng(way.seed)
        if way.reverberant:
            rng_of_room = np.random.default_rng(77 + round(way.late))
            tail = rng_of_room.standard_normal(3200) * np.exp(-np.arange(3200) / 500)
            tail *= 0.35 / np.sqrt(np.sum(tail**2))
            tail[:20] = 0.0
            size = 1 << (count + 3200 - 1).bit_length()
            spectrum = np.fft.rfft(heard, size) * np.fft.rfft(tail, size)
            heard = heard + np.fft.irfft(spectrum, size)[:count]
        return np.asarray(heard + 10 ** (way.noise_db / 20) * rng.standard_normal(count))


def between(fine: Sound, moments: Sound) -> Sound:
    """Return a sound, given eight times as fine, at moments between its samples; linear."""
    return np.interp(8 * moments, np.arange(len(fine)), fine, left=0.0, right=0.0)


@cache
def _straight() -> Sound:
    return finer(PLAYED.samples / 32_768, 8)


def finer(sound: Sound, times: int) -> Sound:
    size = 1 << (len(sound) - 1).bit_length()
    return np.asarray(times * np.fft.irfft(np.fft.rfft(sound, size), times * size))


def reference() -> NDArray[np.int16]:
    return np.pad(PLAYED.samples, (0, RATE))


def sounded(scene: Scene) -> Sounding:
    recorded = scene.recorded()
    return measure(recorded, PLAYED, reference()[: len(recorded)])
