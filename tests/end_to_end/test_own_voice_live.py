"""The command itself beside its own loudspeaker: PortAudio, a sound server, a room, a person.

What the box plays goes through a virtual loudspeaker into a simulated room and comes back into the
virtual microphones, where a person talks over it.
"""

import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.audio.recording import write_wav
from appliance.backend.local.stt import Transcriber
from appliance.units import SampleRate
from tests.end_to_end.conftest import Player
from tests.end_to_end.test_live import running
from tests.end_to_end.test_realtime_live import Elsewhere
from tests.live_room import Acoustics, LiveRoom
from tests.models import model_folder
from tests.monologue import monologue
from tests.realtime_box import RATE, demo, person, tone
from tests.realtime_server import KEY, Reply, Script
from tests.realtime_server.script import RATE as WIRE
from tests.sound_server import Kind, sound_server

pytestmark = pytest.mark.timeout(180)

TALKS = 12.0
"""Seconds for which the box talks alone, and calls itself."""


@pytest.mark.parametrize("kind", ["pulse", "pipewire"])
def test_box_does_not_hear_itself_and_falls_silent_for_whoever_talks_over_it(
    play: Player, tmp_path: Path, kind: Kind
) -> None:
    story = monologue(play.parts.voice, 40.0, WIRE)
    key = tmp_path / "key"
    key.write_text(KEY)
    key.chmod(0o600)
    script = Script(
        [Reply("A story.", story.astype("<i2").tobytes()), Reply("A latte.", tone(0.5, 880.0))]
    )
    far = Elsewhere(script)
    with (
        far.running() as service,
        sound_server(tmp_path, kind=kind) as server,
        LiveRoom(server, Acoustics()) as room,
    ):
        settings = (
            f'[realtime]\nurl = "{service.url}"\napi_key_file = "{key}"\n'
            '[audio]\ninput = "microphone"\noutput = "loudspeaker"\nchimes = false\n'
        )
        with running(server, tmp_path, settings) as appliance:
            appliance.wait_for("sound")
            time.sleep(1.0)  # the wake word's window fills
            room.say(demo(0.5, 4.2))  # "hey jarvis, turn on the kitchen light"
            appliance.wait_for("sound", count=2)
            time.sleep(TALKS)
            told = [str(entry["event"]) for entry in appliance.told]
            assert told.count("wake") == 1
            assert told.count("speech") == 1
            begins = room.say(person("order_latte"))
            appliance.wait_for("speech", count=2)
            appliance.wait_for("sound", count=3)
            played = room.loudspeaker[begins:]
    silent = _longest_silence(played)
    write_wav(tmp_path / "played.wav", played, SampleRate(RATE))
    assert silent[0] < 1.0, "the story went on"
    assert silent[1] > 0.8
    _, turn = service.session.turns
    assert "latte" in _understood(turn).lower()


def _longest_silence(played: NDArray[np.int16]) -> tuple[float, float]:
    """Return where the longest silence begins and how long it is, in seconds."""
    loud = np.flatnonzero(np.abs(played) > 50)
    edges = np.concatenate([[0], loud, [len(played)]])
    gaps = np.diff(edges)
    longest = int(np.argmax(gaps))
    return float(edges[longest] / RATE), float(gaps[longest] / RATE)


def _understood(turn: bytes) -> str:
    heard = np.frombuffer(turn, dtype="<i2").astype(np.float64)
    place = np.arange(0, len(heard), WIRE / RATE)
    sound = np.interp(place, np.arange(len(heard)), heard).astype(np.int16)
    return Transcriber(model_folder("moonshine-base")).transcribe(sound)
