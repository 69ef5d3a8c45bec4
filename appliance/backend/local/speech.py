"""A sentence's sound, cut into the pieces of a reply. Pure."""

from collections.abc import Iterator

import numpy as np

from appliance.backend.local.parts import Sound
from appliance.units import SampleRate

PIECE_S = 0.2
"""Longest piece of a reply: so little is left to flush when somebody talks over it."""

PAUSE_S = 0.18
"""Silence between two sentences."""


def pieces(sound: Sound, rate: SampleRate, *, pause: bool) -> Iterator[bytes]:
    """Cut a sentence, and the pause behind it, into pieces of at most ``PIECE_S``."""
    step = round(PIECE_S * rate)
    whole = np.append(sound, np.zeros(round(PAUSE_S * rate), np.int16)) if pause else sound
    for begin in range(0, len(whole), step):
        yield whole[begin : begin + step].astype("<i2", copy=False).tobytes()


def silence(rate: SampleRate) -> bytes:
    """Return the pause between two sentences."""
    return bytes(2 * round(PAUSE_S * rate))
