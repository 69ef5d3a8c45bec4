"""What listening costs: the whole path of a frame, beside its two indispensable parts alone.

The path is the card's block into the ring, the frame out of it, enhancement, and hearing with one
ready-made wake word, at rest and while somebody speaks to the box (webrtcvad and Silero, too).
Beside it, on the same frames of the same run, in turns, webrtcvad and pymicro-wakeword are called
bare. A frame of three carries the model's work, so the mean says what it costs and the median
only how most frames fare; the ratio is the median over stretches of 3 s of the ratio of their
sums. Time is the thread's own on the processor, so that other programs do not count.
"""

import argparse
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import thread_time_ns

import numpy as np
import webrtcvad
from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model

from appliance.audio.capture import Capture
from appliance.audio.counters import CardCounters
from appliance.detect.embedding import EmbeddingWake, Head
from appliance.detect.endpoint import Tuning
from appliance.detect.speech import GATE_MODE, SpeechEdges
from appliance.detect.wake import MicroWake
from appliance.enhance.chain import Chain
from appliance.frames import FRAME_SAMPLES, FRAME_SECONDS, RATE
from appliance.hearing import AT_REST, Hearing, Mode
from appliance.units import SampleIndex, Seconds
from tests.benchmarks import Row
from tests.benchmarks._voices import read
from tests.recordings import AUDIO, Sound, frames, hiss, quiet, recording

NAME = "listening"
SUMMARY = "Cost of a 10 ms frame, listening, beside webrtcvad and pymicro-wakeword bare."

WORD = "hey_jarvis"

MOST = 1.5
"""How much of the bare cost the whole path may take."""

STRETCH = 300
"""Frames over which a ratio is taken."""

Step = Callable[[Sound], None]


@dataclass(slots=True)
class Costs:
    """Nanoseconds per frame, in order."""

    whole: list[int] = field(default_factory=list)
    bare: list[int] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        starts = range(0, len(self.whole) - STRETCH + 1, STRETCH)
        return statistics.median(
            sum(self.whole[i : i + STRETCH]) / sum(self.bare[i : i + STRETCH]) for i in starts
        )


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--noise", type=Path, metavar="FILE", help="listening: a recording instead of the kitchen"
    )
    parser.add_argument(
        "--backbone", type=Path, default=Path("models/files/speech-embedding"),
        metavar="FOLDER", help="listening: the models behind words of one's own",
    )  # fmt: skip
    parser.add_argument(
        "--silero", type=Path, default=Path("models/files/silero-vad/silero_vad.onnx"),
        metavar="FILE", help="listening: the speech model",
    )  # fmt: skip


def run(options: argparse.Namespace) -> list[Row]:
    sound = _room(options.noise)
    rest = _measure(_path(options.silero, AT_REST), sound)
    speaking = Mode(audio_from=SampleIndex(0), speech_from=SampleIndex(0))
    open_mic = _measure(_path(options.silero, speaking), sound)
    heard = f"{len(sound) / RATE:.0f} s: quiet, hiss, a kitchen, people"
    return [
        Row("at rest: whole path / bare", rest.ratio, "x", limit=MOST, note=heard),
        *_rows("at rest, whole path", rest.whole),
        *_rows("bare webrtcvad + pymicro-wakeword", rest.bare),
        Row("in a turn: whole path / bare", open_mic.ratio, "x", note="with webrtcvad and Silero"),
        *_rows("in a turn, whole path", open_mic.whole),
        _own_word(options.backbone, sound[: 20 * RATE]),
    ]


def _own_word(backbone: Path, sound: Sound) -> Row:
    detector = EmbeddingWake(backbone, [Head("computer", AUDIO.parent / "models/computer.onnx")])
    begin = thread_time_ns()
    for frame in frames(sound):
        detector.process(frame)
    share = 100 * (thread_time_ns() - begin) / (1e9 * len(sound) / RATE)
    return Row("a word of one's own, besides: share of a core", share, "%")


def _rows(what: str, costs: list[int]) -> list[Row]:
    mean = statistics.fmean(costs)
    return [
        Row(f"{what}: mean", mean / 1e3, "µs"),
        Row(f"{what}: median", statistics.median(costs) / 1e3, "µs"),
        Row(f"{what}: p99", float(np.percentile(costs, 99)) / 1e3, "µs"),
        Row(f"{what}: share of a core", 100 * mean / (FRAME_SECONDS * 1e9), "%"),
    ]


def _room(noise: Path | None) -> Sound:
    """Return a minute of what a box hears, some of it speech."""
    kitchen = recording("kitchen") if noise is None else read(noise)[: 20 * RATE]
    people = [recording(path.stem) for path in sorted(AUDIO.glob("*.flac"))]
    pieces = [quiet(8.0), hiss(4.0, level=300.0), np.resize(kitchen, 12 * RATE), *people]
    return np.concatenate(pieces)


def _path(silero: Path, mode: Mode) -> Step:
    capture = Capture(CardCounters())
    capture.opened(RATE, 1)
    captured = capture.frames()
    hearing = Hearing(
        Chain(), [MicroWake([WORD])], SpeechEdges(silero, Tuning()), pre_roll=Seconds(1.2)
    )

    def step(samples: Sound) -> None:
        capture.write(samples.reshape(-1, 1))
        hearing.process(next(captured), mode)

    return step


def _bare() -> Step:
    gate = webrtcvad.Vad(GATE_MODE)
    features = MicroWakeWordFeatures()
    model = MicroWakeWord.from_builtin(Model(WORD))

    def step(samples: Sound) -> None:
        sound = samples.tobytes()
        gate.is_speech(sound, RATE)
        for feature in features.process_streaming(sound):
            model.process_streaming(feature)

    return step


def _measure(whole: Step, sound: Sound) -> Costs:
    bare = _bare()
    costs = Costs()
    blocks = [
        sound[i : i + FRAME_SAMPLES] for i in range(0, len(sound) - FRAME_SAMPLES, FRAME_SAMPLES)
    ]
    for number, block in enumerate([*blocks[:STRETCH], *blocks]):  # the first ones warm up
        steps = ((whole, costs.whole), (bare, costs.bare))
        for step, taken in steps if number % 2 else reversed(steps):  # neither always runs warm
            begin = thread_time_ns()
            step(block)
            cost = thread_time_ns() - begin
            if number >= STRETCH:
                taken.append(cost)
    return costs
