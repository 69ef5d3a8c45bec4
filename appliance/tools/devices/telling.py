"""How an order ended, and how a thing is: one sentence for people, data for a model. Pure.

Told as it is: what is not known is said not to be known, and what was sent without an answer is
not said to be done. Texts of the house are cleaned and cut before anybody hears them.
"""

import math
from collections.abc import Iterator, Mapping

from appliance.ports import ToolResult
from appliance.tools.devices.colors import name_of
from appliance.tools.devices.known import Known, Order, Outcome
from appliance.tools.devices.model import Feature, Kind, Range, Thing, Trait, Value
from appliance.tools.devices.orders import Refused
from appliance.tools.devices.phrases import Phrases, plain

MOST_TOLD = 4
"""Traits of one thing that are said at once."""

_NEVER_READ = (Trait.PRESS, Trait.LOCATE, Trait.TRACK, Trait.DURATION)
_SAID: Mapping[Kind, tuple[Trait, ...]] = {
    Kind.LIGHT: (Trait.POWER, Trait.BRIGHTNESS, Trait.COLOR, Trait.EFFECT),
    Kind.FAN: (Trait.POWER, Trait.SPEED, Trait.PRESET, Trait.OSCILLATION),
    Kind.COVER: (Trait.OPENING, Trait.POSITION),
    Kind.VALVE: (Trait.OPENING, Trait.POSITION),
    Kind.CLIMATE: (
        Trait.MODE,
        Trait.TEMPERATURE,
        Trait.CURRENT_TEMPERATURE,
        Trait.ACTION,
    ),
    Kind.WATER_HEATER: (Trait.MODE, Trait.TEMPERATURE, Trait.CURRENT_TEMPERATURE),
    Kind.HUMIDIFIER: (Trait.POWER, Trait.MODE, Trait.HUMIDITY, Trait.CURRENT_HUMIDITY),
    Kind.VACUUM: (Trait.CLEANING, Trait.BATTERY),
    Kind.MOWER: (Trait.CLEANING, Trait.BATTERY),
    Kind.PLAYER: (Trait.POWER, Trait.PLAYBACK, Trait.VOLUME, Trait.MUTED),
}
"""What is said of a thing that is asked about, and in which order; else whatever is known."""


def ended(phrases: Phrases, known: Known, order: Order, outcome: Outcome) -> ToolResult:
    """Say how an order ended."""
    pressed = set(order.wanted) <= {Trait.PRESS}
    key, state = outcome.reason or outcome.status, ""
    if (outcome.status, outcome.reason) == ("done", "underway"):
        state = _underway(phrases, order.wanted)
    elif outcome.status in ("done", "unchanged"):
        key = f"{outcome.status}_press" if pressed else outcome.status
        state = _wanted(phrases, known, order.wanted)
    elif not phrases.has("ended", key):
        key = outcome.status
    if not phrases.has("ended", key):
        key = "failed"
    say = _say(phrases, "ended", key, known, state=state)
    data = _data(known, _ours(order.wanted, outcome.now))
    if outcome.reason:
        data["reason"] = outcome.reason
    return ToolResult(outcome.status, say, data)


def refused(phrases: Phrases, known: Known | None, refusal: Refused) -> ToolResult:
    """Say why an order is none; nothing was sent."""
    values = dict(refusal.values)
    name = known.name if known is not None else ""
    for key in ("low", "high"):
        if key in values:
            values[key] = number(values[key])
    if "unit" in values:
        values["unit"] = unit(phrases, str(values["unit"]))
    choices = values.get("options")
    if isinstance(choices, tuple):
        values["options"] = phrases.listed(tuple(map(str, choices[:6])), link="or")
    the = phrases.the(name)
    say = phrases.say("refused", refusal.reason, the=the, The=_capital(the), **values)
    data: dict[str, object] = {"problem": refusal.reason}
    if isinstance(choices, tuple):
        data["options"] = list(map(str, choices[:40]))
    if known is not None:
        data["device"] = known.id
    return ToolResult("rejected", say, data)


