"""A big house on a real mosquitto: finding its devices, hearing them, and telling them something.

The house is played by another process: it retains the announcements and says the states. The box
is a process, too, with the part of the house that finds devices and the tools that are made of
them; what is measured is all of its process: network thread, event loop and worker.
"""

import argparse
import asyncio
import gc
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from appliance.app.devices import Devices
from appliance.app.ground import Ground
from appliance.app.open_house import open_house
from appliance.config import Config, Loaded
from appliance.config.house import Devices as Settings
from appliance.config.house import Gate
from appliance.config.model import Mqtt
from appliance.events import ToolCalled
from appliance.mqtt.bridge import MqttBridge
from appliance.timeline import Timeline
from appliance.units import CallId, ResponseId
from tests.benchmarks import Row
from tests.broker import broker
from tests.house import until

NAME = "house"
SUMMARY = "A house of 1,000 and of 5,000 devices: found, heard, told."

DISCOVERY_S = 3.0
MEMORY_MB = 60.0
STATES_SHARE = 25.0
MEDIAN_MS, P99_MS = 5.0, 15.0
RATE = 1_000
SECONDS = 10
CALLS = 300


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the option of this benchmark."""
    parser.add_argument(
        "--devices", type=int, nargs="*", default=[1_000, 5_000], help="house: how many"
    )


def run(options: argparse.Namespace) -> list[Row]:
    """Measure each size in a process of its own."""
    return [row for many in options.devices for row in _rows(many)]


def _rows(many: int) -> list[Row]:
    command = [sys.executable, "-m", __name__, "box", str(many)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    told = json.loads(done.stdout)
    aims = many == 1_000
    calls = sorted(told["calls"])
    return [
        Row(
            f"{many} devices: found, from the connection to the tools",
            told["found_s"],
            "s",
            DISCOVERY_S if aims else None,
            note=f"{told['tools']} tools",
        ),
        Row(
            f"{many} devices: resident, more than before",
            told["memory_mb"],
            "MB",
            MEMORY_MB if aims else None,
        ),
        Row(
            f"{many} devices: {RATE} states in a second, share of a core",
            told["share"],
            "%",
            STATES_SHARE if aims else None,
            note=f"network thread, event loop and reading; {told['heard']:.0f} heard in a second",
        ),
        Row(
            f"{many} devices: call to publish, median",
            statistics.median(calls),
            "ms",
            MEDIAN_MS if aims else None,
        ),
        Row(
            f"{many} devices: call to publish, 99 %",
            calls[int(0.99 * (len(calls) - 1))],
            "ms",
            P99_MS if aims else None,
            note=f"{len(calls)} calls while {RATE} states in a second come",
        ),
        Row(f"{many} devices: longest pause of the event loop", told["pause_ms"], "ms"),
    ]


def lamp(number: int) -> dict[str, object]:
    """Return an announcement as ESPHome's are: a dimmable lamp."""
    node = f"node{number}"
    return {
        "name": f"Lamp {number}",
        "uniq_id": f"{node}-light-lamp",
        "schema": "json",
        "cmd_t": f"{node}/light/lamp/command",
        "stat_t": f"{node}/light/lamp/state",
        "avty_t": f"{node}/status",
        "brightness": True,
        "sup_clrm": ["brightness"],
        "dev": {
            "ids": f"{number:012x}",
            "name": f"Node {number}",
            "mf": "espressif",
            "mdl": "esp32dev",
            "sw": "2026.10.1 (Nov  1 2026, 10:00:00)",
            "sa": f"Room {number % 40}",
        },
    }


