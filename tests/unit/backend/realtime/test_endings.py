import errno
import json
import os
import socket
import ssl

import pytest

from appliance.backend.socket.endings import hung_up, turned_away, unreachable
from appliance.errors import (
    BackendError,
    BackendRefused,
    BackendStalled,
    BackendUnavailable,
    ProtocolViolation,
    SessionOver,
)


def body(**error: object) -> bytes:
    return json.dumps({"error": error}).encode()


@pytest.mark.parametrize(
    ("status", "answer", "kind", "says"),
    [
        (401, b"", BackendRefused, "invalid_api_key: give a key that is valid"),
        (401, body(code="account_deactivated"), BackendRefused, "account_deactivated: ask"),
        (403, b"<html>", BackendRefused, "forbidden: this key, project or country"),
        (404, b"", BackendRefused, "not_found: check realtime.url and realtime.model"),
        (400, body(code="model_not_found"), BackendRefused, "model_not_found: set realtime.model"),
        (429, body(code=None, type="insufficient_quota"), BackendRefused, "add credit"),
        (429, body(code="rate_limit_exceeded"), BackendUnavailable, "busy (HTTP 429)"),
        (302, b"", BackendRefused, "redirect: set realtime.url"),
        (422, b"", BackendRefused, "http_422: check"),
        (500, b"\xff", BackendUnavailable, "HTTP 500"),
        (503, b"[" * 100_000, BackendUnavailable, "HTTP 503"),
        (502, b"7", BackendUnavailable, "HTTP 502"),
        (502, b'{"error": "gone"}', BackendUnavailable, "HTTP 502"),
    ],
)
def test_a_status_is_told_with_what_to_do(
    status: int, answer: bytes, kind: type[BackendError], says: str
) -> None:
    error = turned_away(status, answer)

    assert type(error) is kind
    assert says in str(error)


def test_what_a_server_writes_for_people_is_not_passed_on() -> None:
    answer = body(code="invalid_api_key", message="Incorrect API key provided: sk-verysecret")

    assert "verysecret" not in str(turned_away(401, answer))
    assert "verysecret" not in str(hung_up(1008, "bad key sk-verysecret", by_us=False))


@pytest.mark.parametrize(
    ("code", "reason", "by_us", "kind", "says"),
    [
        (1000, "", False, BackendUnavailable, "(1000)"),
        (
            1001,
            "Your session hit the maximum duration of 60 minutes.",
            False,
            SessionOver,
            "(1001)",
        ),
        (1006, "", False, BackendUnavailable, "(1006)"),
        (1008, "session_limit_reached", False, BackendUnavailable, "session_limit_reached"),
        (1008, "policy", False, BackendUnavailable, "(1008 policy)"),
        (1008, "insufficient_quota", False, BackendRefused, "add credit"),
        (1011, "internal error", False, BackendUnavailable, "(1011)"),
        (1011, "keepalive ping timeout", True, BackendStalled, "no answer to a ping"),
        (1009, "", True, ProtocolViolation, "1009"),
        (1007, "", True, ProtocolViolation, "1007"),
        (1009, "", False, BackendUnavailable, "(1009)"),
        (4000, "invalid_request_error.beta_api_shape_disabled", False, BackendRefused, "dialect"),
        (4001, "whatever", False, BackendUnavailable, "(4001 whatever)"),
    ],
)
def test_a_close_is_told_with_its_code(
    code: int, reason: str, *, by_us: bool, kind: type[BackendError], says: str
) -> None:
    error = hung_up(code, reason, by_us=by_us)

    assert type(error) is kind
    assert says in str(error)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "DNS"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "nobody listens there"),
        (TimeoutError(errno.ETIMEDOUT, "timed out"), "no answer"),
        (OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH)), "unreachable"),
        (ConnectionResetError(), "wss:// or ws://"),
        (OSError("Multiple exceptions: …"), "no connection"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong"), "TLS failed"),
        (ssl.SSLCertVerificationError("expired"), "certificate is not trusted"),
    ],
)
def test_no_connection_is_told_in_a_few_words(error: OSError, says: str) -> None:
    told = unreachable(error)

    assert type(told) is BackendUnavailable
    assert says in str(told)


def test_a_certificate_of_another_time_makes_one_look_at_the_clock() -> None:
    error = ssl.SSLCertVerificationError("expired")
    error.verify_message = "certificate is not yet valid"

    assert "is the clock of this box right?" in str(unreachable(error))
