"""A made house: things of every kind that do what they are told, without a broker."""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from appliance.ports import Message
from appliance.tools.devices.known import Known, Order, Outcome
from appliance.tools.devices.model import (
    Choice,
    Colour,
    Feature,
    Flag,
    Kind,
    Outgoing,
    Press,
    Range,
    Shape,
    Source,
    Thing,
    Trait,
    Value,
    Words,
)

PERCENT = Range(0, 100, 1, "%")
ON_OFF = Flag()
OPENING = Choice(("open", "closed", "stopped", "opening", "closing"))
LOCK = Choice(("locked", "unlocked", "locking", "unlocking", "jammed"))
ARMED = Choice(("disarmed", "armed_home", "armed_away", "armed_night", "triggered", "pending"))
CLEANING = Choice(("cleaning", "paused", "docked", "idle", "returning", "error"))
PLAYBACK = Choice(("playing", "paused", "stopped", "idle"))


@dataclass(frozen=True, slots=True)
class Reads:
    """A topic that is never read here."""

    topic: str

    def read(self, message: Message) -> Value | None:
        del message
        return None


@dataclass(frozen=True, slots=True)
class Writes:
    """Writes what is wanted as text."""

    topic: str

    def write(
        self, wanted: Mapping[Trait, Value], now: Mapping[Trait, Value]
    ) -> tuple[Outgoing, ...]:
        del now
        return tuple(
            Outgoing(f"{self.topic}/{t.value}", str(v).encode()) for t, v in wanted.items()
        )


def known(
    kind: Kind,
    name: str,
    area: str | None = None,
    *,
    sets: Mapping[Trait, Shape] | None = None,
    tells: Mapping[Trait, Shape] | None = None,
    choices: Mapping[Trait, tuple[str, ...]] | None = None,
    aliases: tuple[str, ...] = (),
    device_class: str = "",
    id: str | None = None,  # noqa: A002 - as the field is called
    main: bool = True,
    members: tuple[str, ...] = (),
    opaque: bool = False,
) -> Known:
    """Make a thing that is known.

    Args:
        kind: What it is.
        name: As people say it.
        area: The room.
        sets: Traits that can be set, and are told unless they only happen.
        tells: Traits that are only told.
        choices: Of traits that are set, the words that may be set.
        aliases: Other names.
        device_class: In Home Assistant's words.
        id: Else made of the name.
        main: Whether it is what the device is bought for.
        members: Of a group, the identities of what it moves.
        opaque: Of a group, whether nobody knows what it moves.
    """
    called = id or re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    topic = f"house/{called}"
    features = {
        trait: Feature(
            shape,
            settable=True,
            reads=() if isinstance(shape, Press) else (Reads(topic),),
            choices=(choices or {}).get(trait, ()),
        )
        for trait, shape in (sets or {}).items()
    } | {trait: Feature(shape, reads=(Reads(topic),)) for trait, shape in (tells or {}).items()}
    thing = Thing(
        key=f"homeassistant:{called}",
        source=Source.HOMEASSISTANT,
        kind=kind,
        name=name,
        device=name,
        identity=frozenset({f"homeassistant:{called}"}),
        features=features,
        writer=Writes(topic) if sets else None,
        device_class=device_class,
        area=area or "",
        main=main,
        members=members,
        opaque=opaque,
    )
    return Known(called, thing, name, aliases, area)


def light(name: str, area: str | None = None, **more: object) -> Known:
    """Make a lamp that can be dimmed and coloured."""
    sets: dict[Trait, Shape] = {
        Trait.POWER: ON_OFF,
        Trait.BRIGHTNESS: PERCENT,
        Trait.COLOR: Colour(),
        Trait.COLOR_TEMPERATURE: Range(2000, 6500, 1, "K"),
    }
    return known(Kind.LIGHT, name, area, sets=sets, **more)  # type: ignore[arg-type]


def switch(name: str, area: str | None = None, **more: object) -> Known:
    """Make a plug."""
    return known(Kind.SWITCH, name, area, sets={Trait.POWER: ON_OFF}, **more)  # type: ignore[arg-type]


def cover(name: str, area: str | None = None, **more: object) -> Known:
    """Make a blind that can stop half way."""
    return known(
        Kind.COVER,
        name,
        area,
        sets={Trait.OPENING: OPENING, Trait.POSITION: PERCENT},
        choices={Trait.OPENING: ("open", "closed", "stopped")},
        **more,  # type: ignore[arg-type]
    )


def lock(name: str, area: str | None = None, **more: object) -> Known:
    """Make a lock."""
    return known(
        Kind.LOCK,
        name,
        area,
        sets={Trait.LOCK: LOCK},
        choices={Trait.LOCK: ("locked", "unlocked")},
        **more,  # type: ignore[arg-type]
    )


