"""What is known of a device in the house, whoever announced it. Pure data.

A *device* is a box somebody bought; a *thing* is one part of it that can be asked for: a lamp, a
relay, a temperature. A thing has *traits*; each has a shape (what may be asked for) and readers
(how the house's messages tell it). One writer for each thing turns what is wanted into messages.

The dialects in ``appliance.tools.discovery`` make things of what a broker retains; nothing outside
of them knows how a dialect speaks. All of this comes from whoever may write to the broker: names
are cleaned by ``naming`` before anybody is shown them, and are never instructions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from appliance.ports import Message

Value = bool | int | float | str
"""A trait's value. Percentages are 0 to 100, colours ``#rrggbb`` in lower case, colour
temperatures kelvin, durations seconds."""


class Source(StrEnum):
    """Which convention announced a thing; of one physical device the first of these is used."""

    ZIGBEE2MQTT = "zigbee2mqtt"
    TASMOTA = "tasmota"
    SHELLY = "shelly"
    HOMIE = "homie"
    HOMEASSISTANT = "homeassistant"


class Kind(StrEnum):
    """What a thing is, in Home Assistant's words."""

    LIGHT = "light"
    SWITCH = "switch"
    FAN = "fan"
    COVER = "cover"
    VALVE = "valve"
    LOCK = "lock"
    ALARM = "alarm_control_panel"
    CLIMATE = "climate"
    WATER_HEATER = "water_heater"
    HUMIDIFIER = "humidifier"
    SIREN = "siren"
    VACUUM = "vacuum"
    MOWER = "lawn_mower"
    PLAYER = "media_player"
    NUMBER = "number"
    SELECT = "select"
    TEXT = "text"
    BUTTON = "button"
    SCENE = "scene"
    SENSOR = "sensor"
    BINARY_SENSOR = "binary_sensor"


class Trait(StrEnum):
    """What can be said of a thing. Unless it says otherwise, what is set is what is read."""

    POWER = "power"
    """bool."""

    BRIGHTNESS = "brightness"
    """Percent."""

    COLOR = "color"
    COLOR_TEMPERATURE = "color_temperature"
    EFFECT = "effect"
    SPEED = "speed"
    """Percent."""

    PRESET = "preset"
    OSCILLATION = "oscillation"
    """bool."""

    DIRECTION = "direction"
    """``forward`` or ``reverse``."""

    OPENING = "opening"
    """Of covers and valves. Set: ``open``, ``closed``, ``stopped``; read also ``opening`` and
    ``closing``."""

    POSITION = "position"
    """Percent; 100 is open."""

    TILT = "tilt"
    """Percent; 100 is open."""

    LOCK = "lock"
    """Set: ``locked``, ``unlocked``, ``open`` (the latch); read also ``locking``, ``unlocking``,
    ``opening`` and ``jammed``."""

    ARMED = "armed"
    """Set: ``disarmed``, ``armed_home``, ``armed_away``, ``armed_night``, ``armed_vacation``,
    ``armed_custom_bypass``, ``triggered``; read also ``arming``, ``pending``, ``disarming``."""

    MODE = "mode"
    """Of climates (``off``, ``heat``, ``cool``, ``heat_cool``, ``auto``, ``dry``, ``fan_only``),
    humidifiers and water heaters."""

    TEMPERATURE = "temperature"
    """What is aimed at, in the unit of the shape."""

    TEMPERATURE_LOW = "temperature_low"
    TEMPERATURE_HIGH = "temperature_high"
    CURRENT_TEMPERATURE = "current_temperature"
    HUMIDITY = "humidity"
    """What is aimed at, percent."""

    CURRENT_HUMIDITY = "current_humidity"
    FAN_MODE = "fan_mode"
    SWING_MODE = "swing_mode"
    ACTION = "action"
    """What a climate does now: ``heating``, ``idle`` … Only read."""

    VALUE = "value"
    """Of a number: float."""

    OPTION = "option"
    """Of a select."""

    TEXT = "text"
    PRESS = "press"
    """Of buttons and scenes: set to ``True``; never read."""

    CLEANING = "cleaning"
    """Of vacuums and mowers. Set: ``cleaning``, ``paused``, ``docked``, ``idle``; read also
    ``returning`` and ``error``."""

    LOCATE = "locate"
    """As ``PRESS``."""

    PLAYBACK = "playback"
    """Set: ``playing``, ``paused``, ``stopped``; read also ``idle`` and ``buffering``."""

    TRACK = "track"
    """``next`` or ``previous``; never read."""

    VOLUME = "volume"
    """Percent."""

    MUTED = "muted"
    """bool."""

    TONE = "tone"
    DURATION = "duration"
    """Seconds, with ``POWER`` of a siren or a timed valve; never read."""

    READING = "reading"
    """Of sensors; a number, a text, or of a binary sensor a bool."""

    BATTERY = "battery"
    """Percent; only read."""


