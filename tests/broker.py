"""A real mosquitto for tests: on a free port of the loopback, with the options a test asks for."""

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from appliance.config.model import Mqtt
from appliance.demo.broker import end, free_port, start_with_us

MOSQUITTO = "/usr/sbin/mosquitto"
USER, PASSWORD = "appliance", "correct horse"


@dataclass
class Broker:
    """One mosquitto that can be killed and started again on the same port."""

    folder: Path
    options: tuple[str, ...] = ("allow_anonymous true",)
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> Mqtt:
        return Mqtt(host="127.0.0.1", port=self.port)

    def start(self) -> None:
        config = self.folder / f"{self.port}.conf"
        lines = (f"listener {self.port} 127.0.0.1", *self.options, "log_dest none", "user root")
        config.write_text("\n".join(lines) + "\n")
        self._process = start_with_us([MOSQUITTO, "-c", str(config)])
        while not self._listens():
            time.sleep(0.01)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
        except OSError:
            return False
        return True

    def freeze(self) -> None:
        """Let it take nothing in any more, while its connections stay."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """As when the power fails: nobody is told."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        if self._process is not None:
            end(self._process)
            self._process = None


@contextmanager
def broker(folder: Path, *options: str) -> Iterator[Broker]:
    """Run a broker."""
    made = Broker(folder, options or ("allow_anonymous true",))
    made.start()
    try:
        yield made
    finally:
        made.stop()


def password_file(folder: Path) -> str:
    """Return the options of a broker that knows one user."""
    path = folder / "passwords"
    command = ["/usr/bin/mosquitto_passwd", "-b", "-c", str(path), USER, PASSWORD]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603
    path.chmod(0o644)
    return str(path)


@dataclass(frozen=True)
class Papers:
    """Certificates of an authority that nobody else knows."""

    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def certificate(self, name: str) -> Path:
        return self.folder / f"{name}.pem"

    def key(self, name: str) -> Path:
        return self.folder / f"{name}.key"


def papers(folder: Path) -> Papers:
    """Make an authority, and certificates for a broker on the loopback and for a box."""
    made = Papers(folder)
    extensions = folder / "broker.ext"
    extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    _openssl(
        folder,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        " -subj /CN=test-ca -keyout ca.key -out ca.pem",
    )
    for name in ("broker", "box"):
        _openssl(
            folder,
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
            f" -subj /CN={name} -keyout {name}.key -out {name}.csr",
        )
        more = " -extfile broker.ext" if name == "broker" else ""
        _openssl(
            folder,
            f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2"
            f" -out {name}.pem{more}",
        )
    return made


def _openssl(folder: Path, arguments: str) -> None:
    command = ["/usr/bin/openssl", *arguments.split()]
    subprocess.run(command, check=True, capture_output=True, cwd=folder)  # noqa: S603
