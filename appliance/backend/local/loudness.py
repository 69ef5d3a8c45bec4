"""Makes spoken sentences equally loud, without clicks or a late start. Pure."""

import numpy as np
from numpy.typing import NDArray

TARGET_DBFS = -20.0
"""Mean level of the speech itself, the pauses left out; what voice assistants are mastered to."""

PEAK = 0.89
"""-1 dBFS: what a cheap codec plays without clipping."""

SILENT_DB = 40.0
"""So far below the peak, a block is a pause."""

LEAD_S = 0.02
"""Silence that stays before the first sound: each ms more is heard as a slower box."""

TAIL_S = 0.08
"""Silence that stays after the last sound: a word may fade."""

FADE_S = 0.005


def level(sound: NDArray[np.float32], rate: int) -> NDArray[np.int16]:
    """Return one sentence at ``TARGET_DBFS``, cut close at both ends and faded there.

    Args:
        sound: Shape ``(n,)``, any scale.
        rate: Samples per second.
    """
    block = rate // 100
    count = len(sound) // block
    if count == 0:
        return np.zeros(0, np.int16)
    power = np.mean(sound[: count * block].reshape(count, block) ** 2, axis=1)
    loud = power > power.max() * 10 ** (-SILENT_DB / 10)
    if not loud.any():
        return np.zeros(0, np.int16)
    (where,) = np.nonzero(loud)
    begin = max(0, where[0] * block - round(LEAD_S * rate))
    end = (where[-1] + 1) * block + round(TAIL_S * rate)
    gain = 10 ** (TARGET_DBFS / 20) / np.sqrt(power[loud].mean())
    kept = sound[begin:end] * min(gain, PEAK / np.abs(sound).max())
    fade = min(round(FADE_S * rate), len(kept) // 2)
    ramp = np.linspace(0.0, 1.0, fade, dtype=np.float32)
    kept[:fade] *= ramp
    kept[len(kept) - fade :] *= ramp[::-1]
    pcm: NDArray[np.int16] = np.round(kept * 32_767).astype(np.int16)
    return pcm
