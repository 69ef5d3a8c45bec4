"""Calls of functions and of remote tools, from the server's wish to the reply about it."""

import asyncio
from dataclasses import replace

import pytest

from appliance.backend.socket.address import Address
from appliance.events import ReplyEnded, ReplyStarted, ReplyText, ToolCalled
from appliance.ports import ToolResult
from tests.realtime_client import SETTINGS, TERMS, TURN, Talk, talking
from tests.realtime_server import Call, RemoteCall, Reply, Script, serving
from tests.virtual_time import run_virtual

ON = Call("set_light", '{"state": "on"}')
OFF = Call("set_light", '{"state": "off"}')
WEATHER = {
    "type": "mcp",
    "server_label": "weather",
    "server_url": "https://mcp.example.org",
    "require_approval": "always",
}
WITH_WEATHER = replace(TERMS, session={**SETTINGS, "tools": [WEATHER]})


def text(talk: Talk) -> str:
    return "".join(event.text for event in talk.of(ReplyText))


@pytest.mark.parametrize("calls_first", [True, False])
def test_two_calls_beside_a_text_are_answered_and_then_reported(*, calls_first: bool) -> None:
    first = Reply("One moment.", calls=(ON, OFF), calls_first=calls_first)

    async def scene() -> tuple[Talk, dict[str, str], int]:
        async with (
            serving(Script([first, Reply("Both are done.")])) as server,
            talking(Address(server.url, server.headers)) as talk,
        ):
            await talk.say()
            await talk.until(lambda: len(talk.of(ToolCalled)) == 2)
            for call in reversed(talk.of(ToolCalled)):
                await asyncio.sleep(1.0)
                await talk.backend.answer_call(call.call, ToolResult("done", say="Done."))
            await talk.reply(2)
            return talk, server.session.outputs, len(server.session.of("response.create"))

    talk, outputs, asked = run_virtual(scene())

    assert text(talk) == "One moment.Both are done."
    assert [event.turn for event in talk.of(ReplyStarted)] == [TURN, TURN]
    assert [event.calls_tool for event in talk.of(ReplyEnded)] == [True, False]
    assert sorted(outputs) == ["call_1", "call_2"]
    assert asked == 2, "one for the turn, one for both answers"


@pytest.mark.parametrize(("status", "allowed"), [("done", True), ("rejected", False)])
def test_a_remote_tool_runs_only_when_it_is_allowed(status: str, *, allowed: bool) -> None:
    script = Script([Reply("", remote=(RemoteCall("weather", "now"),)), Reply("It rains.")])

    async def scene() -> tuple[Talk, dict[str, bool], list[str]]:
        async with (
            serving(script) as server,
            talking(Address(server.url, server.headers), terms=WITH_WEATHER) as talk,
        ):
            await talk.say()
            await talk.until(lambda: bool(talk.of(ToolCalled)))
            (call,) = talk.of(ToolCalled)
            assert call.tool == "mcp:weather/now"
            await talk.backend.answer_call(call.call, ToolResult(status))
            await talk.reply(2)
            session = server.session
            return talk, session.approvals, [item["type"] for item in session.items.values()]

    talk, approvals, kinds = run_virtual(scene())

    assert list(approvals.values()) == [allowed]
    assert ("mcp_call" in kinds) is allowed
    assert text(talk) == "It rains."
