"""Finds devices by name, kind or room, for models: their list cannot hold a house. Pure."""

from collections.abc import Iterable, Mapping

from rapidfuzz import fuzz, utils

from appliance.ports import ToolResult
from appliance.tools.devices.families import FAMILIES
from appliance.tools.devices.known import Known
from appliance.tools.devices.orders import has
from appliance.tools.devices.phrases import Phrases

MOST_FOUND = 20
"""Devices in one answer."""

_MOST_SAID = 5
_ALIKE = 75.0
"""Of 100, rapidfuzz's weighted ratio: from which a name may be what was meant."""

_EXACT = 101.0
_READS = "read_device"


def found(
    phrases: Phrases, known: Iterable[Known], arguments: Mapping[str, object], none: str
) -> ToolResult:
    """Find devices.

    Args:
        phrases: What is said.
        known: Every device of the house.
        arguments: ``name``, ``kind``, ``area``; what is missing or empty fits all.
        none: What is said when nothing is found.
    """
    wanted = {key: str(value).strip().casefold() for key, value in arguments.items() if value}
    ranked = sorted(
        (
            (-_likeness(one, wanted.get("name", "")), not one.thing.main, one.name.casefold(), one)
            for one in known
            if wanted.get("kind", one.thing.kind.value) == one.thing.kind.value
            and wanted.get("area", (one.area or "").casefold()) == (one.area or "").casefold()
        ),
        key=lambda entry: (*entry[:3], entry[3].id),
    )
    fit = [one for likeness, _, _, one in ranked if -likeness >= _ALIKE]
    if not fit:
        return ToolResult("done", none, {"devices": [], "found": 0})
    data: dict[str, object] = {
        "devices": [_entry(one) for one in fit[:MOST_FOUND]],
        "found": len(fit),
    }
    names = phrases.listed(tuple(phrases.the(one.name) for one in fit[:_MOST_SAID]))
    key = "more" if len(fit) > _MOST_SAID else "found"
    return ToolResult("done", phrases.say("find", key, names=names, count=len(fit)), data)


def _likeness(one: Known, name: str) -> float:
    if not name:
        return 100.0
    called = (one.name, *one.aliases, one.id)
    if name in (text.casefold() for text in called):
        return _EXACT
    return max(fuzz.WRatio(name, text, processor=utils.default_process) for text in called)


def _entry(one: Known) -> dict[str, object]:
    entry: dict[str, object] = {"id": one.id, "name": one.name, "kind": one.thing.kind.value}
    if one.aliases:
        entry["aliases"] = list(one.aliases[:5])
    if one.area:
        entry["area"] = one.area
    tools = [_READS] if any(feature.reads for feature in one.thing.features.values()) else []
    for family in FAMILIES:
        if one.thing.kind in family.kinds:
            can = [parameter.name for parameter in family.parameters if has(one.thing, parameter)]
            entry["can"] = can
            tools.append(family.tool)
    entry["tools"] = tools
    return entry
