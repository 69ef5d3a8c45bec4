"""The realtime backend beside the vendor's own client, and what a person in the room notices.

The server is scripted, on the loopback, in a process of its own; what it takes itself is measured
there and subtracted. The two clients get the same sound on the same server, one after the other,
twice; the loudspeaker is the same. Interrupting and taking over are measured on the whole box,
with its detectors and its on-device models, on a recording that is played in real time.
"""

import argparse
import json
import statistics
import subprocess
import sys
from typing import Any

from tests.benchmarks import Row
from tests.benchmarks._realtime_peer import peer

NAME = "realtime"
SUMMARY = "The realtime backend: ready, first sound, interrupting, taking over; beside the SDK."

ROUNDS = 2
CLIENTS = ("appliance", "sdk")

FIRST_SOUND_MS = 40.0
BARGE_IN_MS = 120.0
TAKE_OVER_S = 1.5


def run(options: argparse.Namespace) -> list[Row]:  # noqa: ARG001 - as every benchmark
    """Measure both clients, then the box."""
    return [*_first_sound(), *_streaming(), *_box()]


def _first_sound() -> list[Row]:
    ready: dict[str, list[float]] = {client: [] for client in CLIENTS}
    extra: dict[str, list[float]] = {client: [] for client in CLIENTS}
    for _ in range(ROUNDS):
        for client in CLIENTS:
            with peer(speech_s=0.3, pace=float("inf")) as server:
                told = _child(client, "turns", server.url, server.key)
            ready[client].append(told["ready"])
            for began, first, own in zip(
                told["began"], told["first"], server.own_delays(), strict=True
            ):
                extra[client].append(1000 * (first - began - own))
    ours, theirs = (statistics.median(extra[client]) for client in CLIENTS)
    count = len(extra["appliance"])
    return [
        Row("session ready, from nothing", 1000 * min(ready["appliance"]), "ms"),
        Row("the same, agents SDK", 1000 * min(ready["sdk"]), "ms"),
        Row(
            "end of turn to first sample at the card, less the server's own time, median",
            ours,
            "ms",
            FIRST_SOUND_MS,
            note=f"{count} turns; blocks of 10 ms",
        ),
        Row("the same, 90 %", _ninety(extra["appliance"]), "ms"),
        Row("the same, agents SDK, median", theirs, "ms"),
        Row("the same, agents SDK, 90 %", _ninety(extra["sdk"]), "ms"),
        Row("ratio of the medians", ours / theirs, "", 1.0, note="ours / SDK"),
    ]


def _streaming() -> list[Row]:
    told = {}
    for client in CLIENTS:
        with peer(speech_s=30.0, pace=1.0) as server:
            told[client] = _child(client, "stream", server.url, server.key)
    ours, theirs = (told[client] for client in CLIENTS)
    return [
        Row(
            "sound both ways: share of one core",
            100 * ours["share"],
            "%",
            note=f"resampling from 16 kHz is in it; {ours['heard_s']:.0f} s heard",
        ),
        Row("the same, agents SDK", 100 * theirs["share"], "%", note="is given 24 kHz"),
        Row("ratio", ours["share"] / theirs["share"], "", note="ours / SDK"),
        Row("resident while streaming", ours["resident"], "MB", note="client and harness only"),
        Row("the same, agents SDK", theirs["resident"], "MB"),
    ]


def _box() -> list[Row]:
    barged = _run("tests.benchmarks._realtime_box", "barge_in")["ms"]
    gaps = _run("tests.benchmarks._realtime_box", "take_over")["s"]
    return [
        Row(
            "onset of speech to silence of the loudspeaker, median",
            statistics.median(barged),
            "ms",
            BARGE_IN_MS,
            note=f"{len(barged)} interruptions, synthetic voices, no echo in the recording",
        ),
        Row("the same, 90 %", _ninety(barged), "ms"),
        Row(
            "stall's deadline to the first sample from the box itself, median",
            statistics.median(gaps),
            "s",
            TAKE_OVER_S,
            note=f"{len(gaps)} requests, transcribed and carried out anew; begins with its sign",
        ),
        Row("the same, longest", max(gaps), "s", TAKE_OVER_S),
    ]


def _ninety(values: list[float]) -> float:
    return sorted(values)[int(0.9 * (len(values) - 1))]


def _child(client: str, task: str, url: str, key: str) -> dict[str, Any]:
    return _run("tests.benchmarks._realtime_clients", client, task, url, key)


def _run(module: str, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-m", module, *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told
