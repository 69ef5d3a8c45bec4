"""Streaming speech to text: no word is lost or told twice, whatever the server does and when."""

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.backend.stt.flux import FluxRules
from appliance.backend.stt.ink import InkRules
from appliance.backend.stt.nova import NovaRules
from appliance.backend.stt.rules import Rules
from appliance.errors import BackendError
from appliance.frames import RATE

WORD = RATE // 5
"""Samples of a word; half as much silence is behind it."""

RULES = (NovaRules, FluxRules, InkRules)

KEYS = st.sampled_from([
    "type", "is_final", "from_finalize", "start", "duration", "channel", "alternatives", "words",
    "transcript", "text", "turn_index", "audio_window_end", "code", "variant", "status_code",
    "error_code", "event", "punctuated_word",
])  # fmt: skip
TYPES = st.sampled_from([
    "Results", "Metadata", "Error", "TurnInfo", "Connected", "transcript", "flush_done", "done",
    "error", "SpeechStarted",
])  # fmt: skip
JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | TYPES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)
MESSAGES = (
    st.builds(lambda kind, rest: json.dumps({**rest, "type": kind}), TYPES,
              st.dictionaries(KEYS, JUNK, max_size=6))
    | JUNK.map(json.dumps) | st.text(max_size=20) | st.binary(max_size=20)
)  # fmt: skip
STEPS = st.lists(MESSAGES | st.sampled_from(["begin", "flush", "insist", "end", "sound"]).map(
    lambda name: (name,)), max_size=30)  # fmt: skip


@pytest.mark.parametrize("made", RULES)
@given(steps=STEPS, clean=st.booleans())
def test_whatever_comes_nothing_but_our_own_errors(
    made: type[Rules],
    steps: list[Any],
    clean: bool,  # noqa: FBT001 - it is drawn
) -> None:
    rules = made()
    for step in steps:
        if isinstance(step, tuple):
            (name,) = step
            getattr(rules, name)(*([RATE] if name == "sound" else []))
            continue
        told = ""
        try:
            rules.receive(step)
        except BackendError as error:
            told = str(error)
        assert "\n" not in told
        assert len(told) < 200
    assert rules.text == rules.text.strip()
    assert rules.hung_up(clean=clean) in (True, False)
    assert rules.flushed in (True, False)


# Servers as they should be, which take their time as they like.


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the stream, in samples."""

    text: str
    start: int
    end: int


class Peer:
    """A server that hears ``sound`` in which words are; what it says waits in ``says``."""

    def __init__(self, draw: st.DataObject) -> None:
        self.draw = draw
        self.says: deque[dict[str, object]] = deque()
        self.words: list[Word] = []
        self.length = 0
        self.written = 0  # samples
        self.closed = False

    def maybe(self) -> bool:
        return self.draw.draw(st.booleans())

    def hear(self, samples: int, word: str | None) -> None:
        if word is not None:
            self.words.append(Word(word, self.length, self.length + WORD))
        self.length += samples
        self.after_sound()

    def between(self, start: int, end: int) -> list[Word]:
        return [word for word in self.words if start <= word.start and word.end <= end]

    def after_sound(self) -> None: ...

    def obey(self, text: str) -> None: ...


class NovaPeer(Peer):
    """Deepgram's first protocol."""

    def after_sound(self) -> None:
        if self.maybe():
            self._segment(final=self.maybe(), flushed=False)

    def obey(self, text: str) -> None:
        kind = json.loads(text)["type"]
        nothing = not self.between(self.written, self.length)
        if kind == "Finalize" and not (nothing and self.maybe()):
            self._segment(final=True, flushed=True)
        if kind == "CloseStream":
            self._segment(final=True, flushed=False)
            self.says.append({"type": "Metadata"})
            self.closed = True

    def _segment(self, *, final: bool, flushed: bool) -> None:
        words = self.between(self.written, self.length)
        told = [
            {"word": word.text, "start": word.start / RATE, "end": word.end / RATE}
            for word in words
        ]
        said = {
            "type": "Results",
            "start": round(self.written / RATE, 3),
            "duration": round((self.length - self.written) / RATE, 3),
            "is_final": final,
            "speech_final": self.maybe(),
            "from_finalize": flushed,
            "channel": {
                "alternatives": [
                    {"transcript": " ".join(word.text for word in words), "words": told}
                ]
            },
        }
        self.says.append(said)
        if final:
            self.written = self.length
            if self.maybe():
                self.says.append({**said, "from_finalize": False})  # the same once more


