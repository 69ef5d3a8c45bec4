"""Every action ends exactly once, whatever the house says and whenever."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from appliance.ports import Message
from appliance.tools import pending
from appliance.tools.actions import Expectation
from appliance.tools.manifest import Match
from appliance.tools.pending import Confirmed, Ended, Lost, Refused, TimedOut, Waiting
from appliance.tools.templates import compile_template
from appliance.units import Seconds

TOPICS = ("lamp", "blind", "answers")
ON = Match(equals=compile_template("on"))
PAYLOADS = (b"on", b"off", b"\xff", b'{"id": "1", "ok": "on"}', b"{", b"")


class Actions(RuleBasedStateMachine):
    """Plays house, clock and broker."""

    def __init__(self) -> None:
        super().__init__()
        self.state: pending.Pending = ()
        self.now = 0.0
        self.sent: dict[str, Waiting] = {}
        self.ended: dict[str, pending.Outcome] = {}

    def step(self, taken: pending.Step) -> tuple[Ended, ...]:
        self.state, ended = taken
        for end in ended:
            assert end.key not in self.ended, "it ended twice"
            self.ended[end.key] = end.outcome
        return ended

    @rule(topic=st.sampled_from(TOPICS), patience=st.floats(0.1, 5.0), asks=st.booleans())
    def send(self, topic: str, patience: float, *, asks: bool) -> None:
        key = str(len(self.sent))
        expects = Expectation(
            topic, ON, {}, transaction=key if asks else None, correlation="id" if asks else None
        )
        waiting = Waiting(key, expects, Seconds(self.now + patience))
        self.sent[key] = waiting
        self.state = pending.add(self.state, waiting)

    @rule(
        topic=st.sampled_from((*TOPICS, "elsewhere")),
        payload=st.sampled_from(PAYLOADS),
        retained=st.booleans(),
        correlation=st.sampled_from((None, b"0", b"1", b"2")),
    )
    def say(
        self, topic: str, payload: bytes, *, retained: bool, correlation: bytes | None
    ) -> None:
        message = Message(topic, payload, retained, correlation)
        for end in self.step(pending.take(self.state, message)):
            expects = self.sent[end.key].expects
            assert not retained, "what lay about before is no confirmation"
            assert expects.topic == topic
            if expects.transaction is None:
                assert end.outcome == Confirmed("on")
            else:
                answered = {correlation} if correlation else {b"1"}
                assert expects.transaction.encode() in answered
                assert isinstance(end.outcome, Confirmed if payload == b"on" else Refused)

    @rule(passed=st.floats(0.0, 3.0))
    def wait(self, passed: float) -> None:
        self.now += passed
        due = pending.deadline(self.state)
        ended = self.step(pending.expire(self.state, Seconds(self.now)))
        assert bool(ended) == (due is not None and due <= self.now)
        for end in ended:
            assert end.outcome == TimedOut()
            assert self.sent[end.key].until <= self.now

    @rule()
    def break_down(self) -> None:
        for end in self.step(pending.lose(self.state)):
            assert end.outcome == Lost()
        assert self.state == ()

    @invariant()
    def each_waits_or_has_ended(self) -> None:
        waiting = [each.key for each in self.state]
        assert len(waiting) == len(set(waiting))
        assert set(waiting) | self.ended.keys() == self.sent.keys()
        assert not set(waiting) & self.ended.keys()

    @invariant()
    def none_waits_for_ever(self) -> None:
        assert (pending.deadline(self.state) is None) == (self.state == ())


Actions.TestCase.settings = settings(max_examples=100, stateful_step_count=30)
TestActions = Actions.TestCase
