"""How much memory the on-device parts take, and how soon they are ready, in a fresh process.

Everything that the appliance keeps in memory to answer by itself: the interpreter, numpy,
onnxruntime, the wake word, Silero, Moonshine, understanding with MiniLM, the voice. The sound
card, MQTT and the command line come on top.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Literal

import numpy as np

from appliance.backend.local.tts import Voice
from appliance.detect.wake import MicroWake
from appliance.frames import FRAME_SAMPLES, Frame
from appliance.host.memory import lean_while_loading
from appliance.store import ModelStore
from appliance.units import SampleIndex
from tests.benchmarks import Row
from tests.benchmarks._local import REQUESTS, Sound, catalogue, converse, load, spoken
from tests.benchmarks._warming import warm_up

NAME = "memory"
SUMMARY = "Resident memory of the on-device parts, idle and after ten requests; start to ready."

LIMIT_MB = {"base": 450.0, "tiny": 250.0}
READY_S = 5.0


def run(_: argparse.Namespace) -> list[Row]:
    return [*_run_size("base"), *_run_size("tiny")]


def _run_size(size: str) -> list[Row]:
    command = [sys.executable, "-m", __name__, size]
    begun = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    text = done.stdout
    taken = time.perf_counter() - begun
    figures: dict[str, float] = json.loads(text)
    limit = LIMIT_MB[size]
    return [
        Row(f"{size}: idle", figures["idle"], "MB", limit),
        Row(f"{size}: after ten requests", figures["used"], "MB", limit),
        Row(f"{size}: most", figures["most"], "MB"),
        Row(f"{size}: start to ready", taken - figures["rest"], "s", READY_S),
    ]


def _child(size: Literal["base", "tiny"]) -> dict[str, float]:
    store = ModelStore.default()
    with lean_while_loading():
        parts = load(store, size)
        wake = MicroWake(["hey_jarvis"])
        tools = catalogue()
        warm_up(parts, tools)
    ready = time.perf_counter()
    idle = _resident("VmRSS")
    sounds = [_spoken_elsewhere(text) for text in REQUESTS]
    for sound in sounds:
        for start in range(0, len(sound) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
            wake.process(Frame(sound[start : start + FRAME_SAMPLES], SampleIndex(start)))
    converse(parts, sounds)
    used, most = _resident("VmRSS"), _resident("VmHWM")
    return {"idle": idle, "used": used, "most": most, "rest": time.perf_counter() - ready}


def _spoken_elsewhere(text: str) -> Sound:
    """Speak in a process of its own, whose memory is not counted."""
    code = (
        "import sys; from tests.benchmarks.memory import speak;"
        "sys.stdout.buffer.write(speak(sys.argv[1]))"
    )
    command = [sys.executable, "-c", code, text]
    done = subprocess.run(command, check=True, capture_output=True)  # noqa: S603
    return np.frombuffer(done.stdout, np.int16)


def speak(text: str) -> bytes:
    return spoken(Voice(ModelStore.default().folder("voice-en-joe")), text).tobytes()


def _resident(key: str) -> float:
    """Return a line of /proc/self/status in MB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == key:
            return int(value.split()[0]) * 1024 / 1e6
    raise LookupError(key)


if __name__ == "__main__":
    print(json.dumps(_child("base" if sys.argv[1] == "base" else "tiny")))
