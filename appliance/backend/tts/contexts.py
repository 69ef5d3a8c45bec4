"""Contexts: the pieces of speech of one connection, told apart by their names. Pure.

A reply is one context, or more, one after the other, where a service ends one by itself. Only the
first that is not over is heard; the next ones wait for it. What is no context of the reply that
goes on is never heard.
"""

from collections import deque
from dataclasses import dataclass, field

from appliance.backend.tts.sound import Decoder
from appliance.units import SampleRate, Seconds

MOST_RUNNING = 4
"""Contexts that may go on at once: ElevenLabs takes five on one connection (its guide to the
multi-context WebSocket, read 2026-11-22)."""


MOST_DROPPED = 64
"""Contexts whose ends are waited for."""


@dataclass(slots=True)
class Context:
    """One of them."""

    name: str
    decoder: Decoder
    asked: Seconds
    """When text was last sent to it."""

    waiting: list[bytes] = field(default_factory=list)
    heard: Seconds | None = None
    """When sound of it last came; ``None``: none has."""

    over: bool = False
    left: bool = False
    """Nothing more is asked of it: it ends by itself, or has, when the next one is heard."""

    def since(self, now: Seconds) -> float:
        """Return the seconds of silence after its sound; 0 while there is text to be spoken."""
        return 0.0 if self.heard is None or self.heard < self.asked else now - self.heard


class Contexts:
    """Those of one connection.

    Args:
        prefix: Begins their names; another one for each connection.
        rate: Of the sound.
    """

    def __init__(self, prefix: str, rate: SampleRate) -> None:
        self._prefix = prefix
        self._rate = rate
        self._count = 0
        self._reply: deque[Context] = deque()
        self._dropped: set[str] = set()

    @property
    def current(self) -> Context | None:
        """The one that takes text."""
        last = self._reply[-1] if self._reply else None
        return None if last is None or last.over or last.left else last

    @property
    def last(self) -> Context | None:
        """The latest of the reply that is not over."""
        return self._reply[-1] if self._reply else None

    @property
    def running(self) -> int:
        """How many go on at the vendor, as far as we know."""
        return len(self._dropped) + len(self._reply)

    def open(self, now: Seconds) -> Context:
        """Begin the next one of the reply."""
        self._count += 1
        name = f"{self._prefix}-{self._count}"
        self._reply.append(Context(name, Decoder(self._rate), now))
        return self._reply[-1]

    def drop(self) -> list[str]:
        """Forget the reply; return the names of what still goes on."""
        running = [context.name for context in self._reply if not context.over]
        if len(self._dropped) > MOST_DROPPED:  # of a service that does not tell their ends
            self._dropped.clear()
        self._dropped.update(running)
        self._reply.clear()
        return running

    def find(self, name: str) -> Context | None:
        """Return a context of the reply."""
        return next((each for each in self._reply if each.name == name and not each.over), None)

    def hear(self, context: Context, data: bytes, now: Seconds) -> bytes:
        """Take sound of a context of the reply; return what is to be heard now.

        Raises:
            ProtocolViolation: It is no sound.
        """
        context.heard = now
        context.waiting.append(context.decoder.feed(data))
        return self._release()

    def end(self, name: str) -> bytes:
        """Take note that a context is over; return what is to be heard now."""
        self._dropped.discard(name)
        context = self.find(name)
        if context is None:
            return b""
        self._end(context)
        return self._release()

    def _end(self, context: Context) -> None:
        context.over = True
        context.waiting.append(context.decoder.finish())

    def _release(self) -> bytes:
        sound = b""
        while self._reply:
            first = self._reply[0]
            if first.left and not first.over and self._next_is_heard():
                self._end(first)
            sound += b"".join(first.waiting)
            first.waiting.clear()
            if not first.over:
                break
            self._reply.popleft()
        return sound

    def _next_is_heard(self) -> bool:
        following = list(self._reply)[1:]
        return any(context.over or context.heard is not None for context in following)
