"""What the box says by itself, between the replies of who answers; and what it hears for itself.

Both with the models on the device, in a worker thread; nothing of it leaves the box.
"""

from collections.abc import Callable
from functools import partial
from itertools import count

from appliance.backend.local.parts import Parts, Sound
from appliance.backend.local.phrases import Phrases
from appliance.backend.local.speech import pieces
from appliance.backend.local.worker import Worker
from appliance.backend.pipeline import sentences
from appliance.events import BackendEvent, ReplyAudio, ReplyEnded, ReplyStarted, ReplyText
from appliance.units import ResponseId, Seconds, TurnNumber

_NAME = "box-itself-"


class OwnVoice:
    """Speaks replies of its own. Event loop only.

    Args:
        parts: The recogniser, the voice and the phrases.
        emit: Is given the events of a reply, in order.
    """

    def __init__(self, parts: Parts, emit: Callable[[BackendEvent], None]) -> None:
        self._parts = parts
        self._emit = emit
        self._made: Worker | None = None
        self._numbers = count(1)

    @property
    def phrases(self) -> Phrases:
        """The sentences of the language."""
        return self._parts.phrases

    def turn_of(self, response: ResponseId) -> TurnNumber | None:
        """Return the turn of a reply, if it is one of these."""
        number = response.removeprefix(_NAME).partition("-")[0]
        return TurnNumber(int(number)) if response.startswith(_NAME) else None

    async def say(
        self,
        turn: TurnNumber,
        text: str,
        wanted: Callable[[], bool],
        *,
        stay: bool = True,
        more: bool = False,
    ) -> bool:
        """Say a text as a reply; where the voice fails, its text only.

        Args:
            turn: What it answers.
            text: May be empty: a reply without a word.
            wanted: Whether somebody still waits for it.
            stay: Whether the user may go on without the wake word.
            more: Another reply to the same turn follows.

        Returns:
            Whether it was said to its end, as far as we know.
        """
        if not wanted():
            return False
        response = ResponseId(f"{_NAME}{turn}-{next(self._numbers)}")
        self._emit(ReplyStarted(response, turn))
        phrases, voice = self._parts.phrases, self._parts.voice
        said = sentences.split(text, abbreviations=phrases.abbreviations) if text else ()
        for number, sentence in enumerate(said, start=1):
            self._emit(ReplyText(response, sentence))
            spoken = phrases.spell_out(sentence)
            sound, _ = await self._worker.do("speech", partial(voice.synthesize, spoken))
            if not wanted():
                return False
            if sound is not None:
                for piece in pieces(sound, voice.rate, pause=number < len(said)):
                    self._emit(ReplyAudio(response, piece, voice.rate))
        self._emit(ReplyEnded(response, calls_tool=more, stay=stay))
        return True

    async def write_down(self, sound: Sound) -> tuple[str, Seconds]:
        """Return what was said, "" where nothing was or the recogniser failed; and the cost."""
        if not len(sound):
            return "", Seconds(0.0)
        text, took = await self._worker.do("transcription", lambda: self._parts.write_down(sound))
        return text or "", took

    def close(self) -> None:
        """Begin nothing more; what the worker does is not waited for."""
        if self._made is not None:
            self._made.close()

    @property
    def _worker(self) -> Worker:
        if self._made is None:
            self._made = Worker(self._parts.in_use)
        return self._made
