"""A lock that takes a PIN: asked for, said aloud and heard, against a real broker."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import paho.mqtt.client as mqtt
import pytest
import soxr
from paho.mqtt.enums import CallbackAPIVersion

from appliance.app.house import House
from appliance.host.pin_file import PinFile
from appliance.tools.gate import pin
from appliance.tools.parse import parse_toml
from tests.broker import Broker, broker
from tests.end_to_end.conftest import Player
from tests.published import watched
from tests.realtime_box import RATE, Came, Room, Sound, scene
from tests.realtime_server import Call, Reply, Script
from tests.realtime_server.script import RATE as WIRE

LOCK = "home/front-door/set"
MANIFEST = b"""
name = "unlock_front_door"
description = "Unlocks the front door."
examples = ["unlock the front door", "open the lock of the front door"]
risk = "pin"
say = { done = "The front door is unlocked.", unconfirmed = "I have unlocked the front door." }

[command]
topic = "home/front-door/set"
payload = "UNLOCK"
"""
ASKS_AT = 4.6
"""When the box begins to ask, at the latest."""

LEAKED = re.compile(
    r"(?<![\d.])(1 ?2 ?3 ?4|9 ?9 ?9 ?9)(?!\d)|two.{1,3}three|nine.{1,3}nine", re.IGNORECASE
)


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    PinFile(tmp_path).write(pin.hashed("1234"))


@dataclass
class Door:
    """A lock: writes down what is published to it."""

    broker: Broker
    got: list[bytes] = field(default_factory=list)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with broker(tmp_path) as running, watched(running.port):
        made = Door(running)
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        client.on_message = lambda _client, _data, message: made.got.append(bytes(message.payload))
        client.connect("127.0.0.1", running.port)
        client.subscribe(LOCK, qos=1)
        client.loop_start()
        yield made
        client.disconnect()
        client.loop_stop()


def spoken(play: Player, text: str) -> Sound:
    """Return what a person says, as a microphone at 1.5 m hears it."""
    voice = play.parts.voice
    sound = soxr.resample(voice.synthesize(text).astype(np.float32), voice.rate, RATE)
    return np.asarray(sound * (1_600 / np.sqrt(np.mean(sound**2))), dtype=np.int16)


def in_the_room(
    play: Player, door: Door, script: Script, *answers: str, settings: Mapping[str, Any]
) -> Came:
    """Ask for the door, and answer each question a second after it."""
    said, at = [(1.5, spoken(play, "Hey Jarvis! Unlock the front door."))], ASKS_AT + 4.5
    for answer in answers:
        said.append((at, spoken(play, answer)))
        at += 7.2

    def lock(house: House) -> None:
        assert house.tools.set_files([parse_toml(MANIFEST, source="lock.toml")]) == ()

    return Room(
        play,
        script,
        scene(at + 2.0, *said, request=False),
        {
            "mqtt": {"host": "127.0.0.1", "port": door.broker.port},
            "homeassistant": {"discovery": False},
            "devices": {"discover": []},
            "echo": {"cancel": "off"},
            "gate": {"challenge_s": 120.0},  # of the wall's time; the sound has its own
            **settings,
        },
        house=lock,
    )()


def alone(play: Player, door: Door, *answers: str) -> Came:
    """On the device, without anybody else."""
    settings = {"backend": {"order": ["local"]}}
    return in_the_room(play, door, Script([]), *answers, settings=settings)


def loudest(sound: Sound) -> int:
    return int(np.abs(sound.astype(np.int32)).max(initial=0))


def read(came: Came) -> list[str]:
    """Return how each answer was understood."""
    return [e.text.split()[0] for e in came.named("understood") if "[confirmation]" in e.text]


def leaks(came: Came, log: str) -> bool:
    """Whether the PIN stands anywhere where people or programs read."""
    told = " ".join(str(entry.as_json()) + entry.text for entry in came.entries)
    return bool(LEAKED.search(told) or LEAKED.search(log))


def test_pin_that_is_said_aloud_unlocks_once(
    play: Player, door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    came = alone(play, door, "One, two, three, four.")
    assert door.got == [b"UNLOCK"]
    assert read(came) == ["PIN"]
    assert came.said().endswith("I have unlocked the front door.")
    assert len(came.named("transcript")) == 1
    assert not leaks(came, caplog.text)


def test_wrong_pin_is_asked_for_again_and_unlocks_nothing(
    play: Player, door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    came = alone(play, door, "Nine, nine, nine, nine.", "No.")
    assert door.got == []
    assert read(came) == ["PIN", "no"]
    assert "That was not the PIN." in came.said()
    assert came.said().endswith("All right, I leave it.")
    assert not leaks(came, caplog.text)


@pytest.mark.parametrize(("answer", "got"), [("One, two, three, four.", [b"UNLOCK"]), ("No.", [])])
def test_sound_of_the_answer_never_reaches_the_service_that_asked_for_the_door(
    play: Player, door: Door, answer: str, got: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    script = Script([Reply("", calls=(Call("unlock_front_door"),)), Reply("")])
    came = in_the_room(play, door, script, answer, settings={})
    assert door.got == got
    session = came.server.session
    assert len(session.turns) == 1
    after = np.frombuffer(bytes(session.pcm[len(session.turns[0]) :]), dtype="<i2")
    assert loudest(after) < loudest(spoken(play, answer)) / 10  # the quiet after the outcome
    assert len(session.turns[0]) / 2 / WIRE < ASKS_AT
    assert "asked" in str(session.outputs)
    assert not leaks(came, caplog.text)
    assert not any("1234" in str(event) for event in session.received)
