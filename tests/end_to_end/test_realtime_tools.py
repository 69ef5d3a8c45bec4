"""Tools of the realtime service on the whole box: slow ones, ones that see, remote ones."""

import asyncio
from pathlib import Path

import pytest

from appliance.app.house import House
from appliance.events import ToolCalled
from appliance.ports import Image, ToolResult
from appliance.timeline import Entry
from appliance.tools import wording
from appliance.tools.looking import look_tool
from tests.end_to_end.conftest import Player
from tests.realtime_box import LIGHT_ON, Came, Room, Tools, person, scene, tone
from tests.realtime_server import Call, RealtimeServer, RemoteCall, Reply, Script

QUICK = {"tools": {"patience_s": 0.5}}
WORDS = wording.load("en")
PICTURE = Image(b"\xff\xd8\xff\xd9", "image/jpeg")


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))


class Slow:
    """A lamp that takes until it is let."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.runs = 0

    async def __call__(self, call: ToolCalled, tools: Tools) -> ToolResult:
        self.runs += 1
        await self.let.wait()
        return await tools(call)


def outputs(came: Came) -> list[str]:
    """Return what was told of calls, in all sessions."""
    created = [
        event["item"]
        for session in came.server.sessions
        for event in session.of("conversation.item.create")
    ]
    return [item["output"] for item in created if item["type"] == "function_call_output"]


def said(came: Came) -> list[object]:
    return [entry.data["text"] for entry in came.named("reply")]


def test_slow_tool_is_spoken_of_the_talk_goes_on_and_its_end_is_told_at_the_next_pause(
    play: Player,
) -> None:
    replies = [
        Reply("", calls=(LIGHT_ON,)),
        Reply("One moment.", tone(0.5)),
        Reply("A latte.", tone(0.5)),
        Reply("By the way, the light is on.", tone(1.0)),
    ]
    slow = Slow()

    def watch(entry: Entry, _: RealtimeServer) -> None:
        if entry.event == "reply" and entry.data["text"] == "A latte.":
            slow.let.set()

    sound = scene(20.0, (6.5, person("order_latte")))
    came = Room(play, Script(replies), sound, QUICK, watch, slow)()
    assert said(came) == ["One moment.", "A latte.", "By the way, the light is on."]
    assert slow.runs == 1
    assert len(outputs(came)) == 1
    assert '"done"' in outputs(came)[0]
    assert came.entries[-1].event == "rest"


def test_session_that_is_lost_while_a_tool_works_leaves_the_result_to_who_is_left(
    play: Player,
) -> None:
    slow = Slow()

    def watch(entry: Entry, server: RealtimeServer) -> None:
        if entry.event == "played":
            server.kill()
        if entry.event == "rest":
            slow.let.set()

    replies = [Reply("", calls=(LIGHT_ON,)), Reply("One moment.", tone(0.5))]
    came = Room(play, Script(replies), scene(40.0), QUICK, watch, slow)()
    assert slow.runs == 1
    assert "The kitchen light is on." in said(came)
    assert len(outputs(came)) <= 1


def test_session_that_is_lost_while_the_user_waits_for_a_tool_leaves_the_turn_to_who_is_left(
    play: Player,
) -> None:
    slow = Slow()

    def watch(entry: Entry, server: RealtimeServer) -> None:
        if entry.event == "tool_call":
            server.kill()
        if entry.event == "backend":
            slow.let.set()

    came = Room(play, Script([Reply("", calls=(LIGHT_ON,))]), scene(12.0), {}, watch, slow)()
    assert slow.runs == 1
    assert came.said() == "I'm on my own now. The kitchen light is on."


def test_picture_of_the_camera_follows_the_answer_that_announces_it(play: Player) -> None:
    class Camera:
        async def look(self) -> Image:
            return PICTURE

    def with_camera(house: House) -> None:
        house.tools.add_built_in([look_tool(WORDS, Camera())])

    replies = [Reply("", calls=(Call("look"),)), Reply("A cup.", tone(0.5))]
    came = Room(play, Script(replies), house=with_camera)()
    session = came.server.session
    output, seen = [event["item"] for event in session.of("conversation.item.create")]
    assert output["type"] == "function_call_output"
    (part,) = seen["content"]
    assert part["type"] == "input_image"
    assert part["image_url"].startswith("data:image/jpeg;base64,")
    after = session.kinds()[session.kinds().index("conversation.item.create") :]
    assert after[:3] == ["conversation.item.create", "conversation.item.create", "response.create"]
    assert came.said() == "A cup."


@pytest.mark.parametrize(("tool", "allowed"), [("forecast", True), ("send_mail", False)])
def test_remote_tool_runs_only_if_the_owner_has_freed_it(
    play: Player, tool: str, *, allowed: bool
) -> None:
    replies = [Reply("", remote=(RemoteCall("net", tool),)), Reply("So it is.", tone(0.5))]
    server = {"label": "net", "url": "https://mcp.example.org/mcp", "free_tools": ["forecast"]}
    came = Room(play, Script(replies), settings={"realtime": {"mcp": [server]}})()
    session = came.server.session
    assert list(session.approvals.values()) == [allowed]
    assert [name for name, _ in came.calls()] == [f"mcp:net/{tool}"]
    assert any(item["type"] == "mcp_call" for item in session.items.values()) is allowed
    assert came.said() == "So it is."