def unreachable(phrases: Phrases, known: Known) -> ToolResult:
    """Say that a thing cannot be reached; nothing was sent."""
    say = _say(phrases, "ended", "offline", known)
    return ToolResult("rejected", say, {"device": known.id, "reason": "offline"})


def reading(
    phrases: Phrases, known: Known, now: Mapping[Trait, Value], *, reachable: bool
) -> ToolResult:
    """Say how a thing is."""
    state = _state(phrases, known, now)
    data = _data(known, now)
    data["reachable"] = reachable
    if not reachable:
        key = "offline_last" if state else "offline"
        return ToolResult("done", _say(phrases, "read", key, known, state=state), data)
    if not state:
        return ToolResult("done", _say(phrases, "read", "unknown", known), data)
    key = "notices" if _notices(phrases, known.thing, now) else "is"
    return ToolResult("done", _say(phrases, "read", key, known, state=state), data)


def temperature(
    phrases: Phrases, known: Known, now: Mapping[Trait, Value], *, reachable: bool
) -> ToolResult:
    """Say how warm it is where a thing is."""
    value = now.get(Trait.CURRENT_TEMPERATURE, now.get(Trait.READING))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not reachable or not is_number or known.area is None:
        return reading(phrases, known, now, reachable=reachable)
    the = phrases.the(known.area)
    say = phrases.say("read", "temperature", the=the, value=number(value))
    return ToolResult("done", say, {**_data(known, now), "reachable": reachable})


def question(phrases: Phrases, known: Known, order: Order) -> str:
    """Return what is asked before an order is carried out."""
    the = phrases.the(known.name)
    done = []
    for trait, value in _told(order.wanted):
        key = _key(phrases, "do", trait, value) or "other"
        done.append(phrases.say("do", key, the=the, value=_value(phrases, known, trait, value)))
    return phrases.say("do", "question", what=phrases.listed(tuple(dict.fromkeys(done))))


def number(value: object) -> str:
    """Return a number as people say it: no more than one decimal."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return plain(value)
    if not math.isfinite(value):
        return "?"
    rounded = round(float(value), 1 if abs(value) >= 0.1 else 3)
    return str(int(rounded)) if rounded.is_integer() else str(rounded)


def unit(phrases: Phrases, written: str) -> str:
    """Return a unit as it is said."""
    return phrases.text("units", written, plain(written, 12))


def shown(value: Value) -> Value:
    """Return a value as a model may see it: texts cleaned and cut."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, float):
        return round(value, 3) if math.isfinite(value) else "unknown"
    return value


def _ours(wanted: Mapping[Trait, Value], now: Mapping[Trait, Value]) -> dict[Trait, Value]:
    """Leave out texts that strangers wrote: what is told of an order is no untrusted text."""
    return {
        trait: value
        for trait, value in now.items()
        if not isinstance(value, str) or value == wanted.get(trait)
    }


def _data(known: Known, now: Mapping[Trait, Value]) -> dict[str, object]:
    state = {trait.value: shown(value) for trait, value in now.items()}
    return {"device": known.id, "name": known.name, "state": state}


def _say(phrases: Phrases, table: str, key: str, known: Known, *, state: str = "") -> str:
    the = phrases.the(known.name)
    return phrases.say(table, key, the=the, The=_capital(the), state=state)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _told(wanted: Mapping[Trait, Value]) -> Iterator[tuple[Trait, Value]]:
    """Yield what is worth saying: that it is on goes without saying beside how it is."""
    for trait, value in wanted.items():
        if not (trait is Trait.POWER and value is True and len(wanted) > 1):
            yield trait, value


def _wanted(phrases: Phrases, known: Known, wanted: Mapping[Trait, Value]) -> str:
    said = [_is(phrases, known, trait, value) for trait, value in _told(wanted)]
    return phrases.listed(tuple(part for part in said if part)[:MOST_TOLD])


