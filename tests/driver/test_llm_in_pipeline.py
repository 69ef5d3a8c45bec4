"""The minds of services in a session of the pipeline, with scripted ears and a scripted voice."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

import appliance.backend.web.wire  # noqa: F401 - while the loop runs it would need a thread
from appliance.backend.pipeline.parts import Trio
from appliance.backend.pipeline.session import PipelineBackend
from appliance.errors import BackendRefused, BackendStalled, BackendUnavailable
from appliance.events import ReplyEnded, ReplyStarted, ToolCalled, Used
from appliance.ports import ToolResult
from tests.llm_servers import APIS, Api, Reply
from tests.pipeline_parts import (
    FIRST,
    LAMP,
    SECOND,
    STOP,
    TERMS,
    FakeStt,
    FakeTts,
    Sentences,
    Talk,
    settle,
)
from tests.sdk_shapes import fits
from tests.virtual_time import run_virtual
from tests.web_server import Answer, Served, as_json, serving

HELLO = Reply(["Hello. How ", "are you?"])
CALL = Reply(["I will. "], [("light", '{"state": "on"}')])
DONE = Reply(["The light is on."])
IS_ON = ToolResult("done", "The light is on.")

each_api = pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)


def talk(
    api: Api, story: Callable[[Talk], Awaitable[None]], *answers: Answer
) -> tuple[Talk, Served]:
    """Tell a story to a session whose mind is behind this interface; and its server."""

    async def main() -> tuple[Talk, Served]:
        async with serving(*answers) as served:
            trio = Trio(FakeStt(), api.mind(served.url), FakeTts())
            found = Talk(PipelineBackend(trio, Sentences(), lambda: (LAMP, STOP), TERMS), trio)
            async with asyncio.TaskGroup() as group:
                group.create_task(found.follow(), name="events")
                await settle()
                await story(found)
                await found.backend.close()
            return found, served

    found, served = run_virtual(main())
    for request in served.requests:
        fits(api.request, request.json)
    return found, served


async def one_turn(t: Talk) -> None:
    await t.ask(FIRST, "hello")
    await t.until(lambda: bool(t.of(ReplyEnded)) or t.error is not None)


@each_api
def test_a_greeting_is_answered_sentence_by_sentence(api: Api) -> None:
    found, _ = talk(api, one_turn, api.answer(HELLO))

    assert found.said() == ["Hello.", "How are you?"]
    assert sum(each.usage.text_out for each in found.of(Used)) == HELLO.made


@each_api
def test_a_call_is_made_answered_and_told_and_remembered(api: Api) -> None:
    async def story(t: Talk) -> None:
        await t.ask(FIRST, "turn on the light")
        await t.called()
        await t.answer(IS_ON)
        await t.ended(2)
        await t.ask(SECOND, "thanks")
        await t.ended(3)

    found, served = talk(api, story, *map(api.answer, (CALL, DONE, HELLO)))

    assert [(each.tool, each.arguments) for each in found.of(ToolCalled)] == [
        ("light", {"state": "on"})
    ]
    assert [end.calls_tool for end in found.of(ReplyEnded)] == [True, False, False]
    last = served.requests[-1].body.decode()
    for once in ("turn on the light", "I will.", "thanks"):
        assert last.count(once) == 1, once


@each_api
def test_a_second_round_knows_the_first(api: Api) -> None:
    async def story(t: Talk) -> None:
        await t.ask(FIRST, "turn on the light")
        await t.called()
        await t.answer(IS_ON)
        await t.called(2)
        await t.answer(ToolResult("failed", "It does not answer."))
        await t.ended(3)

    again = Reply([], [("light", '{"state": "off"}')])
    _, served = talk(api, story, *map(api.answer, (CALL, again, DONE)))

    last = served.requests[-1].body.decode()
    assert last.index("I will.") < last.index("light is on") < last.index("does not answer")


@each_api
def test_interrupting_stops_it_and_the_next_turn_is_answered(api: Api) -> None:
    async def story(t: Talk) -> None:
        await t.ask(FIRST, "tell me a story")
        await t.until(lambda: bool(t.said()))
        await t.cancel(heard=0.3)
        await t.ask(SECOND, "hello")
        await t.until(lambda: "How are you?" in t.said())

    pieces = api.stream(Reply(["Once upon a time. ", "Then they ", "all."]))
    begun = next(n for n, piece in enumerate(pieces) if b"Then" in piece)
    slow = Answer([*pieces[: begun + 1], 600.0])
    found, _ = talk(api, story, slow, api.answer(HELLO))

    assert "was closed" in str(found.error)
    assert [started.turn for started in found.of(ReplyStarted)] == [FIRST, SECOND]


@each_api
def test_a_tool_that_is_slow_is_told_late(api: Api) -> None:
    async def story(t: Talk) -> None:
        await t.ask(FIRST, "turn on the light")
        await t.called()
        await t.until(lambda: len(t.of(ReplyEnded)) >= 2)
        await t.answer(IS_ON)
        await t.until(lambda: t.offers() > 0)
        await t.backend.take_reply(SECOND)
        await t.ended(3)

    found, served = talk(api, story, api.answer(CALL), api.answer(DONE))

    assert found.said()[-1] == "The light is on."
    assert "only now" in served.requests[-1].body.decode()


@each_api
@pytest.mark.parametrize("kind", [BackendRefused, BackendStalled, BackendUnavailable])
def test_what_goes_wrong_ends_the_session_and_nothing_was_called(
    api: Api, kind: type[Exception]
) -> None:
    pieces = api.stream(CALL)
    answer = {
        BackendRefused: as_json({}, 401),
        BackendStalled: replace(api.answer(CALL), delay=600.0),
        BackendUnavailable: Answer(pieces[:-3], ends=False),
    }[kind]
    found, _ = talk(api, one_turn, answer)

    assert type(found.error) is kind
    assert not found.of(ToolCalled)
