"""The ready-made wake words, on recordings of people."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.detect.wake import AnyWake, MicroWake
from appliance.errors import ModelError
from appliance.events import WakeWordHeard
from appliance.frames import Frame
from appliance.ports import WakeDetector
from appliance.units import SampleIndex, Seconds
from tests.recordings import Sound, frames, hiss, quiet, recording

WORDS = ("hey_jarvis", "alexa", "hey_mycroft", "okay_nabu")

ALEXAS = ("alexa_005", "alexa_031", "alexa_037")


def hear(detector: WakeDetector, sound: Sound, start: int = 0) -> list[WakeWordHeard]:
    events = (detector.process(frame) for frame in frames(sound, start))
    return [event for event in events if isinstance(event, WakeWordHeard)]


@pytest.mark.parametrize("name", ALEXAS)
def test_a_word_is_heard_once_whoever_says_it(name: str) -> None:
    sound = np.concatenate([quiet(1.0), recording(name), quiet(1.0)])
    (heard,) = hear(MicroWake(["alexa"]), sound)
    assert heard.word == "alexa"
    assert heard.score > 0.9


@pytest.mark.parametrize("name", ["order_latte", "order_mocha", "computer_103", "kitchen"])
def test_other_speech_and_a_kitchen_are_no_word(name: str) -> None:
    assert hear(MicroWake(WORDS), recording(name)) == []


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(64_000, dtype=np.int16),
        quiet(4.0),
        hiss(4.0, level=3_000.0),
        np.full(64_000, -32_768, dtype=np.int16),
        np.tile(np.array([32_767, -32_768], dtype=np.int16), 32_000),
    ],
    ids=["silence", "quiet", "noise", "stuck", "clipped"],
)
def test_silence_and_noise_are_no_word(sound: Sound) -> None:
    assert hear(MicroWake(WORDS), sound) == []


@pytest.mark.parametrize("name", ALEXAS)
def test_a_word_is_heard_right_after_the_start(name: str) -> None:
    assert len(hear(MicroWake(["alexa"]), np.concatenate([recording(name), quiet(0.5)]))) == 1


def test_the_word_is_placed_on_the_capture_clock_soon_after_it_ended() -> None:
    ends = round(2.66 * 16_000)  # tests/data/audio/alexa_coffee.toml
    detector = MicroWake(["alexa"])
    told = [(detector.process(f), f) for f in frames(recording("alexa_coffee"), 1_600_000)]
    ((heard, frame),) = [(event, frame) for event, frame in told if event]
    assert heard.at == frame.end
    assert 0 < heard.at - 1_600_000 - ends < 0.3 * 16_000


def test_the_same_sound_gives_the_same_events() -> None:
    sound = recording("alexa_coffee")
    assert hear(MicroWake(WORDS), sound) == hear(MicroWake(WORDS), sound)


def test_frames_of_other_lengths_give_the_same_word() -> None:
    sound = recording("alexa_lone")[: 4 * 16_000]
    detector = MicroWake(["alexa"])
    starts = [0, *np.cumsum(np.random.default_rng(0).integers(1, 400, 600)).tolist()]
    events = [
        detector.process(Frame(sound[a:b], SampleIndex(a)))
        for a, b in pairwise(i for i in starts if i < len(sound))
    ]
    (heard,) = [event for event in events if event]
    (expected,) = hear(MicroWake(["alexa"]), sound)
    assert heard.score == expected.score


def test_a_word_among_several_is_scored_as_if_it_were_alone() -> None:
    sound = recording("alexa_coffee")
    assert hear(MicroWake(WORDS), sound) == hear(MicroWake(["alexa"]), sound)


def test_two_detectors_do_not_share_what_they_heard() -> None:
    sound = np.concatenate([quiet(0.5), recording("alexa_005"), quiet(0.5)])
    first, second = MicroWake(["alexa"]), MicroWake(["alexa"])
    heard = [(first.process(frame), second.process(frame)) for frame in frames(sound)]
    assert [a for a, b in heard if a] == [b for a, b in heard if b]


def twice(gap: float) -> Sound:
    once = recording("alexa_lone")[: 3 * 16_000]
    return np.concatenate([once, quiet(gap), once, quiet(0.5)])


def test_a_second_word_within_the_refractory_time_is_not_heard() -> None:
    assert len(hear(MicroWake(["alexa"], refractory=Seconds(4.0)), twice(0.0))) == 1
    assert len(hear(MicroWake(["alexa"], refractory=Seconds(2.0)), twice(0.0))) == 2


def test_one_word_is_heard_once_even_without_a_refractory_time() -> None:
    assert len(hear(MicroWake(["alexa"], refractory=Seconds(0.0)), twice(0.0))) == 2


def test_several_detectors_are_one() -> None:
    joined = AnyWake(
        [MicroWake(["hey_jarvis"]), MicroWake(["alexa"]), MicroWake(["alexa"])],
        refractory=Seconds(2.0),
    )
    assert [heard.word for heard in hear(joined, twice(0.0))] == ["alexa", "alexa"]


def test_an_unknown_word_is_refused_with_those_there_are() -> None:
    with pytest.raises(ModelError, match=r"hey_house.*hey_jarvis"):
        MicroWake(["hey_house"])


@settings(max_examples=12)
@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.sampled_from([*ALEXAS, "order_mocha"]))
def test_what_is_heard_is_heard_when_more_sensitive_too(a: float, b: float, name: str) -> None:
    less, more = sorted([a, b])
    sound = np.concatenate([recording(name), quiet(0.5)])
    if hear(MicroWake(WORDS, sensitivity=less), sound):
        assert hear(MicroWake(WORDS, sensitivity=more), sound)
