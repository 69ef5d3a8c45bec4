"""Make ``appliance/demo/room.flac``: two people in a small kitchen, talking to the box.

The people are synthetic voices of another family than the box's own (flite: CMU Arctic ``rms`` and
``slt``, free of restrictions), so that nobody's speech is in the package and nothing can be tuned
to it. The room is a small one (RT60 0.3 s) with the hum and hiss of a kitchen at night. Needs the
Debian package ``flite``; the result is the same on every run (seeded).

    python -m tests.examples.record_the_room [OUT.flac]
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

RATE = 16_000
OUT = Path(__file__).parents[2] / "appliance" / "demo" / "room.flac"

SCENE = (
    # (silence before in s, voice, what is said)
    (1.5, "rms", "hey jarvis, turn on the kitchen light"),
    (4.2, "rms", "and make it thirty percent"),
    (9.0, "slt", "hey jarvis"),
    (1.0, "slt", "close the blind, and set the thermostat to twenty one degrees"),
    (11.0, "rms", "hey jarvis, what time is it"),
    (10.0, "rms", "hey jarvis, who won the game last night"),
)
AFTER = 8.0


def spoken(voice: str, text: str) -> NDArray[np.float32]:
    """Return a sentence, trimmed, at ``RATE``, with the loudness of talk at 1.5 m."""
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "spoken.wav"
        command = ["flite", "-voice", voice, "-t", text, "-o", str(wav)]
        subprocess.run(command, check=True)  # noqa: S603 - our own words
        sound, rate = soundfile.read(wav, dtype="float32")
    sound = soxr.resample(sound, rate, RATE, quality="HQ")
    loud = np.flatnonzero(np.abs(sound) > 0.02 * np.abs(sound).max())
    sound = sound[loud[0] : loud[-1] + 1]
    return np.asarray(sound * (0.05 / np.sqrt(np.mean(sound**2))), dtype=np.float32)


def room(sound: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the sound as a microphone in the room hears it: direct path, echoes, noise."""
    time = np.arange(int(0.3 * RATE)) / RATE
    tail = rng.standard_normal(len(time)) * np.exp(-6.9 * time / 0.3) * 0.035
    tail[: int(0.004 * RATE)] = 0.0  # nothing comes back before 4 ms
    tail[0] = 1.0
    heard = np.convolve(sound, tail)[: len(sound)]
    spectrum = np.fft.rfft(rng.standard_normal(len(sound)))
    frequency = np.fft.rfftfreq(len(sound), 1 / RATE)
    noise = np.fft.irfft(spectrum / np.maximum(frequency, 60.0) ** 0.7, len(sound))
    noise *= 0.0012 / np.sqrt(np.mean(noise**2))
    return np.asarray(heard + noise, dtype=np.float32)


def main() -> None:
    rng = np.random.default_rng(20261121)
    parts: list[NDArray[np.float32]] = []
    for gap, voice, text in SCENE:
        parts += [np.zeros(int(gap * RATE), dtype=np.float32), spoken(voice, text)]
    parts.append(np.zeros(int(AFTER * RATE), dtype=np.float32))
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    soundfile.write(out, room(np.concatenate(parts), rng), RATE, subtype="PCM_16")
    print(f"{out}: {sum(map(len, parts)) / RATE:.1f} s")


if __name__ == "__main__":
    main()
