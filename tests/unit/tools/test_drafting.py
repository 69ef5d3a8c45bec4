"""A manifest that is drafted from what was heard reads, and does what was seen."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.ports import Message
from appliance.tools.drafting import draft
from appliance.tools.inspection import dry_run
from appliance.tools.parse import parse_toml


def heard(topic: str, payload: object, *, retained: bool = False) -> Message:
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return Message(topic, text.encode(), retained=retained)


PUMP = [
    heard("shed/pump", {"state": "ON", "speed": 30, "mode": "eco", "rssi": -40}, retained=True),
    heard("shed/pump/set", {"state": "OFF"}),
    heard("shed/pump", {"state": "OFF", "speed": 80, "mode": "boost", "rssi": -41}),
    heard("shed/pump/availability", "online", retained=True),
]


def test_a_device_that_speaks_json_is_drafted_with_its_own_command_topic() -> None:
    manifest = parse_toml(draft(PUMP, "pump").encode(), source="draft")
    run = dry_run(manifest, {"speed": 50, "mode": "eco"}, replies="replies")
    assert run.problems == ()
    assert run.topic == "shed/pump/set"
    assert json.loads(run.payload) == {"speed": 50, "mode": "eco"}
    assert run.confirm_topic == "shed/pump"
    properties = manifest.spec.parameters["properties"]
    assert isinstance(properties, dict)
    assert list(properties) == ["state", "speed", "mode"]
    assert set(properties["state"]["enum"]) == {"ON", "OFF"}
    assert (properties["speed"]["minimum"], properties["speed"]["maximum"]) == (30, 80)


def test_a_device_that_speaks_plain_words_is_drafted_with_a_marked_guess() -> None:
    text = draft([heard("attic/fan", "on"), heard("attic/fan", "off")], "fan")
    assert "a guess" in text
    manifest = parse_toml(text.encode(), source="draft")
    run = dry_run(manifest, {"state": "on"}, replies="replies")
    assert (run.topic, run.payload, run.confirm_topic) == ("attic/fan/set", "on", "attic/fan")


def test_silence_is_said() -> None:
    assert draft([], "pump").startswith("# Nothing")


names = st.one_of(
    st.sampled_from(
        ["state", "speed", "target", "transaction", "Battery", "x y", "{{", "true", "none"]
    ),
    st.text(max_size=12),
)
values = st.one_of(st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.none())
payloads = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=40).map(str.encode),
    st.dictionaries(names, values, max_size=16).map(lambda table: json.dumps(table).encode()),
)
topics = st.one_of(
    st.sampled_from(["a/b", "a/b/set", 'a/"b"', "a/{{ b }}", "a/'''", "a/\\", "$SYS/x"]),
    st.text(min_size=1, max_size=20),
)


@settings(max_examples=60)
@given(st.lists(st.builds(Message, topics, payloads, st.booleans()), max_size=8))
def test_whatever_is_heard_becomes_a_draft_that_reads(messages: list[Message]) -> None:
    text = draft(messages, "thing")
    if not text.startswith("# Nothing"):
        parse_toml(text.encode(), source="draft")
