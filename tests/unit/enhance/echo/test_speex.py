import ctypes
import gc

import numpy as np
import pytest

from appliance.enhance.echo import speex
from appliance.enhance.echo.speex import SpeexCanceller
from appliance.errors import ModelError
from appliance.frames import FRAME_SAMPLES


def erle(canceller: SpeexCanceller, frames: int, *, seed: int = 1) -> float:
    """In dB, of the last 50 frames."""
    random = np.random.default_rng(seed)
    played = random.normal(0, 0.1, frames * FRAME_SAMPLES).astype(np.float32)
    heard = np.concatenate([np.zeros(800, np.float32), played[:-800]]) * np.float32(0.5)
    left = np.zeros_like(heard)
    for start in range(0, len(heard), FRAME_SAMPLES):
        at = slice(start, start + FRAME_SAMPLES)
        left[at] = canceller.process(heard[np.newaxis, at], played[at])[0]
    late = slice(-50 * FRAME_SAMPLES, None)
    return float(10 * np.log10((heard[late] ** 2).sum() / (left[late] ** 2).sum()))


def test_an_echo_goes() -> None:
    assert erle(SpeexCanceller(1), 400) > 15


def test_it_starts_anew_after_a_large_slide_only() -> None:
    canceller = SpeexCanceller(1)
    erle(canceller, 400)
    silence = np.zeros((1, FRAME_SAMPLES), np.float32)
    played = np.sin(np.arange(FRAME_SAMPLES) / 3, dtype=np.float32)
    canceller.slide(8)
    canceller.process(silence, played)
    assert abs(canceller.echo).max() > 0.01
    canceller.slide(800)
    canceller.process(silence, played)
    assert not canceller.echo.any()


def test_channels_do_not_mix() -> None:
    canceller = SpeexCanceller(2)
    heard = np.zeros((2, FRAME_SAMPLES), np.float32)
    heard[1] = np.sin(np.arange(FRAME_SAMPLES) / 5)
    left = canceller.process(heard, np.zeros(FRAME_SAMPLES, np.float32))
    assert not left[0].any()
    assert left[1].any()
    assert np.allclose(left + canceller.echo, heard, atol=1e-6)


def test_it_keeps_what_it_learnt_to_itself() -> None:
    canceller = SpeexCanceller(1)
    assert canceller.state() == {}
    assert not canceller.restore({})


def test_its_memory_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    freed = []
    library = speex._library()
    destroy = library.speex_echo_state_destroy

    def noted(state: ctypes.c_void_p) -> None:
        freed.append(state.value)
        destroy(state)

    monkeypatch.setattr(library, "speex_echo_state_destroy", noted)
    canceller = SpeexCanceller(3)
    assert freed == []
    del canceller
    gc.collect()
    assert len(set(freed)) == 3


def test_a_missing_library_is_said_with_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speex, "_LIBRARY", "libnot-there.so.0")
    speex._library.cache_clear()
    try:
        with pytest.raises(ModelError, match="apt install libspeexdsp1"):
            SpeexCanceller(1)
    finally:
        speex._library.cache_clear()
