"""Lights, switches, fans, covers, locks and climates: exposes that say what they are. Pure."""

from collections.abc import Callable, Mapping
from typing import Final

from appliance.tools.devices.model import Choice, Colour, Flag, Kind, Range, Trait
from appliance.tools.discovery.codecs import (
    Codec,
    HueColour,
    Mired,
    Number,
    Percent,
    Table,
    XyColour,
)
from appliance.tools.discovery.payloads import number, tables, text, texts, word
from appliance.tools.discovery.zigbee2mqtt.generic import as_valve, generic, on_and_off
from appliance.tools.discovery.zigbee2mqtt.hints import Hints
from appliance.tools.discovery.zigbee2mqtt.parts import (
    PUBLISHED,
    SETTABLE,
    Expose,
    Missed,
    Part,
    Piece,
    access_of,
)

MOST_FEATURES: Final = 60

_ACTIONS: Final = {"heat": "heating", "cool": "cooling", "fan_only": "fan", "idle": "idle"}
_LOCK_STATES: Final = Table(
    (("locked", "locked"), ("unlocked", "unlocked"), ("not_fully_locked", "jammed"))
)
_MOTION: Final = Table(
    (
        ("opening", "opening"), ("UP", "opening"), ("open", "opening"),
        ("closing", "closing"), ("DOWN", "closing"), ("close", "closing"),
    )
)  # fmt: skip
"""``moving`` and ``motor_state`` of covers while they move; at rest they say nothing of use."""


def _flag(trait: Trait) -> Callable[[Expose], Piece | None]:
    def make(expose: Expose) -> Piece | None:
        pair = on_and_off(expose)
        if pair is None:
            return None
        codec = Table(((pair[0], True), (pair[1], False)))
        return Piece(trait, _prop(expose), Flag(), codec, access_of(expose))

    return make


def _percent(trait: Trait) -> Callable[[Expose], Piece | None]:
    def make(expose: Expose) -> Piece | None:
        low, high = _limits(expose, 0, 254 if trait is Trait.BRIGHTNESS else 100)
        codec: Codec = Percent(low, high)
        return Piece(trait, _prop(expose), Range(0, 100, 1, "%"), codec, access_of(expose), 1.0)

    return make


def _degrees(trait: Trait) -> Callable[[Expose], Piece | None]:
    def make(expose: Expose) -> Piece | None:
        low, high = _limits(expose, 5, 35)
        step = number(expose.get("value_step")) or 0.5
        shape = Range(low, high, abs(step), text(expose.get("unit"), 20) or "°C")
        return Piece(trait, _prop(expose), shape, Number(), access_of(expose), abs(step) / 2)

    return make


def _words(
    trait: Trait, names: Mapping[str, str] | None = None
) -> Callable[[Expose], Piece | None]:
    def make(expose: Expose) -> Piece | None:
        words = texts(expose.get("values"))
        if not words:
            return None
        pairs = tuple((word, (names or {}).get(word, word)) for word in words)
        shape = Choice(tuple(dict.fromkeys(value for _, value in pairs)))
        return Piece(trait, _prop(expose), shape, Table(pairs), access_of(expose))

    return make


def _color_temperature(expose: Expose) -> Piece | None:
    low, high = _limits(expose, 153, 500)
    low, high = max(low, 10), min(high, 1000)  # one real device says 65279: it does not know
    if low >= high:
        low, high = 153, 500
    shape = Range(round(1e6 / high), round(1e6 / low), 1, "K")
    codec = Mired(low, high)
    mired = 1e6 / low - 1e6 / (low + 1)  # devices round to whole ones
    return Piece(Trait.COLOR_TEMPERATURE, _prop(expose), shape, codec, access_of(expose), mired)


def _color(codec: Codec) -> Callable[[Expose], Piece | None]:
    def make(expose: Expose) -> Piece | None:
        return Piece(Trait.COLOR, _prop(expose), Colour(), codec, access_of(expose))

    return make


