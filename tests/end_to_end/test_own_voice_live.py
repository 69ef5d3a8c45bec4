"""The command itself beside its own loudspeaker: PortAudio, a sound server, a room, a person.

What the box plays goes through a virtual loudspeaker into a simulated room and comes back into the
virtual microphones, where a person talks over it. A shared machine is late now and then: sound is
lost, the echo slips, and a person is half heard. So it has some tries, as all real sound has; and
a try in which a witness saw the machine lose time, and the box itself has counted what slipped by
that, tells nothing of the box but this. The same without a clock, where nothing can be late, is
``test_own_voice``, and there every try counts.
"""

import json
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.backend.local.stt import Transcriber
from tests.end_to_end.conftest import Player
from tests.end_to_end.test_live import Running, eventually, running
from tests.end_to_end.test_realtime_live import Elsewhere
from tests.live_room import Acoustics, LiveRoom
from tests.models import model_folder
from tests.monologue import monologue
from tests.realtime_box import RATE, demo, person, tone
from tests.realtime_server import KEY, Reply, Script
from tests.realtime_server.script import RATE as WIRE
from tests.sound_server import Kind, sound_server
from tests.steady import Machine, metronome

pytestmark = [pytest.mark.alone, pytest.mark.timeout(240)]

TALKS = 12.0
"""Seconds for which the box talks alone, and calls itself."""


@dataclass(frozen=True)
class Came:
    """What came of it."""

    events: list[str]
    """While the box talked alone."""

    stopped: float
    """Seconds from where the person began to the silence of the loudspeaker."""

    silent: float
    """How long that lasted, in seconds."""

    understood: str

    late: int
    """Blocks that the room left out, for the machine did not let it come in time."""

    slips: int
    """Times the reference moved against the microphones, as the box has counted."""

    machine: Machine


@pytest.mark.parametrize("kind", ["pulse", "pipewire"])
def test_box_does_not_hear_itself_and_falls_silent_for_whoever_talks_over_it(
    play: Player, tmp_path_factory: pytest.TempPathFactory, kind: Kind
) -> None:
    story = monologue(play.parts.voice, 40.0, WIRE).astype("<i2").tobytes()
    with metronome() as machine:
        came = _talk(story, tmp_path_factory.mktemp("live"), kind, machine)
    if machine.busy and came.slips:
        return  # a machine too busy for sound, and the box has said so
    assert (came.events.count("wake"), came.events.count("speech")) == (1, 1), came
    assert came.stopped < 1.0, came
    assert came.silent > 0.8, came
    assert "latte" in came.understood, came


def _talk(story: bytes, folder: Path, kind: Kind, machine: Machine) -> Came:
    key = folder / "key"
    key.write_text(KEY)
    key.chmod(0o600)
    far = Elsewhere(Script([Reply("A story.", story), Reply("A latte.", tone(0.5, 880.0))]))
    with (
        far.running() as service,
        sound_server(folder, kind=kind) as server,
        LiveRoom(server, Acoustics()) as room,
    ):
        settings = (
            f'[realtime]\nurl = "{service.url}"\napi_key_file = "{key}"\n'
            '[audio]\ninput = "microphone"\noutput = "loudspeaker"\nchimes = false\n'
            f'[recorder]\nfolder = "{folder / "recorded"}"\n'
        )
        with running(server, folder, settings) as appliance:
            appliance.wait_for("sound")
            time.sleep(1.0)  # the wake word's window fills
            room.say(demo(0.5, 4.2))  # "hey jarvis, turn on the kitchen light"
            appliance.wait_for("sound", count=2)
            time.sleep(TALKS)
            alone = [str(entry["event"]) for entry in appliance.told]
            begins = room.say(np.concatenate([person("order_mocha"), person("order_latte")]))
            eventually(lambda: _sounds(appliance) > 2 or None, 8.0)
            played = room.loudspeaker[begins:]
            appliance.process.send_signal(signal.SIGINT)
            appliance.process.wait(timeout=20)
    stopped, silent = _longest_silence(played)
    turns = service.session.turns
    understood = _understood(turns[1]).lower() if len(turns) > 1 else ""
    slips = _slips(folder / "recorded")
    return Came(alone, stopped, silent, understood, room.late, slips, machine)


def _slips(recorded: Path) -> int:
    """Return what the box has counted, from what its recorder wrote beside the sound."""
    facts = json.loads(max(recorded.glob("hearing-*.json")).read_text())["facts"]
    return int(facts[-1]["counters"]["reference_slips"])


def _sounds(appliance: Running) -> int:
    return sum(entry["event"] == "sound" for entry in appliance.told)


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
