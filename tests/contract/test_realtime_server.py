"""The scripted server is as it should be: the vendor's own client and types say so."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, get_args

import pytest
from openai.types.realtime import RealtimeServerEvent
from pydantic import BaseModel
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.realtime_server import Call, Manners, RealtimeServer, Reply, Script, serving
from tests.realtime_server.check import problems
from tests.realtime_server.script import RemoteCall
from tests.virtual_time import run_virtual

KINDS: dict[str, type[BaseModel]] = {
    get_args(model.model_fields["type"].annotation)[0]: model
    for model in get_args(get_args(RealtimeServerEvent)[0])
}
SOUND = "AAAA" * 2_000
MANUAL = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
HEARS = {"turn_detection": None, "transcription": {"model": "gpt-transcribe"}}

Event = dict[str, Any]


class Client:
    """Says anything, and reads."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.events: list[Event] = []

    async def say(self, kind: str, **more: object) -> None:
        await self._socket.send(json.dumps({"type": kind, "event_id": "mine", **more}))

    async def until(self, kind: str) -> Event:
        async with asyncio.timeout(60.0):
            while True:
                event: Event = json.loads(await self._socket.recv())
                self.events.append(event)
                if event["type"] == kind:
                    return event


@asynccontextmanager
async def client(server: RealtimeServer) -> AsyncIterator[Client]:
    async with connect(server.url, additional_headers=server.headers) as connected:
        made = Client(connected)
        await made.until("session.created")
        yield made


def test_every_event_is_one_of_the_vendors() -> None:
    script = Script(
        [
            Reply("Hello there.", calls=(Call("set_light", '{"state": "on"}'),)),
            Reply("", remote=(RemoteCall("weather", "now"),)),
            Reply("It is on."),
        ]
    )

    async def scene() -> list[Event]:
        async with serving(script) as server, client(server) as peer:
            await peer.say("session.update", session={**MANUAL, "audio": {"input": HEARS}})
            await peer.until("session.updated")
            await peer.say("input_audio_buffer.append", audio=SOUND)
            await peer.say("input_audio_buffer.commit")
            await peer.until("conversation.item.input_audio_transcription.completed")
            await peer.say("response.create")
            done = await peer.until("response.done")
            message, call = done["response"]["output"]
            output = {"type": "function_call_output", "call_id": call["call_id"], "output": "{}"}
            await peer.say("conversation.item.create", item=output)
            await peer.say("response.create")
            asked = (await peer.until("response.done"))["response"]["output"][0]
            allowed = {"type": "mcp_approval_response", "id": "a", "approve": True}
            allowed["approval_request_id"] = asked["id"]
            await peer.say("conversation.item.create", item=allowed)
            await peer.until("response.mcp_call.completed")
            await peer.until("conversation.item.done")
            await peer.say("response.create")
            await peer.until("response.done")
            place = {"item_id": message["id"]}
            await peer.say(
                "conversation.item.truncate", **place, content_index=0, audio_end_ms=100
            )
            await peer.until("conversation.item.truncated")
            await peer.say("conversation.item.retrieve", **place)
            await peer.until("conversation.item.retrieved")
            await peer.say("conversation.item.delete", **place)
            await peer.until("conversation.item.deleted")
            await peer.say("input_audio_buffer.clear")
            await peer.until("input_audio_buffer.cleared")
            await peer.say("response.cancel")
            await peer.until("error")
        return peer.events

    events = run_virtual(scene())

    for event in events:
        KINDS[event["type"]].model_validate(event)
    assert len({event["type"] for event in events}) == 27


@pytest.mark.parametrize(
    ("kind", "fields", "code"),
    [
        ("input_audio_buffer.commit", {}, "input_audio_buffer_commit_empty"),
        ("response.cancel", {}, "response_cancel_not_active"),
        (
            "conversation.item.truncate",
            {"item_id": "item_1", "content_index": 0, "audio_end_ms": 99_000},
            "invalid_value",
        ),
        (
            "conversation.item.truncate",
            {"item_id": "nobody", "content_index": 0, "audio_end_ms": 0},
            "item_truncate_invalid_item_id",
        ),
        ("conversation.item.delete", {"item_id": "nobody"}, "item_delete_invalid_item_id"),
        (
            "conversation.item.create",
            {"item": {"type": "function_call_output", "call_id": "nobody", "output": ""}},
            "invalid_tool_call_id",
        ),
    ],
)
def test_what_is_wrong_is_answered_by_the_real_error(
    kind: str, fields: Mapping[str, object], code: str
) -> None:
    async def scene() -> Event:
        async with serving() as server, client(server) as peer:
            await peer.say("response.create")
            await peer.until("response.done")
            await peer.say(kind, **fields)
            return await peer.until("error")

    error = run_virtual(scene())["error"]

    assert (error["code"], error["event_id"]) == (code, "mine")