UNDERWAY: Mapping[Value, frozenset[Value]] = {
    "open": frozenset({"opening"}),
    "closed": frozenset({"closing"}),
    "locked": frozenset({"locking"}),
    "unlocked": frozenset({"unlocking"}),
    "disarmed": frozenset({"disarming"}),
    **{
        f"armed_{how}": frozenset({"arming", "pending"})
        for how in ("home", "away", "night", "vacation", "custom_bypass")
    },
    "docked": frozenset({"returning"}),
}
"""From what was wanted to the states that say: it has begun, and takes its time."""


@dataclass(frozen=True, slots=True)
class Flag:
    """On or off."""


@dataclass(frozen=True, slots=True)
class Range:
    """A number."""

    minimum: float
    maximum: float
    step: float = 1.0
    """0: any."""

    unit: str = ""
    """As the house writes it: ``°C``, ``%``, ``lx``."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """Any text."""

    longest: int = 255
    shortest: int = 0


@dataclass(frozen=True, slots=True)
class Colour:
    """``#rrggbb``."""


@dataclass(frozen=True, slots=True)
class Press:
    """It only happens."""


Shape = Flag | Range | Choice | Words | Colour | Press


class Reader(Protocol):
    """How messages of one topic tell one trait. Equal where it reads the same."""

    @property
    def topic(self) -> str:
        """The topic; no wildcards."""
        ...

    def read(self, message: Message) -> Value | None:
        """Return what a message says; ``None``: nothing, or nothing usable. Never raises.

        Costs at most a millisecond, whatever the payload; numbers are finite.
        """
        ...


@dataclass(frozen=True, slots=True)
class Feature:
    """One trait of one thing."""

    shape: Shape
    settable: bool = False
    reads: tuple[Reader, ...] = ()
    """Any of them tells; empty: the house never says (optimistic)."""

    tolerance: float = 0.0
    """How far a number that is read may be from the one that was set: devices round."""

    choices: tuple[str, ...] = ()
    """Of ``settable`` words what may be set, where that is less than may be read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A device's answer to one very request (Shelly's RPC): tells a refusal."""

    topic: str
    key: str
    """The request's own id in it: compared as text with the JSON field ``id``."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to the house; never retained."""

    topic: str
    payload: bytes = field(repr=False)
    qos: int = 1
    answer: Answer | None = None


class Unwritable(Exception):
    """What is wanted cannot be said in the thing's own terms; says why. Nothing was sent."""


class Writer(Protocol):
    """Turns what is wanted of one thing into messages."""

    def write(
        self, wanted: Mapping[Trait, Value], now: Mapping[Trait, Value]
    ) -> tuple[Outgoing, ...]:
        """Return the messages, in order; few, and one where one will do.

        Args:
            wanted: Settable traits, checked against their shapes.
            now: What is known of the thing.

        Raises:
            Unwritable: It cannot be said.
        """
        ...


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a device can be reached."""

    reads: tuple[Reader, ...] = ()
    """Each gives a bool; empty: nothing is known, and it counts as reachable."""

    mode: str = "latest"
    """``all``, ``any`` or ``latest``: how several become one."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One part of a device, as one dialect announced it."""

    key: str
    """``<source>:<what is unique there>``; the same after a restart."""

    source: Source
    kind: Kind
    name: str
    """As announced, not cleaned yet: "Reading lamp"."""

    device: str
    """Name of the physical device, as announced."""

    identity: frozenset[str]
    """What names the physical device the world over: ``mac:a4c138…``, ``ieee:0x00158d…``, else
    ``<source>:<id>``. Two things that share one are of one device."""

    features: Mapping[Trait, Feature]
    writer: Writer | None = None
    """``None``: nothing can be set."""

    availability: Availability = Availability()
    device_class: str = ""
    """In Home Assistant's words: ``garage``, ``gas``, ``outlet``, ``temperature`` …"""

    area: str = ""
    """As suggested."""

    main: bool = True
    """Whether it is what the device is bought for; ``False``: configuration or diagnostics, which
    is asked for by nobody in the room."""

    members: tuple[str, ...] = ()
    """Of a group or a scene: the identities of the devices it moves."""

    opaque: bool = False
    """A group or scene of which nobody here knows what it moves."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something announced that became no thing."""

    name: str
    rule: str
    """Which rule leaves it out: a short name in ``snake_case``, listed in docs/devices.md."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one announcement says now: it replaces all that came from the same origin before."""

    origin: str
    """The topic, or the topic and the device in it."""

    things: tuple[Thing, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    asks: tuple[Outgoing, ...] = ()
    """Questions to the device, without which it cannot be known (Shelly)."""


class Dialect(Protocol):
    """Reads one convention. Remembers what it needs, does no I/O, never raises.

    Called from one thread at a time, not always the event loop's.
    """

    @property
    def filters(self) -> tuple[str, ...]:
        """Topic filters of its announcements."""
        ...

    def take(self, message: Message) -> tuple[Sighting, ...]:
        """Take a message of these filters; return what has changed."""
        ...
