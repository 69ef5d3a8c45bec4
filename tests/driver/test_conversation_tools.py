"""Tools that take long: the box says so and goes on, and tells their answers at the next pause."""

import asyncio
from collections.abc import Callable

import pytest

from appliance import turn
from appliance.errors import BackendUnavailable
from appliance.events import (
    MuteSwitched,
    PlaybackDrained,
    ReplyAudio,
    ReplyEnded,
    ReplyOffered,
    ReplyStarted,
    SpeechEnded,
    SpeechStarted,
    StopAsked,
)
from appliance.ports import Cue
from appliance.units import ResponseId, SampleIndex, Seconds, TurnNumber
from tests.fakes import RATE, FakeBackend
from tests.room import CALL, REPLY, Room, scene
from tests.virtual_time import run_virtual

INTERIM = ResponseId("interim")
FOLLOWED_UP = turn.Timing()


async def tool_is_called(room: Room, *, takes: float) -> None:
    """Ask for something; the reply only calls a tool, and the user waits for it."""
    room.tools.takes = Seconds(takes)
    await room.say_something()
    room.backend.emit(ReplyStarted(REPLY, room.conversation.state.turn))
    room.backend.emit(CALL)
    room.backend.emit(ReplyEnded(REPLY, calls_tool=True))
    await asyncio.sleep(0.1)
    room.conversation.put(PlaybackDrained(REPLY))
    assert room.state() is turn.Waiting


async def interim_is_heard(room: Room) -> None:
    """Have "one moment" said."""
    room.backend.emit(ReplyStarted(INTERIM, TurnNumber(1)))
    room.backend.emit(ReplyAudio(INTERIM, b"one moment", RATE))
    room.backend.emit(ReplyEnded(INTERIM, calls_tool=False))
    await asyncio.sleep(0.1)
    room.conversation.put(PlaybackDrained(INTERIM))


def test_slow_tool_is_spoken_of_then_the_user_may_go_on_and_its_answer_is_told_later() -> None:
    async def play(room: Room) -> None:
        await tool_is_called(room, takes=20.0)
        await asyncio.sleep(2.5)
        await interim_is_heard(room)
        assert room.state() is turn.Listening
        assert room.ear.asked[-1] == "listen"
        await asyncio.sleep(20.0)
        assert room.state() is turn.Idle
        assert list(room.backend.answers) == [CALL.call]

        room.backend.replies = [[b"it is done"]]
        room.backend.emit(ReplyOffered())
        await asyncio.sleep(0.1)
        assert room.state() is turn.Waiting
        await asyncio.sleep(1.0)
        assert room.speaker.played == [b"one moment", b"it is done"]

    room = scene(play, Room(timing=FOLLOWED_UP))
    assert room.backend.committed == [1]
    assert room.backend.taken == [3]  # 2 was the window in which nobody spoke
    assert room.indicator.shown[-2:] == [Cue.THINKING, Cue.SPEAKING]


def test_user_waits_for_tools_as_long_as_they_may_take_before_they_are_spoken_of() -> None:
    async def play(room: Room) -> None:
        await tool_is_called(room, takes=60.0)
        await asyncio.sleep(room.timing.after_tools - 0.1)
        assert room.state() is turn.Waiting
        await asyncio.sleep(0.2)
        assert room.state() is turn.Idle

    scene(play)


def test_answer_that_comes_while_somebody_speaks_is_told_after_their_own_reply() -> None:
    async def play(room: Room) -> None:
        await tool_is_called(room, takes=5.0)
        await interim_is_heard(room)
        await asyncio.sleep(1.0)
        room.conversation.put(SpeechStarted(SampleIndex(200_000)))
        room.backend.emit(ReplyOffered())
        await asyncio.sleep(0.1)
        assert room.backend.taken == []
        room.backend.replies = [[b"their own"], [b"late"]]
        room.conversation.put(SpeechEnded(SampleIndex(210_000)))
        await asyncio.sleep(1.0)
        assert room.backend.taken == []
        room.conversation.put(PlaybackDrained(ResponseId("reply-2")))
        await asyncio.sleep(1.0)

    room = scene(play, Room(timing=FOLLOWED_UP))
    assert room.backend.taken == [3]
    assert room.speaker.played[-2:] == [b"their own", b"late"]


