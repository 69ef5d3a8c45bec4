"""The command itself, on sound that really goes through PortAudio and a sound server.

A request is played into a virtual microphone; ``voice-appliance run`` hears it, a simulated lamp
on a real mosquitto is on, and what the virtual loudspeaker plays is transcribed.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import paho.mqtt.client as paho
import pulsectl
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from appliance.audio.recording import read, write_wav
from appliance.backend.local.stt import Transcriber
from appliance.backend.local.trim import trim
from appliance.demo.broker import free_port
from appliance.demo.kitchen import MANIFESTS, simulated_kitchen
from appliance.units import SampleRate
from tests.broker import Broker, broker
from tests.models import model_folder
from tests.published import watched
from tests.sound_server import SoundServer, sound_server

ROOM = Path(__file__).parents[2] / "appliance" / "demo" / "room.flac"
LAMP = "zigbee2mqtt/kitchen_light"
RATE = 16_000

T = TypeVar("T")

pytestmark = [pytest.mark.alone, pytest.mark.timeout(180)]


@dataclass
class Running:
    """The appliance as a program of its own, and what it tells."""

    process: subprocess.Popen[str]
    told: list[dict[str, object]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.told.append(json.loads(line))

    def read_errors(self) -> None:
        assert self.process.stderr is not None
        self.errors.extend(self.process.stderr)

    def wait_for(self, event: str, *, count: int = 1, patience: float = 60.0) -> dict[str, object]:
        def found() -> dict[str, object] | None:
            seen = [entry for entry in self.told if entry["event"] == event]
            return seen[count - 1] if len(seen) >= count else None

        entry = eventually(found, patience)
        assert entry is not None, f"no {event}: {self.told[-8:]}\n{''.join(self.errors[-20:])}"
        return entry


def eventually(look: Callable[[], T | None], patience: float = 20.0) -> T | None:
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if (found := look()) is not None:
            return found
        time.sleep(0.05)
    return None


@contextmanager
def running(server: SoundServer, folder: Path, config: str, *flags: str) -> Iterator[Running]:
    """Run ``voice-appliance run`` on the virtual devices."""
    settings = folder / "config.toml"
    settings.write_text(config)
    tools = folder / "tools.d"
    tools.unlink(missing_ok=True)
    tools.symlink_to(MANIFESTS)
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "appliance", "run", "--json", "--config", str(settings), *flags],
        env={
            **os.environ,
            **server.variables,
            "RUNTIME_DIRECTORY": str(folder),
            "STATE_DIRECTORY": str(folder / "state"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        appliance = Running(process)
        readers = [
            threading.Thread(target=appliance.read),
            threading.Thread(target=appliance.read_errors),
        ]
        for reader in readers:
            reader.start()
        try:
            yield appliance
        finally:
            process.kill()
            process.wait()
            for reader in readers:
                reader.join()


@contextmanager
def states(port: int, topic: str) -> Iterator[list[bytes]]:
    """Collect what a topic says from here on."""
    seen: list[bytes] = []
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _client, _data, message: seen.append(bytes(message.payload))
    client.connect("127.0.0.1", port)
    client.subscribe(topic, qos=1)
    client.loop_start()
    try:
        yield seen
    finally:
        client.disconnect()
        client.loop_stop()


def settings(port: int) -> str:
    return (
        f'[mqtt]\nhost = "127.0.0.1"\nport = {port}\n'
        '[audio]\ninput = "microphone"\noutput = "loudspeaker"\n'
    )


@pytest.fixture(scope="module")
def request_wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ "Hey jarvis, turn on the kitchen light", and some quiet."""
    path = tmp_path_factory.mktemp("request") / "request.wav"
    write_wav(path, read(ROOM).samples[: int(5.5 * RATE), 0], SampleRate(RATE))
    return path


@pytest.fixture
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with (
        broker(tmp_path_factory.mktemp("broker")) as made,
        simulated_kitchen(made.port),
        watched(made.port),
    ):
        yield made


def test_request_played_into_the_microphone_switches_the_lamp_and_is_answered_aloud(
    tmp_path: Path, request_wav: Path, house: Broker
) -> None:
    with (
        sound_server(tmp_path) as server,
        states(house.port, LAMP) as lamp,
        running(server, tmp_path, settings(house.port)) as appliance,
    ):
        appliance.wait_for("sound")  # the card is open
        time.sleep(1.0)  # the wake word's window fills
        with server.recording() as heard:
            server.say(request_wav)
            appliance.wait_for("played")
        assert b'"state":"ON"' in lamp[-1].replace(b" ", b"")
        answer = appliance.wait_for("tool_answer")
        assert (answer["tool"], answer["status"]) == ("set_light", "done")
        transcript = Transcriber(model_folder("moonshine-base")).transcribe(trim(heard.samples))
        assert "kitchen light is on" in transcript.lower()

        began = time.monotonic()
        appliance.process.send_signal(signal.SIGTERM)
        assert appliance.process.wait(timeout=10) == 0
        assert time.monotonic() - began < 2.0
        assert not any("Traceback" in line for line in appliance.errors), appliance.errors


