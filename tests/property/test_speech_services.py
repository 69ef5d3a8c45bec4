"""Hostile servers of Gemini Live and ElevenLabs: whatever they send, some things always hold.

Nothing but a ``BackendError`` is raised; what we send is what the vendor's types take; events are
in order; nothing of a reply comes after it was cancelled or has ended; every call is told once and
answered at most once; whoever waits is served or told within the limit.
"""

import json
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from google.genai import types
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from appliance.backend.elevenlabs.rules import AgentRules
from appliance.backend.elevenlabs.terms import Terms as AgentTerms
from appliance.backend.gemini.rules import GeminiRules
from appliance.backend.gemini.terms import Terms as GeminiTerms
from appliance.backend.socket.rules import Out, Rules
from appliance.errors import BackendError
from appliance.events import (
    BackendEvent,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ToolCalled,
)
from appliance.ports import Enclosure, ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber
from tests.elevenlabs_check import problems

STALL, TOOLS = Seconds(4.0), Seconds(10.0)
CALLS = st.sampled_from([f"c{number}" for number in range(8)])
SOUND = st.sampled_from(["AAAAAA==", "AAA=", "", "?", 7, "AAAAAAAAAAA="])
JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "serverContent",
                    "toolCall",
                    "modelTurn",
                    "parts",
                    "functionCalls",
                    "ids",
                    "audio_event",
                    "event_id",
                    "client_tool_call",
                    "toolCallCancellation",
                    "usageMetadata",
                ]
            ),
            inner,
        )
    ),
    max_leaves=8,
)
FLAGS = st.sampled_from([True, False, None, "yes"])
STATUS = st.sampled_from(["", "IDLE", "IN_PROGRESS", "idle", 7])
MIME = st.sampled_from(
    ["audio/pcm;rate=24000", "audio/pcm", "audio/pcm;rate=16000", "audio/mp3", ""]
)
RESULTS = st.sampled_from(
    [ToolResult("done", "On."), ToolResult("rejected", data={"cancelled": True})]
)
SAYS = {"inlineData": {"data": "AAAAAA==", "mimeType": "audio/pcm;rate=24000"}}
GEMINI: st.SearchStrategy[Any] = st.one_of(
    st.just({"serverContent": {"modelTurn": {"parts": [SAYS]}}}),
    st.builds(lambda name: {"toolCall": {"functionCalls": [{"id": name, "name": "act"}]}}, CALLS),
    st.builds(
        lambda data, mime, over, cut, status: {
            "serverContent": {
                "modelTurn": {"parts": [{"inlineData": {"data": data, "mimeType": mime}}]},
                "turnComplete": over,
                "interrupted": cut,
                "interactionStatus": status,
                "outputTranscription": {"text": "said"},
            }
        },
        SOUND,
        MIME,
        FLAGS,
        FLAGS,
        STATUS,
    ),
    st.just({"serverContent": {"turnComplete": True}}),
    st.just({"serverContent": {"interrupted": True}}),
    st.just({"serverContent": {"outputTranscription": {"text": "late"}}}),
    st.just({"serverContent": {"inputTranscription": {"text": "heard", "finished": True}}}),
    st.builds(lambda calls: {"toolCallCancellation": {"ids": calls}}, st.lists(CALLS | JUNK)),
    st.builds(
        lambda names, arguments: {
            "toolCall": {
                "functionCalls": [{"id": name, "name": "act", "args": arguments} for name in names]
            }
        },
        st.lists(CALLS, max_size=3),
        st.none() | st.just({"n": 1}) | JUNK,
    ),
    JUNK,
)
AGENT: st.SearchStrategy[Any] = st.one_of(
    st.builds(
        lambda event: {
            "type": "audio",
            "audio_event": {"audio_base_64": "AAAAAA==", "event_id": event},
        },
        st.integers(5, 9),
    ),
    st.builds(
        lambda name: {
            "type": "client_tool_call",
            "client_tool_call": {"tool_call_id": name, "tool_name": "act"},
        },
        CALLS,
    ),
    st.builds(
        lambda sound, event: {
            "type": "audio",
            "audio_event": {"audio_base_64": sound, "event_id": event},
        },
        SOUND,
        st.integers(0, 6) | JUNK,
    ),
    st.just({"type": "agent_response", "agent_response_event": {"agent_response": "said"}}),
    st.just({"type": "agent_response_complete"}),
    st.just({"type": "user_transcript", "user_transcription_event": {"user_transcript": "so"}}),
    st.builds(
        lambda event: {"type": "interruption", "interruption_event": {"event_id": event}},
        st.integers(0, 6) | JUNK,
    ),
    st.builds(
        lambda name, arguments: {
            "type": "client_tool_call",
            "client_tool_call": {
                "tool_call_id": name,
                "tool_name": "act",
                "parameters": arguments,
            },
        },
        CALLS,
        st.none() | st.just({"n": 1}) | JUNK,
    ),
    st.just({"type": "ping", "ping_event": {"event_id": 3}}),
    JUNK,
)


