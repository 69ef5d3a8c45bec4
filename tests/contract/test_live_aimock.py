"""The rules of Live against a server that is not ours: aimock replays a session exactly.

aimock checks the shape and the order of everything that is sent to it, and hangs up at the first
message that is not the next of its recording, which it brings itself (``fixtures/
openai-live-managed.json``: two calls of the model behind, answered in one go). Only what the tools
answer is put into the recording here, for that is ours. The rules are driven by hand: how much
silence is sent depends on the clock.
"""

import base64
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from openai.types.live import ServerEvent
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from appliance.backend.live.rules import LiveRules
from appliance.backend.live.terms import Terms
from appliance.backend.prompting.outputs import output_text
from appliance.backend.socket.rules import Out
from appliance.errors import BackendUnavailable
from appliance.events import BackendEvent, ReplyEnded, ReplyStarted, ToolCalled, Used
from appliance.ports import ToolResult
from appliance.units import CallId, SampleRate, Seconds, TurnNumber
from tests.aimock import aimock
from tests.live_client import PATIENCE
from tests.models import model_folder
from tests.realtime_server.check import _check, _tag

NOW = Seconds(0.0)
TURN = TurnNumber(1)
RESULTS = {
    "read_red": ToolResult("done", data={"sensor": "read_red", "value": 7}),
    "read_blue": ToolResult("done", data={"sensor": "read_blue", "value": 9}),
}


def recording(folder: Path) -> dict[str, Any]:
    with tarfile.open(model_folder("aimock") / "aimock.tgz") as packed:
        member = packed.extractfile("package/fixtures/openai-live-managed.json")
        assert member is not None
        (fixture,) = json.load(member)["fixtures"]
    entries = fixture["response"]["live"]["entries"]
    outputs = [each for each in entries if each["event"]["type"] == "response.item.create"]
    for entry, result in zip(outputs, RESULTS.values(), strict=True):
        entry["event"]["item"]["output"] = output_text(result)
    assert folder.is_dir()
    return dict(fixture)


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("aimock")
    fixture = recording(folder)
    with aimock(folder, [fixture]) as port:
        yield port, fixture["response"]["live"]


class Played:
    """The rules on a real socket, without a clock."""

    def __init__(self, socket: ClientConnection, session: Mapping[str, object]) -> None:
        rate = SampleRate(24_000)
        terms = Terms(session, PATIENCE, "gpt-live-1", "gpt-5.6-luna", rate=rate)
        self.rules = LiveRules(terms)
        self.events: list[BackendEvent] = []
        self._socket = socket

    async def do(self, out: Out) -> None:
        self.events += out.events
        for text in out.send:
            await self._socket.send(text)

    async def receive(self) -> dict[str, Any]:
        text = await self._socket.recv()
        await self.do(self.rules.receive(text, NOW))
        return dict(json.loads(text))

    async def until(self, kind: str) -> dict[str, Any]:
        while (event := await self.receive())["type"] != kind:
            pass
        return event

    def of(self, kind: type[BackendEvent]) -> list:  # type: ignore[type-arg]
        return [event for event in self.events if isinstance(event, kind)]


async def test_a_session_with_two_calls_as_aimock_has_recorded_it(
    replay: tuple[int, dict[str, Any]],
) -> None:
    port, live = replay
    heard = base64.b64decode(live["entries"][2]["event"]["audio"])
    async with connect(
        f"ws://127.0.0.1:{port}/v1/live/sessions",
        additional_headers={"Authorization": "Bearer sk-test"},
    ) as socket:
        played = Played(socket, live["configuration"])
        await played.do(played.rules.opened(NOW))
        await played.until("session.started")
        await played.do(played.rules.audio(heard))
        await played.do(played.rules.commit(TURN, NOW))
        while len(played.of(ToolCalled)) < 2:
            await played.receive()
        for call in played.of(ToolCalled):
            await played.do(played.rules.answer(call.call, RESULTS[call.tool], NOW))
        await played.until("session.usage.updated")
        await played.do(played.rules.farewell())
        await played.until("session.closed")
        with pytest.raises(BackendUnavailable, match="closed"):
            played.rules.expire(NOW)

    assert [each.tool for each in played.of(ToolCalled)] == ["read_red", "read_blue"]
    assert {each.turn for each in played.of(ReplyStarted)} == {TURN}
    assert [each.calls_tool for each in played.of(ReplyEnded)][:1] == [True]
    assert sum(each.usage.audio_s for each in played.of(Used)) == 1.0


async def test_aimock_hangs_up_when_a_call_has_no_answer(
    replay: tuple[int, dict[str, Any]],
) -> None:
    """What makes the test above a test: another message than the recorded one is not forgiven."""
    port, live = replay
    heard = base64.b64decode(live["entries"][2]["event"]["audio"])
    async with connect(f"ws://127.0.0.1:{port}/v1/live/sessions") as socket:
        played = Played(socket, live["configuration"])
        await played.do(played.rules.opened(NOW))
        await played.until("session.started")
        await played.do(played.rules.audio(heard))
        await played.do(played.rules.commit(TURN, NOW))
        while len(played.of(ToolCalled)) < 2:
            await played.receive()
        wrong = ToolResult("done", say="Something else.")
        await played.do(played.rules.answer(CallId(played.of(ToolCalled)[0].call), wrong, NOW))
        with pytest.raises(ConnectionClosed):
            await played.until("session.usage.updated")


def test_every_event_of_the_recording_is_known_to_the_types_and_to_us(tmp_path: Path) -> None:
    known = {_tag(model): model for model in get_args(get_args(ServerEvent)[0])}
    entries = recording(tmp_path)["response"]["live"]["entries"]
    sent = [each["event"] for each in entries if each["direction"] == "server"]
    for event in sent:
        assert event["type"] in known
        if event["type"] != "session.output_audio.delta":
            assert not [
                problem
                for problem in _check(known[event["type"]], event, event["type"])
                if "usage.seconds" not in problem
            ]
