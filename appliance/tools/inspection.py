"""Looks at manifests without doing anything: for ``voice-appliance tools show`` and ``test``."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from appliance.tools import schema
from appliance.tools.actions import prepare
from appliance.tools.manifest import Manifest, Match
from appliance.tools.templates import TemplateFailed


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a call would do."""

    topic: str = ""
    payload: str = ""
    qos: int = 1
    confirm_topic: str = ""
    """Where its confirmation is expected; empty: nothing confirms it."""

    confirm: str = ""
    """Where its confirmation is expected, and what it must say."""

    problems: tuple[str, ...] = ()
    """Why nothing would be sent; empty when something would."""

    arguments: Mapping[str, object] = field(default_factory=dict)
    """With defaults filled in."""


def describe(manifest: Manifest) -> dict[str, str]:
    """Return what there is to know of a tool, as labels and texts in order."""
    spec = manifest.spec
    properties = spec.parameters.get("properties", {})
    names = list(properties) if isinstance(properties, Mapping) else []
    return {
        "name": spec.name,
        "from": manifest.source,
        "description": spec.description,
        "risk": spec.risk.value,
        "parameters": ", ".join(names) or "none",
        "targets": ", ".join(f"{target.name} ({target.id})" for target in spec.targets) or "none",
        "examples": "; ".join(spec.examples) or "none",
        "intents": ", ".join(binding.intent for binding in spec.intents) or "none",
        "command": f"{manifest.command.topic.source} (QoS {manifest.command.qos})",
        "confirmed by": _confirmed_by(manifest),
        "waits": f"{manifest.timeout:g} s",
    }


def dry_run(manifest: Manifest, arguments: Mapping[str, object], *, replies: str) -> DryRun:
    """Check a call and fill in the templates; nothing is sent.

    Args:
        manifest: The tool.
        arguments: As a backend would give them.
        replies: Topic under which answers to us come.
    """
    whole, problems = schema.fit(manifest.spec.parameters, arguments)
    if problems:
        return DryRun(problems=problems, arguments=whole)
    try:
        action = prepare(manifest, whole, transaction="0" * 32, replies=replies)
    except TemplateFailed as error:
        return DryRun(problems=(str(error),), arguments=whole)
    expects = action.expects
    return DryRun(
        topic=action.topic,
        payload=action.payload.decode(),
        qos=action.qos,
        confirm_topic="" if expects is None else expects.topic,
        confirm="nothing" if expects is None else f"{expects.topic}: {_must(expects.match)}",
        arguments=whole,
    )


def sample_arguments(manifest: Manifest) -> tuple[dict[str, object], ...]:
    """Return calls that a manifest should be able to carry out: one for each parameter."""
    properties = manifest.spec.parameters.get("properties", {})
    if not isinstance(properties, Mapping):
        return ()
    values = {name: schema.sample(prop) for name, prop in properties.items()}
    required = manifest.spec.parameters.get("required", [])
    always = {name: values[name] for name in (required if isinstance(required, list) else [])}
    tries = [always] + [{**always, name: value} for name, value in values.items()]
    fitting = [each for each in tries if not schema.fit(manifest.spec.parameters, each)[1]]
    if not fitting and not schema.fit(manifest.spec.parameters, values)[1]:
        fitting = [values]
    return tuple(each for number, each in enumerate(fitting) if each not in fitting[:number])


def _confirmed_by(manifest: Manifest) -> str:
    if manifest.confirm is not None:
        return f"{manifest.confirm.topic.source}: {_must(manifest.confirm.match)}"
    if manifest.response is not None:
        topic = manifest.response.topic
        where = "our response topic" if topic is None else topic.source
        return f"an answer on {where}: {_must(manifest.response.match)}"
    return "nothing"


def _must(match: Match) -> str:
    parts: list[str] = []
    if match.equals is not None:
        parts.append(f"is {match.equals.source}")
    parts += [f"{path} is {template.source.strip()}" for path, template in match.fields.items()]
    if match.expression is not None:
        parts.append(match.expression.source)
    return "; ".join(parts) or "anything"
