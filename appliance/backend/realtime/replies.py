"""What is known of the latest replies. Pure."""

from dataclasses import dataclass, field

from appliance.backend.realtime import dialect
from appliance.backend.realtime.slot import Purpose, Request
from appliance.backend.realtime.spoken import Spoken
from appliance.backend.socket.reading import Message, object_of, text_of
from appliance.events import BackendEvent
from appliance.units import ResponseId, TurnNumber

_CALLS = frozenset({"function_call", "mcp_approval_request", "mcp_call"})
_REMEMBERED = 16
_MOST_ITEMS = 128
_MOST_TEXT = 256 * 1024


@dataclass(slots=True)
class Reply:
    """One response of the server, until long after its end: it may still be playing."""

    id: ResponseId
    spoken: Spoken
    request: Request | None = None
    """``None``: begun by the server to a turn without a number yet; or nobody's."""

    cancelled: bool = False
    """Nothing more of it is passed on, and none of its calls."""

    cut: bool = False
    """The server was told what of it was heard."""

    ended: bool = False
    billed: bool = False
    said: bool = False
    """Something of it was passed on."""

    characters: int = 0
    held: list[BackendEvent] = field(default_factory=list)
    """What is passed on when the turn has its number."""

    done: Message | None = None
    """How it ended, while the number of its turn is not known."""

    working: set[str] = field(default_factory=set)
    """Remote calls that the server carries out."""

    late_items: list[str] = field(default_factory=list)
    """Begun when it was cancelled already."""

    _calls: dict[str, Message] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)

    @property
    def turn(self) -> TurnNumber | None:
        """The turn it answers, if that is known."""
        return None if self.request is None else self.request.turn

    @property
    def passed_on(self) -> bool:
        """Whether the conversation follows it."""
        return self.request is not None and not self.cancelled

    @property
    def interim(self) -> bool:
        """Whether it only says that a tool is at work."""
        return self.request is not None and self.request.purpose is Purpose.INTERIM

    @property
    def collected(self) -> list[Message]:
        """Its calls, for servers that do not list them at the end."""
        return list(self._calls.values())

    def takes_text(self, text: str) -> bool:
        """Whether this much more is not absurd."""
        self.characters += len(text)
        return self.characters <= _MOST_TEXT

    def late(self, item: str) -> None:
        """Take note of an item that began after the reply was cancelled."""
        fresh = not self.spoken.knows(item) and item not in self.late_items
        if item and fresh and len(self.late_items) < _MOST_ITEMS:
            self.late_items.append(item)

    def take_item(self, message: Message) -> None:
        """Take an item that begins or is whole, or the arguments of a call."""
        item = object_of(message, "item")
        match dialect.ga(text_of(message, "type")):
            case "response.output_item.added":
                if (call := text_of(item, "call_id")) and len(self._names) < _MOST_ITEMS:
                    self._names[call] = text_of(item, "name")
            case "response.output_item.done" if text_of(item, "type") in _CALLS:
                self._collect(text_of(item, "call_id") or text_of(item, "id"), item)
            case "response.function_call_arguments.done":
                self._take_arguments(message)
            case _:
                pass

    def _take_arguments(self, message: Message) -> None:
        """Make an item of the arguments of a call, for servers that tell of no whole one."""
        call = text_of(message, "call_id")
        if call not in self._calls:
            name = text_of(message, "name") or self._names.get(call, "")
            arguments = text_of(message, "arguments")
            item = {"type": "function_call", "call_id": call, "name": name, "arguments": arguments}
            self._collect(call, item)

    def _collect(self, key: str, item: Message) -> None:
        if key and (key in self._calls or len(self._calls) < _MOST_ITEMS):
            self._calls[key] = item


class Replies:
    """The latest replies; older ones are forgotten, those that are not over last."""

    def __init__(self) -> None:
        self._replies: dict[ResponseId, Reply] = {}

    def get(self, response: str) -> Reply | None:
        """Return a reply that is remembered."""
        return self._replies.get(ResponseId(response))

    def add(self, reply: Reply) -> None:
        """Remember a reply."""
        self._replies[reply.id] = reply
        while len(self._replies) > _REMEMBERED:
            over = (known.id for known in self._replies.values() if known.ended)
            del self._replies[next(over, next(iter(self._replies)))]

    def held(self) -> list[Reply]:
        """Return those that wait for the number of their turn."""
        return [
            reply
            for reply in self._replies.values()
            if reply.request is None and (reply.held or not reply.cancelled)
        ]


def reply_problem(status: str, reason: str) -> str | None:
    """Return how a reply failed; empty: the user talked over it; ``None``: it did not fail."""
    if status == "cancelled":
        return "" if reason == "turn_detected" else "was cancelled by the server"
    if status == "failed":
        return "failed"
    return "was filtered" if status == "incomplete" and reason == "content_filter" else None