def climate(name: str, area: str | None = None, *, unit: str = "°C", **more: object) -> Known:
    """Make a thermostat."""
    low, high = (41, 86) if unit == "°F" else (5, 30)
    return known(
        Kind.CLIMATE,
        name,
        area,
        sets={
            Trait.TEMPERATURE: Range(low, high, 0.5, unit),
            Trait.MODE: Choice(("off", "heat", "auto")),
        },
        tells={
            Trait.CURRENT_TEMPERATURE: Range(-50, 150, 0, unit),
            Trait.ACTION: Choice(("heating", "idle")),
        },
        **more,  # type: ignore[arg-type]
    )


def sensor(name: str, area: str | None = None, *, unit: str = "", **more: object) -> Known:
    """Make a sensor of numbers."""
    shape = Range(-1e6, 1e6, 0, unit)
    return known(Kind.SENSOR, name, area, tells={Trait.READING: shape}, **more)  # type: ignore[arg-type]


def contact(name: str, area: str | None = None, *, device_class: str = "door") -> Known:
    """Make a sensor of yes and no."""
    return known(
        Kind.BINARY_SENSOR, name, area, tells={Trait.READING: ON_OFF}, device_class=device_class
    )


def scene(name: str, area: str | None = None, **more: object) -> Known:
    """Make a scene."""
    return known(Kind.SCENE, name, area, sets={Trait.PRESS: Press()}, **more)  # type: ignore[arg-type]


def button(name: str, area: str | None = None, **more: object) -> Known:
    """Make a button."""
    return known(Kind.BUTTON, name, area, sets={Trait.PRESS: Press()}, **more)  # type: ignore[arg-type]


def things() -> tuple[Known, ...]:
    """Return a house of things of every kind, in five rooms and a garden."""
    return (
        light("kitchen light", "kitchen", aliases=("kitchen lamp",)),
        light("counter light", "kitchen", aliases=("worktop light",)),
        light("ceiling light", "living room"),
        light("reading lamp", "living room", aliases=("floor lamp",)),
        light("bedroom light", "bedroom"),
        light("bedside lamp", "bedroom", aliases=("night light",)),
        light("desk lamp", "office"),
        known(Kind.LIGHT, "hall light", "hall", sets={Trait.POWER: ON_OFF}),
        switch("coffee machine", "kitchen", device_class="outlet"),
        switch("radio", "kitchen"),
        switch("printer", "office"),
        known(
            Kind.SIREN,
            "siren",
            "hall",
            sets={
                Trait.POWER: ON_OFF,
                Trait.TONE: Choice(("fire", "burglar")),
                Trait.DURATION: Range(1, 600, 1, "s"),
            },
        ),
        known(
            Kind.FAN,
            "bedroom fan",
            "bedroom",
            sets={
                Trait.POWER: ON_OFF,
                Trait.SPEED: PERCENT,
                Trait.PRESET: Choice(("breeze", "sleep")),
            },
        ),
        cover("kitchen blind", "kitchen", device_class="blind"),
        cover("bedroom blind", "bedroom", device_class="blind"),
        cover("living room curtain", "living room", device_class="curtain"),
        cover("garage door", "garage", device_class="garage"),
        known(
            Kind.VALVE,
            "garden tap",
            "garden",
            sets={Trait.OPENING: OPENING},
            choices={Trait.OPENING: ("open", "closed")},
            device_class="water",
        ),
        lock("front door", "hall"),
        lock("back door", "kitchen"),
        known(
            Kind.ALARM,
            "alarm",
            "hall",
            sets={Trait.ARMED: ARMED},
            choices={Trait.ARMED: ("disarmed", "armed_home", "armed_away", "armed_night")},
            aliases=("house alarm",),
        ),
        climate("kitchen thermostat", "kitchen", aliases=("kitchen heating",)),
        climate("living room thermostat", "living room", aliases=("thermostat", "heating")),
        climate("bedroom thermostat", "bedroom", aliases=("bedroom heating",)),
        known(
            Kind.WATER_HEATER,
            "boiler",
            "bathroom",
            sets={
                Trait.TEMPERATURE: Range(30, 65, 1, "°C"),
                Trait.MODE: Choice(("off", "eco", "performance")),
            },
        ),
        known(
            Kind.HUMIDIFIER,
            "humidifier",
            "bedroom",
            sets={Trait.POWER: ON_OFF, Trait.HUMIDITY: Range(30, 70, 1, "%")},
        ),
        known(
            Kind.VACUUM,
            "vacuum",
            "living room",
            sets={
                Trait.CLEANING: CLEANING,
                Trait.LOCATE: Press(),
                Trait.FAN_MODE: Choice(("quiet", "max")),
            },
            choices={Trait.CLEANING: ("cleaning", "paused", "docked", "idle")},
            tells={Trait.BATTERY: PERCENT},
            aliases=("robot", "vacuum cleaner"),
        ),
        known(
            Kind.MOWER,
            "mower",
            "garden",
            sets={Trait.CLEANING: CLEANING},
            choices={Trait.CLEANING: ("cleaning", "paused", "docked")},
            aliases=("lawn mower",),
        ),
        known(
            Kind.PLAYER,
            "living room speaker",
            "living room",
            sets={
                Trait.PLAYBACK: PLAYBACK,
                Trait.TRACK: Choice(("next", "previous")),
                Trait.VOLUME: PERCENT,
                Trait.MUTED: ON_OFF,
            },
            choices={Trait.PLAYBACK: ("playing", "paused", "stopped")},
            aliases=("speaker",),
        ),
        known(
            Kind.NUMBER,
            "aquarium target",
            "office",
            sets={Trait.VALUE: Range(20, 30, 0.5, "°C")},
        ),
        known(
            Kind.SELECT,
            "washing program",
            "bathroom",
            sets={Trait.OPTION: Choice(("cotton", "wool", "quick wash"))},
        ),
        known(Kind.TEXT, "door sign", "office", sets={Trait.TEXT: Words(32)}),
        button("doorbell button", "hall"),
        scene("movie scene", "living room"),
        scene("good night", None),
        sensor("living room temperature", "living room", unit="°C", device_class="temperature"),
        sensor("bedroom temperature", "bedroom", unit="°C", device_class="temperature"),
        sensor("freezer temperature", "kitchen", unit="°C", device_class="temperature"),
        sensor("bedroom humidity", "bedroom", unit="%", device_class="humidity"),
        sensor("power meter", "hall", unit="W", device_class="power"),
        known(Kind.SENSOR, "washing machine", "bathroom", tells={Trait.READING: Words(255)}),
        contact("terrace door", "living room"),
        contact("bathroom window", "bathroom", device_class="window"),
        contact("hall motion", "hall", device_class="motion"),
        contact("leak sensor", "bathroom", device_class="moisture"),
        known(
            Kind.NUMBER,
            "desk lamp power-on delay",
            "office",
            sets={Trait.VALUE: Range(0, 60)},
            main=False,
        ),
    )


