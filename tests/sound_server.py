"""A virtual sound server: a microphone and a loudspeaker on a machine that has neither.

    with sound_server(tmp_path) as server:
        with server.environment():              # this process now sees only the virtual devices
            card = PyAudioCard(Wish("microphone", "loudspeaker"), ...)
            with server.recording() as heard:   # what the loudspeaker plays, from here on
                server.say(wav)                 # plays a file into the microphone, to its end
        heard.samples, heard.rate               # int16 (n,)

It is a private PulseAudio or a private PipeWire (``kind``) with two null sinks. What one plays
into the sink ``mic_bus`` is what ``microphone`` records (the sink's monitor); what ``loudspeaker``
plays can be recorded from its monitor. ALSA names both through the ``pulse`` plugin in a
configuration file of our own, so that PortAudio finds them by those names and nothing else but
``default``.

A microphone of several channels has the order of channels that ALSA has (``channel_map``). Who
plays into it with a program of one's own gives that program the same order, or the server mixes
the channels by their names.

Every program that sees the server has the role ``test``, for the appliance makes other players
softer, and who speaks into the microphone is none; ``playing`` plays music.

``kill`` and ``start`` take the whole server away and bring it back: to a program the same as a USB
card that is unplugged and plugged in again.

PortAudio reads the environment when it is initialised, so ``environment`` must surround that; it
sets the variables of this process and puts them back. Helpers run as programs of their own with
those variables. Nothing of the user's own sound server is touched. Works as root. Should this
process be killed, the servers end, too.

Debian packages: pulseaudio pulseaudio-utils libasound2-plugins; for PipeWire also pipewire
pipewire-pulse wireplumber dbus.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
import wave
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tests.steady import steady

RATE = 16_000

Kind = Literal["pulse", "pipewire"]

_ALSA = """\
</usr/share/alsa/alsa.conf>
pcm.!default { type pulse }
ctl.!default { type pulse }
pcm.microphone { type pulse device mic_bus.monitor }
pcm.loudspeaker { type pulse device loudspeaker }
"""

_PULSE = """\
load-module module-native-protocol-unix auth-anonymous=1
load-module module-stream-restore restore_device=false
"""

_PIPEWIRE = """\
context.properties = {{
    default.clock.rate = {rate}
    default.clock.quantum = 160
    default.clock.min-quantum = 80
}}
"""
"""Its graph turns every 10 ms, as it does for a program that asks for little delay."""

_POSITIONS = (
    *("front-left", "front-right", "rear-left", "rear-right"),
    *("front-center", "lfe", "side-left", "side-right"),
)
"""The order of ALSA (PulseAudio's ``channelmap.c``)."""

_WATCHDOG = "read -r _; kill -9 0"
"""Ends its process group when this process ends, however that happens: its pipe breaks."""

URGENCY = 20
"""Of the server: above the box's own threads (``appliance.audio.priority``)."""

_SETTLE = 0.15
"""Seconds until a client that was just started really streams."""


@dataclass
class Heard:
    """What the loudspeaker played."""

    rate: int = RATE
    samples: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, dtype=np.int16))
    """Filled when the recording ends."""


