"""The sessions of the realtime service over several turns of the whole box."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from appliance.timeline import Entry
from tests.end_to_end.conftest import Player
from tests.realtime_box import LIGHT_ON, RATE, Came, Room, demo, on_then_told, person, scene, tone
from tests.realtime_server import RealtimeServer, Reply, Script
from tests.realtime_server.session import Session

TIME = demo(34.2, 37.2)  # "hey jarvis, what time is it"


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))


def said(came: Came) -> list[object]:
    return [entry.data["text"] for entry in came.named("reply")]


def told(session: Session) -> list[tuple[str, str]]:
    """Return what a session was told before its first turn, in short."""
    items = []
    for event in session.received:
        if event["type"] == "input_audio_buffer.commit":
            break
        if event["type"] == "conversation.item.create":
            items.append(_short(event["item"]))
    return items


def _short(item: dict[str, Any]) -> tuple[str, str]:
    match item["type"]:
        case "message":
            return item["role"], item["content"][0]["text"]
        case "function_call":
            return "call", item["name"]
        case "function_call_output":
            return "output", item["output"]
        case kind:
            return kind, ""


HISTORY = ["system", "user", "call", "output", "assistant"]


def two_turns(**backend: object) -> dict[str, Any]:
    return {"backend": backend}


def replies() -> list[Reply]:
    return [*on_then_told(), Reply("It is late.", tone(0.5))]


def assert_second_session_knows(came: Came) -> None:
    first, *_, second = [session for session in came.server.sessions if session.turns]
    assert len(first.turns) == len(second.turns) == 1
    known = told(second)
    assert [who for who, _ in known] == HISTORY
    assert known[1][1] == "turn on the light"
    assert known[2][1] == LIGHT_ON.name
    assert '"done"' in known[3][1]
    assert known[4][1] == "The kitchen light is on."
    assert came.said() == "The kitchen light is on. It is late."
    assert len(came.calls()) == 1


def test_follow_up_and_the_next_request_use_the_same_session(play: Player) -> None:
    sound = scene(20.0, (6.5, person("order_latte")), (13.0, TIME))
    script = Script([*on_then_told(), Reply("A latte.", tone(0.5)), Reply("Late.", tone(0.5))])
    came = Room(play, script, sound)()
    assert came.said() == "The kitchen light is on. A latte. Late."
    assert len(came.server.sessions) == 1
    assert len(came.server.paths) == 1
    assert len(came.server.session.turns) == 3


def test_session_that_nobody_uses_is_closed_and_the_next_is_told_the_conversation(
    play: Player,
) -> None:
    settings = two_turns(idle_close_s=0.1)
    came = Room(play, Script(replies()), scene(34.0, (30.0, TIME)), settings)()
    assert_second_session_knows(came)


def test_old_session_is_replaced_between_two_turns(play: Player) -> None:
    settings = two_turns(recycle_min=0.001)
    came = Room(play, Script(replies()), scene(18.0, (14.0, TIME)), settings)()
    assert_second_session_knows(came)


def test_server_that_was_away_is_told_what_the_box_did_by_itself(play: Player) -> None:
    tasks: list[asyncio.Task[None]] = []

    def watch(entry: Entry, server: RealtimeServer) -> None:
        if entry.event == "end_of_turn" and not tasks:
            server.kill()
            loop = asyncio.get_running_loop()
            tasks.append(loop.create_task(server.revive(), name="back"))

    script = Script(otherwise=lambda _: Reply("It is late.", tone(0.5)))
    came = Room(play, script, scene(94.0, (90.0, TIME)), watch=watch)()
    known = told(came.server.session)
    sign = ("assistant", "I'm on my own now.")
    assert [each[0] for each in known if each != sign] == HISTORY
    assert "kitchen light" in known[1][1]
    assert ("call", LIGHT_ON.name) in known
    assert known[-1][1].endswith("The kitchen light is on.")
    assert came.said().endswith("It is late.")
    assert len(came.calls()) == 1


def test_what_was_talked_over_is_told_as_far_as_it_was_heard(play: Player) -> None:
    long = "One sentence. " * 40
    script = Script([Reply(long, tone(40.0)), Reply("A latte.", tone(0.5)), *replies()[-1:]])
    sound = scene(20.0, (6.0, person("order_latte")), (16.0, TIME))
    by_speech = {"turn": {"barge_in": "speech"}, "echo": {"cancel": "off"}}
    settings = {**by_speech, "backend": {"recycle_min": 0.001}}
    came = Room(play, script, sound, settings)()
    told_of = [text for who, text in told(came.server.sessions[1]) if who == "assistant"]
    assert told_of
    assert len(told_of[0]) < len(long) / 4


def test_reply_that_breaks_off_is_played_as_far_as_it_came_and_then_answered_by_the_box(
    play: Player,
) -> None:
    def watch(entry: Entry, server: RealtimeServer) -> None:
        if entry.event == "first_sound":
            asyncio.get_running_loop().call_later(0.75, server.kill)

    long = Reply("The kitchen light is on, and more.", tone(6.0), pace=1.0)
    came = Room(play, Script([Reply("", calls=(LIGHT_ON,)), long]), watch=watch)()
    whole = np.abs(came.reply)
    began = int(came.at("sound") * RATE)
    assert whole[began : began + int(0.5 * RATE)].max() > 5_000
    assert came.at("sound", 1) - came.at("sound") == pytest.approx(0.8, abs=0.3)
    assert said(came)[1:] == ["I'm on my own now.", "The kitchen light is on."]
    assert len(came.calls()) == 1
    assert came.entries[-1].event == "rest"
