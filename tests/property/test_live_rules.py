"""Hostile servers and hasty users: whatever they do to a Live session, some things always hold."""

import base64
import itertools
import json
from collections.abc import Callable, Sequence
from typing import Any, get_args

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from openai.types.live import ClientEvent

from appliance.backend.live.rules import LiveRules
from appliance.backend.live.voice import PAUSE, Gate, Silence, Voice
from appliance.backend.socket.rules import Out
from appliance.errors import BackendError
from appliance.events import (
    BackendEvent,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ToolCalled,
    Used,
)
from appliance.ports import Enclosure, ToolResult
from appliance.units import CallId, ResponseId, SampleRate, Seconds, TurnNumber
from tests.live_client import STALL, terms
from tests.realtime_server.check import _check, _tag

EVENTS = {_tag(model): model for model in get_args(get_args(ClientEvent)[0])}
RATE = SampleRate(16_000)
JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "type", "item", "call_id", "event", "delta", "error"]), inner
        )
    ),
    max_leaves=6,
)
KINDS = st.sampled_from(sorted([*LiveRules(terms()).handled, "info", "session.updated"]))
CALLS = st.sampled_from(["call_1", "call_2", "call_3"])
RESULTS = st.sampled_from(
    [
        ToolResult("done", "It is on."),
        ToolResult("failed"),
        ToolResult("rejected", data={"cancelled": True}),
    ]
)
DELEGATIONS = st.sampled_from(["d1", "d2", ""])


def sound(value: int, seconds: float) -> bytes:
    return np.full(round(seconds * RATE), value, dtype="<i2").tobytes()


def output(pcm: bytes) -> str:
    delta = base64.b64encode(pcm).decode()
    return json.dumps({"type": "session.output_audio.delta", "delta": delta})


