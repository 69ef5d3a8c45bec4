"""The model's side of a Gemini Live session: its generations, and what they are. Pure.

How a generation ends: ``turnComplete``, unless the message says by ``interactionStatus`` that the
model still works (as google-genai 3.4.0 has it, ``live._is_interaction_complete``); or
``interrupted``, which a ``turnComplete`` follows that belongs to the same one.
"""

import re
from collections import deque
from typing import Final

from appliance.backend.gemini import billing, wire
from appliance.backend.gemini.generation import Generation
from appliance.backend.gemini.terms import Terms
from appliance.backend.prompting.outputs import CANCELLED
from appliance.backend.prompting.pending import Batch, Call, Pending
from appliance.backend.socket.outlet import Outlet
from appliance.backend.socket.reading import (
    Message,
    dump,
    object_of,
    objects_of,
    sound_of,
    text_of,
)
from appliance.errors import BackendError, BackendUnavailable
from appliance.events import ReplyOffered, ToolCalled, Transcribed, Used
from appliance.units import CallId, ResponseId, SampleRate, Seconds, TurnNumber

GRACE: Final = Seconds(1.0)
"""From an end that may be that of the calls to the beginning of what follows them: servers differ
in whether a call ends the model's turn (aimock 1.43 does, and says so behind our back)."""

_MOST_CALLS: Final = 32
_LONGEST_ARGUMENTS: Final = 64 * 1024
_LONGEST_TRANSCRIPT: Final = 16 * 1024
_REMEMBERED: Final = 16
_OVER: Final = ("IDLE", "REQUIRES_ACTION")
_UNSPECIFIED: Final = ("", "INTERACTION_STATUS_UNSPECIFIED")
_PCM: Final = re.compile(r"audio/(?:pcm|l16)(?:\s*;\s*[\w-]+\s*=\s*[\w-]+)*", re.ASCII)
_RATE: Final = re.compile(r"rate\s*=\s*(\d{4,6})\b")
_USUAL: Final = SampleRate(24_000)


