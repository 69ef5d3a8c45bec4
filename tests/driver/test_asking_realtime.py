"""One question to the realtime service, over a real socket, in virtual time: tools and leave."""

import asyncio
import base64
import json
from dataclasses import dataclass, field

from pydantic import SecretStr

from appliance.app.asking import ask
from appliance.backend.kinds.realtime import realtime_session
from appliance.config import Config
from appliance.config.cloud import McpServer, Realtime
from appliance.events import CallAnswered, Happening, ReplyText
from appliance.ports import Enclosure, Image
from appliance.tools import wording
from appliance.tools.looking import look_tool
from appliance.tools.registry import ToolRegistry
from tests.realtime_server import KEY, Call, RemoteCall, Reply, Script, Session, serving
from tests.virtual_time import run_virtual

WORDS = wording.load("en")
PICTURE = Image(b"\xff\xd8\xff what the camera saw", "image/jpeg")
SHOWN = Image(b"\x89PNG\r\n\x1a\n what the user showed", "image/png")
SERVER = McpServer(label="weather", url="https://mcp.example.org", free_tools=("forecast",))


class Camera:
    async def look(self) -> Image:
        await asyncio.sleep(1.0)
        return PICTURE


@dataclass
class Asked:
    """What came of a question."""

    session: Session
    happened: list[Happening] = field(default_factory=list)

    def said(self) -> str:
        return "".join(event.text for event in self.happened if isinstance(event, ReplyText))

    def statuses(self) -> list[tuple[str, str]]:
        answers = [event for event in self.happened if isinstance(event, CallAnswered)]
        return [(answer.tool, answer.status) for answer in answers]

    def pictures(self) -> list[bytes]:
        """Return every picture that the service was sent, in order."""
        items = [event["item"] for event in self.session.of("conversation.item.create")]
        parts = [part for item in items for part in item.get("content", ())]
        urls = [part["image_url"] for part in parts if part["type"] == "input_image"]
        return [base64.b64decode(url.partition(",")[2]) for url in urls]


def put(script: Script, question: Enclosure) -> Asked:
    async def scene() -> Asked:
        async with serving(script) as server:
            realtime = Realtime(url=server.url, api_key=SecretStr(KEY), mcp=(SERVER,))
            tools = ToolRegistry(WORDS, None, remote=(SERVER,))
            tools.add_built_in([look_tool(WORDS, Camera())])
            backend = realtime_session(Config(realtime=realtime), tools.catalogue)
            happened: list[Happening] = []
            try:
                await ask(question, backend, tools, happened.append)
            finally:
                await backend.close()
            assert server.violations == []
            return Asked(server.session, happened)

    return run_virtual(scene())


def test_what_is_shown_goes_with_the_question_in_one_turn() -> None:
    asked = put(Script(replies=[Reply("A cup.")]), Enclosure("what is this?", SHOWN))
    assert asked.said() == "A cup."
    assert asked.pictures() == [SHOWN.data]
    assert len(asked.session.of("response.create")) == 1


def test_a_look_through_the_camera_is_answered_with_its_picture_and_told() -> None:
    replies = [Reply(text="", calls=(Call("look"),)), Reply("I see a cup.")]
    asked = put(Script(replies=replies), Enclosure("what do you see?"))
    assert asked.statuses() == [("look", "done")]
    assert asked.pictures() == [PICTURE.data]
    (output,) = asked.session.outputs.values()
    assert json.loads(output)["status"] == "done"
    assert asked.said() == "I see a cup."


def test_a_remote_tool_that_needs_a_confirmation_is_refused_and_the_answer_goes_on() -> None:
    replies = [Reply(text="", remote=(RemoteCall("weather", "send_alert"),)), Reply("I may not.")]
    asked = put(Script(replies=replies), Enclosure("send an alert"))
    assert asked.statuses() == [("mcp:weather/send_alert", "rejected")]
    assert list(asked.session.approvals.values()) == [False]
    assert asked.said() == "I may not."


def test_a_remote_tool_that_the_configuration_names_gets_leave() -> None:
    replies = [Reply(text="", remote=(RemoteCall("weather", "forecast"),)), Reply("It rains.")]
    asked = put(Script(replies=replies), Enclosure("how is the weather?"))
    assert asked.statuses() == [("mcp:weather/forecast", "done")]
    assert list(asked.session.approvals.values()) == [True]
    assert asked.said() == "It rains."