class LiveSessions(RuleBasedStateMachine):
    """One session after the other; a session that ended is replaced."""

    @initialize()
    def begin(self) -> None:
        self.session = LiveRules(terms())
        self.now = 0.0
        self.turn = 0
        self.events: list[BackendEvent] = []
        self.cancelled: set[ResponseId] = set()
        self.open: set[CallId] = set()
        self._after(self.session.opened(Seconds(0.0)))

    def _after(self, out: Out) -> None:
        for text in out.send:
            event = json.loads(text)
            assert not list(_check(EVENTS[event["type"]], event, event["type"]))
        for event in out.events:
            self._told(event)

    def _told(self, event: BackendEvent) -> None:
        started = {each.response for each in self.events if isinstance(each, ReplyStarted)}
        ended = {each.response for each in self.events if isinstance(each, ReplyEnded)}
        match event:
            case ReplyStarted():
                assert event.response not in started
                assert event.turn == self.turn
                assert started <= ended | self.cancelled, "one reply at a time"
            case ReplyAudio() | ReplyText() | ReplyEnded() | ToolCalled():
                assert event.response in started - ended - self.cancelled
                if isinstance(event, ToolCalled):
                    assert event.call not in self.open
                    self.open.add(event.call)
            case Used():
                assert event.usage.audio_s >= 0.0
            case _:
                pass
        self.events.append(event)

    def _receive(self, text: str | bytes) -> None:
        self._do(lambda: self.session.receive(text, Seconds(self.now)))

    def _do(self, act: Callable[[], Out]) -> None:
        try:
            out = act()
        except BackendError:
            self.begin()
        else:
            self._after(out)

    @rule()
    def start(self) -> None:
        self._receive('{"type": "session.started", "session": {}}')

    @rule(kind=KINDS, fields=st.dictionaries(st.sampled_from(["delta", "event", "usage"]), JUNK))
    def nonsense(self, kind: str, fields: dict[str, Any]) -> None:
        self._receive(json.dumps({"type": kind, **fields}))

    @rule(text=st.text(max_size=30) | st.binary(max_size=10))
    def noise(self, text: str | bytes) -> None:
        self._receive(text)

    @rule(seconds=st.floats(0.0, 3.0))
    def time_passes(self, seconds: float) -> None:
        until = self.now + seconds
        for _ in range(200):
            due = self.session.deadline()
            if due is None or due > until:
                break
            self.now = max(self.now, due)
            self._do(lambda: self.session.expire(Seconds(self.now)))
        self.now = max(self.now, until)

    @rule(value=st.sampled_from([0, 0, 5, 3_000]), seconds=st.sampled_from([0.1, 0.5, 1.0]))
    def stream(self, value: int, seconds: float) -> None:
        if self.session.ready:
            self._receive(output(sound(value, seconds)))

    @rule(text=st.text(min_size=1, max_size=10), kind=st.sampled_from(["input", "output"]))
    def transcript(self, text: str, kind: str) -> None:
        self._receive(json.dumps({"type": f"session.{kind}_transcript.delta", "delta": text}))

    @rule(delegation=DELEGATIONS)
    def delegate(self, delegation: str) -> None:
        made = {"id": delegation, "target": "responses", "type": "delegation"}
        self._receive(json.dumps({"type": "session.delegation.created", "delegation": made}))

    @rule(
        delegation=DELEGATIONS,
        kind=st.sampled_from(["created", "completed", "output_text.delta", "failed"]),
    )
    def behind(self, delegation: str, kind: str) -> None:
        event = {"type": f"response.{kind}", "response": {}}
        whole = {"type": "response.event", "delegation_id": delegation, "event": event}
        self._receive(json.dumps(whole))

    @rule(
        delegation=DELEGATIONS,
        call=CALLS,
        arguments=st.sampled_from(["{}", '{"n": 1}', "{", "", None]),
        name=st.sampled_from(["set_light", "goodbye", "", 4]),
    )
    def call(self, delegation: str, call: str, arguments: str | None, name: object) -> None:
        item = {"type": "function_call", "call_id": call, "name": name, "arguments": arguments}
        event = {"type": "response.output_item.done", "item": item}
        whole = {"type": "response.event", "delegation_id": delegation, "event": event}
        self._receive(json.dumps(whole))

    @rule(call=CALLS, result=RESULTS)
    def answer(self, call: str, result: ToolResult) -> None:
        self._after(self.session.answer(CallId(call), result, Seconds(self.now)))
        self.open.discard(CallId(call))

    @rule(frames=st.integers(1, 30))
    def speak(self, frames: int) -> None:
        if self.session.ready:
            for _ in range(frames):
                self._after(self.session.audio(sound(1_000, 0.01)))

    @rule(note=st.sampled_from(["", "a note"]), text=st.sampled_from(["", "a text"]))
    def enclose(self, note: str, text: str) -> None:
        if self.session.ready:
            self._after(self.session.enclose(Enclosure(text, note=note)))

    @rule()
    def commit(self) -> None:
        if self.session.ready:
            self.turn += 1
            self._after(self.session.commit(TurnNumber(self.turn), Seconds(self.now)))
            due = self.session.deadline()
            assert due is not None, "somebody waits, so there is a deadline"
            assert due <= self.now + STALL

    @rule()
    def clear(self) -> None:
        if self.session.ready:
            self._after(self.session.clear())
            self._drop_all()

    @rule(latest=st.booleans())
    def cancel(self, latest: bool) -> None:  # noqa: FBT001
        started = [each.response for each in self.events if isinstance(each, ReplyStarted)]
        if started and self.session.ready:
            response = started[-1 if latest else 0]
            if response == started[-1]:
                self.cancelled.add(response)
            heard = Seconds(0.5)
            self._after(self.session.cancel(response, heard, Seconds(self.now)))
            self._after(self.session.cancel(response, heard, Seconds(self.now)))

    @rule()
    def take(self) -> None:
        if self.session.ready:
            self._drop_all()
            self.turn += 1
            self._after(self.session.take_reply(TurnNumber(self.turn), Seconds(self.now)))

    def _drop_all(self) -> None:
        """What went on is nobody's."""
        self.cancelled |= {each.response for each in self.events if isinstance(each, ReplyStarted)}


LiveSessions.TestCase.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
TestLiveSessions = LiveSessions.TestCase


OLD, NEW = 3_000, 6_000