class Model:
    """What comes of the turns, in order.

    Args:
        terms: What the session is like.
        outlet: Takes what is to be sent and told.

    Attributes:
        pending: The calls that are open.
        waiting: Whose reply the user still waits for.
        failure: Why the session is to end, once what came before is passed on.
        dropped: Pieces of sound that were broken, of another rate, or nobody's.
    """

    def __init__(self, terms: Terms, outlet: Outlet) -> None:
        self.pending = Pending()
        self.waiting: TurnNumber | None = None
        self.failure: BackendError | None = None
        self.dropped = 0
        self._terms = terms
        self._outlet = outlet
        self._queue: deque[Generation] = deque()
        self._replies: dict[ResponseId, Generation] = {}
        self._count = 0
        self._until = Seconds(0.0)  # when the reply that is waited for has stalled
        self._swallow = False  # the next end belongs to what was interrupted
        self._closed: TurnNumber | None = None
        self._heard, self._told = "", ""
        self._heard_turn: TurnNumber | None = None

    @property
    def busy(self) -> bool:
        """Whether something comes that is wanted."""
        return any(each.wanted for each in self._queue)

    # -- what we do ----------------------------------------------------------------------------

    def interrupted_by_us(self) -> None:
        """The user begins: the server cuts short what it says, and hears somebody else's words."""
        for each in self._queue:
            each.cuttable = True
        self._heard, self._told, self._heard_turn = "", "", None

    def expect(
        self, turn: TurnNumber, now: Seconds, *, interim: bool = False, follows: bool = False
    ) -> None:
        """A generation was asked for, for which the user waits."""
        early = not self._queue and not self._swallow
        asked = Generation(turn, interim=interim, follows=follows, early=early)
        self._queue.append(asked)
        self.waiting = self._heard_turn = turn
        self._until = Seconds(now + self._terms.stall)

    def expect_nothing(self) -> None:
        """A generation follows that nobody asked for."""
        self._queue.append(Generation(None, wanted=False))

    def abandon(self) -> None:
        """Nobody waits any more."""
        self.waiting = None
        for each in self._queue:
            each.wanted, each.response = False, None

    def cancel(self, response: ResponseId) -> None:
        """Pass on nothing more of a reply, nor of what follows it."""
        generation = self._replies.pop(response, None)
        if generation is None:
            return
        generation.wanted, generation.response = False, None
        if generation.turn == self.waiting:
            self.waiting = None

    def blocked_by(self, batch: Batch) -> bool:
        """Whether the server stands still, in what nobody wants, until these are answered."""
        head = self._queue[0] if self._queue else None
        return head is not None and not head.wanted and head.turn == batch.turn

    def goes_on(self, batch: Batch, now: Seconds) -> None:
        """Calls were answered: the generation that made them goes on, or another one follows."""
        head = self._queue[0] if self._queue else None
        if head is not None and head.wanted and head.turn == batch.turn:
            head.answered = head.owes = head.follows = True
            head.interim = batch.late
            self._until = Seconds(now + self._terms.stall)
        else:
            self.expect(batch.turn, now, interim=batch.late, follows=True)

    def offer(self, batch: Batch) -> None:
        """Offer what slow tools answered."""
        if batch.worth_telling:
            self._outlet.tell(ReplyOffered())

    # -- the time ------------------------------------------------------------------------------

    def deadline(self) -> Seconds | None:
        """When to call ``expire``."""
        grace = self._queue[0].grace_until if self._queue else None
        times = (grace, self._until if self._watched() else None)
        return min((time for time in times if time is not None), default=None)

    def expire(self, now: Seconds) -> bool:
        """Take notice of the time; ``True``: a reply that is waited for has stalled."""
        head = self._queue[0] if self._queue else None
        if head is not None and head.grace_until is not None and head.grace_until <= now:
            self._end_head("")
        return self._watched() and now >= self._until

    def _watched(self) -> bool:
        asked = any(each.wanted and each.turn == self.waiting for each in self._queue)
        return self.waiting is not None and asked and not self.pending.works(self.waiting)

    # -- what comes ----------------------------------------------------------------------------

    def receive(self, event: Message, now: Seconds) -> None:
        """Take one message of the server."""
        metadata = object_of(event, "usageMetadata")
        turn = self._queue[0].turn if self._queue else self._heard_turn
        if metadata and (usage := billing.of(metadata, self._terms.model)) is not None:
            self._outlet.tell(Used(usage, turn))
        ids = object_of(event, "toolCallCancellation").get("ids")
        if isinstance(ids, list):
            self.pending.withdrawn(each for each in ids if isinstance(each, str))
        if content := object_of(event, "serverContent"):
            self._content(content, now)
        if calls := objects_of(object_of(event, "toolCall"), "functionCalls"):
            self._call(calls, now)

    def _content(self, content: Message, now: Seconds) -> None:
        self._hear(object_of(content, "inputTranscription"))
        if content.get("interrupted") is True:
            self._interrupted()
        for part in objects_of(object_of(content, "modelTurn"), "parts"):
            self._part(part, now)
        spoken = text_of(object_of(content, "outputTranscription"), "text")
        if spoken and (head := self._live(now, starts=False)) is not None:
            self._outlet.tell(*head.transcribed(spoken))
        status = text_of(content, "interactionStatus").upper()
        complete = content.get("turnComplete") is True
        if complete if status in _UNSPECIFIED else status in _OVER:
            self._over(text_of(content, "turnCompleteReason"), now, complete=complete)

    def _part(self, part: Message, now: Seconds) -> None:
        inline, text = object_of(part, "inlineData"), text_of(part, "text")
        if inline:
            rate, pcm = _rate(text_of(inline, "mimeType")), sound_of(inline, "data")
            head = self._live(now) if pcm and rate is not None else None
            if head is None or not pcm or rate is None:
                self.dropped += 1
                return
            events = list(head.sound(pcm, rate))
            self.dropped += not events and head.wanted
            self._outlet.tell(*events)
            if head.too_long and head.wanted:
                self._outlet.tell(*head.end(stay=self._stay(head)))
                head.wanted = False
        elif part.get("thought") is True:
            self._until = Seconds(now + self._terms.stall)  # it is at work
        elif text and (head := self._live(now)) is not None:
            self._outlet.tell(*head.written(text))

    def _live(self, now: Seconds, *, starts: bool = True) -> Generation | None:
        """Return the generation that something came of, and begin its reply."""
        if not self._queue:
            return None
        head = self._queue[0]
        if head.wanted and head.turn == self.waiting:
            self._until = Seconds(now + self._terms.stall)
        if starts:
            head.sign()
            self._swallow = False
            self._tell_heard()
            self._start(head)
        return head

    def _start(self, head: Generation) -> None:
        if head.wanted and head.response is None:
            self._count += 1
            response = ResponseId(f"g{self._count}")
            self._replies[response] = head
            if len(self._replies) > _REMEMBERED:
                del self._replies[next(iter(self._replies))]
            self._outlet.tell(*head.begin(response))

    def _hear(self, transcription: Message) -> None:
        if text := text_of(transcription, "text"):
            self._heard = (self._heard + text)[:_LONGEST_TRANSCRIPT]
        if transcription.get("finished") is True:
            self._tell_heard()

    def _tell_heard(self) -> None:
        text = self._heard.strip()
        if self._heard_turn is not None and text and text != self._told:
            self._told = text
            self._outlet.tell(Transcribed(self._heard_turn, text))

    # -- how it ends ---------------------------------------------------------------------------

    def _interrupted(self) -> None:
        """The generation is cut short; one that nothing could interrupt is not meant."""
        self._swallow = True
        head = self._queue[0] if self._queue else None
        if head is not None and (head.cuttable or head.alive):
            self._queue.popleft()
            head.early = False  # words whose sound never came
            self._outlet.tell(*head.end(stay=self._stay(head)))

    def _over(self, reason: str, now: Seconds, *, complete: bool) -> None:
        if self._swallow:
            self._swallow = False
            return
        head = self._queue[0] if self._queue else None
        self._tell_heard()
        if head is None or not (complete or head.alive):
            return
        if head.answered and head.grace_until is None:
            head.grace_until = Seconds(now + GRACE)
            return
        self._end_head(reason)

    def _end_head(self, reason: str) -> None:
        head = self._queue.popleft()
        head.grace_until = None
        if head.turn is None or not head.wanted:
            return
        works = self.pending.works(head.turn)
        if head.owes and not works:
            if not (head.follows or head.interim or reason == "NEED_MORE_INPUT"):
                self.failure = BackendUnavailable(_emptiness(reason))
                return
            self._start(head)
        self._outlet.tell(*head.end(calls_tool=works, stay=self._stay(head)))

    def _stay(self, head: Generation) -> bool:
        return self._closed is None or head.turn != self._closed

    # -- calls ---------------------------------------------------------------------------------

    def _call(self, calls: list[Message], now: Seconds) -> None:
        """Take calls, which go together; those of what is not wanted are never carried out."""
        head = self._queue[0] if self._queue else None
        fresh = [call for call in calls if (name := text_of(call, "id")) and self._new(name)]
        if head is None or not head.wanted or head.turn is None:
            if fresh:
                answers = ((*_named(call), {"output": CANCELLED}) for call in fresh)
                self._outlet.send(wire.tool_response(list(answers)))
            return
        if fresh and self._live(now) is not None:
            self._open(head, head.turn, fresh, now)

    def _new(self, call: str) -> bool:
        return self.pending.is_new(call)

    def _open(
        self, head: Generation, turn: TurnNumber, calls: list[Message], now: Seconds
    ) -> None:
        batch = Batch(turn, Seconds(now + self._terms.tools))
        for index, call in enumerate(calls):
            name, tool = _named(call)
            problem = "too many calls at once" if index >= _MOST_CALLS else _problem(call)
            output = dump({"status": "rejected", "error": problem}) if problem else None
            batch.calls.append(Call(name, tool, output=output))
            if problem:
                batch.worth_telling = True
            elif head.response is not None:
                arguments = object_of(call, "args")
                self._outlet.tell(ToolCalled(name, head.response, tool, arguments))
                if tool in self._terms.closing:
                    self._closed = turn
        self._outlet.tell(*head.end(calls_tool=True, stay=self._stay(head)))
        if not batch.over:
            self.pending.keep(batch)
            return
        answers = [(call.id, call.tool, {"output": call.output or ""}) for call in batch.calls]
        self._outlet.send(wire.tool_response(answers))
        self.goes_on(batch, now)


def _named(call: Message) -> tuple[CallId, str]:
    return CallId(text_of(call, "id")), text_of(call, "name") or "unknown"


def _problem(call: Message) -> str:
    """Return what is wrong with a call; empty: nothing."""
    if not text_of(call, "name"):
        return "the call names no tool"
    arguments = call.get("args")
    if arguments is None:
        return ""
    fits = isinstance(arguments, dict) and len(dump(arguments)) <= _LONGEST_ARGUMENTS
    return "" if fits else f"the arguments are no object of at most {_LONGEST_ARGUMENTS} letters"


def _emptiness(reason: str) -> str:
    known = re.fullmatch(r"[A-Z_]{3,60}", reason) and not reason.endswith("UNSPECIFIED")
    return f"the reply was withheld ({reason})" if known else "the reply was empty"


def _rate(mime: str) -> SampleRate | None:
    """Return the rate of PCM; ``None``: it is something else, or cannot be played."""
    kind = mime.strip().lower()
    if not _PCM.fullmatch(kind):
        return None
    named = _RATE.search(kind)
    rate = int(named[1]) if named else _USUAL
    return SampleRate(rate) if 8_000 <= rate <= 48_000 else None
