"""Talking over a reply, and the box that must not take its own voice for a person."""

import asyncio
from dataclasses import replace

from appliance import turn
from appliance.events import (
    PlaybackDrained,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    SpeechEnded,
    SpeechPaused,
    SpeechStarted,
)
from appliance.frames import samples
from appliance.units import ResponseId, SampleIndex, Seconds, TurnNumber
from tests.fakes import RATE
from tests.room import CALL, REPLY, TIMING, Room, frame, scene

AT = SampleIndex(160_000)
SECOND = ResponseId("reply-2")
FOLLOWED_UP = replace(TIMING, follow_up=Seconds(4.0))


async def reply_sounds(room: Room, pieces: int = 2) -> None:
    await room.say_something()
    room.backend.emit(ReplyStarted(REPLY, TurnNumber(1)))
    for _ in range(pieces):
        room.backend.emit(ReplyAudio(REPLY, b"..", RATE))
    await asyncio.sleep(0.1)
    assert room.state() is turn.Speaking


def test_loudspeaker_is_silent_before_the_news_of_speech_has_been_dealt_with() -> None:
    async def play(room: Room) -> None:
        room.ear.through = True
        await reply_sounds(room)
        assert room.ear.asked[-1] == "watch"
        room.conversation.hear(None, (SpeechStarted(AT),))
        assert room.speaker.stops == 1
        assert room.state() is turn.Listening

    scene(play)


def test_backend_is_told_what_was_heard_before_it_hears_the_user() -> None:
    async def play(room: Room) -> None:
        room.ear.through = True
        await reply_sounds(room)
        room.backend.asked.clear()
        room.conversation.hear(None, (SpeechStarted(AT),))
        for number in range(3):
            room.conversation.hear(frame(1_000 + number), ())
        await asyncio.sleep(0.1)

    room = scene(play)
    assert room.backend.cancelled == [(REPLY, Seconds(2.0))]
    assert room.backend.asked == ["cancel_reply", *3 * ["send_audio"]]


def test_first_syllable_of_who_talks_over_a_reply_is_kept() -> None:
    async def play(room: Room) -> None:
        room.ear.through = True
        await reply_sounds(room)
        room.conversation.hear(None, (SpeechStarted(AT),))

    assert scene(play).ear.listens[-1] == (AT - samples(TIMING.barge_in_lead), AT)


def test_rest_of_a_reply_that_was_talked_over_is_not_played_and_its_calls_do_not_run() -> None:
    async def play(room: Room) -> None:
        room.ear.through = True
        await reply_sounds(room)
        room.conversation.hear(None, (SpeechStarted(AT),))
        room.backend.emit(ReplyAudio(REPLY, b"late", RATE))
        room.backend.emit(CALL)
        await asyncio.sleep(0.1)

    room = scene(play)
    assert b"late" not in room.speaker.played
    assert room.tools.calls == []
    assert room.backend.answers[CALL.call].status == "rejected"


def test_box_that_does_not_hear_through_its_own_voice_is_not_interrupted_by_it() -> None:
    async def play(room: Room) -> None:
        await reply_sounds(room)
        room.conversation.hear(
            None, (SpeechStarted(AT), SpeechPaused(AT), SpeechEnded(SampleIndex(AT + 8_000)))
        )
        assert room.state() is turn.Speaking
        assert room.speaker.stops == 0
        room.ear.through = True  # the canceller has converged
        room.conversation.hear(None, (SpeechStarted(AT),))
        assert room.state() is turn.Listening

    room = scene(play)
    edges = [e for _, e in room.observer.noted if isinstance(e, SpeechStarted | SpeechEnded)]
    own_request, interruption = 2, 1
    assert len(edges) == own_request + interruption


def test_reply_that_still_played_is_told_apart_from_the_one_that_had_begun_behind_it() -> None:
    async def play(room: Room) -> None:
        room.ear.through = True
        await reply_sounds(room, pieces=3)
        room.backend.emit(CALL)
        room.backend.emit(ReplyEnded(REPLY, calls_tool=True))
        room.backend.emit(ReplyStarted(SECOND, TurnNumber(1)))
        await asyncio.sleep(0.1)
        room.conversation.hear(None, (SpeechStarted(AT),))
        await asyncio.sleep(0.1)

    room = scene(play)
    assert room.backend.cancelled == [(REPLY, Seconds(3.0)), (SECOND, Seconds(0.0))]


def test_reply_that_was_talked_over_is_cancelled_once() -> None:
    async def play(room: Room) -> None:
        room.ear.through = True
        await reply_sounds(room)
        for number in (2, 3):
            room.conversation.hear(None, (SpeechStarted(AT), SpeechEnded(AT)))
            response = ResponseId(f"reply-{number}")
            room.backend.emit(ReplyStarted(response, TurnNumber(number)))
            room.backend.emit(ReplyAudio(response, b"..", RATE))
            await asyncio.sleep(0.1)

    assert scene(play).backend.cancelled == [(REPLY, Seconds(2.0)), (SECOND, Seconds(1.0))]


def test_reply_that_has_been_heard_out_is_not_cancelled_with_the_next() -> None:
    async def play(room: Room) -> None:
        room.ear.through = True
        await reply_sounds(room)
        room.backend.emit(CALL)
        room.backend.emit(ReplyEnded(REPLY, calls_tool=True))
        await asyncio.sleep(0.1)
        room.conversation.put(PlaybackDrained(REPLY))
        room.backend.emit(ReplyStarted(SECOND, TurnNumber(1)))
        room.backend.emit(ReplyAudio(SECOND, b"..", RATE))
        await asyncio.sleep(0.1)
        room.conversation.hear(None, (SpeechStarted(AT),))
        await asyncio.sleep(0.1)

    assert scene(play).backend.cancelled == [(SECOND, Seconds(1.0))]


async def reply_is_heard_out(room: Room) -> None:
    await reply_sounds(room)
    room.backend.emit(ReplyEnded(REPLY))
    await asyncio.sleep(0.1)
    room.ear.at = AT
    room.conversation.put(PlaybackDrained(REPLY))


def test_room_that_still_rings_with_the_reply_is_not_listened_to() -> None:
    room = scene(reply_is_heard_out, Room(timing=FOLLOWED_UP))
    quiet = AT + samples(FOLLOWED_UP.echo_guard)
    assert room.ear.listens[-1] == (quiet, quiet)


def test_guard_does_not_shorten_the_time_in_which_one_may_go_on() -> None:
    async def play(room: Room) -> None:
        await reply_is_heard_out(room)
        await asyncio.sleep(FOLLOWED_UP.follow_up + FOLLOWED_UP.echo_guard - 0.01)
        assert room.state() is turn.Listening
        await asyncio.sleep(0.02)
        assert room.state() is turn.Idle

    scene(play, Room(timing=FOLLOWED_UP))
