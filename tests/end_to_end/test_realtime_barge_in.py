"""Talking over a reply of the realtime service, and what keeps the box from talking to itself."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from appliance.audio.recorded_card import Pace
from appliance.units import Seconds
from tests.end_to_end.conftest import Player
from tests.realtime_box import (
    RATE,
    Came,
    Echo,
    Room,
    demo,
    on_the_wire,
    person,
    resemblance,
    scene,
    tone,
)
from tests.realtime_server import Manners, Reply, Script
from tests.realtime_server.script import Plan, Send, Wait
from tests.realtime_server.session import AUDIO

BLOCK = 0.01
BY_SPEECH: Mapping[str, Any] = {"turn": {"barge_in": "speech"}, "echo": {"cancel": "off"}}
"""As with headphones: nothing of what the box plays is in the room."""

CUTS_IN = 6.0
"""When the other person begins to talk."""


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))


def heard_ms(came: Came, *, until: float) -> float:
    """Return how much of the first reply, a tone, came out of the loudspeaker."""
    sounding = np.flatnonzero(np.abs(came.played(0.0, until)) > 100)
    return float(sounding[-1] - sounding[0] + 1) / came.rate * 1000


def talked_over(play: Player, reply: Reply, *, manners: Manners | None = None) -> Came:
    script = Script([reply, Reply("A latte.", tone(0.5, 880.0))], manners=manners or Manners())
    return Room(play, script, scene(11.0, (CUTS_IN, person("order_latte"))), BY_SPEECH)()


@pytest.fixture(scope="module")
def interrupted(play: Player, tmp_path_factory: pytest.TempPathFactory) -> Came:
    """A reply of 20 s that had come wholly long before somebody talks over it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STATE_DIRECTORY", str(tmp_path_factory.mktemp("state")))
        return talked_over(play, Reply("A long story.", tone(20.0)))


def test_loudspeaker_is_silent_one_block_after_the_decision(interrupted: Came) -> None:
    decided = interrupted.at("speech", 1)
    assert CUTS_IN < decided < CUTS_IN + 0.3
    assert np.abs(interrupted.played(decided - BLOCK, decided)).max() > 4_000
    again = interrupted.at("sound", 1)
    assert not interrupted.played(decided + BLOCK, again - BLOCK).any()


def test_server_is_told_how_much_of_the_item_was_really_played(
    interrupted: Came,
) -> None:
    (truncated,) = interrupted.server.session.of("conversation.item.truncate")
    played = heard_ms(interrupted, until=interrupted.at("speech", 1) + 0.1)
    assert truncated["audio_end_ms"] == pytest.approx(played, abs=20)
    assert interrupted.server.session.items[truncated["item_id"]]["role"] == "assistant"
    assert not interrupted.server.session.of("response.cancel"), "it was over long ago"


def test_first_syllables_of_who_cuts_in_reach_the_server(interrupted: Came) -> None:
    _, turn = interrupted.server.session.turns
    said = scene(11.0, (CUTS_IN, person("order_latte")))
    begins = int((interrupted.named("speech")[1].data["speech_start"] - 0.3) * RATE)  # type: ignore[operator]
    assert begins < CUTS_IN * RATE
    starts = [resemblance(turn, said[begins + shift :]) for shift in range(-320, 321)]
    assert max(starts) > 0.95


def pausing(steps: Plan) -> Plan:
    """Keep the last second of the sound back for a long time."""
    pieces = [
        place
        for place, step in enumerate(steps)
        if isinstance(step, Send) and step.event["type"] == AUDIO
    ]
    return [*steps[: pieces[-10]], Wait(30.0), *steps[pieces[-10] :]]


def test_speech_cuts_a_reply_that_is_still_coming_and_late_pieces_are_never_heard(
    play: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The recording would stand still until the whole reply is there.
    impatient = partial(Pace, longest_hold=Seconds(0.2))
    monkeypatch.setattr("appliance.app.replay.Pace", impatient)
    reply = Reply("A long story.", tone(6.0), twists=(pausing,))
    came = talked_over(play, reply, manners=Manners(late_deltas=4))
    session = came.server.session
    (cancel,) = session.of("response.cancel")
    cancelled = session.received_at[session.received.index(cancel)]
    assert any(at > cancelled and kind == AUDIO for at, kind in session.sent)
    decided = came.at("speech", 1)
    assert not came.played(decided + BLOCK, came.at("sound", 1) - BLOCK).any()
    (truncated,) = session.of("conversation.item.truncate")
    assert truncated["audio_end_ms"] == pytest.approx(heard_ms(came, until=decided + 0.1), abs=20)
    assert came.said().endswith("A latte.")


def test_wake_word_cuts_in_and_what_follows_it_is_the_next_turn(play: Player) -> None:
    script = Script([Reply("A long story.", tone(20.0)), Reply("Late.", tone(0.5, 880.0))])
    again = demo(34.6, 37.2)  # "hey jarvis, what time is it"
    came = Room(play, script, scene(13.0, (6.5, again)))()
    decided = came.at("wake", 1)
    assert not came.played(decided + BLOCK, came.at("sound", 1) - BLOCK).any()
    (truncated,) = came.server.session.of("conversation.item.truncate")
    played = heard_ms(came, until=decided + 0.1)
    assert truncated["audio_end_ms"] == pytest.approx(played, abs=20)
    assert len(came.server.session.turns) == 2
    assert came.said().endswith("Late.")


SMALL_ROOM = Echo()
LOUD_AND_LONG = Echo(gain=2.0, delay_s=0.12, rings_s=0.5)


def own_voice(play: Player, echo: Echo, *, length: float = 16.0, **turn: object) -> Came:
    """Have the box say something in a person's voice, and hear itself."""
    own = np.concatenate([person("order_latte"), person("order_mocha")])
    script = Script(otherwise=lambda _: Reply("Some order.", on_the_wire(own)))
    settings = {"turn": turn, "echo": {"cancel": "off"}}
    return Room(play, script, scene(length), settings, echo=replace(echo))()


@pytest.mark.parametrize("echo", [SMALL_ROOM, LOUD_AND_LONG], ids=["small room", "loud and long"])
def test_box_that_hears_its_own_reply_never_answers_itself(play: Player, echo: Echo) -> None:
    came = own_voice(play, echo)
    assert came.order("speech", "sound", "played", "rest") == ["speech", "sound", "played", "rest"]
    assert len(came.server.session.turns) == 1
    assert len(came.server.session.of("response.create")) == 1


def test_without_the_echo_guard_it_would(play: Player) -> None:
    came = own_voice(play, LOUD_AND_LONG, echo_guard_s=0.0)
    assert len(came.server.session.turns) > 1


def test_box_that_is_wrongly_told_to_trust_what_it_hears_soon_comes_to_rest(play: Player) -> None:
    came = own_voice(play, SMALL_ROOM, barge_in="speech")
    assert 2 <= len(came.server.session.turns) <= 5
    assert came.entries[-1].event == "rest"
