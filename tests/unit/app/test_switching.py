"""Who answers, as somebody chose: kept, handed to the conversation, told."""

import json
from pathlib import Path

import pytest

from appliance.app.backends import Answering
from appliance.app.switching import Switching
from appliance.backend import choice as choosing
from appliance.config import Config
from appliance.host.kept import Kept
from tests.sessions import House, rest, scene

BOTH = Answering(("realtime", "local"), frozenset({"realtime"}))


def kept(tmp_path: Path, **facts: object) -> Kept:
    file = tmp_path / "kept.json"
    file.write_text(json.dumps(facts))
    made = Kept(file)
    made.read()
    return made


def test_a_choice_is_kept_told_and_taken_back(tmp_path: Path) -> None:
    facts = kept(tmp_path)
    switching = Switching(Config(), BOTH, facts)
    told: list[str] = []
    switching.told.append(told.append)
    assert switching.choose("local")
    assert (switching.chosen, facts.facts["backend"]) == ("local", "local")
    assert not switching.choose("gemini")
    assert switching.choose("")
    assert facts.facts["backend"] == ""
    assert told == ["local", ""]


def test_a_choice_outlives_the_program(tmp_path: Path) -> None:
    switching = Switching(Config(), BOTH, kept(tmp_path, backend="local"))
    assert switching.chosen == "local"


def test_a_choice_that_is_not_in_the_order_any_more_is_forgotten(tmp_path: Path) -> None:
    facts = kept(tmp_path, backend="gemini")
    assert Switching(Config(), BOTH, facts).chosen == ""
    assert facts.facts["backend"] == ""


def test_a_choice_that_only_lacks_a_key_today_is_not(tmp_path: Path) -> None:
    facts = kept(tmp_path, backend="realtime")
    alone = Answering(("local",))
    assert Switching(Config(), alone, facts).chosen == ""
    assert facts.facts["backend"] == "realtime"


@pytest.mark.parametrize("nonsense", [3, None, ["local"]])
def test_what_is_no_name_was_never_kept(tmp_path: Path, nonsense: object) -> None:
    assert Switching(Config(), BOTH, kept(tmp_path, backend=nonsense)).chosen == ""


def test_the_conversation_is_told_and_says_what_stands_in_the_way() -> None:
    async def play(house: House) -> None:
        switching = Switching(Config(), BOTH, None)
        assert switching.serving == "realtime"
        switching.attach(house.failover)
        assert switching.obstacle("realtime") == ""
        switching.choose("local")
        await rest()
        assert switching.serving == house.failover.serving == "local"
        house.failover.set_private(private=True)
        assert switching.obstacle("realtime") == "privacy"
        switching.choose("")
        assert house.failover.choice.preferred is None
        switching.attach(None)
        switching.choose("local")
        assert choosing.serve(house.failover.choice) == "local"  # of privacy, not of the choice
        assert house.failover.choice.preferred is None

    scene(play)