def test_late_reply_that_a_stop_overtakes_is_not_asked_for() -> None:
    async def play(room: Room) -> None:
        room.backend.stalled = True
        room.wake()
        room.conversation.put(StopAsked())
        room.conversation.put(ReplyOffered())
        room.conversation.put(StopAsked())
        room.backend.stalled = False
        await asyncio.sleep(0.1)

    assert scene(play).backend.taken == []


def test_late_reply_without_a_backend_fails_visibly() -> None:
    async def whole() -> Room:
        room = Room()
        room.conversation.put(ReplyOffered())
        return room

    room = run_virtual(whole())
    assert room.indicator.shown[-1] == Cue.FAILED
    assert isinstance(room.conversation.state, turn.Idle)


def _stop(room: Room) -> None:
    room.conversation.put(StopAsked())


def _mute(room: Room) -> None:
    room.conversation.put(MuteSwitched(muted=True))


@pytest.mark.parametrize("leave", [_stop, _mute, Room.wake])
@pytest.mark.parametrize("waiting", [True, False])
def test_tool_that_runs_when_its_turn_is_left_goes_on_and_is_answered_once(
    leave: Callable[[Room], None], *, waiting: bool
) -> None:
    async def play(room: Room) -> None:
        await tool_is_called(room, takes=10.0)
        if not waiting:
            room.backend.emit(ReplyStarted(INTERIM, TurnNumber(1)))
            room.backend.emit(ReplyAudio(INTERIM, b"one moment", RATE))
            await asyncio.sleep(0.1)
        leave(room)
        assert room.backend.answers == {}
        await asyncio.sleep(11.0)

    room = scene(play)
    assert [call.call for call in room.tools.calls] == [CALL.call]
    assert room.backend.asked.count("answer_call") == 1
    assert room.backend.answers[CALL.call].status == "done"


def test_call_that_was_carried_out_when_the_session_ended_is_neither_repeated_nor_answered() -> (
    None
):
    async def whole() -> tuple[Room, FakeBackend]:
        room = Room()
        first = room.backend
        try:
            async with room.conversing():
                await tool_is_called(room, takes=10.0)
                first.emit(BackendUnavailable("gone"))
                await asyncio.sleep(0.1)
        except* BackendUnavailable:
            pass
        room.backend = FakeBackend()
        async with room.conversing():
            await asyncio.sleep(20.0)
        return room, first

    room, first = run_virtual(whole())
    assert [call.call for call in room.tools.calls] == [CALL.call]
    assert first.answers == {}
    assert room.backend.asked == []


def test_recording_stands_still_for_a_tool_only_while_the_user_waits_for_it() -> None:
    owed: list[tuple[str, bool]] = []

    async def play(room: Room) -> None:
        await room.say_something()
        room.backend.emit(ReplyStarted(REPLY, TurnNumber(1)))
        room.backend.emit(ReplyAudio(REPLY, b"let me see", RATE))
        room.backend.emit(ReplyEnded(REPLY, calls_tool=True))
        await asyncio.sleep(0.1)
        owed.append(("promised", room.conversation.owes))
        room.conversation.put(StopAsked())
        await asyncio.sleep(0.1)

        await tool_is_called(room, takes=60.0)
        owed.append(("tool", room.conversation.owes))
        room.backend.emit(ReplyStarted(INTERIM, TurnNumber(2)))
        await asyncio.sleep(0.1)
        owed.append(("interim", room.conversation.owes))
        room.backend.emit(ReplyEnded(INTERIM, calls_tool=False))
        await asyncio.sleep(0.1)
        owed.append(("background", room.conversation.owes))
        room.conversation.put(PlaybackDrained(INTERIM))
        owed.append(("rest", room.conversation.owes))

    scene(play)
    assert owed == [
        ("promised", True),
        ("tool", True),
        ("interim", True),
        ("background", False),
        ("rest", False),
    ]
