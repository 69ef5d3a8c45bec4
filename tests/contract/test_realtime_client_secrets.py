import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from openai.types.realtime import ClientSecretCreateParams
from pydantic import SecretStr, TypeAdapter

from appliance.backend.realtime.address import client_secrets
from appliance.backend.realtime.client_secrets import LARGEST, ClientSecret, mint
from appliance.backend.realtime.session import session_object
from appliance.config import Config
from appliance.config.cloud import Realtime
from appliance.errors import BackendRefused, BackendUnavailable
from appliance.units import Seconds

Handle = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Service:
    """A real HTTP server that answers as it is told."""

    url: str
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    handle: Handle = lambda _: None

    def mint(self, patience: float = 5.0, lifetime: float = 600.0) -> ClientSecret:
        realtime = Realtime(url=self.url, api_key=SecretStr("sk-hush"), organization="org-1")
        session = session_object(Config(realtime=realtime), [])
        return mint(
            client_secrets(realtime),
            session,
            lifetime=Seconds(lifetime),
            patience=Seconds(patience),
        )


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv("no_proxy", "*")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            served.asked.append((self.path, headers, json.loads(body)))
            served.handle(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.block_on_close = True
    served = Service(f"http://127.0.0.1:{server.server_port}/v1")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="service")
    thread.start()
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


def answering(status: int, body: bytes | dict[str, object], **headers: str) -> Handle:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    def handle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {"Content-Length": str(len(raw)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        with suppress(OSError):  # it may not want all of it
            request.wfile.write(raw)

    return handle


def refusing(status: int, **error: str) -> Handle:
    return answering(status, {"error": {"message": "sk-hush is wrong", **error}})


def test_a_secret_is_minted_with_the_boxs_key(service: Service) -> None:
    minted = {"value": "ek_hush", "expires_at": 1_790_000_000, "session": {"type": "realtime"}}
    service.handle = answering(200, minted)

    secret = service.mint(lifetime=60)

    assert secret == ClientSecret(SecretStr("ek_hush"), 1_790_000_000)
    assert "hush" not in repr(secret)
    ((path, headers, body),) = service.asked
    assert path == "/v1/realtime/client_secrets"
    assert headers["authorization"] == "Bearer sk-hush"
    assert headers["openai-organization"] == "org-1"
    assert headers["content-type"] == "application/json"
    assert body["expires_after"] == {"anchor": "created_at", "seconds": 60}
    assert body["session"]["model"] == "gpt-realtime-2.1"
    for absent in ("noise_reduction", "turn_detection"):  # the SDK's TypedDict knows no null
        if body["session"]["audio"]["input"][absent] is None:
            del body["session"]["audio"]["input"][absent]
    TypeAdapter(ClientSecretCreateParams).validate_python(body)


@pytest.mark.parametrize(("lifetime", "expected"), [(1, 10), (1e9, 7200), (59.6, 60)])
def test_the_lifetime_is_one_that_the_api_takes(
    service: Service, lifetime: float, expected: int
) -> None:
    service.handle = answering(200, {"value": "ek_1"})
    service.mint(lifetime=lifetime)
    assert service.asked[0][2]["expires_after"]["seconds"] == expected


@pytest.mark.parametrize(
    ("handle", "reason"),
    [
        (refusing(401, code="invalid_api_key"), "invalid_api_key"),
        (refusing(401), "http_401"),
        (refusing(403, code="unsupported_country"), "unsupported_country"),
        (refusing(403, code="sk-hush"), "http_403"),
        (answering(403, b"\xff<html>"), "http_403"),
        (refusing(429, code="insufficient_quota"), "insufficient_quota"),
        (refusing(429, type="insufficient_quota"), "insufficient_quota"),
        (refusing(400, code="model_not_found"), "model_not_found"),
    ],
)
def test_what_only_people_can_mend_is_refused(
    service: Service, handle: Handle, reason: str
) -> None:
    service.handle = handle
    with pytest.raises(BackendRefused) as caught:
        service.mint()
    assert caught.value.reason == reason
    assert caught.value.advice
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("handle", "words"),
    [
        (refusing(429, code="rate_limit_exceeded"), "answered 429"),
        (refusing(400, code="unknown_parameter"), "answered 400"),
        (answering(404, b"not here"), "answered 404"),
        (answering(500, b""), "answered 500"),
        (answering(503, b"x" * (LARGEST + 1)), "answered 503"),
        (answering(200, b"<html>"), "without a client secret"),
        (answering(200, b"[]"), "without a client secret"),
        (answering(200, {"value": 5}), "without a client secret"),
        (answering(200, {"value": ""}), "without a client secret"),
        (answering(200, b"[" * 100_000), "without a client secret"),
        (answering(200, b"\xff"), "cannot be reached"),
        (answering(200, b"x" * (LARGEST + 1)), "cannot be reached"),
        (answering(200, b"{}", **{"Content-Length": "nonsense"}), "without a client secret"),
        (lambda request: request.connection.close(), "cannot be reached"),
        (lambda request: request.connection.shutdown(socket.SHUT_RDWR), "makes no client secrets"),
    ],
)
def test_what_may_pass_is_unavailable(service: Service, handle: Handle, words: str) -> None:
    service.handle = handle
    with pytest.raises(BackendUnavailable, match=words) as caught:
        service.mint()
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_key_is_not_carried_to_another_place(service: Service, status: int) -> None:
    service.handle = answering(status, b"", Location=f"{service.url}/elsewhere")
    with pytest.raises(BackendUnavailable, match=f"answered {status}"):
        service.mint()
    assert len(service.asked) == 1


def test_nobody_there_is_unavailable(service: Service) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        service.url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        with pytest.raises(BackendUnavailable, match="cannot be reached: Connection refused"):
            service.mint()


def test_a_service_that_says_nothing_is_given_up(service: Service) -> None:
    over = threading.Event()

    def wait(_: BaseHTTPRequestHandler) -> None:
        over.wait(5)

    service.handle = wait
    with pytest.raises(BackendUnavailable, match="cannot be reached"):
        service.mint(patience=0.05)
    over.set()


def test_a_service_that_never_ends_is_given_up(service: Service) -> None:
    """Each byte comes in time, and the whole never."""

    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        with suppress(OSError):
            while True:
                request.wfile.write(b" ")
                time.sleep(0.01)

    service.handle = drip
    began = time.monotonic()
    with pytest.raises(BackendUnavailable, match="cannot be reached"):
        service.mint(patience=0.2)
    assert time.monotonic() - began < 3
