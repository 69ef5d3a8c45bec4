"""A simulated room between the loudspeaker and the microphones of a virtual sound server.

    with sound_server(tmp_path) as server, LiveRoom(server) as room:
        ...                      # a program plays and listens on the virtual devices
        room.say(sound)          # a person says something; returns when it has been said
        room.loudspeaker         # what was played so far, int16

What the loudspeaker plays comes back into every microphone: through a driver that distorts a
little, then a direct way of 7 cm, reflections, and a tail that fades; a person stands further
away. It runs in real time on a thread of its own, with the server's own programs as ends
(``parec``, ``pacat``), whose buffers make a delay such as a real machine's make.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import termios
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tests.sound_server import RATE, URGENCY, SoundServer, be_urgent, channel_map

BLOCK = 160
MOST_BEHIND = 12 * 2 * BLOCK
"""Bytes of what was played that may wait for the room."""

LATENCY = ("--latency-msec=20", "--process-time-msec=10")

Sound = NDArray[np.int16]


@dataclass(frozen=True)
class Acoustics:
    """How the room sounds."""

    microphones: int = 1
    echo_db: float = -6.0
    """Peak of the way from the loudspeaker to a microphone."""

    fades_s: float = 0.3
    """Time in which it fades by 60 dB."""

    knee: float = 0.5
    """Where the driver begins to compress, as a share of full scale."""

    noise_db: float = -66.0
    """Noise at every microphone, relative to full scale."""

    seed: int = 7

    def responses(self, *, distance_m: float) -> NDArray[np.float64]:
        """Return the ways from a source to the microphones, shape ``(microphones, taps)``.

        The direct sound falls with the distance, the tail does not: nearer than the critical
        distance of some half a metre the direct sound is the louder one.
        """
        rng = np.random.default_rng(self.seed + round(1000 * distance_m))
        taps = int(self.fades_s * RATE)
        time_s = np.arange(taps) / RATE
        tails = rng.standard_normal((self.microphones, taps)) * np.exp(
            -6.9 * time_s / self.fades_s
        )
        tails *= 0.5 / np.sqrt((tails**2).sum(axis=1, keepdims=True))  # energy of 1 at 0.5 m
        ways = tails.copy()
        for microphone in range(self.microphones):
            first = round(distance_m / 343.0 * RATE) + microphone
            ways[microphone, :first] = 0.0
            ways[microphone, first] += 0.5 / max(distance_m, 0.07)
        return np.asarray(ways / np.abs(ways).max())


class LiveRoom:
    """The room, while it is entered; see the head of this module."""

    def __init__(self, server: SoundServer, acoustics: Acoustics = Acoustics()) -> None:
        self._server = server
        self._acoustics = acoustics
        gain = 10 ** (acoustics.echo_db / 20)
        self._echo = _Convolution(gain * acoustics.responses(distance_m=0.07))
        self._way = acoustics.responses(distance_m=1.5)
        self._noise = 32_768 * 10 ** (acoustics.noise_db / 20)
        self._rng = np.random.default_rng(acoustics.seed)
        self._lock = threading.Lock()
        self._said = np.zeros((acoustics.microphones, 0))
        self._played: list[Sound] = []
        self._ends: list[subprocess.Popen[bytes]] = []
        self._thread = threading.Thread(target=self._run, name="room")
        self.moment = 0
        """Samples that have passed in the room."""

        self.late = 0
        """Blocks that this machine was too slow for; the microphones did not hear them. Otherwise
        the room would be ever further behind, and its echo ever later."""

    @property
    def loudspeaker(self) -> Sound:
        """What the loudspeaker has played so far."""
        return np.concatenate(self._played) if self._played else np.zeros(0, dtype=np.int16)

    def say(self, sound: Sound, *, wait: bool = True) -> int:
        """Let a person say something; return the moment at which it begins.

        Args:
            sound: As loud as it is to be at the microphones, 16 kHz.
            wait: Return when it has been said, and has faded.
        """
        heard = np.stack([np.convolve(sound.astype(np.float64), way) for way in self._way])
        loudness = np.abs(sound).max() / max(np.abs(heard).max(), 1.0)
        with self._lock:
            self._said = heard * loudness
            begin = self.moment
        while wait and self._said.shape[1]:
            time.sleep(0.02)
        return begin

    def __enter__(self) -> Self:
        """Open the doors."""
        form = ("--raw", "--format=s16le", f"--rate={RATE}", *LATENCY)
        microphones = self._acoustics.microphones
        channels = (f"--channels={microphones}", f"--channel-map={channel_map(microphones)}")
        self._ends = [
            self._program("parec", "--device=loudspeaker.monitor", "--channels=1", *form),
            self._program("pacat", "--device=mic_bus", *channels, *form),
        ]
        self._server.be_urgent()
        for end in self._ends:
            be_urgent(end.pid, URGENCY - 1)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close them."""
        for end in self._ends:
            end.kill()
        self._thread.join()
        for end in self._ends:
            end.wait()
            for pipe in (end.stdin, end.stdout):
                with contextlib.suppress(BrokenPipeError):
                    if pipe is not None:
                        pipe.close()

    def _program(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        path = shutil.which(name)
        assert path is not None, f"{name} is missing (Debian: pulseaudio-utils)"
        return subprocess.Popen(  # noqa: S603 - our own words
            [path, *arguments],
            env={**os.environ, **self._server.variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def _run(self) -> None:
        source, sink = self._ends[0].stdout, self._ends[1].stdin
        assert source is not None
        assert sink is not None
        with contextlib.suppress(PermissionError):  # only root may be more urgent than the rest
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(URGENCY - 2))
        fcntl.fcntl(sink, fcntl.F_SETPIPE_SZ, 4096)
        os.set_blocking(sink.fileno(), False)
        try:
            while len(block := _read(source.fileno(), 2 * BLOCK)) == 2 * BLOCK:
                played = np.frombuffer(block, dtype="<i2")
                self._played.append(played)
                heard = np.clip(self._heard(played).T, -32_768, 32_767).astype("<i2").tobytes()
                self.moment += BLOCK
                if _waiting(source.fileno()) > MOST_BEHIND:
                    self.late += 1
                    continue
                with contextlib.suppress(BlockingIOError):
                    os.write(sink.fileno(), heard)
        except (BrokenPipeError, ValueError):  # the doors are closed
            return

    def _heard(self, played: Sound) -> NDArray[np.float64]:
        knee = self._acoustics.knee * 32_768
        heard = self._echo(knee * np.tanh(played / knee))
        heard += self._noise * self._rng.standard_normal(heard.shape)
        with self._lock:
            said, self._said = self._said[:, :BLOCK], self._said[:, BLOCK:]
            heard[:, : said.shape[1]] += said
        return heard


def _read(source: int, count: int) -> bytes:
    parts = b""
    while len(parts) < count and (part := os.read(source, count - len(parts))):
        parts += part
    return parts


def _waiting(source: int) -> int:
    """Return how many bytes wait in a pipe."""
    return int.from_bytes(fcntl.ioctl(source, termios.FIONREAD, bytes(4)), sys.byteorder)


class _Convolution:
    """Blocks through long responses, in real time (uniformly partitioned, overlap-save)."""

    def __init__(self, responses: NDArray[np.float64]) -> None:
        parts = -(-responses.shape[1] // BLOCK)
        padded = np.pad(responses, ((0, 0), (0, parts * BLOCK - responses.shape[1])))
        cut = padded.reshape(len(responses), parts, BLOCK)
        self._responses = np.fft.rfft(cut, 2 * BLOCK)
        self._spectra = np.zeros((parts, BLOCK + 1), dtype=complex)
        self._last = np.zeros(BLOCK)

    def __call__(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take the next block; return shape ``(responses, BLOCK)``."""
        self._spectra = np.roll(self._spectra, 1, axis=0)
        self._spectra[0] = np.fft.rfft(np.concatenate([self._last, block]))
        self._last = block
        summed = np.einsum("pk,mpk->mk", self._spectra, self._responses)
        return np.asarray(np.fft.irfft(summed, axis=1)[:, BLOCK:])
