import numpy as np
import pytest

from appliance.enhance.chain import Chain
from appliance.frames import Frame
from appliance.units import SampleIndex

RAW = Frame(np.arange(8, dtype=np.int16).reshape(4, 2), SampleIndex(320))


@pytest.mark.parametrize(("channel", "expected"), [(0, [0, 2, 4, 6]), (1, [1, 3, 5, 7])])
def test_chosen_microphone_is_heard(channel: int, expected: list[int]) -> None:
    taps = Chain(channel=channel).process(RAW)

    assert taps.wake.samples.tolist() == expected
    assert taps.speech.samples.tolist() == expected
    assert taps.wake.samples.flags.c_contiguous
    assert taps.wake.start == taps.speech.start == 320


def test_card_with_fewer_microphones_is_heard_by_its_last() -> None:
    assert Chain(channel=5).process(RAW).wake.samples.tolist() == [1, 3, 5, 7]


def test_one_microphone_is_heard_without_copying() -> None:
    raw = Frame(np.arange(4, dtype=np.int16)[:, np.newaxis], SampleIndex(0))

    taps = Chain().process(raw)

    assert np.shares_memory(taps.wake.samples, raw.samples)
    assert taps.wake.samples.shape == (4,)
