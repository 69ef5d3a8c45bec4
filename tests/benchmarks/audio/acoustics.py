"""What a loudspeaker, a room, a device and two clocks do to sound.

Rooms are shoe boxes by the image-source method (pyroomacoustics): no cabinet that shakes, no
furniture. Random numbers are drawn in a fixed order, so that a seed names a room for good.
"""

from dataclasses import dataclass

import numpy as np
import pyroomacoustics
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, lfilter, resample_poly

from appliance.frames import RATE
from tests.benchmarks.audio.corpus import Corpus, Samples, drawn

Sound = NDArray[np.float64]
"""Shape ``(n,)`` at ``RATE``, full scale is -1 to 1."""

Sounds = NDArray[np.float64]
"""Shape ``(microphones, n)``."""

SPOKEN_DBFS = -26.0
"""Active level that every utterance is brought to."""

LONGEST = 8
"""Seconds of one utterance at most."""


def active_dbfs(sound: Sound, window: int = 320) -> float:
    """Return the level of what is within 30 dB of the loudest 20 ms."""
    whole = len(sound) // window * window
    powers = np.mean(sound[:whole].reshape(-1, window) ** 2, axis=1)
    if not powers.any():
        return -120.0
    return float(10 * np.log10(np.mean(powers[powers > 1e-3 * powers.max()])))


def gain(db: float) -> float:
    """Return decibels as a factor."""
    return float(10.0 ** (db / 20.0))


def levelled(sound: Sound, dbfs: float) -> Sound:
    """Bring sound to an active level."""
    return sound * gain(dbfs - active_dbfs(sound))


def pcm(sound: NDArray[np.float64]) -> Samples:
    """Return sound as a converter would: rounded, clipped."""
    return np.asarray(np.clip(np.round(sound * 32768.0), -32768, 32767), dtype=np.int16)


def placed(length: int, begin: float, sound: Sound) -> Sound:
    """Put sound at ``begin`` seconds into ``length`` samples of silence."""
    whole = np.zeros(length)
    first = int(begin * RATE)
    fitting = sound[: length - first]
    whole[first : first + len(fitting)] = fitting
    return whole


def talk(
    corpus: Corpus,
    kind: str,
    seconds: float,
    rng: np.random.Generator,
    pauses: tuple[float, float] = (0.15, 0.4),
) -> Sound:
    """Chain utterances chosen by chance, each at the same level, with pauses between them."""
    recordings, wanted = corpus[kind], int(seconds * RATE)
    pieces: list[Sound] = []
    length = 0
    while length < wanted:
        said = trimmed(drawn(recordings, rng) / 32768.0)
        if len(said) > LONGEST * RATE:
            first = rng.integers(len(said) - LONGEST * RATE)
            said = said[first : first + LONGEST * RATE]
        pause = np.zeros(int(rng.uniform(*pauses) * RATE))
        pieces += [levelled(said, SPOKEN_DBFS), pause]
        length += len(said) + len(pause)
    return np.concatenate(pieces)[:wanted]


def trimmed(sound: Sound, below_peak_db: float = 45.0) -> Sound:
    """Cut what is far below the peak from both ends."""
    loud = np.flatnonzero(np.abs(sound) > np.abs(sound).max() * gain(-below_peak_db))
    return sound[loud[0] : loud[-1] + 1] if len(loud) else sound


def through_loudspeaker(sound: Sound, headroom_db: float, asymmetry: float) -> Sound:
    """Play sound over a small driver: no bass, and peaks that bend.

    Args:
        sound: What is to be played.
        headroom_db: How far above the RMS the knee of the soft clipping lies; 12 mild, 4 hard.
        asymmetry: Part of distortion of the second order.
    """
    heard = lfilter(*butter(2, 120, "high", fs=RATE), sound)
    audible = heard[np.abs(heard) > 1e-4]
    knee = gain(headroom_db) * (np.sqrt(np.mean(audible**2)) if len(audible) else 1.0)
    bent = knee * np.tanh((heard + asymmetry * heard**2 / knee) / knee)
    return np.asarray(lfilter(*butter(1, 60, "high", fs=RATE), bent))


