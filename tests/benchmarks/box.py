"""The whole appliance on the recorded room, played twice: ten requests, from start to last word.

A fresh process, as it comes: private mosquitto, simulated kitchen in a process of its own, all
models, the command line. The recording is the sound card, played in real time (two minutes for
each size), so that what is done ahead, in the silence that ends a turn, counts as it does for a
person. ``--fast`` plays it as fast as the machine can; then nothing is done ahead in time.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Literal

import numpy as np

from appliance.app.answers import load_minds
from appliance.app.backends import Answers
from appliance.app.open_house import open_house
from appliance.app.replay import Playing, replay
from appliance.audio.recording import Recording
from appliance.backend.kinds.local import local_backend
from appliance.cli.replay import room
from appliance.config import Config, Loaded
from appliance.config.model import Local
from appliance.store import ModelStore
from appliance.timeline import Entry, Timeline
from tests.benchmarks import Row

NAME = "box"
SUMMARY = "The whole appliance on ten requests: latency by stage, memory, start to ready."

LATENCY_S = 0.6
READY_S = 5.0
LIMIT_MB = {"base": 450.0, "tiny": 250.0}
STAGES = {
    "transcript": "speech to text",
    "understood": "understanding",
    "tool_answer": "tool, confirmed by the house",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the option of this benchmark."""
    parser.add_argument("--fast", action="store_true", help="box: not in real time")


def run(options: argparse.Namespace) -> list[Row]:
    """Measure both sizes of the recogniser."""
    return [row for size in ("base", "tiny") for row in _rows(size, fast=options.fast)]


def _rows(size: str, *, fast: bool) -> list[Row]:
    command = [sys.executable, "-m", __name__, size, "max" if fast else "real"]
    begun = time.monotonic()
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    told = json.loads(done.stdout)
    latencies = sorted(told["latencies"])
    rows = [
        Row(
            f"{size}: end of turn to first sound of the reply, median",
            statistics.median(latencies),
            "s",
            LATENCY_S,
            note=f"{len(latencies)} requests; the trailing silence is not in it",
        ),
        Row(f"{size}: the same, 90 %", latencies[int(0.9 * (len(latencies) - 1))], "s"),
    ]
    for event, name in STAGES.items():
        costs = told["stages"].get(event, [])
        if costs:
            rows.append(Row(f"{size}: of it {name}, median", statistics.median(costs), "s"))
    return [
        *rows,
        Row(f"{size}: start to ready", told["ready_at"] - begun, "s", READY_S),
        Row(f"{size}: resident, idle", told["idle"], "MB", LIMIT_MB[size]),
        Row(f"{size}: resident, after the requests", told["used"], "MB", LIMIT_MB[size]),
    ]


async def _child(size: str, speed: Literal["real", "max"]) -> dict[str, object]:
    config = Config(local=Local(transcriber="base" if size == "base" else "tiny"))
    store = ModelStore.default()
    entries: list[Entry] = []
    async with open_house(Loaded(config, None, {}), Timeline()) as house:
        async with asyncio.TaskGroup() as group:
            group.create_task(house.settle())
            minds = await load_minds(config, store, house.tools.catalogue)
        ready_at = time.monotonic()
        idle = _resident()
        timeline = Timeline()
        timeline.watch(entries.append)
        once = room()
        twice = Recording(np.concatenate([once.samples] * 2), once.rate)
        await replay(
            config,
            Playing(twice, speed=speed),
            senses=minds.senses,
            answers=Answers(local_backend(minds.parts, house.tools.catalogue, config)),
            house=house,
            timeline=timeline,
        )
    stages = {event: [entry.took for entry in entries if entry.event == event] for event in STAGES}
    return {
        "ready_at": ready_at,
        "idle": idle,
        "used": _resident(),
        "latencies": timeline.latencies,
        "stages": stages,
    }


def _resident() -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise LookupError("VmRSS")


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_child(sys.argv[1], "max" if sys.argv[2] == "max" else "real"))))
