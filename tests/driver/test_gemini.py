"""Gemini Live over a real socket of the loopback, in virtual time, against the scripted server."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from appliance.backend.context import NOTHING, Called, Handover, Owed, Said
from appliance.backend.gemini.rules import GeminiRules
from appliance.backend.gemini.setup import tool_objects
from appliance.backend.gemini.terms import Terms
from appliance.backend.kinds.gemini import KIND
from appliance.backend.socket.address import Address
from appliance.backend.socket.client import Limits, SocketSession
from appliance.errors import BackendRefused, BackendStalled, BackendUnavailable, SessionOver
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
from appliance.units import CallId, Seconds, TurnNumber
from tests.following import LIGHT, following, means
from tests.gemini_server import KEY, PATH, GeminiServer, Spoilt, serving_gemini
from tests.realtime_client import Talk, frames, whistle
from tests.realtime_server import Call, Refusal, Reply, Script
from tests.realtime_server.plan import tone
from tests.virtual_time import run_virtual

FIRST, SECOND = TurnNumber(1), TurnNumber(2)
ON = Call("set_light", '{"state": "on"}')
DONE = ToolResult("done", say="It is on.")
LONG = Reply("A very long story, told at the pace at which it is heard.", pace=1.0)


def settings(server: GeminiServer, **more: object) -> dict[str, object]:
    return {"gemini": {"url": server.url, **more}, "keys": {"gemini": KEY}}


@asynccontextmanager
async def scene(
    script: Script, spoilt: Spoilt | None = None, handover: Handover = NOTHING
) -> AsyncIterator[tuple[GeminiServer, Talk]]:
    async with (
        serving_gemini(script, spoilt) as server,
        following(KIND.open(means(settings(server)), handover)) as talk,
    ):
        yield server, talk


async def speak(talk: Talk) -> None:
    for frame in frames(whistle(0.3)):
        await talk.backend.send_audio(frame)


async def called(talk: Talk, number: int = 1) -> CallId:
    await talk.until(lambda: len(talk.of(ToolCalled)) >= number or talk.ended is not None)
    call: ToolCalled = talk.of(ToolCalled)[number - 1]
    return call.call


def test_a_turn_arrives_to_the_sample_and_the_reply_as_it_is() -> None:
    sound = tone(1.3)
    script = Script(replies=[Reply("Good morning.", pcm=sound)], heard=["good morning box"])

    async def act() -> None:
        async with scene(script) as (server, talk):
            said = whistle(0.777)
            await talk.say(said)
            await talk.reply()
            assert server.session.turns == [said.astype("<i2").tobytes()]
            assert server.session.kinds() == ["setup", "activityStart", "audio", "activityEnd"]
            assert talk.sound() == sound
            assert {piece.rate for piece in talk.of(ReplyAudio)} == {24_000}
            assert [text.text for text in talk.of(ReplyText)] == ["Good morning."]
            heard = [(each.turn, each.text) for each in talk.of(Transcribed)]
            assert heard == [(FIRST, "good morning box")]
            (used,) = talk.of(Used)
            assert (used.turn, used.usage.audio_in, used.usage.text_in) == (FIRST, 30, 120)
            assert (used.usage.model, used.usage.audio_out) == ("gemini-3.8-live", 40)
            assert talk.backend.idle
            assert KEY not in server.paths[0]

    run_virtual(act())


def test_a_tool_is_called_answered_once_and_reported() -> None:
    two = Reply("", calls=(ON, Call("set_light", '{"state": "off"}')))
    script = Script(replies=[two, Reply("Both."), Reply("", calls=(Call("stop"),)), Reply("Bye.")])

    async def act() -> None:
        async with scene(script) as (server, talk):
            await talk.say()
            second = await called(talk, 2)
            first = talk.of(ToolCalled)[0].call
            assert talk.of(ToolCalled)[0].arguments == {"state": "on"}
            await talk.backend.answer_call(second, DONE)
            await asyncio.sleep(0.5)
            assert not server.session.answers  # they go together
            await talk.backend.answer_call(first, DONE)
            await talk.backend.answer_call(first, DONE)
            await talk.reply(2)
            assert [each["id"] for each in server.session.answers] == [first, second]
            output = json.loads(server.session.answers[0]["response"]["output"])
            assert output == {"status": "done", "say": "It is on."}
            await talk.say(turn=SECOND)
            await talk.backend.answer_call(await called(talk, 3), DONE)
            await talk.reply(4)
            ends = [(end.calls_tool, end.stay) for end in talk.of(ReplyEnded)]
            assert ends == [(True, True), (False, True), (True, False), (False, False)]
            assert [each.turn for each in talk.of(ReplyStarted)] == [1, 1, 2, 2]

    run_virtual(act())


def test_a_server_that_ends_the_turn_at_a_call_is_followed_too() -> None:
    script = Script(replies=[Reply("", calls=(ON,)), Reply("It is on.")])

    async def act() -> None:
        for wait in (0.0, 0.7):  # the answer goes before and after the end of the turn is known
            async with scene(script, Spoilt(call_ends_turn=True)) as (_, talk):
                await talk.say()
                call = await called(talk)
                await asyncio.sleep(wait)
                await talk.backend.answer_call(call, DONE)
                await talk.reply(2)
                assert [end.calls_tool for end in talk.of(ReplyEnded)] == [True, False]
                assert talk.backend.idle

    run_virtual(act())


def test_a_slow_tool_is_reported_as_slow_then_offered_and_told() -> None:
    script = Script(replies=[Reply("", calls=(ON,)), Reply("I am at it."), Reply("It is on.")])

    async def act() -> None:
        async with scene(script) as (server, talk):
            await talk.say()
            call = await called(talk)
            await talk.reply(2)
            (answer,) = server.session.answers
            assert json.loads(answer["response"]["output"])["status"] == "working"
            assert [end.calls_tool for end in talk.of(ReplyEnded)] == [True, False]
            await talk.backend.answer_call(call, ToolResult("done", say="Lit at last."))
            await talk.until(lambda: bool(talk.of(ReplyOffered)))
            await talk.backend.take_reply(SECOND)
            await talk.reply(3)
            assert "Lit at last." in server.session.texts[-1]
            assert [each.turn for each in talk.of(ReplyStarted)] == [1, 1, 2]
            assert len(server.session.answers) == 1

    run_virtual(act())


@pytest.mark.parametrize("pause", [0.0, 0.2])
def test_what_answers_late_is_known_in_the_next_turn(pause: float) -> None:
    script = Script(replies=[Reply("", calls=(ON,)), Reply("Later."), Reply("Yes.")])

    async def act() -> None:
        async with scene(script) as (server, talk):
            await talk.say()
            call = await called(talk)
            await speak(talk)
            await asyncio.sleep(pause)  # in which the server takes its call back
            await talk.backend.commit_turn(SECOND)
            await talk.reply(2)
            await talk.backend.answer_call(call, ToolResult("done", say="Lit at last."))
            assert len(server.session.answers) == (0 if pause else 1)
            await talk.until(lambda: bool(talk.of(ReplyOffered)))
            await talk.say(turn=TurnNumber(3))
            await talk.reply(3)
            assert "Lit at last." in server.session.texts[0]
            assert talk.backend.idle

    run_virtual(act())


@pytest.mark.parametrize("late", [0, 3])
@pytest.mark.parametrize("silent", [True, False])
def test_nothing_of_a_reply_that_was_talked_over_comes_later(late: int, silent: bool) -> None:  # noqa: FBT001
    other = tone(0.5, hertz=900.0)
    script = Script(replies=[LONG, Reply("Fine.", pcm=other)])
    spoilt = Spoilt(uninterrupted=late, no_turn_complete=silent)

    async def act() -> None:
        async with scene(script, spoilt) as (_, talk):
            await talk.say()
            await talk.until(lambda: len(talk.of(ReplyAudio)) >= 3)
            cut = talk.of(ReplyStarted)[0].response
            for _ in range(2):
                await talk.backend.cancel_reply(cut, heard=Seconds(0.2))
            before = len(talk.events)
            await talk.say(turn=SECOND)
            await talk.until(lambda: bool(talk.of(ReplyEnded)))
            after = talk.events[before:]
            started, ended = talk.of(ReplyStarted)[1], talk.of(ReplyEnded)[0]
            assert (started.turn, ended.response) == (SECOND, started.response)
            assert all(getattr(event, "response", None) != cut for event in after)
            assert talk.sound(started.response) == other
            assert talk.backend.idle

    run_virtual(act())


def test_a_reply_that_is_stopped_is_dropped_to_its_end() -> None:
    async def act() -> None:
        async with scene(Script(replies=[LONG, Reply("Next.")])) as (_, talk):
            await talk.say()
            await talk.until(lambda: len(talk.of(ReplyAudio)) >= 3)
            await talk.backend.cancel_reply(talk.of(ReplyStarted)[0].response, heard=Seconds(0.2))
            before = len(talk.events)
            await asyncio.sleep(20.0)
            assert all(isinstance(event, Used) for event in talk.events[before:])
            await talk.say(turn=SECOND)
            await talk.reply(1)
            assert talk.of(ReplyText)[-1].text == "Next."

    run_virtual(act())


def test_a_turn_that_came_to_nothing_does_nothing() -> None:
    script = Script(replies=[Reply("What?", calls=(ON,)), Reply("Ok."), Reply("Yes.")])

    async def act() -> None:
        async with scene(script) as (server, talk):
            await talk.backend.until_ready()
            await speak(talk)
            await talk.backend.enclose(Enclosure("secret"))
            await talk.backend.clear_turn()
            await asyncio.sleep(1.0)
            answers = [each["response"] for each in server.session.answers]
            assert answers == [{"output": "CANCELLED"}]
            await talk.say(turn=SECOND)
            await talk.reply(1)
            assert not talk.of(ToolCalled)
            assert [text.text for text in talk.of(ReplyText)] == ["Yes."]
            assert server.session.texts == []
            assert talk.backend.idle

    run_virtual(act())


def test_a_committed_turn_that_nobody_wants_does_nothing() -> None:
    script = Script(replies=[Reply("What?", calls=(ON,)), Reply("Ok."), Reply("Yes.")])

    async def act() -> None:
        async with scene(script) as (_, talk):
            await talk.backend.until_ready()
            await talk.say()
            await talk.backend.clear_turn()
            await asyncio.sleep(1.0)
            assert {type(event) for event in talk.events} <= {Used, Transcribed}
            await talk.say(turn=SECOND)
            await talk.reply(1)
            assert [text.text for text in talk.of(ReplyText)] == ["Yes."]

    run_virtual(act())


def test_words_and_pictures_go_with_the_turn() -> None:
    async def act() -> None:
        async with scene(Script()) as (server, talk):
            picture = Image(b"\xff\xd8\xff", "image/jpeg")
            await talk.backend.enclose(Enclosure("What is this?", picture, note="It is dark."))
            await talk.backend.commit_turn(FIRST)
            await talk.reply()
            assert server.session.texts == ["It is dark.", "What is this?"]
            assert server.session.kinds()[1:] == ["activityStart", "text", "video", "activityEnd"]

    run_virtual(act())


def test_a_stream_that_stops_ends_the_session() -> None:
    async def act() -> None:
        async with scene(Script(replies=[LONG]), Spoilt(after=3, stop=True)) as (_, talk):
            await talk.say()
            error = await talk.end()
            assert isinstance(error, BackendStalled)
            assert len(talk.of(ReplyAudio)) == 3
            assert asyncio.get_running_loop().time() == pytest.approx(4.2, abs=0.1)

    run_virtual(act())


def test_a_silent_server_ends_the_session_and_a_slow_one_does_not() -> None:
    async def act() -> None:
        slow = Script(replies=[Reply(first_audio_s=3.9), Reply(first_audio_s=4.1)])
        async with scene(slow) as (_, talk):
            await talk.say()
            await talk.reply()
            await asyncio.sleep(100.0)
            await talk.say(turn=SECOND)
            assert isinstance(await talk.end(), BackendStalled)

    run_virtual(act())


def test_nonsense_in_between_changes_nothing() -> None:
    junk = (b"\xff\xfe", "{", "[]", '"x"', '{"serverContent": 7}', b'{"toolCall": {}}', "{}")

    async def act() -> None:
        sound = tone(0.4)
        script = Script(replies=[Reply("Fine.", pcm=sound)])
        async with scene(script, Spoilt(after=2, junk=junk)) as (_, talk):
            await talk.say()
            await talk.reply()
            assert talk.sound() == sound

    run_virtual(act())


@pytest.mark.parametrize("mime", ["audio/pcm;rate=4000", "audio/mpeg", "audio/pcm;rate=96000"])
def test_sound_that_cannot_be_played_is_no_reply(mime: str) -> None:
    async def act() -> None:
        async with scene(Script(), Spoilt(mime=mime)) as (_, talk):
            await talk.say()
            error = await talk.end()
            assert str(error) == "the reply was empty"
            assert not talk.of(ReplyAudio)
            assert not talk.of(ReplyStarted)

    run_virtual(act())


def test_another_rate_is_told_as_it_is() -> None:
    async def act() -> None:
        async with scene(Script(), Spoilt(mime="audio/pcm;rate=16000")) as (_, talk):
            await talk.say()
            await talk.reply()
            assert {piece.rate for piece in talk.of(ReplyAudio)} == {16_000}

    run_virtual(act())


def test_a_call_with_wrong_arguments_is_answered_not_made() -> None:
    script = Script(replies=[Reply("", calls=(Call("set_light", "{on"),)), Reply("Sorry.")])

    async def act() -> None:
        async with scene(script) as (server, talk):
            await talk.say()
            await talk.reply(2)
            assert not talk.of(ToolCalled)
            (answer,) = server.session.answers
            assert json.loads(answer["response"]["output"])["status"] == "rejected"
            assert [end.calls_tool for end in talk.of(ReplyEnded)] == [True, False]

    run_virtual(act())


def test_a_withheld_reply_is_given_to_the_next_backend() -> None:
    async def act() -> None:
        script = Script(replies=[Reply("")])
        async with scene(script, Spoilt(reason="RESPONSE_REJECTED")) as (_, talk):
            await talk.say()
            assert str(await talk.end()) == "the reply was withheld (RESPONSE_REJECTED)"
            assert not talk.of(ReplyStarted)
        async with scene(script, Spoilt(reason="NEED_MORE_INPUT")) as (_, talk):
            await talk.say()
            assert await talk.reply() == []  # it listens on

    run_virtual(act())


def test_a_server_that_goes_away_is_left_between_two_turns() -> None:
    async def act() -> None:
        async with scene(Script(), Spoilt(go_away=1)) as (_, talk):
            await talk.say()
            error = await talk.end()
            assert isinstance(error, SessionOver)
            assert str(error) == "the server is about to end the connection"
            assert len(talk.of(ReplyEnded)) == 1

    run_virtual(act())


def test_a_new_session_knows_the_conversation() -> None:
    result = ToolResult("done", say="It is on.")
    lines = (
        Said("user", "light on"),
        Called(CallId("c1"), "set_light", {"state": "on"}, result),
        Said("assistant", "It is on."),
        Called(CallId("c2"), "set_light", {"state": "off"}),
    )

    async def act() -> None:
        async with scene(Script(), handover=Handover(lines, notice=True)) as (server, talk):
            await talk.say()
            await talk.reply()
            user, model = server.session.history
            assert (user["role"], model["role"]) == ("user", "model")
            assert user["parts"] == [{"text": "light on"}]
            assert "it answered" in model["parts"][0]["text"]
            assert model["parts"][1] == {"text": "It is on."}
            who = server.session.setup["systemInstruction"]["parts"][0]["text"]
            assert "Still at work from before" in who
            assert "stand in for the usual voice" in who

    run_virtual(act())


@pytest.mark.parametrize("slow", [False, True])
def test_what_another_session_called_is_reported_not_called_again(slow: bool) -> None:  # noqa: FBT001
    known = Called(CallId("c1"), "set_light", {"state": "on"}, DONE)
    open_ = Called(CallId("c2"), "set_light", {"state": "off"})
    handover = Handover((Said("user", "do both"),), Owed(FIRST, (known, open_)))
    texts = [Reply("I am at it."), Reply("Both.")] if slow else [Reply("Both.")]

    async def act() -> None:
        async with scene(Script(replies=texts), handover=handover) as (server, talk):
            await asyncio.sleep(1.0)
            assert not server.session.texts
            if slow:
                await talk.reply(1)
            await talk.backend.answer_call(CallId("c2"), ToolResult("done", say="It is off."))
            if slow:
                await talk.until(lambda: bool(talk.of(ReplyOffered)))
                await talk.backend.take_reply(SECOND)
            await talk.reply(len(texts))
            assert "It is on." in server.session.texts[-1]
            assert "It is off." in server.session.texts[-1]
            assert not server.session.answers
            assert not talk.of(ToolCalled)
            assert [each.turn for each in talk.of(ReplyStarted)] == ([1, 2] if slow else [1])

    run_virtual(act())


def test_tools_are_replaced() -> None:
    async def act() -> None:
        async with scene(Script()) as (server, talk):
            await talk.backend.until_ready()
            await talk.backend.retool(tool_objects([LIGHT]))
            await talk.say()
            await talk.reply()
            (update,) = (each for each in server.session.received if "contextUpdate" in each)
            (tool,) = update["contextUpdate"]["tools"]["tools"]
            assert [each["name"] for each in tool["functionDeclarations"]] == ["set_light"]

    run_virtual(act())


def test_it_is_tried_without_a_word() -> None:
    async def act() -> None:
        async with serving_gemini() as server:
            assert await KIND.probe(means(settings(server))) == "a session was ready after 0.00 s"
            assert server.session.kinds() == ["setup"]

    run_virtual(act())


def test_a_setup_that_is_never_taken_ends() -> None:
    async def act() -> None:
        async with serving_gemini(Script(updated_s=10.0)) as server:
            rules = GeminiRules(Terms({"model": "m"}, "m", Seconds(4.0), Seconds(10.0)))
            place = Address(f"{server.url}{PATH}", {"x-goog-api-key": KEY})
            limits = Limits(Seconds(3.0), Seconds(4.0))
            async with following(SocketSession(place, rules, limits)) as talk:
                assert isinstance(await talk.end(), BackendStalled)

    run_virtual(act())


@pytest.mark.parametrize(
    ("closing", "reason"),
    [
        ((1007, "API key expired. Please renew the API key."), "invalid_api_key"),
        ((1008, "models/x is not found for API version v1beta"), "model_not_found"),
        ((1007, "Requested voice api_name 'x' is not available."), "voice_not_found"),
    ],
)
def test_what_will_not_get_better_by_itself(closing: tuple[int, str], reason: str) -> None:
    async def act() -> None:
        async with scene(Script(), Spoilt(setup_close=closing)) as (_, talk):
            error = await talk.end()
            assert isinstance(error, BackendRefused)
            assert error.reason == reason

    run_virtual(act())


def test_a_wrong_key_is_said_and_never_shown() -> None:
    async def act() -> None:
        async with serving_gemini() as server:
            given = {**settings(server), "keys": {"gemini": "wrong-secret"}}
            async with following(KIND.open(means(given), NOTHING)) as talk:
                error = await talk.end()
                assert isinstance(error, BackendRefused)
                assert error.reason == "invalid_api_key"
                assert "wrong-secret" not in str(error)

    run_virtual(act())


def test_a_rate_limit_says_when_to_come_back() -> None:
    async def act() -> None:
        limited = Refusal(429, code="RESOURCE_EXHAUSTED", message="Quota: please retry in 31.5s.")
        async with scene(Script(refusal=limited)) as (_, talk):
            error = await talk.end()
            assert type(error) is BackendUnavailable
            assert str(error).endswith("it asks to wait 32 s")
        at_last = (1011, "You exceeded your current quota.")
        async with scene(Script(), Spoilt(close=at_last, after=2)) as (_, talk):
            await talk.say()
            error = await talk.end()
            assert type(error) is BackendUnavailable
            assert "quota" in str(error)
            assert talk.of(ReplyStarted)
            assert not talk.of(ReplyEnded)

    run_virtual(act())


def test_a_call_that_answers_after_the_reply_was_stopped_is_offered() -> None:
    script = Script(replies=[Reply("", calls=(ON,)), Reply("Lit."), Reply("It was lit.")])

    async def act() -> None:
        async with scene(script) as (server, talk):
            await talk.say()
            call = await called(talk)
            await talk.backend.cancel_reply(talk.of(ReplyStarted)[0].response, heard=Seconds(0.0))
            await talk.backend.answer_call(call, DONE)
            await talk.until(lambda: bool(talk.of(ReplyOffered)))
            await asyncio.sleep(5.0)
            assert len(talk.of(ReplyStarted)) == 1  # what the model made of it is not heard
            assert len(server.session.answers) == 1
            await talk.backend.take_reply(SECOND)
            await talk.until(lambda: len(talk.of(ReplyEnded)) >= 2)
            assert [text.text for text in talk.of(ReplyText)] == ["It was lit."]

    run_virtual(act())
