"""The timeline: happenings in, entries out."""

from appliance.events import (
    BackendChanged,
    CallAnswered,
    DeadlineReached,
    EndOfTurnFound,
    Happening,
    PlaybackStarted,
    ReplyAudio,
    ReplyEnded,
    ReplyOffered,
    ReplyStarted,
    ReplyText,
    SpeechEnded,
    SpeechStarted,
    StageTook,
    ToolCalled,
    Transcribed,
    Understood,
    WakeWordHeard,
)
from appliance.timeline import Entry, Timeline
from appliance.units import CallId, ResponseId, SampleIndex, SampleRate, Seconds, TurnNumber

REPLY = ResponseId("reply")
RATE = SampleRate(22_050)


class Wall:
    def __init__(self) -> None:
        self.now = 10.0

    def __call__(self) -> float:
        return self.now


def told(*happenings: Happening) -> list[Entry]:
    entries: list[Entry] = []
    timeline = Timeline(Wall())
    timeline.watch(entries.append)
    for happening in happenings:
        timeline.note(happening, Seconds(2.5))
    return entries


def test_wake_word_is_told_with_its_score_and_its_place_in_the_sound() -> None:
    (entry,) = told(WakeWordHeard("hey_jarvis", 0.97, SampleIndex(32_000)))
    assert entry.as_json() == {
        "event": "wake",
        "at": 2.5,
        "word": "hey_jarvis",
        "score": 0.97,
        "position": 2.0,
    }


def test_a_wake_word_with_a_bearing_says_from_where() -> None:
    (entry,) = told(WakeWordHeard("hey_jarvis", 0.97, SampleIndex(32_000), bearing=119.6))
    assert entry.text == "hey jarvis (0.97), from 120°"
    assert entry.data["bearing_deg"] == 120
    (north,) = told(WakeWordHeard("hey_jarvis", 0.97, SampleIndex(32_000), bearing=359.7))
    assert north.data["bearing_deg"] == 0


def test_places_in_the_sound_are_told_on_the_clock_of_the_entries() -> None:
    entries: list[Entry] = []
    timeline = Timeline(Wall(), start=Seconds(100.0))
    timeline.watch(entries.append)
    timeline.sound_began(Seconds(103.5))
    timeline.sound_began(Seconds(160.0))  # the card came back
    timeline.note(SpeechStarted(SampleIndex(16_000)), Seconds(104.6))
    timeline.note(SpeechEnded(SampleIndex(32_000)), Seconds(106.3))
    assert [(round(e.at, 3), e.text) for e in entries] == [(4.6, "from 4.50 s"), (6.3, "5.50 s")]


def test_cost_of_a_step_is_told_beside_it() -> None:
    (entry,) = told(Transcribed(TurnNumber(1), "turn on the light", Seconds(0.164)))
    assert entry.as_json()["took_ms"] == 164.0
    assert entry.text == "“turn on the light”"


def test_each_stage_of_a_pipeline_is_told_with_its_times() -> None:
    took = StageTook(TurnNumber(1), "stt", "deepgram nova-3", Seconds(0.1024), Seconds(0.25))
    (entry,) = told(took)
    assert entry.as_json() == {
        "event": "stage",
        "at": 2.5,
        "took_ms": 250.0,
        "turn": 1,
        "stage": "stt",
        "title": "deepgram nova-3",
        "first_ms": 102.4,
    }
    assert entry.text == "stt: deepgram nova-3, first 102 ms"


def test_latency_counts_from_the_end_of_the_turn_to_the_first_sound_of_the_reply() -> None:
    wall = Wall()
    timeline = Timeline(wall)
    entries: list[Entry] = []
    timeline.watch(entries.append)
    timeline.note(SpeechEnded(SampleIndex(48_000)), Seconds(3.7))
    wall.now += 0.4
    for _ in range(3):
        timeline.note(ReplyAudio(REPLY, b"..", RATE), Seconds(3.7))
    assert [entry.event for entry in entries] == ["end_of_turn", "first_sound"]
    assert [round(latency, 3) for latency in timeline.latencies] == [0.4]


def test_every_piece_of_a_request_becomes_one_entry() -> None:
    call = CallId("call")
    entries = told(
        Understood(TurnNumber(1), "sentences", "set_light(state=on)", Seconds(0.01)),
        ToolCalled(call, REPLY, "set_light", {"state": "on"}),
        CallAnswered(call, "set_light", "done", Seconds(0.05)),
        ReplyText(REPLY, "The light is on."),
        PlaybackStarted(REPLY),
        DeadlineReached(),
    )
    assert [entry.event for entry in entries] == [
        "understood",
        "tool_call",
        "tool_answer",
        "reply",
        "sound",
    ]


def test_backend_that_takes_over_is_told_with_the_reason() -> None:
    (entry,) = told(BackendChanged("local", "backend.stalled", "realtime"))
    assert (entry.event, entry.text) == ("backend", "local  (backend.stalled)")
    assert entry.as_json() == {
        "event": "backend",
        "at": 2.5,
        "name": "local",
        "reason": "backend.stalled",
        "previous": "realtime",
    }


def test_latency_counts_from_the_end_that_the_backend_found() -> None:
    wall = Wall()
    timeline = Timeline(wall)
    timeline.note(SpeechEnded(SampleIndex(48_000)), Seconds(3.7))
    wall.now += 2.0
    timeline.note(EndOfTurnFound(), Seconds(5.7))
    wall.now += 0.3
    timeline.note(ReplyAudio(REPLY, b"..", RATE), Seconds(6.0))
    assert [round(latency, 3) for latency in timeline.latencies] == [0.3]


def test_offer_is_no_entry_of_its_own() -> None:
    assert told(ReplyOffered()) == []


def test_nothing_that_was_said_is_in_the_repr_of_an_entry() -> None:
    (entry,) = told(ReplyText(REPLY, "This is the secret."))
    assert "secret" not in repr(entry)


def test_watcher_that_left_is_told_nothing_more() -> None:
    timeline = Timeline(Wall())
    entries: list[Entry] = []
    leave = timeline.watch(entries.append)
    leave()
    timeline.note(ReplyText(REPLY, "hello"), Seconds(0.0))
    assert entries == []


def test_reply_that_is_told_in_pieces_of_words_is_shown_by_the_sentence() -> None:
    pieces = ["It", " is 2.", "5 de", "grees. ", "Sh", "all I go on?"]
    entries = told(
        ReplyStarted(REPLY, TurnNumber(1)),
        *(ReplyText(REPLY, piece) for piece in pieces),
        ReplyEnded(REPLY),
    )
    said = [entry.text for entry in entries if entry.event == "reply"]
    assert said == ["“It is 2.5 degrees.”", "“Shall I go on?”"]


def test_an_entry_that_has_only_words_has_them_for_programs_too() -> None:
    told = Entry("cost", Seconds(1.0), "0.42 ct (today $0.31)").as_json()
    assert told == {"event": "cost", "at": 1.0, "text": "0.42 ct (today $0.31)"}
    bare = Entry("sound", Seconds(1.0)).as_json()
    assert bare == {"event": "sound", "at": 1.0}
    own = Entry("wake", Seconds(1.0), "hey jarvis (0.98)", data={"word": "hey_jarvis"}).as_json()
    assert own == {"event": "wake", "at": 1.0, "word": "hey_jarvis"}
