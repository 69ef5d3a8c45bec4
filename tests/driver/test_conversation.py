"""The conversation with fakes at every seam, in virtual time."""

import asyncio

import pytest

from appliance import turn
from appliance.conversation import BACKLOG
from appliance.errors import BackendUnavailable
from appliance.events import (
    CallAnswered,
    MuteSwitched,
    PlaybackDrained,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    SpeechEnded,
    SpeechPaused,
    SpeechStarted,
    StopAsked,
    TextAsked,
    ToolCalled,
)
from appliance.ports import Cue
from appliance.units import CallId, ResponseId, SampleIndex, Seconds, TurnNumber
from tests.fakes import RATE
from tests.room import CALL, REPLY, TIMING, Room, frame, scene
from tests.virtual_time import run_virtual


def test_question_is_answered_aloud() -> None:
    async def play(room: Room) -> None:
        room.backend.replies = [[b"one", b"two"]]
        await room.say_something()
        await asyncio.sleep(1.0)
        assert room.speaker.played == [b"one", b"two"]
        assert room.speaker.finished == [REPLY]
        room.conversation.put(PlaybackDrained(REPLY))

    room = scene(play)
    assert room.conversation.state == turn.Idle(TurnNumber(1), turn.Past(turns=1))
    assert len(room.backend.heard) == 100
    assert room.backend.committed == [1]
    assert room.indicator.shown == [Cue.LISTENING, Cue.THINKING, Cue.SPEAKING, Cue.IDLE]


def test_what_is_written_is_answered_aloud_and_nothing_is_heard_for_it() -> None:
    async def play(room: Room) -> None:
        room.backend.replies = [[b"one"]]
        room.conversation.put(TextAsked("what is the time"))
        await asyncio.sleep(1.0)
        assert room.speaker.played == [b"one"]

    room = scene(play)
    assert [each.text for each in room.backend.enclosed] == ["what is the time"]
    assert room.backend.committed == [1]
    assert "listen" not in room.ear.asked


def test_what_was_written_to_a_stalled_backend_and_stopped_never_leaves() -> None:
    async def play(room: Room) -> None:
        room.backend.stalled = True
        room.wake()
        room.conversation.hear(frame(0), ())
        await asyncio.sleep(0.1)
        room.conversation.put(StopAsked())
        room.conversation.put(TextAsked("open the door"))
        room.conversation.put(StopAsked())
        room.backend.stalled = False
        await asyncio.sleep(0.1)

    room = scene(play)
    assert room.backend.enclosed == []
    assert room.backend.committed == []


def test_request_begins_a_pre_roll_before_the_wake_word_was_noticed() -> None:
    async def play(room: Room) -> None:
        room.wake(at=48_000)

    room = scene(play)
    pre_roll = round(TIMING.pre_roll * 16_000)
    assert room.ear.listens == [(48_000 - pre_roll, 48_000)]


def test_who_calls_and_says_nothing_is_prompted_and_then_left_in_peace() -> None:
    async def play(room: Room) -> None:
        room.wake()
        await asyncio.sleep(TIMING.prompt + 0.1)
        assert room.indicator.shown == [Cue.LISTENING, Cue.PROMPT]
        await asyncio.sleep(TIMING.first_word)

    room = scene(play)
    assert room.indicator.shown[-1] == Cue.UNHEARD
    assert room.conversation.state == turn.Idle(TurnNumber(1))
    assert room.backend.cleared == 1
    assert room.ear.asked == ["listen", "rest"]


def test_who_speaks_on_without_a_pause_is_not_talked_over_by_a_prompt() -> None:
    async def play(room: Room) -> None:
        room.wake()
        await asyncio.sleep(0.2)
        room.conversation.put(SpeechStarted(SampleIndex(49_000)))
        await asyncio.sleep(3.0)

    assert Cue.PROMPT not in scene(play).indicator.shown


def test_backend_that_never_answers_is_given_up_after_the_reply_time() -> None:
    async def play(room: Room) -> None:
        await room.say_something()
        await asyncio.sleep(TIMING.reply - 0.1)
        assert room.state() is turn.Waiting
        await asyncio.sleep(0.2)
        assert room.state() is turn.Idle

    assert scene(play).indicator.shown[-1] == Cue.FAILED


def test_call_is_carried_out_once_and_its_answer_is_followed_by_a_second_reply() -> None:
    async def play(room: Room) -> None:
        await room.say_something()
        room.backend.emit(ReplyStarted(REPLY, TurnNumber(1)))
        room.backend.emit(CALL)
        room.backend.emit(ReplyEnded(REPLY, calls_tool=True))
        await asyncio.sleep(0.1)
        room.conversation.put(PlaybackDrained(REPLY))
        assert isinstance(room.conversation.state, turn.Waiting)
        second = ResponseId("reply-2")
        room.backend.emit(ReplyStarted(second, TurnNumber(1)))
        room.backend.emit(ReplyAudio(second, b"done", RATE))
        room.backend.emit(ReplyEnded(second))
        await asyncio.sleep(0.1)
        assert room.speaker.played == [b"done"]

    room = scene(play)
    assert [call.call for call in room.tools.calls] == ["call-1"]
    assert room.backend.answers[CallId("call-1")].status == "done"
    answered = [event for _, event in room.observer.noted if isinstance(event, CallAnswered)]
    assert [event.status for event in answered] == ["done"]


