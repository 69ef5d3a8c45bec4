"""The devices of the simulated kitchen, without their broker: a message in, messages out. Pure.

They speak as real ones do: lamps, blinds and thermostats as behind Zigbee2MQTT, relays as Tasmota,
and a coffee maker that answers requests.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from appliance.ports import ReplyTo

AIR_SECONDS = 0.04
"""From a command to the device's word, over Zigbee; real ones take 20 to 80 ms."""

BLIND_PERCENT_PER_SECOND = 12.0
REPORT_SECONDS = 0.5
"""How often a moving blind says where it is."""

TANK_CUPS = 20


@dataclass(frozen=True, slots=True)
class Out:
    """A message that a device sends after a while."""

    topic: str
    payload: bytes
    delay: float = 0.0
    """Seconds."""

    retain: bool = True
    correlation: bytes | None = None


class Device(Protocol):
    """One device."""

    listens: tuple[str, ...]
    """Topics of its commands."""

    def hello(self) -> Iterable[Out]:
        """Say how it is, when it comes to the broker."""
        ...

    def take(
        self, topic: str, payload: bytes, *, now: float, reply: ReplyTo | None
    ) -> Iterable[Out]:
        """Take a command; what makes no sense is ignored."""
        ...


@dataclass
class Lamp:
    """A colour lamp."""

    name: str
    state: dict[str, object] = field(
        default_factory=lambda: {"state": "OFF", "brightness": 254, "color": {"hex": "#FFFFFF"}}
    )

    def __post_init__(self) -> None:
        """Say where it listens."""
        self.listens: tuple[str, ...] = (f"zigbee2mqtt/{self.name}/set",)

    def hello(self) -> Iterable[Out]:
        """Say how it is."""
        return _zigbee(self.name, self.state, delay=0.0)

    def take(
        self, topic: str, payload: bytes, *, now: float, reply: ReplyTo | None
    ) -> Iterable[Out]:
        """Take ``{"state": "ON", "brightness": 0-254, "color": {"hex": "#RRGGBB"}}``."""
        del topic, now, reply
        wanted = _object(payload)
        match wanted.get("state"):
            case "ON" | "OFF" as state:
                self.state["state"] = state
            case "TOGGLE":
                self.state["state"] = "OFF" if self.state["state"] == "ON" else "ON"
            case _:
                pass
        if (brightness := _number(wanted.get("brightness"))) is not None:
            self.state["brightness"] = max(0, min(254, round(brightness)))
        match wanted.get("color"):
            case {"hex": str() as colour}:
                self.state["color"] = {"hex": colour.upper()}
            case _:
                pass
        return _zigbee(self.name, self.state)


@dataclass
class Thermostat:
    """A radiator valve; rounds to half degrees."""

    name: str
    state: dict[str, object] = field(
        default_factory=lambda: {
            "occupied_heating_setpoint": 19.0,
            "local_temperature": 18.5,
            "system_mode": "heat",
        }
    )

    def __post_init__(self) -> None:
        """Say where it listens."""
        self.listens: tuple[str, ...] = (f"zigbee2mqtt/{self.name}/set",)

    def hello(self) -> Iterable[Out]:
        """Say how it is."""
        return _zigbee(self.name, self.state, delay=0.0)

    def take(
        self, topic: str, payload: bytes, *, now: float, reply: ReplyTo | None
    ) -> Iterable[Out]:
        """Take ``{"occupied_heating_setpoint": 5-30}``."""
        del topic, now, reply
        wanted = _number(_object(payload).get("occupied_heating_setpoint"))
        if wanted is not None:
            self.state["occupied_heating_setpoint"] = max(5.0, min(30.0, round(wanted * 2) / 2))
        return _zigbee(self.name, self.state, delay=2 * AIR_SECONDS)


@dataclass
class Blind:
    """A blind that takes its time."""

    name: str
    start: float = 100.0
    """Where it was at ``since``; 0 is closed, 100 open."""

    target: float = 100.0
    since: float = 0.0

    def __post_init__(self) -> None:
        """Say where it listens."""
        self.listens: tuple[str, ...] = (f"zigbee2mqtt/{self.name}/set",)

    def hello(self) -> Iterable[Out]:
        """Say how it is."""
        return _zigbee(self.name, self._state(self.since + 1e6), delay=0.0)

    def take(
        self, topic: str, payload: bytes, *, now: float, reply: ReplyTo | None
    ) -> Iterable[Out]:
        """Take ``{"position": 0-100}`` or ``{"state": "OPEN" | "CLOSE" | "STOP"}``."""
        del topic, reply
        wanted = _object(payload)
        here = self._position(now)
        ends = {"OPEN": 100.0, "CLOSE": 0.0, "STOP": here}
        position = _number(wanted.get("position", ends.get(str(wanted.get("state")))))
        if position is None:
            return
        self.start, self.since, self.target = here, now, max(0.0, min(100.0, position))
        after = 0.0
        while True:
            delay = after + AIR_SECONDS
            yield from _zigbee(self.name, self._state(now + after), delay=delay)
            if self._position(now + after) == self.target:
                return
            after += REPORT_SECONDS

    def _position(self, now: float) -> float:
        way = self.target - self.start
        done = BLIND_PERCENT_PER_SECOND * max(0.0, now - self.since)
        if done >= abs(way):
            return self.target
        return self.start + (done if way > 0 else -done)

    def _state(self, now: float) -> dict[str, object]:
        position = self._position(now)
        moving = "UP" if self.target > position else "DOWN"
        return {
            "position": round(position),
            "target_position": round(self.target),
            "state": "OPEN" if position > 0 else "CLOSE",
            "moving": "STOP" if position == self.target else moving,
        }


