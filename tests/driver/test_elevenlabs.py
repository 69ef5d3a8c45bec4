"""An agent of ElevenLabs over a real socket of the loopback, in virtual time."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from appliance.backend.context import NOTHING, Called, Handover, Owed, Said
from appliance.backend.kinds.elevenlabs import KIND
from appliance.errors import BackendRefused, BackendStalled, BackendUnavailable
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
from tests.elevenlabs_server import AGENT, KEY, AgentServer, Spoilt, resampled, serving_agent
from tests.following import following, means
from tests.realtime_client import Talk, frames, whistle
from tests.realtime_server import Call, Reply, Script
from tests.realtime_server.plan import tone
from tests.virtual_time import run_virtual

FIRST, SECOND = TurnNumber(1), TurnNumber(2)
ON = Call("set_light", '{"state": "on"}')
DONE = ToolResult("done", say="It is on.")
LONG = Reply("A very long story, told only twice as fast as it is heard.", pace=2.0)


def settings(server: AgentServer, **more: object) -> dict[str, object]:
    agent = {"url": server.url, "agent_id": AGENT, **more}
    return {"elevenlabs": agent, "keys": {"elevenlabs": KEY}}


@asynccontextmanager
async def scene(
    script: Script, spoilt: Spoilt | None = None, handover: Handover = NOTHING, **more: object
) -> AsyncIterator[tuple[AgentServer, Talk]]:
    async with (
        serving_agent(script, spoilt) as server,
        following(KIND.open(means(settings(server, **more)), handover)) as talk,
    ):
        yield server, talk


def now() -> float:
    return asyncio.get_running_loop().time()


async def speak(talk: Talk, *, hushed: bool = False) -> None:
    """Speak in real time for 0.5 s, or say nothing for 0.7 s."""
    for frame in frames(whistle(0.7) * 0 if hushed else whistle(0.5)):
        await talk.backend.send_audio(frame)
        await asyncio.sleep(0.01)


async def say(talk: Talk, turn: TurnNumber = FIRST) -> None:
    await speak(talk)
    await talk.backend.commit_turn(turn)


async def called(talk: Talk, number: int = 1) -> CallId:
    await talk.until(lambda: len(talk.of(ToolCalled)) >= number or talk.ended is not None)
    call: ToolCalled = talk.of(ToolCalled)[number - 1]
    return call.call


def turns(talk: Talk) -> list[TurnNumber]:
    return [each.turn for each in talk.of(ReplyStarted)]


@pytest.mark.parametrize("completes", [True, False])
@pytest.mark.parametrize("text_first", [True, False])
def test_a_turn_is_heard_answered_and_over(completes: bool, text_first: bool) -> None:  # noqa: FBT001
    sound = tone(1.3)
    script = Script(replies=[Reply("Good morning.", pcm=sound)], heard=["good morning"])

    async def act() -> None:
        spoilt = Spoilt(completes=completes, text_first=text_first)
        async with scene(script, spoilt) as (server, talk):
            said = whistle(0.777)
            await talk.say(said)
            await talk.reply()
            (turn,) = server.session.turns
            assert turn.startswith(said.astype("<i2").tobytes())
            assert not any(turn[2 * len(said) :])  # to the piece of 100 ms, by silence
            assert talk.sound() == resampled(sound, 16_000)
            assert {piece.rate for piece in talk.of(ReplyAudio)} == {16_000}
            assert [text.text for text in talk.of(ReplyText)] == ["Good morning."]
            heard = [(each.turn, each.text) for each in talk.of(Transcribed)]
            assert heard == [(FIRST, "good morning")]
            assert [(end.calls_tool, end.stay) for end in talk.of(ReplyEnded)] == [(False, True)]
            # silence of 0.5 s, then the whole sound at once: over when it would have been heard
            assert now() == pytest.approx(0.5 + (0.25 if completes else 1.3), abs=0.15)
            assert talk.backend.idle
            before = server.session.heard_s
            await asyncio.sleep(5.0)
            assert server.session.heard_s == before  # nothing is sent between turns

    run_virtual(act())


def test_the_time_is_told_for_it_is_paid() -> None:
    async def act() -> None:
        async with scene(Script()) as (_, talk):
            await talk.say()
            await talk.reply()
            await asyncio.sleep(100.0)
            told = [used.usage for used in talk.of(Used)]
            assert {usage.model for usage in told} == {"elevenlabs-agents"}
            assert sum(usage.audio_s for usage in told) == pytest.approx(61.0, abs=1.0)

    run_virtual(act())


def test_a_ping_is_answered_at_once() -> None:
    async def act() -> None:
        async with scene(Script(), Spoilt(pings_s=2.0)) as (server, talk):
            await talk.backend.until_ready()
            await asyncio.sleep(7.0)
            assert server.session.pongs == [1, 2, 3, 4]

    run_virtual(act())


@pytest.mark.parametrize("completes", [True, False])
def test_a_tool_is_called_answered_once_and_reported(completes: bool) -> None:  # noqa: FBT001
    before = Reply("Let me see.", calls=(ON, Call("set_light", '{"state": "off"}')))
    script = Script(
        replies=[before, Reply("Both."), Reply("", calls=(Call("stop"),)), Reply("B.")]
    )

    async def act() -> None:
        async with scene(script, Spoilt(completes=completes)) as (server, talk):
            await say(talk)
            second = await called(talk, 2)
            first = talk.of(ToolCalled)[0].call
            assert talk.of(ToolCalled)[0].arguments == {"state": "on"}
            for call in (second, first, first):
                await talk.backend.answer_call(call, DONE)
            await talk.reply(2)
            assert [each["tool_call_id"] for each in server.session.results] == [second, first]
            result = json.loads(server.session.results[0]["result"])
            assert result == {"status": "done", "say": "It is on."}
            assert not server.session.results[0]["is_error"]
            await say(talk, SECOND)
            await talk.backend.answer_call(await called(talk, 3), DONE)
            await talk.reply(4)
            assert turns(talk) == [1, 1, 2, 2]
            ends = [(end.calls_tool, end.stay) for end in talk.of(ReplyEnded)]
            assert ends == [(True, True), (False, True), (True, False), (False, False)]
            assert [text.text for text in talk.of(ReplyText)] == ["Let me see.", "Both.", "B."]

    run_virtual(act())


def test_a_slow_tool_is_reported_as_slow_then_offered_and_told() -> None:
    script = Script(replies=[Reply("", calls=(ON,)), Reply("I am at it."), Reply("It is on.")])

    async def act() -> None:
        async with scene(script) as (server, talk):
            await say(talk)
            call = await called(talk)
            await talk.reply(2)
            (answer,) = server.session.results
            assert json.loads(answer["result"])["status"] == "working"
            assert [end.calls_tool for end in talk.of(ReplyEnded)] == [True, False]
            await talk.backend.answer_call(call, ToolResult("done", say="Lit at last."))
            await talk.until(lambda: bool(talk.of(ReplyOffered)))
            await talk.backend.take_reply(SECOND)
            await talk.reply(3)
            assert "Lit at last." in server.session.messages[0]
            assert turns(talk) == [1, 1, 2]
            assert len(server.session.results) == 1

    run_virtual(act())


def test_what_answers_late_is_known_in_the_next_turn() -> None:
    both = Reply("", calls=(ON, Call("set_light", '{"state": "off"}')))
    script = Script(replies=[both, Reply("Later."), Reply("Yes.")])

    async def act() -> None:
        async with scene(script) as (server, talk):
            await say(talk)
            slow = await called(talk, 2)
            quick = talk.of(ToolCalled)[0].call
            await talk.backend.answer_call(quick, DONE)
            await say(talk, SECOND)
            await talk.reply(3)  # each call is one, as they come one by one
            answers = [each["tool_call_id"] for each in server.session.results]
            assert answers == [quick, slow]
            assert json.loads(server.session.results[1]["result"])["status"] == "working"
            await talk.backend.answer_call(slow, ToolResult("done", say="Lit at last."))
            await talk.until(lambda: bool(talk.of(ReplyOffered)))
            await say(talk, TurnNumber(3))
            await talk.reply(4)
            assert "Lit at last." in server.session.context[0]
            assert "It is on." not in server.session.context[0]  # that it was told already
            assert talk.backend.idle

    run_virtual(act())


@pytest.mark.parametrize("completes", [True, False])
@pytest.mark.parametrize("waits", [0.0, 0.3, 60.0])
def test_nothing_of_a_reply_that_was_cut_comes_later(completes: bool, waits: float) -> None:  # noqa: FBT001
    other = tone(0.5, hertz=900.0)
    script = Script(replies=[LONG, Reply("Fine.", pcm=other)])

    async def act() -> None:
        async with scene(script, Spoilt(completes=completes)) as (_, talk):
            await say(talk)
            await talk.until(lambda: len(talk.of(ReplyAudio)) >= 3)
            cut = talk.of(ReplyStarted)[0].response
            for _ in range(2):
                await talk.backend.cancel_reply(cut, heard=Seconds(0.2))
            before = len(talk.events)
            await asyncio.sleep(waits)
            await say(talk, SECOND)
            await talk.until(lambda: bool(talk.of(ReplyEnded)))
            after = talk.events[before:]
            assert all(getattr(event, "response", None) != cut for event in after)
            started = talk.of(ReplyStarted)[1]
            assert started.turn == SECOND
            assert talk.sound(started.response) == resampled(other, 16_000)

    run_virtual(act())


def test_an_agent_that_believes_too_early_that_it_has_its_turn() -> None:
    script = Script(replies=[Reply("Eh?", calls=(ON,), calls_first=True), Reply("Now.")])

    async def act() -> None:
        async with scene(script) as (server, talk):
            await speak(talk)
            await speak(talk, hushed=True)
            assert len(server.session.turns) == 1  # it has answered by now
            await say(talk)
            await talk.reply(1)
            assert [text.text for text in talk.of(ReplyText)] == ["Now."]
            assert not talk.of(ToolCalled)
            assert [each["result"] for each in server.session.results] == ["CANCELLED"]
            (heard,) = {each.text for each in talk.of(Transcribed)[-1:]}
            assert heard == "turn on the light turn on the light"

    run_virtual(act())


def test_an_agent_that_answers_before_the_commit_is_not_asked_twice() -> None:
    async def act() -> None:
        async with scene(Script(replies=[Reply("Now.")])) as (_, talk):
            await speak(talk)
            await speak(talk, hushed=True)
            assert not talk.of(ReplyStarted)
            await talk.backend.commit_turn(FIRST)
            await talk.reply(1)
            assert [text.text for text in talk.of(ReplyText)] == ["Now."]

    run_virtual(act())


def test_what_nobody_asked_for_is_not_heard() -> None:
    spoilt = Spoilt(first_message="Hello, how can I help you today?", speaks_up_s=7.0)

    async def act() -> None:
        script = Script(replies=[Reply("One."), Reply("Two.")])
        async with scene(script, spoilt) as (_, talk):
            await talk.backend.until_ready()
            await asyncio.sleep(5.0)
            await say(talk)
            await talk.reply(1)
            await asyncio.sleep(20.0)
            await say(talk, SECOND)
            await talk.reply(2)
            assert [text.text for text in talk.of(ReplyText)] == ["One.", "Two."]

    run_virtual(act())


def test_a_turn_that_came_to_nothing_does_nothing() -> None:
    script = Script(replies=[Reply("Eh?", calls=(ON,)), Reply("Ok."), Reply("Yes.")])

    async def act() -> None:
        async with scene(script) as (server, talk):
            await speak(talk)
            await talk.backend.enclose(Enclosure("secret"))
            await talk.backend.clear_turn()
            await asyncio.sleep(4.0)
            assert [each["result"] for each in server.session.results] == ["CANCELLED"]
            assert {type(event) for event in talk.events} <= {Used}
            await say(talk, SECOND)
            await talk.reply(1)
            assert turns(talk) == [SECOND]
            assert not server.session.messages
            assert not talk.of(ToolCalled)

    run_virtual(act())


def test_words_are_said_and_a_picture_is_told_of() -> None:
    async def act() -> None:
        async with scene(Script()) as (server, talk):
            picture = Image(b"\xff\xd8\xff", "image/jpeg")
            await talk.backend.enclose(Enclosure("What is this?", picture, note="It is dark."))
            await talk.backend.commit_turn(FIRST)
            await talk.reply()
            assert server.session.messages == ["What is this?"]
            assert server.session.context[1] == "It is dark."
            assert "cannot see" in server.session.context[0]
            assert server.session.heard_s == 0.0

    run_virtual(act())


def test_an_agent_that_does_not_answer_ends_the_session() -> None:
    async def act() -> None:
        async with scene(Script(), Spoilt(deaf=True)) as (server, talk):
            await talk.say()
            assert isinstance(await talk.end(), BackendStalled)
            assert now() == pytest.approx(4.0, abs=0.1)
            assert server.session.heard_s == pytest.approx(4.5, abs=0.2)  # silence, in real time

    run_virtual(act())


def test_nonsense_in_between_changes_nothing() -> None:
    junk = (b"\x00", "{", "[]", '{"type": 7}', '{"type": "audio"}', '{"type": "news", "x": {}}')

    async def act() -> None:
        async with scene(Script(), Spoilt(after=2, junk=junk)) as (_, talk):
            await talk.say()
            assert len(await talk.reply()) > 2

    run_virtual(act())


def test_a_call_with_wrong_arguments_is_answered_not_made() -> None:
    script = Script(replies=[Reply("", calls=(Call("set_light", "{on"),)), Reply("Sorry.")])

    async def act() -> None:
        async with scene(script) as (server, talk):
            await talk.say()
            await talk.reply(2)
            assert not talk.of(ToolCalled)
            (result,) = server.session.results
            assert result["is_error"]
            assert [end.calls_tool for end in talk.of(ReplyEnded)] == [True, False]

    run_virtual(act())


@pytest.mark.parametrize(("form", "rate"), [("pcm_44100", 44_100), ("pcm_8000", 8_000)])
def test_its_rate_is_told_as_it_is(form: str, rate: int) -> None:
    async def act() -> None:
        async with scene(Script(), Spoilt(output=form)) as (_, talk):
            await talk.say()
            await talk.reply()
            assert {piece.rate for piece in talk.of(ReplyAudio)} == {rate}

    run_virtual(act())


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        (Spoilt(output="ulaw_8000"), "unplayable_format"),
        (Spoilt(input="pcm_24000"), "unfit_input_format"),
        (
            Spoilt(begin_close=(1002, "This request exceeds your quota limit.")),
            "insufficient_quota",
        ),
        (
            Spoilt(begin_close=(3000, "The AI agent you are trying to reach does not exist.")),
            "agent_not_found",
        ),
        (Spoilt(begin_close=(3000, "Could not authorize the conversation.")), "invalid_api_key"),
        (
            Spoilt(error={"type": "error", "message": "This request exceeds your quota limit."}),
            "insufficient_quota",
        ),
        (
            Spoilt(close=(1002, "The AI agent you are trying to reach is misconfigured")),
            "agent_misconfigured",
        ),
    ],
)
def test_what_will_not_get_better_by_itself(spoilt: Spoilt, reason: str) -> None:
    async def act() -> None:
        async with scene(Script(), spoilt) as (_, talk):
            with suppress(BackendUnavailable):
                await say(talk)
            error = await talk.end()
            assert isinstance(error, BackendRefused)
            assert error.reason == reason

    run_virtual(act())


def test_overrides_go_only_where_the_settings_have_them() -> None:
    wanted = ("prompt", "first_message", "language", "voice")

    async def act() -> None:
        allowed = Spoilt(allows=frozenset(wanted))
        async with scene(Script(), allowed, overrides=wanted, voice="v1") as (server, talk):
            await talk.say()
            await talk.reply()
            override = server.session.received[0]["conversation_config_override"]
            assert override["tts"] == {"voice_id": "v1"}
            assert set(override["agent"]) == {"prompt", "first_message", "language"}
        async with scene(Script(), overrides=("prompt",)) as (_, talk):
            error = await talk.end()
            assert isinstance(error, BackendRefused)
            assert error.reason == "override_not_allowed"
        async with scene(Script()) as (server, talk):
            await talk.backend.until_ready()
            assert server.session.received[0]["conversation_config_override"] == {}
            variables = server.session.received[0]["dynamic_variables"]
            assert "voice assistant" in variables["box_instructions"]

    run_virtual(act())


def test_a_wrong_key_and_a_wrong_agent() -> None:
    async def act() -> None:
        async with serving_agent() as server:
            for wrong, reason in (
                ({"keys": {"elevenlabs": "no"}}, "invalid_api_key"),
                ({"elevenlabs": {"url": server.url, "agent_id": "a"}}, "agent_not_found"),
            ):
                given = {**settings(server), **wrong}
                async with following(KIND.open(means(given), NOTHING)) as talk:
                    error = await talk.end()
                    assert isinstance(error, BackendRefused)
                    assert error.reason == reason

    run_virtual(act())


def test_a_new_session_knows_the_conversation() -> None:
    lines = (Said("user", "light on"), Said("assistant", "It is on."))

    async def act() -> None:
        async with scene(Script(), handover=Handover(lines)) as (server, talk):
            await talk.say()
            await talk.reply()
            (told,) = server.session.context
            assert told.endswith("user: light on\nassistant: It is on.")

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
            assert not server.session.messages
            if slow:
                await talk.reply(1)
            await talk.backend.answer_call(CallId("c2"), ToolResult("done", say="It is off."))
            if slow:
                await talk.until(lambda: bool(talk.of(ReplyOffered)))
                await talk.backend.take_reply(SECOND)
            await talk.reply(len(texts))
            assert "It is on." in server.session.messages[-1]
            assert "It is off." in server.session.messages[-1]
            assert not server.session.results
            assert turns(talk) == ([1, 2] if slow else [1])

    run_virtual(act())


def test_it_is_tried_without_a_word() -> None:
    async def act() -> None:
        async with serving_agent() as server:
            assert "ready" in await KIND.probe(means(settings(server)))
            assert server.session.heard_s == 0.0

    run_virtual(act())
