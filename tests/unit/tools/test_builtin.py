from dataclasses import dataclass
from datetime import datetime

import pytest

from appliance.catalogue import ToolSpec
from appliance.demo.kitchen import MANIFESTS
from appliance.errors import ConfigError
from appliance.tools import wording
from appliance.tools.builtin import built_in
from appliance.tools.ready import BuiltIn
from appliance.tools.schema import fit
from appliance.tools.sources import load_folder

WORDS = wording.load("en")
KITCHEN = [manifest.spec for manifest in load_folder([MANIFESTS])[0]]


@dataclass
class FakeVolume:
    level: int = 50

    def get(self) -> int:
        return self.level

    def set(self, level: int) -> None:
        self.level = level


def tools(
    now: datetime = datetime(2026, 11, 21, 15, 5),  # noqa: DTZ001 - local and fixed
    volume: FakeVolume | None = None,
) -> dict[str, BuiltIn]:
    made = built_in(WORDS, clock=lambda: now, volume=volume, catalogue=lambda: KITCHEN)
    return {tool.spec.name: tool for tool in made if isinstance(tool, BuiltIn)}


@pytest.mark.parametrize(
    ("hour", "minute", "said"),
    [
        (0, 0, "It is 12 o'clock AM."),
        (9, 5, "It is 9:05 AM."),
        (12, 30, "It is 12:30 PM."),
        (23, 59, "It is 11:59 PM."),
    ],
)
def test_the_time_is_said_as_people_say_it(hour: int, minute: int, said: str) -> None:
    now = datetime(2026, 11, 21, hour, minute)  # noqa: DTZ001 - local
    assert tools(now)["get_time"].run({}).say == said


@pytest.mark.parametrize(
    ("day", "said"), [(1, "November 1st"), (12, "November 12th"), (22, "November 22nd")]
)
def test_the_date_is_said_as_people_say_it(day: int, said: str) -> None:
    now = datetime(2026, 11, day)  # noqa: DTZ001 - local
    assert said in tools(now)["get_date"].run({}).say


def test_the_volume_goes_up_and_down_and_no_further_than_it_can() -> None:
    volume = FakeVolume(95)
    tool = tools(volume=volume)["set_volume"]
    assert tool.run({"direction": "up"}).say == "The volume is 100 percent."
    assert tool.run({"direction": "up"}).status == "unchanged"
    assert tool.run({"level": 5}).status == "done"
    tool.run({"direction": "down"})
    assert volume.level == 0
    assert fit(tool.spec.parameters, {"level": 50.0}) == ({"level": 50}, ())
    assert fit(tool.spec.parameters, {})[1]
    assert fit(tool.spec.parameters, {"level": 101})[1]


def test_without_a_loudspeaker_there_is_no_volume() -> None:
    assert "set_volume" not in tools()


def test_only_stop_and_never_mind_end_the_conversation() -> None:
    closing = {name for name, tool in tools().items() if tool.spec.closes}
    assert closing == {"stop", "nevermind"}


def test_what_can_you_do_names_a_few_things_of_this_house() -> None:
    said = tools()["list_capabilities"].run({}).say
    assert "turn on the kitchen light" in said
    assert "{" not in said


def test_a_language_that_nobody_wrote_is_named() -> None:
    assert wording.load("en-GB") == WORDS
    with pytest.raises(ConfigError, match="do not speak `xx`; there are: en"):
        wording.load("xx")


def test_what_only_some_backends_can_do_is_not_promised() -> None:
    seeing = ToolSpec("look", "Look.", {}, examples=("what do you see",), sees=True)
    made = built_in(WORDS, clock=datetime.now, volume=None, catalogue=lambda: [seeing])
    (tool,) = (each for each in made if each.spec.name == "list_capabilities")
    assert isinstance(tool, BuiltIn)
    assert tool.run({}).say == WORDS.text("list_capabilities", "say_nothing")


def test_without_privacy_mode_or_a_camera_there_are_no_such_tools() -> None:
    assert not {"go_offline", "go_online", "look"} & set(tools())
