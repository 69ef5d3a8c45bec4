"""How a session, or the attempt at one, ends: from what the network says to our own errors. Pure.

Nothing that a server writes for people is passed on; it may quote the key.
"""

import json
import re
import socket
import ssl

from appliance.backend.socket.failures import failure
from appliance.errors import (
    BackendError,
    BackendRefused,
    BackendStalled,
    BackendUnavailable,
    ProtocolViolation,
    SessionOver,
)

_GOING_AWAY = 1001
"""The close code of OpenAI's at the longest duration of a session, and of servers that restart."""

_CODE = re.compile(r"[a-z][a-z0-9_]{2,63}")
_SECONDS = re.compile(r"[0-9]{1,5}")
_UNREADABLE = frozenset({1002, 1003, 1007, 1009})
"""Closing codes for what cannot be read: bad frames, no text, no UTF-8, too much (RFC 6455)."""


def turned_away(
    status: int, body: bytes, section: str = "realtime", *, wait: str = ""
) -> BackendError:
    """Say what it means that the handshake was answered with this HTTP status.

    Args:
        status: Not 101.
        body: What came with it; JSON with an ``error`` where the vendor follows its own rules.
        section: The table of the settings that the advice is about.
        wait: The header ``Retry-After``, if there was one; seconds, for a date is not read.
    """
    if (known := failure(*_codes(body), section=section)) is not None:
        return known
    match status:
        case 401:
            advice = "give a key that is valid (docs/configuration.md, Secrets)"
            return BackendRefused("invalid_api_key", advice)
        case 403:
            advice = f"this key, project or country may not use {section}.model"
            return BackendRefused("forbidden", advice)
        case 404:
            return BackendRefused("not_found", f"check {section}.url and {section}.model")
        case 408 | 425 | 429 | 503:
            told = f"; it says to wait {int(wait)} s" if _SECONDS.fullmatch(wait) else ""
            return BackendUnavailable(f"the server is busy (HTTP {status}){told}")
        case _ if 300 <= status < 400:
            return BackendRefused("redirect", f"set {section}.url to where it leads")
        case _ if 400 <= status < 500:
            advice = f"check {section}.url, {section}.provider and {section}.model"
            return BackendRefused(f"http_{status}", advice)
        case _:
            return BackendUnavailable(f"the server answers HTTP {status}")


def hung_up(code: int, reason: str, *, by_us: bool, section: str = "realtime") -> BackendError:
    """Say what it means that the connection was closed.

    Args:
        code: Of the close frame (RFC 6455, or of the vendor); 1006 if there was none.
        reason: What came with it.
        by_us: The library closed: nobody answered its pings, or it could not read what came.
        section: The table of the settings that the advice is about.
    """
    if by_us and code == 1011:
        return BackendStalled("the connection is dead: no answer to a ping")
    if by_us and code in _UNREADABLE:
        return ProtocolViolation(f"the server sends what cannot be read (close code {code})")
    words = _CODE.findall(reason)
    if (known := failure(*words, section=section)) is not None:
        return known
    named = f" {words[-1]}" if len(words) == 1 and words[0] == reason else ""
    kind = SessionOver if code == _GOING_AWAY and not by_us else BackendUnavailable
    return kind(f"the server closed the connection ({code}{named})")


def unreachable(error: OSError) -> BackendError:
    """Say in a few words why there is no connection."""
    match error:
        case ssl.SSLCertVerificationError():
            return BackendUnavailable(f"its certificate is not trusted: {_distrust(error)}")
        case ssl.SSLError():
            return BackendUnavailable(f"TLS failed: {getattr(error, 'reason', 'unknown')}")
        case socket.gaierror():
            return BackendUnavailable("its name cannot be found (DNS)")
        case TimeoutError():
            return BackendUnavailable("no answer")
        case ConnectionRefusedError():
            return BackendUnavailable("nobody listens there")
        case ConnectionResetError():  # so does a server without TLS that is spoken to in TLS
            return BackendUnavailable("it hangs up at once (is it wss:// or ws://?)")
        case _:
            return BackendUnavailable(error.strerror or "no connection")


def _distrust(error: ssl.SSLCertVerificationError) -> str:
    why = str(getattr(error, "verify_message", "unknown"))
    by_date = "expired" in why or "not yet valid" in why
    return f"{why} (is the clock of this box right?)" if by_date else why


def _codes(body: bytes) -> list[str]:
    try:
        error = json.loads(body)["error"]
        return [word for key in ("code", "type") if isinstance(word := error.get(key), str)]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return []
