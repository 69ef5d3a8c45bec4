"""The whole path on recordings: real models, a real mosquitto, a simulated kitchen."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
import soxr

from appliance.audio.recording import Recording, read
from appliance.config import Config
from appliance.config.model import Tools, Wake
from appliance.units import SampleRate
from tests.end_to_end.conftest import Played, Player
from tests.recordings import AUDIO, hiss, quiet

ROOT = Path(__file__).parents[2]
ROOM = ROOT / "appliance" / "demo" / "room.flac"
RATE = SampleRate(16_000)


def mono(samples: np.ndarray[tuple[int], np.dtype[np.int16]]) -> Recording:
    return Recording(samples.reshape(-1, 1), RATE)


@pytest.fixture(scope="module")
def room(play: Player) -> Played:
    return play(read(ROOM))


def test_first_request_goes_the_whole_way_from_the_wake_word_to_the_spoken_reply(
    room: Played,
) -> None:
    events = [entry.event for entry in room.entries]
    first = events[: events.index("reply") + 1]
    assert first == [
        "wake",
        "speech",
        "end_of_turn",
        "transcript",
        "understood",
        "tool_call",
        "tool_answer",
        "reply",
    ]
    assert room.calls()[0] == ("set_light", {"light": "kitchen_light", "state": "on"})
    assert room.named("tool_answer")[0].data["status"] == "done"
    assert room.named("reply")[0].text == "“The kitchen light is on.”"


def test_every_person_in_the_room_is_heard_and_gets_what_was_asked_for(room: Played) -> None:
    assert len(room.named("wake")) == 4
    tools = [tool for tool, _ in room.calls()]
    assert tools == ["set_light", "set_light", "set_blind", "set_temperature", "get_time"]
    statuses = {entry.data["status"] for entry in room.named("tool_answer")}
    assert statuses == {"done"}


def test_follow_up_without_the_wake_word_is_about_the_same_lamp(room: Played) -> None:
    _, arguments = room.calls()[1]
    assert isinstance(arguments, dict)
    assert arguments["light"] == "kitchen_light"
    assert arguments["brightness"] == 30


def test_what_nobody_can_do_is_answered_honestly_and_nothing_is_done(room: Played) -> None:
    assert room.named("understood")[-1].data["stage"] == "none"
    assert "understand" in room.named("reply")[-1].text


def test_reply_that_was_played_says_what_it_should(room: Played, play: Player) -> None:
    sound = soxr.resample(room.reply, room.rate, 16_000)
    began = room.named("sound")[0].at
    first = sound[int(began * 16_000) : int((began + 2.5) * 16_000)]
    heard = play.parts.transcriber.transcribe(play.parts.trim(first)).lower()
    assert "kitchen light is on" in heard


def test_box_is_silent_while_it_has_nothing_to_say(room: Played) -> None:
    before = room.reply[: int(room.named("sound")[0].at * room.rate) - 160]
    assert not before.any()


def test_same_recording_gives_the_same_events_at_the_same_samples(
    room: Played, play: Player
) -> None:
    def told(played: Played) -> list[tuple[str, float, str]]:
        late = {"set_blind", "set_temperature"}  # two at once: the house decides who is first
        return [
            (event, at, text)
            for event, at, text in played.happened()
            if at < 37.0 and not any(name in text for name in late)  # then the time is told
        ]

    assert told(play(read(ROOM))) == told(room)


def test_nothing_is_lost_on_the_way(room: Played) -> None:
    assert room.counters.ring_overflows == 0
    assert room.counters.reply_gaps == 0


def test_person_who_orders_coffee_gets_it_from_a_machine_that_is_only_a_manifest(
    play: Player, tmp_path: Path
) -> None:
    expected = tomllib.loads((AUDIO / "alexa_coffee.toml").read_text())
    config = Config(
        wake=Wake(words=("alexa",)), tools=Tools(folders=(ROOT / "tests" / "data" / "manifests",))
    )
    played = play(read(AUDIO / "alexa_coffee.flac"), config, path=tmp_path / "config.toml")
    assert [entry.data["word"] for entry in played.named("wake")] == ["alexa"]
    ((tool, arguments),) = played.calls()
    assert tool == "order_coffee"
    assert arguments == expected["slots"]


def test_lone_wake_word_goes_back_to_rest_with_a_sound(play: Player) -> None:
    config = Config(wake=Wake(words=("alexa",)))
    played = play(read(AUDIO / "alexa_lone.flac"), config)
    events = [entry.event for entry in played.entries]
    assert events == ["wake", "prompt", "rest"]
    assert played.entries[-1].text == "nobody spoke"
    assert played.reply.any()


@pytest.mark.parametrize(
    "sound",
    [
        quiet(6.0),
        hiss(6.0, level=3000.0),
        np.full(96_000, 32_767, np.int16),
        np.zeros(96_000, np.int16),
    ],
    ids=["quiet", "loud noise", "stuck at full scale", "digital silence"],
)
def test_sound_without_speech_brings_the_box_back_to_rest(
    play: Player, sound: np.ndarray[tuple[int], np.dtype[np.int16]]
) -> None:
    played = play(mono(sound), wake=False)
    assert played.calls() == []
    assert played.entries[-1].event == "rest"


def test_half_a_word_is_answered_or_ends_at_rest(play: Player) -> None:
    room = read(ROOM).samples[:, 0]
    half = np.concatenate([quiet(1.0), room[int(2.4 * RATE) : int(2.7 * RATE)], quiet(6.0)])
    played = play(mono(half), wake=False)
    assert played.calls() == []
    assert played.entries[-1].event == "rest"


def test_somebody_who_talks_for_a_minute_is_cut_off_and_answered(play: Player) -> None:
    order = read(AUDIO / "order_latte.flac").samples[:, 0]
    talk = np.concatenate([order] * (1 + 60 * RATE // len(order)))
    config = Config()
    played = play(mono(talk), config, wake=False)
    first = played.named("end_of_turn")[0]
    assert first.at <= config.speech.longest_s + 5.0
    assert played.named("understood") or played.named("rest")
    assert played.entries[-1].event == "rest"


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_recording_of_any_rate_and_number_of_channels_is_heard(
    play: Player, rate: int, channels: int
) -> None:
    if rate == 8_000 and channels != 1:
        channels = 1
    first = read(ROOM).samples[: int(7.0 * RATE), 0]
    sound = soxr.resample(first, RATE, rate)
    samples = np.repeat(np.asarray(sound, dtype=np.int16).reshape(-1, 1), channels, axis=1)
    played = play(Recording(samples, SampleRate(rate)))
    if rate >= 16_000:
        assert played.calls()[0] == ("set_light", {"light": "kitchen_light", "state": "on"})
    assert played.entries[-1].event == "rest"
