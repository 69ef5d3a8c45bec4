"""How what is wanted becomes messages: a topic, a template, and how values are written. Pure.

A thing's writer is a list of parts, in the order in which their messages are sent; each part
writes one trait. Lights, sirens and the like have writers of their own beside their readers.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from appliance.tools.devices.model import Outgoing, Trait, Unwritable, Value
from appliance.tools.discovery.codecs import tidy
from appliance.tools.discovery.homeassistant.jinja import Template
from appliance.tools.templates import TemplateFailed

LONGEST_PAYLOAD = 4_096
"""Characters of one command."""


@dataclass(frozen=True, slots=True)
class Command:
    """Where one kind of command goes, and its template."""

    topic: str
    template: Template | None = None
    qos: int = 1

    def send(self, value: object, more: Mapping[str, object] | None = None) -> Outgoing:
        """Return the message.

        Args:
            value: What stands in it, or what the template calls ``value``.
            more: What else the template may look at.

        Raises:
            Unwritable: The template fails, or makes nothing that can be sent.
        """
        if self.template is None:
            payload = printed(value)
        else:
            payload = _rendered(self.template, {"value": value, **(more or {})})
        if len(payload) > LONGEST_PAYLOAD:
            raise Unwritable("the command is too long")
        try:
            return Outgoing(self.topic, payload.encode(), self.qos)
        except UnicodeEncodeError as error:
            raise Unwritable("the command cannot be encoded") from error


def _rendered(template: Template, values: Mapping[str, object]) -> str:
    try:
        payload = template.render(values)
    except TemplateFailed as failed:
        raise Unwritable(f"the command's template failed: {failed}") from failed
    if not payload:
        raise Unwritable("the command's template made nothing")
    if payload.startswith(("b'", 'b"')):
        raise Unwritable("the command is not text")
    return payload


def printed(value: object) -> str:
    """Return a value as a plain payload: whole numbers without a fraction, objects as JSON."""
    if isinstance(value, float):
        return str(tidy(value))
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)


class Written(Protocol):
    """Writes one trait."""

    def __call__(self, value: Value) -> tuple[Outgoing, ...]:
        """Return its messages.

        Raises:
            Unwritable: It cannot be said.
        """
        ...


@dataclass(frozen=True, slots=True)
class Word:
    """A few values, each with the payload that says it; ``None``: the value is not said."""

    command: Command
    pairs: tuple[tuple[Value, str], ...]
    named: str = ""
    """What else the template may call it."""

    def __call__(self, value: Value) -> tuple[Outgoing, ...]:
        """Send the payload."""
        for wanted, payload in self.pairs:
            if wanted == value and isinstance(wanted, bool) is isinstance(value, bool):
                more = {self.named: payload} if self.named else None
                return (self.command.send(payload, more),)
        raise Unwritable(f"there is no command for {value!r}")


@dataclass(frozen=True, slots=True)
class Text:
    """A value as it stands."""

    command: Command

    def __call__(self, value: Value) -> tuple[Outgoing, ...]:
        """Send it."""
        return (self.command.send(tidy(value) if isinstance(value, float) else value),)


@dataclass(frozen=True, slots=True)
class Scaled:
    """A number in the device's own terms."""

    command: Command
    scale: Callable[[float], float]
    named: str = ""
    constants: tuple[tuple[str, object], ...] = ()
    """What else the template may look at."""

    def __call__(self, value: Value) -> tuple[Outgoing, ...]:
        """Send it."""
        number = tidy(self.scale(number_of(value)))
        more = dict(self.constants)
        if self.named:
            more[self.named] = number
        return (self.command.send(number, more),)


def number_of(value: Value) -> float:
    """Return a number.

    Raises:
        Unwritable: It is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unwritable("not a number")
    return value


def between(zero: float, hundred: float, *, whole: bool = True) -> Callable[[float], float]:
    """Return how percent become a number between two ends."""

    def scale(percent: float) -> float:
        number = zero + (hundred - zero) * min(max(percent, 0.0), 100.0) / 100
        return round(number) if whole else number

    return scale


@dataclass(frozen=True, slots=True)
class Parts:
    """A writer of parts: each trait by itself, in this order."""

    parts: tuple[tuple[Trait, Written], ...]

    def write(
        self, wanted: Mapping[Trait, Value], now: Mapping[Trait, Value]
    ) -> tuple[Outgoing, ...]:
        """Return the messages.

        Raises:
            Unwritable: Something cannot be said; then nothing is.
        """
        del now
        known = dict(self.parts)
        for trait in wanted:
            if trait not in known:
                raise Unwritable(f"`{trait}` cannot be set")
        made: list[Outgoing] = []
        for trait, write in self.parts:
            if trait in wanted:
                made += write(wanted[trait])
        return tuple(made)
