"""What people ask of timers, understood on the device, with the real model."""

from functools import cache
from statistics import fmean

from appliance.backend.local.understand import StagedUnderstander
from appliance.tools import wording
from appliance.tools.timers.offer import later_spec, specs
from tests.models import model_folder
from tests.requests import DATA, Judged, house, judge, read

RIGHT = 0.95
"""A little below what is measured."""


@cache
def judged(name: str) -> tuple[Judged, ...]:
    understander = StagedUnderstander(
        wake_phrases=["hey jarvis"], area="kitchen", minilm_folder=model_folder("minilm")
    )
    others = (tool for tool in house() if tool.name != "start_timer")
    words = wording.load("en")
    tools = (*others, *specs(words), later_spec(words))
    found = []
    for request in read(DATA / "requests" / f"{name}.toml"):
        if any(call.tool == "start_timer" for call in request.calls):
            continue
        understander.forget()
        found.append(judge(understander, tools, request))
    return tuple(found)


def test_what_is_asked_of_timers_is_understood() -> None:
    missed = [one.expected.turns for one in judged("timers_en") if not one.right]
    assert fmean(one.right for one in judged("timers_en")) >= RIGHT, missed


def test_nothing_is_changed_that_nobody_asked_to_change() -> None:
    wrong = [
        call
        for one in (*judged("timers_en"), *judged("home_en"))
        if one.wrong_action
        for call in one.understanding.calls
        if call.tool != "list_timers"
    ]
    assert wrong == []


def test_the_rest_of_the_house_is_understood_as_before() -> None:
    missed = [one.expected.turns for one in judged("home_en") if not one.right]
    assert fmean(one.right for one in judged("home_en")) >= 0.97, missed


def test_most_needs_no_model() -> None:
    stages = [one.understanding.stage for one in judged("timers_en") if one.expected.calls]
    assert stages.count("sentences") / len(stages) >= 0.9
