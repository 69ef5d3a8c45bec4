"""The sound of one reply: sentences in, as they are thought of; text and sound out, in order.

Sentences wait in a short queue. The voice takes the next one when it likes, so a long reply is
thought of hardly faster than it is made into sound.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from appliance.backend.pipeline.parts import TextToSpeech
from appliance.backend.pipeline.replies import Reply
from appliance.backend.pipeline.terms import Terms
from appliance.backend.pipeline.watch import Watch, closing
from appliance.events import (
    BackendEvent,
    ReplyAudio,
    ReplyText,
    StageTook,
    Usage,
    Used,
)
from appliance.units import Seconds

AHEAD = 4
"""Sentences that wait to be spoken."""


class Speech:
    """Speaks one reply. Event loop only.

    Args:
        tts: The voice.
        reply: Whose sound it is.
        terms: How long it may take.
        tell: Takes the events.
    """

    def __init__(
        self, tts: TextToSpeech, reply: Reply, terms: Terms, tell: Callable[[BackendEvent], None]
    ) -> None:
        self._tts = tts
        self._reply = reply
        self._terms = terms
        self._tell = tell
        self._waiting: asyncio.Queue[str | None] = asyncio.Queue(AHEAD)
        self._complete = False
        self._odd = b""
        self._starved = False
        self._begun = Seconds(0.0)
        self._first: Seconds | None = None
        self._last = Seconds(0.0)
        self._heard = asyncio.Event()
        self._watch = Watch(tts.title)

    async def say(self, sentence: str) -> None:
        """Have a sentence spoken after the others; waits while enough of them do."""
        await self._waiting.put(sentence)

    async def end(self) -> None:
        """Take note that there are no more sentences."""
        await self._waiting.put(None)

    async def sounds(self) -> None:
        """Wait until something can be heard, or nothing will."""
        await self._heard.wait()

    async def run(self) -> None:
        """Speak; returns when all is spoken.

        Raises:
            BackendError: The voice failed, or took too long.
        """
        try:
            first = await self._next()
            if first is None:
                return
            self._begun = _now()
            async with self._watch, closing(self._tts.speak(self._sentences(first))) as sound:
                async for piece in sound:
                    self._take(piece)
            self._account()
            while not self._complete:  # a voice that ends before the text does
                await self._next()
        finally:
            self._heard.set()

    async def _sentences(self, first: str) -> AsyncIterator[str]:
        sentence: str | None = first
        while sentence is not None:
            self._tell(ReplyText(self._reply.response, sentence))
            self._expect()
            yield sentence
            self._starved = True
            self._watch.rest()
            sentence = await self._next()
            self._starved = False
        self._expect()

    async def _next(self) -> str | None:
        sentence = await self._waiting.get()
        self._complete = self._complete or sentence is None
        return sentence

    def _take(self, piece: bytes | Usage) -> None:
        if isinstance(piece, Usage):
            self._tell(Used(piece, self._reply.turn))
            return
        whole = self._odd + piece
        even = len(whole) & ~1
        self._odd = whole[even:]  # a sample that came in two pieces
        if not even:
            return
        self._last = Seconds(_now() - self._begun)
        if self._first is None:
            self._first = self._last
        self._tell(ReplyAudio(self._reply.response, whole[:even], self._tts.rate))
        self._heard.set()
        if not self._starved:
            self._expect()

    def _expect(self) -> None:
        self._watch.alert(self._terms.within("tts", first=self._first is None))

    def _account(self) -> None:
        if self._terms.stages and self._first is not None:
            turn, title = self._reply.turn, self._tts.title
            self._tell(StageTook(turn, "tts", title, self._first, self._last))


def _now() -> Seconds:
    return Seconds(asyncio.get_running_loop().time())