async def _house(port: int, many: int) -> None:
    """Play the house: retain the announcements, then say states when told ``go``."""
    settings = Mqtt(host="127.0.0.1", port=port).model_copy(update={"queue": 50_000})
    bridge = MqttBridge(settings, device="house", availability="house/availability")
    for number in range(many):
        topic = f"homeassistant/light/node{number}/lamp/config"
        bridge.retain(topic, json.dumps(lamp(number)).encode())
        bridge.retain(f"node{number}/status", b"online")
    last: list[object] = []
    bridge.subscribe(f"node{many - 1}/status", last.append)
    go = asyncio.Event()
    bridge.subscribe("bench/go", lambda _: go.set())
    async with asyncio.TaskGroup() as group:
        group.create_task(bridge.run(), name="house")
        await until(lambda: bool(last), patience=60)
        print("ready", flush=True)
        await go.wait()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        number = 0
        while True:
            for _ in range(RATE // 50):
                state = {"state": "ON" if number % 2 else "OFF", "brightness": number % 256}
                topic = f"node{number % many}/light/lamp/state"
                bridge.publish(topic, json.dumps(state).encode(), qos=0)
                number += 1
            await asyncio.sleep(max(0.0, begun + number / RATE - loop.time()))


async def _box(port: int, many: int) -> dict[str, object]:
    config = Config(
        mqtt=Mqtt(host="127.0.0.1", port=port, queue=10_000),
        devices=Settings(most=many),
        gate=Gate(most_calls=1_000),
    )
    gc.collect()
    before = _resident()
    begun = time.monotonic()
    async with (
        open_house(Loaded(config, None, {}), Timeline()) as house,
        asyncio.TaskGroup() as group,
    ):
        pauses: list[float] = []
        watching = group.create_task(_watch(pauses))
        part = next(each for each in house.parts if isinstance(each, Devices))
        await until(lambda: len(part.household.known()) >= many, patience=120)
        await until(lambda: house.tools.source("control_light") is not None)
        found_s = time.monotonic() - begun
        await part.household.settle()
        memory = _resident() - before
        longest = max(pauses)
        share, heard = await _states(part._ground, many)
        calls = await _calls(part._ground, many)
        watching.cancel()
        return {
            "found_s": found_s,
            "memory_mb": memory,
            "tools": len([each for each in house.tools.catalogue() if each.targets]),
            "share": share,
            "heard": heard,
            "calls": calls,
            "pause_ms": longest * 1e3,
        }


async def _watch(pauses: list[float]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        before = loop.time()
        await asyncio.sleep(0.005)
        pauses.append(loop.time() - before - 0.005)


async def _states(ground: Ground, many: int) -> tuple[float, float]:
    """Return the share of a core that the box takes while the house speaks."""
    ground.bridge.publish("bench/go", b"")
    await asyncio.sleep(2.0)
    busy = await _cpu(SECONDS)
    heard = 0

    def count(_: object) -> None:
        nonlocal heard
        heard += 1

    for number in range(many):
        ground.bridge.subscribe(f"node{number}/light/lamp/state", count, qos=0)
    await asyncio.sleep(2.0)
    heard = 0
    await asyncio.sleep(2.0)
    return busy * 100, heard / 2


async def _cpu(seconds: float) -> float:
    before = resource.getrusage(resource.RUSAGE_SELF)
    begun = time.monotonic()
    await asyncio.sleep(seconds)
    after = resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used / (time.monotonic() - begun)


async def _calls(ground: Ground, many: int) -> list[float]:
    """Return milliseconds from a model's call until the message is handed to the network."""
    taken: list[float] = []
    publish = ground.bridge.publish
    begun = 0.0

    def timed(topic: str, payload: bytes, **how: object) -> None:
        publish(topic, payload, **how)  # type: ignore[arg-type]
        taken.append((time.monotonic() - begun) * 1e3)

    ground.bridge.publish = timed  # type: ignore[method-assign]
    async with asyncio.TaskGroup() as group:
        for number in range(CALLS):
            each = f"lamp_{number * 7 % many}"
            call = ToolCalled(
                CallId(str(number)),
                ResponseId("reply"),
                "control_light",
                {"device": each, "state": "on", "brightness": 1 + number % 100},
            )
            begun = time.monotonic()
            group.create_task(ground.tools.run(call))
            await asyncio.sleep(0.01)
    return taken


def _resident() -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise LookupError("VmRSS")


def _measure(many: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder, broker(Path(folder)) as made:
        command = [sys.executable, "-m", __spec__.name, "house", str(many), str(made.port)]
        house = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
        try:
            assert house.stdout is not None
            assert house.stdout.readline() == "ready\n"
            return asyncio.run(_box(made.port, many))
        finally:
            house.kill()
            house.wait()


if __name__ == "__main__":
    if sys.argv[1] == "house":
        asyncio.run(_house(int(sys.argv[3]), int(sys.argv[2])))
    else:
        print(json.dumps(_measure(int(sys.argv[2]))))
