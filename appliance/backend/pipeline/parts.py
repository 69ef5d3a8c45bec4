"""The three parts of a pipeline, as its session asks for them. Event loop only, all of it.

A part that fails for good, or whose service will not have us, raises a ``BackendError``: the
session ends with it, and the next backend goes on with the turn. A part of the box itself raises
``ModelError``, and logs what it was: the user is told so, and the session goes on.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from appliance.backend.context import Line
from appliance.catalogue import ToolSpec
from appliance.events import Usage
from appliance.frames import Frame
from appliance.ports import Image, ToolResult
from appliance.units import CallId, SampleRate

# -- speech to text -------------------------------------------------------------------------------


class Recognition(Protocol):
    """The sound of one turn on its way to be text."""

    async def hear(self, frame: Frame) -> None:
        """Take the next frame, 16 kHz mono; returns once it is buffered, connected or not."""
        ...

    def expect_end(self) -> None:
        """Take note that the user may have finished: what can be done ahead may begin."""
        ...

    async def finish(self, *, as_expected: bool) -> str:
        """Return what was said, all of it; empty where nothing was.

        Args:
            as_expected: Nothing was heard after the latest ``expect_end``.

        Raises:
            ModelError: A model of the box failed.
        """
        ...

    async def drop(self) -> None:
        """Forget it; idempotent, and harmless after ``finish``."""
        ...

    @property
    def usage(self) -> Usage | None:
        """What it cost, once finished; ``None``: nothing, or not known yet."""
        ...


class SpeechToText(Protocol):
    """Writes down what is said."""

    @property
    def title(self) -> str:
        """What it is, for the timeline: ``deepgram nova-3``."""
        ...

    def listen(self) -> Recognition:
        """Begin with a turn; connects at the first sound. Quick."""
        ...

    async def close(self) -> None:
        """End whatever is open; idempotent."""
        ...


# -- the mind -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user wants in one turn."""

    text: str = field(repr=False)
    """As transcribed, then as written; may be empty where there is a picture."""

    image: Image | None = None
    note: str = field(default="", repr=False)
    """What a model should know with it; nobody said it."""


@dataclass(frozen=True, slots=True)
class Answered:
    """How one call of the mind ended."""

    call: CallId
    tool: str
    arguments: Mapping[str, object] = field(repr=False)
    result: ToolResult


@dataclass(frozen=True, slots=True)
class Talk:
    """All that there is to think about: the conversation, then what is to be answered now."""

    lines: tuple[Line, ...] = field(repr=False)
    """What was said and done before, oldest first, as in ``Handover``; bounded."""

    asked: Asked | None = None
    """The request; ``None``: only results are to be told."""

    results: tuple[Answered, ...] = ()
    """What the calls made for it came to; they are to be told now."""

    late: bool = False
    """The results come late, after the conversation has gone on."""

    said: str = field(default="", repr=False)
    """What was said to this request already, beside the calls whose results are here."""

    remark: str = field(default="", repr=False)
    """What the mind wished to add to these results (``Found.remark``)."""

    signed: bool = False
    """The user has just heard, in two or three words, that this is the backend to fall back on;
    the session says so, no mind does."""


@dataclass(frozen=True, slots=True)
class Says:
    """A piece of the reply, in order; not always a whole sentence, or word."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Calls:
    """A tool is to be called; whole, and valid JSON."""

    tool: str
    arguments: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """How it was understood, for the timeline (``events.Understood``)."""

    stage: str
    summary: str = field(repr=False)
    stay: bool = True
    """Whether the user may go on without the wake word after this reply."""

    remark: str = field(default="", repr=False)
    """What should be added once the calls of this reply are answered; given back with them."""


Thought = Says | Calls | Found | Usage


class Mind(Protocol):
    """Thinks: turns what was said, and what tools answered, into words and calls."""

    @property
    def title(self) -> str:
        """What it is, for the timeline: ``anthropic claude-…``."""
        ...

    @property
    def sees(self) -> bool:
        """Whether it can be shown pictures."""
        ...

    def think(self, talk: Talk, tools: Sequence[ToolSpec]) -> AsyncIterator[Thought]:
        """Yield the reply as it is thought of. Closing the iterator stops it.

        Where the results of calls are there, it is told them in ``talk.results``, all that were
        made for the request so far, and goes on. Without ``tools`` it must do with words.

        Raises:
            ModelError: A model of the box failed.
        """
        ...

    async def close(self) -> None:
        """End whatever is open; idempotent."""
        ...


# -- text to speech -------------------------------------------------------------------------------


class TextToSpeech(Protocol):
    """Speaks."""

    @property
    def title(self) -> str:
        """What it is, for the timeline: ``cartesia sonic-3.5``."""
        ...

    @property
    def rate(self) -> SampleRate:
        """Of its sound."""
        ...

    def speak(self, sentences: AsyncIterator[str]) -> AsyncIterator[bytes | Usage]:
        """Yield sound, signed 16-bit little-endian mono, of sentences as they come.

        It begins with the first before the second is there, and asks for the next ones while it
        speaks. Closing the iterator stops it, and what it has asked a service for.
        """
        ...

    async def close(self) -> None:
        """End whatever is open; idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Trio:
    """Three parts that serve one session."""

    stt: SpeechToText
    mind: Mind
    tts: TextToSpeech


# -- what a part may be able to do ----------------------------------------------------------------


@runtime_checkable
class Prepares(Protocol):
    """A part that has something to do before the first turn."""

    async def prepare(self) -> None:
        """Do it; the session does nothing else meanwhile, so it connects nowhere."""
        ...


@runtime_checkable
class Warms(Protocol):
    """A part whose connection can be made ahead, for instance when the user begins to speak."""

    async def warm(self) -> None:
        """Connect, where it is not connected; never raises: who uses it will be told."""
        ...


@runtime_checkable
class Probes(Protocol):
    """A part whose service can be tried."""

    async def probe(self) -> str:
        """Reach the service and say how that went, in words; nothing much is billed.

        Raises:
            BackendError: It will not have us, or cannot be reached.
        """
        ...
