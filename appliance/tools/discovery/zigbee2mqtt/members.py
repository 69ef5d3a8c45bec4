"""What a whole device, and a group of several, is made of. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from appliance.tools.discovery.payloads import number, tables, text, whole
from appliance.tools.discovery.zigbee2mqtt.generic import generic
from appliance.tools.discovery.zigbee2mqtt.hints import Hints
from appliance.tools.discovery.zigbee2mqtt.parts import Expose, Missed, Part
from appliance.tools.discovery.zigbee2mqtt.specific import (
    ALIKE,
    MOST_FEATURES,
    SPECIFIC,
    specific,
)

MOST_EXPOSES: Final = 400
MOST_PARTS: Final = 400


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene that a device or a group keeps."""

    number: int
    name: str
    endpoint: str = ""


def device_parts(
    exposes: tuple[Expose, ...], hints: Hints
) -> tuple[tuple[Part, ...], tuple[Missed, ...]]:
    """Return the parts of a device, and what became none."""
    parts: list[Part] = []
    missed: list[Missed] = []
    says_what = any(text(expose.get("type"), 40) in SPECIFIC for expose in exposes)
    lights = {_endpoint(one) for one in exposes if one.get("type") == "light"}
    for expose in exposes:
        if text(expose.get("type"), 40) in SPECIFIC:
            found, lost = specific(expose, exposes, hints)
        elif expose.get("name") == "effect" and _endpoint(expose) in lights:
            continue  # is the light's
        else:
            found, lost = generic(expose, hints, main=not says_what)
        parts += found
        missed += lost
    return _unique(parts, missed)


def _endpoint(expose: Expose) -> str:
    return text(expose.get("endpoint"), 40)


def _unique(
    parts: Sequence[Part], missed: list[Missed]
) -> tuple[tuple[Part, ...], tuple[Missed, ...]]:
    kept: dict[str, Part] = {}
    for part in parts:
        if part.key in kept:
            missed.append((part.label or part.key, "duplicate"))
        elif len(kept) >= MOST_PARTS:
            missed.append((part.label or part.key, "too_many"))
        else:
            kept[part.key] = part
    return tuple(kept.values()), tuple(missed)


def exposes_of(definition: Mapping[str, object]) -> tuple[Expose, ...]:
    """Return the exposes of a definition."""
    return tuple(tables(definition.get("exposes"), MOST_EXPOSES))


def common_parts(members: Sequence[tuple[Expose, ...]]) -> tuple[Part, ...]:
    """Return what can be asked of several devices as one: what all of them can."""
    parts: list[Part] = []
    for what in ALIKE:
        alike = [_first(exposes, what) for exposes in members]
        features = [_features(expose) for expose in alike if expose is not None]
        if not features or len(features) < len(members):
            continue
        names = [name for name in features[0] if all(name in other for other in features)]
        merged = [_merged([one[name] for one in features]) for name in names]
        found, _ = specific({"type": what, "features": merged}, (), Hints())
        parts += [part for part in found if part.kind is ALIKE[what] and part.key == what]
    return tuple(parts)


def _first(exposes: tuple[Expose, ...], what: str) -> Expose | None:
    return next((expose for expose in exposes if expose.get("type") == what), None)


def _features(expose: Expose) -> dict[str, Expose]:
    return {
        text(feature.get("name")): feature
        for feature in tables(expose.get("features"), MOST_FEATURES)
    }


_GROUP_PROPERTY: Final = {"color_xy": "color", "color_hs": "color"}


def _merged(features: Sequence[Expose]) -> Expose:
    """Return one feature of a group: within what all can, and without endpoints."""
    first, name = features[0], text(features[0].get("name"))
    merged: dict[str, object] = {**first, "property": _GROUP_PROPERTY.get(name, name)}
    for key, narrower in (("value_min", max), ("value_max", min)):
        found = [number(feature.get(key)) for feature in features]
        known = [one for one in found if one is not None]
        if known:
            merged[key] = narrower(known)
    return merged


def scenes_of(value: object, endpoint: str = "") -> tuple[Scene, ...]:
    """Return the scenes in a list of them."""
    found = []
    for row in tables(value, 255):
        identifier = whole(row.get("id"), 0, 255)
        if identifier is not None:
            name = text(row.get("name"), 120) or f"Scene {identifier}"
            found.append(Scene(identifier, name, endpoint))
    return tuple(found)
