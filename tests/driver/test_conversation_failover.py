"""A backend that finds ends of turn, and another that takes over in the middle of everything."""

import asyncio

import pytest

from appliance import turn
from appliance.events import (
    BackendChanged,
    EndOfTurnFound,
    PlaybackDrained,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    SpeechEnded,
    SpeechStarted,
)
from appliance.ports import Cue
from appliance.units import ResponseId, SampleIndex, Seconds, TurnNumber
from tests.fakes import RATE, FakeBackend
from tests.room import REPLY, Room, scene

FIRST = TurnNumber(1)
NEW = ResponseId("new")
FALLBACK = BackendChanged("local", "backend.stalled", "realtime")


def listener() -> Room:
    return Room(backend=FakeBackend(finds_ends=True))


def test_turn_of_a_backend_that_listens_itself_is_committed_when_it_says_so() -> None:
    async def play(room: Room) -> None:
        await room.say_something()  # and falls silent
        await asyncio.sleep(3.0)
        assert room.backend.committed == []
        assert room.state() is turn.Listening
        room.conversation.put(SpeechStarted(SampleIndex(120_000)))  # thought about it
        room.conversation.put(SpeechEnded(SampleIndex(130_000)))
        room.backend.emit(EndOfTurnFound())
        await asyncio.sleep(0.1)
        assert room.backend.committed == [1]

    scene(play, listener())


def test_backend_that_never_finds_the_end_is_not_waited_for_longer_than_it_may_need() -> None:
    async def play(room: Room) -> None:
        await room.say_something()
        await asyncio.sleep(room.timing.backend_end - 0.1)
        assert room.backend.committed == []
        await asyncio.sleep(0.2)
        assert room.backend.committed == [1]

    scene(play, listener())


def test_turn_that_had_ended_is_committed_at_once_when_a_backend_takes_over_that_cannot() -> None:
    async def play(room: Room) -> None:
        await room.say_something()
        await asyncio.sleep(0.5)
        room.backend.finds_ends = False
        room.backend.emit(FALLBACK)
        await asyncio.sleep(0.01)
        assert room.backend.committed == [1]

    scene(play, listener())


async def old_backend_is_lost(room: Room, *, sounded: bool) -> None:
    """Lose it in the middle of its reply; the failover ends the reply and promises another."""
    await room.say_something()
    room.backend.emit(ReplyStarted(REPLY, FIRST))
    if sounded:
        room.backend.emit(ReplyAudio(REPLY, b"old", RATE))
    await asyncio.sleep(3.0)
    room.backend.emit(FALLBACK)
    room.backend.emit(ReplyEnded(REPLY, calls_tool=True))
    await asyncio.sleep(0.1)


async def new_backend_replies(room: Room) -> None:
    room.backend.emit(ReplyStarted(NEW, FIRST))
    room.backend.emit(ReplyAudio(NEW, b"new", RATE))
    room.backend.emit(ReplyEnded(NEW))
    await asyncio.sleep(0.1)


@pytest.mark.parametrize("sounded", [True, False])
def test_reply_of_the_new_backend_follows_what_the_lost_one_had_said(*, sounded: bool) -> None:
    async def play(room: Room) -> None:
        await old_backend_is_lost(room, sounded=sounded)
        assert room.speaker.finished == [REPLY]
        room.conversation.put(PlaybackDrained(REPLY))
        assert room.state() is turn.Waiting
        await asyncio.sleep(2.0)
        await new_backend_replies(room)
        room.conversation.put(PlaybackDrained(NEW))

    room = scene(play)
    assert room.speaker.played == ([b"old", b"new"] if sounded else [b"new"])
    assert room.speaker.finished == [REPLY, NEW]
    assert room.backend.cancelled == []
    assert room.indicator.shown[-2:] == [Cue.SPEAKING, Cue.IDLE]
    assert Cue.FAILED not in room.indicator.shown


@pytest.mark.parametrize("sounded", [True, False])
def test_reply_of_the_new_backend_may_begin_while_the_lost_one_still_plays(
    *, sounded: bool
) -> None:
    async def play(room: Room) -> None:
        await old_backend_is_lost(room, sounded=sounded)
        await new_backend_replies(room)
        room.conversation.put(PlaybackDrained(REPLY))
        assert room.state() is turn.Speaking
        room.conversation.put(PlaybackDrained(NEW))
        assert room.state() is turn.Idle

    room = scene(play)
    assert room.speaker.played == ([b"old", b"new"] if sounded else [b"new"])
    assert room.backend.cancelled == []


def test_talking_over_the_rest_of_a_lost_reply_tells_what_was_heard_of_each() -> None:
    async def play(room: Room) -> None:
        room.ear.through = True
        await old_backend_is_lost(room, sounded=True)
        room.backend.emit(ReplyStarted(NEW, FIRST))
        await asyncio.sleep(0.1)
        room.conversation.put(SpeechStarted(SampleIndex(160_000)))
        await asyncio.sleep(0.1)

    assert scene(play).backend.cancelled == [(REPLY, Seconds(1.0)), (NEW, Seconds(0.0))]


def test_backend_that_takes_over_while_the_user_waits_has_its_own_time_to_begin() -> None:
    async def play(room: Room) -> None:
        await room.say_something()
        await asyncio.sleep(room.timing.reply - 1.0)
        room.backend.emit(FALLBACK)
        await asyncio.sleep(3.0)
        await new_backend_replies(room)

    room = scene(play)
    assert room.speaker.played == [b"new"]
    assert Cue.FAILED not in room.indicator.shown