def on_another_clock(sound: Sound, ppm: float) -> Sound:
    """Take sound with a clock that differs by parts per million (linear between 8 x samples)."""
    if not ppm:
        return sound
    fine = resample_poly(sound, 8, 1)
    moments = np.arange(len(sound)) * (1 + ppm * 1e-6) * 8
    return np.asarray(np.interp(moments, np.arange(len(fine)), fine, right=0.0))


def delayed(sound: Sound, samples: int) -> Sound:
    """Move sound later; what falls off its end is lost."""
    return np.concatenate([np.zeros(samples), sound])[: len(sound)]


def heard(sound: Sound, responses: tuple[Sound, ...]) -> Sounds:
    """Return what each microphone hears of a source."""
    return np.stack([fftconvolve(sound, response)[: len(sound)] for response in responses])


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """Impulse responses to every microphone, and where the talker stands."""

    loudspeaker: tuple[Sound, ...]
    talker: tuple[Sound, ...]
    noise: tuple[Sound, ...]
    bearing: float
    """Of the talker, in degrees from the first microphone, counter-clockwise."""


@dataclass(frozen=True, slots=True)
class Placing:
    """How a device stands in its room."""

    rt60: float = 0.3
    microphones: int = 1
    distance: float = 1.5
    """Metres to the talker."""

    shift: tuple[float, float] = (0.0, 0.0)
    """Metres by which the device was pushed."""

    driver: tuple[float, float, float] = (0.0, 0.015, -0.07)
    """Of the loudspeaker, from the centre of the microphones: 7 cm below them."""


def circle(microphones: int, centre: Sound) -> Sounds:
    """Place microphones as small arrays do: shape ``(3, microphones)``."""
    if microphones == 1:
        return centre[:, None]
    radius = 0.0323 if microphones > 2 else 0.029
    angles = 2 * np.pi * np.arange(microphones) / microphones
    flat = np.full(microphones, centre[2])
    return np.stack(
        [centre[0] + radius * np.cos(angles), centre[1] + radius * np.sin(angles), flat]
    )


def room(seed: int, placing: Placing) -> Room:
    """Build a room by chance and a device in it; the same seed gives the same room."""
    rng = np.random.default_rng(seed)
    size = np.array([rng.uniform(3.5, 6), rng.uniform(3, 5), rng.uniform(2.4, 3.0)])
    stands = np.array([rng.uniform(0.8, size[0] - 0.8), rng.uniform(0.8, size[1] - 0.8), 0.8])
    to_talker, to_noise = rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi)
    device = np.clip(stands + np.array([*placing.shift, 0.0]), 0.4, size - 0.4)
    talker = _beside(device, to_talker, placing.distance, 1.3, size)
    noise = _beside(device, to_noise, 2.0, 1.0, size)
    try:
        absorption, order = pyroomacoustics.inverse_sabine(placing.rt60, size)
    except ValueError:  # a room this large cannot be that dry
        absorption, order = 0.9, 3
    box = pyroomacoustics.ShoeBox(
        size,
        fs=RATE,
        materials=pyroomacoustics.Material(absorption),
        max_order=min(order, 32),
    )
    where = circle(placing.microphones, device)
    box.add_microphone_array(pyroomacoustics.MicrophoneArray(where, RATE))
    for source in (device + np.array(placing.driver), talker, noise):
        box.add_source(source)
    box.compute_rir()
    of_source = [
        tuple(np.asarray(box.rir[m][source]) for m in range(placing.microphones))
        for source in range(3)
    ]
    east, north = talker[:2] - device[:2]
    bearing = float(np.degrees(np.arctan2(north, east)) % 360)
    return Room(of_source[0], of_source[1], of_source[2], bearing)


def _beside(device: Sound, angle: float, distance: float, height: float, size: Sound) -> Sound:
    """Return the place in that direction, drawn nearer until it is inside of the walls."""
    place = np.array([*device[:2], height])
    for _ in range(64):
        place[:2] = device[:2] + distance * np.array([np.cos(angle), np.sin(angle)])
        if np.all(place > 0.3) and np.all(place < size - 0.3):
            return place
        distance *= 0.93
    return np.asarray(np.clip(place, 0.3, size - 0.3))