def _opening(expose: Expose) -> Piece | None:
    words = {"OPEN": "open", "CLOSE": "closed", "STOP": "stopped"}
    pairs = tuple((word, words[word]) for word in texts(expose.get("values")) if word in words)
    if not pairs:
        return None
    said = tuple(value for _, value in pairs)
    shape = Choice((*said, "opening", "closing"))
    access = access_of(expose)
    return Piece(Trait.OPENING, _prop(expose), shape, Table(pairs), access, choices=said)


def _lock(expose: Expose) -> Piece | None:
    pair = on_and_off(expose)
    if pair is None:
        return None
    codec = Table(((pair[0], "locked"), (pair[1], "unlocked")))
    shape = Choice(("locked", "unlocked", "jammed"))
    access = access_of(expose)
    choices = ("locked", "unlocked")
    return Piece(Trait.LOCK, _prop(expose), shape, codec, access, choices=choices)


Makers = Mapping[str, Callable[[Expose], Piece | None]]

_LIGHT: Final[Makers] = {
    "state": _flag(Trait.POWER),
    "brightness": _percent(Trait.BRIGHTNESS),
    "color_temp": _color_temperature,
    "color_xy": _color(XyColour()),
    "color_hs": _color(HueColour()),
}
_SPECIFIC: Final[Mapping[str, tuple[Kind, Makers]]] = {
    "light": (Kind.LIGHT, _LIGHT),
    "switch": (Kind.SWITCH, {"state": _flag(Trait.POWER)}),
    "fan": (
        Kind.FAN,
        {
            "state": _flag(Trait.POWER),
            "mode": _words(Trait.PRESET),
            "speed": _percent(Trait.SPEED),
        },
    ),
    "cover": (
        Kind.COVER,
        {
            "state": _opening,
            "position": _percent(Trait.POSITION),
            "tilt": _percent(Trait.TILT),
        },
    ),
    "lock": (Kind.LOCK, {"state": _lock}),
    "climate": (
        Kind.CLIMATE,
        {
            "local_temperature": _degrees(Trait.CURRENT_TEMPERATURE),
            "occupied_heating_setpoint": _degrees(Trait.TEMPERATURE),
            "current_heating_setpoint": _degrees(Trait.TEMPERATURE),
            "occupied_cooling_setpoint": _degrees(Trait.TEMPERATURE_HIGH),
            "system_mode": _words(Trait.MODE),
            "running_state": _words(Trait.ACTION, _ACTIONS),
            "preset": _words(Trait.PRESET),
            "fan_mode": _words(Trait.FAN_MODE),
            "swing_mode": _words(Trait.SWING_MODE),
        },
    ),
}
SPECIFIC: Final = frozenset(_SPECIFIC)
ALIKE: Final = {"light": Kind.LIGHT, "switch": Kind.SWITCH, "cover": Kind.COVER,
                "lock": Kind.LOCK, "fan": Kind.FAN}  # fmt: skip
"""What a group may be."""


