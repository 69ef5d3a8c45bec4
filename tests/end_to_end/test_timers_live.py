"""A timer in the command itself, which is killed while the timer runs."""

import json
import time
from pathlib import Path

import numpy as np
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from appliance.backend.local.stt import Transcriber
from appliance.backend.local.trim import trim
from tests.broker import broker
from tests.end_to_end.test_live import Running, eventually, running, settings, states
from tests.models import model_folder
from tests.sound_server import sound_server

QUIET = 300
RATE = 16_000
LENGTH = 45.0
ORDER = b'{"action": "start", "duration_s": 45, "name": "pasta"}'

pytestmark = [pytest.mark.alone, pytest.mark.timeout(240)]


def tell(port: int, name: str, payload: bytes) -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.publish(f"voice-appliance/box/set/{name}", payload, qos=1).wait_for_publish(5.0)
    client.disconnect()
    client.loop_stop()


def happened(appliance: Running, what: str, patience: float) -> float | None:
    def seen() -> float | None:
        told = [e for e in appliance.told if e["event"] == "timer" and e.get("what") == what]
        return time.monotonic() if told else None

    return eventually(seen, patience)


def test_a_timer_outlives_a_kill_rings_in_time_and_stops_over_the_broker(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    with broker(tmp_path / "broker") as house, sound_server(tmp_path) as server:
        config = settings(house.port) + '[device]\nid = "box"\n'
        with running(server, tmp_path, config) as appliance:
            appliance.wait_for("sound")
            began = time.monotonic()
            tell(house.port, "timer", ORDER)
            assert happened(appliance, "started", 10.0) is not None
            assert eventually(lambda: (tmp_path / "state" / "timers.json").exists() or None)
        # killed: nothing was saved at the end
        with (
            states(house.port, "voice-appliance/box/timers") as rows,
            running(server, tmp_path, config) as appliance,
        ):
            appliance.wait_for("sound")
            assert json.loads(rows[0])[0]["name"] == "pasta"  # the retained one
            with server.recording() as heard:
                over = happened(appliance, "ended", LENGTH + 30.0)
                assert over is not None
                assert LENGTH - 1.0 <= over - began <= LENGTH + 5.0
                time.sleep(6.5)
                tell(house.port, "stop", b"")
                assert happened(appliance, "stopped", 20.0) is not None
            assert not any("Traceback" in line for line in appliance.errors), appliance.errors
            assert eventually(lambda: rows[-1] == b"[]" or None, 5.0)
    loud = np.flatnonzero(np.abs(heard.samples) > QUIET)
    assert len(loud)
    sentence = heard.samples[loud[0] + RATE :]  # behind the chime
    transcript = Transcriber(model_folder("moonshine-base")).transcribe(trim(sentence))
    assert "timer is over" in transcript.lower()
