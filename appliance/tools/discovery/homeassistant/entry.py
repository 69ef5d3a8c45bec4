"""One announced component while it is read: its fields, by name and type, and what they became.

A field of the wrong type leaves the whole component out, as Home Assistant does; a template that
is refused only costs the trait that it is for. Pure.
"""

from collections.abc import Mapping
from typing import Final

from appliance.tools.devices.model import (
    Choice,
    Feature,
    LeftOut,
    Reader,
    Shape,
    Trait,
    Writer,
)
from appliance.tools.discovery.homeassistant.expressions import TemplateRefused
from appliance.tools.discovery.homeassistant.jinja import Template, compile_template
from appliance.tools.discovery.homeassistant.meanings import Meaning
from appliance.tools.discovery.homeassistant.reading import TextReader
from appliance.tools.discovery.homeassistant.writing import Command, Parts, Written
from appliance.tools.discovery.payloads import LONGEST_TEXT, number, usable_topic

MOST_OPTIONS = 200
"""Words in one list."""

LONGEST_WORD = 255

_TRUE = ("true", "yes", "on", "1", "enable")
_FALSE = ("false", "no", "off", "0", "disable")


class Unfit(Exception):
    """A component is left out; ``rule`` says by which rule (docs/devices.md)."""

    def __init__(self, rule: str = "bad_config") -> None:
        super().__init__(rule)
        self.rule = rule


class Fields:
    """The fields of a component, abbreviations and ``~`` expanded."""

    def __init__(self, raw: Mapping[str, object]) -> None:
        self.raw: Final = raw

    def has(self, key: str) -> bool:
        """Whether a field is there and says something."""
        return self.raw.get(key) is not None

    def text(self, key: str, default: str = "") -> str:
        """Return a text; numbers and truth values count as texts.

        Raises:
            Unfit: It is something else, or too long.
        """
        value = self.raw.get(key)
        if value is None:
            return default
        if not isinstance(value, str | int | float) or len(str(value)) > LONGEST_WORD:
            raise Unfit
        return str(value)

    def nullable(self, key: str, default: str | None) -> str | None:
        """Return a payload; ``None`` where the announcement says ``null``: there is none.

        Raises:
            Unfit: It is something else.
        """
        if key in self.raw and self.raw[key] is None:
            return None
        return self.text(key, default or "") if default is not None or self.has(key) else None

    def number(self, key: str, default: float) -> float:
        """Return a finite number.

        Raises:
            Unfit: It is something else.
        """
        if not self.has(key):
            return default
        found = number(self.raw[key])
        if found is None or abs(found) > 1e12:
            raise Unfit
        return found

    def flag(self, key: str, *, default: bool) -> bool:
        """Return a truth value.

        Raises:
            Unfit: It is something else.
        """
        value = self.raw.get(key)
        if value is None:
            return default
        word = str(value).lower() if isinstance(value, str | int) else ""
        if word not in _TRUE and word not in _FALSE:
            raise Unfit
        return word in _TRUE

    def words(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return a list of different words.

        Raises:
            Unfit: It is something else, or too long.
        """
        value = self.raw.get(key)
        if value is None:
            return default
        every = value if isinstance(value, list) else [value]
        if len(every) > MOST_OPTIONS:
            raise Unfit
        for one in every:
            if not isinstance(one, str | int | float) or len(str(one)) > LONGEST_WORD:
                raise Unfit
        return tuple(dict.fromkeys(str(one) for one in every))

    def topic(self, key: str) -> str | None:
        """Return a topic; ``None``: there is none.

        Raises:
            Unfit: It has wildcards, or is the broker's own, or is no topic.
        """
        value = self.raw.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not usable_topic(value):
            raise Unfit("bad_topic")
        return value

    def source(self, key: str) -> str | None:
        """Return a template's text.

        Raises:
            Unfit: It is no text.
        """
        value = self.raw.get(key)
        if value is not None and not isinstance(value, str):
            raise Unfit
        return value or None


class Draft(Fields):
    """A component that becomes a thing."""

    def __init__(self, name: str, raw: Mapping[str, object]) -> None:
        super().__init__(raw)
        self.name: Final = name
        self.features: dict[Trait, Feature] = {}
        self.parts: list[tuple[Trait, Written]] = []
        self.writer: Writer | None = None
        """Of a component whose traits are not written one by one."""

        self.left_out: list[LeftOut] = []
        self.qos: Final = 2 if self.number("qos", 1) == 2 else 1

    def leave_out(self, what: str, rule: str) -> None:
        """Note that a part of it became nothing."""
        self.left_out.append(LeftOut(f"{self.name} ({what})"[:LONGEST_TEXT], rule))

    def reads(
        self, topic_key: str, template_key: str | tuple[str, ...], meaning: Meaning
    ) -> tuple[Reader, ...]:
        """Return the readers of a state: one, or none.

        Args:
            topic_key: The field that names the topic.
            template_key: The field with the template; of several the first that is there.
            meaning: What the text means.
        """
        topic = self.topic(topic_key)
        keys = (template_key,) if isinstance(template_key, str) else template_key
        try:
            template = self._first_template(keys)
        except TemplateRefused as refused:
            self.leave_out(topic_key, refused.rule)
            return ()
        return () if topic is None else (TextReader(topic, meaning, template),)

    def command(self, topic_key: str, template_key: str = "") -> Command | None:
        """Return a command; ``None``: there is no topic, or its template is refused."""
        topic = self.topic(topic_key)
        try:
            template = self._first_template((template_key,))
        except TemplateRefused as refused:
            self.leave_out(topic_key, refused.rule)
            return None
        return None if topic is None else Command(topic, template, self.qos)

    def template(self, key: str) -> Template | None:
        """Return a template; ``None``: there is none.

        Raises:
            TemplateRefused: It uses what is left out.
        """
        source = self.source(key)
        return None if source is None else compile_template(source)

    def _first_template(self, keys: tuple[str, ...]) -> Template | None:
        return next((self.template(key) for key in keys if key and self.source(key)), None)

    def add(
        self,
        trait: Trait,
        shape: Shape,
        reads: tuple[Reader, ...] = (),
        write: Written | None = None,
        *,
        tolerance: float = 0.0,
    ) -> None:
        """Add a trait, unless it can be neither read nor set."""
        if not reads and write is None:
            return
        self.features[trait] = Feature(
            shape, settable=write is not None, reads=reads, tolerance=tolerance
        )
        if write is not None:
            self.parts.append((trait, write))

    def add_words(
        self,
        trait: Trait,
        readable: tuple[str, ...],
        settable: tuple[str, ...],
        reads: tuple[Reader, ...],
        write: Written | None,
    ) -> None:
        """Add a trait of a few words, of which fewer may be set than read."""
        everything = tuple(dict.fromkeys((*settable, *(readable if reads else ()))))
        can = bool(settable) and write is not None
        if not everything or not (reads or can):
            return
        choices = settable if can and settable != everything else ()
        self.features[trait] = Feature(
            Choice(everything), settable=can, reads=reads, choices=choices
        )
        if write is not None and can:
            self.parts.append((trait, write))

    def finished_writer(self) -> Writer | None:
        """Return what writes its traits; ``None``: nothing can be set."""
        if self.writer is not None:
            return self.writer
        return Parts(tuple(self.parts)) if self.parts else None
