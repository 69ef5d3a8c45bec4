from pathlib import Path

import pytest

from appliance.demo.kitchen import MANIFESTS
from appliance.errors import ManifestError
from appliance.tools.manifest import Manifest
from appliance.tools.parse import parse_json, parse_toml
from appliance.tools.sources import load_folder

DATA = Path(__file__).parents[2] / "data" / "manifests"
HEAD = 'name = "t"\ndescription = "A tool."\n'
COMMAND = '[command]\ntopic = "t"\n'


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ManifestError) as caught:
        parse_toml(text.encode(), source="t.toml")
    return caught.value.problems


def good(text: str) -> Manifest:
    return parse_toml((HEAD + text).encode(), source="t.toml")


def test_the_demos_manifests_are_right() -> None:
    manifests, wrong = load_folder([MANIFESTS])
    assert wrong == ()
    assert [manifest.name for manifest in manifests] == [
        "make_coffee",
        "set_blind",
        "set_light",
        "set_switch",
        "set_temperature",
    ]


def test_every_mistake_is_told_at_once_with_its_line() -> None:
    with pytest.raises(ManifestError) as caught:
        parse_toml((DATA / "wrong.toml").read_bytes(), source="wrong.toml")
    assert str(caught.value) + "\n" == (DATA / "wrong.txt").read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "name: is missing"),
        (HEAD, "command: is missing"),
        (HEAD + "exmples = []\n" + COMMAND, "did you mean `examples`?"),
        (HEAD + COMMAND + "quos = 1", "line 5: command.quos: there is no such key (did you mean"),
        (HEAD + COMMAND + "qos = 2", "command.qos: must be 0 or 1"),
        (HEAD + "timeout_s = 0\n" + COMMAND, "line 3: timeout_s: must be greater than 0"),
        (HEAD + 'risk = "free!"\n' + COMMAND, "risk: must be 'free', 'confirm', 'pin' or 'never'"),
        ('name = "Set Light"\ndescription = "x"\n' + COMMAND, "line 1: name: does not fit"),
        (HEAD + '[command]\ntopic = ""\n', "command.topic: is empty"),
        (HEAD + COMMAND + '[confirm]\ntopic = "s"\n', "confirm: needs `equals`"),
        (HEAD + COMMAND + '[confirm]\ntopic = "s"\nequals = "1"\n[response]\n', "not both"),
        (HEAD + COMMAND + 'payload = "{{ x }}"', "command.payload: there is no parameter `x`"),
        (HEAD + COMMAND + 'payload = "{{ x "', "command.payload: "),
        (HEAD + '[command]\ntopic = "{{ w }}"\n[parameters.properties.w]\ntype = "string"\n',
         "command.topic: names `w`, which may be any text"),
        (HEAD + COMMAND + '[parameters.properties.w]\n"$ref" = "http://x"\n', "$ref: cannot"),
        (HEAD + COMMAND + '[parameters.properties.w]\ntype = "string"\npattern = "(a+)+$"\n',
         "pattern: cannot be used"),
        (HEAD + COMMAND + '[parameters.properties.target]\ntype = "string"\n', "means something"),
        (HEAD + COMMAND + '[parameters.properties.n]\nenum = [1]\nminimum = "x"\n', "minimum"),
        (HEAD + COMMAND + "[[targets]]\nid = 'a'\nname = 'a'\n", "need one another"),
        (HEAD + "when = 2026-01-01\n" + COMMAND, "there is no such key"),
        ("name = ", "is not TOML"),
        ("a" * 70_000, "at most 65536"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(text: str, said: str) -> None:
    assert any(said in problem for problem in problems(text)), problems(text)


def test_what_is_not_utf_8_is_refused() -> None:
    with pytest.raises(ManifestError, match=r"t\.toml: is not UTF-8 from byte 3 on"):
        parse_toml(b"# \n\xff", source="t.toml")


def test_a_targets_parameter_is_made_of_the_targets() -> None:
    manifest = good(
        "target_parameter = 'lamp'\n" + COMMAND + "[[targets]]\nid = 'a'\nname = 'first'\n"
    )
    assert manifest.spec.parameters == {
        "type": "object",
        "properties": {"lamp": {"type": "string", "enum": ["a"]}},
        "required": ["lamp"],
        "additionalProperties": False,
    }


def test_the_same_manifest_may_come_as_json() -> None:
    text = b'{"description": "A tool.", "command": {"topic": "t"}}'
    assert parse_json(text, source="t", name="t").spec == good(COMMAND).spec


@pytest.mark.parametrize("text", [b"null", b"1", b'{"timeout_s": NaN}', b"[" * 50_000, b'"\xc3"'])
def test_json_that_is_no_manifest_is_refused(text: bytes) -> None:
    with pytest.raises(ManifestError, match="a/topic: "):
        parse_json(text, source="a/topic", name="t")


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(HEAD + COMMAND)
    (tmp_path / "b.toml").write_text("name = ")
    (tmp_path / "c.toml").write_text(HEAD + COMMAND)
    (tmp_path / "d.toml").mkdir()
    (tmp_path / "e.toml").write_text((HEAD + COMMAND).replace('"t"', '"e"'))
    manifests, wrong = load_folder([tmp_path, tmp_path / "none"])
    assert [manifest.name for manifest in manifests] == ["t", "e"]
    assert [line.split(":")[0].rpartition("/")[2] for line in wrong] == [
        "b.toml",
        "c.toml",
        "d.toml",
    ]
    assert "`t` is taken by" in wrong[1]
