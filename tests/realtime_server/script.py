"""What a scripted server is to do: values, no sockets."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]
"""One message, as JSON has it."""

RATE = 24_000
"""Samples per second, both ways."""

BYTES_PER_MS = RATE * 2 // 1000


@dataclass(frozen=True)
class Send:
    """An event goes out; it is given its ``event_id`` then."""

    event: Event


@dataclass(frozen=True)
class Raw:
    """Something goes out that need not be an event, nor JSON, nor text."""

    data: str | bytes


@dataclass(frozen=True)
class Wait:
    """Time passes; ``slow`` makes it more."""

    seconds: float


@dataclass(frozen=True)
class Close:
    """The server closes; the rest of the plan is lost."""

    code: int
    reason: str = ""


@dataclass(frozen=True)
class Abort:
    """The connection is gone without a close frame (1006)."""


@dataclass(frozen=True)
class Stop:
    """The rest never comes, and the response slot is free again."""


Step = Send | Raw | Wait | Close | Abort | Stop
Plan = list[Step]
Twist = Callable[[Plan], Plan]
"""Spoils a plan: see ``faults``."""


@dataclass(frozen=True)
class Call:
    """A function that the model calls."""

    name: str
    arguments: str = "{}"
    id: str | None = None


@dataclass(frozen=True)
class RemoteCall:
    """A remote MCP tool that the model wants to call, for which it asks first."""

    server: str
    name: str
    arguments: str = "{}"


@dataclass(frozen=True)
class Reply:
    """What one ``response.create`` is answered with."""

    text: str = "It is done."
    """The transcript, or the text where the modality is text; empty: the reply has no message."""

    pcm: bytes = b""
    """Signed 16-bit mono at 24 kHz. Empty with a text: as long a tone as the text takes."""

    calls: tuple[Call, ...] = ()
    remote: tuple[RemoteCall, ...] = ()
    calls_first: bool = False
    """The calls stand before the message, not behind it."""

    first_event_s: float = 0.0
    """From ``response.create`` to ``response.created``."""

    first_audio_s: float = 0.0
    """From ``response.created`` to the first piece of content."""

    pace: float = math.inf
    """How many times faster than real time the sound is sent."""

    piece_s: float = 0.1
    """Sound in one delta."""

    status: str = "completed"
    details: Mapping[str, Any] | None = None
    """``status_details`` of ``response.done``."""

    twists: tuple[Twist, ...] = ()


@dataclass(frozen=True)
class Ask:
    """What a reply is asked for."""

    pcm: bytes = field(repr=False)
    """The sound of the latest committed turn, at 24 kHz."""

    outputs: tuple[Event, ...]
    """Function outputs since the last response."""

    response: Mapping[str, Any]
    """The client's parameters for this response."""


@dataclass(frozen=True)
class Refusal:
    """How the handshake is refused."""

    status: int
    type: str = "invalid_request_error"
    code: str | None = None
    message: str = "refused"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Manners:
    """How the server differs from the documented one; each was seen on a real one."""

    unsupported: frozenset[str] = frozenset()
    """Client events that are answered with ``unknown_or_invalid_event``."""

    silent_truncate: bool = False
    created_items: bool = False
    """``conversation.item.created`` in place of ``added`` and ``done``."""

    no_argument_deltas: bool = False
    done_before_speech_started: bool = False
    """Talked over, it ends the response first and then says why."""

    output_format: Mapping[str, Any] | None = field(
        default_factory=lambda: {"type": "audio/pcm", "rate": RATE}
    )
    """As its ``session.updated`` says."""

    usage: Mapping[str, Any] | None = None
    """In place of the true one."""

    sessions: int | None = None
    """Most clients at once; the next gets ``session_limit_reached`` and 1008."""

    drops_non_json: bool = True
    word_in_type: bool = False
    """Error codes stand in ``error.type``, and ``error.code`` is null."""

    beta_fields: bool = False
    """The ack of ``session.update`` carries fields of the old dialect, too."""

    cancelled_event: bool = False
    """``response.cancel`` is answered by ``response.cancelled``, too."""

    cancel_s: float = 0.0
    """From ``response.cancel`` to the end of the response."""

    late_deltas: int = 0
    """Pieces of sound that still come after ``response.cancel``."""

    beta: bool = False
    """Every event goes out under its old name, and the settings are taken in the old form."""

    first_response_s: float = 0.0
    """The first response after the start takes so much longer."""

    no_ack: bool = False
    """``session.update`` is never answered."""

    takes_response: bool = False
    """It creates a response by itself when a function output comes."""


@dataclass(frozen=True)
class Script:
    """All that a server does by itself, and how it answers."""

    replies: Sequence[Reply] = ()
    """For one ``response.create`` after the other."""

    otherwise: Callable[[Ask], Reply] = field(default=lambda _ask: Reply())
    """When the replies are used up."""

    asides: Sequence[Reply] = ()
    """For out-of-band responses (``conversation: none``)."""

    heard: Sequence[str] = ()
    """What the user is found to have said, turn by turn."""

    heard_else: str = "turn on the light"
    """The same when those are used up."""

    transcript_s: float = 0.0
    """From a commit to its transcript."""

    created_s: float = 0.0
    """From the handshake to ``session.created``."""

    updated_s: float = 0.0
    """From ``session.update`` to ``session.updated``."""

    handshake_s: float = 0.0
    refusal: Refusal | None = None
    greeting: tuple[Step, ...] = ()
    """What goes out before ``session.created``."""

    session_s: float | None = None
    """After so long it closes with 1001, as the real one after 60 minutes."""

    manners: Manners = Manners()
