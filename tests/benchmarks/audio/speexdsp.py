"""speexdsp (BSD, Xiph.Org), the peer to compare with, through its shared library.

J.-M. Valin's multidelay block frequency-domain filter with a learning rate that follows the
leakage (IEEE Trans. ASLP 15(3), 2007); as its own programs use it with its preprocessor (a
suppressor of residual echo and noise) behind it, and alone, where only the linear part counts.
"""

import ctypes
import weakref
from functools import cache

import numpy as np
from numpy.typing import NDArray

from appliance.enhance.types import FULL_SCALE, Block, Mono
from appliance.frames import FRAME_SAMPLES, RATE
from tests.benchmarks.audio.corpus import Samples

# speex/speex_echo.h and speex/speex_preprocess.h
_ECHO_SET_SAMPLING_RATE = 24
_PREPROCESS_SET_DENOISE = 0
_PREPROCESS_SET_NOISE_SUPPRESS = 18
_PREPROCESS_SET_ECHO_STATE = 24

NOISE_DB = -6
"""By how much noise is made softer: little, for models of speech."""


class SpeexWithPreprocessor:
    """One microphone, 10 ms at a time.

    Args:
        tail: Seconds after the reference in which an echo may come, delay and room together.
    """

    def __init__(self, tail: float = 0.3) -> None:
        self._library = _library()
        init = self._library.speex_echo_state_init
        self._echo = ctypes.c_void_p(init(FRAME_SAMPLES, round(tail * RATE)))
        self._behind = ctypes.c_void_p(
            self._library.speex_preprocess_state_init(FRAME_SAMPLES, RATE)
        )
        weakref.finalize(self, self._library.speex_echo_state_destroy, self._echo)
        weakref.finalize(self, self._library.speex_preprocess_state_destroy, self._behind)
        rate, on, softer = ctypes.c_int(RATE), ctypes.c_int(1), ctypes.c_int(NOISE_DB)
        self._library.speex_echo_ctl(self._echo, _ECHO_SET_SAMPLING_RATE, ctypes.byref(rate))
        control = self._library.speex_preprocess_ctl
        control(self._behind, _PREPROCESS_SET_ECHO_STATE, self._echo)
        control(self._behind, _PREPROCESS_SET_DENOISE, ctypes.byref(on))
        control(self._behind, _PREPROCESS_SET_NOISE_SUPPRESS, ctypes.byref(softer))

    def process(self, heard: Samples, played: Samples) -> Samples:
        """Take shape ``(160,)`` of microphone and reference; give as much."""
        heard, played = np.ascontiguousarray(heard), np.ascontiguousarray(played)
        left = np.empty(FRAME_SAMPLES, dtype=np.int16)
        self._library.speex_echo_cancellation(
            self._echo, heard.ctypes.data, played.ctypes.data, left.ctypes.data
        )
        self._library.speex_preprocess_run(self._behind, left.ctypes.data)
        return left


class SpeexCanceller:
    """The linear part alone, one filter per microphone; see ``appliance.enhance.types.Canceller``.

    Samples are rounded to 16 bits.

    Args:
        microphones: How many channels the blocks have.
        tail: Seconds after the reference in which an echo may come, delay and room together.
    """

    def __init__(self, microphones: int, tail: float = 0.3) -> None:
        library = _library()
        self._cancel = library.speex_echo_cancellation
        self._filters = [
            ctypes.c_void_p(library.speex_echo_state_init(FRAME_SAMPLES, round(tail * RATE)))
            for _ in range(microphones)
        ]
        rate = ctypes.c_int(RATE)
        for state in self._filters:
            weakref.finalize(self, library.speex_echo_state_destroy, state)
            library.speex_echo_ctl(state, _ECHO_SET_SAMPLING_RATE, ctypes.byref(rate))

    def process(self, block: Block, reference: Mono) -> Block:
        """Take the next 10 ms and its aligned reference; give what is not echo."""
        heard, played = _sixteen(block), _sixteen(reference)
        left = np.empty_like(heard)
        for at, state in enumerate(self._filters):
            skip = at * heard.strides[0]
            self._cancel(
                state, heard.ctypes.data + skip, played.ctypes.data, left.ctypes.data + skip
            )
        clean: Block = left.astype(np.float32) / np.float32(FULL_SCALE)
        return clean


def _sixteen(sound: NDArray[np.float32]) -> NDArray[np.int16]:
    scaled = np.rint(np.clip(sound * np.float32(FULL_SCALE), -32_768, 32_767))
    return np.ascontiguousarray(scaled, dtype=np.int16)


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libspeexdsp.so.1")
    pointer, integer = ctypes.c_void_p, ctypes.c_int
    for init in (library.speex_echo_state_init, library.speex_preprocess_state_init):
        init.restype = pointer
        init.argtypes = [integer, integer]
    library.speex_echo_ctl.argtypes = [pointer, integer, pointer]
    library.speex_preprocess_ctl.argtypes = [pointer, integer, pointer]
    library.speex_echo_cancellation.argtypes = [pointer, pointer, pointer, pointer]
    library.speex_preprocess_run.argtypes = [pointer, pointer]
    library.speex_echo_state_destroy.argtypes = [pointer]
    library.speex_preprocess_state_destroy.argtypes = [pointer]
    return library