class Hostile(RuleBasedStateMachine):
    """A session, a server that does as it likes, and a conversation that does what it may."""

    messages: st.SearchStrategy[Any]
    sound: object
    heard: object
    done: object

    def call(self, name: str) -> object:
        raise NotImplementedError

    def make(self) -> Rules:
        raise NotImplementedError

    def readiness(self) -> object:
        raise NotImplementedError

    def check_sent(self, message: Any) -> list[str]:  # noqa: ANN401 - JSON
        """Return the calls that it answers."""
        raise NotImplementedError

    @initialize()
    def begin(self) -> None:
        self.now = Seconds(0.0)
        self.begin_anew()

    def begin_anew(self) -> None:
        self.session = self.make()
        self.turn = TurnNumber(0)
        self.first = True
        self.open: ResponseId | None = None
        self.over: set[ResponseId] = set()
        self.started: dict[ResponseId, TurnNumber] = {}
        self.called: set[CallId] = set()
        self.answered: Counter[str] = Counter()
        self.waits_since: Seconds | None = None
        self.do(lambda: self.session.opened(self.now))
        self.do(lambda: self.session.receive(json.dumps(self.readiness()), self.now))
        assert self.session.ready

    def do(self, act: Callable[[], Out]) -> None:
        try:
            out = act()
        except BackendError:
            self.begin_anew()
            return
        for sent in out.send:
            for call in self.check_sent(json.loads(sent)):
                self.answered[call] += 1
                assert self.answered[call] == 1, "a call was answered twice"
        for event in out.events:
            self.check_told(event)

    def check_told(self, event: BackendEvent) -> None:
        match event:
            case ReplyStarted(response=response, turn=turn):
                assert response not in self.started
                assert self.open is None, "two replies at once"
                assert 0 < turn <= self.turn
                self.started[response], self.open = turn, response
                self.waits_since = None
            case ReplyText(response=response) | ReplyAudio(response=response):
                assert response == self.open, "of a reply that is over"
            case ReplyEnded(response=response):
                assert response == self.open
                self.open = None
                self.over.add(response)
            case ToolCalled(call=call, response=response):
                assert response == self.open
                assert call not in self.called, "a call was made twice"
                self.called.add(call)
            case _:
                pass

    @rule(data=st.data())
    def server_says(self, data: st.DataObject) -> None:
        message = data.draw(self.messages)
        text = json.dumps(message)
        self.do(lambda: self.session.receive(text, self.now))

    @rule(times=st.integers(1, 3))
    def server_speaks(self, times: int) -> None:
        for _ in range(times):
            self.server_does(self.sound)

    @rule(call=CALLS)
    def server_calls(self, call: str) -> None:
        self.server_does(self.call(call))

    @rule()
    def server_is_done(self) -> None:
        self.server_does(self.done)

    @rule()
    def user_asks_and_is_answered(self) -> None:
        self.user_speaks(9_600)
        self.user_has_finished()
        self.server_does(self.heard)
        self.server_does(self.sound)

    def server_does(self, message: object) -> None:
        text = json.dumps(message)
        self.do(lambda: self.session.receive(text, self.now))

    @rule(junk=st.binary(max_size=8) | st.text(max_size=8))
    def server_talks_nonsense(self, junk: str | bytes) -> None:
        self.do(lambda: self.session.receive(junk, self.now))

    @rule(size=st.sampled_from([0, 320, 9_600]))
    def user_speaks(self, size: int) -> None:
        self.do(lambda: self.session.audio(bytes(size)))

    @rule()
    def user_writes(self) -> None:
        self.do(lambda: self.session.enclose(Enclosure("hello", note="it is late")))

    @rule()
    def user_has_finished(self) -> None:
        if self.open is not None:  # as the conversation does
            self.cancel()
        self.turn = TurnNumber(self.turn + 1)
        turn = self.turn
        self.waits_since = self.now
        self.do(lambda: self.session.commit(turn, self.now))

    @rule()
    def offer_is_taken(self) -> None:
        if self.open is None and self.session.idle:
            self.turn = TurnNumber(self.turn + 1)
            turn = self.turn
            self.do(lambda: self.session.take_reply(turn, self.now))

    @rule()
    def turn_came_to_nothing(self) -> None:
        self.waits_since = None
        self.open = None  # nobody listens any more
        self.do(self.session.clear)

    @rule()
    def cancel(self) -> None:
        for response in (self.open, *list(self.over)[:1]):
            if response is not None:
                self.open = None if response == self.open else self.open
                self.over.add(response)
                self.do(partial(self.session.cancel, response, Seconds(0.1), self.now))

    @rule(data=st.data(), result=RESULTS)
    def tool_answers(self, data: st.DataObject, result: ToolResult) -> None:
        known = sorted(self.called)
        call = data.draw(st.sampled_from(known) if known else CALLS)
        self.do(lambda: self.session.answer(CallId(call), result, self.now))

    @rule(seconds=st.sampled_from([0.01, 0.3, 1.1, 4.1, 11.0]))
    def time_passes(self, seconds: float) -> None:
        end = Seconds(self.now + seconds)
        for _ in range(400):
            due = self.session.deadline()
            if due is None or due > end:
                break
            self.now = max(self.now, due)
            rules = self.session
            self.do(lambda: self.session.expire(self.now))
            if self.session is not rules:
                return
        else:
            raise AssertionError("it is never done")
        self.now = end


