"""What a service of speech to text is told: where it is, the key, language, keywords. Pure."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from appliance.backend.socket.address import Address
from appliance.backend.stt.rules import SECTION, Limits
from appliance.backend.web.address import WebAddress, base
from appliance.config import Config, vendors
from appliance.config.lacking import own_server
from appliance.units import Seconds

Query = Sequence[tuple[str, str]]

MOST_KEYWORDS: Final = 100
"""Cartesia's limit (cartesia 4.2.0)."""

MOST_CHARACTERS: Final = 1_200
"""Of all keywords together: Cartesia's limit; Deepgram's is 500 tokens (deepgram-sdk 7.17.0)."""

_WEB_SOCKET: Final = {"http": "ws", "https": "wss"}


def key(config: Config, vendor: str) -> str:
    """Return the key for the service, empty if there is none: the vendor's, or of one's own."""
    stage = "stt" if own_server(config.pipeline.stt.url) else vendor
    secret = config.keys.of(stage)
    return "" if secret is None else secret.get_secret_value()


def language(config: Config) -> str:
    """Return the language of the box without its country: ``en``."""
    return config.device.language.partition("-")[0]


def keywords(config: Config) -> tuple[str, ...]:
    """Return the words that are hard to guess, as many as services take."""
    left, taken = MOST_CHARACTERS, []
    for word in config.pipeline.stt.keywords[:MOST_KEYWORDS]:
        left -= len(word)
        if left < 0:
            break
        taken.append(word)
    return tuple(taken)


def free(config: Config) -> bool:
    """Whether what is written down there costs nothing."""
    url = config.pipeline.stt.url
    own = bool(url) and vendors.is_own_network(vendors.host(url))
    return own and config.money.prices_file is None


def limits(config: Config) -> Limits:
    """Return how long things may take."""
    return Limits(
        connect=Seconds(config.backend.connect_s),
        stall=Seconds(config.backend.stall_s),
        idle=Seconds(config.backend.idle_close_s),
        longest=Seconds(config.speech.longest_s + config.wake.pre_roll_s + 1.0),
    )


def streaming(url: str, path: str, query: Query, headers: dict[str, str]) -> Address:
    """Return where a WebSocket is opened.

    Args:
        url: Of the service or as the user wrote it; with parameters, which win over ``query``.
        path: Of the interface, behind the host: ``/v1/listen``. One that the URL has already, or
            has the beginning of, is not written twice.
        query: Parameters; one may come more than once.
        headers: With the key.

    Raises:
        BackendRefused: The address is none, or not encrypted.
    """
    web = urlsplit(base(WebAddress(url, section=SECTION)))
    own = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    named = {name for name, _ in own}
    every = [each for each in query if each[0] not in named] + own
    scheme = _WEB_SOCKET[web.scheme]
    where = urlunsplit((scheme, web.netloc, _joined(web.path, path), urlencode(every), ""))
    return Address(where, headers, vendors.host(url), SECTION)


def _joined(given: str, path: str) -> str:
    for cut in range(len(path), 0, -1):
        if given.endswith(path[:cut]) and (cut == len(path) or path[cut] == "/"):
            return given + path[cut:]
    return given + path
