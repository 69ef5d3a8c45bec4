"""Drafts a manifest from what a device was heard to publish. Pure.

A draft, not a guess to rely on: which topic takes commands is only known if somebody sent one
while it was recorded, or by the habits of common software (``…/set``). What is guessed is marked.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from appliance.ports import Message
from appliance.tools.schema import RESERVED

MOST_FIELDS = 12
"""Of a state: a draft that is longer is not read."""

MOST_VALUES = 12
"""Different texts, from which on a field counts as free text, which is not set."""

_COMMANDS = ("set", "command", "cmd", "cmnd", "action", "control")
_SWITCHES = ({"on", "off"}, {"true", "false"}, {"open", "close"}, {"1", "0"})
_TOLD_ONLY = re.compile(r"linkquality|rssi|battery|voltage|time|date|update|version|power$|energy")


@dataclass(slots=True)
class _Topic:
    """What was heard on one topic."""

    count: int = 0
    retained: bool = False
    texts: list[str] = field(default_factory=list)
    tables: list[Mapping[str, object]] = field(default_factory=list)


def draft(messages: Sequence[Message], name: str) -> str:
    """Return a manifest in TOML, with remarks, that reads without a problem.

    Args:
        messages: As they were heard, the oldest first.
        name: Of the tool: lower-case letters, digits and underscores.
    """
    topics = _by_topic(messages)
    state = _state(topics)
    values = {} if state is None else _fields(topics[state])
    if state is None or not values:
        return "# Nothing that could be set was published while this was recorded.\n"
    command = _command(topics)
    guessed = command is None
    command = command or f"{state}/set"
    heard = topics[state]
    lines = [
        "# A draft, from what was heard. Look at every line before you use it:",
        f"#     voice-appliance tools test {name}.toml",
        *_heard(topics),
        "",
        f'name = "{name}"',
        'description = "Change what this device does."   # one sentence: when to use it',
        "# how people ask; {parameter} is a slot",
        f'examples = ["change the {name.replace("_", " ")}"]',
        'risk = "free"   # or confirm, pin, never: does it open, unlock, heat or disarm?',
        "",
        "[parameters]",
        "minProperties = 1",
        *_parameters(values),
        "",
        "[command]",
        f"topic = {_quoted(command)}"
        + ("   # a guess: nobody sent a command while this was recorded" if guessed else ""),
        f"payload = {_payload(values, json_state=bool(heard.tables))}",
        "",
        "[confirm]",
        f"topic = {_quoted(state)}",
        *_confirm(values, json_state=bool(heard.tables)),
    ]
    return "\n".join(lines) + "\n"


def _by_topic(messages: Iterable[Message]) -> dict[str, _Topic]:
    topics: dict[str, _Topic] = {}
    for message in messages:
        if not message.topic.isprintable() or set("{}+#$") & set(message.topic):
            continue
        topic = topics.setdefault(message.topic, _Topic())
        topic.count += 1
        topic.retained = topic.retained or message.retained
        try:
            text = message.payload[:65_536].decode()
            data = json.loads(text)
        except (UnicodeDecodeError, ValueError, RecursionError):
            data = None
            text = message.payload[:64].decode(errors="replace")
        if isinstance(data, dict):
            topic.tables.append(data)
        else:
            topic.texts.append(text[:64].strip())
    return topics


def _is_command(topic: str) -> bool:
    return any(level in _COMMANDS for level in topic.lower().split("/"))


def _state(topics: Mapping[str, _Topic]) -> str | None:
    """Return the topic that tells most of the device."""

    def worth(topic: str) -> tuple[bool, int, bool, int]:
        heard = topics[topic]
        most = max((len(table) for table in heard.tables), default=0)
        return (not _is_command(topic), most, heard.retained, heard.count)

    return max(topics, key=worth, default=None)


def _command(topics: Mapping[str, _Topic]) -> str | None:
    found = [topic for topic in topics if _is_command(topic)]
    return max(found, key=lambda topic: topics[topic].count, default=None)


def _fields(heard: _Topic) -> dict[str, list[object]]:
    """Return what each field was heard to be; of a bare text, the field ``state``."""
    if not heard.tables:
        texts = [text for text in dict.fromkeys(heard.texts) if _usable(text)]
        return {"state": list[object](texts)} if texts else {}
    seen = Counter(name for table in heard.tables for name in table)
    found: dict[str, list[object]] = {}
    for name, _ in seen.most_common():
        key = re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_")
        if key != name or not key[:1].isalpha() or _TOLD_ONLY.search(key):
            continue
        values = [table[name] for table in heard.tables if name in table]
        if all(_usable(value) for value in values) and len({type(each) for each in values}) == 1:
            found[name] = list(dict.fromkeys(values))
    return dict(list(found.items())[:MOST_FIELDS])


def _usable(value: object) -> bool:
    """Say whether a value can stand in a manifest."""
    match value:
        case bool():
            return True
        case int() | float():
            return math.isfinite(value) and abs(value) < 1e12
        case str():
            return 0 < len(value) <= 64 and value.isprintable() and value == value.strip()
        case _:
            return False


def _heard(topics: Mapping[str, _Topic]) -> Iterable[str]:
    for name, topic in sorted(topics.items())[:40]:
        kind = "JSON" if topic.tables else "text"
        kept = ", retained" if topic.retained else ""
        yield f"# heard: {name} ({topic.count} times, {kind}{kept})"


def _parameters(values: Mapping[str, Sequence[object]]) -> Iterable[str]:
    for name, heard in values.items():
        yield ""
        yield f"[parameters.properties.{_name(name)}]"
        yield from _shape(heard)


def _name(field_name: str) -> str:
    """Return a parameter's name; some mean something else in templates."""
    return f"{field_name}_" if field_name in RESERVED else field_name


