"""Opens a WebSocket: certificates, limits, pings, and nothing of it in the log."""

import asyncio
import logging
import re
import ssl

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from appliance.backend.socket.address import Address
from appliance.backend.socket.endings import hung_up
from appliance.backend.socket.trust import machine_trust
from appliance.errors import BackendError
from appliance.units import Seconds

_wire_log = logging.getLogger(f"{__name__}.wire")
_wire_log.setLevel(
    logging.INFO
)  # at DEBUG the library writes down headers, with the key, and text

LARGEST_MESSAGE = 16 << 20
"""Bytes; the vendor's own limit for what we send is 15 MiB."""

CLOSE = Seconds(0.1)
"""How long the other side may take to say goodbye."""


NEXT_ADDRESS = Seconds(0.25)
"""After this long another address of the server is tried beside the first (RFC 8305): where IPv6
leads nowhere, as in many homes, all of the time to connect would be gone."""


class _Connect(connect):
    """Connects where it was told to, and nowhere else."""

    def process_redirect(self, exc: Exception) -> Exception:
        """Never carry the key to another place."""
        return exc


async def dial(
    address: Address, keepalive: float, trust: ssl.SSLContext | None
) -> ClientConnection:
    """Open a WebSocket.

    Args:
        address: Where.
        keepalive: Seconds between pings, and to wait for the answer to one.
        trust: Which certificates to believe; ``None``: those of the machine.

    Raises:
        OSError: There is no connection.
        websockets.exceptions.InvalidHandshake: It was refused, or this is no such server.
        websockets.exceptions.InvalidURI: The address is none.
    """
    secure = address.url.startswith("wss:")
    if secure and trust is None:
        trust = await asyncio.to_thread(machine_trust)
    numeric = re.match(r"wss?://[\[\d]", address.url)  # one address: nothing to try beside it
    return await _Connect(
        address.url,
        additional_headers=address.headers,
        user_agent_header="voice-appliance",
        compression=None,  # sound does not get smaller by it
        open_timeout=None,  # ours covers all of it
        close_timeout=CLOSE,
        ping_interval=keepalive,
        ping_timeout=keepalive,
        max_size=LARGEST_MESSAGE,
        logger=_wire_log,
        ssl=trust if secure else None,
        happy_eyeballs_delay=None if numeric else NEXT_ADDRESS,
    )


def ending(error: ConnectionClosed, section: str) -> BackendError:
    """Return what the end of a connection means; ``section`` is for the advice."""
    frame = error.rcvd or error.sent
    code, reason = (1006, "") if frame is None else (frame.code, frame.reason)
    return hung_up(code, reason, by_us=error.rcvd is None, section=section)
