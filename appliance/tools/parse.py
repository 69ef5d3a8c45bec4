"""Reads a manifest: TOML or JSON in, a ``Manifest`` or every problem at once out. Pure."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import TypeVar

from appliance.catalogue import IntentBinding, Risk, Target, ToolSpec
from appliance.config.locate import line_of, locate
from appliance.errors import ManifestError
from appliance.tools import schema
from appliance.tools.manifest import Command, Confirm, Manifest, Match, Response
from appliance.tools.shape import Key, ManifestTable, MatchTable, TargetTable, hint, read
from appliance.tools.templates import (
    Expression,
    Template,
    TemplateFailed,
    compile_expression,
    compile_template,
)
from appliance.units import Seconds

LARGEST = 64 * 1024
"""Bytes of a manifest. One with a hundred targets has under 20 kB."""

_IN_COMMAND = frozenset({"transaction", "response_topic"})
_IN_ANSWER = frozenset({"reported", "transaction"})
_TARGET_FIELDS = frozenset({"id", "name", "area", "kind"})
_SLOT = re.compile(r"\{([^{}]*)\}")
_Problem = tuple[Key, str]
_Compiled = TypeVar("_Compiled", Template, Expression)


def parse_toml(data: bytes, *, source: str) -> Manifest:
    """Read a manifest file.

    Args:
        data: The whole file, UTF-8.
        source: The file's name, for messages.

    Raises:
        ManifestError: With every problem, each with its line and key.
    """
    text = _text(data, source)
    try:
        table: dict[str, object] = tomllib.loads(text)
        lines = locate(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise ManifestError(source, (f"is not TOML: {error}",)) from error
    return _manifest(table, source, lines)


def parse_json(data: bytes, *, source: str, name: str) -> Manifest:
    """Read a manifest from a message.

    Args:
        data: The payload, UTF-8.
        source: The topic, for messages.
        name: The tool's name as the topic gives it; the payload may leave it out, not change it.

    Raises:
        ManifestError: With every problem, each with its key.
    """
    text = _text(data, source)
    try:
        table = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ManifestError(source, (f"is not JSON: {error}",)) from error
    if not isinstance(table, dict):
        raise ManifestError(source, ("must be a JSON object",))
    if table.setdefault("name", name) != name:
        raise ManifestError(source, (f"name: the topic says `{name}`",))
    return _manifest(table, source, {})


def _no_constant(word: str) -> object:
    raise ValueError(f"{word} is not JSON")


def _text(data: bytes, source: str) -> str:
    if len(data) > LARGEST:
        raise ManifestError(source, (f"has {len(data)} bytes; at most {LARGEST} are allowed",))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ManifestError(source, (f"is not UTF-8 from byte {error.start} on",)) from error


def _manifest(table: Mapping[str, object], source: str, lines: Mapping[Key, int]) -> Manifest:
    try:
        manifest, problems = _Reader(table).manifest(source)
    except RecursionError as error:
        raise ManifestError(source, ("tables within tables without end",)) from error
    if manifest is None or problems:
        raise ManifestError(source, tuple(_lines(problems, lines)))
    return manifest


def _lines(problems: list[_Problem], lines: Mapping[Key, int]) -> Iterator[str]:
    placed = [(line_of(key, lines) or 0, key, text) for key, text in problems]
    for line, key, text in sorted(placed, key=lambda problem: problem[0]):
        where = f"line {line}: " if line else ""
        yield f"{where}{_dotted(key)}: {text}"


def _dotted(key: Key) -> str:
    out = ""
    for part in key:
        out += f"[{part}]" if isinstance(part, int) else f".{part}" if out else part
    return out


class _Reader:
    """One manifest on its way; collects problems instead of stopping at the first."""

    def __init__(self, table: Mapping[str, object]) -> None:
        self.shape: ManifestTable | None
        self.problems: list[_Problem]
        self.shape, self.problems = read(table)
        self.properties: Mapping[str, Mapping[str, object]] = {}
        parameters = table.get("parameters", {})
        if isinstance(parameters, Mapping):
            self.problems += [
                (("parameters", *key), text) for key, text in schema.findings(parameters)
            ]

    def manifest(self, source: str) -> tuple[Manifest | None, list[_Problem]]:
        shape = self.shape
        if shape is None:
            return None, self.problems
        self._targets(shape)
        parameters = self._parameters(shape)
        self.properties = _properties(parameters)
        self._examples(shape)
        self._intents(shape)
        spec = ToolSpec(
            name=shape.name,
            description=shape.description,
            parameters=parameters,
            examples=tuple(shape.examples),
            targets=tuple(
                Target(target.id, target.name, tuple(target.aliases), target.area, target.kind)
                for target in shape.targets
            ),
            target_parameter=shape.target_parameter,
            intents=tuple(
                IntentBinding(binding.intent, binding.arguments, binding.slots)
                for binding in shape.intents
            ),
            risk=Risk(shape.risk),
            closes=shape.closes,
        )
        return self._whole(shape, spec, source), self.problems

    def _whole(self, shape: ManifestTable, spec: ToolSpec, source: str) -> Manifest | None:
        command = self._command(shape)
        confirm, response = self._confirm(shape), self._response(shape)
        if confirm is not None and response is not None:
            self._wrong(("response",), "a tool has `confirm` or `response`, not both")
        say = {
            status: template
            for status, text in shape.say.model_dump(exclude_none=True).items()
            if (template := self._template(("say", status), text, _IN_ANSWER)) is not None
        }
        if command is None:
            return None
        return Manifest(
            spec=spec,
            command=command,
            confirm=confirm,
            response=response,
            timeout=Seconds(shape.timeout_s),
            say=say,
            variables={target.id: _variables(target) for target in shape.targets},
            source=source,
        )

    def _wrong(self, key: Key, text: str) -> None:
        self.problems.append((key, text))

    def _targets(self, shape: ManifestTable) -> None:
        ids: set[str] = set()
        for number, target in enumerate(shape.targets):
            if target.id in ids:
                self._wrong(("targets", number, "id"), f"`{target.id}` is there twice")
            ids.add(target.id)
            for word in _TARGET_FIELDS & target.vars.keys():
                self._wrong(("targets", number, "vars"), f"`{word}` is the target's own")
        if bool(shape.targets) != (shape.target_parameter is not None):
            self._wrong(
                ("target_parameter",) if shape.target_parameter else ("targets",),
                "`targets` and `target_parameter` need one another",
            )

    def _parameters(self, shape: ManifestTable) -> dict[str, object]:
        """Return the whole schema; the target's parameter gets the ids as its values."""
        whole = schema.whole(shape.parameters)
        name = shape.target_parameter
        if name is None:
            return whole
        properties = dict(_properties(whole))
        if name not in properties and properties and (near := hint(name, tuple(properties))):
            self._wrong(("target_parameter",), f"there is no parameter `{name}`{near}")
        ids = [target.id for target in shape.targets]
        mine = {"type": "string", **properties.get(name, {})}
        if sorted(map(str, _list(mine.get("enum", ids)))) != sorted(ids):
            key: Key = ("parameters", "properties", name, "enum")
            self._wrong(key, "differs from the targets' ids")
        whole["properties"] = {name: {**mine, "enum": ids}} | {
            other: prop for other, prop in properties.items() if other != name
        }
        whole["required"] = list(dict.fromkeys([name, *_texts(whole["required"])]))
        return whole

    def _examples(self, shape: ManifestTable) -> None:
        known = tuple(self.properties)
        for number, example in enumerate(shape.examples):
            for slot in _SLOT.findall(example):
                if slot not in known:
                    self._wrong(
                        ("examples", number), f"there is no parameter `{slot}`{hint(slot, known)}"
                    )
            if set("{}") & set(_SLOT.sub("", example)):
                self._wrong(("examples", number), "a brace is not closed or not opened")

    def _intents(self, shape: ManifestTable) -> None:
        properties = self.properties
        known = tuple(properties)
        for number, binding in enumerate(shape.intents):
            for name, value in binding.arguments.items():
                key: Key = ("intents", number, "arguments")
                if name not in properties:
                    self._wrong(key, f"there is no parameter `{name}`{hint(name, known)}")
                elif not schema.fits(properties[name], value):
                    self._wrong(key, f"`{name}` cannot be {json.dumps(value)}")
            for name in binding.slots.values():
                if name not in properties:
                    text = f"there is no parameter `{name}`{hint(name, known)}"
                    self._wrong(("intents", number, "slots"), text)

    def _command(self, shape: ManifestTable) -> Command | None:
        topic = self._topic(("command", "topic"), shape.command.topic)
        payload = self._template(("command", "payload"), shape.command.payload, _IN_COMMAND)
        if topic is None or payload is None:
            return None
        return Command(topic, payload, shape.command.qos)

    def _confirm(self, shape: ManifestTable) -> Confirm | None:
        if (table := shape.confirm) is None:
            return None
        topic = self._topic(("confirm", "topic"), table.topic)
        match = self._match("confirm", table)
        if match == Match():
            text = "needs `equals`, `fields` or `expression`: any old message is no confirmation"
            self._wrong(("confirm",), text)
        return None if topic is None else Confirm(topic, match, table.already == "send")

    def _response(self, shape: ManifestTable) -> Response | None:
        if (table := shape.response) is None:
            return None
        topic = None if table.topic is None else self._topic(("response", "topic"), table.topic)
        return Response(self._match("response", table), topic, table.correlation)

    def _match(self, section: str, table: MatchTable) -> Match:
        fields = {
            path: template
            for path, text in table.fields.items()
            if (template := self._template((section, "fields", path), text, _IN_COMMAND))
        }
        equals = expression = None
        if table.equals is not None:
            equals = self._template((section, "equals"), table.equals, _IN_COMMAND)
        if table.expression is not None:
            key: Key = (section, "expression")
            expression = self._known(key, self._compile(key, table.expression), _IN_ANSWER)
        return Match(equals, fields, table.tolerance, expression)

    def _topic(self, key: Key, text: str) -> Template | None:
        """Read a topic; what a person may say freely must not choose where a message goes."""
        template = self._template(key, text, frozenset())
        if not text.strip():
            self._wrong(key, "is empty")
        for name in sorted(template.names & self.properties.keys()) if template else ():
            if not schema.is_bounded(self.properties[name]):
                self._wrong(key, f"names `{name}`, which may be any text; give it an `enum`")
        return template

    def _template(self, key: Key, text: str, also: frozenset[str]) -> Template | None:
        try:
            compiled = compile_template(text)
        except TemplateFailed as error:
            self._wrong(key, str(error))
            return None
        return self._known(key, compiled, also)

    def _compile(self, key: Key, text: str) -> Expression | None:
        try:
            return compile_expression(text)
        except TemplateFailed as error:
            self._wrong(key, str(error))
            return None

    def _known(
        self, key: Key, compiled: _Compiled | None, also: frozenset[str]
    ) -> _Compiled | None:
        """Check that a template looks only at what it will be given."""
        if compiled is None or self.shape is None:
            return compiled
        targets = self.shape.targets
        known = set(self.properties) | also | ({"target"} if targets else set())
        for name in sorted(compiled.names - known):
            near = hint(name, tuple(sorted(known))) or f"; there are: {', '.join(sorted(known))}"
            self._wrong(key, f"there is no parameter `{name}`{near}")
        self._asked_of_targets(key, compiled.target_keys, targets)
        return compiled

    def _asked_of_targets(
        self, key: Key, asked: frozenset[str], targets: list[TargetTable]
    ) -> None:
        for word in sorted(asked - _TARGET_FIELDS):
            for number, target in enumerate(targets):
                if word not in target.vars:
                    near = hint(word, (*sorted(_TARGET_FIELDS), *target.vars))
                    text = f"`{target.id}` has no `{word}`, which {_dotted(key)} asks for{near}"
                    self._wrong(("targets", number), text)


def _variables(target: TargetTable) -> dict[str, object]:
    own = {"id": target.id, "name": target.name, "area": target.area or "", "kind": target.kind}
    return {**target.vars, **own}


def _properties(parameters: Mapping[str, object]) -> Mapping[str, Mapping[str, object]]:
    properties = parameters.get("properties", {})
    if not isinstance(properties, Mapping):
        return {}
    return {name: prop for name, prop in properties.items() if isinstance(prop, Mapping)}


def _texts(value: object) -> list[str]:
    return [text for text in _list(value) if isinstance(text, str)]


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
