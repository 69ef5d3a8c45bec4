"""Tools of ours that take a while, in virtual time."""

import asyncio
from collections.abc import Mapping

import pytest

from appliance.catalogue import ToolSpec
from appliance.config.cloud import McpServer
from appliance.errors import PictureError
from appliance.events import ToolCalled
from appliance.ports import Image, ToolResult
from appliance.tools import schema, wording
from appliance.tools.looking import PATIENCE, Camera, look_tool
from appliance.tools.ready import SlowBuiltIn
from appliance.tools.registry import ToolRegistry
from appliance.units import CallId, ResponseId, Seconds
from tests.virtual_time import run_virtual

WORDS = wording.load("en")
PICTURE = Image(b"\xff\xd8\xff", "image/jpeg")


class FakeCamera:
    def __init__(self, outcome: Image | Exception, *, takes: float = 1.0) -> None:
        self.outcome = outcome
        self.takes = takes
        self.left = False

    async def look(self) -> Image:
        try:
            await asyncio.sleep(self.takes)
        except asyncio.CancelledError:
            self.left = True
            raise
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def registry(camera: Camera) -> ToolRegistry:
    made = ToolRegistry(WORDS, None)
    made.add_built_in([look_tool(WORDS, camera)])
    return made


async def call(tools: ToolRegistry, tool: str = "look") -> ToolResult:
    return await tools.run(ToolCalled(CallId("1"), ResponseId("1"), tool, {}))


def test_a_look_answers_with_the_picture() -> None:
    async def scene() -> None:
        result = await call(registry(FakeCamera(PICTURE)))
        assert (result.status, result.image) == ("done", PICTURE)

    run_virtual(scene())


def test_the_catalogue_says_that_it_needs_a_model_that_sees() -> None:
    (spec,) = registry(FakeCamera(PICTURE)).catalogue()
    assert spec.sees


@pytest.mark.parametrize("reason", sorted(WORDS.tools["look"]["say_failed"]))  # type: ignore[call-overload]
def test_each_trouble_is_said_in_its_own_words(reason: str) -> None:
    async def scene() -> None:
        result = await call(registry(FakeCamera(PictureError(reason, "camera /dev/video0: …"))))
        said = WORDS.tools["look"]["say_failed"]
        assert isinstance(said, Mapping)
        assert (result.status, result.say, result.image) == ("failed", said[reason], None)
        assert result.data["reason"] == reason

    run_virtual(scene())


def test_a_camera_that_never_answers_is_left_after_a_while_and_the_call_answered() -> None:
    async def scene() -> None:
        camera = FakeCamera(PICTURE, takes=1000.0)
        result = await call(registry(camera))
        assert asyncio.get_running_loop().time() == PATIENCE
        assert (result.status, camera.left) == ("failed", True)

    run_virtual(scene())


def test_a_fault_of_ours_is_an_answer_and_its_message_stays_out_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene() -> None:
        result = await call(registry(FakeCamera(ZeroDivisionError("what was said"))))
        assert (result.status, result.say) == ("failed", "That did not work.")

    run_virtual(scene())
    assert "ZeroDivisionError" in caplog.text
    assert "what was said" not in caplog.text


def test_who_cancels_a_call_is_obeyed() -> None:
    async def scene() -> None:
        camera = FakeCamera(PICTURE, takes=1000.0)
        tools = registry(camera)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(call(tools), name="call")
            await asyncio.sleep(1)
            task.cancel()
        assert task.cancelled()
        assert camera.left

    run_virtual(scene())


def test_arguments_that_do_not_fit_never_start_it() -> None:
    async def scene() -> None:
        started: list[object] = []

        async def run(arguments: Mapping[str, object]) -> ToolResult:
            started.append(arguments)
            await asyncio.sleep(0)
            return ToolResult("done")

        spec = ToolSpec("slow", "A slow one.", schema.whole({}))
        tools = ToolRegistry(WORDS, None)
        tools.add_built_in([SlowBuiltIn(spec, run, Seconds(1.0))])
        asked = ToolCalled(CallId("1"), ResponseId("1"), "slow", {"what": 1})
        assert (await tools.run(asked)).status == "rejected"
        assert started == []
        assert (await call(tools, "slow")).status == "done"

    run_virtual(scene())


@pytest.mark.parametrize(
    ("tool", "status", "say"),
    [
        ("mcp:weather/forecast", "done", ""),
        (
            "mcp:weather/alert",
            "rejected",
            "That needs a confirmation, and I cannot ask for one yet.",
        ),
        ("mcp:others/forecast", "rejected", "I may not do that."),
    ],
)
def test_leave_for_a_remote_tool_is_given_only_where_the_configuration_does(
    tool: str, status: str, say: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        server = McpServer(label="weather", url="https://x.example", free_tools=("forecast",))
        tools = ToolRegistry(WORDS, None, remote=[server])
        asked = ToolCalled(CallId("1"), ResponseId("1"), tool, {"secret": "what was said"})
        result = await tools.run(asked)
        assert (result.status, result.say) == (status, say)

    run_virtual(scene())
    assert tool in caplog.text
    assert "what was said" not in caplog.text