class HostileGemini(Hostile):
    """Gemini Live."""

    messages = GEMINI
    sound: object = {"serverContent": {"modelTurn": {"parts": [SAYS]}}}
    heard: object = {"serverContent": {"inputTranscription": {"text": "heard"}}}
    done: object = {"serverContent": {"turnComplete": True}}

    def call(self, name: str) -> object:
        return {"toolCall": {"functionCalls": [{"id": name, "name": "act"}]}}

    def make(self) -> Rules:
        return GeminiRules(GeminiTerms({"model": "models/m"}, "m", STALL, TOOLS))

    def readiness(self) -> object:
        return {"setupComplete": {}}

    def check_sent(self, message: Any) -> list[str]:  # noqa: ANN401
        types.LiveClientMessage.model_validate(message)
        responses = message.get("toolResponse", {}).get("functionResponses", [])
        return [each["id"] for each in responses]


class HostileAgent(Hostile):
    """An agent of ElevenLabs."""

    messages = AGENT
    sound: object = {"type": "audio", "audio_event": {"audio_base_64": "AAAAAA==", "event_id": 9}}
    heard: object = {
        "type": "user_transcript",
        "user_transcription_event": {"user_transcript": "so"},
    }
    done: object = {"type": "agent_response_complete"}

    def call(self, name: str) -> object:
        asked = {"tool_call_id": name, "tool_name": "act"}
        return {"type": "client_tool_call", "client_tool_call": asked}

    def make(self) -> Rules:
        return AgentRules(AgentTerms({"dynamic_variables": {}}, STALL, TOOLS))

    def readiness(self) -> object:
        return {"type": "conversation_initiation_metadata"}

    def check_sent(self, message: Any) -> list[str]:  # noqa: ANN401
        assert not problems(message, first=self.first)
        self.first = False
        call = message.get("tool_call_id")
        return [] if call is None else [call]


QUICK = settings(
    max_examples=120,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestGemini = HostileGemini.TestCase
TestGemini.settings = QUICK
TestAgent = HostileAgent.TestCase
TestAgent.settings = QUICK