def test_broker_that_goes_away_is_told_of_and_comes_back_without_a_restart(
    tmp_path: Path, request_wav: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with (
        broker(tmp_path_factory.mktemp("broker")) as house,
        watched(house.port),
        sound_server(tmp_path) as server,
        running(server, tmp_path, settings(house.port)) as appliance,
    ):
        appliance.wait_for("sound")
        time.sleep(1.0)
        house.kill()
        appliance.wait_for("trouble")
        server.say(request_wav)
        answer = appliance.wait_for("tool_answer")
        assert answer["status"] == "failed"
        house.start()
        appliance.wait_for("house", count=1)
        with simulated_kitchen(house.port), states(house.port, LAMP) as lamp:
            assert eventually(lambda: lamp[-1] if lamp else None) is not None
            server.say(request_wav)
            again = appliance.wait_for("tool_answer", count=2)
            assert again["status"] == "done"


def test_hangup_reads_the_settings_again_and_a_wrong_file_keeps_the_old_ones(
    tmp_path: Path, house: Broker
) -> None:
    with (
        sound_server(tmp_path) as server,
        running(server, tmp_path, settings(house.port)) as appliance,
    ):
        appliance.wait_for("sound")
        (tmp_path / "config.toml").write_text("[mqtt]\nhots = 1\n")
        appliance.process.send_signal(signal.SIGHUP)
        appliance.wait_for("sound", count=2)
        complaint = "".join(appliance.errors)
        assert "hots" in complaint
        assert "the old one goes on" in complaint
        appliance.process.send_signal(signal.SIGTERM)
        assert appliance.process.wait(timeout=10) == 0


def test_sound_card_that_is_unplugged_comes_back_without_a_restart(
    tmp_path: Path, request_wav: Path, house: Broker
) -> None:
    with (
        sound_server(tmp_path) as server,
        running(server, tmp_path, settings(house.port)) as appliance,
    ):
        appliance.wait_for("sound")
        server.kill()
        appliance.wait_for("trouble")
        server.start()
        appliance.wait_for("sound", count=2)
        time.sleep(1.0)
        server.say(request_wav)
        assert appliance.wait_for("tool_answer")["tool"] == "set_light"


def test_broker_that_is_not_there_is_told_aloud_once(tmp_path: Path) -> None:
    with (
        sound_server(tmp_path) as server,
        server.recording() as heard,
        running(server, tmp_path, settings(free_port())) as appliance,
    ):
        appliance.wait_for("trouble")
        time.sleep(8.0)  # several attempts later
    transcriber = Transcriber(model_folder("moonshine-base"))
    assert "connection to the house" in transcriber.transcribe(trim(heard.samples)).lower()
    spoken = np.flatnonzero(np.abs(heard.samples) > 300)
    assert (spoken[-1] - spoken[0]) / RATE < 4.0  # one sentence, not one for each attempt


def test_house_mutes_the_box_and_it_is_still_mute_after_a_restart(
    tmp_path: Path, request_wav: Path, house: Broker
) -> None:
    with sound_server(tmp_path) as server:
        with running(server, tmp_path, settings(house.port)) as appliance:
            appliance.wait_for("sound")
            tell(house.port, "voice-appliance/box/set/mute", "on")
            appliance.wait_for("muted")
            server.say(request_wav)
            assert not [entry for entry in appliance.told if entry["event"] == "tool_call"]
            appliance.process.send_signal(signal.SIGTERM)
            assert appliance.process.wait(timeout=10) == 0
        with running(server, tmp_path, settings(house.port)) as again:
            again.wait_for("muted")
            tell(house.port, "voice-appliance/box/set/mute", "off")
            again.wait_for("rest")


def test_music_is_soft_while_somebody_talks_with_the_box(
    tmp_path: Path, request_wav: Path, house: Broker
) -> None:
    music = tmp_path / "music.wav"
    write_wav(music, np.zeros(120 * RATE, dtype=np.int16), SampleRate(RATE))
    with (
        sound_server(tmp_path, kind="pipewire") as server,
        server.playing(music, name="music"),
        states(house.port, "voice-appliance/box/+") as told,
        running(server, tmp_path, settings(house.port)) as appliance,
    ):
        appliance.wait_for("sound")
        time.sleep(1.0)
        assert volume_of(server, "music") == 1.0
        with server.saying(request_wav):
            appliance.wait_for("tool_answer")
            assert volume_of(server, "music") == pytest.approx(10 ** (-20 / 60), abs=1e-4)
            assert b'{"by_db":20.0}' in told
        appliance.wait_for("rest")
        assert eventually(lambda: True if volume_of(server, "music") == 1.0 else None)
        assert eventually(lambda: True if told.count(b'{"by_db":20.0}') == 2 else None)


def volume_of(server: SoundServer, name: str) -> float:
    with pulsectl.Pulse("test", server=server.variables["PULSE_SERVER"]) as pulse:
        volumes = {
            each.proplist["application.name"]: each.volume.values[0]
            for each in pulse.sink_input_list()
        }
        return float(volumes[name])


def tell(port: int, topic: str, text: str) -> None:
    """Publish one message, as somebody else in the house."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.publish(topic, text, qos=1).wait_for_publish(timeout=5)
    client.disconnect()
    client.loop_stop()
