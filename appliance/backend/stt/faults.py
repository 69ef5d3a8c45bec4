"""What a service of speech to text says when it serves no more, as our own errors. Pure."""

import re
from typing import Final

from appliance.backend.socket import reading
from appliance.backend.socket.reading import Message
from appliance.backend.stt.rules import SECTION
from appliance.backend.web.endings import refused, turned_away
from appliance.errors import BackendError, BackendUnavailable

_WORD: Final = re.compile(r"[A-Za-z][A-Za-z_]{2,63}(-\d{4})?")
"""What a code looks like (``NET-0001``); anything else may be a sentence, or even a key."""


def broke_off(said: Message, code: str) -> BackendError:
    """Return what an error within a stream means.

    Args:
        said: The message.
        code: The vendor's word for it, if it is one.
    """
    if (known := refused(said, SECTION)) is not None:
        return known
    named = code if _WORD.fullmatch(code) else "an error"
    return BackendUnavailable(f"the server broke off with {named}")


def as_http(said: Message) -> BackendError:
    """Return what an error with an HTTP status in it means (Cartesia's)."""
    status = int(reading.number_of(said, "status_code"))
    if not 400 <= status < 600:
        return broke_off(said, reading.text_of(said, "error_code"))
    return turned_away(status, {}, reading.dump(said).encode(), SECTION)
