from dataclasses import dataclass

import pytest

from appliance.tools import wording
from appliance.tools.privacy import privacy_tools
from appliance.tools.ready import BuiltIn

WORDS = wording.load("en")


@dataclass
class FakePrivacy:
    private: bool = False
    switch_closed: bool = False

    def get(self) -> bool:
        return self.private or self.switch_closed

    def set(self, private: bool) -> None:  # noqa: FBT001
        self.private = private


def tools(privacy: FakePrivacy) -> dict[str, BuiltIn]:
    return {tool.spec.name: tool for tool in privacy_tools(WORDS, privacy)}


def test_going_offline_and_back_says_what_is_so_now() -> None:
    privacy = FakePrivacy()
    ready = tools(privacy)
    gone = ready["go_offline"].run({})
    assert (gone.status, gone.say) == ("done", "I'm offline now: nothing leaves the house.")
    assert privacy.private
    assert ready["go_offline"].run({}).status == "unchanged"
    back = ready["go_online"].run({})
    assert (back.status, back.data, privacy.private) == ("done", {"private": False}, False)
    assert ready["go_online"].run({}).status == "unchanged"


def test_a_closed_switch_keeps_the_box_offline_and_that_is_said() -> None:
    privacy = FakePrivacy(switch_closed=True)
    result = tools(privacy)["go_online"].run({})
    assert (result.status, result.data) == ("failed", {"private": True})
    assert result.say == "The switch on the box keeps me offline."


def test_a_wish_beside_a_closed_switch_is_kept_though_nothing_changes() -> None:
    privacy = FakePrivacy(switch_closed=True)
    assert tools(privacy)["go_offline"].run({}).status == "unchanged"
    assert privacy.private


@pytest.mark.parametrize("name", ["go_offline", "go_online"])
def test_no_phrase_asks_for_both(name: str) -> None:
    ready = tools(FakePrivacy())
    others = {text for tool in ready if tool != name for text in ready[tool].spec.examples}
    assert not others & set(ready[name].spec.examples)
