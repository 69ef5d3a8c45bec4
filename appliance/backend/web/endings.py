"""What an answer over HTTP that is no answer means, as our own errors. Pure.

Nothing that a server writes for people is passed on; it may quote the key. The codes are those of
OpenAI 3.52, Anthropic 2.11, ElevenLabs 2.78, Deepgram 7.17 and Cartesia 4.2 (types and errors of
their SDKs), and of the servers with OpenAI's interface that people run (vLLM, llama.cpp, Ollama,
LocalAI); read 2026-11-21.
"""

import math
import re
from collections.abc import Mapping
from typing import Final

from appliance.backend.socket import reading
from appliance.backend.socket.failures import failure
from appliance.backend.socket.reading import Message
from appliance.errors import BackendError, BackendRefused, BackendUnavailable

_KEY: Final = "give a key that is valid (docs/configuration.md, Secrets)"
_MONEY: Final = "add credit to the account, or set another key"

_ADVICE: Final = {
    "authentication_error": _KEY,
    "invalid_auth": _KEY,
    "invalid_authentication_error": _KEY,
    "missing_api_key": _KEY,
    "expired_api_key": _KEY,
    "needs_authorization": _KEY,
    "unauthorized": _KEY,
    "billing_error": _MONEY,
    "quota_exceeded": _MONEY,
    "insufficient_credits": _MONEY,
    "insufficient_permissions": "give a key that may do this, or another model",
    "permission_error": "give a key that may use {section}.model",
    "missing_permissions": "give a key that may do this",
    "unsupported_country_region_territory": "this vendor does not serve this country",
    "voice_not_found": "set {section}.voice to a voice of this account",
    "invalid_voice": "set {section}.voice to a voice that there is",
    "invalid_voice_id": "set {section}.voice to a voice of this account",
    "voice_limit_reached": "set {section}.voice to a voice of this account",
    "invalid_model_id": "set {section}.model to a model that there is",
    "model_not_supported": "set {section}.model to a model that there is",
    "model_can_not_do_text_to_speech": "set {section}.model to a model that speaks",
    "not_found_error": "set {section}.model to a model that there is",
    "notfounderror": "set {section}.model to a model that the server has loaded",
    "detected_unusual_activity": "ask the vendor why the account is closed, or set another key",
    "organization_on_hold": "ask the vendor why the account is closed, or set another key",
}
"""What it takes to be served again, by the vendor's word for what is wrong, in lower case."""

_LIMITS: Final = frozenset({
    "contract_spend_limit_reached", "enforced_spend_limit_reached", "ramp_limit_exceeded",
    "linked_organization_spend_limit_reached",
})  # fmt: skip
"""Anthropic's ``error.details.error_code`` for limits that the account set itself."""

_BUSY: Final = frozenset({
    "rate_limit_error", "rate_limit_exceeded", "too_many_requests", "overloaded_error",
    "too_many_concurrent_requests", "concurrent_limit_exceeded", "system_busy", "api_error",
    "server_error", "timeout_error", "slow_down",
})  # fmt: skip

_WORD: Final = re.compile(r"[A-Za-z][A-Za-z_]{2,63}")  # no digits: a key is no word
_NO_CREDIT: Final = re.compile(r"credit balance is too low", re.IGNORECASE)
"""Anthropic says so with ``invalid_request_error`` and in words only."""

LONGEST_WAIT: Final = 86_400.0
"""Seconds that a server may ask for; more is told as a day."""


def turned_away(
    status: int, headers: Mapping[str, str], body: bytes, section: str
) -> BackendError:
    """Say what it means that a request was answered with this status.

    Args:
        status: Not 2xx.
        headers: Of the answer, with names in lower case.
        body: Of the answer; may be anything, and may be cut off.
        section: The table of the settings that the advice is about.
    """
    said = reading.parse_object(body.decode("utf-8", "replace")) or {}
    if (known := refused(said, section)) is not None:
        return known
    if "context_length_exceeded" in codes(said):
        return BackendUnavailable("the conversation is too long for this model")
    if status in (408, 425, 429, 503, 529):
        return busy(status, retry_after(headers))
    return _by_status(status, codes(said), section)


def failed_midway(said: Message, section: str) -> BackendError:
    """Say what it means that an answer which had begun ended with an error of the server.

    Args:
        said: The message with the error in it.
        section: The table of the settings that the advice is about.
    """
    if (known := refused(said, section)) is not None:
        return known
    named = next((code for code in codes(said) if code in _BUSY), "an error")
    return BackendUnavailable(f"the server broke off with {named}")


def refused(said: Message, section: str) -> BackendError | None:
    """Return what it takes to be served again; ``None``: nothing that is known here."""
    words = codes(said)
    if (known := failure(*words, section=section)) is not None:
        return known
    for code in words:
        if code in _LIMITS:
            return BackendRefused(code, "raise the spending limit of the account")
        if code in _ADVICE:
            return BackendRefused(code, _ADVICE[code].format(section=section))
    if _NO_CREDIT.search(reading.text_of(reading.object_of(said, "error"), "message")):
        return BackendRefused("no_credit", _MONEY)
    return _parameter(said, section)


def busy(status: int, wait: float | None) -> BackendUnavailable:
    """Say that the server takes no more now, and for how long if it says so."""
    if wait is None:
        return BackendUnavailable(f"the server is busy (HTTP {status})")
    return BackendUnavailable(f"the server is busy (HTTP {status}); again in {math.ceil(wait)} s")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds after which to try again; ``None``: not said.

    A date is not read: the box's clock may be wrong.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if seconds >= 0.0:  # not for NaN
            return min(seconds, LONGEST_WAIT)
    return None


def codes(said: Message) -> list[str]:
    """Return the vendor's words for what is wrong, the most telling first, in lower case."""
    error, detail = reading.object_of(said, "error"), reading.object_of(said, "detail")
    found = [reading.text_of(reading.object_of(error, "details"), "error_code")]
    found += [reading.text_of(error, key) for key in ("code", "type")]
    found += [reading.text_of(detail, key) for key in ("status", "code", "type")]
    found += [reading.text_of(said, key) for key in ("err_code", "error_code", "code", "type")]
    return [word.lower() for word in found if _WORD.fullmatch(word) and word != "error"]


def _parameter(said: Message, section: str) -> BackendError | None:
    """Return what to set where the server names the parameter that it does not take."""
    error = reading.object_of(said, "error")
    named = reading.text_of(error, "param")
    if named in ("voice", "model", "temperature"):
        return BackendRefused(f"invalid_{named}", f"set {section}.{named} to what there is")
    return None


def _by_status(status: int, words: list[str], section: str) -> BackendError:
    named = f" ({words[0]})" if words else ""
    match status:
        case 401:
            return BackendRefused("invalid_api_key", _KEY)
        case 402:
            return BackendRefused("no_credit", _MONEY)
        case 403:
            return BackendRefused("forbidden", f"this key or country may not use {section}.model")
        case 404 | 405:
            return BackendRefused("not_found", f"check {section}.url and {section}.model")
        case 413:
            return BackendRefused("too_large", "the request is too large for this server")
        case _ if 300 <= status < 400:
            return BackendRefused("redirect", f"set {section}.url to where it leads")
        case _ if 400 <= status < 500:
            advice = f"check {section}.url and {section}.model{named}"
            return BackendRefused(f"http_{status}", advice)
        case _:
            return BackendUnavailable(f"the server answers HTTP {status}{named}")
