import pytest

from appliance.demo.kitchen import MANIFESTS
from appliance.tools import wording
from appliance.tools.manifest import Manifest
from appliance.tools.parse import parse_toml
from appliance.tools.registry import ToolRegistry
from appliance.tools.sources import load_folder

WORDS = wording.load("en")


def manifest(name: str, source: str = "a.toml") -> Manifest:
    text = f'name = "{name}"\ndescription = "A lamp."\n[command]\ntopic = "lamp"\npayload = "on"\n'
    return parse_toml(text.encode(), source=source)


@pytest.mark.parametrize("name", ["stop", "look", "go_offline"])
def test_the_names_of_built_in_tools_are_kept_for_them_also_where_there_are_none(
    name: str,
) -> None:
    tools = ToolRegistry(WORDS, None)
    refused = "a.toml: name: `" + name + "` is taken by a built-in tool"
    assert tools.set_files([manifest(name)]) == (refused,)
    assert tools.set_from_broker(name, manifest(name)) == refused
    assert tools.catalogue() == ()


def test_a_file_comes_before_the_broker_and_the_second_of_two_is_refused() -> None:
    tools = ToolRegistry(WORDS, None)
    refused = tools.set_files([manifest("lamp"), manifest("lamp", "b.toml")])
    assert refused == ("b.toml: name: `lamp` is taken by a.toml",)
    assert tools.set_from_broker("lamp", manifest("lamp", "x/config")) is not None
    assert tools.source("lamp") == "a.toml"


def test_the_kitchen_that_comes_with_the_package_takes_no_name_of_ours() -> None:
    assert ToolRegistry(WORDS, None).set_files(load_folder([MANIFESTS])[0]) == ()