def large(count: int) -> tuple[Known, ...]:
    """Return ``count`` things in many rooms."""
    makers = (light, light, light, switch, cover, climate, sensor, contact, sensor, switch)
    nouns = (
        "ceiling light", "lamp", "wall light", "socket", "blind", "thermostat", "temperature",
        "window", "humidity", "heater",
    )  # fmt: skip
    made = []
    for number in range(count):
        room = f"{_ROOMS[number // 10 % len(_ROOMS)]} {number // 10 // len(_ROOMS) + 1}"
        which = number % 10
        made.append(makers[which](f"{room} {nouns[which]}", room))
    return tuple(made)


_ROOMS = (
    "kitchen", "bathroom", "bedroom", "office", "library", "studio", "hall", "cellar", "attic",
    "lounge", "workshop", "guest room", "nursery", "pantry", "gallery", "conservatory", "laundry",
    "gym", "cinema", "garage",
)  # fmt: skip


@dataclass
class MadeHousehold:
    """A ``known.Household`` that does what it is told and remembers it.

    ``answers`` says how orders to a thing end where that is not "done"; ``offline`` are ids that
    cannot be reached.
    """

    made: Iterable[Known] = field(default_factory=things)
    states: dict[str, dict[Trait, Value]] = field(default_factory=dict)
    offline: set[str] = field(default_factory=set)
    answers: dict[str, Outcome] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    """Everything that was carried out, in its order."""

    def __post_init__(self) -> None:
        self._known: Mapping[str, Known] = {one.id: one for one in self.made}
        self._tell: list[Callable[[], None]] = []

    def known(self) -> Mapping[str, Known]:
        return self._known

    def now(self, name: str) -> Mapping[Trait, Value]:
        return self.states.get(name, {})

    def reachable(self, name: str) -> bool:
        return name not in self.offline

    def on_change(self, tell: Callable[[], None]) -> None:
        self._tell.append(tell)

    async def carry_out(self, order: Order) -> Outcome:
        await asyncio.sleep(0)
        self.orders.append(order)
        state = self.states.setdefault(order.id, {})
        if order.id in self.answers:
            return self.answers[order.id]
        if order.id in self.offline:
            return Outcome("failed", "offline", dict(state))
        told: dict[Trait, Value] = {
            t: v for t, v in order.wanted.items() if t not in (Trait.PRESS, Trait.LOCATE)
        }
        if told and all(state.get(trait) == value for trait, value in told.items()):
            return Outcome("unchanged", now=dict(state))
        state |= told
        return Outcome("done", now=dict(state))

    def change(self, made: Iterable[Known]) -> None:
        """Have other things from now on."""
        self._known = {one.id: one for one in made}
        for tell in self._tell:
            tell()

    def rename(self, name: str, called: str) -> None:
        """Call a thing otherwise."""
        one = self._known[name]
        self.change(
            replace(other, name=called) if other is one else other
            for other in tuple(self._known.values())
        )
