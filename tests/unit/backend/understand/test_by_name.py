"""When a name alone is a request, without a model; the devices of a house are such a case."""

import pytest

from appliance.backend.local.understand import StagedUnderstander
from appliance.backend.local.understand.types import Call
from appliance.tools import wording
from appliance.tools.devices.offer import offer
from tests.households import MadeHousehold

TOOLS = tuple(
    tool.spec
    for tool in offer(MadeHousehold(), wording.load("en"), most_listed=60, area="kitchen")
)


UNDERSTANDER = StagedUnderstander(area="kitchen")


def calls(said: str) -> tuple[Call, ...]:
    UNDERSTANDER.forget()
    return UNDERSTANDER.understand(said, TOOLS).calls


@pytest.mark.parametrize("said", ["good night", "Movie scene.", "the movie scene"])
def test_a_scene_is_asked_for_by_its_name(said: str) -> None:
    assert [call.tool for call in calls(said)] == ["activate_scene"]


@pytest.mark.parametrize(
    "said",
    ["kitchen light", "the front door", "the printer", "doorbell button", "make it brighter"],
)
def test_no_other_thing_is(said: str) -> None:
    assert calls(said) == ()


@pytest.mark.parametrize("said", ["open the door", "close the door", "open everything"])
def test_a_garage_door_is_opened_by_its_own_name_only(said: str) -> None:
    assert calls(said) == ()
    assert calls("open the garage door") == (
        Call("control_cover", {"device": "garage_door", "action": "open"}),
    )


@pytest.mark.parametrize(
    "said",
    [
        "set the attic heating to 20 degrees",
        "unlock the cellar door",
        "turn on the attic fan",
        "start the old vacuum",
    ],
)
def test_a_word_before_a_name_that_is_none_means_another_thing(said: str) -> None:
    assert calls(said) == ()
