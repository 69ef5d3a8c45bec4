"""The tool that looks through a camera; its answer is a picture, for a model that can see."""

from collections.abc import Mapping
from typing import Protocol

from appliance.catalogue import ToolSpec
from appliance.errors import PictureError
from appliance.ports import Image, ToolResult
from appliance.tools import schema
from appliance.tools.ready import SlowBuiltIn
from appliance.tools.wording import Wording
from appliance.units import Seconds

PATIENCE = Seconds(12.0)
"""More than the camera's own, which gives up by itself and knows why."""


class Camera(Protocol):
    """What one can look through."""

    async def look(self) -> Image:
        """Return what is to be seen now.

        Raises:
            PictureError: There is no picture.
        """
        ...


def look_tool(wording: Wording, camera: Camera) -> SlowBuiltIn:
    """Make ``look``."""
    name = "look"

    async def run(_: Mapping[str, object]) -> ToolResult:
        try:
            image = await camera.look()
        except PictureError as error:
            said = wording.tools[name]["say_failed"]
            words = said.get(error.reason, said["failed"]) if isinstance(said, Mapping) else ""
            data = {"reason": error.reason, "problem": str(error)}
            return ToolResult("failed", str(words), data)
        return ToolResult("done", wording.say(name, "say", {}), {"picture": "attached"}, image)

    spec = ToolSpec(
        name=name,
        description=wording.text(name, "description"),
        parameters=schema.whole({}),
        examples=wording.texts(name, "examples"),
        sees=True,
    )
    return SlowBuiltIn(spec, run, PATIENCE)
