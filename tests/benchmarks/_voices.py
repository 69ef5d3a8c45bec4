"""Many synthetic voices in a simple room, for measuring where no recordings are at hand.

espeak-ng and flite run as programs of their own; a voice whose program is not installed is left
out and counted as such. The room is an exponentially decaying tail of noise with its loudest
echoes left to chance, and steady noise with a falling spectrum: not a kitchen, but neither a
studio.
"""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
import soundfile
import soxr
from numpy.typing import NDArray

from appliance.frames import RATE

Sound = NDArray[np.float64]

ACCENTS = (
    "en-gb", "en-us", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029",
)  # fmt: skip
VARIANTS = ("m1", "f1", "m3", "f2", "m7", "f3", "f4", "m5", "f5", "m2")
PACES = (135, 150, 165, 180, 200)
"""Words a minute."""

FLITE = ("awb", "rms", "slt", "kal16")


@dataclass(frozen=True, slots=True)
class Voice:
    """One way of speaking."""

    name: str
    family: str
    speak: Callable[[str], Sound]
    """Text to sound at ``RATE``, -1 to 1."""


def voices(piper: Path | None = None) -> Iterator[Voice]:
    """Yield every voice that this machine has.

    Args:
        piper: Folder of a Piper voice (``voice.onnx``, ``voice.json``); left out if not there.
    """
    if shutil.which("espeak-ng"):
        for i, accent in enumerate(ACCENTS):
            for j, variant in enumerate(VARIANTS):
                pace, pitch = PACES[(i + j) % len(PACES)], 35 + (i * 17 + j * 11) % 40
                yield _espeak(f"{accent}+{variant}", pace=pace, pitch=pitch)
    if shutil.which("flite"):
        for name in FLITE:
            for stretch in (0.85, 1.0, 1.2):
                yield _flite(name, stretch)
    if piper is not None and (piper / "voice.onnx").is_file():
        yield from _piper(piper)


def _espeak(name: str, *, pace: int, pitch: int) -> Voice:
    command = ["espeak-ng", "-v", name, "-s", str(pace), "-p", str(pitch), "--stdout"]

    def speak(text: str) -> Sound:
        wav = subprocess.run([*command, text], check=True, capture_output=True).stdout  # noqa: S603
        return _read(wav)

    return Voice(f"{name} {pace}/min pitch {pitch}", "espeak-ng", speak)


def _flite(name: str, stretch: float) -> Voice:
    command = ["flite", "-voice", name, "--setf", f"duration_stretch={stretch}"]

    def speak(text: str) -> Sound:
        wav = subprocess.run(  # noqa: S603
            [*command, "-t", text, "-o", "/dev/stdout"], check=True, capture_output=True
        ).stdout
        return _read(wav)

    return Voice(f"{name} x{stretch}", "flite", speak)


def _piper(folder: Path) -> Iterator[Voice]:
    settings = json.loads((folder / "voice.json").read_text(encoding="utf-8"))
    ids = settings["phoneme_id_map"]
    session = onnxruntime.InferenceSession(
        str(folder / "voice.onnx"), providers=["CPUExecutionProvider"]
    )

    def speak(text: str, scale: float) -> Sound:
        command = ["espeak-ng", "-v", settings["espeak"]["voice"], "-q", "--ipa", text]
        ipa = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603
        phonemes = [ids[p][0] for p in ", ".join(ipa.split("\n")).strip(", ") + "." if p in ids]
        padded = [1, 0, *(i for phoneme in phonemes for i in (phoneme, 0)), 2]
        (sound,) = session.run(
            None,
            {
                "input": np.array([padded], dtype=np.int64),
                "input_lengths": np.array([len(padded)], dtype=np.int64),
                "scales": np.array([0.667, scale, 0.8], dtype=np.float32),
            },
        )
        return np.asarray(
            soxr.resample(sound.reshape(-1), settings["audio"]["sample_rate"], RATE),
            dtype=np.float64,
        )

    for scale in (0.8, 0.9, 1.0, 1.1, 1.25):
        yield Voice(f"joe x{scale}", "piper", partial(speak, scale=scale))


def _read(wav: bytes) -> Sound:
    # programs that write to a pipe cannot go back and fill in the length; the header's own
    # claim is ignored
    data = wav.find(b"data")
    rate = int.from_bytes(wav[24:28], "little")
    sound = np.frombuffer(wav[data + 8 : len(wav) - (len(wav) - data) % 2], dtype="<i2") / 32768.0
    return np.asarray(soxr.resample(sound, rate, RATE), dtype=np.float64)


def read(path: Path) -> NDArray[np.int16]:
    """Read a recording at ``RATE``, one channel."""
    sound, rate = soundfile.read(path, dtype="float64", always_2d=True)
    return pcm(np.asarray(soxr.resample(sound[:, 0], rate, RATE)))


def pcm(sound: Sound) -> NDArray[np.int16]:
    """Return sound of -1 to 1 as samples."""
    return np.asarray(np.clip(np.round(sound * 32768.0), -32768, 32767), dtype=np.int16)


def trimmed(sound: Sound) -> Sound:
    """Return sound without what is 40 dB below its peak at both ends."""
    loud = np.flatnonzero(np.abs(sound) > 0.01 * np.abs(sound).max())
    return sound[loud[0] : loud[-1] + 1]


def noise(length: int, seed: int) -> Sound:
    """Return steady noise of a room (spectrum falling by 6 dB an octave above 150 Hz), RMS 1."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=length))
    spectrum /= 1.0 + np.fft.rfftfreq(length, 1.0 / RATE) / 150.0
    sound = np.fft.irfft(spectrum, length)
    return np.asarray(sound / np.sqrt(np.mean(sound**2)))


def in_room(
    sound: Sound, seed: int, *, before: float = 1.0, after: float = 1.0, snr_db: float = 15.0
) -> NDArray[np.int16]:
    """Place speech in a small room: 0.3 s of reverberation 6 dB below it, noise, silence around.

    Args:
        sound: Speech at ``RATE``.
        seed: Of the room and the noise.
        before: Seconds of room noise in front.
        after: Seconds of room noise behind.
        snr_db: Of the speech against the noise.
    """
    rng = np.random.default_rng(seed)
    times = np.arange(round(0.3 * RATE)) / RATE
    tail = rng.normal(size=len(times)) * np.exp(-6.9 * times / 0.3)
    tail *= 0.5 / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    size = 1 << (len(sound) + len(tail)).bit_length()
    wet = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size), size)
    wet = wet[: len(sound) + len(tail)]
    loud = np.sqrt(np.mean(sound[np.abs(sound) > 0.02 * np.abs(sound).max()] ** 2))
    level = 10 ** (rng.uniform(-32.0, -20.0) / 20.0)  # speech from across the room to close by
    placed = np.concatenate([np.zeros(round(before * RATE)), wet, np.zeros(round(after * RATE))])
    floor = noise(len(placed), seed) * loud * 10 ** (-snr_db / 20.0)
    return pcm((placed + floor) * level / loud)