def test_a_second_response_at_a_time_is_refused_but_not_one_out_of_band() -> None:
    script = Script([Reply("One moment.", pace=1.0)], asides=[Reply("Aside.")])

    async def scene() -> tuple[Event, Event]:
        async with serving(script) as server, client(server) as peer:
            await peer.say("response.create")
            await peer.until("response.created")
            await peer.say("response.create")
            refused = await peer.until("error")
            aside = {"conversation": "none", "metadata": {"for": "test"}}
            await peer.say("response.create", response={**aside, "output_modalities": ["text"]})
            return refused, await peer.until("response.done")

    refused, done = run_virtual(scene())

    assert refused["error"]["code"] == "conversation_already_has_active_response"
    assert done["response"]["metadata"] == {"for": "test"}
    assert done["response"]["conversation_id"] is None


@pytest.mark.parametrize(
    "event",
    [
        {"type": "session.update", "session": {"type": "realtime", "temperature": 0.8}},
        {"type": "session.update", "session": {"type": "realtime", "audio": {"voice": "x"}}},
        {"type": "session.update", "session": {"type": "realtime", "audio": {"input": 7}}},
        {"type": "conversation.item.create", "item": {"type": "message", "role": "robot"}},
        {
            "type": "conversation.item.create",
            "item": {"type": "message", "role": "user", "content": [{"kind": "input_text"}]},
        },
        {"type": "conversation.item.create"},
        {"type": "conversation.item.truncate", "item_id": "i", "audio_end_ms": "9"},
        {"type": "response.make"},
        {"type": 7},
        {},
    ],
)
def test_what_the_vendors_client_would_not_send_is_noticed(event: Event) -> None:
    assert problems(event)


def test_a_client_that_does_wrong_fails_the_test() -> None:
    async def scene() -> None:
        async with serving() as server, client(server) as peer:
            await peer.say("response.create", temperature=0.8)
            await peer.until("error")

    with pytest.raises(AssertionError, match="temperature"):
        run_virtual(scene())


@pytest.mark.parametrize("frozen", [False, True])
def test_it_is_killed_and_revived_on_the_same_port(*, frozen: bool) -> None:
    async def scene() -> tuple[int, int]:
        async with serving() as server:
            before = server.port
            async with client(server) as peer:
                if frozen:
                    await peer.say("response.create")
                    server.freeze()
                    await asyncio.sleep(1.0)
                server.kill()
                with pytest.raises(ConnectionClosed):
                    await peer.until("anything")
            with pytest.raises(OSError, match="onnect"):
                await connect(server.url)
            await server.revive()
            async with client(server):
                return before, server.port

    before, after = run_virtual(scene())
    assert before == after


def test_frozen_it_says_nothing_and_thawed_it_goes_on() -> None:
    async def scene() -> float:
        script = Script([Reply("A reply of some length.", pace=1.0)])
        async with serving(script) as server, client(server) as peer:
            await peer.say("response.create")
            await peer.until("response.output_audio.delta")
            server.freeze()
            began = asyncio.get_running_loop().time()
            asyncio.get_running_loop().call_later(20.0, server.thaw)
            await peer.until("response.done")
            return asyncio.get_running_loop().time() - began

    assert run_virtual(scene()) == pytest.approx(20.0, abs=0.1)


def test_slowed_it_takes_longer() -> None:
    async def scene() -> float:
        script = Script([Reply("word " * 3, first_event_s=1.0, pace=1.0)])
        async with serving(script) as server, client(server) as peer:
            server.slow(3.0)
            began = asyncio.get_running_loop().time()
            await peer.say("response.create")
            await peer.until("response.done")
            return asyncio.get_running_loop().time() - began

    assert run_virtual(scene()) == pytest.approx(6.0)


def test_message_that_is_no_json_makes_it_drop_the_connection() -> None:
    async def scene() -> int | None:
        async with serving() as server:
            async with connect(server.url, additional_headers=server.headers) as peer:
                await peer.send("hello")
                await peer.wait_closed()
            assert server.violations == ["a message that is no event"]
            server.violations.clear()
            return peer.close_code

    assert run_virtual(scene()) == 1006


def test_a_server_with_manners_says_so_in_its_settings() -> None:
    async def scene() -> Event:
        manners = Manners(output_format=None, beta_fields=True)
        async with serving(Script(manners=manners)) as server, client(server) as peer:
            await peer.say("session.update", session=MANUAL)
            return await peer.until("session.updated")

    session = run_virtual(scene())["session"]
    assert session["audio"]["output"]["format"] is None
    assert session["temperature"] == 0.8


def test_by_itself_it_says_its_address_and_serves() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tests.realtime_server", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line == f"realtime server: ws://127.0.0.1:{port}/v1/realtime, key sk-test\n"
        finally:
            process.terminate()
