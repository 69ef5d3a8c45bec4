"""The realtime client against a server that is not ours: aimock, over a real socket."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from appliance.backend.socket.address import Address
from appliance.errors import BackendRefused
from appliance.events import ReplyEnded, ReplyStarted, ReplyText, ToolCalled
from appliance.ports import Enclosure, ToolResult
from appliance.units import Seconds, TurnNumber
from tests.aimock import aimock
from tests.realtime_client import SETTINGS, TERMS, TURN, Talk, talking

TEXT = "Hello! How can I help you today?"
CALL = {"name": "set_light", "arguments": {"state": "on"}}
FIXTURES: list[Mapping[str, object]] = [
    {"match": {"userMessage": "hello"}, "response": {"content": TEXT}},
    {
        "match": {"userMessage": "light", "hasToolResult": True},
        "response": {"content": "The light is on."},
    },
    {
        "match": {"userMessage": "light", "hasToolResult": False},
        "response": {"toolCalls": [CALL]},
    },
]
BY_TEXT = replace(TERMS, session={**SETTINGS, "output_modalities": ["text"]})
SECOND = TurnNumber(2)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with aimock(tmp_path_factory.mktemp("aimock"), FIXTURES) as listening:
        yield listening


def at(port: int, **headers: str) -> Address:
    shown = {"Authorization": "Bearer sk-test", **headers}
    return Address(f"ws://127.0.0.1:{port}/v1/realtime?model=gpt-realtime-2.1", shown)


def text(talk: Talk) -> str:
    return "".join(event.text for event in talk.of(ReplyText))


async def ask(talk: Talk, words: str, turn: TurnNumber = TURN) -> None:
    await talk.backend.enclose(Enclosure(words))
    await talk.backend.commit_turn(turn)


async def test_it_takes_our_settings_and_answers_in_text(port: int) -> None:
    async with talking(at(port), terms=BY_TEXT) as talk:
        await ask(talk, "hello")
        await talk.reply()

    assert text(talk) == TEXT
    assert [event.turn for event in talk.of(ReplyStarted)] == [TURN]


async def test_a_call_is_made_answered_and_reported(port: int) -> None:
    async with talking(at(port), terms=BY_TEXT) as talk:
        await ask(talk, "turn on the light")
        await talk.reply(1)
        (call,) = talk.of(ToolCalled)
        await talk.backend.answer_call(call.call, ToolResult("done", say="It is on."))
        await talk.reply(2)

    assert (call.tool, call.arguments) == ("set_light", {"state": "on"})
    assert [end.calls_tool for end in talk.of(ReplyEnded)] == [True, False]
    assert text(talk) == "The light is on."


async def test_two_turns_of_one_session(port: int) -> None:
    async with talking(at(port), terms=BY_TEXT) as talk:
        await ask(talk, "hello")
        await talk.reply(1)
        await ask(talk, "hello again", SECOND)
        await talk.reply(2)

    assert [event.turn for event in talk.of(ReplyStarted)] == [TURN, SECOND]
    assert text(talk) == TEXT + TEXT


async def test_sound_is_taken_though_it_cannot_be_heard(port: int) -> None:
    async with talking(at(port), terms=BY_TEXT) as talk:
        await talk.backend.enclose(Enclosure("hello"))
        await talk.say()
        await talk.reply()
        await talk.backend.clear_turn()

    assert text(talk) == TEXT


async def test_a_reply_that_is_over_can_be_cancelled_without_harm(port: int) -> None:
    async with talking(at(port), terms=BY_TEXT) as talk:
        await ask(talk, "hello")
        await talk.reply(1)
        await talk.backend.cancel_reply(talk.of(ReplyStarted)[0].response, heard=Seconds(0.5))
        await ask(talk, "hello", SECOND)
        await talk.reply(2)


async def test_the_old_dialect_is_refused_as_by_the_real_service(port: int) -> None:
    beta = at(port, **{"OpenAI-Beta": "realtime=v1"})
    async with talking(beta, terms=BY_TEXT) as talk:
        error = await talk.end()

    assert isinstance(error, BackendRefused)
    assert error.reason == "beta_api_shape_disabled"
