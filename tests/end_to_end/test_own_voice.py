"""The box beside its own loudspeaker: it does not hear itself, and hears whoever talks over it.

The whole box with the scripted realtime server, in lockstep with a room that gives back what the
loudspeaker plays: real models, real socket, and sound that is computed block by block.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from appliance.backend.local.stt import Transcriber
from tests.end_to_end.conftest import Player
from tests.models import model_folder
from tests.monologue import monologue
from tests.realtime_box import RATE, Came, Echo, Room, person, scene, tone
from tests.realtime_server import Reply, Script
from tests.realtime_server.script import RATE as WIRE

ROOMS = {
    "small": Echo(gain=0.5, delay_s=0.04, rings_s=0.25),
    "large": Echo(gain=0.7, delay_s=0.12, rings_s=0.45),
}

MINUTES = 10.0

CUTS_IN = 16.0
"""Seconds at which somebody talks over the box, which has been talking for ten."""


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))


def long_story(play: Player, seconds: float) -> Reply:
    sound = monologue(play.parts.voice, seconds, WIRE)
    return Reply("A story.", sound.astype("<i2").tobytes())


@pytest.mark.timeout(420)
def test_nothing_triggers_on_ten_minutes_of_its_own_voice_calling_itself(play: Player) -> None:
    seconds = MINUTES * 60
    script = Script([long_story(play, seconds), Reply("Never.", tone(0.5))])
    came = Room(play, script, scene(seconds + 20.0), echo=replace(ROOMS["small"]))()
    assert came.order("wake", "speech", "sound", "played", "rest") == [
        "wake", "speech", "sound", "played", "rest",
    ]  # fmt: skip
    assert sum(len(session.turns) for session in came.server.sessions) == 1
    assert came.at("played") - came.at("sound") == pytest.approx(seconds, abs=1.0)


@pytest.mark.parametrize("room", ROOMS)
def test_somebody_who_talks_over_the_box_stops_it_and_is_understood(
    play: Player, room: str
) -> None:
    script = Script([long_story(play, 40.0), Reply("A latte.", tone(0.5, 880.0))])
    latte = person("order_latte")
    came = Room(play, script, scene(24.0, (CUTS_IN, latte)), echo=replace(ROOMS[room]))()
    decided = came.at("speech", 1)
    assert CUTS_IN < decided < CUTS_IN + 0.6
    assert came.said().endswith("A latte.")
    assert "latte" in understood(came).lower()


def test_wake_word_cuts_in_while_it_talks(play: Player) -> None:
    script = Script([long_story(play, 40.0), Reply("A latte.", tone(0.5, 880.0))])
    alexa = {"wake": {"words": ["alexa", "hey_jarvis"]}, "turn": {"barge_in": "wake_word"}}
    called = np.concatenate([person("alexa_037"), person("order_latte")])
    came = Room(
        play, script, scene(26.0, (CUTS_IN, called)), alexa, echo=replace(ROOMS["small"])
    )()
    decided = came.at("wake", 1)
    assert CUTS_IN < decided < CUTS_IN + 2.0
    assert "latte" in understood(came).lower()


def understood(came: Came) -> str:
    """Return what the recogniser makes of what the server got of the second turn."""
    _, turn = came.server.session.turns
    heard = np.frombuffer(turn, dtype="<i2").astype(np.float64)
    place = np.arange(0, len(heard), WIRE / RATE)
    sound = np.interp(place, np.arange(len(heard)), heard).astype(np.int16)
    return Transcriber(model_folder("moonshine-base")).transcribe(sound)
