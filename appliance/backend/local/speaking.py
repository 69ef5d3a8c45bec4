"""The voice of the box as a part of the pipeline. Event loop only."""

from collections.abc import AsyncIterator
from functools import partial

from appliance.backend.local.parts import Parts
from appliance.backend.local.session import give_memory_back
from appliance.backend.local.speech import pieces, silence
from appliance.backend.local.worker import Worker
from appliance.units import SampleRate


class LocalTts:
    """Speaks on the box.

    Args:
        parts: Has the voice and the phrases.
        worker: Runs it; closed with this.
    """

    def __init__(self, parts: Parts, worker: Worker) -> None:
        self._parts = parts
        self._worker = worker

    @property
    def title(self) -> str:
        """What it is."""
        return "voice of the box"

    @property
    def rate(self) -> SampleRate:
        """Of its sound."""
        return self._parts.voice.rate

    async def speak(self, sentences: AsyncIterator[str]) -> AsyncIterator[bytes]:
        """Yield the sound of sentences, with pauses between them; what fails is left out."""
        voice, phrases, between = self._parts.voice, self._parts.phrases, False
        async for sentence in sentences:
            if between:
                yield silence(voice.rate)
            speak = partial(voice.synthesize, phrases.spell_out(sentence))
            sound, _ = await self._worker.do("speech", speak)
            if sound is None:
                continue
            for piece in pieces(sound, voice.rate, pause=False):
                yield piece
            between = True
        self._worker.submit(give_memory_back)  # nobody waits for it

    async def close(self) -> None:
        """Take no further step."""
        self._worker.close()
