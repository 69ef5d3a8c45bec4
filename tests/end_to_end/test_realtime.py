"""The whole box with a realtime backend: recorded people, real models, socket, broker and house.

The server is our scripted one, on the loopback (``tests.realtime_server``).
"""

import asyncio
from pathlib import Path

import numpy as np
import pytest
import soxr

from appliance.audio.recording import read
from appliance.backend.kinds.find import kind
from appliance.backend.kinds.seam import Means
from appliance.config import Config
from appliance.config.cloud import Realtime
from appliance.errors import BackendRefused, BackendUnavailable
from appliance.timeline import Entry
from tests.end_to_end.conftest import Player
from tests.realtime_box import DEMO, Came, Room, Sound, demo, on_then_told, tone
from tests.realtime_box import RATE as ROOM_RATE
from tests.realtime_server import (
    KEY,
    Call,
    Manners,
    RealtimeServer,
    Refusal,
    Reply,
    Script,
    serving,
)
from tests.realtime_server.script import RATE

PRICES = Path(__file__).parents[2] / "appliance" / "backend" / "money" / "prices.toml"


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))


def first_request() -> Sound:
    """Return "hey jarvis, turn on the kitchen light", and the quiet after it."""
    return demo(0.0, 6.0)


def two_requests(*, apart: int = 12) -> Sound:
    """Return the first request and, after some seconds, the one about the time."""
    hush = np.resize(demo(11.0, 17.0), apart * ROOM_RATE)
    return np.concatenate([first_request(), hush, demo(34.0, 40.0)])


def run(room: Room) -> tuple[Came, RealtimeServer]:
    came = room()
    return came, came.server


def test_request_goes_to_the_server_and_its_call_to_the_house(play: Player) -> None:
    played, server = run(Room(play, Script(replies=on_then_told()), first_request()))
    assert played.calls() == [("set_light", {"light": "kitchen_light", "state": "on"})]
    assert played.named("tool_answer")[0].data["status"] == "done"
    assert played.said() == "The kitchen light is on."
    (output,) = server.session.outputs.values()
    assert '"done"' in output
    assert not played.named("backend")


def test_server_hears_what_was_said_after_the_wake_word_and_nothing_before(play: Player) -> None:
    played, server = run(Room(play, Script(replies=on_then_told()), first_request()))
    (turn,) = server.session.turns
    room = read(DEMO)
    wake = played.named("wake")[0].at
    said = soxr.resample(room.samples[:, 0].astype(np.float32), room.rate, RATE)
    heard = np.frombuffer(turn, dtype="<i2").astype(np.float32)
    begin = int((wake - 0.2) * RATE)
    expected = said[begin : begin + len(heard)]
    assert np.corrcoef(heard, expected)[0, 1] > 0.98  # two resamplers differ at the top
    assert len(server.session.pcm) <= len(turn) + 2 * 5 * RATE  # the follow-up window, and no more


def test_reply_is_heard_as_it_was_sent(play: Player) -> None:
    played, _ = run(Room(play, Script(replies=[Reply("Hm.", tone(2.0))]), first_request()))
    sounding = np.flatnonzero(np.abs(played.reply) > 1_000)
    assert 1.9 < (sounding[-1] - sounding[0]) / played.rate < 2.1


@pytest.mark.parametrize("how", ["kill", "freeze"])
def test_server_that_is_gone_when_the_turn_ends_is_replaced_within_the_turn(
    play: Player, how: str
) -> None:
    def watch(entry: Entry, server: RealtimeServer) -> None:
        if entry.event == "end_of_turn":
            getattr(server, how)()

    played, server = run(Room(play, Script(), first_request(), watch=watch))
    server.thaw()
    assert played.named("backend")[0].data["name"] == "local"
    assert played.calls() == [("set_light", {"light": "kitchen_light", "state": "on"})]
    assert played.said() == "I'm on my own now. The kitchen light is on."


def test_server_that_goes_after_the_call_is_not_asked_and_the_house_is_not_told_again(
    play: Player,
) -> None:
    def watch(entry: Entry, server: RealtimeServer) -> None:
        if entry.event == "tool_answer":
            server.kill()

    played, _ = run(Room(play, Script(replies=on_then_told()), first_request(), watch=watch))
    assert played.calls() == [("set_light", {"light": "kitchen_light", "state": "on"})]
    assert played.said() == "I'm on my own now. The kitchen light is on."


