"""Which few tools there are, for which kinds of things, and what each can be asked for. Pure data.

A tool's parameter stands for one trait, or for a few words that each set one. ``offer`` makes
schemas of this, ``orders`` reads calls with it: neither knows a tool by its name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from appliance.tools.devices.model import Kind, Trait, Value


class Form(StrEnum):
    """How a parameter is written in a call."""

    STATE = "state"
    """``on``, ``off``, ``toggle``."""

    PERCENT = "percent"
    NUMBER = "number"
    """In the unit of the thing; temperatures in that of the tool."""

    COLOR = "color"
    CHOICE = "choice"
    """A word of the thing's own."""

    FLAG = "flag"
    TEXT = "text"
    VERB = "verb"
    """A word of ours that sets a trait to a value: ``Parameter.verbs``."""

    STEP = "step"
    """A word of ours that changes a number: ``Parameter.steps``."""


_Verbs = Mapping[str, tuple[Trait, Value]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a tool."""

    name: str
    form: Form
    trait: Trait
    verbs: _Verbs = field(default_factory=dict)
    steps: Mapping[str, float] = field(default_factory=dict)
    unit: str = ""
    """As people count it, where it is always the same."""


@dataclass(frozen=True, slots=True)
class Binding:
    """A ready-made intent and what it is here (``catalogue.IntentBinding``)."""

    intent: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    slots: Mapping[str, str] = field(default_factory=dict)
    needs: str = ""
    """The parameter without which it is none."""


@dataclass(frozen=True, slots=True)
class Family:
    """One tool."""

    tool: str
    kinds: tuple[Kind, ...]
    parameters: tuple[Parameter, ...]
    """Empty: it is asked for a device and presses it."""

    bindings: tuple[Binding, ...] = ()


def _percent(name: str, trait: Trait) -> Parameter:
    return Parameter(name, Form.PERCENT, trait, unit="percent")


def _choice(name: str, trait: Trait) -> Parameter:
    return Parameter(name, Form.CHOICE, trait)


def _degrees(name: str, trait: Trait) -> Parameter:
    return Parameter(name, Form.NUMBER, trait, unit="degrees")


def _change(trait: Trait, more: str, less: str, by: float) -> Parameter:
    return Parameter("change", Form.STEP, trait, steps={more: by, less: -by})


_STATE = Parameter("state", Form.STATE, Trait.POWER)
_ON_OFF = (
    Binding("HassTurnOn", {"state": "on"}, needs="state"),
    Binding("HassTurnOff", {"state": "off"}, needs="state"),
)
_OPENING: _Verbs = {
    "open": (Trait.OPENING, "open"),
    "close": (Trait.OPENING, "closed"),
    "stop": (Trait.OPENING, "stopped"),
}
_LOCK: _Verbs = {
    "lock": (Trait.LOCK, "locked"),
    "unlock": (Trait.LOCK, "unlocked"),
    "open": (Trait.LOCK, "open"),
}
_ALARM: _Verbs = {
    "disarm": (Trait.ARMED, "disarmed"),
    "arm_home": (Trait.ARMED, "armed_home"),
    "arm_away": (Trait.ARMED, "armed_away"),
    "arm_night": (Trait.ARMED, "armed_night"),
    "arm_vacation": (Trait.ARMED, "armed_vacation"),
    "arm_custom": (Trait.ARMED, "armed_custom_bypass"),
    "trigger": (Trait.ARMED, "triggered"),
}
_CLEANING: _Verbs = {
    "start": (Trait.CLEANING, "cleaning"),
    "pause": (Trait.CLEANING, "paused"),
    "stop": (Trait.CLEANING, "idle"),
    "dock": (Trait.CLEANING, "docked"),
    "locate": (Trait.LOCATE, True),
}
_PLAYBACK: _Verbs = {
    "play": (Trait.PLAYBACK, "playing"),
    "pause": (Trait.PLAYBACK, "paused"),
    "stop": (Trait.PLAYBACK, "stopped"),
    "next": (Trait.TRACK, "next"),
    "previous": (Trait.TRACK, "previous"),
}


def _verb(trait: Trait, verbs: _Verbs) -> Parameter:
    return Parameter("action", Form.VERB, trait, verbs=verbs)


FAMILIES: tuple[Family, ...] = (
    Family(
        "control_light",
        (Kind.LIGHT,),
        (
            _STATE,
            _percent("brightness", Trait.BRIGHTNESS),
            Parameter("color", Form.COLOR, Trait.COLOR),
            Parameter("color_temperature", Form.NUMBER, Trait.COLOR_TEMPERATURE, unit="kelvin"),
            _change(Trait.BRIGHTNESS, "brighter", "darker", 20.0),
            _choice("effect", Trait.EFFECT),
        ),
        (
            *_ON_OFF,
            Binding("HassLightSet", slots={"brightness": "brightness"}, needs="brightness"),
            Binding("HassLightSet", slots={"color": "color"}, needs="color"),
        ),
    ),
    Family(
        "control_switch",
        (Kind.SWITCH, Kind.SIREN),
        (
            _STATE,
            _choice("tone", Trait.TONE),
            _percent("volume", Trait.VOLUME),
            Parameter("duration", Form.NUMBER, Trait.DURATION, unit="seconds"),
        ),
        _ON_OFF,
    ),
    Family(
        "control_fan",
        (Kind.FAN,),
        (
            _STATE,
            _percent("speed", Trait.SPEED),
            _change(Trait.SPEED, "faster", "slower", 20.0),
            _choice("preset", Trait.PRESET),
            Parameter("oscillation", Form.FLAG, Trait.OSCILLATION),
            _choice("direction", Trait.DIRECTION),
        ),
        (
            *_ON_OFF,
            Binding("HassFanSetSpeed", slots={"percentage": "speed"}, needs="speed"),
        ),
    ),
    Family(
        "control_cover",
        (Kind.COVER, Kind.VALVE),
        (
            _verb(Trait.OPENING, _OPENING),
            _percent("position", Trait.POSITION),
            _percent("tilt", Trait.TILT),
        ),
        (
            Binding("HassTurnOn", {"action": "open"}, needs="action"),
            Binding("HassTurnOff", {"action": "close"}, needs="action"),
            Binding("HassSetPosition", slots={"position": "position"}, needs="position"),
        ),
    ),
    Family(
        "control_lock",
        (Kind.LOCK,),
        (_verb(Trait.LOCK, _LOCK),),
        (
            Binding("HassTurnOn", {"action": "lock"}, needs="action"),
            Binding("HassTurnOff", {"action": "unlock"}, needs="action"),
        ),
    ),
    Family("control_alarm", (Kind.ALARM,), (_verb(Trait.ARMED, _ALARM),)),
    Family(
        "control_climate",
        (Kind.CLIMATE,),
        (
            _STATE,
            _degrees("temperature", Trait.TEMPERATURE),
            _change(Trait.TEMPERATURE, "warmer", "cooler", 1.0),
            _degrees("temperature_low", Trait.TEMPERATURE_LOW),
            _degrees("temperature_high", Trait.TEMPERATURE_HIGH),
            _percent("humidity", Trait.HUMIDITY),
            _choice("mode", Trait.MODE),
            _choice("fan_mode", Trait.FAN_MODE),
            _choice("swing_mode", Trait.SWING_MODE),
            _choice("preset", Trait.PRESET),
        ),
        (
            *_ON_OFF,
            Binding(
                "HassClimateSetTemperature",
                slots={"temperature": "temperature"},
                needs="temperature",
            ),
        ),
    ),
    Family(
        "control_water_heater",
        (Kind.WATER_HEATER,),
        (
            _STATE,
            _degrees("temperature", Trait.TEMPERATURE),
            _change(Trait.TEMPERATURE, "warmer", "cooler", 1.0),
            _choice("mode", Trait.MODE),
        ),
        _ON_OFF,
    ),
    Family(
        "control_humidifier",
        (Kind.HUMIDIFIER,),
        (_STATE, _percent("humidity", Trait.HUMIDITY), _choice("mode", Trait.MODE)),
        _ON_OFF,
    ),
    Family(
        "control_vacuum",
        (Kind.VACUUM,),
        (_verb(Trait.CLEANING, _CLEANING), _choice("fan_mode", Trait.FAN_MODE)),
        (
            Binding("HassVacuumStart", {"action": "start"}, needs="action"),
            Binding("HassVacuumReturnToBase", {"action": "dock"}, needs="action"),
        ),
    ),
    Family(
        "control_mower",
        (Kind.MOWER,),
        (_verb(Trait.CLEANING, _CLEANING),),
        (
            Binding("HassLawnMowerStartMowing", {"action": "start"}, needs="action"),
            Binding("HassLawnMowerDock", {"action": "dock"}, needs="action"),
        ),
    ),
    Family(
        "control_player",
        (Kind.PLAYER,),
        (
            _STATE,
            _verb(Trait.PLAYBACK, _PLAYBACK),
            _percent("volume", Trait.VOLUME),
            _change(Trait.VOLUME, "louder", "quieter", 10.0),
            Parameter("muted", Form.FLAG, Trait.MUTED),
            _choice("source", Trait.OPTION),
        ),
        (
            *_ON_OFF,
            Binding("HassMediaPause", {"action": "pause"}, needs="action"),
            Binding("HassMediaUnpause", {"action": "play"}, needs="action"),
            Binding("HassMediaNext", {"action": "next"}, needs="action"),
            Binding("HassMediaPrevious", {"action": "previous"}, needs="action"),
            Binding("HassMediaPlayerMute", {"muted": True}, needs="muted"),
            Binding("HassMediaPlayerUnmute", {"muted": False}, needs="muted"),
        ),
    ),
    Family(
        "set_number",
        (Kind.NUMBER,),
        (Parameter("value", Form.NUMBER, Trait.VALUE),),
    ),
    Family("choose_option", (Kind.SELECT,), (_choice("option", Trait.OPTION),)),
    Family("write_text", (Kind.TEXT,), (Parameter("text", Form.TEXT, Trait.TEXT),)),
    Family("activate_scene", (Kind.SCENE,), (), (Binding("HassTurnOn"),)),
    Family("press_button", (Kind.BUTTON,), (), (Binding("HassTurnOn"),)),
)
"""In the order in which they are offered."""

DEVICE = "device"
"""The parameter that takes a thing's id."""
