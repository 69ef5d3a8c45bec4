import pytest

from appliance.ports import Message
from appliance.tools.actions import Verdict, judge, prepare
from appliance.tools.manifest import Manifest
from appliance.tools.parse import parse_toml
from appliance.tools.schema import fit, whole
from appliance.tools.templates import TemplateFailed


def manifest(topic: str, payload: str = "", confirm: str = "") -> Manifest:
    text = f"""
name = "t"
description = "A tool."
[parameters.properties.w]
enum = ["a", "$SYS", "#", "+/x", "", "b\\nc", "\\u0000"]
[parameters.properties.n]
type = "number"
[command]
topic = "{topic}"
payload = "{payload}"
{confirm}
"""
    return parse_toml(text.encode(), source="t")


@pytest.mark.parametrize("word", ["$SYS", "#", "+/x", "", "b\nc", "\0"])
def test_a_topic_that_is_none_is_refused(word: str) -> None:
    with pytest.raises(TemplateFailed, match=r"command\.topic: "):
        prepare(manifest("{{ w }}"), {"w": word}, transaction="1", replies="r")
    action = prepare(manifest("{{ w }}"), {"w": "a"}, transaction="1", replies="r")
    assert (action.topic, action.payload, action.expects) == ("a", b"", None)


@pytest.mark.parametrize(
    ("payload", "verdict"),
    [
        (b'{"a": {"b": [7, 20.4]}, "on": true}', Verdict.YES),
        (b'{"a": {"b": [7, 19]}, "on": true}', Verdict.NOTHING),
        (b'{"a": {"b": [7, 20]}, "on": "yes"}', Verdict.NOTHING),
        (b'{"a": {"b": [7]}, "on": true}', Verdict.NOTHING),
        (b'{"a": 20, "on": true}', Verdict.NOTHING),
        (b"\xff", Verdict.NOTHING),
        (b"null", Verdict.NOTHING),
        (b"[" * 100_000, Verdict.NOTHING),
    ],
)
def test_fields_are_found_by_path_and_numbers_compare_as_numbers(
    payload: bytes, verdict: Verdict
) -> None:
    confirm = """
[confirm]
topic = "s"
tolerance = 0.5
fields = { "a.b.1" = "{{ n }}", on = "true", other = "" }
"""
    action = prepare(manifest("t", confirm=confirm), {"n": 20}, transaction="1", replies="r")
    assert action.expects is not None
    assert judge(action.expects, Message("s", payload)) is verdict
    assert judge(action.expects, Message("elsewhere", payload)) is Verdict.NOTHING


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "20", True, None, [1]])
def test_what_is_no_number_is_no_number(value: object) -> None:
    schema = whole({"properties": {"n": {"type": "number", "minimum": 0, "maximum": 30}}})
    assert fit(schema, {"n": value})[1]
    assert fit(schema, {"n": 20.5}) == ({"n": 20.5}, ())


def test_what_is_wrong_with_a_call_is_told_without_what_was_said() -> None:
    schema = whole({"properties": {"w": {"type": "string", "maxLength": 3}}})
    assert "secret" not in str(fit(schema, {"w": "secret"})[1])
    assert "secret" not in str(fit(schema, {"secret": 1})[1])
