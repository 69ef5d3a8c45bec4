"""The linear echo canceller of speexdsp (BSD, Xiph.Org), through its shared library.

J.-M. Valin's multidelay block frequency-domain filter with a learning rate that follows the
leakage (IEEE Trans. ASLP 15(3), 2007), with its two filters (a foreground that is only replaced
by a better background). Its preprocessor, which is not linear, is not used.
"""

import ctypes
import weakref
from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from appliance.enhance.types import FULL_SCALE, Block, Mono
from appliance.errors import ModelError
from appliance.frames import FRAME_SAMPLES, RATE, samples
from appliance.units import Seconds

_LIBRARY = "libspeexdsp.so.1"
_SET_SAMPLING_RATE = 24  # SPEEX_ECHO_SET_SAMPLING_RATE in speex/speex_echo.h
_LARGE_SLIDE = samples(0.004)  # beyond it what was learnt is further from the truth than nothing


class SpeexCanceller:
    """One filter per microphone; see ``appliance.enhance.types.Canceller``.

    Samples are rounded to 16 bits. What it hears passes a notch at 0 Hz.
    It cannot give away what it has learnt: ``state()`` is empty.

    Args:
        microphones: How many channels the blocks have.
        tail: How long after the reference an echo may come, delay and room together.

    Raises:
        ModelError: The shared library is missing.
    """

    def __init__(self, microphones: int, tail: Seconds = Seconds(0.3)) -> None:
        library = _library()
        self._cancel = library.speex_echo_cancellation
        self._reset = library.speex_echo_state_reset
        self._filters = [
            ctypes.c_void_p(library.speex_echo_state_init(FRAME_SAMPLES, samples(tail)))
            for _ in range(microphones)
        ]
        for state in self._filters:
            weakref.finalize(self, library.speex_echo_state_destroy, state)
            rate = ctypes.c_int(RATE)
            library.speex_echo_ctl(state, _SET_SAMPLING_RATE, ctypes.byref(rate))
        self._heard = np.zeros((microphones, FRAME_SAMPLES), np.int16)
        self._left = np.zeros((microphones, FRAME_SAMPLES), np.int16)
        self._played = np.zeros(FRAME_SAMPLES, np.int16)
        self.echo: Block = np.zeros((microphones, FRAME_SAMPLES), np.float32)
        """What was taken out of the latest block."""

    def process(self, block: Block, reference: Mono) -> Block:
        """Take the next 10 ms and its aligned reference; give what is not echo."""
        _round_into(self._heard, block)
        _round_into(self._played, reference)
        played = self._played.ctypes.data
        heard, left = self._heard.ctypes.data, self._left.ctypes.data
        for at, state in enumerate(self._filters):
            skip = at * self._heard.strides[0]
            self._cancel(state, heard + skip, played, left + skip)
        clean: Block = self._left.astype(np.float32)
        clean *= np.float32(1 / FULL_SCALE)
        np.subtract(block, clean, out=self.echo)
        np.nan_to_num(self.echo, copy=False)
        return clean

    def slide(self, samples: int) -> None:
        """Be told that the reference now comes so much later (+) or earlier (-).

        The library's filter cannot be moved: it starts anew if the step is large.
        """
        if abs(samples) > _LARGE_SLIDE:
            for state in self._filters:
                self._reset(state)

    def state(self) -> dict[str, NDArray[np.float32]]:
        """Give nothing: the library keeps what it learnt to itself."""
        return {}

    def restore(self, state: Mapping[str, NDArray[np.float32]]) -> bool:
        """Take nothing; say so."""
        del state
        return False


def _round_into(into: NDArray[np.int16], sound: NDArray[np.float32]) -> None:
    scaled = np.nan_to_num(sound * np.float32(FULL_SCALE))
    np.rint(np.clip(scaled, -32_768, 32_767, out=scaled), out=scaled)
    into[...] = scaled


@cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError as problem:
        raise ModelError(
            f"{_LIBRARY}: missing; `apt install libspeexdsp1` brings speexdsp"
        ) from problem
    pointer, integer = ctypes.c_void_p, ctypes.c_int
    library.speex_echo_state_init.restype = pointer
    library.speex_echo_state_init.argtypes = [integer, integer]
    library.speex_echo_state_destroy.restype = None
    library.speex_echo_state_destroy.argtypes = [pointer]
    library.speex_echo_state_reset.restype = None
    library.speex_echo_state_reset.argtypes = [pointer]
    library.speex_echo_ctl.argtypes = [pointer, integer, pointer]
    library.speex_echo_cancellation.restype = None
    library.speex_echo_cancellation.argtypes = [pointer, pointer, pointer, pointer]
    return library
