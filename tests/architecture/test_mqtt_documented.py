"""Every message that we publish has a schema, and every schema and topic is in docs/mqtt.md."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.mqtt.commands import ANSWERED
from appliance.mqtt.topics import topics
from tests.published import SCHEMAS, Rule, rules

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "mqtt.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([a-z_-]+)`", PAGE))


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule.name))
def test_every_schema_is_documented(rule: Rule) -> None:
    family = rule.name.split("-")[0]
    taken = rule.name.startswith("set_")  # what others send, in the table of what a box takes
    assert taken or rule.name in NAMED or f"`{family}-…`" in PAGE, rule.name
    shown = rule.topic.replace("{homeassistant}", "<homeassistant>").replace("{root}", "<root>")
    shown = shown.replace("{id}", "<id>").replace("{object}", "voice-appliance-<id>")
    shown = re.sub(r"\{([a-z]+)\}", r"<\1>", shown)
    answer = re.sub(r"/response/[a-z]+$", "/response/<verb>", shown)
    assert f"`{shown}`" in PAGE or f"`{answer}`" in PAGE, shown


def test_every_retained_topic_of_ours_has_a_schema() -> None:
    own = topics("voice-appliance", "box")
    facts = (
        *(own.availability, own.state, own.backend, own.money, own.volume, own.event),
        *(own.wake_word, own.diagnostics, own.timers, own.duck, own.unduck),
        *(own.response(verb) for verb in (*ANSWERED, "state", "ping")),
    )
    for topic in facts:
        assert [rule for rule in rules() if rule.pattern.fullmatch(topic)], topic


def test_every_topic_of_the_page_that_a_box_publishes_has_a_schema() -> None:
    table = PAGE[PAGE.index("## What a box tells") : PAGE.index("## What a box takes")]
    rows: list[str] = re.findall(r"^\| (`<.*?) \| ", table, re.MULTILINE)
    for row in rows:
        for shown in re.findall(r"`([^`]+)`", row):
            topic = re.sub(r"<([a-z]+)>", r"x\1", shown)
            topic = topic.replace("response/xverb", "response/say")
            assert [rule for rule in rules() if rule.pattern.fullmatch(topic)], shown


def test_every_command_is_documented() -> None:
    source = (ROOT / "appliance" / "mqtt" / "commands.py").read_text(encoding="utf-8")
    (verbs,) = (
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.name == "_verbs"
    )
    keys = next(node for node in ast.walk(verbs) if isinstance(node, ast.Dict)).keys
    names = [str(key.value) for key in keys if isinstance(key, ast.Constant)]
    assert len(names) > 10
    for name in names:
        assert f"`<root>/<id>/set/{name}`" in PAGE, name


def test_schemas_are_part_of_the_package() -> None:
    """As they would be in a wheel: found beside the code that is installed."""
    code = (
        "import importlib.resources, json;"
        "f = importlib.resources.files('appliance.mqtt') / 'schemas' / 'state.json';"
        "print(json.loads(f.read_text())['x-topic'])"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
    )
    assert done.stdout.strip() == "{root}/{id}/state"
    for path in SCHEMAS.glob("*.json"):
        assert json.loads(path.read_text(encoding="utf-8"))["title"]
