"""Choosing a backend by voice: what is done, and what is said."""

from dataclasses import dataclass, field

import pytest

from appliance.backend.local.understand import StagedUnderstander
from appliance.tools import schema
from appliance.tools.choosing import choose_another, choosing_tools, spoken
from appliance.tools.privacy import privacy_tools
from appliance.tools.wording import load
from tests.requests import house

WORDS = load("en")
UNDERSTANDER = StagedUnderstander(wake_phrases=["hey jarvis"], area="kitchen", nearest=False)


@dataclass
class FakeSwitch:
    names: tuple[str, ...] = ("realtime", "my_gpu", "local")
    cloud: frozenset[str] = frozenset({"realtime"})
    chosen: str = ""
    serving: str = "realtime"
    obstacles: dict[str, str] = field(default_factory=dict)

    def get(self) -> bool:
        return False

    def set(self, private: bool) -> None:  # noqa: FBT001 - the tools' seam
        """Not asked here."""

    def obstacle(self, name: str) -> str:
        return self.obstacles.get(name, "")

    def choose(self, name: str) -> bool:
        if name and name not in self.names:
            return False
        self.chosen = name
        return True


TOOLS = (
    *house(),
    *(
        tool.spec
        for tool in (*privacy_tools(WORDS, FakeSwitch()), *choosing_tools(WORDS, FakeSwitch()))
    ),
)


def call(switch: FakeSwitch, tool: str = "choose_backend", **given: object) -> tuple[str, str]:
    (found,) = (each for each in choosing_tools(WORDS, switch) if each.spec.name == tool)
    result = found.run(given)
    return result.status, result.say


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("local", "From now on I answer myself."),
        ("my_gpu", "From the next question on you talk with my gpu."),
        ("realtime", "From the next question on you talk with the realtime service."),
    ],
)
def test_a_backend_is_chosen(name: str, said: str) -> None:
    switch = FakeSwitch()
    assert call(switch, backend=name) == ("done", said)
    assert switch.chosen == name
    assert call(switch, backend=name)[0] == "unchanged"


def test_the_choice_is_taken_back() -> None:
    switch = FakeSwitch(chosen="local")
    assert call(switch, backend="automatic")[0] == "done"
    assert switch.chosen == ""


def test_privacy_mode_is_not_ended_by_a_choice() -> None:
    switch = FakeSwitch(obstacles={"realtime": "privacy"})
    status, said = call(switch, backend="realtime")
    assert (status, switch.chosen) == ("failed", "")
    assert "go online" in said


def test_one_that_is_away_is_chosen_for_later() -> None:
    switch = FakeSwitch(obstacles={"my_gpu": "backend.unavailable"})
    status, said = call(switch, backend="my_gpu")
    assert (status, switch.chosen) == ("done", "my_gpu")
    assert said == "I will use my gpu as soon as that is possible."


def test_one_that_is_not_there_any_more_is_no_choice() -> None:
    assert call(FakeSwitch(), backend="gemini")[0] == "failed"


def test_who_answers_is_said() -> None:
    assert call(FakeSwitch(), "which_backend")[1] == "You are talking with the realtime service."
    assert call(FakeSwitch(serving="local"), "which_backend")[1].startswith("I answer myself")


def test_the_next_one_is_chosen_round_the_order_and_said() -> None:
    switch = FakeSwitch()
    said = [choose_another(WORDS, switch) for _ in range(4)]
    assert said == [
        "From the next question on you talk with my gpu.",
        "From now on I answer myself.",
        "From the next question on you talk with the realtime service.",
        "From the next question on you talk with my gpu.",
    ]
    assert switch.chosen == "my_gpu"


def test_one_that_is_away_does_not_end_the_round() -> None:
    switch = FakeSwitch(obstacles={"my_gpu": "backend.unavailable"})  # so realtime still serves
    assert choose_another(WORDS, switch) == "I will use my gpu as soon as that is possible."
    assert choose_another(WORDS, switch) == "From now on I answer myself."


def test_privacy_mode_is_passed_over_and_never_ended_by_the_round() -> None:
    switch = FakeSwitch(serving="my_gpu", obstacles={"realtime": "privacy"})
    choose_another(WORDS, switch)
    assert switch.chosen == "local"
    choose_another(WORDS, switch)
    assert switch.chosen == "my_gpu"
    nobody = FakeSwitch(
        serving="local", obstacles=dict.fromkeys(("realtime", "my_gpu"), "privacy")
    )
    assert choose_another(WORDS, nobody).startswith("Privacy mode is on.")
    assert nobody.chosen == ""


def test_who_is_alone_stays() -> None:
    switch = FakeSwitch(names=("local",), serving="local")
    assert choose_another(WORDS, switch) == "From now on I answer myself."
    assert switch.chosen == ""


def test_the_cloud_is_the_first_beyond_the_house() -> None:
    choose, _ = choosing_tools(WORDS, FakeSwitch())
    assert not list(schema.findings(choose.spec.parameters))
    prop = choose.spec.parameters["properties"]["backend"]  # type: ignore[index]
    assert prop["enum"] == ["realtime", "my_gpu", "local", "automatic"]
    assert "the cloud" in prop["x-say"]["realtime"]
    assert not any("the cloud" in prop["x-say"][name] for name in ("my_gpu", "local"))


@pytest.mark.parametrize(
    ("said", "tool", "backend"),
    [
        ("Use the cloud.", "choose_backend", "realtime"),
        ("let the cloud answer", "choose_backend", "realtime"),
        ("Switch to the realtime service, please.", "choose_backend", "realtime"),
        ("switch to my GPU", "choose_backend", "my_gpu"),
        ("Answer yourself from now on.", "choose_backend", "local"),
        ("from now on, answer yourself", "choose_backend", "local"),
        ("use yourself", "choose_backend", "local"),
        ("switch back to automatic", "choose_backend", "automatic"),
        ("Which backend answers?", "which_backend", None),
        ("who answers", "which_backend", None),
        ("are you using the cloud", "which_backend", None),
        ("use the cloud again", "go_online", None),
        ("do not use the cloud", "go_offline", None),
        ("stop using the cloud", "go_offline", None),
        ("switch to gemini", None, None),  # it is not in this order
        ("answer the phone", None, None),
        ("who is that", None, None),
    ],
)
def test_people_are_understood_beside_all_that_a_house_can_do(
    said: str, tool: str | None, backend: str | None
) -> None:
    calls = UNDERSTANDER.understand(said, TOOLS).calls
    assert [call.tool for call in calls] == ([] if tool is None else [tool])
    assert [dict(call.arguments).get("backend") for call in calls] in ([], [backend])


def test_every_backend_of_ours_has_a_name_that_people_use() -> None:
    for name in ("realtime", "live", "pipeline", "elevenlabs", "gemini", "local", "automatic"):
        assert spoken(WORDS, name) != (name,)
