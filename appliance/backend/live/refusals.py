"""What it means that the server refuses something, or ends the session. Pure.

Codes are passed on, sentences never: they may quote what was said. Of a sentence only the seconds
are read after which one may try again.
"""

import re
from typing import Final

from appliance.backend.socket.failures import failure
from appliance.backend.socket.reading import Message, object_of, text_of
from appliance.errors import BackendError, BackendRefused, BackendUnavailable

_CODE: Final = re.compile(r"[a-z0-9_.]{1,64}")
_BUSY: Final = re.compile(r"rate_limit|too_many|concurren|overload|capacity|server_error")
_WAIT: Final = re.compile(
    r"(?:try again|retry)[^0-9]{0,20}(\d{1,5}(?:\.\d{1,3})?) ?(ms|s)\b", re.IGNORECASE
)

_CLOSED: Final = {
    "expired": "the session has reached its longest duration",
    "content": "the service ended the session for what was said in it",
    "remote_hangup": "the service hung up",
    "connection_lost": "the service lost the connection",
    "close_requested": "the session was closed",
}
"""Reasons of ``session.closed`` (openai-python 3.52, ``types/live/session_closed_event.py``)."""

_SETTINGS: Final = (
    ("voice", "set live.voice to a voice of the vendor's, such as marin"),
    ("delegation.responses.model", "set live.delegate_model to a model that this account may use"),
    ("tools", "the service does not take the box's tools: voice-appliance tools list"),
    ("model", "set live.model to a model that this account may use"),
    ("reasoning", "set live.delegate_effort to what live.delegate_model can do, or leave it out"),
    ("format", "set live.rate to 16000 or 24000"),
    ("instructions", "shorten live.instructions"),
)
"""Parameters that the service may name, and what to do; the first that fits counts."""


def closing(reason: str) -> str:
    """Return in words why the service ended the session."""
    return _CLOSED.get(reason, "the service ended the session")


def of_start(code: str, error: Message) -> BackendError:
    """Return what it means that the session was not begun."""
    if _BUSY.search(code):
        return _busy(code, error)
    param = text_of(error, "param")
    advice = next((advice for name, advice in _SETTINGS if name in param), "")
    if not advice:
        key = param if _CODE.fullmatch(param) else "the settings"
        advice = f"the server does not take {key}: see [live]"
    return BackendRefused(code, advice)


def of_request(code: str, error: Message) -> BackendError:
    """Return what it means that something was refused for which somebody waits."""
    if _BUSY.search(code):
        return _busy(code, error)
    return BackendUnavailable(f"the request for a reply was refused ({code})")


def of_work(event: Message) -> BackendError:
    """Return what it means that the model behind has failed."""
    response = object_of(event, "response")
    error = object_of(response, "error") or object_of(event, "error") or event
    codes = (text_of(error, "code"), text_of(error, "type"))
    fatal = failure(*codes, section="live")
    if fatal is not None:
        return fatal
    code = next((code for code in codes if _CODE.fullmatch(code) and "." not in code), "")
    if _BUSY.search(code):
        return _busy(code, error)
    return BackendUnavailable(f"the model behind has failed{f' ({code})' if code else ''}")


def _busy(code: str, error: Message) -> BackendError:
    found = _WAIT.search(text_of(error, "message")[:1_000])
    if found is None:
        return BackendUnavailable(f"the server is busy ({code})")
    seconds = float(found[1]) / (1000.0 if found[2].lower() == "ms" else 1.0)
    return BackendUnavailable(f"the server is busy ({code}); it says to wait {seconds:g} s")
