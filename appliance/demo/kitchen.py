"""The simulated kitchen: ``python -m appliance.demo.kitchen --port 1883``.

A process of its own that speaks MQTT like real devices, so that what the appliance says to it, and
hears from it, went through a real broker. It comes back when the broker does.
"""

import argparse
import heapq
import itertools
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from appliance.demo.broker import end, start_with_us
from appliance.demo.devices import Device, Out, kitchen
from appliance.ports import ReplyTo

MANIFESTS = Path(__file__).parent / "tools.d"
"""The manifests of the tools for these devices."""

BRIDGE_STATE = "zigbee2mqtt/bridge/state"
STEP_SECONDS = 0.01
RETRY_SECONDS = 0.5


@contextmanager
def simulated_kitchen(port: int) -> Iterator[Popen[bytes]]:
    """Run the kitchen beside us, on a broker of the loopback."""
    process = start_with_us([sys.executable, "-m", __name__, "--port", str(port)])
    try:
        yield process
    finally:
        end(process)


class Kitchen:
    """All devices behind one MQTT client; one thread.

    Args:
        devices: What there is.
        silent: Never answers or reports: a house that has fallen asleep, for tests.
    """

    def __init__(self, devices: Iterable[Device], *, silent: bool = False) -> None:
        self._devices = tuple(devices)
        self._silent = silent
        self._queue: list[tuple[float, int, Out]] = []
        self._order = itertools.count()
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id="simulated-kitchen",
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        self._client.will_set(BRIDGE_STATE, '{"state":"offline"}', qos=1, retain=True)
        self._client.on_connect = lambda *_: self._on_connect()
        self._client.on_message = lambda _client, _data, message: self._on_message(message)

    def serve(self, host: str, port: int) -> None:
        """Live at a broker until the connection is lost.

        Raises:
            OSError: There is no broker.
        """
        self._client.connect(host, port, clean_start=True)
        while self._client.loop(timeout=STEP_SECONDS) == MQTTErrorCode.MQTT_ERR_SUCCESS:
            now = time.monotonic()
            while self._queue and self._queue[0][0] <= now:
                self._publish(heapq.heappop(self._queue)[2])

    def _on_connect(self) -> None:
        self._queue.clear()
        topics = [topic for device in self._devices for topic in device.listens]
        for topic in topics:
            self._client.subscribe(topic, qos=1)
        for device in self._devices:
            for out in device.hello():
                self._publish(out)
        # last, so that whoever waits for it finds everything in place
        self._client.publish(BRIDGE_STATE, '{"state":"online"}', qos=1, retain=True)

    def _on_message(self, message: MQTTMessage) -> None:
        if message.retain or self._silent:
            return
        reply: ReplyTo | None = None
        topic = getattr(message.properties, "ResponseTopic", None)
        if topic:
            correlation = getattr(message.properties, "CorrelationData", b"")
            reply = ReplyTo(topic, correlation)
        now, payload = time.monotonic(), bytes(message.payload)
        for device in self._devices:
            if message.topic in device.listens:
                outs = tuple(device.take(message.topic, payload, now=now, reply=reply))
                self._later(now, outs)

    def _later(self, now: float, outs: tuple[Out, ...]) -> None:
        # A state that was on its way, such as that of a blind told otherwise, is true no longer.
        stale = {out.topic for out in outs if out.retain}
        self._queue = [each for each in self._queue if each[2].topic not in stale]
        self._queue += [(now + out.delay, next(self._order), out) for out in outs]
        heapq.heapify(self._queue)

    def _publish(self, out: Out) -> None:
        properties = None
        if out.correlation is not None:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.CorrelationData = out.correlation
        self._client.publish(out.topic, out.payload, 1, out.retain, properties)


def main() -> None:
    """Run until ended."""
    parser = argparse.ArgumentParser(description="A kitchen that speaks MQTT like real devices.")
    parser.add_argument("--host", default="127.0.0.1", help="the broker (127.0.0.1)")
    parser.add_argument("--port", type=int, default=1883, help="its port (1883)")
    parser.add_argument("--silent", action="store_true", help="take commands, never answer")
    options = parser.parse_args()
    devices = Kitchen(kitchen(), silent=options.silent)
    while True:
        try:
            devices.serve(options.host, options.port)
        except OSError:
            pass
        except KeyboardInterrupt:
            return
        time.sleep(RETRY_SECONDS)


if __name__ == "__main__":
    main()
