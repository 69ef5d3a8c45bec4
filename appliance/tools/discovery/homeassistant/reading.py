"""How messages tell traits: a topic, a template, and what the text means. Pure."""

from dataclasses import dataclass
from typing import Any

from appliance.ports import Message
from appliance.tools.devices.model import Value
from appliance.tools.discovery.homeassistant.jinja import Template
from appliance.tools.discovery.homeassistant.meanings import Meaning
from appliance.tools.discovery.payloads import decoded, json_of
from appliance.tools.templates import TemplateFailed


@dataclass(frozen=True, slots=True)
class TextReader:
    """Reads what a payload, or what a template makes of it, means."""

    topic: str
    meaning: Meaning
    template: Template | None = None

    def read(self, message: Message) -> Value | None:
        """Return what a message says; ``None``: nothing, or nothing usable."""
        text = decoded(message.payload)
        if text is None:
            return None
        if self.template is not None:
            try:
                text = rendered(self.template, text, message.payload)
            except TemplateFailed:
                return None
        return self.meaning(text)


@dataclass(frozen=True, slots=True)
class JsonReader:
    """Reads one part of a JSON object, where another part allows it."""

    topic: str
    keys: tuple[tuple[str, ...], ...]
    """Paths of the parts, joined by commas."""

    meaning: Meaning
    mode: tuple[str, ...] = ()
    """Words of ``color_mode`` with which it counts; empty, or where there is none: always."""

    def read(self, message: Message) -> Value | None:
        """Return what a message says; ``None``: nothing, or nothing usable."""
        data = json_of(message.payload)
        if not isinstance(data, dict):
            return None
        said = data.get("color_mode")
        if self.mode and isinstance(said, str) and said not in self.mode:
            return None
        parts = [_part(data, keys) for keys in self.keys]
        if any(part is None for part in parts):
            return None
        return self.meaning(",".join(str(part) for part in parts))


@dataclass(frozen=True, slots=True)
class JoinedReader:
    """Reads several templates' texts as one: red, green and blue."""

    topic: str
    meaning: Meaning
    templates: tuple[Template, ...]

    def read(self, message: Message) -> Value | None:
        """Return what a message says; ``None``: nothing, or nothing usable."""
        text = decoded(message.payload)
        if text is None:
            return None
        try:
            return self.meaning(
                ",".join(rendered(one, text, message.payload) for one in self.templates)
            )
        except TemplateFailed:
            return None


def rendered(template: Template, text: str, payload: bytes) -> str:
    """Run a value template over a payload.

    Raises:
        TemplateFailed: It cannot.
    """
    values: dict[str, object] = {"value": text}
    if "value_json" in template.names:
        data = json_of(payload)
        if data is not None:
            values["value_json"] = data
    return template.render(values)


def _part(data: dict[str, Any], keys: tuple[str, ...]) -> str | int | float | None:
    found: Any = data
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, str | int | float) else None
