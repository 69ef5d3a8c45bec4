"""The tools for timers: what a model is told of them, and how people ask for them."""

from collections.abc import Callable, Mapping
from typing import cast

from appliance.catalogue import IntentBinding, ToolSpec
from appliance.ports import ToolResult
from appliance.tools import schema
from appliance.tools.ready import BuiltIn
from appliance.tools.timers.desk import Desk
from appliance.tools.timers.model import LONGEST, LONGEST_NAME, LONGEST_TEXT, Kind
from appliance.tools.timers.wishes import DAYS, ONCE, TIME
from appliance.tools.wording import Wording

LONGEST_CALL = 2_000
"""Characters of the arguments of a call for later, as JSON."""

_Arguments = Mapping[str, object]
_Property = dict[str, object]

ASKED_FOR = (Kind.TIMER, Kind.ALARM, Kind.REMINDER)
"""Kinds that people name."""


def timer_tools(words: Wording, desk: Desk, serves: Callable[[], bool]) -> tuple[BuiltIn, ...]:
    """Make the tools.

    Args:
        words: The phrases of the language.
        desk: Takes the orders.
        serves: Whether this program is the box: a timer in one that ends at once rings nowhere.
    """
    runs: Mapping[str, Callable[[_Arguments], ToolResult]] = {
        "set_timer": lambda given: desk.start(Kind.TIMER, given),
        "set_alarm": lambda given: desk.start(Kind.ALARM, given),
        "remind_me": lambda given: desk.start(Kind.REMINDER, given),
        "change_timer": desk.change,
        "snooze": desk.snooze,
        "list_timers": desk.tell,
    }

    def guarded(run: Callable[[_Arguments], ToolResult]) -> Callable[[_Arguments], ToolResult]:
        def checked(given: _Arguments) -> ToolResult:
            if not serves():
                return ToolResult("rejected", words.answers["timers_elsewhere"])
            return run(given)

        return checked

    return tuple(BuiltIn(spec, guarded(runs[spec.name])) for spec in specs(words))


def specs(words: Wording) -> tuple[ToolSpec, ...]:
    """Describe the tools."""
    duration, time = _duration(), _Property(type="string", pattern=TIME)
    time["x-type"] = "time"
    name = _phrase(LONGEST_NAME)
    day = _day(words)
    date = _Property(type="string", pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
    date["x-type"] = "phrase"
    kind = _kind(words)
    timed = {"time": time, "day": day, "date": date}
    ident = _phrase(12)
    return (
        _spec(words, "set_timer", {"duration_s": duration, "name": name}, required="duration_s"),
        _spec(words, "set_alarm", {**timed, "name": name}, required="time"),
        _spec(
            words,
            "remind_me",
            {"text": _phrase(LONGEST_TEXT), "duration_s": duration, **timed},
            required="text",
        ),
        _spec(
            words,
            "change_timer",
            {
                "action": _actions(words),
                "which": name,
                "kind": kind,
                "duration_s": duration,
                "time": time,
                "id": ident,
            },
            required="action",
            intents=_CHANGES,
        ),
        _spec(words, "snooze", {"duration_s": duration, "id": ident}),
        _spec(
            words,
            "list_timers",
            {"which": name, "kind": kind},
            intents=(IntentBinding("HassTimerStatus", {"kind": "timer"}, {"name": "which"}),),
        ),
    )


_CHANGES = (
    IntentBinding("HassCancelAllTimers", {"action": "cancel_all", "kind": "timer"}),
    *(
        IntentBinding(intent, {"action": action, "kind": "timer"}, {"name": "which"})
        for intent, action in (
            ("HassCancelTimer", "stop"),
            ("HassPauseTimer", "pause"),
            ("HassUnpauseTimer", "resume"),
        )
    ),
)
"""Home Assistant's other sentences about timers take hours, minutes and seconds apart, which no
parameter of ours is; our own examples cover them."""


def later_spec(words: Wording) -> ToolSpec:
    """Describe the tool for later."""
    timed = specs(words)[1].parameters["properties"]
    assert isinstance(timed, Mapping)  # noqa: S101 - ``whole`` made it so
    return _spec(
        words,
        "do_later",
        {
            "tool": _phrase(64),
            "arguments": {**_phrase(LONGEST_CALL), "x-type": "arguments"},
            "duration_s": _duration(),
            **{name: dict(timed[name]) for name in ("time", "day", "date")},
        },
        required="tool",
    )


def _spec(
    words: Wording,
    tool: str,
    properties: Mapping[str, _Property],
    *,
    required: str = "",
    intents: tuple[IntentBinding, ...] = (),
) -> ToolSpec:
    described = {
        name: {**prop, "description": _about(words, tool, name)}
        for name, prop in properties.items()
    }
    whole: dict[str, object] = {"properties": described}
    if required:
        whole["required"] = [required]
    return ToolSpec(
        name=tool,
        description=words.text(tool, "description"),
        parameters=schema.whole(whole),
        examples=words.texts(tool, "examples"),
        intents=intents,
    )


def _about(words: Wording, tool: str, name: str) -> str:
    return str(words.tools[tool].get(name, ""))


def _duration() -> _Property:
    prop = _Property(type="integer", minimum=1, maximum=int(LONGEST))
    prop["x-unit"] = "second"
    return prop


def _phrase(longest: int) -> _Property:
    prop = _Property(type="string", maxLength=longest)
    prop["x-type"] = "phrase"
    return prop


def _day(words: Wording) -> _Property:
    prop = _Property(type="string", enum=[*ONCE, *DAYS])
    prop["x-say"] = words.tools["set_alarm"]["day_say"]
    return prop


def _kind(words: Wording) -> _Property:
    prop = _Property(type="string", enum=[kind.value for kind in ASKED_FOR])
    prop["x-say"] = words.tools["list_timers"]["kind_say"]
    return prop


def _actions(words: Wording) -> _Property:
    said = cast("Mapping[str, object]", words.tools["change_timer"]["action_say"])
    prop = _Property(type="string", enum=list(said))
    prop["x-say"] = said
    return prop