class SoundServer:
    """A sound server of our own; see the head of this module."""

    def __init__(self, folder: Path, *, kind: Kind = "pulse", channels: int = 1) -> None:
        assert len(str(folder)) < 80, f"too long for the path of a socket: {folder}"
        self._folder = folder
        self._kind = kind
        self._channels = channels
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._servers: list[subprocess.Popen[bytes]] = []
        self.channel_map = channel_map(channels)
        """Of the microphone; for ``--channel-map``."""

        (folder / "run" / "pulse").mkdir(parents=True)
        (folder / "run").chmod(0o700)
        (folder / "home").mkdir()
        (folder / "asound.conf").write_text(_ALSA)
        (folder / "server.pa").write_text(_PULSE)
        settings = folder / "home" / "pipewire" / "pipewire.conf.d"
        settings.mkdir(parents=True)
        (settings / "clock.conf").write_text(_PIPEWIRE.format(rate=RATE))
        self.variables: Mapping[str, str] = {
            "PULSE_COOKIE": str(folder / "cookie"),
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "PIPEWIRE_RUNTIME_DIR": str(folder / "run"),
            "PULSE_RUNTIME_PATH": str(folder / "run" / "pulse"),
            "PULSE_SERVER": f"unix:{folder}/run/pulse/native",
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
            "PULSE_PROP": "media.role=test",
        }
        """What makes a program see this server."""

    def start(self) -> None:
        """Start it, or start it again; returns once it answers and has its two devices."""
        self._watchdog = subprocess.Popen(  # noqa: S603 - our own words
            [_program("sh"), "-c", _WATCHDOG], stdin=subprocess.PIPE, process_group=0
        )
        if self._kind == "pulse":
            self._start_pulse()
        else:
            self._start_pipewire()
        self._wait_for("pactl", "info")
        ears = f"channel_map={self.channel_map}"
        for sink in ("sink_name=loudspeaker channels=1", f"sink_name=mic_bus {ears}"):
            rest = (*sink.split(), f"rate={RATE}")
            if self._kind == "pulse":
                rest = (*rest, "norewinds=1")
            done = self._run("pactl", "load-module", "module-null-sink", *rest)
            assert done.returncode == 0, done.stderr
        self._wait_for("pactl", "set-default-sink", "loudspeaker")
        self._wait_for("pactl", "set-default-source", "mic_bus.monitor")

    def be_urgent(self) -> None:
        """Make it more urgent than the programs that play and listen, where that is allowed."""
        for server in self._servers:
            be_urgent(server.pid, URGENCY)

    def _start_pulse(self) -> None:
        self._serve(
            "pulseaudio",
            "-n",
            f"--file={self._folder / 'server.pa'}",
            "--daemonize=no",
            "--exit-idle-time=-1",
            "--use-pid-file=no",
            "--realtime=no",
            "--high-priority=no",
            "--disable-shm=yes",  # otherwise it aborts under real-time scheduling
        )

    def _start_pipewire(self) -> None:
        for left in (self._folder / "run").rglob("*"):  # what a killed server has left behind
            if not left.is_dir():
                left.unlink()
        self._serve("dbus-daemon", "--session", "--nofork", f"--address={self._bus}")
        self._wait_for_file("bus")
        self._serve("pipewire")
        self._wait_for_file("pipewire-0")
        self._serve("wireplumber")
        self._serve("pipewire-pulse")

    @property
    def _bus(self) -> str:
        return f"unix:path={self._folder}/run/bus"

    def _serve(self, program: str, *arguments: str) -> None:
        assert self._watchdog is not None
        home = str(self._folder / "home")
        own = {"HOME": home, "XDG_CONFIG_HOME": home, "XDG_STATE_HOME": home}
        if self._kind == "pipewire":
            own["DBUS_SESSION_BUS_ADDRESS"] = self._bus
        with (self._folder / "server.log").open("ab") as log:
            self._servers.append(
                subprocess.Popen(  # noqa: S603 - our own words
                    [_program(program), *arguments],
                    env={**os.environ, **self.variables, **own},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    process_group=self._watchdog.pid,
                )
            )

    def _wait_for(self, program: str, *arguments: str) -> None:
        for _ in range(100):
            if self._run(program, *arguments).returncode == 0:
                return
            time.sleep(0.1)
        raise AssertionError(f"the sound server did not start:\n{self._log()}")

    def _wait_for_file(self, name: str) -> None:
        for _ in range(100):
            if (self._folder / "run" / name).exists():
                return
            time.sleep(0.05)
        raise AssertionError(f"no {name}:\n{self._log()}")

    def _log(self) -> str:
        return (self._folder / "server.log").read_text(errors="replace")[-2000:]

    def kill(self) -> None:
        """Take it away without a word, as pulling a plug does."""
        if self._watchdog is None:
            return
        os.killpg(self._watchdog.pid, signal.SIGKILL)
        for process in (*self._servers, self._watchdog):
            process.wait()
        assert self._watchdog.stdin is not None
        self._watchdog.stdin.close()
        self._servers.clear()
        self._watchdog = None

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
        """Play a WAV file into the microphones; returns when it has been played."""
        done = self._run("paplay", *self._into_microphone(wav))
        assert done.returncode == 0, done.stderr

    @contextlib.contextmanager
    def saying(self, wav: Path) -> Iterator[None]:
        """Play a WAV file into the microphones meanwhile; waits for its end."""
        player = self._start("paplay", *self._into_microphone(wav))
        try:
            yield
            assert player.wait(timeout=60) == 0
        finally:
            player.kill()
            player.wait()

    @contextlib.contextmanager
    def playing(self, wav: Path, *, name: str, role: str = "") -> Iterator[None]:
        """Let another program, of this name, play a sound file on the loudspeaker meanwhile."""
        player = subprocess.Popen(  # noqa: S603 - our own words
            [_program("paplay"), "--device=loudspeaker", f"--client-name={name}", str(wav)],
            env={**os.environ, **self.variables, "PULSE_PROP": role and f"media.role={role}"},
        )
        try:
            yield
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

    def _into_microphone(self, wav: Path) -> tuple[str, ...]:
        with wave.Wave_read(str(wav)) as file:
            each = file.getnchannels() == self._channels > 1
        order = (f"--channel-map={self.channel_map}",) if each else ()
        return ("--device=mic_bus", *order, str(wav))

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
def sound_server(
    folder: Path, *, kind: Kind = "pulse", channels: int = 1
) -> Iterator[SoundServer]:
    """Run a server in a new folder below ``folder``; see the head of this module.

    Args:
        folder: Where its files go; its path must be short, for a socket's is limited to 107.
        kind: Which sound server.
        channels: Of the microphone; 1 to 8.
    """
    server = SoundServer(folder / "sound", kind=kind, channels=channels)
    with steady():
        try:
            server.start()
            yield server
        finally:
            server.kill()


def be_urgent(process: int, priority: int) -> None:
    """Give all threads of a process SCHED_FIFO, as rtkit does on a desktop; only root may.

    Without it a box that computes makes the server late, and every gap that it fills makes all
    that follows later.
    """
    for thread in Path(f"/proc/{process}/task").iterdir():
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.sched_setscheduler(int(thread.name), os.SCHED_FIFO, os.sched_param(priority))


def channel_map(channels: int) -> str:
    """Return the order of channels that a PCM of ALSA's has, 1 to 8 channels."""
    if channels == 1:
        return "mono"
    named = channels & ~1  # an odd one has no place in the room
    return ",".join((*_POSITIONS[:named], *(["aux0"] if channels % 2 else [])))


def _program(name: str) -> str:
    path = shutil.which(name)
    assert path is not None, f"{name} is missing (Debian packages: tests/sound_server.py)"
    return path
