"""Any bytes are a manifest or a ManifestError, and no template of a stranger gets out of hand."""

import json
import string
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from appliance.demo.kitchen import MANIFESTS
from appliance.errors import ManifestError
from appliance.ports import Message
from appliance.tools.actions import judge, prepare
from appliance.tools.inspection import describe, dry_run, sample_arguments
from appliance.tools.manifest import Manifest
from appliance.tools.parse import parse_json, parse_toml
from appliance.tools.sources import load_folder
from appliance.tools.templates import (
    LONGEST_OUTPUT,
    TemplateFailed,
    compile_expression,
    compile_template,
)

GOOD, _ = load_folder([MANIFESTS])
TEXTS = [path.read_text() for path in sorted(Path(MANIFESTS).glob("*.toml"))]
DOCUMENT = {
    "name": "t",
    "description": "A tool.",
    "examples": ["do {n}", "go"],
    "parameters": {
        "properties": {"n": {"type": "integer", "minimum": 0}, "w": {"enum": ["a", "b"]}},
        "required": ["n"],
    },
    "target_parameter": "lamp",
    "targets": [{"id": "a", "name": "A", "aliases": ["one"], "vars": {"topic": "x"}}],
    "intents": [{"intent": "HassTurnOn", "arguments": {"n": 1}, "slots": {"brightness": "n"}}],
    "command": {"topic": "{{ target.topic }}/set", "payload": "{{ n }}", "qos": 1},
    "confirm": {"topic": "{{ target.topic }}", "fields": {"n": "{{ n }}"}, "tolerance": 0.5},
    "timeout_s": 2,
    "risk": "free",
    "say": {"done": "{{ n }}"},
}
WORDS = st.sampled_from(
    [
        "",
        "t",
        "{{ n }}",
        "{{",
        "{% if %}",
        "a/+/b",
        "$SYS",
        "\0",
        "{n}",
        "{",
        "é",
        "string",
        "enum",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS
KEYS = st.sampled_from(
    [*DOCUMENT, "type", "enum", "x-say", "$ref", "properties", "n", "lamp", "0", "topic", "vars"]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def lives(manifest: Manifest) -> None:
    """Whatever was accepted can be shown and tried without harm."""
    describe(manifest)
    for arguments in sample_arguments(manifest):
        dry_run(manifest, arguments, replies="r")
        try:
            action = prepare(manifest, arguments, transaction="1", replies="r")
        except TemplateFailed:
            continue
        assert not set("+#\0") & set(action.topic)
        assert not action.topic.startswith("$")
        assert action.topic
        if action.expects is not None:
            for payload in (b"", b"1", b'{"n": [1]}', b"\xff", b"[" * 5_000):
                judge(action.expects, Message(action.expects.topic, payload))


@st.composite
def bent(draw: st.DrawFn) -> object:
    """A right manifest with one to three things in it replaced, at any depth."""
    document = json.loads(json.dumps(DOCUMENT))
    for _ in range(draw(st.integers(1, 3))):
        inner = document
        while True:
            keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(inner[key], dict | list) and draw(st.booleans()):
                inner = inner[key]
                continue
            inner[key] = draw(VALUES)
            break
    return document


def attempt(parse: Callable[[], Manifest]) -> None:
    try:
        manifest = parse()
    except ManifestError as refused:
        error = refused
    else:
        lives(manifest)
        return
    assert error.problems
    assert len(str(error).splitlines()) >= len(error.problems)


@given(bent())
@example(DOCUMENT)
def test_a_bent_manifest_is_a_manifest_or_an_error(document: object) -> None:
    data = json.dumps(document).encode()
    attempt(lambda: parse_json(data, source="topic", name="t"))


@given(st.sampled_from(TEXTS), st.data())
def test_a_torn_file_is_a_manifest_or_an_error(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    put = data.draw(st.text(string.printable, max_size=5))
    torn = (text[:start] + put + text[end:]).encode()
    attempt(lambda: parse_toml(torn, source="torn.toml"))


@given(st.binary(max_size=200))
def test_any_bytes_are_an_error_and_nothing_else(data: bytes) -> None:
    attempt(lambda: parse_toml(data, source="s"))
    attempt(lambda: parse_json(data, source="s", name="n"))


PIECES = st.sampled_from(
    [
        "{{", "}}", "{%", "%}", "n", "target", "reported", ".", "[0]", "|", "tojson", "replace",
        "('', n)", "*", "99999999", "'x'", "~", "for", "in", "if", "else", "endif", "set", "=",
        "range(9)", "__class__", "(", ")", " ", "round", "int", "%", "/", "0", "macro", "-",
    ]
)  # fmt: skip


@given(st.lists(PIECES, max_size=14))
@example(["{{", "'x'", "*", "99999999", "}}"])
@example(["{{", "n", ".", "__class__", "}}"])
def test_no_template_raises_anything_else_or_makes_endless_text(pieces: list[str]) -> None:
    source = " ".join(pieces)
    values = {"n": "x" * 1_000, "target": {"topic": "t"}, "reported": [1, {"a": None}]}
    with suppress(TemplateFailed):
        assert len(compile_template(source).render(values)) <= LONGEST_OUTPUT
    with suppress(TemplateFailed):
        assert compile_expression(source).holds(values) in (True, False)
