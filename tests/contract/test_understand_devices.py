"""Understanding with its real model: requests to devices that were found on the broker."""

from datetime import UTC, datetime
from functools import cache
from statistics import fmean

from appliance.backend.local.understand import StagedUnderstander
from appliance.backend.local.understand.types import Call
from appliance.catalogue import ToolSpec
from appliance.tools import schema, wording
from appliance.tools.builtin import built_in
from appliance.tools.devices.offer import offer
from tests.households import MadeHousehold, large, things
from tests.models import model_folder
from tests.requests import DATA, Judged, Loudness, judge, read

RIGHT = 0.94
"""A little below what is measured, so that only a real loss fails."""

WRONG_ACTIONS = 0.01
WORDS = wording.load("en")


def tools(house: MadeHousehold, area: str) -> tuple[ToolSpec, ...]:
    """Return what the box has to offer: the devices and the built-in tools."""
    found = offer(house, WORDS, most_listed=60, area=area)
    ready = built_in(
        WORDS, clock=lambda: datetime.now(UTC), volume=Loudness(), catalogue=lambda: ()
    )
    return (*(tool.spec for tool in found), *(tool.spec for tool in ready))


@cache
def judged() -> tuple[Judged, ...]:
    understander = StagedUnderstander(
        wake_phrases=["hey jarvis"], area="kitchen", minilm_folder=model_folder("minilm")
    )
    ours = tools(MadeHousehold(), "kitchen")
    found = []
    for request in read(DATA / "requests" / "devices_en.toml"):
        understander.forget()
        found.append(judge(understander, ours, request))
    return tuple(found)


def test_most_requests_to_discovered_devices_are_understood() -> None:
    assert len(judged()) >= 60
    missed = [one.expected.turns for one in judged() if not one.right]
    assert fmean(one.right for one in judged()) >= RIGHT, missed


def test_hardly_anything_is_done_that_was_not_asked_for() -> None:
    wrong = [one.expected.turns for one in judged() if one.wrong_action]
    assert len(wrong) / len(judged()) <= WRONG_ACTIONS, wrong


def test_nothing_guarded_is_ever_called_that_was_not_asked_for() -> None:
    guarded = {"control_lock", "control_alarm", "control_cover"}
    for one in judged():
        wanted = {call.tool for call in one.expected.calls}
        called = {call.tool for call in one.understanding.calls}
        assert not (called - wanted) & guarded, one.expected.turns


def test_every_call_fits_its_tool() -> None:
    ours = {tool.name: tool for tool in tools(MadeHousehold(), "kitchen")}
    for one in judged():
        for call in one.understanding.calls:
            assert schema.fit(ours[call.tool].parameters, call.arguments)[1] == ()


def test_what_is_left_out_is_never_acted_on() -> None:
    understander = StagedUnderstander(area="kitchen", minilm_folder=model_folder("minilm"))
    ours = tools(MadeHousehold(), "kitchen")
    for said, left_out, count in (
        ("turn off all lights except the hall light", "hall_light", 7),
        ("Turn off all the lights, except for the bedside lamp.", "bedside_lamp", 7),
        ("turn off all the lights but the reading one", "reading_lamp", 7),
        ("close all the blinds apart from the bedroom blind", "bedroom_blind", 1),
        ("turn everything off except the radio", "radio", 0),
        ("all the lights off, but not the hall light", "hall_light", 0),
        ("unlock every door except the front door", "front_door", 0),
        ("turn off all the lights but the purple one", "", 0),
        ("turn off all lights other than the hall light and close the blinds", "hall_light", 0),
    ):
        understander.forget()
        calls = understander.understand(said, ours).calls
        assert left_out not in [call.arguments.get("device") for call in calls], said
        assert len(calls) == count, said


def test_what_a_model_is_not_told_of_is_understood_all_the_same() -> None:
    house = MadeHousehold((*large(300), *things()))
    ours = tools(house, "kitchen 1")
    unlisted = {t.id for tool in ours for t in tool.targets if not t.listed}
    understander = StagedUnderstander(area="kitchen 1", minilm_folder=model_folder("minilm"))
    for said, name, arguments in (
        ("turn on the studio 2 lamp", "control_light", {"state": "on"}),
        ("is the laundry 1 window open", "read_device", {}),
        ("close the library 2 blind", "control_cover", {"action": "close"}),
    ):
        understanding = understander.understand(said, ours)
        (call,) = understanding.calls
        target = call.arguments["device"]
        assert target in unlisted
        assert call == Call(name, {**arguments, "device": target})