def test_wrong_key_is_told_by_name_and_the_box_answers_itself(play: Player) -> None:
    played, _ = run(Room(play, Script(), first_request(), {"realtime": {"api_key": "sk-wrong"}}))
    (changed,) = played.named("backend")
    assert changed.data["name"] == "local"
    assert changed.data["reason"] == BackendRefused.code
    assert played.calls() == [("set_light", {"light": "kitchen_light", "state": "on"})]


def test_server_that_is_back_serves_the_next_turn(play: Player) -> None:
    async def back(server: RealtimeServer) -> None:
        await server.revive()

    tasks: list[asyncio.Task[None]] = []

    def watch(entry: Entry, server: RealtimeServer) -> None:
        if entry.event == "end_of_turn" and not tasks:
            server.kill()
            loop = asyncio.get_running_loop()
            tasks.append(loop.create_task(back(server), name="back"))

    script = Script(otherwise=lambda _: Reply("It is late.", tone(1.0)))
    played, _ = run(Room(play, script, two_requests(apart=90), watch=watch))
    said = [str(entry.data["text"]) for entry in played.named("reply")]
    assert said[:2] == ["I'm on my own now.", "The kitchen light is on."]
    assert said[-1] == "It is late."
    assert played.named("backend")[-1].data == {
        "name": "realtime",
        "reason": "recovered",
        "previous": "local",
    }


def test_money_that_ends_ends_the_service_from_the_next_turn_on(play: Player) -> None:
    usage: dict[str, object] = {
        "input_tokens": 10**6,
        "output_tokens": 10**6,
        "total_tokens": 2 * 10**6,
    }
    usage |= {
        "input_token_details": {"audio_tokens": 10**6, "text_tokens": 0, "cached_tokens": 0},
        "output_token_details": {"audio_tokens": 10**6, "text_tokens": 0},
    }
    script = Script(
        otherwise=lambda _: Reply("That was dear.", tone(1.0)), manners=Manners(usage=usage)
    )
    money = {"day_usd": 1.0, "prices_file": PRICES}
    played, server = run(Room(play, script, two_requests(), {"money": money}))
    assert len(server.session.of("response.create")) == 1
    (changed,) = played.named("backend")
    assert (changed.data["name"], changed.data["reason"]) == ("local", "budget")
    assert any(entry.event == "cost" for entry in played.entries)
    assert "It is" in played.said()


def test_who_asks_the_service_to_go_offline_is_answered_by_the_box_itself(play: Player) -> None:
    replies = [Reply("", calls=(Call("go_offline"),)), Reply("Too late.", tone(1.0))]
    settings = {"money": {"prices_file": PRICES}}  # else a server on the loopback costs nothing
    played, server = run(Room(play, Script(replies=replies), first_request(), settings))
    assert [name for name, _ in played.calls()] == ["go_offline"]
    assert not server.session.outputs
    (changed,) = played.named("backend")
    assert (changed.data["name"], changed.data["reason"]) == ("local", "privacy")
    assert "nothing leaves the house" in played.said()
    assert "Too late" not in played.said()


async def test_doctor_opens_a_session_and_says_how_long_that_took() -> None:
    async with serving(Script()) as server:
        config = Config(realtime=Realtime.model_validate({"url": server.url, "api_key": KEY}))
        assert "ready after" in await kind("realtime").probe(Means(config, lambda: ()))


async def test_doctor_names_the_reason_of_a_refusal() -> None:
    refusal = Refusal(401, code="invalid_api_key", message="Incorrect API key provided.")
    async with serving(Script(refusal=refusal)) as server:
        config = Config(realtime=Realtime.model_validate({"url": server.url, "api_key": KEY}))
        with pytest.raises(BackendRefused) as caught:  # bare: `doctor` goes on with what is left
            await kind("realtime").probe(Means(config, lambda: ()))
    assert caught.value.reason == "invalid_api_key"


async def test_doctor_is_told_that_nobody_is_there() -> None:
    async with serving(Script()) as server:
        url = server.url
    config = Config(realtime=Realtime.model_validate({"url": url, "api_key": KEY}))
    with pytest.raises(BackendUnavailable, match="nobody listens"):
        await kind("realtime").probe(Means(config, lambda: ()))
