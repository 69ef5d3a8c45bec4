"""A virtual sound server: a microphone and a loudspeaker on a machine that has neither.

    with sound_server(tmp_path) as server:
        with server.environment():              # this process now sees only the virtual devices
            card = PyAudioCard(Wish("microphone", "loudspeaker"), ...)
            with server.recording() as heard:   # what the loudspeaker plays, from here on
                server.say(wav)                 # plays a file into the microphone, to its end
        heard.samples, heard.rate               # int16 (n,)

It is a private PulseAudio with two null sinks. What one plays into the sink ``mic_bus`` is what
``microphone`` records (the sink's monitor); what ``loudspeaker`` plays can be recorded from its
monitor. ALSA names both through the ``pulse`` plugin in a configuration file of our own, so that
PortAudio finds them by those names and nothing else but ``default``.

``kill`` and ``start`` take the whole server away and bring it back: to a program the same as a USB
card that is unplugged and plugged in again.

PortAudio reads the environment when it is initialised, so ``environment`` must surround that; it
sets the variables of this process and puts them back. Helpers run as programs of their own with
those variables. Nothing of the user's own sound server is touched. Works as root.

Debian packages: pulseaudio pulseaudio-utils libasound2-plugins.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 16_000

_ALSA = """\
</usr/share/alsa/alsa.conf>
pcm.!default { type pulse }
ctl.!default { type pulse }
pcm.microphone { type pulse device mic_bus.monitor }
pcm.loudspeaker { type pulse device loudspeaker }
"""

_PULSE = """\
load-module module-native-protocol-unix auth-anonymous=1
load-module module-null-sink sink_name=loudspeaker rate={rate} channels=1 norewinds=1
load-module module-null-sink sink_name=mic_bus rate={rate} channels={channels} norewinds=1
set-default-sink loudspeaker
set-default-source mic_bus.monitor
"""

_SETTLE = 0.15
"""Seconds until a client that was just started really streams."""


@dataclass
class Heard:
    """What the loudspeaker played."""

    rate: int = RATE
    samples: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, dtype=np.int16))
    """Filled when the recording ends."""


class SoundServer:
    """A PulseAudio of our own; see the head of this module."""

    def __init__(self, folder: Path, *, channels: int = 1) -> None:
        assert len(str(folder)) < 80, f"too long for the path of a socket: {folder}"
        self._folder = folder
        self._server: subprocess.Popen[bytes] | None = None
        (folder / "run" / "pulse").mkdir(parents=True)
        (folder / "run").chmod(0o700)
        (folder / "home").mkdir()
        (folder / "asound.conf").write_text(_ALSA)
        (folder / "server.pa").write_text(_PULSE.format(rate=RATE, channels=channels))
        self.variables: Mapping[str, str] = {
            "PULSE_COOKIE": str(folder / "cookie"),
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "PULSE_RUNTIME_PATH": str(folder / "run" / "pulse"),
            "PULSE_SERVER": f"unix:{folder}/run/pulse/native",
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
        }
        """What makes a program see this server."""

    def start(self) -> None:
        """Start it, or start it again; returns once it answers."""
        with (self._folder / "server.log").open("ab") as log:
            self._server = subprocess.Popen(  # noqa: S603 - our own words
                [
                    _program("pulseaudio"),
                    "-n",
                    f"--file={self._folder / 'server.pa'}",
                    "--daemonize=no",
                    "--exit-idle-time=-1",
                    "--use-pid-file=no",
                    "--realtime=no",
                    "--high-priority=no",
                    "--disable-shm=yes",  # otherwise it aborts under real-time scheduling
                ],
                env={**os.environ, **self.variables, "HOME": str(self._folder / "home")},
                stdout=log,
                stderr=log,
            )
        for _ in range(100):
            if self._run("pactl", "info").returncode == 0:
                return
            time.sleep(0.1)
        log_text = (self._folder / "server.log").read_text(errors="replace")
        raise AssertionError(f"the sound server did not start:\n{log_text[-2000:]}")

    def kill(self) -> None:
        """Take it away without a word, as pulling a plug does."""
        if self._server is not None:
            self._server.send_signal(signal.SIGKILL)
            self._server.wait()
            self._server = None

    @contextlib.contextmanager
    def environment(self) -> Iterator[None]:
        """Let this process see the server; put everything back afterwards."""
        before = {name: os.environ.get(name) for name in self.variables}
        os.environ.update(self.variables)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    def say(self, wav: Path) -> None:
        """Play a sound file into the microphone; returns when it has been played."""
        done = self._run("paplay", "--device=mic_bus", str(wav))
        assert done.returncode == 0, done.stderr

    @contextlib.contextmanager
    def saying(self, wav: Path) -> Iterator[None]:
        """Play a sound file into the microphone meanwhile; waits for its end."""
        player = self._start("paplay", "--device=mic_bus", str(wav))
        try:
            yield
            assert player.wait(timeout=60) == 0
        finally:
            player.kill()
            player.wait()

    @contextlib.contextmanager
    def recording(self) -> Iterator[Heard]:
        """Record what the loudspeaker plays meanwhile."""
        heard = Heard()
        raw = self._folder / f"heard-{time.monotonic_ns()}.raw"
        recorder = self._start(
            "parec",
            "--device=loudspeaker.monitor",
            "--raw",
            "--format=s16le",
            f"--rate={RATE}",
            "--channels=1",
            "--latency-msec=20",
            str(raw),
        )
        time.sleep(_SETTLE)
        try:
            yield heard
            time.sleep(_SETTLE)
        finally:
            recorder.terminate()
            recorder.wait()
            data = raw.read_bytes() if raw.exists() else b""
            heard.samples = np.frombuffer(data[: len(data) & ~1], dtype=np.int16)

    def _start(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own words
            [_program(program), *arguments], env={**os.environ, **self.variables}
        )

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(  # noqa: S603 - our own words
            [_program(program), *arguments],
            env={**os.environ, **self.variables},
            capture_output=True,
            check=False,
            timeout=120,
        )


@contextlib.contextmanager
def sound_server(folder: Path, *, channels: int = 1) -> Iterator[SoundServer]:
    """Run a server in a new folder below ``folder``; see the head of this module.

    Args:
        folder: Where its files go; its path must be short, for a socket's is limited to 107.
        channels: Of the microphone.
    """
    server = SoundServer(folder / "sound", channels=channels)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def _program(name: str) -> str:
    path = shutil.which(name)
    assert path is not None, f"{name} is missing (Debian: pulseaudio, pulseaudio-utils)"
    return path
