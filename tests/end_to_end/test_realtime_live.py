"""The command itself with the realtime service: real time, PortAudio, a socket, a broker."""

import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.audio.recording import write_wav
from appliance.backend.local.stt import Transcriber
from appliance.backend.local.trim import trim
from appliance.units import SampleRate
from tests.end_to_end.test_live import Running, eventually, running
from tests.models import model_folder
from tests.realtime_box import RATE, demo, on_then_told
from tests.realtime_server import KEY, RealtimeServer, Script, serving
from tests.sound_server import sound_server

pytestmark = [pytest.mark.alone, pytest.mark.timeout(180)]

HERTZ = 330
SAID = (
    "kitchen light is on",
    "turn on the light",
    "own now",
    "thirty percent",
    "30 percent",
)


class Elsewhere:
    """A scripted server on a thread of its own, as if it were far away."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self.server: RealtimeServer | None = None

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        async with serving(self._script) as self.server:
            self._ready.set()
            await self._ended.wait()

    @contextmanager
    def running(self) -> Iterator[RealtimeServer]:
        self._thread.start()
        assert self._ready.wait(10.0)
        assert self.server is not None
        assert self._loop is not None
        assert self._ended is not None
        try:
            yield self.server
        finally:
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join()

    def kill(self) -> None:
        assert self.server is not None
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self.server.kill)


def loudness_at(samples: NDArray[np.int16], hertz: float) -> float:
    """Return the share of a sound's energy that is around one tone."""
    spectrum = np.abs(np.fft.rfft(samples.astype(np.float64))) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / RATE)
    return float(spectrum[np.abs(frequency - hertz) < 10].sum() / spectrum.sum())


def told_after(appliance: Running, before: str, count: int, event: str) -> bool | None:
    """Say whether something came after the so manieth of something else."""
    events = [str(entry["event"]) for entry in appliance.told]
    places = [place for place, each in enumerate(events) if each == before]
    return event in events[places[count - 1] :] or None


def test_person_talks_to_the_service_and_when_it_dies_to_the_box_itself(tmp_path: Path) -> None:
    request, more = tmp_path / "request.wav", tmp_path / "more.wav"
    write_wav(request, demo(0.5, 4.6), SampleRate(RATE))
    write_wav(more, demo(7.7, 10.6), SampleRate(RATE))  # "and make it thirty percent"
    key = tmp_path / "key"
    key.write_text(KEY)
    key.chmod(0o600)
    far = Elsewhere(Script(on_then_told(), heard=["turn on the light"]))
    with far.running() as service, sound_server(tmp_path) as server:
        settings = (
            f'[realtime]\nurl = "{service.url}"\napi_key_file = "{key}"\n'
            '[audio]\ninput = "microphone"\noutput = "loudspeaker"\nchimes = false\n'
        )
        with running(server, tmp_path, settings, "--verbose") as appliance:
            appliance.wait_for("sound")
            time.sleep(1.0)  # the wake word's window fills
            with server.recording() as tone:
                server.say(request)
                appliance.wait_for("played")
            assert appliance.wait_for("tool_answer")["status"] == "done"
            assert loudness_at(tone.samples, HERTZ) > 0.9
            sounding = np.flatnonzero(np.abs(tone.samples) > 1_000)
            assert 0.9 < (sounding[-1] - sounding[0]) / RATE < 1.1

            with server.recording() as voice:
                with server.saying(more):
                    appliance.wait_for("speech", count=2)
                    far.kill()
                assert appliance.wait_for("tool_answer", count=2)["status"] == "done"
                assert eventually(lambda: told_after(appliance, "tool_answer", 2, "played"))
            assert appliance.wait_for("backend")["name"] == "local"
            heard = Transcriber(model_folder("moonshine-base")).transcribe(trim(voice.samples))
            assert "own now" in heard.lower()
            assert "kitchen light" in heard.lower()

            began = time.monotonic()
            appliance.process.send_signal(signal.SIGTERM)
            assert appliance.process.wait(timeout=10) == 0
            assert time.monotonic() - began < 2.0
    log = "".join(appliance.errors).lower()
    assert "turn:" in log, "it tells its decisions"
    assert "traceback" not in log, log
    assert KEY not in log
    assert not [words for words in SAID if words in log]