def specific(
    expose: Expose, exposes: tuple[Expose, ...], hints: Hints
) -> tuple[list[Part], list[Missed]]:
    """Return the part that an expose is, the rest of it as parts of their own, and what is lost.

    Args:
        expose: One of the types in ``SPECIFIC``.
        exposes: All of the device: some of them tell more of this one.
        hints: What the device is for.
    """
    what = text(expose.get("type"), 40)
    kind, makers = _SPECIFIC[what]
    endpoint = text(expose.get("endpoint"), 40)
    pieces: dict[Trait, Piece] = {}
    rest: list[Part] = []
    missed: list[Missed] = []
    for feature in tables(expose.get("features"), MOST_FEATURES):
        maker = makers.get(text(feature.get("name")))
        piece = maker(feature) if maker is not None and _prop(feature) else None
        if piece is not None and not piece.access & (PUBLISHED | SETTABLE):
            piece = None
        if piece is not None and piece.trait not in pieces:
            pieces[piece.trait] = piece
        elif piece is None or piece.trait is not Trait.COLOR:  # xy is as good as hue
            parts, lost = generic(feature, Hints(), main=False)
            rest += parts
            missed += lost
    if kind is Kind.CLIMATE:
        _both_setpoints(pieces)
    for feature in tables(expose.get("features"), MOST_FEATURES):
        _more(pieces, feature, endpoint)
    for other in exposes:
        _more(pieces, other, endpoint)
    if not pieces:
        return rest, [*missed, (what, "no_features")]
    key = f"{what}_{endpoint}" if endpoint else what
    part = Part(key, kind, tuple(pieces.values()), endpoint, hints.moves)
    power = pieces.get(Trait.POWER)
    if power is not None and kind is Kind.SWITCH and not power.prop.startswith("state"):
        label = text(expose.get("label"), 80) or power.prop  # a setting, told as a switch
        return [Part(power.prop, kind, part.pieces, label, main=False), *rest], missed
    return [_careful(part, hints), *rest], missed


def _both_setpoints(pieces: dict[Trait, Piece]) -> None:
    """A climate that heats and cools has a low and a high, else the one there is."""
    low, high = pieces.get(Trait.TEMPERATURE), pieces.get(Trait.TEMPERATURE_HIGH)
    if high is not None and low is None:
        pieces[Trait.TEMPERATURE] = _as(pieces.pop(Trait.TEMPERATURE_HIGH), Trait.TEMPERATURE)
    elif high is not None and low is not None:
        pieces[Trait.TEMPERATURE_LOW] = _as(pieces.pop(Trait.TEMPERATURE), Trait.TEMPERATURE_LOW)


def _as(piece: Piece, trait: Trait) -> Piece:
    return Piece(trait, piece.prop, piece.shape, piece.codec, piece.access, piece.tolerance)


def _more(pieces: dict[Trait, Piece], other: Expose, endpoint: str) -> None:
    """Let other exposes tell of this one: an effect, whether it moves, whether it jams."""
    name, prop = text(other.get("name")), _prop(other)
    if text(other.get("endpoint"), 40) != endpoint or not prop:
        return
    if name == "effect" and Trait.BRIGHTNESS in pieces:
        effect = _words(Trait.EFFECT)(other)
        if effect is not None:
            pieces[Trait.EFFECT] = effect
    elif name == "lock_state" and Trait.LOCK in pieces:
        pieces[Trait.LOCK] = _told(pieces[Trait.LOCK], prop, _LOCK_STATES)
    elif name in ("moving", "motor_state", "running_state") and Trait.OPENING in pieces:
        pieces[Trait.OPENING] = _told(pieces[Trait.OPENING], prop, _MOTION)


def _told(piece: Piece, prop: str, codec: Codec) -> Piece:
    if piece.told_by:
        return piece
    return Piece(
        piece.trait, piece.prop, piece.shape, piece.codec, piece.access, piece.tolerance,
        piece.choices, ((prop, codec),),
    )  # fmt: skip


def _careful(part: Part, hints: Hints) -> Part:
    """Make a valve of the switch that moves one: valves are guarded, switches are not."""
    power = next((piece for piece in part.pieces if piece.trait is Trait.POWER), None)
    if part.kind is not Kind.SWITCH or power is None or not hints.valve:
        return part
    return Part(part.key, Kind.VALVE, (as_valve(power),), part.label, hints.moves)


def _prop(expose: Expose) -> str:
    return word(expose.get("property"))


def _limits(expose: Expose, low: float, high: float) -> tuple[float, float]:
    found = number(expose.get("value_min")), number(expose.get("value_max"))
    least = low if found[0] is None else found[0]
    most = high if found[1] is None else found[1]
    return (least, most) if least < most else (low, high)
