"""Where an agent of ElevenLabs is, what to show there, and what its refusals mean. Pure.

As elevenlabs 2.78.0, ``conversational_ai/conversation.py``, read 2026-11-22. The words of refusals
were seen in public issues of its users; the vendor documents none. A signed URL is not needed
where the key is on the box: the header ``xi-api-key`` does.
"""

import re
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import SecretStr

from appliance.backend.socket.address import Address
from appliance.config.services import ElevenLabs
from appliance.errors import BackendError, BackendRefused, BackendUnavailable

VENDOR: Final = "wss://api.elevenlabs.io"
SECTION: Final = "elevenlabs"

_PATH: Final = "/v1/convai/conversation"
_SECURE: Final = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
_DOCS: Final = "docs/backends/elevenlabs.md"
_KEY: Final = "give a key that is valid: keys.elevenlabs_file (docs/configuration.md, Secrets)"
_BUSY: Final = re.compile(r"rate.?limit|too many|concurren|system_busy")
_RETRY: Final = re.compile(r"(?:retry|again)\W{1,8}(?:in\W{0,4}|after\W{0,4})?(\d{1,6})\s*s")
_MEANINGS: Final = (
    (r"quota", "insufficient_quota", "add credit to the account, or set another key"),
    (
        r"override",
        "override_not_allowed",
        f"allow it on the agent's page, or take it out of elevenlabs.overrides ({_DOCS})",
    ),
    (r"voice", "voice_not_found", "set elevenlabs.voice to a voice of the account"),
    (
        r"misconfigured",
        "agent_misconfigured",
        f"mend the agent on the vendor's page ({_DOCS})",
    ),
    (
        r"agent.{0,60}(not|n't) (exist|found)|agent_not_found|invalid agent",
        "agent_not_found",
        "set elevenlabs.agent_id to an agent of the account",
    ),
    (r"authori[sz]|authentic|api.?key|signature|token|permission", "invalid_api_key", _KEY),
)


def address(settings: ElevenLabs, key: SecretStr | None) -> Address:
    """Return where a conversation is opened."""
    parts = urlsplit(settings.url or VENDOR)
    path = parts.path.rstrip("/")
    if not path.endswith("/conversation"):
        path = f"{path}/conversation" if path else _PATH
    query = parse_qsl(parts.query, keep_blank_values=True)
    if "agent_id" not in dict(query):
        query.append(("agent_id", settings.agent_id))
    url = urlunsplit((_SECURE[parts.scheme], parts.netloc, path, urlencode(query), ""))
    headers = {"xi-api-key": key.get_secret_value()} if key is not None else {}
    return Address(url, headers, parts.hostname or "", SECTION, meaning)


def meaning(code: int, words: str) -> BackendError | None:
    """Say what a refusal means: an HTTP status with its body, or a close code with its reason."""
    text = words[:8_192].lower()
    if _BUSY.search(text) or code == 429:
        retry = _RETRY.search(text)
        when = f"; it asks to wait {retry[1]} s" if retry else ""
        return BackendUnavailable(f"too many conversations or requests at once{when}")
    for pattern, name, advice in _MEANINGS:
        if re.search(pattern, text):
            return BackendRefused(name, advice)
    match code:
        case 401 | 403:
            return BackendRefused("invalid_api_key", _KEY)
        case 404 | 422:
            return BackendRefused("agent_not_found", _MEANINGS[4][2])
        case _:
            return None
