"""Who the box is, and what it does not speak of, in the whole box with a realtime service."""

import json
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Player
from tests.realtime_box import Room, demo, scene, tone
from tests.realtime_server import RealtimeServer, Reply, Script

BUTLER = """
wake_words = ["hey_jarvis"]
instructions = "You are {{name}}, a butler. {{house}}"
[voices]
realtime = "cedar"
"""


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))


def sessions(server: RealtimeServer) -> list[dict[str, object]]:
    """Return the settings of every session, in order."""
    return [
        event["session"]
        for session in server.sessions
        for event in session.received
        if event["type"] == "session.update"
    ]


def test_the_wake_word_says_who_the_box_is(play: Player, tmp_path: Path) -> None:
    (tmp_path / "butler.toml").write_text(BUTLER)
    settings = {"prompts": {"folder": tmp_path, "variables": {"house": "Ann lives here."}}}
    came = Room(play, Script(replies=[Reply()]), demo(0.0, 6.0), settings)()
    (session,) = sessions(came.server)
    assert str(session["instructions"]).startswith(
        "You are Voice appliance, a butler. Ann lives here."
    )
    assert "cedar" in json.dumps(session["audio"])


def test_a_reply_that_breaks_a_rule_is_cut_and_the_box_says_so(play: Player) -> None:
    rule = {"name": "violence", "words": ["gun"], "say": "Not in this house."}
    script = Script(replies=[Reply("First you take the gun and then you run away.", tone(4.0))])
    came = Room(play, script, scene(12.0), {"guardrails": {"rules": [rule]}})()
    assert [entry.data["rule"] for entry in came.named("cut")] == ["violence"]
    assert "Not in this house." in came.said()
    assert "run away" not in came.said()
    assert came.server.session.kinds().count("response.create") == 1
