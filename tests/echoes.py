"""Made-up speech and its echo in a made-up room: no recording is needed to test what finds echoes.

Not like enough for figures (those are the benchmarks'), but with what misleads: a pitch, pauses,
a spectrum that falls, reflections.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
BLOCK = 160

Sound = NDArray[np.float32]


def voice(seconds: float, seed: int) -> Sound:
    """Give syllables of 100 to 250 ms with pauses, each with a pitch and a formant of its own."""
    random = np.random.default_rng(seed)
    size = int(seconds * RATE)
    sound = np.zeros(size)
    at = 0
    while at < size:
        length = int(random.uniform(0.1, 0.25) * RATE)
        time = np.arange(length)
        pitch = random.uniform(90, 250) * (1 + 0.1 * np.sin(time / length * 3))
        pulses = np.diff(np.floor(np.cumsum(pitch) / RATE), prepend=0.0)
        breath = 0.1 * random.standard_normal(length)
        formant = random.uniform(300, 3000)
        ring = np.exp(-np.arange(400) / 60) * np.cos(2 * np.pi * formant * np.arange(400) / RATE)
        syllable = np.convolve(pulses + breath, ring)[:length] * np.hanning(length)
        end = min(at + length, size)
        sound[at:end] += syllable[: end - at]
        at += int(length * 0.9 + (random.random() < 0.2) * random.uniform(0.05, 0.3) * RATE)
    loud: Sound = (0.1 * sound / (sound.std() + 1e-9)).astype(np.float32)
    return loud


def room(seed: int, seconds: float = 0.15) -> Sound:
    """Give an impulse response: a direct way, then reflections that fade."""
    random = np.random.default_rng(seed)
    size = int(seconds * RATE)
    response = 0.25 * random.standard_normal(size) * np.exp(-6.9 * np.arange(size) / size)
    response *= random.random(size) < 0.1
    response[:4] = [0.0, 1.0, 0.3, 0.0]
    return response.astype(np.float32)


def later(sound: Sound, delay: NDArray[np.float64] | float) -> Sound:
    """Give a sound that comes so many samples later, at each sample its own number."""
    spectrum = np.fft.rfft(sound)
    many = 4 * np.fft.irfft(spectrum, 4 * len(sound))
    at = (np.arange(len(sound)) - delay) * 4
    moved: Sound = np.interp(at, np.arange(len(many)), many, left=0.0).astype(np.float32)
    return moved


def through(sound: Sound, response: Sound) -> Sound:
    """Give a sound as it arrives through a room."""
    size = len(sound) + len(response)
    spectrum = np.fft.rfft(sound, size) * np.fft.rfft(response, size)
    return np.fft.irfft(spectrum, size)[: len(sound)].astype(np.float32)


@dataclass(frozen=True, slots=True)
class Scene:
    """What is played and what one microphone hears of it."""

    played: Sound
    heard: Sound

    def blocks(self) -> Iterator[tuple[Sound, Sound]]:
        """Give blocks of 10 ms: heard, played."""
        for at in range(0, len(self.played) - BLOCK + 1, BLOCK):
            yield self.heard[at : at + BLOCK], self.played[at : at + BLOCK]


def scene(
    seconds: float,
    delay: NDArray[np.float64] | float,
    *,
    seed: int = 1,
    noise: float = 0.003,
    talker: float = 0.0,
) -> Scene:
    """Make one.

    Args:
        seconds: How long it is.
        delay: Of the echo, in samples; one number, or one for each sample.
        seed: Of voices, room and noise.
        noise: Level of the noise; the echo's is about 0.1.
        talker: Level of a person who speaks all the time.
    """
    played = voice(seconds, seed)
    heard = through(later(played, delay), room(seed))
    heard += noise * np.random.default_rng(seed + 5000).standard_normal(len(played)).astype(
        np.float32
    )
    if talker:
        heard += (talker / 0.1) * voice(seconds, seed + 1000)
    return Scene(played, heard.astype(np.float32))


def drifting(seconds: float, start: float, ppm: float) -> NDArray[np.float64]:
    """Give the delay of an echo that comes faster than its reference by so much."""
    return start - ppm * 1e-6 * np.arange(int(seconds * RATE), dtype=np.float64)
