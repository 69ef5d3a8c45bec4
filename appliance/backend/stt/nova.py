"""Deepgram's first protocol, ``/v1/listen``: the models nova and before. Pure.

After the types of deepgram-sdk 7.17.0 and Deepgram's pages "Finalize", "Audio Keep Alive" and
"Close Stream" (2026-11-22).

Sound is cut into segments; each is final once. A ``Finalize`` makes a segment of what there is,
and its ``Results`` say ``from_finalize``; but where little sound is left, Deepgram may not answer
it at all. So a flush also counts as answered once final segments reach as far as the sound did,
and after ``PATIENCE`` the stream is closed, which is always answered.
"""

from typing import Final

from appliance.backend.socket import reading
from appliance.backend.socket.reading import Message
from appliance.backend.stt.faults import broke_off
from appliance.backend.stt.rules import CLOSE_STREAM
from appliance.frames import RATE
from appliance.units import Seconds

FINALIZE: Final = '{"type":"Finalize"}'
KEEP_ALIVE: Final = '{"type":"KeepAlive"}'

PATIENCE: Final = Seconds(1.0)
"""For the answer to a ``Finalize``, which takes some 0.1 s where it comes."""

_NEAR: Final = 0.05
"""Seconds by which two times may differ and be the same: Deepgram rounds them."""

_OF_FLUSH: Final = 0.25
"""The same for the answer to a ``Finalize``; between two of them there is more speech."""


class NovaRules:
    """One connection: ``rules.Rules``."""

    keep_alive: str | None = KEEP_ALIVE
    patience: Seconds | None = PATIENCE

    def __init__(self) -> None:
        self._sent = 0  # samples
        self._asked = 0  # of them, before the latest Finalize
        self._begun = 0.0  # seconds before the turn
        self._marks: list[float] = []  # seconds before each Finalize that is not answered
        self._segments: list[tuple[float, str]] = []
        self._closing = self._closed = False

    @property
    def reusable(self) -> bool:
        """Whether another turn may follow."""
        return not self._closing

    def begin(self) -> None:
        """Begin with a turn."""
        self._begun = self._sent / RATE
        self._segments.clear()

    def sound(self, samples: int) -> None:
        """Count what is sent."""
        self._sent += samples

    def flush(self) -> tuple[str, ...]:
        """Have a segment made of what there is."""
        if self._sent == self._asked or self._closing:
            return ()
        self._asked = self._sent
        self._marks.append(self._sent / RATE)
        return (FINALIZE,)

    def insist(self) -> tuple[str, ...]:
        """Have the rest written, and the connection closed."""
        self._closing = True
        return (CLOSE_STREAM,)

    def end(self) -> tuple[str, ...]:
        """Draw a line: no segment is to have sound of two turns."""
        return self.flush()

    def receive(self, message: str | bytes) -> None:
        """Take a message."""
        said = reading.parse(message)
        match said and reading.text_of(said, "type"):
            case "Results" if said and said.get("is_final") is True:
                self._segment(said)
            case "Metadata" if self._closing:
                self._closed = True
            case "Error" if said:
                raise broke_off(said, reading.text_of(said, "variant"))
            case _:
                pass  # interim ones, SpeechStarted, UtteranceEnd, and what is new

    def hung_up(self, *, clean: bool) -> bool:
        """Whether it was asked to."""
        if self._closing and clean:
            self._closed = True
        return self._closed

    @property
    def flushed(self) -> bool:
        """Whether all is written."""
        return self._closed or not self._marks

    @property
    def text(self) -> str:
        """The final segments, in order."""
        return " ".join(text for _, text in self._segments if text)

    def _segment(self, said: Message) -> None:
        start, length = reading.number_of(said, "start"), reading.number_of(said, "duration")
        end = start + length
        if text := self._words(said, start):
            told = [begun for begun, _ in self._segments] if length else []
            if start in told:  # told twice
                self._segments[told.index(start)] = (start, text)
            else:
                self._segments.append((start, text))
        reached = end + (_OF_FLUSH if said.get("from_finalize") is True else _NEAR)
        self._marks = [mark for mark in self._marks if mark > reached]

    def _words(self, said: Message, start: float) -> str:
        """Return what a segment says of the turn; of one that began before it, its own words."""
        every = reading.objects_of(reading.object_of(said, "channel"), "alternatives")
        best: Message = every[0] if every else {}
        if start >= self._begun - _NEAR:
            return reading.text_of(best, "transcript").strip()
        words = reading.objects_of(best, "words")
        own = (word for word in words if reading.number_of(word, "start") >= self._begun - _NEAR)
        return " ".join(
            reading.text_of(word, "punctuated_word") or reading.text_of(word, "word")
            for word in own
        ).strip()
