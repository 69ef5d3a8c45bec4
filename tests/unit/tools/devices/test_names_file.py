from pathlib import Path

import pytest

from appliance.errors import ConfigError
from appliance.tools.devices.names_file import LARGEST, NamesFile, parse
from appliance.tools.devices.naming import Given, Names

GOOD = b"""
[devices.reading_lamp]
name = "lamp by the sofa"
aliases = ["sofa light"]
area = "living room"

[devices."zigbee2mqtt:0x1"]
id = "front_door"
hidden = true
"""


def test_what_the_owner_writes_is_read() -> None:
    names = parse(GOOD, source="names.toml")
    assert names.things["reading_lamp"] == Given(
        "lamp by the sofa", ("sofa light",), "living room"
    )
    assert names.things["zigbee2mqtt:0x1"] == Given(hidden=True, id="front_door")
    assert parse(b"", source="names.toml") == Names()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            b"[devices.a]\nnmae = 'x'",
            "f:2: devices.a.nmae: there is no such key; there are: name,",
        ),
        (b"[devices.a]\n\nname = 3", "f:3: devices.a.name: input should be a valid string"),
        (b"[devices.a]\nname = '<b></b>'", "f:2: devices.a.name: no letter of it can be said"),
        (b"[devices.a]\nid = 'b'", "f:2: devices.a.id: only where the table is named by a key"),
        (
            b'[devices."x:1"]\nid = "b"\n[devices."x:2"]\nid = "b"',
            "f:4: devices.x:2.id: `b` is the id of `x:1` already",
        ),
        (b'[devices."x:1"]\nid = "B C"', "f:2: devices.x:1.id: string should match pattern"),
        (b"[devices.a]\naliases = ['a', 3]", "f:2: devices.a.aliases.1: input should be a valid"),
        (b"[device.a]\nname = 'a'", "f:1: device: there is no such key"),
        (b"\n[devices.a\n", "f:2: not valid TOML: "),
        (b"name = '\n", "f:1: not valid TOML: "),
        (b"a = 1\n\xff", "f:2: is not UTF-8 text here"),
        (b"a = " + b"[" * 5_000, "f: not valid TOML: "),
        (b" " * (LARGEST + 1), "f: is larger than 1024 kB"),
    ],
)
def test_each_mistake_has_its_line_and_key(text: bytes, problem: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(text, source="f")
    assert raised.value.problems[0].startswith(problem)


def test_a_wrong_file_changes_nothing_and_is_complained_of_until_it_is_right(
    tmp_path: Path,
) -> None:
    path = tmp_path / "names.toml"
    told: list[Names] = []
    file = NamesFile(path, told.append)
    file.look()
    assert told == []
    path.write_bytes(GOOD)
    file.look()
    file.look()
    assert len(told) == 1
    path.write_bytes(b"x")
    file.look()
    assert len(told) == 1
    assert file.problems[0].startswith(f"{path}:1: not valid TOML")
    path.unlink()
    path.mkdir()
    file.look()
    assert list(file.problems) == [f"{path}: cannot be read: not a file"]
    path.rmdir()
    path.write_bytes(GOOD + b"# changed")
    file.look()
    assert len(told) == 2
    assert not file.problems
    path.unlink()
    file.look()
    assert told[-1] == Names()


def test_without_a_configuration_there_is_no_file() -> None:
    file = NamesFile(None, lambda _: pytest.fail("told"))
    file.look()
    assert file.problems == ()
