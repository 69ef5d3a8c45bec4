"""Where a realtime session is, and what to show there to be let in. Pure.

The GA protocol wants no header but the key: with ``OpenAI-Beta`` OpenAI closes the connection.
"""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from appliance.backend.socket.address import Address
from appliance.config import vendors
from appliance.config.cloud import Realtime

_SECURE = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
_WEB = {"ws": "http", "wss": "https"}

_ENDING = "/realtime"
_MODEL_IN_URL = frozenset({"model", "deployment", "call_id"})
"""Parameters that say already what answers; ``deployment`` is Azure's older word for it."""

_EPHEMERAL = "ek_"
_JSON_WEB_TOKEN = "eyJ"  # noqa: S105 - how every token of Microsoft Entra begins


def address(realtime: Realtime) -> Address:
    """Return where a session is opened: a WebSocket, ``ws://`` or ``wss://``.

    The settings were checked (``appliance.config.checks``).
    """
    parts = urlsplit(realtime.url or vendors.OPENAI)
    query = parse_qsl(parts.query, keep_blank_values=True)
    if not names_model(realtime.url):
        query.append(("model", realtime.model))
    path = _path(parts.path, realtime)
    url = urlunsplit((_SECURE[parts.scheme], parts.netloc, path, urlencode(query), ""))
    return Address(url, _headers(realtime), vendors.host(realtime.url))


def client_secrets(realtime: Realtime) -> Address:
    """Return where client secrets are minted: ``http://`` or ``https://``."""
    parts = urlsplit(address(realtime).url)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name not in _MODEL_IN_URL]
    path = f"{parts.path}/client_secrets"
    url = urlunsplit((_WEB[parts.scheme], parts.netloc, path, urlencode(query), ""))
    return Address(url, _headers(realtime), vendors.host(realtime.url))


def names_model(url: str) -> bool:
    """Say whether an address says itself which model answers there."""
    return any(name in _MODEL_IN_URL for name, _ in parse_qsl(urlsplit(url).query))


def _path(path: str, realtime: Realtime) -> str:
    path = path.rstrip("/")
    if path.endswith(_ENDING):
        return path
    if path:
        return _azure_path(path) if realtime.provider == "azure" else path + _ENDING
    if realtime.provider != "azure":
        return "/v1/realtime"
    return "/voice-live/realtime" if realtime.dialect == "beta" else "/openai/v1/realtime"


def _azure_path(path: str) -> str:
    return "/openai/v1/realtime" if path == "/openai" else path + _ENDING


def _headers(realtime: Realtime) -> dict[str, str]:
    headers: dict[str, str] = {}
    if realtime.api_key is not None:
        key = realtime.api_key.get_secret_value()
        bearer = realtime.provider == "openai" or key.startswith((_EPHEMERAL, _JSON_WEB_TOKEN))
        headers |= {"Authorization": f"Bearer {key}"} if bearer else {"api-key": key}
    if realtime.provider == "openai":
        named = {
            "OpenAI-Organization": realtime.organization,
            "OpenAI-Project": realtime.project,
        }
        headers |= {name: value for name, value in named.items() if value}
    return headers
