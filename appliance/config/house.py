"""Settings of the house: its devices, the gate, timers, other boxes, and MCP."""

from typing import Annotated, Literal

from pydantic import Field

from appliance.config.section import Patience, Section

Risky = Literal["free", "confirm", "pin", "never"]
Convention = Literal["homeassistant", "zigbee2mqtt", "tasmota", "shelly", "homie"]
Seconds = Annotated[float, Field(ge=1.0, le=3_600.0)]


class Devices(Section):
    """Devices that are found on the broker (docs/devices.md)."""

    discover: tuple[Convention, ...] = (
        "homeassistant",
        "zigbee2mqtt",
        "tasmota",
        "shelly",
        "homie",
    )
    """Conventions that are listened for; empty: no device is looked for."""

    homeassistant_prefix: Annotated[str, Field(pattern=r"^[^#+/$][^#+]*[^#+/]$")] = "homeassistant"
    """First levels of Home Assistant's discovery topics."""

    zigbee2mqtt: tuple[Annotated[str, Field(pattern=r"^[^#+/$][^#+]*[^#+/]$")], ...] = (
        "zigbee2mqtt",
    )
    """Base topics of Zigbee2MQTT; one for each of its instances."""

    most: Annotated[int, Field(ge=1, le=20_000)] = 5_000
    """Things that are kept; of more, the later ones are left out, and ``doctor`` says so."""

    most_listed: Annotated[int, Field(ge=0, le=1_000)] = 60
    """Things whose ids a model is given beforehand, the box's own room first; it asks
    ``find_device`` for the others. The on-device understanding knows all of them."""

    hidden: tuple[str, ...] = ()
    """Ids that nobody may ask for; ``*`` stands for any letters."""

    confirm_s: Annotated[float, Field(ge=0.1, le=30.0)] = 2.0
    """How long a device is waited for to say that it has done, or begun, what was asked."""


class GateRule(Section):
    """What one device takes, where it is not what its kind takes."""

    device: Annotated[str, Field(examples=["garage_door"])]
    """Id of a device or tool (``voice-appliance actions list``); ``*`` stands for any letters."""

    value: str = ""
    """Only for this direction (``open``, ``unlocked``, ``disarmed``, ``on`` …); empty: for all."""

    risk: Annotated[Risky, Field(examples=["pin"])]
    """free, confirm, pin or never."""


class Gate(Section):
    """What it takes before something that matters is done (docs/gate.md)."""

    rules: tuple[GateRule, ...] = ()
    """Exceptions; the last that fits counts."""

    challenge_s: Annotated[float, Field(ge=5.0, le=120.0)] = 20.0
    """How long a confirmation is waited for."""

    grace_s: Patience = 0.0
    """After a confirmation, how long the same device needs no other, unless text of strangers came
    in between; 0: never."""

    taint_s: Annotated[float, Field(ge=60.0, le=86_400.0)] = 900.0
    """How long after text of strangers (states, MCP results, web pages) a conversation counts as
    touched by it."""

    button: bool = True
    """Whether the talk button confirms."""

    phone: bool = True
    """Whether ``set/confirm`` on the broker confirms what needs no PIN."""

    tries: Annotated[int, Field(ge=1, le=10)] = 3
    """Wrong PINs before the lockout."""

    lockout_s: Annotated[float, Field(ge=10.0, le=86_400.0)] = 300.0
    """How long no PIN is taken then; twice as long each further time."""

    most_calls: Annotated[int, Field(ge=1, le=1_000)] = 60
    """Calls in a minute; more are refused."""

    most_guarded: Annotated[int, Field(ge=1, le=100)] = 6
    """Calls in a minute that need a confirmation or a PIN; more are refused."""


class Timers(Section):
    """Timers, alarms and reminders (docs/timers.md)."""

    most: Annotated[int, Field(ge=1, le=1_000)] = 50
    """At once."""

    ring_s: Seconds = 300.0
    """How long one rings if nobody stops it."""

    snooze_s: Seconds = 540.0
    """"Snooze" without a time."""


class Household(Section):
    """Other boxes in the house (docs/boxes.md)."""

    zone: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")] = "home"
    """Boxes of one zone hear the same person: only one of them answers."""

    arbitrate: bool = True
    """Whether only one answers."""

    intercom: bool = True
    """Whether other boxes may say messages here."""


class HomeAssistant(Section):
    """How the box shows itself to Home Assistant (docs/mqtt.md)."""

    discovery: bool = True
    """Whether it announces itself."""

    prefix: Annotated[str, Field(pattern=r"^[^#+/$][^#+]*[^#+/]$")] = "homeassistant"
    """First levels of its discovery topics."""

    speech: bool = False
    """Whether events carry what was said."""
