"""A Realtime server of our own, to test and to try the appliance against.

It speaks the GA dialect over a real socket on the loopback, does what a ``Script`` says, and can
be spoilt in every way that real servers were seen to be (``Manners``, ``faults``).
Every client event is checked against the types of the vendor's own SDK.

    async with serving(Script(replies=[Reply("Hello.")])) as server:
        ...  # connect to server.url with server.headers
        assert server.session.kinds() == ["session.update", "input_audio_buffer.commit", …]

It runs in the event loop of its user, and so also in virtual time (``tests.virtual_time``): over
the loopback what was written can be read at once. By itself: ``python -m tests.realtime_server``.
"""

from tests.realtime_server.script import (
    Ask,
    Call,
    Manners,
    Refusal,
    RemoteCall,
    Reply,
    Script,
)
from tests.realtime_server.server import KEY, RealtimeServer, serving
from tests.realtime_server.session import Session

__all__ = [
    "KEY",
    "Ask",
    "Call",
    "Manners",
    "RealtimeServer",
    "Refusal",
    "RemoteCall",
    "Reply",
    "Script",
    "Session",
    "serving",
]
