"""The endpointer's rules, for any probabilities over blocks of any length."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from appliance.detect.endpoint import Endpointer, Tuning
from appliance.events import SpeechEnded, SpeechPaused, SpeechStarted
from appliance.frames import samples
from appliance.units import SampleIndex, Seconds

tunings = st.builds(
    Tuning,
    threshold=st.floats(0.05, 0.95),
    trailing_silence=st.floats(0.0, 1.0).map(Seconds),
    pause=st.floats(0.0, 1.0).map(Seconds),
    shortest=st.floats(0.0, 0.5).map(Seconds),
    longest=st.floats(0.6, 4.0).map(Seconds),
)

# Long stretches of one kind, or no run would ever be long enough to become an edge.
probabilities = st.one_of(
    st.just(1.0), st.just(0.0), st.floats(0.0, 1.0), st.just(float("nan")), st.floats()
)
stretches = st.lists(
    st.tuples(probabilities, st.integers(0, 2_000), st.integers(1, 60)), max_size=12
)


@dataclass(frozen=True, slots=True)
class Told:
    edge: SpeechStarted | SpeechEnded
    now: int


def play(tuning: Tuning, story: list[tuple[float, int, int]], begin: int) -> list[Told]:
    """Return the edges; what must hold of the pauses between them is checked on the way."""
    endpointer = Endpointer(tuning, SampleIndex(begin))
    now, told = begin, []
    paused: int | None = None
    for probability, length, times in story:
        for _ in range(times):
            now += length
            edge = endpointer.feed(probability, SampleIndex(now))
            if isinstance(edge, SpeechPaused):
                assert endpointer.speaking
                assert edge.at > (paused if paused is not None else -1)
                assert now - edge.at >= samples(tuning.pause)
                paused = edge.at
            elif edge is not None:
                assert not isinstance(edge, SpeechEnded) or edge.at >= (paused or 0)
                told.append(Told(edge, now))
            assert endpointer.speaking == (bool(told) and isinstance(told[-1].edge, SpeechStarted))
    return told


@given(tunings, stretches, st.integers(0, 10**9))
def test_edges_alternate_and_begin_with_a_start(
    tuning: Tuning, story: list[tuple[float, int, int]], begin: int
) -> None:
    kinds = [type(told.edge) for told in play(tuning, story, begin)]
    assert kinds == [SpeechStarted, SpeechEnded] * (len(kinds) // 2) + (
        [SpeechStarted] if len(kinds) % 2 else []
    )


@given(tunings, stretches, st.integers(0, 10**9))
def test_edges_lie_in_order_and_never_in_the_future(
    tuning: Tuning, story: list[tuple[float, int, int]], begin: int
) -> None:
    told = play(tuning, story, begin)
    positions = [begin, *(t.edge.at for t in told)]
    assert positions == sorted(positions)
    assert all(t.edge.at <= t.now for t in told)


@given(tunings, stretches)
def test_a_start_is_told_only_after_the_shortest_speech(
    tuning: Tuning, story: list[tuple[float, int, int]]
) -> None:
    for told in play(tuning, story, 0):
        if isinstance(told.edge, SpeechStarted):
            assert told.now - told.edge.at >= samples(tuning.shortest)


@given(tunings, stretches)
def test_an_end_has_its_silence_behind_it_or_comes_after_the_longest_speech(
    tuning: Tuning, story: list[tuple[float, int, int]]
) -> None:
    started = 0
    for told in play(tuning, story, 0):
        match told.edge:
            case SpeechStarted(at=at):
                started = at
            case SpeechEnded(at=at):
                silent, spoken = told.now - at, told.now - started
                assert silent >= samples(tuning.trailing_silence) or spoken >= samples(
                    tuning.longest
                )


@given(tunings, stretches, st.integers(1, 1_000))
def test_no_speech_goes_on_longer_than_the_longest(
    tuning: Tuning, story: list[tuple[float, int, int]], step: int
) -> None:
    told = play(tuning, [*story, (1.0, step, 3 + samples(5.0) // step)], 0)
    assert any(isinstance(t.edge, SpeechEnded) for t in told)
    steps = max([step, *(length for _, length, _ in story)])
    starts = [t for t in told if isinstance(t.edge, SpeechStarted)]
    ends = [t for t in told if isinstance(t.edge, SpeechEnded)]
    for start, end in zip(starts, ends, strict=False):
        # told with the first block after the longest speech, or after the start if that is later
        assert (
            end.now - start.edge.at
            < max(samples(tuning.longest), start.now - start.edge.at) + 2 * steps
        )


@given(tunings, st.integers(1, 2_000), st.integers(1, 2_000))
def test_speech_and_silence_that_are_long_enough_are_told_whatever_the_blocks(
    tuning: Tuning, speech_step: int, silence_step: int
) -> None:
    told = play(
        tuning,
        [
            (1.0, speech_step, 1 + samples(tuning.shortest) // speech_step),
            (0.0, silence_step, 2 + samples(tuning.trailing_silence) // silence_step),
        ],
        0,
    )
    assert [type(t.edge) for t in told[:2]] == [SpeechStarted, SpeechEnded]
    assert told[0].edge.at == 0
