"""The edges of speech by the real Silero, gated by the real webrtcvad."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from appliance.detect.endpoint import Tuning
from appliance.detect.speech import WINDOW, Silero, SpeechEdges
from appliance.errors import ModelError
from appliance.events import SpeechEnded, SpeechStarted
from appliance.frames import RATE, Frame, samples
from appliance.units import SampleIndex, Seconds
from tests.models import model_folder
from tests.recordings import Sound, frames, hiss, quiet, recording

Edges = list[SpeechStarted | SpeechEnded]

ORDERS = ("order_latte", "order_mocha")


def silero() -> Path:
    return model_folder("silero-vad") / "silero_vad.onnx"


def detector(tuning: Tuning | None = None, *, gated: bool = True) -> SpeechEdges:
    return SpeechEdges(silero(), tuning or Tuning(), gated=gated)


def edges(speech: SpeechEdges, sound: Sound, start: int = 0) -> Edges:
    events = (speech.process(frame) for frame in frames(sound, start))
    return [event for event in events if isinstance(event, SpeechStarted | SpeechEnded)]


def placed(name: str, snr_db: float | None) -> Sound:
    """Return an order with 2 s of quiet, or of the kitchen, in front and behind."""
    order = recording(name).astype(np.float64)
    sound = np.concatenate([np.zeros(2 * RATE), order, np.zeros(2 * RATE)])
    if snr_db is None:
        return np.asarray(sound + quiet(len(sound) / RATE), dtype=np.int16)
    kitchen = np.resize(recording("kitchen").astype(np.float64), len(sound))
    loud = np.sqrt(np.mean(order[np.abs(order) > 0.05 * np.abs(order).max()] ** 2))
    kitchen *= loud * 10 ** (-snr_db / 20) / np.sqrt(np.mean(kitchen**2))
    return np.clip(sound + kitchen, -32768, 32767).astype(np.int16)


def test_a_request_has_a_start_and_an_end_where_they_were_spoken() -> None:
    started, ended = edges(detector(), recording("alexa_coffee")[samples(2.72) :], samples(2.72))
    assert isinstance(started, SpeechStarted)
    assert isinstance(ended, SpeechEnded)
    assert abs(started.at - samples(2.81)) < 0.1 * RATE  # tests/data/audio/alexa_coffee.toml
    assert abs(ended.at - samples(5.09)) < 0.1 * RATE


def test_the_end_is_told_after_the_trailing_silence_and_no_later() -> None:
    speech = detector(Tuning(trailing_silence=Seconds(0.5)))
    for frame in frames(recording("alexa_coffee")):
        edge = speech.process(frame)
        if isinstance(edge, SpeechEnded):
            assert 0.5 * RATE <= frame.end - edge.at <= 0.5 * RATE + WINDOW + 160


def test_a_lone_wake_word_is_no_request() -> None:
    detected = samples(2.72)  # where the wake word model hears it: where one begins to look
    assert edges(detector(), recording("alexa_lone")[detected:], detected) == []


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(96_000, dtype=np.int16),
        quiet(6.0),
        hiss(6.0, level=3_000.0),
        np.full(96_000, -32_768, dtype=np.int16),
        recording("kitchen"),
    ],
    ids=["silence", "quiet", "noise", "stuck", "kitchen"],
)
def test_silence_and_noise_are_no_speech(sound: Sound) -> None:
    assert edges(detector(), sound) == []


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("snr_db", [None, 24.0, 12.0])
def test_the_gate_moves_no_edge_by_more_than_two_windows(name: str, snr_db: float | None) -> None:
    sound = placed(name, snr_db)
    gated, bare = edges(detector(), sound), edges(detector(gated=False), sound)
    assert [type(edge) for edge in gated] == [type(edge) for edge in bare]
    assert all(abs(a.at - b.at) <= 2 * WINDOW for a, b in zip(gated, bare, strict=True))
    assert gated


def test_in_a_quiet_room_silero_is_not_asked() -> None:
    speech = detector()
    edges(speech, quiet(10.0))
    assert speech.asked < 0.2 * 10 * RATE / WINDOW
    edges(speech, placed("order_mocha", None), start=10 * RATE)
    while_speaking = speech.asked
    edges(speech, quiet(10.0), start=30 * RATE)
    assert speech.asked - while_speaking < 0.2 * 10 * RATE / WINDOW


def test_after_a_reset_it_is_as_new() -> None:
    speech, sound = detector(), placed("order_mocha", 12.0)
    first = edges(speech, sound)
    speech.reset()
    assert edges(speech, sound) == first
    speech.reset()
    later = edges(speech, sound, start=1_000_000)
    assert [edge.at - 1_000_000 for edge in later] == [edge.at for edge in first]


def test_a_reset_in_the_middle_of_speech_forgets_it() -> None:
    speech, sound = detector(), placed("order_mocha", None)
    (started,) = edges(speech, sound[: 4 * RATE])
    assert isinstance(started, SpeechStarted)
    speech.reset()
    assert edges(speech, quiet(3.0), start=10 * RATE) == []


def test_what_was_left_out_before_a_reset_is_forgotten_too() -> None:
    speech, sound = detector(), recording("alexa_coffee")[samples(2.82) :]
    edges(speech, quiet(2.0))
    speech.reset()
    assert edges(speech, sound, start=10 * RATE) == edges(detector(), sound, start=10 * RATE)


def test_talk_without_end_is_ended() -> None:
    talk = np.tile(recording("order_latte")[8_000:40_000], 6)
    ended = [
        edge
        for edge in edges(detector(Tuning(longest=Seconds(3.0))), talk)
        if isinstance(edge, SpeechEnded)
    ]
    assert len(ended) >= 2


def test_frames_of_other_lengths_give_the_same_edges_without_the_gate() -> None:
    sound = placed("order_mocha", None)
    cuts = [0, *np.cumsum(np.random.default_rng(0).integers(1, WINDOW, 2_000)).tolist()]
    cuts = [i for i in cuts if i <= len(sound)]
    speech = detector(gated=False)
    told = [speech.process(Frame(sound[a:b], SampleIndex(a))) for a, b in pairwise(cuts)]
    whole = [edge for edge in told if isinstance(edge, SpeechStarted | SpeechEnded)]
    assert whole == edges(detector(gated=False), sound)


def test_another_model_is_refused_by_name() -> None:
    with pytest.raises(ModelError, match=r"embedding_model\.onnx: not a Silero"):
        Silero(model_folder("speech-embedding") / "embedding_model.onnx")
