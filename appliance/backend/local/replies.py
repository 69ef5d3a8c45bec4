"""Replies: named, begun once, said sentence by sentence as long as somebody wants them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from appliance.backend.local import sentences
from appliance.backend.local.parts import Parts
from appliance.backend.local.session import give_memory_back
from appliance.backend.local.speech import pieces
from appliance.backend.local.worker import Worker
from appliance.events import BackendEvent, ReplyAudio, ReplyEnded, ReplyStarted, ReplyText
from appliance.units import ResponseId, Seconds, TurnNumber


@dataclass(slots=True, eq=False)
class Reply:
    """One reply."""

    response: ResponseId
    turn: TurnNumber
    begun: bool = False
    signed: bool = False
    """It began with the sign that this is the backend to fall back on."""


class Replies:
    """The replies of one session. Event loop only.

    Args:
        parts: Has the voice and the phrases.
        worker: Makes the sound.
        notice: The first reply that is heard shall begin with the sign.
    """

    def __init__(self, parts: Parts, worker: Worker, *, notice: bool) -> None:
        self._parts = parts
        self._worker = worker
        self._count = 0
        self._latest: TurnNumber | None = None
        self._cancelled: set[ResponseId] = set()
        self._signed: ResponseId | None = None
        self._over = False
        self.notice = notice
        """Whether the sign is still to be given."""

    def new(self, turn: TurnNumber) -> Reply:
        """Return a new reply to a turn."""
        self._count += 1
        return Reply(ResponseId(f"local-{self._count}"), turn)

    def go_on(self, turn: TurnNumber) -> None:
        """Want only replies to this turn from now on."""
        self._latest = turn
        self._cancelled.clear()  # those of older turns, which are not wanted anyway

    def cancel(self, response: ResponseId, *, heard: Seconds) -> None:
        """Want a reply no longer."""
        self._cancelled.add(response)
        if response == self._signed and heard <= 0:
            self.notice = True  # nobody has heard it

    def end(self) -> None:
        """Want none any more."""
        self._over = True

    def wanted(self, reply: Reply) -> bool:
        """Tell whether somebody still waits for a reply."""
        cancelled = reply.response in self._cancelled
        return not self._over and reply.turn == self._latest and not cancelled

    async def begin(self, reply: Reply) -> AsyncIterator[BackendEvent]:
        """Begin a reply that will be heard, unless it has begun; with the sign, if it is due."""
        if reply.begun or not self.wanted(reply):
            return
        reply.begun = True
        yield ReplyStarted(reply.response, reply.turn)
        if self.notice:
            self.notice, self._signed, reply.signed = False, reply.response, True
            async for event in self._say(reply, self._parts.phrases.offline, pause=True):
                yield event

    async def speak(
        self, reply: Reply, text: str, *, stay: bool = False
    ) -> AsyncIterator[BackendEvent]:
        """Say a text and end the reply; each sentence is sent before the next one is made."""
        async for event in self.begin(reply):
            yield event
        said = sentences.split(text, abbreviations=self._parts.phrases.abbreviations)
        for number, sentence in enumerate(said, start=1):
            async for event in self._say(reply, sentence, pause=number < len(said)):
                yield event
        if self.wanted(reply):
            yield ReplyEnded(reply.response, stay=stay)
            if not self._over:
                self._worker.submit(give_memory_back)  # nobody waits for it

    async def end_silently(self, reply: Reply) -> AsyncIterator[BackendEvent]:
        """End a reply that has nothing to say."""
        if not reply.begun:
            yield ReplyStarted(reply.response, reply.turn)
        yield ReplyEnded(reply.response, stay=False)

    async def _say(
        self, reply: Reply, sentence: str, *, pause: bool
    ) -> AsyncIterator[BackendEvent]:
        """Say one sentence, if the reply is still wanted; where the voice fails, its text only."""
        if not self.wanted(reply):
            return
        yield ReplyText(reply.response, sentence)
        voice, spoken = self._parts.voice, self._parts.phrases.spell_out(sentence)
        sound, _ = await self._worker.do("speech", lambda: voice.synthesize(spoken))
        if sound is None:
            return
        for piece in pieces(sound, voice.rate, pause=pause):
            if not self.wanted(reply):
                return
            yield ReplyAudio(reply.response, piece, voice.rate)
