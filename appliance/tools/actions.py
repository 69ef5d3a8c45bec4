"""A call of a manifest → the message that does it; a message from the house → is it done? Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from appliance.ports import Message, ReplyTo
from appliance.tools.manifest import Manifest, Match
from appliance.tools.templates import LONGEST_TOPIC, Template, TemplateFailed

LARGEST_REPORT = 64 * 1024
"""Bytes of a state or an answer that are looked at; a larger one says nothing to us."""


class Verdict(Enum):
    """What a message says about an action."""

    YES = "yes"
    NO = "no"
    """The device answered this very request, and not with yes."""

    NOTHING = "nothing"
    """It is about something else, or the action is still under way."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the house will say when an action is done."""

    topic: str
    match: Match
    values: Mapping[str, object] = field(repr=False)
    """What the templates of ``match`` may look at."""

    transaction: str | None = None
    """Set when an answer is expected: it must carry this. ``None``: a state."""

    correlation: str | None = None
    """Path into a JSON answer where the transaction stands."""


@dataclass(frozen=True, slots=True)
class Action:
    """One call, ready to be sent."""

    topic: str
    payload: bytes = field(repr=False)
    qos: int
    expects: Expectation | None
    """``None``: nothing will tell whether it was done."""

    reply: ReplyTo | None = None


def prepare(
    manifest: Manifest, arguments: Mapping[str, object], *, transaction: str, replies: str
) -> Action:
    """Fill in a manifest's templates.

    Args:
        manifest: The tool.
        arguments: Checked ones, defaults filled in.
        transaction: Names this one call.
        replies: Topic under which answers to us come, one level for each tool.

    Raises:
        TemplateFailed: A template gives nothing usable for these arguments.
    """
    values = values_of(manifest, arguments) | {"transaction": transaction}
    reply: ReplyTo | None = None
    expects: Expectation | None = None
    if manifest.confirm is not None:
        topic = _topic("confirm.topic", manifest.confirm.topic, values)
        expects = Expectation(topic, manifest.confirm.match, values)
    elif (response := manifest.response) is not None:
        topic = f"{replies}/{manifest.name}"
        if response.topic is not None:
            topic = _topic("response.topic", response.topic, values)
        expects = Expectation(topic, response.match, values, transaction, response.correlation)
        reply = ReplyTo(topic, transaction.encode())
    values["response_topic"] = "" if reply is None else reply.topic
    return Action(
        topic=_topic("command.topic", manifest.command.topic, values),
        payload=_render("command.payload", manifest.command.payload, values).encode(),
        qos=manifest.command.qos,
        expects=expects,
        reply=reply,
    )


def values_of(manifest: Manifest, arguments: Mapping[str, object]) -> dict[str, object]:
    """Return what a manifest's templates may look at: the arguments and the target."""
    values = dict(arguments)
    if (name := manifest.spec.target_parameter) is not None:
        values["target"] = manifest.variables.get(str(arguments.get(name)), {})
    return values


def judge(expects: Expectation, message: Message) -> Verdict:
    """Say what a message means for an action."""
    if message.topic != expects.topic:
        return Verdict.NOTHING
    report = reported(message.payload)
    holds = report is not None and _holds(expects.match, expects.values, report)
    if expects.transaction is None:
        return Verdict.YES if holds else Verdict.NOTHING
    if not _answers(expects, message, report):
        return Verdict.NOTHING
    return Verdict.YES if holds else Verdict.NO


def reported(payload: bytes) -> object | None:
    """Read a payload: JSON data, or text; ``None`` when it is neither."""
    if len(payload) > LARGEST_REPORT:
        return None
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return None
    try:
        data: object = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text if data is None else data


def followed_topics(manifest: Manifest, replies: str) -> Iterator[str]:
    """Yield the topics of states and answers that are known before any call."""
    if manifest.response is not None and manifest.response.topic is None:
        yield f"{replies}/{manifest.name}"
    template = manifest.confirm.topic if manifest.confirm is not None else None
    if template is None and manifest.response is not None:
        template = manifest.response.topic
    if template is None or not template.names <= {"target"}:
        return
    for target in manifest.variables.values() or ({},):
        try:
            yield _topic("", template, {"target": target})
        except TemplateFailed:
            continue


def _answers(expects: Expectation, message: Message, report: object) -> bool:
    transaction = expects.transaction or ""
    if message.correlation is not None:
        return message.correlation == transaction.encode()
    if expects.correlation is None:
        return False
    return any(value == transaction for value in _at(report, expects.correlation))


def _holds(match: Match, values: Mapping[str, object], report: object) -> bool:
    try:
        if match.equals is not None and not _same(report, match.equals.render(values), 0.0):
            return False
        for path, template in match.fields.items():
            wanted = template.render(values).strip()
            if wanted and not any(
                _same(value, wanted, match.tolerance) for value in _at(report, path)
            ):
                return False
    except TemplateFailed:
        return False
    expression = match.expression
    return expression is None or expression.holds({**values, "reported": report})


def _at(report: object, path: str) -> Iterator[object]:
    """Yield what stands at a dotted path, if anything does; a key may itself have dots."""
    if isinstance(report, Mapping) and path in report:
        yield report[path]
        return
    head, _, rest = path.partition(".")
    inner: object = None
    if isinstance(report, Mapping) and head in report:
        inner = report[head]
    elif isinstance(report, list) and head.isdecimal() and int(head) < len(report):
        inner = report[int(head)]
    else:
        return
    if rest:
        yield from _at(inner, rest)
    else:
        yield inner


def _same(value: object, wanted: str, tolerance: float) -> bool:
    match value:
        case bool():
            return wanted.strip().lower() == str(value).lower()
        case int() | float():
            try:
                return abs(float(wanted) - value) <= tolerance
            except (ValueError, OverflowError):
                return False
        case None:
            return wanted.strip().lower() in ("null", "none")
        case str():
            return value.strip() == wanted.strip()
        case _:
            return False


def _topic(key: str, template: Template, values: Mapping[str, object]) -> str:
    topic = _render(key, template, values, longest=LONGEST_TOPIC).strip()
    if not topic:
        raise TemplateFailed(f"{key}: is empty")
    if topic.startswith("$"):
        raise TemplateFailed(f"{key}: begins with `$`, which is the broker's own")
    if any(character in "+#" or not character.isprintable() for character in topic):
        raise TemplateFailed(f"{key}: has a wildcard or a character that cannot be printed")
    return topic


def _render(
    key: str, template: Template, values: Mapping[str, object], longest: int = LARGEST_REPORT
) -> str:
    try:
        return template.render(values, longest=longest)
    except TemplateFailed as error:
        raise TemplateFailed(f"{key}: {error}") from error
