"""Where a Gemini Live session is, what to show there, and what its refusals mean. Pure.

Paths and headers as google-genai 3.4.0, ``live.py`` and ``_api_client.py``, read 2026-11-22, but
for ``v1beta``, which the vendor's guide names and where all that we set is known; the SDK's own
choice is ``v1``. A ``gemini.url`` with a path is taken as it is. The words of refusals were seen
in public issues of its users; Google documents none.
"""

import re
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from appliance.backend.socket.address import Address
from appliance.backend.socket.reading import Message, object_of, parse_object, text_of
from appliance.config.services import Gemini
from appliance.errors import BackendError, BackendRefused, BackendUnavailable

GOOGLE: Final = "wss://generativelanguage.googleapis.com"
SECTION: Final = "gemini"

_SERVICE: Final = "/ws/google.ai.generativelanguage.{}.GenerativeService.{}"
_EPHEMERAL: Final = "auth_tokens/"
_SECURE: Final = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}

_KEY: Final = "give a key that is valid: keys.gemini_file (docs/configuration.md, Secrets)"
_MEANINGS: Final = (
    (r"credits? (are|is) depleted|billing (account|is) (dis|not )", "insufficient_quota"),
    (r"unregistered caller|api.?key|unauthenticated|token .*expired|expired .*token", "key"),
    (r"location is not supported|unsupported_country", "location"),
    (r"voice", "voice"),
    (r"not found for api version|not supported for bidi|models?/\S+ (is|was) not found", "model"),
    (r"\bnot_found\b", "model"),
    (r"permission.?denied|\bforbidden\b|denied access", "permission"),
)
_REFUSALS: Final = {
    "insufficient_quota": "add credit to the account, or set another key",
    "key": _KEY,
    "location": "the vendor does not serve this country",
    "voice": "set gemini.voice to a voice that there is, or leave it empty",
    "model": "set gemini.model to a live model that this account may use",
    "permission": "this key or project may not use gemini.model",
}
_NAMES: Final = {
    "key": "invalid_api_key",
    "location": "unsupported_location",
    "voice": "voice_not_found",
    "model": "model_not_found",
    "permission": "forbidden",
}
_USED_UP: Final = re.compile(r"quota|resource.?exhausted|rate.?limit|too many requests")
_RETRY: Final = re.compile(r"retry\w*\W{1,8}(?:in\W{0,4}|after\W{0,4})?(\d{1,6}(?:\.\d+)?)\s*s")


def address(settings: Gemini, key: SecretStr | None) -> Address:
    """Return where a session is opened.

    The key goes into a header; of an ephemeral token the vendor wants another one, and takes it
    at another path only.
    """
    parts = urlsplit(settings.url or GOOGLE)
    secret = key.get_secret_value() if key is not None else ""
    ephemeral = secret.startswith(_EPHEMERAL)
    headers = {"x-goog-api-key": secret} if secret else {}
    service = _SERVICE.format("v1beta", "BidiGenerateContent")
    if ephemeral:
        headers = {"Authorization": f"Token {secret}"}
        service = _SERVICE.format("v1alpha", "BidiGenerateContentConstrained")
    path = parts.path.rstrip("/")
    if "/ws/" not in path:
        path += service
    url = urlunsplit((_SECURE[parts.scheme], parts.netloc, path, parts.query, ""))
    return Address(url, headers, parts.hostname or "", SECTION, meaning)


def meaning(code: int, words: str) -> BackendError | None:
    """Say what a refusal means: an HTTP status with its body, or a close code with its reason."""
    text = words[:8_192].lower()
    if _USED_UP.search(text) and not re.search(_MEANINGS[0][0], text):
        retry = _RETRY.search(text)
        when = f"; it asks to wait {float(retry[1]):.0f} s" if retry else ""
        return BackendUnavailable(f"the quota of the account is used up for now{when}")
    for pattern, name in _MEANINGS:
        if re.search(pattern, text):
            return BackendRefused(_NAMES.get(name, name), _REFUSALS[name])
    if code == 401:
        return BackendRefused("invalid_api_key", _KEY)
    return None


def said(error: Message) -> BackendError:
    """Say what an error means that came as a message."""
    words = " ".join((text_of(error, "status"), text_of(error, "message"), _delay(error)))
    status = text_of(error, "status")
    named = f" {status}" if re.fullmatch(r"[A-Z_]{3,40}", status) else ""
    return meaning(0, words) or BackendUnavailable(f"the server reports an error{named}")


def _delay(error: Message) -> str:
    """Return when to try again (``google.rpc.RetryInfo``), in words."""
    details = error.get("details")
    for each in details if isinstance(details, list) else []:
        if isinstance(each, dict) and (delay := text_of(each, "retryDelay")):
            return f"retry in {delay}"
    return ""


def error_in(body: str) -> Message:
    """Return the error of a body, empty if there is none."""
    return object_of(parse_object(body) or {}, "error")
