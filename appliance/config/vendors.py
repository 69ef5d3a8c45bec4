"""What is known of the realtime services: their hosts and their models. Pure.

Models and dates: OpenAI's deprecations page and the types of its SDK 3.52, read 2026-11-21.
"""

import re
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from appliance.config.section import Provider

OPENAI: Final = "wss://api.openai.com/v1/realtime"
"""Where an empty ``realtime.url`` leads."""

ENDING: Final = {
    "gpt-realtime": "2027-01-20",
    "gpt-realtime-2025-08-28": "2027-01-20",
    "gpt-realtime-mini": "2027-01-20",
    "gpt-realtime-mini-2025-10-06": "2027-01-20",
    "gpt-realtime-mini-2025-12-15": "2027-01-20",
    "gpt-audio-mini": "2027-01-20",
    "gpt-audio-mini-2025-10-06": "2027-01-20",
    "gpt-audio-mini-2025-12-15": "2027-01-20",
    "whisper-1": "2027-02-26",
    "gpt-4o-transcribe": "2027-02-26",
    "gpt-4o-transcribe-diarize": "2027-02-26",
    "gpt-4o-mini-transcribe": "2027-02-26",
    "gpt-4o-mini-transcribe-2025-12-15": "2027-02-26",
    "tts-1": "2027-01-06",
    "tts-1-hd": "2027-01-06",
    "gpt-4o-mini-tts": "2027-01-06",
    "gpt-4o-mini-tts-2025-03-20": "2027-01-06",
    "gpt-4o-mini-tts-2025-12-15": "2027-01-06",
}
"""Models that OpenAI will switch off, and when."""

SPEAKING: Final = "gpt-4o-mini-tts"
"""What OpenAI speaks with unless a model is set."""

GUIDED: Final = ("gpt-transcribe", "gpt-live-transcribe")
"""The transcribers that take languages and keywords."""

PATIENT: Final = "gpt-realtime-whisper"
"""The transcriber that takes a delay, and no prompt."""

_REASONING = re.compile(r"gpt-realtime-(\d{1,2})(\.\d+)?(-.*)?$")
_FAMILY = re.compile(r"gpt-(realtime|audio|4o)\b")
_IN_THE_HOUSE = (".local", ".lan", ".home.arpa", ".localhost")
_PRIVATE = tuple(
    ip_network(each) for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
_OWN_NETWORK = (".local", ".lan", ".home.arpa", ".internal", ".localhost")


def reasons(model: str) -> bool | None:
    """Say whether a realtime model reasons; ``None``: not known here (a deployment's name)."""
    if numbered := _REASONING.match(model):
        return int(numbered[1]) >= 2
    return False if _FAMILY.match(model) else None


def host(url: str) -> str:
    """Return the name of the server, in lower case; empty: the address has none."""
    try:
        return (urlsplit(url or OPENAI).hostname or "").rstrip(".")
    except ValueError:  # a port or an IPv6 address that is none
        return ""


def is_openai(url: str, provider: Provider) -> bool:
    """Say whether a key of OpenAI's belongs there."""
    name = host(url)
    return provider == "openai" and (name == "openai.com" or name.endswith(".openai.com"))


_VENDORS = (
    ".openai.com",
    ".openai.azure.com",
    ".anthropic.com",
    ".deepgram.com",
    ".cartesia.ai",
    ".elevenlabs.io",
    ".googleapis.com",
)


def is_vendors(url: str) -> bool:
    """Say whether an address is of one of the services that serve nobody without a key."""
    return host(url).endswith(_VENDORS)


def needs_key(url: str, provider: Provider) -> bool:
    """Say whether the service serves nobody without a key."""
    return provider == "azure" or is_openai(url, provider)


def is_in_the_house(url: str) -> bool:
    """Say whether an address leads to a server of the house for certain, going by its name alone.

    Stricter than ``is_own_network``, for privacy mode relies on it: an address that is private, or
    a name that is never looked up beyond the house. Not so ``gpu`` and ``gpu.internal``, which the
    search domain or the network of a company may lead anywhere.
    """
    name = host(url) if url else ""
    try:
        address = ip_address(name)
    except ValueError:
        return name == "localhost" or name.endswith(_IN_THE_HOUSE)
    own = address.is_loopback or address.is_link_local
    return own or any(
        address in network for network in _PRIVATE if network.version == address.version
    )


def is_own_network(name: str) -> bool:
    """Say whether a host is of the box's own network, going by its name alone."""
    try:
        address = ip_address(name)
    except ValueError:
        return name == "localhost" or name.endswith(_OWN_NETWORK) or "." not in name
    return address.is_private or address.is_loopback or address.is_link_local
