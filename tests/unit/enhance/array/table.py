"""A small simulated table: plane waves at microphones, without walls."""

import numpy as np
from numpy.typing import NDArray

from appliance.enhance.array.geometry import Array, Position
from appliance.frames import RATE

Sounds = NDArray[np.float32]
"""Shape ``(microphones, samples)``."""

CIRCLE: tuple[Position, ...] = (
    (-0.0323, 0.0, 0.0),
    (0.0, -0.0323, 0.0),
    (0.0323, 0.0, 0.0),
    (0.0, 0.0323, 0.0),
)


def array(positions: tuple[Position, ...] = CIRCLE, *, beam: bool = True) -> Array:
    return Array("table", "table", tuple(range(len(positions))), positions, beam=beam)


def from_direction(
    sound: NDArray[np.float64], degrees: float, positions: tuple[Position, ...] = CIRCLE
) -> Sounds:
    """Return what each microphone hears of a plane wave."""
    spectrum = np.fft.rfft(sound)
    frequencies = np.fft.rfftfreq(len(sound), 1 / RATE)
    toward = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), 0.0])
    lead = np.asarray(positions) @ toward / 343.0
    shifted = spectrum[None] * np.exp(2j * np.pi * frequencies[None] * lead[:, None])
    return np.asarray(np.fft.irfft(shifted, len(sound)), np.float32)


def noise_all_around(
    rng: np.random.Generator, length: int, positions: tuple[Position, ...] = CIRCLE
) -> Sounds:
    waves = [
        from_direction(coloured(rng, length), degrees, positions) for degrees in range(0, 360, 30)
    ]
    hiss = 0.05 * rng.standard_normal((len(positions), length))
    return np.asarray(np.sum(waves, axis=0) / np.sqrt(12) + hiss, np.float32)


def coloured(rng: np.random.Generator, length: int) -> NDArray[np.float64]:
    """Return noise with less power the higher it is, with a mean square of 1."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    frequencies = np.fft.rfftfreq(length, 1 / RATE)
    sound = np.fft.irfft(spectrum / np.sqrt(np.maximum(frequencies, 100.0)), length)
    return np.asarray(sound / np.sqrt(np.mean(sound**2)))


def talk(rng: np.random.Generator, length: int, begin: int) -> NDArray[np.float64]:
    """Return what talks like speech does: harmonics in syllables of 200 ms, with pauses."""
    times = np.arange(length) / RATE
    pitch = 130.0 + 20.0 * np.sin(2 * np.pi * 0.7 * times)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = sum(np.sin(k * phase + k * k) / k**0.7 for k in range(1, 30))
    syllables = np.repeat(rng.random(length // 3200 + 1) > 0.25, 3200)[:length]
    envelope = np.convolve(syllables, np.hanning(800) / 400.0, "same")
    sound = np.asarray(voice) * envelope
    sound[:begin] = 0.0
    return np.asarray(sound / np.sqrt(np.mean(sound[begin:] ** 2)))


def blocks(sounds: Sounds) -> list[Sounds]:
    return [sounds[:, at : at + 160] for at in range(0, sounds.shape[1] - 159, 160)]
