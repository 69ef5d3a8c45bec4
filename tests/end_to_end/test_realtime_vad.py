"""The whole box where the realtime service finds the end of what is said."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from appliance.timeline import Entry
from tests.end_to_end.conftest import Player
from tests.realtime_box import (
    REQUEST_S,
    Came,
    Echo,
    Room,
    demo,
    on_the_wire,
    on_then_told,
    person,
    scene,
    tone,
)
from tests.realtime_server import RealtimeServer, Reply, Script

LIGHT = ("set_light", {"light": "kitchen_light", "state": "on"})


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))


def detection(kind: str, **more: object) -> Mapping[str, Any]:
    return {"realtime": {"turn_detection": {"kind": kind, **more}}}


def by_backend(came: Came) -> list[bool]:
    return [entry.data.get("by") == "backend" for entry in came.named("end_of_turn")]


@pytest.mark.parametrize(
    ("kind", "create"),
    [("server_vad", False), ("server_vad", True), ("semantic_vad", False)],
)
def test_turn_ends_where_the_server_says_and_is_answered_once(
    play: Player, kind: str, *, create: bool
) -> None:
    came = Room(play, Script(on_then_told()), settings=detection(kind, create_response=create))()
    session = came.server.session
    assert came.calls() == [LIGHT]
    assert came.said() == "The kitchen light is on."
    assert not session.of("input_audio_buffer.commit"), "the server does that"
    assert len(session.turns) == 1
    assert len(session.of("response.create")) == (1 if create else 2)
    assert True in by_backend(came)
    assert not came.named("backend")


def test_silence_that_the_device_hears_does_not_cut_a_sentence(play: Player) -> None:
    settings = detection("server_vad", silence_duration_ms=2_000)
    sound = scene(10.0, (REQUEST_S + 0.8, person("order_latte")))
    came = Room(play, Script([Reply("Both.", tone(1.0))]), sound, settings)()
    (turn,) = came.server.session.turns
    assert len(turn) / 48_000 > 3.5, "both halves"
    assert came.at("sound") > REQUEST_S + 0.8 + 1.2 + 1.9
    assert came.said() == "Both."
    assert len(came.server.session.of("response.create")) == 1


@pytest.mark.parametrize(("how", "create"), [("kill", False), ("freeze", True)])
def test_server_that_goes_before_it_has_found_the_end_is_replaced_in_the_turn(
    play: Player, how: str, *, create: bool
) -> None:
    def watch(entry: Entry, server: RealtimeServer) -> None:
        if entry.event == "end_of_turn" and "speech_end" in entry.data:
            getattr(server, how)()

    settings = detection("server_vad", silence_duration_ms=2_000, create_response=create)
    came = Room(play, Script(), scene(8.0), settings, watch)()
    assert came.calls() == [LIGHT]
    assert came.said() == "I'm on my own now. The kitchen light is on."
    assert came.named("backend")[0].data["name"] == "local"


def test_server_that_goes_while_somebody_speaks_is_replaced_in_the_turn(play: Player) -> None:
    def watch(entry: Entry, server: RealtimeServer) -> None:
        if entry.event == "speech":
            server.kill()

    came = Room(play, Script(), settings=detection("semantic_vad"), watch=watch)()
    assert came.calls() == [LIGHT]
    assert came.said() == "I'm on my own now. The kitchen light is on."


def test_server_that_listens_for_itself_is_not_given_the_box_s_own_voice(play: Player) -> None:
    own = np.concatenate([person("order_latte"), person("order_mocha")])
    script = Script(otherwise=lambda _: Reply("Some order.", on_the_wire(own)))
    settings = detection("server_vad", create_response=True)
    came = Room(play, script, scene(16.0), settings, echo=Echo(2.0, 0.12, 0.5))()
    assert len(came.server.session.turns) == 1
    assert came.order("sound", "played") == ["sound", "played"]


def test_follow_up_without_the_wake_word_is_a_turn_of_its_own(play: Player) -> None:
    replies = [Reply("It is on.", tone(1.0)), Reply("A latte.", tone(1.0))]
    settings = detection("server_vad", create_response=True)
    came = Room(play, Script(replies), scene(14.0, (7.0, person("order_latte"))), settings)()
    assert came.said() == "It is on. A latte."
    assert len(came.server.session.turns) == 2
    assert len(came.server.sessions) == 1


def test_tail_of_the_wake_word_is_no_turn(play: Player) -> None:
    sound = scene(14.0, (0.0, demo(16.0, 19.4)), request=False)  # "hey jarvis", and no more
    settings = {**detection("server_vad", create_response=True), "wake": {"pre_roll_s": 0.7}}
    came = Room(play, Script(), sound, settings)()
    assert came.server.session.turns, "the server takes it for one"
    assert came.order("wake", "speech", "sound", "rest") == ["wake", "rest"]
    assert not came.server.session.of("response.create")
    assert not came.reply.any()
