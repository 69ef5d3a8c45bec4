"""Mints client secrets: keys that last minutes, so that a page of the box can open a session.

The box's own key never leaves it. A secret can open several sessions until it expires; a session
outlives it.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse, RemoteDisconnected
from typing import Final, cast
from urllib.error import HTTPError, URLError
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from pydantic import SecretStr

from appliance.backend.socket import failures, reading
from appliance.backend.socket.address import Address
from appliance.errors import BackendError, BackendRefused, BackendUnavailable
from appliance.units import Seconds

LIFETIME: Final = Seconds(600.0)
"""What the API takes if it is not told; it allows 10 s to 2 h."""

PATIENCE: Final = Seconds(10.0)

LARGEST: Final = 256 * 1024
"""Bytes. The answer repeats the session, whose instructions and tools may take some 100 kB."""

_PIECE: Final = 16 * 1024
_CODE: Final = re.compile(r"[a-z0-9_.]{1,64}")


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A key for one page; ``repr`` does not show it."""

    value: SecretStr
    expires_at: float
    """In seconds since 1970, on the vendor's clock."""


def mint(
    address: Address,
    session: Mapping[str, object],
    *,
    lifetime: Seconds = LIFETIME,
    patience: Seconds = PATIENCE,
) -> ClientSecret:
    """Have a client secret made. Blocks for about ``patience`` at most: not for the event loop.

    Args:
        address: Where, as ``appliance.backend.realtime.address.client_secrets`` gives it.
        session: What the page's sessions are like; as for ``session.update``.
        lifetime: How long sessions can be opened with it; 10 s to 2 h.
        patience: How long the service may take.

    Raises:
        BackendRefused: The key is wrong, or the money has run out.
        BackendUnavailable: The service cannot be reached, or answers what nobody can understand.
    """
    seconds = max(10, min(7_200, round(lifetime)))
    body = {
        "expires_after": {"anchor": "created_at", "seconds": seconds},
        "session": dict(session),
    }
    headers = {**address.headers, "Content-Type": "application/json", "Accept": "application/json"}
    data = reading.dump(body).encode()
    request = Request(address.url, data, headers, method="POST")  # noqa: S310 - http(s), by address
    answer = reading.parse_object(_ask(request, address.host, patience))
    value = "" if answer is None else reading.text_of(answer, "value")
    if answer is None or not value:
        raise BackendUnavailable(f"{address.host} gave an answer without a client secret")
    return ClientSecret(SecretStr(value), reading.number_of(answer, "expires_at"))


def _opener() -> OpenerDirector:
    """Return what ``urllib`` opens with, but without redirects: nowhere else is the key shown."""
    opener = OpenerDirector()
    for handler in (
        ProxyHandler(),
        HTTPHandler(),
        HTTPSHandler(),
        HTTPDefaultErrorHandler(),
        HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _ask(request: Request, host: str, patience: Seconds) -> str:
    until = Seconds(time.monotonic() + patience)
    try:
        with _opener().open(request, timeout=patience) as answer:
            return _read(answer, until)
    except HTTPError as error:
        with error:
            raise _refusal(error, host, until) from None
    except URLError as error:
        why = getattr(error.reason, "strerror", None) or error.reason
        raise BackendUnavailable(f"{host} cannot be reached: {why}") from error
    except RemoteDisconnected as error:
        what = "it hangs up without an answer; perhaps it makes no client secrets"
        raise BackendUnavailable(f"{host} cannot be reached: {what}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise BackendUnavailable(f"{host} cannot be reached: {type(error).__name__}") from error


def _read(answer: HTTPResponse, until: Seconds) -> str:
    """Read a body that must not be endless, neither in length nor in time."""
    body = b""
    while piece := answer.read1(_PIECE):
        body += piece
        if len(body) > LARGEST:
            raise ValueError("too long")
        if time.monotonic() > until:
            raise TimeoutError
    return body.decode()


def _refusal(error: HTTPError, host: str, until: Seconds) -> BackendError:
    try:
        said = reading.parse_object(_read(cast("HTTPResponse", error.fp), until)) or {}
    except (OSError, HTTPException, ValueError):
        said = {}
    reason = reading.object_of(said, "error")
    codes = (reading.text_of(reason, "code"), reading.text_of(reason, "type"))
    if known := failures.failure(*codes):
        return known
    if error.code in (401, 403):
        named = next(filter(_CODE.fullmatch, codes), f"http_{error.code}")
        return BackendRefused(named, "set realtime-api-key to a key that may use this service")
    return BackendUnavailable(f"{host} answered {error.code} instead of making a client secret")
