"""Keeps the conversation, as text, for the sessions that follow. Pure: the time is passed in.

Transcripts come late and replies overlap with them, so everything is kept by the turn that it
belongs to: what the user said comes first in it. Nothing is kept longer than asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from appliance.backend.context import Called, Line, Owed, Said
from appliance.events import BackendEvent, ReplyAudio, ReplyStarted, ReplyText, Transcribed
from appliance.ports import ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber

_ENDS = (".", "!", "?", "…")


@dataclass(slots=True)
class _Reply:
    """One reply, as far as it has been sent."""

    at: Seconds
    text: str = field(default="", repr=False)
    length: float = 0.0
    """Of its sound, in seconds."""

    cut: bool = False
    """It was talked over; what comes late of it was not heard."""


@dataclass(slots=True)
class _Talk:
    """One turn of the user with all that followed from it."""

    number: TurnNumber
    private: bool
    touched: Seconds
    user: Said | None = None
    followed: dict[ResponseId | CallId, _Reply | Called] = field(default_factory=dict)

    def lines(self) -> Iterator[Line]:
        """Yield what was said and called, in order."""
        if self.user is not None and self.user.text:
            yield self.user
        for line in self.followed.values():
            match line:
                case Called():
                    yield line
                case _Reply(text=text, at=at) if text:
                    yield Said("assistant", text, at)
                case _:
                    pass


class Memory:
    """The latest turns of a conversation.

    Args:
        turns: How many are kept.
        length: How long one is kept after anything last happened in it.
    """

    def __init__(self, *, turns: int, length: Seconds) -> None:
        self._turns = turns
        self._length = length
        self._talks: dict[TurnNumber, _Talk] = {}
        self._turn_of: dict[ResponseId | CallId, TurnNumber] = {}
        self.private = False
        """What is said from now on may never be told beyond the house."""

        self.version = 0
        """Grows with everything that is kept or forgotten."""

    def note(self, event: BackendEvent, now: Seconds) -> None:
        """Keep what an event of the session that serves says of the conversation."""
        match event:
            case ReplyStarted():
                self.began(event.turn, event.response, now)
            case ReplyText():
                self.said(event.response, event.text, now)
            case ReplyAudio():
                self.sounded(event.response, Seconds(len(event.pcm) / 2 / event.rate))
            case Transcribed():
                self.heard(event.turn, event.text, now)
            case _:
                pass

    def heard(self, turn: TurnNumber, text: str, now: Seconds) -> None:
        """Keep what the user said in a turn; once more replaces it."""
        talk = self._talk(turn, now)
        if talk is not None:
            talk.user = Said("user", text, now)

    def began(self, turn: TurnNumber, response: ResponseId, now: Seconds) -> None:
        """Keep that a reply to a turn began."""
        talk = self._talk(turn, now)
        if talk is not None:
            talk.followed[response] = _Reply(now)
            self._turn_of[response] = turn

    def said(self, response: ResponseId, text: str, now: Seconds) -> None:
        """Keep the next piece of a reply."""
        reply = self._touch(response, now)
        if isinstance(reply, _Reply) and not reply.cut:
            reply.text = _join(reply.text, text)

    def sounded(self, response: ResponseId, length: Seconds) -> None:
        """Take note that so much more sound of a reply was sent."""
        turn = self._turn_of.get(response)
        if turn is not None:
            reply = self._talks[turn].followed[response]
            if isinstance(reply, _Reply):
                reply.length += length

    def cut(self, response: ResponseId, heard: Seconds, now: Seconds) -> None:
        """Keep of a reply only what was heard: the same share of its text as of its sound."""
        reply = self._touch(response, now)
        if not isinstance(reply, _Reply) or reply.cut:
            return
        reply.cut = True
        if heard < reply.length or heard <= 0.0:
            share = heard / reply.length if reply.length > 0.0 else 0.0
            reply.text = _first_words(reply.text, share)

    def called(self, response: ResponseId, call: Called, now: Seconds) -> None:
        """Keep that a reply called a tool."""
        if self._touch(response, now) is not None:
            turn = self._turn_of[response]
            self._talks[turn].followed[call.call] = call
            self._turn_of[call.call] = turn

    def answered(self, call: CallId, result: ToolResult, now: Seconds) -> None:
        """Keep how a call ended; a picture is not kept."""
        called = self._touch(call, now)
        if isinstance(called, Called):
            talk = self._talks[self._turn_of[call]]
            talk.followed[call] = replace(called, result=replace(result, image=None))

    def lines(
        self, now: Seconds, *, house_only: bool, owed: Owed | None = None
    ) -> tuple[Line, ...]:
        """Return what is to be told, oldest first.

        Args:
            now: What is too old is forgotten first.
            house_only: Who is told is in the house, and may know what was said in privacy.
            owed: What is told beside it, and therefore left out.
        """
        self.forget(now)
        told: list[Line] = []
        for talk in self._talks.values():
            again = owed is not None and not owed.calls and owed.turn == talk.number
            if not again and (house_only or not talk.private):
                told.extend(talk.lines())
        apart = {called.call for called in owed.calls} if owed is not None else set()
        return tuple(
            line for line in told if not isinstance(line, Called) or line.call not in apart
        )

    def forget(self, now: Seconds) -> None:
        """Forget what is too old."""
        for talk in [t for t in self._talks.values() if t.touched + self._length <= now]:
            self._drop(talk)

    @property
    def due(self) -> Seconds | None:
        """When the next turn is to be forgotten."""
        if not self._talks:
            return None
        return Seconds(min(talk.touched for talk in self._talks.values()) + self._length)

    def _touch(self, key: ResponseId | CallId, now: Seconds) -> "_Reply | Called | None":
        turn = self._turn_of.get(key)
        if turn is None:
            return None
        talk = self._talks[turn]
        self._mark(talk, now)
        return talk.followed[key]

    def _talk(self, turn: TurnNumber, now: Seconds) -> _Talk | None:
        """Return the place for a turn; ``None`` if it is older than all that is kept."""
        talk = self._talks.get(turn)
        if talk is None:
            full = len(self._talks) >= self._turns
            if self._turns == 0 or (full and turn < min(self._talks)):
                return None
            if full:
                self._drop(self._talks[min(self._talks)])
            talk = _Talk(turn, self.private, now)
            self._talks = dict(sorted({**self._talks, turn: talk}.items()))
        self._mark(talk, now)
        return talk

    def _mark(self, talk: _Talk, now: Seconds) -> None:
        talk.touched = now
        talk.private = talk.private or self.private
        self.version += 1

    def _drop(self, talk: _Talk) -> None:
        del self._talks[talk.number]
        for key in talk.followed:
            del self._turn_of[key]
        self.version += 1


def _join(before: str, piece: str) -> str:
    """Join pieces: deltas carry their own spaces, whole sentences do not."""
    apart = before.endswith(_ENDS) and piece[:1].isupper()
    return f"{before} {piece}" if apart else before + piece


def _first_words(text: str, share: float) -> str:
    """Return the whole words within the first part of a text."""
    length = int(len(text) * share)
    if length >= len(text) or text[length].isspace():
        return text[:length].rstrip()
    cut = text[:length].rsplit(maxsplit=1)
    inside = length > 0 and not text[length - 1].isspace()
    return (cut[0] if len(cut) > 1 else "") if inside else text[:length].rstrip()
