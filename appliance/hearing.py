"""The hearing thread: every frame from the source through enhancement and detection.

Between the card's callback and the event loop stands a thread, because models take milliseconds
and neither of the two may wait for them. What it finds crosses over in order, in one place. At
rest it hands over nothing but wake words: a hand-over wakes the event loop, and a hundred a second
would cost more than the wake word itself.

The conversation sets a mode, one frozen object; the thread looks at it once a frame. Whatever was
on its way under an older mode is dropped on arrival, so that after ``listen`` every frame from
``audio_from`` on arrives exactly once.
"""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from appliance.events import HeardEvent, WakeWordHeard
from appliance.frames import FRAME_SECONDS, Frame, Taps
from appliance.ports import Enhancer, FrameSource, SpeechDetector, WakeDetector
from appliance.units import SampleIndex, Seconds

REACTION = Seconds(1.0)
"""Kept beyond the pre-roll: what passes between a wake word and the ``listen`` that follows it on
a busy event loop."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one frame."""

    frame: Frame | None
    """The recognition tap, while listening."""

    events: tuple[HeardEvent, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Mode:
    """What is wanted of a frame. Two modes are the same only if they are the same object."""

    audio_from: SampleIndex | None = None
    """Deliver frames that start here or later; ``None``: deliver none."""

    speech_from: SampleIndex | None = None
    """Look for speech from here on; ``None``: do not."""


AT_REST = Mode()
"""Only the wake word."""

NOTHING: tuple[Heard, ...] = ()
_NOWHERE = SampleIndex(-1)


class Hearing:
    """What one frame leads to; the whole of hearing, without the thread.

    Args:
        enhancer: Makes the taps.
        wake: Every detector hears every frame.
        speech: Hears only what a mode wants it to.
        pre_roll: How far back a mode may reach.
    """

    def __init__(
        self,
        enhancer: Enhancer,
        wake: Sequence[WakeDetector],
        speech: SpeechDetector,
        *,
        pre_roll: Seconds,
    ) -> None:
        self.enhancer = enhancer
        self._wake = tuple(wake)
        self._speech = speech
        self._kept: deque[Taps] = deque(maxlen=round((pre_roll + REACTION) / FRAME_SECONDS))
        self._mode = AT_REST
        self._speech_next = _NOWHERE
        self.end = SampleIndex(0)
        """End of the latest frame; written by the hearing thread, read by any."""

    def exchange_wake(self, detectors: Sequence[WakeDetector]) -> None:
        """Look for other wake words from the next frame on; any thread.

        Args:
            detectors: Those that nobody has used; from now on the hearing thread's.
        """
        self._wake = tuple(detectors)

    def process(self, raw: Frame, mode: Mode) -> Sequence[Heard]:
        """Take the next raw frame; return what is to be delivered, in order: usually nothing.

        The first call with a new mode also returns what it asks for of the frames before.
        """
        taps = self.enhancer.process(raw)
        words: tuple[HeardEvent, ...] = ()
        for detector in self._wake:
            if (word := detector.process(taps.wake)) is not None:
                words += (self._placed(word),)
        heard: Sequence[Heard]
        if mode is AT_REST:
            heard = (Heard(None, words),) if words else NOTHING
        else:
            heard = self._attend(taps, mode, words)
        self._mode = mode
        self._kept.append(taps)
        self.end = raw.end
        return heard

    def _placed(self, word: HeardEvent) -> HeardEvent:
        bearing = self.enhancer.bearing
        if bearing is None or not isinstance(word, WakeWordHeard):
            return word
        return replace(word, bearing=bearing)

    def _attend(self, latest: Taps, mode: Mode, words: tuple[HeardEvent, ...]) -> Sequence[Heard]:
        heard: list[Heard] = []
        if mode is not self._mode:
            self._speech_next = _NOWHERE
            for taps in self._kept:
                heard += self._look(taps, mode, ())
        heard += self._look(latest, mode, words)
        return heard

    def _look(self, taps: Taps, mode: Mode, events: tuple[HeardEvent, ...]) -> Sequence[Heard]:
        start = taps.speech.start
        if mode.speech_from is not None and start >= mode.speech_from:
            if start != self._speech_next:  # a new mode, or sound was lost
                self._speech.reset()
            self._speech_next = taps.speech.end
            if (edge := self._speech.process(taps.speech, playing=taps.playing)) is not None:
                events += (edge,)
        if mode.audio_from is not None and start >= mode.audio_from:
            return (Heard(taps.recognition, events),)
        return (Heard(None, events),) if events else NOTHING


class HearingThread:
    """Runs ``Hearing`` on a thread of its own; see ``appliance.ports.Ear``.

    Made on the event loop.

    Args:
        source: Read until it ends.
        hearing: Owned by the thread once it runs.
        deliver: Called on the event loop, in order.
        prepare: Called once, first thing on the thread (its scheduling).
    """

    def __init__(
        self,
        source: FrameSource,
        hearing: Hearing,
        *,
        deliver: Callable[[Heard], None],
        prepare: Callable[[], object] | None = None,
    ) -> None:
        self._source = source
        self._hearing = hearing
        self._deliver = deliver
        self._prepare = prepare
        self._mode = AT_REST  # by the event loop
        self._heartbeat = Seconds(time.monotonic())  # by the thread
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="hearing", daemon=True)
        self._ended: asyncio.Future[None] = self._loop.create_future()

    async def run(self) -> None:
        """Hear until the source ends; being cancelled does not end the thread, the source does.

        Raises:
            DeviceError: The source failed; the thread is over. So is it with any other error.
        """
        self._thread.start()
        await self._ended

    def listen(self, *, audio_from: SampleIndex, speech_from: SampleIndex) -> None:
        """Deliver frames from ``audio_from`` on and look for speech from ``speech_from`` on.

        A frame that begins before is left out, so both may lie in the future, too (echo guard).
        """
        self._mode = Mode(audio_from=audio_from, speech_from=speech_from)

    def watch(self) -> None:
        """Look for speech from now on, but deliver no frames."""
        self._mode = Mode(speech_from=self._hearing.end)

    def rest(self) -> None:
        """Only the wake word."""
        self._mode = AT_REST

    def position(self) -> SampleIndex:
        """Return the end of the latest frame, on the capture clock."""
        return self._hearing.end

    def hears_through(self) -> bool:
        """Whether the box's own voice is cancelled so well now that speech is a person's."""
        return self._hearing.enhancer.converged

    def exchange_wake(self, detectors: Sequence[WakeDetector]) -> None:
        """Look for other wake words from the next frame on."""
        self._hearing.exchange_wake(detectors)

    def heartbeat(self) -> Seconds:
        """Return when the latest frame came, on ``time.monotonic``, for the watchdog.

        While the card is known to be lost no frame comes, and that is no fault of the thread's.
        """
        return self._heartbeat

    def _run(self) -> None:
        try:
            if self._prepare is not None:
                self._prepare()
            process = self._hearing.process
            for frame in self._source.frames():
                self._heartbeat = Seconds(time.monotonic())
                mode = self._mode
                if heard := process(frame, mode):
                    self._hand_over(self._arrive, mode, heard)
        except Exception as error:  # noqa: BLE001 - whatever it was belongs to the event loop
            self._hand_over(self._end, error)
        else:
            self._hand_over(self._end, None)

    def _hand_over(self, function: Callable[..., None], *arguments: object) -> None:
        """Cross from the hearing thread to the event loop's."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(function, *arguments)

    def _arrive(self, mode: Mode, heard: Sequence[Heard]) -> None:
        for item in heard:
            if mode is self._mode:
                self._deliver(item)
            elif words := tuple(e for e in item.events if isinstance(e, WakeWordHeard)):
                self._deliver(Heard(None, words))  # the rest is no longer wanted

    def _end(self, error: Exception | None) -> None:
        if self._ended.done():  # cancelled meanwhile
            return
        if error is None:
            self._ended.set_result(None)
        else:
            self._ended.set_exception(error)