def _underway(phrases: Phrases, wanted: Mapping[Trait, Value]) -> str:
    for trait, value in wanted.items():
        word = str(value)
        if phrases.has("underway", word):
            return phrases.text("underway", word)
        if word.startswith("armed_"):
            return phrases.text("underway", "armed")
        if trait in (Trait.POSITION, Trait.TILT):
            return phrases.text("underway", "position")
    return phrases.text("underway", "other")


def _key(phrases: Phrases, table: str, trait: Trait, value: Value) -> str | None:
    """Return the text for this very value, or for the trait."""
    word = str(value).lower() if isinstance(value, bool) else str(value)
    for key in (f"{trait.value}_{word}", trait.value):
        if phrases.has(table, key):
            return key
    return None


def _is(phrases: Phrases, known: Known, trait: Trait, value: Value) -> str:
    if trait is Trait.READING:
        return _reading(phrases, known.thing, value)
    if trait is Trait.VALUE:
        amount = _with_unit(phrases, known.thing.features.get(trait), value)
        return phrases.say("is", "value", value=amount)
    key = _key(phrases, "is", trait, value)
    if key is None:
        return ""
    return phrases.say("is", key, value=_value(phrases, known, trait, value))


def _value(phrases: Phrases, known: Known, trait: Trait, value: Value) -> str:
    del phrases, known
    if trait is Trait.COLOR:
        return (name_of(str(value)) or plain(value, 7)).replace("_", " ")
    if isinstance(value, str):
        return plain(value).replace("_", " ")
    if trait in _WHOLE and isinstance(value, float) and math.isfinite(value):
        return str(round(value))
    return number(value)


_WHOLE = frozenset(
    {
        Trait.BRIGHTNESS,
        Trait.COLOR_TEMPERATURE,
        Trait.SPEED,
        Trait.POSITION,
        Trait.TILT,
        Trait.VOLUME,
        Trait.BATTERY,
    }
)


def _state(phrases: Phrases, known: Known, now: Mapping[Trait, Value]) -> str:
    """Return how a thing is, in a few words; empty: nothing is known of it."""
    traits = _SAID.get(known.thing.kind, tuple(now))
    if now.get(Trait.POWER) is False:
        traits = (Trait.POWER,)
    elif now.get(Trait.MODE) == "off":
        traits = (Trait.MODE, Trait.CURRENT_TEMPERATURE)
    elif now.get(Trait.OPENING) == "closed":
        traits = (Trait.OPENING,)
    said = [
        _is(phrases, known, trait, now[trait])
        for trait in traits
        if trait in now and trait not in _NEVER_READ
    ]
    return phrases.listed(tuple(dict.fromkeys(part for part in said if part))[:MOST_TOLD])


def _notices(phrases: Phrases, thing: Thing, now: Mapping[Trait, Value]) -> bool:
    return (
        thing.kind is Kind.BINARY_SENSOR
        and isinstance(now.get(Trait.READING), bool)
        and phrases.has("notices", thing.device_class)
    )


def _reading(phrases: Phrases, thing: Thing, value: Value) -> str:
    """Return what a sensor says: by its class, with its unit, or a stranger's text."""
    if isinstance(value, bool):
        for table in ("notices", "binary"):
            pair = phrases.table(table).get(thing.device_class)
            if isinstance(pair, list) and len(pair) == 2:
                return str(pair[0] if value else pair[1])
        return phrases.text("binary", "on" if value else "off")
    return _with_unit(phrases, thing.features.get(Trait.READING), value)


def _with_unit(phrases: Phrases, feature: Feature | None, value: Value) -> str:
    if isinstance(value, str):
        return plain(value)
    written = feature.shape.unit if feature and isinstance(feature.shape, Range) else ""
    return f"{number(value)} {unit(phrases, written)}".strip()
