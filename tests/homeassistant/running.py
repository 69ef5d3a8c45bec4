"""Runs Home Assistant without a screen, and talks with it."""

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

from appliance.demo.broker import free_port
from tests.homeassistant.installed import Installed

USER, PASSWORD = "tester", "only for this test"
PATIENCE = 90.0


@dataclass
class HomeAssistant:
    """One that runs. Every method blocks."""

    port: int
    folder: Path
    token: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> list[str]:
        return (self.folder / "output.log").read_text(encoding="utf-8").splitlines()

    def registered(self) -> dict[str, str]:
        """Return the entities of MQTT: unique id → entity id."""
        with connect(f"ws://127.0.0.1:{self.port}/api/websocket", max_size=None) as socket:
            socket.recv()
            socket.send(json.dumps({"type": "auth", "access_token": self.token}))
            socket.recv()
            socket.send(json.dumps({"id": 1, "type": "config/entity_registry/list"}))
            answer = json.loads(socket.recv())
        rows = answer["result"]
        return {r["unique_id"]: r["entity_id"] for r in rows if r["platform"] == "mqtt"}

    def state(self, entity: str) -> str:
        found = self._call(f"/api/states/{entity}")
        return str(found["state"])

    def attributes(self, entity: str) -> dict[str, object]:
        found: dict[str, object] = self._call(f"/api/states/{entity}")["attributes"]
        return found

    def do(self, service: str, entity: str, **data: object) -> None:
        """Call one of its services on one of its entities."""
        body = json.dumps({"entity_id": entity, **data}).encode()
        self._call(f"/api/services/{service.replace('.', '/')}", body)

    def log_in(self) -> None:
        client = f"{self.url}/"
        flow = self._call(
            "/auth/login_flow",
            json.dumps(
                {"client_id": client, "handler": ["homeassistant", None], "redirect_uri": client}
            ).encode(),
        )
        step = {"client_id": client, "username": USER, "password": PASSWORD}
        done = self._call(f"/auth/login_flow/{flow['flow_id']}", json.dumps(step).encode())
        form = {"grant_type": "authorization_code", "code": done["result"], "client_id": client}
        body = urllib.parse.urlencode(form).encode()
        kind = "application/x-www-form-urlencoded"
        self.token = self._call("/auth/token", body, kind=kind)["access_token"]

    def _call(
        self, path: str, body: bytes | None = None, *, kind: str = "application/json"
    ) -> Any:  # noqa: ANN401
        headers = {"Content-Type": kind}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.url + path, body, headers)  # noqa: S310 - ours
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.loads(answer.read())


@contextmanager
def running(installed: Installed, folder: Path, broker: int) -> Iterator[HomeAssistant]:
    """Run it until left, with the broker set up as by hand.

    Args:
        installed: It.
        folder: Empty; its configuration.
        broker: The broker's port on the loopback.
    """
    made = HomeAssistant(free_port(), folder)
    _configure(made, broker)
    program = str(installed.program)
    config = ["--config", str(folder)]
    add = [program, "--script", "auth", *config, "add", USER, PASSWORD]
    subprocess.run(add, check=True, capture_output=True)  # noqa: S603 - our own words
    with (
        (folder / "output.log").open("wb") as log,
        subprocess.Popen(  # noqa: S603
            [program, *config, "--skip-pip"], stdout=log, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            _await(made)
            yield made
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _await(made: HomeAssistant) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            made.log_in()
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
        else:
            return


def _configure(made: HomeAssistant, broker: int) -> None:
    folder = made.folder
    (folder / ".storage").mkdir(parents=True)
    (folder / "configuration.yaml").write_text(
        "http:\n"
        "  server_host: 127.0.0.1\n"
        f"  server_port: {made.port}\n"
        "api:\nconfig:\n"
        "logger:\n  default: info\n",
        encoding="utf-8",
    )
    entry: dict[str, object] = {
        "created_at": "2026-01-01T00:00:00+00:00",
        "modified_at": "2026-01-01T00:00:00+00:00",
        "data": {"broker": "127.0.0.1", "port": broker},
        "disabled_by": None,
        "discovery_keys": {},
        "domain": "mqtt",
        "entry_id": "01JTESTTESTTESTTESTTESTTES",
        "version": 1,
        "minor_version": 1,
        "options": {},
        "pref_disable_new_entities": False,
        "pref_disable_polling": False,
        "source": "user",
        "subentries": [],
        "title": "mosquitto",
        "unique_id": None,
    }
    key = "core.config_entries"
    stored = {"version": 1, "minor_version": 5, "key": key, "data": {"entries": [entry]}}
    (folder / ".storage" / key).write_text(json.dumps(stored), encoding="utf-8")
