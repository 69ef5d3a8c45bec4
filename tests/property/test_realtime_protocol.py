"""Hostile servers: whatever they send, and whatever we do meanwhile, some things always hold."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from appliance.backend.realtime.protocol import RealtimeProtocol
from appliance.backend.socket.rules import Out
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
from tests.realtime_peer import (
    SERVER_EVENTS,
    Message,
    approval_request,
    check_client_event,
    function_call,
    pcm,
    sample,
    terms,
)

RESPONSES = st.integers(0, 5)
"""0: one that nobody knows; else the latest but n."""

CALLS = st.sampled_from([f"call_{number}" for number in range(40)])
ITEMS = st.sampled_from(["item_1", "item_2", "item_3"])
REMOTE = st.sampled_from(["mcp_1", "mcp_2"])
STATUSES = st.sampled_from(["completed", "cancelled", "failed", "incomplete", "", None, 7])
CODES = st.sampled_from(
    [
        "conversation_already_has_active_response",
        "response_cancel_not_active",
        "input_audio_buffer_commit_empty",
        "server_error",
        None,
    ]
)
JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "type", "item", "call_id", "code"]), inner)
    ),
    max_leaves=6,
)
OUTPUT = st.lists(
    st.one_of(
        st.builds(
            function_call,
            CALLS,
            name=st.sampled_from(["set_light", "stop", "", 3]),
            arguments=st.sampled_from(["{}", '{"n": 1}', "{", "", None, "[]"]),
        ),
        st.builds(approval_request, CALLS),
        st.builds(lambda item: {"type": "mcp_call", "id": item}, REMOTE),
        st.builds(lambda item: {"type": "message", "id": item}, ITEMS),
        JUNK,
    ),
    max_size=4,
)
RESULTS = st.sampled_from(
    [
        ToolResult("done", "It is on."),
        ToolResult("failed"),
        ToolResult("rejected", data={"cancelled": True}),
    ]
)


class HostileServer(RuleBasedStateMachine):
    """A session, a server that does as it likes, and a conversation that does what it may."""

    @initialize(
        listens=st.sampled_from([(False, False), (True, False), (True, True)]), echo=st.booleans()
    )
    def begin(self, listens: tuple[bool, bool], *, echo: bool) -> None:
        ends_turns, auto_response = listens
        self.terms = terms(ends_turns=ends_turns, auto_response=auto_response)
        self.now = Seconds(0.0)
        self.echo = echo
        self.begin_anew()

    def begin_anew(self) -> None:
        self.protocol = RealtimeProtocol(self.terms)
        self.turn = TurnNumber(0)
        self.owed: TurnNumber | None = None
        self.outstanding: Message | None = None
        self.received: Counter[str] = Counter()
        self.answered: set[str] = set()
        self.called: set[str] = set()
        self.cancelled: set[str] = set()
        self.started: dict[str, TurnNumber] = {}
        self.ended: set[str] = set()
        self.seen: list[str] = []
        self.echoed = False
        self.do(lambda: self.protocol.opened(self.now))
        self.say("session.updated", session={})

    # -- what must hold -------------------------------------------------------------------------

    def do(self, act: Callable[[], Out]) -> None:
        try:
            out = act()
        except BackendError:
            self.begin_anew()
            return
        for text in out.send:
            self.check_sent(check_client_event(str(text)))
        for event in out.events:
            self.check_told(event)

    def check_sent(self, message: Message) -> None:
        match message["type"]:
            case "response.create":
                assert self.outstanding is None, "two requests at once"
                self.outstanding = message
            case "conversation.item.create":
                item = message["item"]
                call = item.get("call_id") or item.get("approval_request_id")
                if call:
                    assert call not in self.answered, "a call was answered twice"
                    self.answered.add(call)
            case "conversation.item.truncate":
                assert 0 <= message["audio_end_ms"] <= self.received[message["item_id"]]
            case _:
                pass

    def check_told(self, event: BackendEvent) -> None:
        match event:
            case ReplyStarted(response=response, turn=turn):
                assert response not in self.started, "a reply began twice"
                assert turn <= self.turn
                self.started[response] = turn
            case ToolCalled(call=call):
                assert call not in self.called, "a call was made twice"
                assert call not in self.answered, "a settled call was made"
                self.called.add(call)
            case _:
                pass
        match event:
            case (
                ReplyStarted(response=response)
                | ReplyAudio(response=response)
                | ReplyText(response=response)
                | ToolCalled(response=response)
                | ReplyEnded(response=response)
            ):
                assert response not in self.cancelled, "news of a cancelled reply"
                assert response in self.started, "a reply that never began"
                assert response not in self.ended, "a reply went on after its end"
            case _:
                pass
        match event:
            case ReplyEnded(response=response, calls_tool=calls_tool):
                self.ended.add(response)
                if not calls_tool and self.started[response] == self.owed:
                    self.owed = None
            case _:
                pass

    @invariant()
    def somebody_always_wakes_us_while_a_reply_is_owed(self) -> None:
        if hasattr(self, "protocol") and self.owed is not None:
            assert self.protocol.deadline() is not None

    # -- the server -----------------------------------------------------------------------------

    def say(self, kind: str, **fields: Any) -> None:  # noqa: ANN401 - anything at all
        text = json.dumps({"type": kind, "event_id": "event_1", **fields})
        self.do(lambda: self.protocol.receive(text, self.now))

    @rule(ours=st.booleans(), again=st.booleans())
    def begins_a_reply(self, *, ours: bool, again: bool) -> None:
        asked, metadata = self.outstanding, None
        if asked is not None and ours and self.echo:
            metadata = asked["response"]["metadata"]
        if not (again and self.seen):
            self.seen.append(f"resp_{len(self.seen)}")
            self.echoed = self.echoed or metadata is not None
            if asked is not None and (metadata or not self.echoed):  # by name, or by order
                self.outstanding = None
        self.say("response.created", response={"id": self.seen[-1], "metadata": metadata})

    @rule(milliseconds=st.integers(0, 200), output=OUTPUT)
    def answers_well(self, milliseconds: int, output: Sequence[object]) -> None:
        if self.outstanding is not None:
            self.begins_a_reply(ours=True, again=False)
            self.sends_sound(1, "item_1", milliseconds, None)
            self.ends_a_reply(1, "completed", output, None)

    @rule(milliseconds=st.integers(0, 200), output=OUTPUT)
    def a_turn_goes_well(self, milliseconds: int, output: Sequence[object]) -> None:
        self.the_user_speaks()
        self.a_reply_is_wanted(offered=False)
        self.answers_well(milliseconds, output)

    @rule(calls=st.lists(CALLS, min_size=1, max_size=3), result=RESULTS, answers=st.integers(0, 3))
    def a_turn_calls_tools(self, calls: list[str], result: ToolResult, answers: int) -> None:
        self.a_turn_goes_well(100, [function_call(call) for call in calls])
        for call in calls[:answers]:
            self.a_tool_answers(call, result, known=False)

    def pick(self, which: int) -> str:
        if 0 < which <= len(self.seen):
            return self.seen[-which]
        return "resp_x"

    @rule(
        which=RESPONSES,
        item=ITEMS,
        milliseconds=st.integers(0, 200),
        delta=st.none() | JUNK,
    )
    def sends_sound(self, which: int, item: str, milliseconds: int, delta: object) -> None:
        if delta is None:
            self.received[item] += milliseconds
        self.say(
            "response.output_audio.delta",
            response_id=self.pick(which),
            item_id=item,
            content_index=0,
            delta=pcm(milliseconds) if delta is None else delta,
        )

    @rule(which=RESPONSES, item=ITEMS, text=JUNK)
    def sends_text(self, which: int, item: str, text: object) -> None:
        kind = "response.output_audio_transcript.delta"
        self.say(kind, response_id=self.pick(which), item_id=item, delta=text)

    @rule(which=RESPONSES, output=OUTPUT)
    def ends_an_item(self, which: int, output: Sequence[object]) -> None:
        for item in output:
            self.say("response.output_item.done", response_id=self.pick(which), item=item)

    @rule(which=RESPONSES, status=STATUSES, output=OUTPUT, reason=JUNK)
    def ends_a_reply(
        self, which: int, status: object, output: Sequence[object], reason: object
    ) -> None:
        details = {"reason": reason}
        whole = {
            "id": self.pick(which),
            "status": status,
            "output": output,
            "status_details": details,
        }
        self.say("response.done", response=whole)

    @rule(code=CODES, named=st.booleans(), where=st.sampled_from(["code", "type"]))
    def reports_an_error(self, code: str | None, where: str, *, named: bool) -> None:
        event = self.outstanding["event_id"] if self.outstanding is not None and named else None
        refused = event or code == "conversation_already_has_active_response"
        if refused and code != "response_cancel_not_active":
            self.outstanding = None
        self.say("error", error={where: code, "event_id": event})

    @rule(item=ITEMS, what=st.sampled_from(["speech_started", "speech_stopped", "committed"]))
    def listens(self, item: str, what: str) -> None:
        self.say(f"input_audio_buffer.{what}", item_id=item)

    @rule(item=REMOTE, what=st.sampled_from(["in_progress", "completed", "failed"]))
    def works_by_itself(self, item: str, what: str) -> None:
        self.say(f"response.mcp_call.{what}", item_id=item, output_index=0)

    @rule(kind=st.sampled_from(sorted(SERVER_EVENTS)), key=st.integers(0, 9), junk=JUNK)
    def sends_something_of_the_wrong_type(self, kind: str, key: int, junk: object) -> None:
        message = sample(kind)
        names = sorted(message.keys() - {"type"})
        message[names[key % len(names)]] = junk
        self.say(kind, **{name: message[name] for name in names})

    @rule(nonsense=st.text(max_size=40) | st.binary(max_size=40) | JUNK.map(json.dumps))
    def sends_nonsense(self, nonsense: str | bytes) -> None:
        self.do(lambda: self.protocol.receive(nonsense, self.now))

    # -- the conversation -----------------------------------------------------------------------

    @rule()
    def the_user_speaks(self) -> None:
        self.owed = None
        self.do(lambda: self.protocol.audio(bytes(480)))

    @rule()
    def the_user_shows_something(self) -> None:
        self.owed = None
        self.do(lambda: self.protocol.enclose(Enclosure("Look.")))

    @rule(offered=st.booleans())
    def a_reply_is_wanted(self, *, offered: bool) -> None:
        self.turn = self.owed = TurnNumber(self.turn + 1)
        turn = self.turn
        if offered:
            self.do(lambda: self.protocol.take_reply(turn, self.now))
        else:
            self.do(lambda: self.protocol.commit(turn, self.now))

    @rule()
    def the_turn_comes_to_nothing(self) -> None:
        self.owed = None
        self.do(self.protocol.clear)

    @rule(which=RESPONSES, heard=st.sampled_from([-1.0, 0.0, 0.03, 0.1, 0.15, 9.0]))
    def a_reply_is_talked_over(self, which: int, heard: float) -> None:
        response = self.pick(which)
        if response in self.started:
            if self.started[response] == self.owed:
                self.owed = None
            self.do(lambda: self.protocol.cancel(ResponseId(response), Seconds(heard), self.now))
            self.cancelled.add(response)

    @rule(call=CALLS, result=RESULTS, known=st.booleans())
    def a_tool_answers(self, call: str, result: ToolResult, *, known: bool) -> None:
        if known and (waiting := sorted(self.called - self.answered)):
            call = waiting[0]
        self.do(lambda: self.protocol.answer(CallId(call), result, self.now))

    @rule(seconds=st.sampled_from([0.1, 0.3, 0.6, 1.1, 2.1]))
    def time_passes(self, seconds: float) -> None:
        until = Seconds(self.now + seconds)
        for _ in range(50):
            deadline = self.protocol.deadline()
            if deadline is None or deadline > until:
                break
            self.now = Seconds(max(self.now, deadline))
            self.do(lambda: self.protocol.expire(self.now))
        else:
            raise AssertionError("its deadline never comes to rest")
        self.now = until


TestHostileServer = HostileServer.TestCase
TestHostileServer.settings = settings(
    max_examples=80,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