def test_call_of_a_reply_that_was_talked_over_is_answered_but_not_carried_out() -> None:
    async def play(room: Room) -> None:
        await room.say_something()
        room.backend.emit(ReplyStarted(REPLY, TurnNumber(1)))
        await asyncio.sleep(0.1)
        room.wake()
        room.backend.emit(CALL)
        await asyncio.sleep(0.1)

    room = scene(play)
    assert room.tools.calls == []
    assert room.backend.answers[CallId("call-1")].status == "rejected"
    assert room.backend.cancelled == [(REPLY, Seconds(0.0))]


def test_slow_tool_keeps_nobody_from_speaking() -> None:
    async def play(room: Room) -> None:
        room.tools.takes = Seconds(30.0)
        await room.say_something()
        room.backend.emit(ReplyStarted(REPLY, TurnNumber(1)))
        room.backend.emit(CALL)
        await asyncio.sleep(0.1)
        room.wake()
        assert isinstance(room.conversation.state, turn.Listening)
        await asyncio.sleep(31.0)

    assert scene(play).backend.answers[CallId("call-1")].status == "done"


def test_mute_works_while_the_backend_is_stalled_and_what_waited_never_leaves() -> None:
    async def play(room: Room) -> None:
        room.backend.stalled = True
        room.wake()
        for number in range(50):
            room.conversation.hear(frame(number), ())
        await asyncio.sleep(0.1)
        room.conversation.put(MuteSwitched(muted=True))
        assert room.conversation.state == turn.Muted(TurnNumber(1))
        room.backend.stalled = False
        await asyncio.sleep(0.1)

    room = scene(play)
    assert len(room.backend.heard) <= 1  # the one that was on the wire already
    assert room.indicator.shown[-1] == Cue.MUTED


def test_sound_that_a_stalled_backend_does_not_take_is_bounded_and_counted() -> None:
    async def play(room: Room) -> None:
        room.backend.stalled = True
        room.wake()
        await asyncio.sleep(0)
        for number in range(BACKLOG + 50):
            room.conversation.hear(frame(number), ())

    assert scene(play).conversation.frames_dropped >= 49


def test_stop_silences_the_reply_and_tells_the_backend_what_was_heard() -> None:
    async def play(room: Room) -> None:
        room.backend.replies = [[b"one", b"two"]]
        await room.say_something()
        await asyncio.sleep(1.0)
        room.conversation.put(StopAsked())
        await asyncio.sleep(0.1)

    room = scene(play)
    assert room.speaker.stops == 1
    assert room.backend.cancelled == [(REPLY, Seconds(2.0))]
    assert isinstance(room.conversation.state, turn.Idle)


def test_lost_backend_is_shown_and_ends_the_session() -> None:
    async def whole() -> Room:
        room = Room()
        try:
            async with room.conversing():
                await room.say_something()
                room.backend.emit(BackendUnavailable("gone"))
                await asyncio.sleep(0.1)
        except* BackendUnavailable:
            pass
        return room

    room = run_virtual(whole())
    assert room.indicator.shown[-1] == Cue.FAILED
    assert isinstance(room.conversation.state, turn.Idle)


def test_turn_without_a_backend_fails_visibly() -> None:
    async def whole() -> Room:
        room = Room()
        await room.say_something()
        await asyncio.sleep(1.0)
        return room

    room = run_virtual(whole())
    assert room.indicator.shown[-1] == Cue.FAILED


def test_nothing_a_person_said_shows_in_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    async def play(room: Room) -> None:
        await room.say_something()
        room.backend.emit(ReplyStarted(REPLY, TurnNumber(1)))
        room.backend.emit(ToolCalled(CALL.call, REPLY, "say", {"text": "the secret"}))
        await asyncio.sleep(1.0)

    scene(play)
    assert "turn: " in caplog.text
    assert "secret" not in caplog.text


def test_announcement_is_said_at_rest_and_silenced_by_the_wake_word() -> None:
    async def play(room: Room) -> None:
        said = room.conversation.announce(ResponseId("news"), b"news", RATE)
        assert said
        assert room.speaker.played == [b"news"]
        assert room.speaker.finished == [ResponseId("news")]
        stops = room.speaker.stops
        room.wake()
        assert room.speaker.stops == stops + 1

    scene(play)


def test_announcement_does_not_talk_over_anybody() -> None:
    async def play(room: Room) -> None:
        room.wake()
        assert not room.conversation.announce(ResponseId("news"), b"news", RATE)

    assert scene(play).speaker.played == []


def test_pause_lets_the_backend_work_ahead_and_the_commit_says_whether_it_counts() -> None:
    async def play(room: Room) -> None:
        room.wake()
        for at, events in enumerate(([60_000, 60_000], [60_000, 70_000])):
            room.conversation.put(SpeechStarted(SampleIndex(50_000)))
            room.conversation.put(SpeechPaused(SampleIndex(events[0])))
            room.conversation.put(SpeechEnded(SampleIndex(events[1])))
            await asyncio.sleep(0.1)
            assert room.backend.expected == at + 1
            room.wake()

    assert scene(play).backend.as_expected == [True, False]