def _shape(heard: Sequence[object]) -> Iterable[str]:
    if all(isinstance(value, bool) for value in heard):
        yield 'type = "boolean"'
        return
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in heard):
        whole = all(isinstance(value, int) for value in heard)
        low, high = min(heard, key=_number), max(heard, key=_number)
        yield f'type = "{"integer" if whole else "number"}"'
        yield f"# heard: {low} to {high}; give what the device can take"
        yield f"minimum = {json.dumps(low)}"
        yield f"maximum = {json.dumps(high)}"
        return
    words = [str(value) for value in heard][:MOST_VALUES]
    for switch in _SWITCHES:
        if {word.lower() for word in words} <= switch:
            upper = any(word.isupper() for word in words)
            words = sorted({word.upper() if upper else word for word in switch}, reverse=True)
    yield f"enum = {json.dumps(words, ensure_ascii=False)}"
    yield "# x-say = { … }: how people say these values"


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _payload(values: Mapping[str, Sequence[object]], *, json_state: bool) -> str:
    if not json_state:
        return '"{{ state }}"'
    names = [(name, _name(name)) for name in values]
    parts: list[str] = []
    for place, (name, key) in enumerate(names):
        earlier = " or ".join(f"{before} is defined" for _, before in names[:place])
        comma = f"{{% if {earlier} %}}, {{% endif %}}" if earlier else ""
        value = f'"{name}": {{{{ {key} | tojson }}}}'
        parts.append(f"{{% if {key} is defined %}}{comma}{value}{{% endif %}}")
    return "'''{ " + "".join(parts) + " }'''"  # a space, for {{% would begin an expression


def _confirm(values: Mapping[str, Sequence[object]], *, json_state: bool) -> Iterable[str]:
    if not json_state:
        yield 'equals = "{{ state }}"'
        return
    yield "tolerance = 1   # devices round"
    yield ""
    yield "[confirm.fields]"
    for name in values:
        key = _name(name)
        yield f"{name} = '{{% if {key} is defined %}}{{{{ {key} }}}}{{% endif %}}'"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
