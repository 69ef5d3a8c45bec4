"""Gemini Live against what is not ours: aimock's replay, and the vendor's own client.

aimock 1.43 knows ``clientContent`` and ``toolResponse`` only, so a relay in between makes the
former of the text of an activity; all that is answered is aimock's own. The vendor's client is run
against our scripted server, which it therefore takes for the service.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress

import pytest
from google.genai import Client, live, types
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from appliance.backend.context import NOTHING
from appliance.backend.kinds.gemini import KIND
from appliance.errors import BackendRefused, BackendUnavailable
from appliance.events import ReplyEnded, ReplyStarted, ReplyText, ToolCalled
from appliance.ports import Enclosure, ToolResult
from appliance.units import TurnNumber
from tests.aimock import aimock
from tests.following import following, means
from tests.gemini_server import KEY, PATH, serving_gemini
from tests.realtime_client import Talk
from tests.realtime_server import Call, Reply, Script
from tests.realtime_server.plan import tone

CALL = {"name": "set_light", "arguments": {"state": "on"}}
FIXTURES: list[Mapping[str, object]] = [
    {"match": {"userMessage": "hello"}, "response": {"content": "Hello there, how are you?"}},
    {
        "match": {"userMessage": "light", "hasToolResult": True},
        "response": {"content": "The light is on."},
    },
    {"match": {"userMessage": "light"}, "response": {"toolCalls": [CALL]}},
    {
        "match": {"userMessage": "quota"},
        "response": {
            "error": {"message": "You exceeded your quota", "type": "RESOURCE_EXHAUSTED"},
            "status": 429,
        },
    },
    {
        "match": {"userMessage": "key"},
        "response": {
            "error": {"message": "API key not valid.", "type": "UNAUTHENTICATED"},
            "status": 401,
        },
    },
]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with aimock(tmp_path_factory.mktemp("aimock"), FIXTURES) as listening:
        yield listening


async def pass_on(mock: ClientConnection, client: ServerConnection) -> None:
    with suppress(ConnectionClosed):
        async for message in mock:
            await client.send(message)


@asynccontextmanager
async def relay(port: int) -> AsyncIterator[str]:
    """Let a client of today speak with aimock."""

    async def serve_one(client: ServerConnection) -> None:
        place = f"ws://127.0.0.1:{port}{PATH}"
        async with connect(place, compression=None) as mock, asyncio.TaskGroup() as group:
            back = group.create_task(pass_on(mock, client))
            texts: list[str] = []
            async for raw in client:
                given = json.loads(raw).get("realtimeInput")
                if given is None:
                    await mock.send(raw)
                elif "text" in given:
                    texts.append(given["text"])
                elif "activityEnd" in given:
                    turn = {"role": "user", "parts": [{"text": " ".join(texts)}]}
                    texts.clear()
                    content = {"turns": [turn], "turnComplete": True}
                    await mock.send(json.dumps({"clientContent": content}))
            back.cancel()

    server = await serve(serve_one, "127.0.0.1", 0, compression=None)
    try:
        number = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{number}"
    finally:
        server.close(close_connections=True)
        await server.wait_closed()


@asynccontextmanager
async def talking(port: int) -> AsyncIterator[Talk]:
    async with relay(port) as url:
        settings: dict[str, object] = {"gemini": {"url": url}, "keys": {"gemini": "any"}}
        async with following(KIND.open(means(settings), NOTHING)) as talk:
            yield talk


async def ask(talk: Talk, words: str, turn: int = 1) -> None:
    await talk.backend.enclose(Enclosure(words))
    await talk.backend.commit_turn(TurnNumber(turn))


def text(talk: Talk) -> str:
    return "".join(each.text for each in talk.of(ReplyText))


async def test_aimock_takes_our_settings_and_answers(port: int) -> None:
    async with talking(port) as talk:
        await ask(talk, "hello")
        await talk.reply(1)
        await ask(talk, "hello again", 2)
        await talk.reply(2)

    assert text(talk) == "Hello there, how are you?" * 2
    assert [each.turn for each in talk.of(ReplyStarted)] == [1, 2]


async def test_a_call_is_made_answered_and_reported(port: int) -> None:
    async with talking(port) as talk:
        await ask(talk, "turn on the light")
        await talk.reply(1)
        (call,) = talk.of(ToolCalled)
        await talk.backend.answer_call(call.call, ToolResult("done", say="It is on."))
        await talk.reply(2)

    assert (call.tool, call.arguments) == ("set_light", {"state": "on"})
    assert [end.calls_tool for end in talk.of(ReplyEnded)] == [True, False]
    assert text(talk) == "The light is on."


async def test_its_errors_are_understood(port: int) -> None:
    async with talking(port) as talk:
        await ask(talk, "over quota")
        assert type(await talk.end()) is BackendUnavailable
    async with talking(port) as talk:
        await ask(talk, "which key")
        refused = await talk.end()
        assert isinstance(refused, BackendRefused)
        assert refused.reason == "invalid_api_key"


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the vendor's client, which insists on TLS, do without on the loopback."""

    def without_tls(uri: str, *, additional_headers: Mapping[str, str], **_: object) -> connect:
        return connect(uri.replace("wss:", "ws:"), additional_headers=additional_headers)

    monkeypatch.setattr(live, "ws_connect", without_tls)


@pytest.mark.usefixtures("plain")
async def test_the_vendors_own_client_takes_our_server_for_the_service() -> None:
    sound = tone(0.2)
    calls = Reply("", calls=(Call("set_light", '{"state": "on"}'),))
    script = Script(replies=[calls, Reply("It is on.", pcm=sound)], heard=["light on"])
    off = types.AutomaticActivityDetection(disabled=True)
    config = types.LiveConnectConfig(
        response_modalities=[types.Modality.AUDIO],
        realtime_input_config=types.RealtimeInputConfig(automatic_activity_detection=off),
    )
    heard, said = "", b""
    async with serving_gemini(script) as server:
        options = types.HttpOptions(base_url=server.url)
        client = Client(api_key=KEY, http_options=options)
        async with client.aio.live.connect(model="gemini-3.8-live", config=config) as session:
            await session.send_realtime_input(activity_start=types.ActivityStart())
            blob = types.Blob(data=bytes(3_200), mime_type="audio/pcm;rate=16000")
            await session.send_realtime_input(audio=blob)
            await session.send_realtime_input(activity_end=types.ActivityEnd())
            async for message in session.receive():
                if message.tool_call and message.tool_call.function_calls:
                    (call,) = message.tool_call.function_calls
                    answer = types.FunctionResponse(
                        id=call.id, name=call.name, response={"output": "on"}
                    )
                    await session.send_tool_response(function_responses=[answer])
                content = message.server_content
                if content and content.input_transcription:
                    heard += content.input_transcription.text or ""
                said += message.data or b""
        assert server.session.turns == [bytes(3_200)]
        assert [each["response"] for each in server.session.answers] == [{"output": "on"}]
    assert (heard, said) == ("light on", sound)


@pytest.mark.usefixtures("plain")
async def test_the_vendors_own_client_is_turned_away_without_the_key() -> None:
    async with serving_gemini() as server:
        options = types.HttpOptions(base_url=server.url)
        client = Client(api_key="wrong", http_options=options)
        with pytest.raises(Exception, match="400"):
            async with client.aio.live.connect(model="gemini-3.8-live"):
                pass
