"""A private MQTT broker: mosquitto on a free port of the loopback, for as long as we live."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from appliance.errors import BrokerError

READY_SECONDS = 5.0
_PLACES = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
_OURS = frozenset({"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "CREDENTIALS_DIRECTORY"})
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


@contextmanager
def private_broker() -> Iterator[int]:
    """Run mosquitto; gives its port. Blocks up to a second while it starts.

    Nothing is kept between runs, and nobody but this machine can reach it.

    Raises:
        BrokerError: mosquitto is not installed, or does not start; the message says what to do.
    """
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path=_PLACES)
    if program is None:
        raise BrokerError(
            "mosquitto is not installed: `apt install mosquitto`, or set mqtt.host to a broker"
        )
    with tempfile.TemporaryDirectory(prefix="voice-appliance-broker-") as folder:
        port = free_port()
        config = Path(folder) / "mosquitto.conf"
        config.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
            "set_tcp_nodelay true\n"
            "log_dest stderr\nlog_type error\nlog_type warning\n"
            "user root\n",  # if we are: the kernel forgets who dies with whom when a user changes
            encoding="utf-8",
        )
        log = Path(folder) / "log"
        with log.open("wb") as errors:
            process = start_with_us([program, "-c", str(config)], errors=errors.fileno())
        try:
            _await_ready(process, port, log)
            yield port
        finally:
            end(process)


def free_port() -> int:
    """Return a port of the loopback that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_with_us(command: list[str], *, errors: int | None = None) -> subprocess.Popen[bytes]:
    """Start a program that ends when we do, even if we are killed (on Linux).

    "We" is the calling thread, to the kernel: call it from one that lives as long as is needed.
    """
    return subprocess.Popen(  # noqa: S603 - the program is ours to choose
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        env={name: text for name, text in os.environ.items() if name not in _OURS},
        process_group=0,  # Ctrl-C is for us; they end when we have taken leave of them
        preexec_fn=_dies_with_us(),  # noqa: PLW1509 - one system call, no lock, no allocation
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program, kindly and then not."""
    process.terminate()
    try:
        process.wait(timeout=2.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _dies_with_us() -> Callable[[], None] | None:
    try:
        prctl = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):
        return None  # not Linux
    return lambda: prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))


def _await_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return once the broker accepts a real CONNECT."""
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        if answers(port):
            return
        time.sleep(0.02)
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    why = said[-1] if said else "it gives no reason"
    raise BrokerError(f"mosquitto does not start: {why}")


def answers(port: int) -> bool:
    """Tell whether a broker on the loopback accepts a client without a name."""
    client = Client(CallbackAPIVersion.VERSION2)
    accepted: list[bool] = []
    client.on_connect = lambda *event: accepted.append(not event[3].is_failure)
    try:
        client.connect("127.0.0.1", port)
        while not accepted:
            if client.loop(timeout=0.2) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                break
        client.disconnect()
        client.loop(timeout=0.1)
    except OSError:
        return False
    return accepted == [True]
