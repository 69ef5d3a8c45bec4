"""A long speech in the box's own voice, which keeps saying the box's own wake word."""

from collections.abc import Iterator

import numpy as np
import soxr
from numpy.typing import NDArray

from appliance.backend.local.parts import Speaks

SENTENCES = (
    "Once there was a house at the end of a long road, and nobody had lived in it for years.",
    "Hey jarvis, said the old man, and the box in the kitchen woke and listened.",
    "Turn on the kitchen light, he said, and the light went on, though nobody had touched it.",
    "Every evening it was the same: he came home, he took off his coat, and he called it.",
    "Hey jarvis! What time is it?",
    "It is half past seven, said the box, and the soup is getting cold.",
    "Stop, he said once, stop talking, and it fell silent, and the silence was worse.",
    "In the spring the road was mended, and a family moved in across the garden.",
    "Their daughter learned to say hey jarvis before she could say her own name.",
    "And so the two of them talked, the girl and the box, until the leaves were red again.",
)

Sound = NDArray[np.int16]


def monologue(voice: Speaks, seconds: float, rate: int, *, seed: int = 5) -> Sound:
    """Return so many seconds of it, at a rate; the sentences come in ever other orders."""
    spoken = [_at(voice.synthesize(sentence), voice.rate, rate) for sentence in SENTENCES]
    parts: list[Sound] = []
    length = 0
    for part in _forever(spoken, rate, seed):
        parts.append(part)
        length += len(part)
        if length >= seconds * rate:
            break
    return np.concatenate(parts)[: round(seconds * rate)]


def _forever(spoken: list[Sound], rate: int, seed: int) -> Iterator[Sound]:
    rng = np.random.default_rng(seed)
    while True:
        for number in rng.permutation(len(spoken)):
            yield spoken[number]
            yield np.zeros(round(rng.uniform(0.1, 0.6) * rate), dtype=np.int16)


def _at(sound: Sound, rate: int, wanted: int) -> Sound:
    if rate == wanted:
        return sound
    return np.asarray(soxr.resample(sound, rate, wanted), dtype=np.int16)