class Played:
    """A session in which the model's clock is that of the test."""

    def __init__(self) -> None:
        self.session = LiveRules(terms())
        self.now = 0.0
        self.events: list[BackendEvent] = []
        self.session.opened(Seconds(0.0))
        self.receive('{"type": "session.started", "session": {}}')

    def receive(self, text: str) -> None:
        self.events += self.session.receive(text, Seconds(self.now)).events

    def stream(self, value: int, seconds: float) -> None:
        for _ in range(round(seconds / 0.1)):
            self.now += 0.1
            self.receive(output(sound(value, 0.1)))

    def turn(self, number: int, *, spoken: float = 0.5, value: int = 0) -> None:
        """The user speaks, while the model does what it does."""
        for _ in range(round(spoken / 0.1)):
            self.session.audio(sound(1_000, 0.1))
            self.stream(value, 0.1)
        self.events += self.session.commit(TurnNumber(number), Seconds(self.now)).events

    def values(self, turn: int) -> set[int]:
        replies = {
            each.response
            for each in self.events
            if isinstance(each, ReplyStarted) and each.turn == turn
        }
        pieces = [e for e in self.events if isinstance(e, ReplyAudio) and e.response in replies]
        return {int(value) for each in pieces for value in np.frombuffer(each.pcm, "<i2")} - {0}


TENTHS = st.integers(1, 12).map(lambda tenths: tenths / 10)
TALK = st.lists(st.tuples(TENTHS, st.integers(1, 2).map(lambda t: t / 10)), min_size=1, max_size=6)


@settings(max_examples=40)
@given(
    before=TALK,
    after=TALK,
    heard=st.booleans(),
    spoken=TENTHS,
    silence=st.sampled_from([0.9, 1.5]),
)
def test_nothing_of_a_reply_that_was_cancelled_is_told_ever_after(
    before: Sequence[tuple[float, float]],
    after: Sequence[tuple[float, float]],
    heard: bool,  # noqa: FBT001
    spoken: float,
    silence: float,
) -> None:
    played = Played()
    played.turn(1)
    for voice, pause in before:
        played.stream(OLD, voice)
        played.stream(0, pause)
    (first,) = [each for each in played.events if isinstance(each, ReplyStarted)]
    played.session.cancel(first.response, Seconds(0.1), Seconds(played.now))
    count = len(played.events)
    played.turn(2, spoken=spoken, value=OLD)
    if heard:
        played.receive('{"type": "session.input_transcript.delta", "delta": "stop"}')
    for voice, pause in after:
        played.stream(OLD, voice)
        played.stream(0, pause)
    played.stream(0, silence)
    played.stream(NEW, 0.5)
    played.stream(0, 1.0)

    assert played.values(2) == {NEW}
    assert all(getattr(e, "response", "") != first.response for e in played.events[count:])
    assert [e.calls_tool for e in played.events[count:] if isinstance(e, ReplyEnded)] == [False]


@given(pause=st.sampled_from([0.3, 0.5, 0.7]))
def test_a_model_that_has_heard_the_user_may_answer_after_a_short_silence(pause: float) -> None:
    played = Played()
    played.turn(1)
    played.stream(OLD, 1.0)
    (first,) = [each for each in played.events if isinstance(each, ReplyStarted)]
    played.session.cancel(first.response, Seconds(0.1), Seconds(played.now))
    played.turn(2, spoken=0.4, value=OLD)
    played.receive('{"type": "session.input_transcript.delta", "delta": "stop"}')
    played.stream(0, pause)
    played.stream(NEW, 0.5)
    played.stream(0, 1.0)

    assert played.values(2) == {NEW}


@settings(max_examples=40)
@given(
    parts=st.lists(st.tuples(st.booleans(), st.integers(1, 2_000)), max_size=12),
    size=st.integers(20, 900),
    rate=st.sampled_from([SampleRate(16_000), SampleRate(24_000)]),
)
def test_the_gate_loses_no_voice_and_makes_up_none(
    parts: list[tuple[bool, int]], size: int, rate: SampleRate
) -> None:
    stream = b"".join(
        np.full(count, 4_000 if loud else 0, "<i2").tobytes() for loud, count in parts
    )
    gate, found = Gate(), []
    for begin in range(0, len(stream), size * 2):
        found += gate.feed(stream[begin : begin + size * 2], rate)

    voices = b"".join(each.pcm for each in found if isinstance(each, Voice))
    assert voices.count(b"\xa0\x0f") == stream.count(b"\xa0\x0f")
    edges = [isinstance(each, Silence) for each in found]
    assert not any(a and b for a, b in itertools.pairwise(edges))
    total_silence = sum(count for loud, count in parts if not loud)
    if total_silence / rate < PAUSE - 0.1:
        assert not any(edges)
        whole = b"".join(each.pause + each.pcm for each in found if isinstance(each, Voice))
        assert whole in stream
