"""What understanding costs in a large house: many discovered devices, of all of which it knows."""

import argparse
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil

from appliance.backend.local.understand import StagedUnderstander
from appliance.catalogue import ToolSpec
from appliance.tools import wording
from appliance.tools.builtin import built_in
from appliance.tools.devices.offer import offer
from appliance.tools.plan import Plan
from tests.benchmarks import Row
from tests.households import MadeHousehold, large, things
from tests.requests import DATA, Loudness, judge, read

NAME = "house-understanding"
SUMMARY = "requests to 1,000 discovered devices on the device: time, memory, how many are right"

COUNTS = (0, 1_000, 5_000)
"""Devices beside the 46 that the requests are about."""

MODELS = Path(__file__).parents[2] / "models" / "files"


def run(options: argparse.Namespace) -> list[Row]:
    del options
    return [row for count in COUNTS for row in _house(count)]


def _house(count: int) -> Iterator[Row]:
    words = wording.load("en")
    house = MadeHousehold((*things(), *large(count)))
    size = f"{len(house.known())} devices"
    began = time.perf_counter()
    planned = offer(house, words, most_listed=60, area="kitchen")
    yield Row(f"{size}: the tools", 1000 * (time.perf_counter() - began), "ms")
    ready = built_in(
        words, clock=lambda: datetime.now(UTC), volume=Loudness(), catalogue=lambda: ()
    )
    tools: tuple[ToolSpec, ...] = (*(p.spec for p in planned), *(t.spec for t in ready))
    minilm = MODELS / "minilm"
    understander = StagedUnderstander(
        wake_phrases=["hey jarvis"], area="kitchen", minilm_folder=minilm
    )
    understander.warm(())
    before = psutil.Process().memory_info().rss
    began = time.perf_counter()
    understander.warm(tools)
    yield Row(f"{size}: to make ready", time.perf_counter() - began, "s", limit=10.0)
    judged, times = [], []
    for request in read(DATA / "requests" / "devices_en.toml"):
        understander.forget()
        began = time.perf_counter()
        judged.append(judge(understander, tools, request))
        times.append(1000 * (time.perf_counter() - began) / len(request.turns))
    ninth = statistics.quantiles(times, n=10)[8]
    note = f"{statistics.median(times):.0f} / {ninth:.0f} / {max(times):.0f} ms"
    yield Row(f"{size}: a request", ninth, "ms", limit=300.0, note=f"median / p90 / max {note}")
    after = psutil.Process().memory_info().rss
    yield Row(f"{size}: memory added", (after - before) / 1e6, "MB")
    right = 100 * statistics.fmean(one.right for one in judged)
    yield Row(f"{size}: right", right, "%", note=f"{len(judged)} requests")
    wrong = 100 * statistics.fmean(one.wrong_action for one in judged)
    yield Row(f"{size}: done, but not asked for", wrong, "%", limit=2.0)
    light = next(p for p in planned if p.spec.name == "control_light")
    began = time.perf_counter()
    for level in range(1, 101):
        assert isinstance(light.plan({"device": "desk_lamp", "brightness": level}), Plan)
    yield Row(f"{size}: from a call to its plan", 10 * (time.perf_counter() - began), "ms")
