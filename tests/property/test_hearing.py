"""After ``listen`` every frame from the asked-for position on is delivered once, in order."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from appliance.events import HeardEvent, SpeechStarted
from appliance.frames import FRAME_SAMPLES, RATE, Frame, Taps
from appliance.hearing import AT_REST, REACTION, Hearing, Mode
from appliance.units import SampleIndex, Seconds

KEPT = 20
PRE_ROLL = Seconds(KEPT * FRAME_SAMPLES / RATE - REACTION)  # negative, to keep the stories short


class Plain:
    converged = False
    bearing: float | None = None

    def process(self, frame: Frame) -> Taps:
        tap = Frame(frame.samples[:, 0], frame.start)
        return Taps(wake=tap, speech=tap, recognition=tap)


class Recorder:
    """A speech detector that writes down the runs of sound it was given."""

    def __init__(self) -> None:
        self.runs: list[list[int]] = []

    def reset(self) -> None:
        self.runs.append([])

    def process(self, frame: Frame, *, playing: bool = False) -> HeardEvent | None:
        del playing
        self.runs[-1].append(frame.start // FRAME_SAMPLES)
        return SpeechStarted(frame.start) if frame.start % (7 * FRAME_SAMPLES) == 0 else None


def raw(number: int) -> Frame:
    samples = np.full((FRAME_SAMPLES, 1), number, dtype=np.int16)
    return Frame(samples, SampleIndex(number * FRAME_SAMPLES))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("hear"), st.integers(min_value=1, max_value=30), st.just(0)),
        st.tuples(  # how far back, in samples, sound and speech are wanted
            st.just("listen"),
            st.integers(min_value=-800, max_value=30 * FRAME_SAMPLES),
            st.integers(min_value=-800, max_value=30 * FRAME_SAMPLES),
        ),
        st.tuples(st.just("watch"), st.just(0), st.just(0)),
        st.tuples(st.just("rest"), st.just(0), st.just(0)),
        st.tuples(st.just("lose"), st.integers(min_value=1, max_value=50), st.just(0)),
    ),
    max_size=25,
)


class Story:
    """Plays steps to a ``Hearing`` and works out by plain lists what must come."""

    def __init__(self) -> None:
        self.speech = Recorder()
        self.hearing = Hearing(Plain(), [], self.speech, pre_roll=PRE_ROLL)
        self.mode = AT_REST
        self.number = 0
        self.past: list[int] = []
        self.new_mode = False

    def become(self, mode: Mode) -> None:
        self.mode, self.new_mode = mode, mode is not AT_REST
        self.speech.runs.clear()

    def hear(self) -> None:
        offered = [*(self.past[-KEPT:] if self.new_mode else []), self.number]
        before = [number for run in self.speech.runs for number in run]
        heard = self.hearing.process(raw(self.number), self.mode)
        audio, speech = self.mode.audio_from, self.mode.speech_from
        frames = [item.frame for item in heard if item.frame is not None]
        assert [frame.start // FRAME_SAMPLES for frame in frames] == [
            n for n in offered if audio is not None and n * FRAME_SAMPLES >= audio
        ]
        assert all((frame.samples == frame.start // FRAME_SAMPLES).all() for frame in frames)
        looked = [n for n in offered if speech is not None and n * FRAME_SAMPLES >= speech]
        assert [n for run in self.speech.runs for n in run] == before + looked
        edges = [event for item in heard for event in item.events]
        assert edges == [
            SpeechStarted(SampleIndex(n * FRAME_SAMPLES)) for n in looked if n % 7 == 0
        ]
        for run in self.speech.runs:  # between two resets, sound has no holes
            assert run == list(range(run[0], run[0] + len(run)))
        self.past.append(self.number)
        self.number += 1
        self.new_mode = False


@given(steps=STEPS)
def test_no_frame_twice_and_none_missing(steps: list[tuple[str, int, int]]) -> None:
    story = Story()
    for step, first, second in steps:
        end = story.hearing.end
        match step:
            case "hear":
                for _ in range(first):
                    story.hear()
            case "listen":
                story.become(
                    Mode(
                        audio_from=SampleIndex(end - first), speech_from=SampleIndex(end - second)
                    )
                )
            case "watch":
                story.become(Mode(speech_from=end))
            case "rest":
                story.become(AT_REST)
            case _:  # lose
                story.number += first
