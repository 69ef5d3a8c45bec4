"""A person and a noise around a small array of four microphones, apart from each other.

The same scenes as those of the research that chose the method, draw for draw: a shoe box room of
4.5 to 6.5 m, a circle of 32.3 mm radius on a table, a talker at 1.8 m who begins after one second,
10 s in all, and 5 dB above a noise that is there from the begin: from all around (24 plane
waves),
or music or a second voice from 60 to 160 degrees aside, with some of the former.
"""

from dataclasses import dataclass

import numpy as np
import pyroomacoustics
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from appliance.enhance.array.geometry import Array, Position
from appliance.frames import RATE
from tests.benchmarks.audio.acoustics import active_dbfs, gain, talk
from tests.benchmarks.audio.corpus import Corpus

Sounds = NDArray[np.float64]

NOISES = ("diffuse", "music", "speech")
REVERBERATION = (0.25, 0.5)
LENGTH = 10 * RATE
SNR_DB = 5.0
RADIUS = 0.0323
JUDGED = slice(RATE, LENGTH - RATE)
"""What counts: from when the talker begins."""

EARLY = round(0.05 * RATE)
"""Reflections until then belong to the talker."""


@dataclass(frozen=True, slots=True)
class ArrayScene:
    """Which scene; ``number`` and the offset of the seeds make it another one."""

    rt60: float
    noise: str
    number: int
    offset: int = 0
    """0: for reports, 1000: for tuning."""

    @property
    def seed(self) -> int:
        """Names the scene for good."""
        return self.number * 7 + int(self.rt60 * 100) + self.offset


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What four microphones hear."""

    person: Sounds
    """Shape ``(4, LENGTH)``."""

    noise: Sounds
    early: Sounds
    """Shape ``(LENGTH,)``: the person at the first microphone, without the room's tail."""

    bearing: float
    """Of the person, in degrees."""


def board() -> Array:
    """Return the array of all scenes."""
    places: tuple[Position, ...] = tuple(
        (float(RADIUS * np.cos(a)), float(RADIUS * np.sin(a)), 0.0)
        for a in 2 * np.pi * np.arange(4) / 4
    )
    return Array("circle", "four in a circle", (0, 1, 2, 3), places, beam=True)


def heard(scene: ArrayScene, corpus: Corpus) -> Heard:
    """Render a scene; the same seed gives the same sound."""
    rng = np.random.default_rng(scene.seed)
    size = np.array([rng.uniform(4.5, 6.5), rng.uniform(4, 5.5), 2.7])
    table = np.array(
        [size[0] / 2 + rng.uniform(-0.5, 0.5), size[1] / 2 + rng.uniform(-0.5, 0.5), 0.8]
    )
    azimuth = rng.uniform(0, 2 * np.pi)
    aside = azimuth + np.radians(rng.choice([-1, 1]) * rng.uniform(60, 160))
    places = np.asarray(board().positions)[:, :2].T
    absorption, order = pyroomacoustics.inverse_sabine(scene.rt60, size)
    box = pyroomacoustics.ShoeBox(
        size, fs=RATE, materials=pyroomacoustics.Material(absorption), max_order=min(order, 32)
    )
    where = np.vstack([table[:2, None] + places, np.full(4, table[2])])
    box.add_microphone_array(pyroomacoustics.MicrophoneArray(where, RATE))
    person_at = _at(table, azimuth, 1.8, 1.3, size)
    box.add_source(person_at)
    box.add_source(_at(table, aside, 1.8, 1.1, size))
    box.compute_rir()
    voice = talk(corpus, str(rng.choice(["near_it", "near_fr", "near_ru"])), 9.0, rng, (0.3, 0.7))
    voice = np.concatenate([np.zeros(RATE), voice])
    other = _noise(scene.noise, corpus, rng)
    person = np.stack([fftconvolve(voice, box.rir[m][0])[:LENGTH] for m in range(4)])
    second = np.stack([fftconvolve(other, box.rir[m][1])[:LENGTH] for m in range(4)])
    around = _all_around(places, rng)
    mixed = around if scene.noise == "diffuse" else _even(second) * 0.9 + around * 0.45
    noise = _even(mixed) * gain(active_dbfs(person[0]) - SNR_DB)
    response = np.asarray(box.rir[0][0])
    first = int(np.argmax(np.abs(response)))
    early = fftconvolve(voice, response[: first + EARLY])[:LENGTH]
    east, north = person_at[:2] - table[:2]
    return Heard(person, noise, early, float(np.degrees(np.arctan2(north, east)) % 360))


def _noise(kind: str, corpus: Corpus, rng: np.random.Generator) -> Sounds:
    if kind == "speech":
        return talk(corpus, "far", 10.0, rng)
    if kind == "music":
        piece = corpus["music"][int(rng.integers(5))]
        return np.asarray(piece[30 * RATE : 40 * RATE] / 32768.0)
    return rng.standard_normal(LENGTH)


def _all_around(places: Sounds, rng: np.random.Generator) -> Sounds:
    """Return 24 plane waves of noise, softer the higher, as it is at each microphone."""
    frequencies = np.fft.rfftfreq(LENGTH, 1 / RATE)
    sum_ = np.zeros((4, LENGTH))
    for angle in np.arange(24) * 2 * np.pi / 24:
        rng.standard_normal(LENGTH)  # the research drew it, too
        wave = np.fft.rfft(rng.standard_normal(LENGTH)) / np.sqrt(np.maximum(frequencies, 50))
        late = -(places.T @ np.array([np.cos(angle), np.sin(angle)])) / 343.0
        turned = wave[None] * np.exp(-2j * np.pi * frequencies[None] * late[:, None])
        sum_ += np.fft.irfft(turned, LENGTH)
    return _even(sum_)


def _even(sounds: Sounds) -> Sounds:
    """Bring the first microphone to a mean square of 1."""
    return np.asarray(sounds / np.sqrt(np.mean(sounds[0] ** 2)))


def _at(table: Sounds, angle: float, distance: float, height: float, size: Sounds) -> Sounds:
    place = [table[0] + distance * np.cos(angle), table[1] + distance * np.sin(angle), height]
    return np.asarray(np.clip(np.array(place), 0.2, size - 0.2))