class FluxPeer(Peer):
    """Deepgram's second protocol."""

    turn = 0

    def after_sound(self) -> None:
        if self.maybe():
            self._tell(over=self.maybe())

    def obey(self, text: str) -> None:
        assert json.loads(text) == {"type": "CloseStream"}
        self._tell(over=False)
        self.closed = True

    def _tell(self, *, over: bool) -> None:
        words = self.between(self.written, self.length)
        self.says.append({
            "type": "TurnInfo",
            "event": "EndOfTurn" if over and words else "Update",
            "turn_index": self.turn,
            "audio_window_end": self.length / RATE,
            "transcript": " ".join(word.text for word in words),
        })  # fmt: skip
        if over and words:
            self.turn += 1
            self.written = self.length


class InkPeer(Peer):
    """Cartesia's protocol."""

    def after_sound(self) -> None:
        if self.maybe():
            self._tell(final=self.maybe())

    def obey(self, text: str) -> None:
        assert text == "finalize"
        self._tell(final=True)
        self.says.append({"type": "flush_done"})

    def _tell(self, *, final: bool) -> None:
        for word in self.between(self.written, self.length):
            text = f"{word.text} "
            for piece in (text[:2], text[2:]):
                self.says.append({"type": "transcript", "is_final": final, "text": piece})
        if final:
            self.written = self.length


PEERS = {NovaRules: NovaPeer, FluxRules: FluxPeer, InkRules: InkPeer}


class Line:
    """The rules and their server, as a connection joins them."""

    def __init__(self, rules: Rules, peer: Peer) -> None:
        self.rules, self.peer = rules, peer

    def sound(self, samples: int, word: str | None = None) -> None:
        self.rules.sound(samples)
        self.peer.hear(samples, word)

    def send(self, texts: tuple[str, ...]) -> None:
        for text in texts:
            self.peer.obey(text)

    def deliver(self, most: int) -> None:
        for _ in range(min(most, len(self.peer.says))):
            self.rules.receive(json.dumps(self.peer.says.popleft()))

    def written(self) -> bool:
        """Read until all is written, or there is nothing more to read."""
        while self.peer.says and not self.rules.flushed:
            self.deliver(1)
        return self.rules.flushed

    def finish(self) -> str:
        """Wait as ``Connection.written`` does."""
        if not self.written():
            self.send(self.rules.insist())
            assert self.written() or self.rules.hung_up(clean=True)
        return self.rules.text


def turn(line: Line, data: st.DataObject, names: Iterator[str]) -> None:
    """Have one turn; check it."""
    said = []
    line.rules.begin()
    for _ in range(data.draw(st.integers(0, 6))):
        if data.draw(st.booleans()):
            said.append(next(names))
            line.sound(WORD + WORD // 2, said[-1])
        else:
            line.sound(data.draw(st.integers(1, RATE)))
        if data.draw(st.booleans()):
            line.send(line.rules.flush())
        line.deliver(data.draw(st.integers(0, 4)))
    line.send(line.rules.flush())
    if data.draw(st.booleans()):
        line.sound(data.draw(st.integers(1, RATE)))  # the silence until it is certain
    if data.draw(st.integers(0, 3)):
        assert line.finish().split() == said
    line.send(line.rules.end())


@pytest.mark.parametrize("made", RULES)
@given(data=st.data())
def test_every_word_of_a_turn_once_and_of_no_other_turn(
    made: type[Rules], data: st.DataObject
) -> None:
    names = (f"word{number}" for number in range(1000))
    line = Line(made(), PEERS[made](data))
    for _ in range(data.draw(st.integers(1, 4))):
        turn(line, data, names)
        if not line.rules.reusable or line.peer.closed:
            line = Line(made(), PEERS[made](data))
