"""Says things unasked, at the next moment when nobody talks."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from appliance.backend.local.pipeline import Speaks
from appliance.errors import ModelError
from appliance.ports import Cue
from appliance.units import SampleRate, Seconds

log = logging.getLogger(__name__)

MOST = 3
"""Announcements that wait; more would be a lecture. The oldest is dropped."""

BREATH = Seconds(0.3)
"""Between two."""

_REST = (Cue.IDLE, Cue.UNHEARD, Cue.FAILED)


class Crier:
    """Makes the sound on another thread and waits for silence. Event loop only.

    Args:
        voice: Speaks.
        announce: Says something now, or returns ``False``: somebody is talking.
        meanwhile: Is told how long something is being said.
    """

    def __init__(
        self,
        voice: Speaks,
        announce: Callable[[bytes, SampleRate], bool],
        meanwhile: Callable[[Seconds], None] | None = None,
    ) -> None:
        self._voice = voice
        self._announce = announce
        self._meanwhile = meanwhile
        self._waiting: deque[bytes] = deque(maxlen=MOST)
        self._free_at = 0.0  # when the one before has been said

    def say(self, sentence: str) -> None:
        """Say a sentence as soon as nobody talks; returns at once."""
        task = asyncio.get_running_loop().run_in_executor(None, self._make, sentence)
        task.add_done_callback(lambda done: self._take(done.result()))

    def show(self, cue: Cue) -> None:
        """Take note of a cue (``ports.Indicator``): at rest there is room for a word."""
        if cue in _REST and self._waiting:
            asyncio.get_running_loop().call_soon(self._speak)

    def _take(self, sound: bytes) -> None:
        if sound:
            self._waiting.append(sound)
            self._speak()

    def _speak(self) -> None:
        loop = asyncio.get_running_loop()
        if not self._waiting or loop.time() < self._free_at:
            return
        if self._announce(self._waiting[0], self._voice.rate):
            length = len(self._waiting.popleft()) / 2 / self._voice.rate + BREATH
            self._free_at = loop.time() + length
            loop.call_later(length, self._speak)
            if self._meanwhile is not None:
                self._meanwhile(Seconds(length))

    def _make(self, sentence: str) -> bytes:
        try:
            return self._voice.synthesize(sentence).tobytes()
        except ModelError as error:
            log.warning("%s", error)
            return b""
