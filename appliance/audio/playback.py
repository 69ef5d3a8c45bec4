"""Station 6 of a frame: from replies to the card, with a ledger of what was really played.

The event loop resamples a piece once and queues it; the card's thread takes finished samples.
Every field has one writer, named beside it. News goes back over one hand-over.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import soxr
from numpy.typing import NDArray

from appliance.audio.counters import CardCounters
from appliance.audio.loudness import Gains
from appliance.audio.track import NOTHING, QUALITY, Track
from appliance.events import PlaybackDrained, PlaybackStarted
from appliance.units import ResponseId, SampleRate, Seconds

Report = Callable[[PlaybackStarted | PlaybackDrained], None]

MOST_CHIMES = 4
"""Chimes that may wait; more would only lag behind what they are about."""


@dataclass(frozen=True, slots=True)
class _Output:
    """One opening of the card's output."""

    rate: SampleRate
    channels: int
    latency: int
    """Samples from handing over until they are heard."""

    quiet: bytes
    """One block of silence, made once."""


class _Chime(NamedTuple):
    """A sound that belongs to no reply, or what is left of it."""

    sound: NDArray[np.int16]
    alarm: bool = False


class Playback:
    """The loudspeaker; see ``appliance.ports.Speaker``. Made on the event loop.

    Without an opened output it swallows what it is given and reports replies as drained at once,
    so that nothing ever waits for a loudspeaker that is not there.

    Args:
        report: Told when a reply begins to be played and when it has been heard; on the event
            loop, never from within a call.
        counters: Where gaps inside replies are counted.
        gain_db: Loudness of replies.
    """

    def __init__(self, report: Report, counters: CardCounters, *, gain_db: float = 0.0) -> None:
        self._report = report
        self._counters = counters
        self._loop = asyncio.get_running_loop()
        self._reply_gain = 10 ** (gain_db / 20)
        self._gains = Gains()  # by the event loop
        self._live: list[Track] = []  # by the event loop: neither drained nor stopped
        self._output: _Output | None = None  # by the card's thread
        self._waiting: deque[Track] = deque()  # the loop appends, the card takes
        self._playing: Track | None = None  # by the card's thread
        self._draining: deque[Track] = deque()  # by the card's thread
        self._chimes: deque[_Chime] = deque(maxlen=MOST_CHIMES)
        self._chime = _Chime(NOTHING)  # by the card's thread: what is left of the present one
        self._clock = 0  # by the card's thread: samples per channel handed over since the start

    # ---------------------------------------------------------------------- the event loop

    def play(self, response: ResponseId, pcm: bytes, rate: SampleRate) -> None:
        """Queue sound behind what is already queued for the same reply."""
        output = self._output
        if output is None:
            return
        track = self._find(response)
        if track is None:
            track = Track(response, output.rate)
            self._live.append(track)
            self._waiting.append(track)
        if not track.complete:
            track.add(pcm, rate)

    def finish(self, response: ResponseId) -> None:
        """Report ``PlaybackDrained`` once all that is queued for this reply has been heard."""
        track = self._find(response)
        if track is None:  # it had no sound, or nobody can hear it
            self._hand_over(PlaybackDrained(response), None)
        else:
            track.finish()

    def heard(self, response: ResponseId) -> Seconds:
        """Return how much of a reply has been heard; 0 if it has not begun, or is over."""
        output, track = self._output, self._find(response)
        if output is None or track is None:
            return Seconds(0.0)
        return track.heard(self._clock, output.latency)

    def stop(self) -> Seconds:
        """Fall silent within one block; return how much of the latest reply has been heard."""
        output = self._output
        heard = Seconds(0.0)
        if self._live and output is not None:
            heard = self._live[-1].heard(self._clock, output.latency)
        for track in self._live:
            track.stopped = True
        self._live.clear()
        return heard

    def chime(self, sound: NDArray[np.int16], rate: SampleRate, *, alarm: bool = False) -> None:
        """Mix a short sound, one channel, into whatever is played; it belongs to no reply.

        ``alarm``: it is as loud as alarms are, not as chimes are.
        """
        output = self._output
        if output is None:
            return
        if rate != output.rate:
            sound = soxr.resample(sound, rate, output.rate, quality=QUALITY)
        self._chimes.append(_Chime(sound, alarm))

    def set_gains(self, gains: Gains) -> None:
        """Set the loudness of each kind of sound; heard at once."""
        self._gains = gains

    @property
    def silent(self) -> bool:
        """Nothing is being played, waits to be, or is still on its way to the ear."""
        return not (self._live or self._chimes or len(self._chime.sound))

    def _find(self, response: ResponseId) -> Track | None:
        return next((track for track in self._live if track.response == response), None)

    # ------------------------------------------------------------------- the card's thread

    def opened(self, rate: SampleRate, channels: int, latency: Seconds) -> None:
        """Learn the output's format, ``channels`` 0 for none; before its first block."""
        if not channels:
            self._output = None
            return
        quiet = bytes(2 * channels * (rate // 100))
        self._output = _Output(rate, channels, round(latency * rate), quiet)

    def lost(self) -> None:
        """Learn that the output is gone: what it should have played counts as over."""
        self._output = None
        self._hand_over(None, None)

    def fill(self, count: int) -> bytes:
        """Give the next ``count`` samples per channel; never waits, never raises."""
        output = self._output
        if output is None:
            return bytes(2 * count)
        clock = self._clock
        voice = self._next_of_replies(count) if self._waiting or self._playing else None
        chime = self._next_of_chimes(count) if self._chimes or len(self._chime.sound) else None
        self._clock = clock + count
        if self._draining:
            self._report_the_drained(output)
        if voice is None and chime is None:
            whole = len(output.quiet) == 2 * count * output.channels
            return output.quiet if whole else bytes(2 * count * output.channels)
        mono = self._mix(voice, chime)
        return (mono if output.channels == 1 else np.repeat(mono, output.channels)).tobytes()

    def _mix(
        self, voice: NDArray[np.float32] | None, chime: NDArray[np.float32] | None
    ) -> NDArray[np.int16]:
        gain = self._gains.voice * self._reply_gain
        if voice is None:
            mixed = np.zeros(0, dtype=np.float32) if chime is None else chime
        elif chime is None:
            mixed = voice * gain
        else:
            mixed = voice * gain + chime
        clipped: NDArray[np.int16] = np.clip(np.rint(mixed), -32_768, 32_767).astype(np.int16)
        return clipped

    def _next_of_chimes(self, count: int) -> NDArray[np.float32]:
        out = np.zeros(count, dtype=np.float32)
        filled = 0
        while filled < count:
            if not len(self._chime.sound):
                if not self._chimes:
                    break
                self._chime = self._chimes.popleft()
            sound, alarm = self._chime
            part, self._chime = sound[: count - filled], _Chime(sound[count - filled :], alarm)
            gain = self._gains.alarms if alarm else self._gains.chimes
            out[filled : filled + len(part)] = part * gain
            filled += len(part)
        return out

    def _next_of_replies(self, count: int) -> NDArray[np.float32] | None:
        out: NDArray[np.float32] | None = None
        filled = 0
        while filled < count:
            track = self._next_track()
            if track is None:
                break
            stopped, complete = track.stopped, track.complete  # before taking: both only grow
            part = track.take(count - filled, self._clock + filled)
            if len(part):
                if track.taken == len(part):
                    self._hand_over(PlaybackStarted(track.response), track)
                track.starving = False
                out = np.zeros(count, dtype=np.float32) if out is None else out
                out[filled : filled + len(part)] = part * _fading(len(part)) if stopped else part
                filled += len(part)
            if stopped:
                self._playing = None
            elif complete and track.empty:
                self._draining.append(track)
                self._playing = None
            elif filled < count:
                if track.taken and not track.starving:
                    track.starving = True
                    self._counters.reply_gaps += 1
                break
        return out

    def _next_track(self) -> Track | None:
        while self._playing is None and self._waiting:
            track = self._waiting.popleft()
            self._playing = None if track.stopped else track
        return self._playing

    def _report_the_drained(self, output: _Output) -> None:
        while self._draining:
            track = self._draining[0]
            if not track.stopped and track.taken_until + output.latency > self._clock:
                return
            self._draining.popleft()
            self._hand_over(PlaybackDrained(track.response), track)

    # ---------------------------------------------------------------------------- between

    def _hand_over(
        self, event: PlaybackStarted | PlaybackDrained | None, track: Track | None
    ) -> None:
        """Cross to the event loop: news of a track, or ``None`` for an output that was lost."""
        try:
            self._loop.call_soon_threadsafe(self._arrive, event, track)
        except RuntimeError:  # the loop is closed: nobody is left to tell
            return

    def _arrive(
        self, event: PlaybackStarted | PlaybackDrained | None, track: Track | None
    ) -> None:
        if event is None:
            self._forget_the_lost()
            return
        if track is not None:
            if track.stopped:
                return
            if isinstance(event, PlaybackDrained):
                self._live.remove(track)
        self._report(event)

    def _forget_the_lost(self) -> None:
        lost, self._live = self._live, []
        for track in lost:
            track.stopped = True
            if track.complete:
                self._report(PlaybackDrained(track.response))
        self._chimes.clear()


def _fading(count: int) -> NDArray[np.float32]:
    """Return the weights by which the last block of a stopped reply dies away without a click."""
    return np.linspace(1.0, 0.0, count, dtype=np.float32)
