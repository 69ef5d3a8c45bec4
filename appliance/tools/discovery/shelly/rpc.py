"""Notifications that a Shelly sends, and requests to it. Pure."""

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from appliance.ports import Message
from appliance.tools.devices.model import (
    Answer,
    Feature,
    Outgoing,
    Reader,
    Shape,
    Trait,
    Unwritable,
    Value,
)
from appliance.tools.discovery.codecs import Codec
from appliance.tools.discovery.payloads import Path, dig, json_of

LONGEST: Final = 131_072
"""Bytes of an answer."""


@dataclass(frozen=True, slots=True)
class Device:
    """A Shelly that has said what it is."""

    prefix: str
    """Of its topics."""

    id: str
    """``shellyplus1pm-a8032ab12345``."""

    mac: str
    name: str
    own: str
    """Where it answers us."""

    requests: Iterator[int] = field(
        default_factory=itertools.count, compare=False, repr=False, hash=False
    )
    """Numbers of requests, each used once."""

    def request(self, method: str, params: Mapping[str, object]) -> Outgoing:
        """Return a request, and how its answer is known."""
        return request(self.prefix, self.own, next(self.requests), method, params)


def request(
    prefix: str, own: str, number: int, method: str, params: Mapping[str, object]
) -> Outgoing:
    """Return a request."""
    frame = {"id": number, "src": own, "method": method, **({"params": params} if params else {})}
    payload = json.dumps(frame, ensure_ascii=False).encode()
    return Outgoing(f"{prefix}/rpc", payload, 1, Answer(f"{own}/rpc", str(number)))


@dataclass(frozen=True, slots=True)
class Notified:
    """A field of one component, in a notification of the device itself."""

    topic: str
    device: str
    """Its id: another's word does not count."""

    path: Path
    codec: Codec

    def read(self, message: Message) -> Value | None:
        """Look there."""
        said = json_of(message.payload)
        if dig(said, ("src",)) != self.device:
            return None
        if dig(said, ("method",)) not in ("NotifyStatus", "NotifyFullStatus"):
            return None
        return self.codec.read(dig(said, ("params", *self.path)))


@dataclass(frozen=True, slots=True)
class Answered:
    """A field of one component, in the device's answer to ``Shelly.GetStatus``."""

    topic: str
    device: str
    path: Path
    codec: Codec

    def read(self, message: Message) -> Value | None:
        """Look there."""
        said = json_of(message.payload)
        if dig(said, ("src",)) != self.device:
            return None
        return self.codec.read(dig(said, ("result", *self.path)))


@dataclass(frozen=True, slots=True)
class Stated:
    """A field of one component, in its own status topic (``status_ntf``)."""

    topic: str
    path: Path
    codec: Codec

    def read(self, message: Message) -> Value | None:
        """Look there."""
        return self.codec.read(dig(json_of(message.payload), self.path))


def reads(device: Device, component: str, path: Path, codec: Codec) -> tuple[Reader, ...]:
    """Return the ways in which a field of a component is told."""
    whole = (component, *path)
    return (
        Notified(f"{device.prefix}/events/rpc", device.id, whole, codec),
        Answered(f"{device.own}/rpc", device.id, whole, codec),
        Stated(f"{device.prefix}/status/{component}", path, codec),
    )


@dataclass(frozen=True, slots=True)
class Call:
    """How one trait is set."""

    trait: Trait
    method: str
    path: tuple[str, ...]
    """Where in the parameters the value stands; empty: nowhere, the method says it all."""

    codec: Codec
    value: Value | None = None
    """Only for this value; ``None``: for all."""


@dataclass(frozen=True, slots=True)
class RpcWriter:
    """One request for all traits that one method sets."""

    device: Device
    component: int
    calls: tuple[Call, ...]
    implied: tuple[tuple[Trait, Trait], ...] = ()
    """The first needs not be said where the second is."""

    def write(
        self, wanted: Mapping[Trait, Value], now: Mapping[Trait, Value]
    ) -> tuple[Outgoing, ...]:
        """Return the requests."""
        del now
        spared = {one for one, other in self.implied if one in wanted and other in wanted}
        told: dict[str, dict[str, object]] = {}
        for call in self.calls:
            if call.trait not in wanted or call.trait in spared:
                continue
            if call.value not in (None, wanted[call.trait]):
                continue
            params = told.setdefault(call.method, {"id": self.component})
            if call.path:
                _put(params, call.path, call.codec.write(wanted[call.trait]))
        if not told:
            raise Unwritable("nothing of it can be said")
        return tuple(self.device.request(method, params) for method, params in told.items())


def _put(params: dict[str, object], path: tuple[str, ...], value: object) -> None:
    for step in path[:-1]:
        below = params.setdefault(step, {})
        if not isinstance(below, dict):
            return
        params = below
    params[path[-1]] = value


def both_ways(shape: Shape, told: tuple[Reader, ...], tolerance: float = 0.0) -> Feature:
    """Return a feature that is set and read."""
    return Feature(shape, settable=True, reads=told, tolerance=tolerance)
