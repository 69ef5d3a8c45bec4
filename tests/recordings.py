"""Recordings of people (tests/data/audio) and other sound, as the frames a detector takes."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from appliance.frames import FRAME_SAMPLES, RATE, Frame
from appliance.units import SampleIndex

AUDIO = Path(__file__).parent / "data" / "audio"

Sound = NDArray[np.int16]


@cache
def recording(name: str) -> Sound:
    """Return a recording; nobody may change it."""
    sound, rate = soundfile.read(AUDIO / f"{name}.flac", dtype="int16")
    assert rate == RATE
    sound.flags.writeable = False
    return np.asarray(sound)


def quiet(seconds: float, seed: int = 0) -> Sound:
    """Return the noise of a quiet room: 3 steps of the converter."""
    return hiss(seconds, level=3.0, seed=seed)


def hiss(seconds: float, *, level: float, seed: int = 0) -> Sound:
    """Return white noise of an RMS level in steps of the converter."""
    noise = np.random.default_rng(seed).normal(0.0, level, round(seconds * RATE))
    return np.asarray(np.clip(noise, -32768, 32767).round(), dtype=np.int16)


def frames(sound: Sound, start: int = 0) -> Iterator[Frame]:
    """Yield sound in frames of 10 ms; what is left over at the end is left out."""
    for i in range(0, len(sound) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        yield Frame(sound[i : i + FRAME_SAMPLES], SampleIndex(start + i))
