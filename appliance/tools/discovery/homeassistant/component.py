"""From one announced component to a thing, or to the rule that leaves it out. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from appliance.tools.devices.model import Kind, LeftOut, Source, Thing
from appliance.tools.discovery.homeassistant.availability import availability_of
from appliance.tools.discovery.homeassistant.components import COMPONENTS, OTHERS
from appliance.tools.discovery.homeassistant.entry import Draft, Fields, Unfit
from appliance.tools.discovery.homeassistant.identity import Box, box_of
from appliance.tools.discovery.payloads import LONGEST_TEXT, text
from appliance.tools.discovery.zigbee2mqtt.hints import hints_of

_ENCODINGS = ("utf-8", "utf8", "ascii", "us-ascii")
_MOVING = (Kind.SWITCH, Kind.BUTTON, Kind.COVER, Kind.VALVE)
_BRIDGE = "homeassistant:zigbee2mqtt_bridge"


@dataclass(frozen=True, slots=True)
class Announcement:
    """Where a component was announced."""

    component: str
    id: str
    """Unique among the components of that name, unless it brings an id of its own."""

    raw: Mapping[str, object]
    """Its fields, spelled out."""


@dataclass(frozen=True, slots=True)
class Became:
    """What became of it."""

    thing: Thing | None = None
    left_out: tuple[LeftOut, ...] = ()


def became(announcement: Announcement) -> Became:
    """Return what an announced component becomes. Never raises."""
    raw = announcement.raw
    box = box_of(raw.get("device"))
    name = _name(announcement, box)
    try:
        return _made(announcement, box, name)
    except Unfit as unfit:
        whole = f"{box.name} {name}".strip() if box.name != name else name
        return Became(None, (LeftOut(whole[:LONGEST_TEXT], unfit.rule),))


def _made(announcement: Announcement, box: Box, name: str) -> Became:
    raw = announcement.raw
    known = COMPONENTS.get(announcement.component)
    if known is None:
        raise Unfit(OTHERS.get(announcement.component, "no_component"))
    fields = Fields(raw)
    if not fields.flag("enabled_by_default", default=True):
        raise Unfit("disabled")
    if fields.text("encoding", "utf-8").lower() not in _ENCODINGS:
        raise Unfit("bad_encoding")
    kind, build = known
    draft = Draft(name, raw)
    unique = draft.text("unique_id") or announcement.id
    availability = availability_of(draft)
    build(draft)
    if not draft.features:
        raise Unfit(draft.left_out[0].rule if draft.left_out else "bad_config")
    thing = Thing(
        key=f"{Source.HOMEASSISTANT}:{announcement.component}.{unique}",
        source=Source.HOMEASSISTANT,
        kind=kind,
        name=name,
        device=box.name or name,
        identity=box.identity or frozenset({f"{Source.HOMEASSISTANT}:{unique}"}),
        features=draft.features,
        writer=draft.finished_writer(),
        availability=availability,
        device_class=draft.text("device_class").lower() or _guessed(kind, box),
        area=box.area,
        main=not draft.has("entity_category") and not _is_bridge(box),
        opaque=kind is Kind.SCENE or box.model.lower().endswith("group"),
    )
    return Became(thing, tuple(draft.left_out))


def _guessed(kind: Kind, box: Box) -> str:
    """Return what a relay, a button or a motor moves, as its model says: it makes us careful."""
    return hints_of(box.model).moves if kind in _MOVING else ""


def _is_bridge(box: Box) -> bool:
    return any(one.startswith(_BRIDGE) for one in box.identity)


def _name(announcement: Announcement, box: Box) -> str:
    """Return what it is called: its own name, or its device's, or what it measures, or its id."""
    raw = announcement.raw
    own = text(raw.get("name"))
    if own:
        return own
    if box.name and ("name" in raw or not raw.get("device_class")):
        return box.name
    spoken = text(raw.get("device_class")) or announcement.id.rpartition("/")[2]
    return spoken.replace("_", " ") or box.name
