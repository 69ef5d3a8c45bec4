"""How many boxes one mosquitto carries: hundreds of them, each as busy as in a talkative house.

Each box here is an MQTT client of its own with the subscriptions of a real one, in zones of eight.
What a box publishes in a busy hour is squeezed into seconds, so that the broker's share of a core
for one box in real time is a division, not a guess.
"""

import argparse
import random
import statistics
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from appliance.mqtt import arbitration
from appliance.mqtt.arbitration import Claim
from appliance.units import Seconds
from tests.benchmarks import Row
from tests.broker import Broker, broker

NAME = "boxes"
SUMMARY = (
    "Boxes on one mosquitto: its processor time and memory for each, and how long a claim takes."
)

BOXES = 304
"""Three descriptors each: with more, paho's `select` would be at its end."""
ZONE = 8
CALLS_AN_HOUR = 30
"""Of a busy box; each is heard by all boxes of its zone."""

MESSAGES_A_CALL = 14
"""That a box publishes for a call that it answers: claim, states, events, action, ducking."""

ROUNDS = 6


@dataclass
class _Box:
    """As much of a box as the broker sees."""

    number: int
    client: Client
    delays: list[float] = field(default_factory=list)
    received: int = 0

    @property
    def name(self) -> str:
        return f"box-{self.number}"

    @property
    def zone(self) -> str:
        return f"voice-appliance/zones/zone-{self.number // ZONE}"

    def on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.received += 1
        claim = arbitration.read(bytes(message.payload))
        if isinstance(claim, Claim):
            self.delays.append(time.perf_counter() - claim.sent)

    def subscribe(self) -> None:
        root = f"voice-appliance/{self.name}"
        topics = [
            f"{root}/set/+",
            f"{root}/request/+",
            f"{root}/response/+",
            f"{self.zone}/wake",
            f"{self.zone}/boxes/+",
            f"{self.zone}/rooms/all/+",
            "voice-appliance/tools/+/config",
            "homeassistant/status",
        ]
        self.client.subscribe([(topic, 1) for topic in topics])

    def call(self, *, answers: bool) -> int:
        """Publish what a call makes a box publish; return how much that was."""
        sent = Seconds(time.perf_counter())
        claim = Claim(f"{self.name}-{sent}", self.name, "run", sent, "alexa", 0.9)
        self.client.publish(f"{self.zone}/wake", arbitration.write(claim), qos=0)
        if not answers:
            return 1
        root = f"voice-appliance/{self.name}"
        for number in range(MESSAGES_A_CALL - 1):
            retain = number % 2 == 0
            topic = f"{root}/state" if retain else f"{root}/event"
            payload = b'{"type":"tool","tool":"control_light","status":"done","took_s":0.041}'
            self.client.publish(topic, payload, qos=1, retain=retain)
        return MESSAGES_A_CALL


def run(_: argparse.Namespace) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        limits = ("allow_anonymous true", "max_connections -1", "max_queued_messages 0")
        with broker(Path(folder), *limits) as running:
            return _measure(running)


def _measure(running: Broker) -> list[Row]:
    process = next(
        found
        for found in psutil.process_iter(["name", "cmdline"])
        if found.info["name"] == "mosquitto"
        and f"{running.port}.conf" in str(found.info["cmdline"])
    )
    before = process.memory_info().rss
    boxes = [_connect(running, number) for number in range(BOXES)]
    time.sleep(1.0)
    idle_memory = process.memory_info().rss
    chance = random.Random(3)  # noqa: S311 - a benchmark
    used, sent, began = _cpu(process), 0, time.perf_counter()
    for _ in range(ROUNDS):
        for first in range(0, BOXES, ZONE):
            answering = chance.randrange(ZONE)
            zone = boxes[first : first + ZONE]
            sent += sum(box.call(answers=box is zone[answering]) for box in zone)
            time.sleep(0.002)
    time.sleep(2.0)
    took = time.perf_counter() - began
    used = _cpu(process) - used
    delays = sorted(delay for box in boxes for delay in box.delays)
    received = sum(box.received for box in boxes)
    for box in boxes:
        box.client.disconnect()
    time.sleep(1.5)  # else each thread would be waited for, one after the other
    for box in boxes:
        box.client.loop_stop()
    calls = ROUNDS * BOXES // ZONE
    expected = calls * ZONE * ZONE
    each = used / calls  # all that one call costs the broker, with its whole zone
    zones = 0.5 / (each * CALLS_AN_HOUR / 3_600)
    return [
        Row("boxes connected, each with 8 subscriptions", BOXES, "", note="zones of 8"),
        Row("broker: memory for each box", (idle_memory - before) / BOXES / 1024, "KB", 100.0),
        Row("broker: processor time for one call of a zone", each * 1e3, "ms"),
        Row(
            "broker: messages in and out that fill half a core",
            0.5 * (sent + received) / used,
            "1/s",
        ),
        Row(
            "broker: zones whose calls would fill half a core",
            float(round(zones)),
            note=f"{CALLS_AN_HOUR} calls an hour in each",
        ),
        Row("messages through the broker", (sent + received) / took, "1/s", note="at this test"),
        Row("claims that arrived", 100.0 * len(delays) / expected, "%", least=100.0),
        Row("a claim, from box to box, median", statistics.median(delays) * 1e3, "ms", 50.0),
        Row("the same, 99 %", delays[int(len(delays) * 0.99)] * 1e3, "ms", 250.0),
    ]


def _connect(running: Broker, number: int) -> _Box:
    client = Client(CallbackAPIVersion.VERSION2, client_id=f"box-{number}")
    box = _Box(number, client)
    client.on_message = box.on_message
    opened = threading.Event()
    client.on_connect = lambda *_: opened.set()
    client.connect("127.0.0.1", running.port)
    client.loop_start()
    opened.wait(10.0)
    box.subscribe()
    return box


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
