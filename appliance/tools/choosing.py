"""The choice of a backend: its tools (who is to answer from now on, who does), and its button."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from appliance.catalogue import ToolSpec
from appliance.ports import ToolResult
from appliance.tools import schema
from appliance.tools.ready import BuiltIn
from appliance.tools.wording import Wording

AUTOMATIC = "automatic"
"""Nobody in particular: whoever is best by the order."""

_CHOOSE, _WHICH = "choose_backend", "which_backend"
_PRIVACY = "privacy"


class Switch(Protocol):
    """Who answers."""

    @property
    def names(self) -> tuple[str, ...]:
        """Who can be chosen, in the order of the settings."""
        ...

    @property
    def cloud(self) -> frozenset[str]:
        """Those of them that are given speech beyond the house, or cost money."""
        ...

    @property
    def chosen(self) -> str:
        """Who was chosen; empty: nobody in particular."""
        ...

    @property
    def serving(self) -> str:
        """Who answers now."""
        ...

    def obstacle(self, name: str) -> str:
        """Return what keeps a backend from serving: a code, ``privacy``, ``budget``."""
        ...

    def choose(self, name: str) -> bool:
        """Have a backend serve from the next turn on; empty: nobody in particular."""
        ...


def choosing_tools(wording: Wording, switch: Switch) -> tuple[BuiltIn, ...]:
    """Make ``choose_backend`` and ``which_backend``."""

    def choose(arguments: Mapping[str, object]) -> ToolResult:
        wanted = str(arguments.get("backend"))
        name = "" if wanted == AUTOMATIC else wanted
        obstacle = switch.obstacle(name) if name else ""
        if obstacle == _PRIVACY:  # who wants out of it says so: nothing else ends privacy mode
            return ToolResult("failed", wording.say(_CHOOSE, "say_private", {}), _data(switch))
        unchanged = switch.chosen == name
        if not switch.choose(name):
            return ToolResult("failed", wording.say(_CHOOSE, "say_unknown", {}), _data(switch))
        said = _said(wording, name or AUTOMATIC, obstacle, unchanged=unchanged)
        return ToolResult("unchanged" if unchanged else "done", said, _data(switch))

    def which(_: Mapping[str, object]) -> ToolResult:
        names = spoken(wording, switch.serving)
        local = "_local" if switch.serving == "local" else ""
        said = wording.say(_WHICH, f"say{local}", {"name": names[0]})
        return ToolResult("done", said, _data(switch))

    return (
        BuiltIn(_spec(wording, switch), choose),
        BuiltIn(
            ToolSpec(
                name=_WHICH,
                description=wording.text(_WHICH, "description"),
                parameters=schema.whole({}),
                examples=wording.texts(_WHICH, "examples"),
            ),
            which,
        ),
    )


def choose_another(wording: Wording, switch: Switch) -> str:
    """Choose whoever comes next, round the order; return what is to be said of it.

    It goes on from who was chosen last, so that one that cannot be reached does not end the round.
    Whom privacy mode forbids is passed over; where nobody else is left, nothing is chosen.
    """
    allowed = [name for name in switch.names if switch.obstacle(name) != _PRIVACY]
    if len(allowed) < len(switch.names) and len(allowed) <= 1:
        return wording.say(_CHOOSE, "say_private", {})
    now = switch.chosen or switch.serving
    after = allowed.index(now) + 1 if now in allowed else 0
    name = allowed[after % len(allowed)]
    obstacle = switch.obstacle(name)
    if name != now:
        switch.choose(name)
    return _said(wording, name, obstacle, unchanged=name == now)


def spoken(wording: Wording, name: str) -> tuple[str, ...]:
    """Return how people call a backend, and first how the box does."""
    table = wording.tools[_CHOOSE]["names"]
    found = table.get(name) if isinstance(table, Mapping) else None
    if isinstance(found, list) and found:
        return tuple(str(each) for each in found)
    return (name.replace("_", " ").replace("-", " "),)


def _said(wording: Wording, name: str, obstacle: str, *, unchanged: bool) -> str:
    if obstacle:
        key = "say_later"
    elif name in ("local", AUTOMATIC):
        key = f"say_{name}"
    else:
        key = "say_unchanged" if unchanged else "say"
    return wording.say(_CHOOSE, key, {"name": spoken(wording, name)[0]})


def _data(switch: Switch) -> Mapping[str, object]:
    return {
        "answers_now": switch.serving,
        "chosen": switch.chosen or AUTOMATIC,
        "backends": list(switch.names),
    }


def _spec(wording: Wording, switch: Switch) -> ToolSpec:
    names = (*switch.names, AUTOMATIC)
    said = {name: list(_aliases(wording, switch, name)) for name in names}
    return ToolSpec(
        name=_CHOOSE,
        description=wording.text(_CHOOSE, "description"),
        parameters=schema.whole(
            {
                "required": ["backend"],
                "properties": {
                    "backend": {
                        "type": "string",
                        "enum": list(names),
                        "x-say": said,
                        "description": wording.text(_CHOOSE, "backend"),
                    }
                },
            }
        ),
        examples=wording.texts(_CHOOSE, "examples"),
    )


def _aliases(wording: Wording, switch: Switch, name: str) -> Iterator[str]:
    yield from spoken(wording, name)
    if name == _first(switch.names, switch.cloud):
        yield from spoken(wording, "cloud")


def _first(names: Sequence[str], cloud: frozenset[str]) -> str | None:
    return next((name for name in names if name in cloud), None)
