"""The conversation on the real failover, which hands it from one session to the next."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from appliance import turn
from appliance.events import (
    EndOfTurnFound,
    PlaybackDrained,
    ReplyAudio,
    ReplyEnded,
    ReplyOffered,
    ReplyStarted,
    SpeechEnded,
    SpeechStarted,
)
from appliance.ports import Cue
from appliance.units import ResponseId, SampleIndex, Seconds, TurnNumber
from tests.fakes import RATE
from tests.room import Room
from tests.sessions import GONE, House, calling, frame, rest
from tests.virtual_time import run_virtual

FIRST = TurnNumber(1)
R1, R2 = ResponseId("r1"), ResponseId("r2")


def scene(play: Callable[[Room, House], Coroutine[Any, Any, None]]) -> tuple[Room, House]:
    async def whole() -> tuple[Room, House]:
        room, house = Room(timing=turn.Timing()), House()
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(house.failover.run())
            talking = group.create_task(room.conversation.run(house.failover))
            await rest()
            await play(room, house)
            serving.cancel()
            talking.cancel()
        return room, house

    return run_virtual(whole())


def playing(room: Room) -> ResponseId:
    """Return the reply that is played, by the name that the conversation knows it by."""
    assert isinstance(room.conversation.state, turn.Speaking)
    return room.conversation.state.response


async def reply_sounds(house: House, response: ResponseId, number: TurnNumber) -> None:
    await house.tell(ReplyStarted(response, number), ReplyAudio(response, b"..", RATE))


def test_reply_that_broke_off_is_followed_by_the_one_of_the_next_backend() -> None:
    async def play(room: Room, house: House) -> None:
        await room.say_something()
        await rest()
        await reply_sounds(house, R1, FIRST)
        lost = playing(room)
        await house.tell(GONE)
        assert house.names() == ["realtime", "local"]
        assert len(house.last.frames) == 100
        assert house.last.committed == [FIRST]
        await reply_sounds(house, R1, FIRST)  # while the old one still plays
        room.conversation.put(PlaybackDrained(lost))
        await house.tell(ReplyEnded(R1))
        room.conversation.put(PlaybackDrained(playing(room)))
        assert room.state() is turn.Listening

    room, _ = scene(play)
    assert room.speaker.played == [b"..", b".."]
    assert room.speaker.stops == 0
    assert Cue.FAILED not in room.indicator.shown


def test_call_that_was_made_before_the_loss_is_carried_out_once_and_reported_by_the_next() -> None:
    async def play(room: Room, house: House) -> None:
        room.tools.takes = Seconds(3.0)
        await room.say_something()
        await rest()
        await house.tell(ReplyStarted(R1, FIRST), calling(R1), ReplyEnded(R1, calls_tool=True))
        await house.tell(GONE)
        local = house.last
        await asyncio.sleep(3.1)  # meanwhile the other one is tried again
        assert [result.status for result in local.answers.values()] == ["done"]
        assert local.committed == []  # the request is not looked into again
        local.emit(ReplyStarted(R2, FIRST))
        await rest()
        assert room.state() is turn.Speaking

    room, _ = scene(play)
    assert len(room.tools.calls) == 1


def test_turn_whose_end_the_lost_backend_did_not_find_is_committed_to_the_next_at_once() -> None:
    async def play(room: Room, house: House) -> None:
        room.wake()
        for number in range(3):
            room.conversation.hear(frame(number), ())
        await rest()
        house.last.ends_turns = True
        await room.say_something()
        await rest()
        assert room.state() is turn.Listening
        await house.tell(GONE)
        assert room.state() is turn.Waiting
        assert house.last.committed == [room.conversation.state.turn]

    scene(play)


def test_end_that_the_backend_finds_is_committed_to_it() -> None:
    async def play(room: Room, house: House) -> None:
        room.wake()
        room.conversation.hear(frame(0), ())
        await rest()
        house.last.ends_turns = True
        await room.say_something()
        await house.tell(EndOfTurnFound())
        await rest()
        assert house.last.committed == [room.conversation.state.turn]
        assert house.names() == ["realtime"]

    scene(play)


def test_late_result_of_a_lost_session_is_told_by_the_next() -> None:
    async def play(room: Room, house: House) -> None:
        room.tools.takes = Seconds(20.0)
        await room.say_something()
        await rest()
        await house.tell(ReplyStarted(R1, FIRST), calling(R1), ReplyEnded(R1, calls_tool=True))
        room.conversation.put(PlaybackDrained(playing(room)))
        await reply_sounds(house, R2, FIRST)
        await house.tell(ReplyEnded(R2))  # "one moment"
        room.conversation.put(PlaybackDrained(playing(room)))
        await asyncio.sleep(10.0)
        assert room.state() is turn.Idle
        await house.tell(GONE)
        await asyncio.sleep(15.0)

    room, house = scene(play)
    assert len(room.tools.calls) == 1
    assert isinstance(room.conversation.state, turn.Waiting)
    (owed,) = [s.handover.owed for s in house.sessions if s.handover.owed is not None]
    assert owed.turn == room.conversation.state.turn
    assert [called.result.status for called in owed.calls if called.result] == ["done"]


def test_offer_is_taken_from_the_session_that_made_it_when_the_user_falls_silent() -> None:
    async def play(room: Room, house: House) -> None:
        await room.say_something()
        await rest()
        await reply_sounds(house, R1, FIRST)
        await house.tell(ReplyEnded(R1))
        room.conversation.put(PlaybackDrained(playing(room)))
        room.conversation.put(SpeechStarted(SampleIndex(200_000)))
        await house.tell(ReplyOffered())
        assert house.last.taken == []
        room.conversation.put(SpeechEnded(SampleIndex(210_000)))
        await rest()
        second = room.conversation.state.turn
        await reply_sounds(house, R2, second)
        await house.tell(ReplyEnded(R2))
        room.conversation.put(PlaybackDrained(playing(room)))
        await rest()
        assert house.last.taken == [second + 1]

    scene(play)
