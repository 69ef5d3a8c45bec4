"""The tools that need no house: time, volume, stop, "what can you do", privacy, a look."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from appliance.catalogue import IntentBinding, ToolSpec
from appliance.ports import ToolResult
from appliance.tools import schema
from appliance.tools.looking import Camera, look_tool
from appliance.tools.privacy import Privacy, privacy_tools
from appliance.tools.ready import BuiltIn, Ready
from appliance.tools.wording import Wording

VOLUME_STEP = 10
"""Percent. A step that one hears; ten of them from silence to full."""

MOST_EXAMPLES = 4
"""As many as one remembers while one listens."""


class Volume(Protocol):
    """How loud the box speaks."""

    def get(self) -> int:
        """Return the volume, 0 to 100."""
        ...

    def set(self, level: int) -> None:
        """Set the volume, 0 to 100; returns at once."""
        ...


def built_in(
    wording: Wording,
    *,
    clock: Callable[[], datetime],
    volume: Volume | None,
    catalogue: Callable[[], Sequence[ToolSpec]],
    privacy: Privacy | None = None,
    camera: Camera | None = None,
) -> tuple[Ready, ...]:
    """Make the built-in tools.

    Args:
        wording: The phrases of the language.
        clock: The local time.
        volume: ``None``: nothing here has a volume, and there is no such tool.
        catalogue: All tools, for "what can you do".
        privacy: ``None``: nothing ever leaves this house, and there are no such tools.
        camera: ``None``: there is none, and no tool to look through it.
    """

    def capabilities(_: Mapping[str, object]) -> ToolResult:
        return _capabilities(wording, catalogue())

    def plain(name: str) -> Callable[[Mapping[str, object]], ToolResult]:
        return lambda _: ToolResult("done", wording.say(name, "say", {}))

    tools: list[Ready] = [
        *_clock_tools(wording, clock),
        BuiltIn(_bare(wording, "stop", closes=True), plain("stop")),
        BuiltIn(_bare(wording, "nevermind", "HassNevermind", closes=True), plain("nevermind")),
        BuiltIn(_bare(wording, "list_capabilities"), capabilities),
    ]
    if volume is not None:
        tools.append(_set_volume(wording, volume))
    if privacy is not None:
        tools += privacy_tools(wording, privacy)
    if camera is not None:
        tools.append(look_tool(wording, camera))
    return tuple(tools)


def _bare(wording: Wording, name: str, *intents: str, closes: bool = False) -> ToolSpec:
    """Describe a tool without parameters."""
    return ToolSpec(
        name=name,
        description=wording.text(name, "description"),
        parameters=schema.whole({}),
        examples=wording.texts(name, "examples"),
        intents=tuple(IntentBinding(intent) for intent in intents),
        closes=closes,
    )


def _clock_tools(wording: Wording, clock: Callable[[], datetime]) -> tuple[BuiltIn, ...]:
    def time(_: Mapping[str, object]) -> ToolResult:
        now = clock()
        values = {"hour": now.hour, "minute": now.minute}
        said = wording.say("get_time", "say", values)
        return ToolResult("done", said, {"time": now.isoformat(timespec="minutes")})

    def date(_: Mapping[str, object]) -> ToolResult:
        now = clock()
        values = {
            "weekday": wording.days[now.weekday()],
            "day": now.day,
            "month": wording.months[now.month - 1],
            "year": now.year,
        }
        said = wording.say("get_date", "say", values)
        return ToolResult("done", said, {"date": now.date().isoformat()})

    return (
        BuiltIn(_bare(wording, "get_time", "HassGetCurrentTime"), time),
        BuiltIn(_bare(wording, "get_date", "HassGetCurrentDate"), date),
    )


def _set_volume(wording: Wording, volume: Volume) -> BuiltIn:
    name = "set_volume"

    def run(arguments: Mapping[str, object]) -> ToolResult:
        before = volume.get()
        level = arguments.get("level")
        if not isinstance(level, int):
            step = VOLUME_STEP if arguments.get("direction") == "up" else -VOLUME_STEP
            level = max(0, min(100, before + step))
        volume.set(level)
        same = level == before
        said = wording.say(name, "say_unchanged" if same else "say", {"level": level})
        return ToolResult("unchanged" if same else "done", said, {"level": level})

    spec = ToolSpec(
        name=name,
        description=wording.text(name, "description"),
        parameters=schema.whole(
            {
                "minProperties": 1,
                "properties": {
                    "level": {
                        "type": "integer",
                        "minimum": 0,
                        "maximum": 100,
                        "x-unit": "percent",
                        "description": wording.text(name, "level"),
                    },
                    "direction": {
                        "type": "string",
                        "enum": ["up", "down"],
                        "x-say": wording.tools[name]["direction_say"],
                        "description": wording.text(name, "direction"),
                    },
                },
            }
        ),
        examples=wording.texts(name, "examples"),
        intents=(
            IntentBinding("HassSetVolume", slots={"volume_level": "level"}),
            IntentBinding("HassSetVolumeRelative", slots={"volume_step": "direction"}),
        ),
    )
    return BuiltIn(spec, run)


def _capabilities(wording: Wording, catalogue: Sequence[ToolSpec]) -> ToolResult:
    """Name a few things, those of the house first: the others one finds out anyway."""
    name = "list_capabilities"
    mine = [tool for tool in catalogue if tool.name != name and not tool.sees]  # not every backend
    ordered = sorted(mine, key=lambda tool: (not tool.targets, tool.closes))
    said = [text for tool in ordered if (text := _speakable(tool))]
    said = said[:MOST_EXAMPLES]
    data = {"tools": [tool.name for tool in catalogue]}
    if not said:
        return ToolResult("done", wording.text(name, "say_nothing"), data)
    listed = wording.text(name, "separator").join(said[:-1])
    if listed:
        listed += wording.text(name, "last")
    return ToolResult("done", wording.say(name, "say", {"examples": listed + said[-1]}), data)


def _speakable(tool: ToolSpec) -> str | None:
    """Return an example with its slots filled by the first thing that fits."""
    properties = tool.parameters.get("properties", {})
    if not tool.examples or not isinstance(properties, Mapping):
        return None
    text = tool.examples[0]
    for name, prop in properties.items():
        text = text.replace("{" + name + "}", _spoken(tool, name, prop))
    return text


def _spoken(tool: ToolSpec, name: str, prop: Mapping[str, object]) -> str:
    if name == tool.target_parameter and tool.targets:
        return tool.targets[0].name
    values, forms = prop.get("enum"), prop.get("x-say", {})
    if isinstance(values, list) and isinstance(forms, Mapping):
        return str(next(iter(forms.get(str(values[0]), ())), values[0]))
    return str(prop.get("default", prop.get("maximum", prop.get("minimum", "…"))))
