"""Readers that dialects share. Pure; each equals its like."""

from dataclasses import dataclass, field

from appliance.ports import Message
from appliance.tools.devices.model import Value
from appliance.tools.discovery.codecs import Codec
from appliance.tools.discovery.payloads import Path, decoded, dig, json_of


@dataclass(frozen=True, slots=True)
class InJson:
    """A value somewhere in a JSON payload."""

    topic: str
    path: Path
    codec: Codec

    def read(self, message: Message) -> Value | None:
        """Look there."""
        return self.codec.read(dig(json_of(message.payload), self.path))


@dataclass(frozen=True, slots=True)
class Plain:
    """A payload that is the value, as text; numbers are texts here, too."""

    topic: str
    codec: Codec

    def read(self, message: Message) -> Value | None:
        """Take all of it."""
        said = decoded(message.payload)
        return None if said is None else self.codec.read(said)


@dataclass(frozen=True, slots=True)
class Either:
    """The first of several readers of one topic that finds anything."""

    topic: str
    ways: tuple[InJson | Plain, ...] = field(default=())

    def read(self, message: Message) -> Value | None:
        """Try each."""
        for way in self.ways:
            found = way.read(message)
            if found is not None:
                return found
        return None