@dataclass
class Relay:
    """A plug with Tasmota on it."""

    name: str
    on: bool = False

    def __post_init__(self) -> None:
        """Say where it listens."""
        self.listens: tuple[str, ...] = (f"cmnd/{self.name}/POWER",)

    def hello(self) -> Iterable[Out]:
        """Say how it is."""
        yield Out(f"tele/{self.name}/LWT", b"Online")
        yield Out(f"stat/{self.name}/POWER", self._power())

    def take(
        self, topic: str, payload: bytes, *, now: float, reply: ReplyTo | None
    ) -> Iterable[Out]:
        """Take ``ON``, ``OFF`` or ``TOGGLE``."""
        del topic, now, reply
        match payload.strip().upper():
            case b"ON" | b"1":
                self.on = True
            case b"OFF" | b"0":
                self.on = False
            case b"TOGGLE" | b"2":
                self.on = not self.on
            case _:
                pass
        result = _json({"POWER": self._power().decode()})
        yield Out(f"stat/{self.name}/RESULT", result, AIR_SECONDS / 2, retain=False)
        yield Out(f"stat/{self.name}/POWER", self._power(), AIR_SECONDS / 2)

    def _power(self) -> bytes:
        return b"ON" if self.on else b"OFF"


@dataclass
class CoffeeMaker:
    """Answers each request, by MQTT 5 or by what the payload says; its tank is not endless."""

    cups: int = TANK_CUPS
    listens: tuple[str, ...] = ("coffee_maker/brew", "coffee_maker/refill")

    def hello(self) -> Iterable[Out]:
        """Say how it is."""
        yield self._state("ready")

    def take(
        self, topic: str, payload: bytes, *, now: float, reply: ReplyTo | None
    ) -> Iterable[Out]:
        """Take ``{"drink", "size", "strength", "cups", "transaction", "response_topic"}``."""
        del now
        if topic == "coffee_maker/refill":
            self.cups = TANK_CUPS
            yield self._state("ready")
            return
        wanted = _object(payload)
        cups = int(_number(wanted.get("cups")) or 1)
        answer: dict[str, object] = {"status": "ok", "transaction": wanted.get("transaction")}
        if not isinstance(wanted.get("drink"), str):
            answer |= {"status": "error", "reason": "I did not get which drink"}
        elif cups > self.cups:
            answer |= {"status": "error", "reason": "the water tank is empty"}
        else:
            self.cups -= cups
            yield self._state("brewing", drink=wanted["drink"], cups=cups)
            yield self._state("ready", delay=6.0 * cups)
        to = reply.topic if reply is not None else wanted.get("response_topic")
        if isinstance(to, str) and to:
            correlation = None if reply is None else reply.correlation
            yield Out(to, _json(answer), 2 * AIR_SECONDS, retain=False, correlation=correlation)

    def _state(self, state: str, delay: float = AIR_SECONDS, **more: object) -> Out:
        told = {"state": state, "cups_left": self.cups, **more}
        return Out("coffee_maker/state", _json(told), delay)


def kitchen() -> tuple[Device, ...]:
    """Return the devices that ``tools.d`` has manifests for: three rooms."""
    lamps = (
        "kitchen_light",
        "counter_light",
        "living_room_light",
        "reading_lamp",
        "bedroom_light",
    )
    rooms = ("kitchen", "living_room", "bedroom")
    return (
        *(Lamp(name) for name in lamps),
        *(Thermostat(f"{room}_thermostat") for room in rooms),
        *(Blind(f"{room}_blind") for room in ("kitchen", "bedroom")),
        *(Relay(name) for name in ("extractor_fan", "radio", "television")),
        CoffeeMaker(),
    )


def _zigbee(
    name: str, state: Mapping[str, object], *, delay: float = AIR_SECONDS
) -> tuple[Out, ...]:
    told = Out(f"zigbee2mqtt/{name}", _json(state), delay)
    if delay == 0.0:
        return (Out(f"zigbee2mqtt/{name}/availability", _json({"state": "online"})), told)
    return (told,)


def _object(payload: bytes) -> Mapping[str, object]:
    try:
        data = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e6 else None


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
