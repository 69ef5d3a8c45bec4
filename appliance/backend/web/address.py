"""Where a service is asked over HTTP, and what to show there to be let in. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from appliance.config import vendors
from appliance.errors import BackendRefused

_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


@dataclass(frozen=True, slots=True)
class WebAddress:
    """A place and the headers for it; ``repr`` shows neither key nor parameters."""

    url: str = field(repr=False)
    """``http://`` or ``https://``, without what a request adds: ``https://api.openai.com/v1``."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent with every request, the key among them."""

    host: str = ""
    """Of the URL, for messages; empty: read from it."""

    section: str = "pipeline.llm"
    """The table of the settings that it is from, for advice."""


def base(address: WebAddress) -> str:
    """Return what every path is put behind.

    Raises:
        BackendRefused: The address is none, or would carry key and words unencrypted over the
            internet.
    """
    try:
        parts = urlsplit(address.url)
        named, _ = parts.hostname or "", parts.port
    except ValueError:  # brackets or a port that are none
        named, parts = "", urlsplit("")
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None or not named:
        raise BackendRefused("no_address", f"set {address.section}.url to an https:// address")
    if scheme == "http" and not vendors.is_own_network(named.rstrip(".")):
        advice = f"set {address.section}.url to https://; http:// is for the own network only"
        raise BackendRefused("not_encrypted", advice)
    return f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def host(address: WebAddress) -> str:
    """Return the name of the server, for messages."""
    return address.host or vendors.host(address.url)


def own_network(address: WebAddress) -> bool:
    """Whether the server is of the box's own network: reached directly, never by a proxy."""
    return vendors.is_own_network(vendors.host(address.url))
