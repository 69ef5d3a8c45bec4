"""The Live backend over a real socket, against a full-duplex server, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np

from appliance.backend.context import Called, Owed
from appliance.errors import BackendStalled, BackendUnavailable
from appliance.events import (
    ReplyAudio,
    ReplyEnded,
    ReplyOffered,
    ReplyStarted,
    ReplyText,
    ToolCalled,
    Transcribed,
    Used,
)
from appliance.ports import Enclosure, Image, ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber
from tests.live_client import talking
from tests.live_server import LiveServer, LiveSession, Spoilt, serving, sound_at
from tests.realtime_client import TURN, Talk, frames, whistle
from tests.realtime_server import Call, Reply, Script
from tests.virtual_time import run_virtual

SECOND = TurnNumber(2)
ON = ToolResult("done", say="It is on.")
LIGHT = Call("set_light", '{"state":"on"}', "call_1")
Story = Callable[[Talk, LiveServer], Awaitable[None]]


def play(
    script: Script,
    story: Story,
    *,
    spoilt: Spoilt | None = None,
    rate: int = 16_000,
    owed: Owed | None = None,
) -> tuple[Talk, LiveSession]:
    async def main() -> tuple[Talk, LiveSession]:
        async with serving(script, spoilt=spoilt) as server:
            async with talking(server, rate=rate, owed=owed) as talk:
                await talk.backend.until_ready()
                async with asyncio.timeout(120.0):
                    await story(talk, server)
            return talk, server.session

    return run_virtual(main())


async def speak(talk: Talk, seconds: float = 0.5, *, silence: float = 0.0) -> None:
    """Speak in real time, as the microphone does."""
    sound = np.concatenate([whistle(seconds), np.zeros(round(silence * 16_000), np.int16)])
    for frame in frames(sound):
        await talk.backend.send_audio(frame)
        await asyncio.sleep(0.01)


def text(talk: Talk, response: ResponseId | None = None) -> str:
    pieces = talk.of(ReplyText)
    return "".join(each.text for each in pieces if response in (None, each.response))


def turns(talk: Talk) -> list[TurnNumber]:
    return [each.turn for each in talk.of(ReplyStarted)]


def ends(talk: Talk) -> list[bool]:
    return [each.calls_tool for each in talk.of(ReplyEnded)]


def test_a_turn_is_answered_to_the_last_sample() -> None:
    reply = Reply("Good morning. It is seven o'clock.")

    async def story(talk: Talk, _server: LiveServer) -> None:
        await speak(talk)
        await talk.backend.commit_turn(TURN)
        await talk.reply()

    talk, session = play(Script(replies=[reply], heard=["good morning"]), story)

    assert turns(talk) == [TURN]
    assert ends(talk) == [False]
    assert text(talk) == reply.text
    spoken = talk.sound().rstrip(b"\0")
    assert spoken == sound_at(reply, 16_000).rstrip(b"\0")[: len(spoken)]
    assert len(sound_at(reply, 16_000)) - len(spoken) < 700  # the softest end of the tone
    assert [each.text for each in talk.of(Transcribed)] == ["good morning"]
    assert bytes(session.pcm[:16_000]) == whistle(0.5).astype("<i2").tobytes()


def test_at_24_khz_the_sound_comes_and_goes_at_that_rate() -> None:
    async def story(talk: Talk, _server: LiveServer) -> None:
        await speak(talk)
        await talk.backend.commit_turn(TURN)
        await talk.reply()

    talk, session = play(Script(replies=[Reply("Yes.")]), story, rate=24_000)

    assert {each.rate for each in talk.of(ReplyAudio)} == {24_000}
    assert len(talk.sound()) / 2 / 24_000 > 0.2
    assert session.settings["audio"]["format"] == {"type": "audio/pcm", "rate": 24_000}


def test_the_clock_runs_while_a_reply_is_owed_and_stands_while_nothing_goes_on() -> None:
    async def story(talk: Talk, server: LiveServer) -> None:
        await asyncio.sleep(5.0)
        assert server.session.ticks == 0, "nothing is sent to a session that waits"
        await speak(talk)
        await talk.backend.commit_turn(TURN)
        before = server.session.ticks
        await asyncio.sleep(2.0)
        assert 18 <= server.session.ticks - before <= 21, "silence comes in real time"
        await talk.reply()
        await asyncio.sleep(0.5)
        rest = server.session.ticks
        await asyncio.sleep(5.0)
        assert server.session.ticks == rest

    _, session = play(Script(replies=[Reply("A rather long answer to that, I would say.")]), story)

    assert session.kinds() == [
        "session.start",
        "session.input_audio.mute",
        "session.close",
    ]


def test_what_the_model_says_before_the_commit_begins_the_reply() -> None:
    reply = Reply("It is seven o'clock, and the sun is up.")

    async def story(talk: Talk, _server: LiveServer) -> None:
        await speak(talk, silence=0.7)  # it answers after 0.3 s, the box is sure after 0.7 s
        assert not talk.of(ReplyStarted)
        await talk.backend.commit_turn(TURN)
        await talk.reply()

    talk, _ = play(Script(replies=[reply]), story, spoilt=Spoilt(answer_s=0.2))

    assert turns(talk) == [TURN]
    assert text(talk) == reply.text
    assert talk.sound()[:1000] == sound_at(reply, 16_000)[:1000]


def test_a_murmur_while_the_user_speaks_is_no_reply() -> None:
    async def story(talk: Talk, _server: LiveServer) -> None:
        await speak(talk, 3.0)
        await talk.backend.commit_turn(TURN)
        await talk.reply()

    talk, _ = play(
        Script(replies=[Reply("That is a lot.")], heard=["one two"]),
        story,
        spoilt=Spoilt(murmur="Mhm."),
    )

    assert text(talk) == "That is a lot."
    assert turns(talk) == [TURN]


def test_the_noise_when_a_session_begins_is_no_reply() -> None:
    async def story(talk: Talk, _server: LiveServer) -> None:
        await speak(talk, 1.5)
        await talk.backend.commit_turn(TURN)
        await talk.reply()

    reply = Reply("Yes.")
    talk, _ = play(Script(replies=[reply]), story, spoilt=Spoilt(tick_at_connect=True))

    assert talk.sound()[:500] == sound_at(reply, 16_000)[:500]


def test_a_tool_is_called_answered_once_and_told() -> None:
    script = Script(
        replies=[Reply("One moment.", calls=(LIGHT,)), Reply("The light is on.")],
        heard=["turn on the light"],
    )

    async def story(talk: Talk, _server: LiveServer) -> None:
        await speak(talk)
        await talk.backend.commit_turn(TURN)
        await talk.until(lambda: bool(talk.of(ToolCalled)))
        await talk.backend.answer_call(CallId("call_1"), ON)
        await talk.backend.answer_call(CallId("call_1"), ON)
        await talk.until(lambda: ends(talk)[-1:] == [False])

    talk, session = play(script, story)

    (call,) = talk.of(ToolCalled)
    assert (call.tool, dict(call.arguments)) == ("set_light", {"state": "on"})
    assert turns(talk) == [TURN, TURN]
    assert ends(talk) == [True, False]
    assert call.response == talk.of(ReplyStarted)[0].response
    assert session.outputs == {"call_1": '{"status":"done","say":"It is on."}'}
    assert session.kinds().count("response.create") == 1
    assert text(talk, talk.of(ReplyStarted)[1].response).endswith("The light is on.")


def test_every_call_of_a_batch_is_answered_before_it_goes_on() -> None:
    second = Call("set_light", "{}", "call_2")
    script = Script(
        replies=[Reply("", calls=(LIGHT, second)), Reply("Both are on.")],
    )

    async def story(talk: Talk, server: LiveServer) -> None:
        await speak(talk)
        await talk.backend.commit_turn(TURN)
        await talk.until(lambda: len(talk.of(ToolCalled)) == 2)
        await talk.backend.answer_call(CallId("call_2"), ON)
        await asyncio.sleep(1.0)
        assert "response.create" not in server.session.kinds()
        await talk.backend.answer_call(CallId("call_1"), ON)
        await talk.until(lambda: ends(talk)[-1:] == [False])

    talk, session = play(script, story)

    assert set(session.outputs) == {"call_1", "call_2"}
    assert text(talk) == "Both are on."
    assert ends(talk) == [True, False]


def test_a_call_with_wrong_arguments_is_told_to_the_model_and_not_carried_out() -> None:
    wrong = Call("set_light", '{"state": ', "call_1")
    script = Script(replies=[Reply("", calls=(wrong,)), Reply("I could not do that.")])

    async def story(talk: Talk, _server: LiveServer) -> None:
        await speak(talk)
        await talk.backend.commit_turn(TURN)
        await talk.until(lambda: ends(talk)[-1:] == [False])

    talk, session = play(script, story)

    assert not talk.of(ToolCalled)
    assert "rejected" in session.outputs["call_1"]
    assert text(talk) == "I could not do that."


def test_a_slow_tool_is_spoken_of_and_its_result_offered_and_told() -> None:
    script = Script(
        replies=[
            Reply("One moment.", calls=(LIGHT,)),
            Reply("I am still at it."),
            Reply("It is on now."),
        ]
    )

    async def story(talk: Talk, server: LiveServer) -> None:
        await speak(talk)
        await talk.backend.commit_turn(TURN)
        await talk.until(lambda: bool(talk.of(ToolCalled)))
        await talk.until(lambda: ends(talk)[-1:] == [False])
        assert not talk.of(ReplyOffered)
        await asyncio.sleep(10.0)
        assert "at work" in server.session.outputs["call_1"]
        await talk.backend.answer_call(CallId("call_1"), ON)
        await talk.until(lambda: bool(talk.of(ReplyOffered)))
        await talk.backend.take_reply(SECOND)
        await talk.until(lambda: ends(talk)[-2:] == [False, False])

    talk, session = play(script, story)

    *before, first, last = turns(talk)
    assert (set(before), first, last) == ({TURN}, TURN, SECOND)
    assert all(ends(talk)[:-2])
    assert text(talk, talk.of(ReplyStarted)[-2].response) == "I am still at it."
    assert text(talk, talk.of(ReplyStarted)[-1].response) == "It is on now."
    assert "It is on." in session.comments[0]
    assert len(talk.of(ReplyOffered)) == 1


def test_talked_over_nothing_more_of_the_reply_comes_and_the_next_turn_is_answered() -> None:
    long, after = Reply("Once upon a time. " * 20), Reply("All right, I stop.")

    async def story(talk: Talk, _server: LiveServer) -> None:
        await speak(talk)
        await talk.backend.commit_turn(TURN)
        await talk.until(lambda: len(talk.sound()) > 32_000)
        (first,) = talk.of(ReplyStarted)
        await talk.backend.cancel_reply(first.response, heard=Seconds(1.0))
        heard = len(talk.events)
        await speak(talk, 0.6)
        await talk.backend.commit_turn(SECOND)
        await talk.until(lambda: bool(talk.of(ReplyEnded)))
        assert all(
            getattr(each, "response", None) != first.response for each in talk.events[heard:]
        )

    talk, session = play(Script(replies=[long, after]), story)

    assert session.interrupted == 1
    assert turns(talk) == [TURN, SECOND]
    assert text(talk, talk.of(ReplyStarted)[1].response) == after.text
    second = talk.sound(talk.of(ReplyStarted)[1].response)
    assert second[:500] == sound_at(after, 16_000)[:500]


def test_a_model_that_is_slow_to_stop_leaks_nothing_into_the_next_reply() -> None:
    long, after = Reply("Once upon a time. " * 40), Reply("All right.")

    async def story(talk: Talk, _server: LiveServer) -> None:
        await speak(talk)
        await talk.backend.commit_turn(TURN)
        await talk.until(lambda: len(talk.sound()) > 32_000)
        await talk.backend.cancel_reply(talk.of(ReplyStarted)[0].response, heard=Seconds(1.0))
        await speak(talk, 1.0)
        await talk.backend.commit_turn(SECOND)
        await talk.until(lambda: bool(talk.of(ReplyEnded)))

    talk, _ = play(Script(replies=[long, after]), story, spoilt=Spoilt(deaf_s=0.5))

    assert text(talk, talk.of(ReplyStarted)[1].response) == "All right."


def test_a_call_for_a_turn_that_is_over_is_not_carried_out() -> None:
    script = Script(
        replies=[Reply("Well, let me see what I can do about it. " * 5), Reply("Hello again.")]
    )

    async def story(talk: Talk, server: LiveServer) -> None:
        await speak(talk)
        await talk.backend.commit_turn(TURN)
        await talk.until(lambda: len(talk.sound()) > 32_000)
        made = {"id": "old", "target": "responses", "type": "delegation"}
        await server.session.send("session.delegation.created", delegation=made, offset_ms=1)
        await asyncio.sleep(0.1)
        await talk.backend.cancel_reply(talk.of(ReplyStarted)[0].response, heard=Seconds(1.0))
        await speak(talk, 0.6)
        item = {"type": "function_call", "call_id": "late", "name": "set_light"}
        item |= {"arguments": "{}", "status": "completed"}
        server.session._calls.add("late")
        for event in ({"type": "response.created"}, {"type": "response.output_item.done"}):
            whole = {**event, "item": item, "response": {"id": "r"}}
            await server.session.send("response.event", delegation_id="old", event=whole)
        await talk.backend.commit_turn(SECOND)
        await talk.until(lambda: bool(talk.of(ReplyEnded)))

    talk, session = play(script, story)

    assert not talk.of(ToolCalled)
    assert session.outputs == {"late": "CANCELLED"}
    assert text(talk, talk.of(ReplyStarted)[1].response) == "Hello again."


def test_a_long_answer_is_one_reply_and_its_pauses_are_kept() -> None:
    rate = 24_000
    at = np.arange(rate) / rate
    voice = (8_000 * np.sin(2 * np.pi * 300 * at)).astype("<i2").tobytes()
    pause = bytes(rate)  # half a second
    reply = Reply("A story. " * 30, pcm=(voice + pause) * 20)

    async def story(talk: Talk, _server: LiveServer) -> None:
        await speak(talk)
        await talk.backend.commit_turn(TURN)
        await talk.until(lambda: bool(talk.of(ReplyEnded)), within=60.0)

    talk, _ = play(Script(replies=[reply]), story)

    assert turns(talk) == [TURN]
    assert abs(len(talk.sound()) / 2 / 16_000 - 29.5) < 0.05  # without the last pause


def test_a_closing_tool_ends_the_conversation() -> None:
    script = Script(replies=[Reply("", calls=(Call("goodbye", "{}", "call_1"),)), Reply("Bye.")])

    async def story(talk: Talk, _server: LiveServer) -> None:
        await speak(talk)
        await talk.backend.commit_turn(TURN)
        await talk.until(lambda: bool(talk.of(ToolCalled)))
        await talk.backend.answer_call(CallId("call_1"), ON)
        await talk.until(lambda: ends(talk)[-1:] == [False])

    talk, _ = play(script, story)

    assert [each.stay for each in talk.of(ReplyEnded)] == [False, False]


def test_a_cleared_turn_leaves_no_trace_and_the_next_is_answered() -> None:
    async def story(talk: Talk, server: LiveServer) -> None:
        await speak(talk, silence=0.3)
        await talk.backend.clear_turn()
        await asyncio.sleep(3.0)
        assert not talk.of(ReplyStarted)
        assert server.session.muted
        await speak(talk, 0.5)
        await talk.backend.commit_turn(SECOND)
        await talk.reply()

    talk, _ = play(Script(replies=[Reply("Yes?")]), story)

    assert turns(talk) == [SECOND]


def test_text_a_note_and_a_picture_reach_the_models() -> None:
    async def story(talk: Talk, _server: LiveServer) -> None:
        picture = Image(b"\xff\xd8", "image/jpeg")
        await talk.backend.enclose(Enclosure("What is this?", picture, "It is dark outside."))
        await talk.backend.commit_turn(TURN)
        await talk.reply()

    talk, session = play(Script(replies=[Reply("A cat.")]), story)

    assert session.notes == ["It is dark outside."]
    assert "What is this?" in session.comments[0]
    assert session.pictures == 1
    assert text(talk) == "A cat."


def test_owed_calls_are_told_and_never_made_again() -> None:
    done = Called(CallId("a"), "set_light", {"state": "on"}, ON)
    open_call = Called(CallId("b"), "set_light", {"state": "off"})
    owed = Owed(TURN, (done, open_call))

    async def story(talk: Talk, server: LiveServer) -> None:
        await asyncio.sleep(1.0)
        assert not server.session.comments
        await talk.backend.answer_call(CallId("b"), ToolResult("done", say="It is off."))
        await talk.reply()

    talk, session = play(Script(replies=[Reply("One is on, one is off.")]), story, owed=owed)

    assert turns(talk) == [TURN]
    assert ends(talk) == [False]
    assert "It is on." in session.comments[0]
    assert "It is off." in session.comments[0]
    assert not session.outputs


def test_seconds_are_billed_once_and_so_is_the_model_behind() -> None:
    script = Script(replies=[Reply("", calls=(LIGHT,)), Reply("The light is on.")])

    async def story(talk: Talk, _server: LiveServer) -> None:
        await speak(talk)
        await talk.backend.commit_turn(TURN)
        await talk.until(lambda: bool(talk.of(ToolCalled)))
        await talk.backend.answer_call(CallId("call_1"), ON)
        await talk.until(lambda: ends(talk)[-1:] == [False])

    talk, session = play(script, story)

    bills = [each.usage for each in talk.of(Used)]
    spent = sum(each.audio_s for each in bills if each.model == "gpt-live-1")
    assert abs(spent - session.ticks // 10) < 1e-6
    (behind,) = [each for each in bills if each.model == "gpt-6-luna"]
    assert (behind.text_in, behind.text_cached, behind.text_out) == (900, 800, 20)


def test_the_session_is_closed_in_good_order() -> None:
    async def story(talk: Talk, _server: LiveServer) -> None:
        await asyncio.sleep(0.1)
        assert talk.backend.idle

    talk, session = play(Script(), story)

    assert session.kinds()[-1] == "session.close"
    assert isinstance(talk.ended, BackendUnavailable)


def test_a_tool_of_a_turn_that_is_over_keeps_no_later_tool_waiting() -> None:
    other = Call("set_light", "{}", "call_2")
    script = Script(
        replies=[
            Reply("One moment, I am looking.", calls=(LIGHT,)),
            Reply("", calls=(other,)),
            Reply("The other one is on."),
            Reply("And the first one is on."),
        ]
    )

    async def story(talk: Talk, server: LiveServer) -> None:
        await speak(talk)
        await talk.backend.commit_turn(TURN)
        await talk.until(lambda: bool(talk.sound()))
        await talk.backend.cancel_reply(talk.of(ReplyStarted)[-1].response, heard=Seconds(0.1))
        await speak(talk)
        assert "moved on" in server.session.outputs["call_1"]
        await talk.backend.commit_turn(SECOND)
        await talk.until(lambda: len(talk.of(ToolCalled)) == 2)
        await talk.backend.answer_call(CallId("call_2"), ON)
        await talk.until(lambda: ends(talk)[-1:] == [False])
        assert not talk.of(ReplyOffered)
        await talk.backend.answer_call(CallId("call_1"), ON)
        await talk.until(lambda: bool(talk.of(ReplyOffered)))
        await talk.backend.take_reply(TurnNumber(3))
        await talk.until(lambda: turns(talk)[-1] == 3 and ends(talk)[-2:] == [False, False])

    talk, session = play(script, story)

    assert session.kinds().count("response.create") == 1
    assert text(talk).endswith("The other one is on.And the first one is on.")


def test_a_reply_goes_on_while_the_model_behind_works_and_shows_it() -> None:
    async def story(talk: Talk, server: LiveServer) -> None:
        await speak(talk)
        await talk.backend.commit_turn(TURN)
        await talk.until(lambda: bool(talk.sound()))
        made = {"id": "d", "target": "responses", "type": "delegation"}
        await server.session.send("session.delegation.created", delegation=made, offset_ms=1)

        async def behind(kind: str, **fields: object) -> None:
            event = {"type": f"response.{kind}", **fields}
            await server.session.send("response.event", delegation_id="d", event=event)

        await behind("created")
        await asyncio.sleep(9.0)
        assert not talk.of(ReplyEnded)
        assert [each.text for each in talk.of(ReplyText)][-3:] == ["", "", ""]
        await behind("output_text.delta", delta="Rain")
        await behind("completed", response={})
        await asyncio.sleep(2.0)
        assert not talk.of(ReplyEnded), "its result is not told yet"
        server.session._say(Reply("It will rain."))
        await talk.reply()

    talk, _ = play(Script(replies=[Reply("Let me look.")]), story)

    assert turns(talk) == [TURN]
    assert ends(talk) == [False]
    assert text(talk) == "Let me look.It will rain."


def test_a_result_that_the_voice_never_tells_is_a_stall() -> None:
    async def story(talk: Talk, server: LiveServer) -> None:
        await speak(talk)
        await talk.backend.commit_turn(TURN)
        await talk.until(lambda: bool(talk.sound()))
        await asyncio.sleep(1.0)
        for kind in ("created", "output_text.delta", "completed"):
            event = {"type": f"response.{kind}", "response": {}, "delta": "x"}
            await server.session.send("response.event", delegation_id="d", event=event)
        assert isinstance(await talk.end(), BackendStalled)

    talk, _ = play(Script(replies=[Reply("Let me look.")]), story)

    assert not talk.of(ReplyEnded)


def test_a_usage_that_goes_back_is_billed_as_nothing() -> None:
    async def story(talk: Talk, server: LiveServer) -> None:
        for seconds in (3, 2, 5, 5):
            await server.session.send("session.usage.updated", usage={"seconds": seconds})
        await talk.until(lambda: len(talk.of(Used)) == 2)
        await asyncio.sleep(1.0)

    talk, _ = play(Script(), story)

    assert [each.usage.audio_s for each in talk.of(Used)] == [3.0, 2.0]
