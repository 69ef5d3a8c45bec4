"""Speech probabilities in, the edges of speech out (pure).

Time is counted in samples and never read from a clock: a recording that is played as fast as the
machine can gives the same edges as the live microphone.

Two thresholds keep a probability that hovers about one of them from making edges: speech begins
at ``enter`` and goes on down to ``leave``. A start is told once there has been ``shortest`` of it
without a break, but dated where it began; an end once there has been ``trailing_silence`` of
silence, but dated where the last speech ended. Speech that never ends is ended after ``longest``;
if it goes on, that is a new start. In between a silence of ``pause`` is told, for those who can
begin their work before it is certain that the speaker has finished.
"""

from dataclasses import dataclass

from appliance.detect.interruption import Evidence
from appliance.events import SpeechEnded, SpeechPaused, SpeechStarted
from appliance.frames import samples
from appliance.units import SampleIndex, Seconds

HYSTERESIS = 0.15
"""How far below ``enter`` the probability must fall to count as silence: the distance that the
makers of the Silero model use in their own iterator (``neg_threshold``)."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """When speech counts as begun and as ended."""

    threshold: float = 0.5
    """Probability from which sound counts as speech, 0 to 1."""

    trailing_silence: Seconds = Seconds(0.7)
    """Silence needed before the end is told."""

    pause: Seconds = Seconds(0.25)
    """Silence needed before a pause is told; shorter ones stand inside words and between them."""

    shortest: Seconds = Seconds(0.09)
    """Speech needed before the start is told."""

    longest: Seconds = Seconds(30.0)
    """From a start to the end that is forced."""

    sensitivity: float = 0.5
    """How readily speech starts while the box itself is to be heard, 0 to 1."""


Edge = SpeechStarted | SpeechPaused | SpeechEnded


class Endpointer:
    """Turns a stream of speech probabilities into edges, which alternate.

    Args:
        tuning: When speech counts as begun and as ended.
        begin: Where the sound begins that the first probability is about.
    """

    def __init__(self, tuning: Tuning, begin: SampleIndex) -> None:
        self._enter = tuning.threshold
        self._leave = max(tuning.threshold - HYSTERESIS, tuning.threshold / 2)
        self._trailing = samples(tuning.trailing_silence)
        self._pause = samples(tuning.pause)
        self._shortest = samples(tuning.shortest)
        self._longest = samples(tuning.longest)
        self._now = begin
        self._since = begin  # where the speech, or what may become it, began
        self._until = begin  # where the last speech ended
        self._evidence = Evidence(tuning.sensitivity)
        self._maybe = False
        self._speaking = False
        self._paused = False  # this silence has been told

    @property
    def speaking(self) -> bool:
        """Whether a start has been told and no end yet."""
        return self._speaking

    def feed(self, probability: float, end: SampleIndex, *, playing: bool = False) -> Edge | None:
        """Take the speech probability of the sound from the last ``end`` to this one.

        Args:
            probability: 0 to 1; what is not a number counts as silence.
            end: Index of the first sample after that sound; never before the last one.
            playing: The box itself was to be heard meanwhile.

        Returns:
            The edge that this completes, if it completes one.
        """
        begin, self._now = self._now, end
        if self._speaking:
            return self._go_on(probability)
        if playing:
            return self._interrupt(probability, begin)
        self._evidence.forget()
        return self._wait(probability, begin)

    def _interrupt(self, probability: float, begin: SampleIndex) -> SpeechStarted | None:
        self._maybe = False
        enough = self._evidence.weigh(probability, begin)
        since = self._evidence.since
        if not enough or self._now - since < self._shortest:
            return None
        self._evidence.forget()
        return self._start(since)

    def _wait(self, probability: float, begin: SampleIndex) -> SpeechStarted | None:
        if not self._maybe:
            self._since = begin
        self._maybe = probability >= (self._leave if self._maybe else self._enter)
        if not self._maybe or self._now - self._since < self._shortest:
            return None
        return self._start(self._since)

    def _start(self, since: SampleIndex) -> SpeechStarted:
        self._maybe, self._speaking, self._paused = False, True, False
        self._since, self._until = since, self._now
        return SpeechStarted(since)

    def _go_on(self, probability: float) -> SpeechPaused | SpeechEnded | None:
        if probability >= self._leave:
            self._until, self._paused = self._now, False
        silent = self._now - self._until
        finished = silent > 0 and silent >= self._trailing
        if not finished and self._now - self._since < self._longest:
            if self._paused or silent == 0 or silent < self._pause:
                return None
            self._paused = True
            return SpeechPaused(self._until)
        self._speaking = False
        return SpeechEnded(self._until)
