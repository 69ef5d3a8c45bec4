"""Where a Live session is, and what to show there to be let in. Pure.

``wss://api.openai.com/v1/live/sessions`` without parameters (openai-python 3.52,
``resources/live``); the model is named by ``session.start``.
"""

from typing import Final
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from appliance.backend.socket.address import Address
from appliance.config.services import Live

OPENAI: Final = "wss://api.openai.com/v1/live/sessions"
"""Where an empty ``live.url`` leads."""

_ENDING: Final = "/live/sessions"
_SCHEMES: Final = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
_JSON_WEB_TOKEN: Final = "eyJ"  # noqa: S105 - how every token of Microsoft Entra begins


def address(live: Live, key: SecretStr | None) -> Address:
    """Return where a session is opened: a WebSocket, ``ws://`` or ``wss://``.

    Args:
        live: The settings.
        key: What to show there; ``None``: nothing.
    """
    parts = urlsplit(live.url or OPENAI)
    scheme = _SCHEMES.get(parts.scheme, parts.scheme)
    path = _path(parts.path.rstrip("/"), azure=live.provider == "azure")
    url = urlunsplit((scheme, parts.netloc, path, parts.query, ""))
    return Address(url, _headers(live, key), host(live), section="live")


def host(live: Live) -> str:
    """Return the name of the server, in lower case; empty: the address has none."""
    try:
        return (urlsplit(live.url or OPENAI).hostname or "").rstrip(".")
    except ValueError:  # a port or an IPv6 address that is none
        return ""


def _path(path: str, *, azure: bool) -> str:
    if path.endswith(_ENDING):
        return path
    if path.endswith("/live"):
        return f"{path}/sessions"
    if path in ("", "/openai"):  # Azure serves it under its v1 only (livekit-agents 1.8.9)
        path = "/openai/v1" if azure else "/v1"
    return path + _ENDING


def _headers(live: Live, key: SecretStr | None) -> dict[str, str]:
    if key is None:
        return {}
    shown = key.get_secret_value()
    # A bearer key is answered with a redirect by Azure (livekit-agents 1.8.9, gpt_live.py).
    bearer = live.provider == "openai" or shown.startswith(_JSON_WEB_TOKEN)
    return {"Authorization": f"Bearer {shown}"} if bearer else {"api-key": shown}
