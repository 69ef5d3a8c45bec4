"""The endpointer on stories that one can follow; tests/property has the rules."""

from appliance.detect.endpoint import Edge, Endpointer, Tuning
from appliance.events import SpeechEnded, SpeechPaused, SpeechStarted
from appliance.frames import samples
from appliance.units import SampleIndex, Seconds

STEP = 160
TUNING = Tuning(
    threshold=0.5, trailing_silence=Seconds(0.5), shortest=Seconds(0.1), longest=Seconds(3.0)
)


def edges(
    *story: tuple[float, float], begin: int = 0, tuning: Tuning = TUNING
) -> list[tuple[SpeechStarted | SpeechEnded, float]]:
    """Play (probability, seconds) pieces; return each edge with the second it was told at."""
    told = everything(*story, begin=begin, tuning=tuning)
    return [(edge, at) for edge, at in told if not isinstance(edge, SpeechPaused)]


def everything(
    *story: tuple[float, float], begin: int = 0, tuning: Tuning = TUNING
) -> list[tuple[Edge, float]]:
    """Return the pauses, too."""
    endpointer = Endpointer(tuning, SampleIndex(begin))
    now = begin
    told: list[tuple[Edge, float]] = []
    for probability, length in story:
        for _ in range(samples(length) // STEP):
            now += STEP
            edge = endpointer.feed(probability, SampleIndex(now))
            if edge is not None:
                told.append((edge, round((now - begin) / 16_000, 3)))
    return told


def test_speech_is_dated_where_it_began_and_ended_and_told_when_that_is_sure() -> None:
    assert edges((0.0, 1.0), (0.9, 1.0), (0.0, 1.0)) == [
        (SpeechStarted(SampleIndex(16_000)), 1.1),
        (SpeechEnded(SampleIndex(32_000)), 2.5),
    ]


def test_each_silence_is_told_once_before_it_is_known_whether_it_is_the_end() -> None:
    told = everything((0.9, 1.0), (0.0, 0.4), (0.9, 1.0), (0.0, 1.0))
    assert [(edge, at) for edge, at in told if isinstance(edge, SpeechPaused)] == [
        (SpeechPaused(SampleIndex(samples(1.0))), 1.25),
        (SpeechPaused(SampleIndex(samples(2.4))), 2.65),
    ]
    assert told[-1][0] == SpeechEnded(SampleIndex(samples(2.4)))


def test_silence_inside_a_word_is_no_pause() -> None:
    told = everything((0.9, 0.5), (0.0, 0.2), (0.9, 0.5))
    assert not any(isinstance(edge, SpeechPaused) for edge, _ in told)


def test_positions_are_on_the_capture_clock() -> None:
    begin = 160_000
    told = edges((0.0, 1.0), (0.9, 1.0), (0.0, 1.0), begin=begin)
    assert [edge.at for edge, _ in told] == [begin + 16_000, begin + 32_000]


def test_a_sound_shorter_than_the_shortest_is_no_speech() -> None:
    assert edges((0.0, 1.0), (0.9, 0.09), (0.0, 3.0)) == []


def test_a_pause_shorter_than_the_trailing_silence_ends_nothing() -> None:
    story = edges((0.9, 0.5), (0.0, 0.49), (0.9, 0.5), (0.0, 1.0))
    assert [edge for edge, _ in story] == [
        SpeechStarted(SampleIndex(0)),
        SpeechEnded(SampleIndex(samples(1.49))),
    ]


def test_a_probability_between_the_thresholds_goes_on_but_does_not_begin() -> None:
    assert edges((0.4, 2.0)) == []
    assert edges((0.9, 0.05), (0.4, 0.1)) == [(SpeechStarted(SampleIndex(0)), 0.1)]
    assert edges((0.9, 0.2), (0.4, 1.0), (0.0, 1.0))[1][0] == SpeechEnded(
        SampleIndex(samples(1.2))
    )


def test_talk_without_end_is_ended_and_begins_anew() -> None:
    assert [edge for edge, _ in edges((0.9, 4.0), (0.0, 1.0))] == [
        SpeechStarted(SampleIndex(0)),
        SpeechEnded(SampleIndex(48_000)),
        SpeechStarted(SampleIndex(48_000)),
        SpeechEnded(SampleIndex(64_000)),
    ]


def test_talk_is_ended_in_time_even_while_its_trailing_silence_is_not_over() -> None:
    (_, _), (ended, told) = edges((0.9, 2.8), (0.0, 2.0))
    assert (ended, told) == (SpeechEnded(SampleIndex(samples(2.8))), 3.0)


def test_what_is_not_a_number_is_silence() -> None:
    assert edges((float("nan"), 2.0)) == []
    assert len(edges((0.9, 0.5), (float("nan"), 1.0))) == 2


def test_a_low_threshold_still_leaves_room_below_it_for_silence() -> None:
    tuning = Tuning(threshold=0.05)
    assert len(edges((0.9, 1.0), (0.01, 1.0), tuning=tuning)) == 2
