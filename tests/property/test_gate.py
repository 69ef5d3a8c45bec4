"""Nothing guarded passes without a person's word, in any order of events."""

import math
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from appliance.catalogue import Risk
from appliance.tools.gate import machine, pin
from appliance.tools.gate.machine import Asked, Check, Key, Limits, Passed, Refused, State, Wanted
from appliance.units import Seconds

KEYS: tuple[Key, ...] = (("door", "lock", "open"), ("door", "lock", "closed"), ("gate", "", "on"))
S = Seconds


@dataclass
class Question:
    """What the test remembers of a challenge."""

    wanted: Wanted
    until: float
    pin: bool
    over: bool = False


class Gate(RuleBasedStateMachine):
    """Plays models, people, strangers, time and power cuts; keeps its own books."""

    @initialize(
        grace=st.sampled_from((0.0, 30.0, 300.0)),
        tries=st.integers(1, 4),
        most_guarded=st.sampled_from((2, 100)),
    )
    def begin(self, grace: float, tries: int, most_guarded: int) -> None:
        self.limits = Limits(
            S(20.0), S(grace), S(100.0), tries, S(60.0), most_calls=50, most_guarded=most_guarded
        )
        self.state = State()
        self.now = 0.0
        self.ids = 0
        self.questions: dict[str, Question] = {}
        self.tainted_until = -math.inf
        self.granted: dict[Key, float] = {}
        self.wrong = 0
        self.lockouts = 0
        self.locked_until = -math.inf
        self.opened_at: list[float] = []

    def fresh(self) -> str:
        self.ids += 1
        return f"id{self.ids}"

    def passed(self, question: Question) -> None:
        assert not question.over
        question.over = True
        if self.now >= self.tainted_until:
            for key in question.wanted.keys:
                self.granted[key] = self.now + self.limits.grace

    @rule(
        risk=st.sampled_from((Risk.CONFIRM, Risk.PIN, Risk.PIN, Risk.FREE, Risk.NEVER)),
        keys=st.sampled_from((frozenset(), *(frozenset({key}) for key in KEYS), frozenset(KEYS))),
        lowered=st.booleans(),
        has_pin=st.sampled_from((True, True, True, False)),
    )
    def call(self, risk: Risk, keys: frozenset[Key], *, lowered: bool, has_pin: bool) -> None:
        wanted = Wanted(self.fresh(), risk, keys, lowered=lowered)
        self.state, verdict = machine.judge(
            self.state, self.limits, wanted, S(self.now), has_pin=has_pin
        )
        tainted = self.now < self.tainted_until
        match verdict:
            case Passed("free"):
                assert risk is Risk.FREE
                assert not (lowered and tainted)
            case Passed("grace"):
                assert risk in (Risk.CONFIRM, Risk.PIN)
                assert not tainted
                assert keys
                assert all(self.now < self.granted.get(key, -math.inf) for key in keys)
            case Asked(opened):
                assert risk in (Risk.CONFIRM, Risk.PIN) or (lowered and tainted)
                assert opened.pin == (risk is Risk.PIN)
                assert has_pin or not opened.pin
                assert not opened.pin or self.now >= self.locked_until
                waiting = [q for q in self.questions.values() if not q.over and self.now < q.until]
                assert waiting == [], "only one is open"
                self.opened_at = [at for at in self.opened_at if at > self.now - 60]
                assert len(self.opened_at) < self.limits.most_guarded
                self.opened_at.append(self.now)
                until = self.now + self.limits.challenge
                self.questions[wanted.id] = Question(wanted, until, opened.pin)
            case Refused(why):
                assert (why == "never") == (risk is Risk.NEVER)
            case _:
                pytest.fail(f"{verdict} is no answer to a call")

    @precondition(lambda self: self.questions)
    @rule(
        which=st.sampled_from((0, 0, 0, 1, 2, 99)),
        yes=st.sampled_from((True, True, False)),
        digits=st.sampled_from((None, True, False, False)),
    )
    def say(self, *, which: int, yes: bool, digits: bool | None) -> None:
        challenge = dict(enumerate(reversed(self.questions))).get(which, "nobody")
        question = self.questions.get(challenge)
        alive = question is not None and not question.over and self.now < question.until
        self.state, verdict = machine.answer(
            self.state, self.limits, challenge, S(self.now), yes=yes, has_pin=digits is not None
        )
        if not alive or question is None:
            assert verdict == Refused("over")
            return
        match verdict:
            case Passed(why):
                assert (yes, question.pin, why) == (True, False, "confirmed")
                self.passed(question)
            case Check():
                assert (yes, question.pin) == (True, True)
                assert digits is not None
                assert self.now >= self.locked_until, "no PIN is taken in a lockout"
                assert self.try_again(challenge) == Refused("over"), "one try at a time"
                self.check(challenge, question, right=digits)
            case Asked():
                assert (yes, question.pin, digits) == (True, True, None)
            case Refused(why):
                question.over = True
                assert why == ("denied" if not yes else "pin_locked")

    def try_again(self, challenge: str) -> object:
        self.state, verdict = machine.answer(
            self.state, self.limits, challenge, S(self.now), yes=True, has_pin=True
        )
        return verdict

    def check(self, challenge: str, question: Question, *, right: bool) -> None:
        self.wrong += 1
        if self.wrong >= self.limits.tries:
            self.locked_until = self.now + self.limits.lockout * 2**self.lockouts
            self.lockouts += 1
            self.wrong = 0
        following = self.fresh()
        self.state, verdict = machine.checked(
            self.state, self.limits, challenge, S(self.now), right=right, next_id=following
        )
        match verdict:
            case Passed("pin"):
                assert right
                self.wrong = self.lockouts = 0
                self.locked_until = -math.inf
                self.passed(question)
            case Asked(opened):
                assert not right
                assert self.now >= self.locked_until
                question.over = True
                self.questions[following] = Question(opened.wanted, opened.until, pin=True)
            case Refused("pin_locked"):
                assert not right
                assert self.now < self.locked_until
                question.over = True
            case _:
                pytest.fail(f"{verdict} is no answer to a PIN")

    @rule(challenge=st.sampled_from(("id1", "id2", "nobody")), right=st.booleans())
    def check_what_nobody_said(self, challenge: str, *, right: bool) -> None:
        self.state, verdict = machine.checked(
            self.state, self.limits, challenge, S(self.now), right=right, next_id=self.fresh()
        )
        assert verdict == Refused("over")

    @rule(passed=st.sampled_from((0.0, 0.5, 5.0, 19.9, 20.0, 40.0, 61.0, 101.0)))
    def wait(self, passed: float) -> None:
        self.now += passed

    @rule(back=st.sampled_from((1.0, 1e9, math.nan, math.inf, -math.inf)))
    def a_clock_that_lies_changes_nothing(self, back: float) -> None:
        told = S(self.now - back)
        state, opened = machine.expire(self.state, told)
        assert opened is None or not math.isfinite(back) or opened.until <= self.state.now
        if math.isfinite(back):
            self.state = state

    @rule()
    def strangers_speak(self) -> None:
        self.state = machine.taint(self.state, self.limits, S(self.now))
        self.tainted_until = self.now + self.limits.taint
        self.granted.clear()

    @rule(off=st.sampled_from((0.0, 0.3, 1e6)))
    def power_cut(self, off: float) -> None:
        """The monotonic clock begins anew; what was locked stays so for as long, at least."""
        document = machine.saved(machine.expire(self.state, S(self.now))[0])
        left = max(0.0, self.locked_until - self.now)
        self.state = machine.restored(document, self.limits, S(self.now + off))
        self.now += off
        self.locked_until = self.now + left if left > 0 else -math.inf
        self.granted.clear()
        self.opened_at.clear()
        self.tainted_until = -math.inf
        for question in self.questions.values():
            question.over = True

    @invariant()
    def a_pin_is_never_taken_sooner_than_the_books_say(self) -> None:
        if hasattr(self, "state"):
            assert self.state.locked_until == self.locked_until
            assert len(self.state.guarded) <= self.limits.most_guarded


TestGate = Gate.TestCase
TestGate.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)


@given(st.lists(st.floats(0.0, 30.0), max_size=60), st.integers(1, 10))
def test_never_more_calls_in_any_minute_than_allowed(pauses: list[float], most: int) -> None:
    state, limits, now = State(), Limits(most_calls=most), 0.0
    admitted: list[float] = []
    for pause in pauses:
        now += pause
        state, well = machine.admit(state, limits, S(now))
        recent = [at for at in admitted if at > now - 60.0]
        assert well == (len(recent) < most)
        if well:
            admitted.append(now)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("wrong", "lockouts", "locked_s", "x")), inner, max_size=4
        )
    ),
)


@given(_JSON, st.floats(0.0, 1e6))
def test_a_memory_that_makes_no_sense_is_a_lockout(document: object, now: float) -> None:
    state = machine.restored(document, Limits(), S(now))
    sound = document is None or (
        isinstance(document, dict)
        and all(isinstance(document.get(key), int) for key in ("wrong", "lockouts"))
        and isinstance(document.get("locked_s"), int | float)
    )
    assert sound or state.locked_until > now
    assert not state.locked_until > now + machine.LONGEST_LOCKOUT
    assert state.open is None


def test_a_grace_is_over_for_good_once_strangers_have_spoken() -> None:
    limits = Limits(grace=S(600.0), taint=S(60.0))
    keys = frozenset({KEYS[0]})

    def asks(state: State, name: str, now: float) -> tuple[State, object]:
        wanted = Wanted(name, Risk.CONFIRM, keys)
        return machine.judge(state, limits, wanted, S(now), has_pin=False)

    state, _ = asks(State(), "a", 0.0)
    state, _ = machine.answer(state, limits, "a", S(1.0), yes=True, has_pin=False)
    state, verdict = asks(state, "b", 2.0)
    assert verdict == Passed("grace")
    state = machine.taint(state, limits, S(3.0))
    state, verdict = asks(state, "c", 100.0)  # the taint is over, and so is the grace
    assert isinstance(verdict, Asked)


def test_each_lockout_is_twice_as_long_up_to_a_day() -> None:
    limits = Limits(tries=1, lockout=S(300.0))
    state, now, lengths = State(), 0.0, []
    for number in range(12):
        wanted = Wanted(str(number), Risk.PIN)
        state, asked = machine.judge(state, limits, wanted, S(now), has_pin=True)
        assert isinstance(asked, Asked)
        state, check = machine.answer(state, limits, str(number), S(now), yes=True, has_pin=True)
        assert isinstance(check, Check)
        state, verdict = machine.checked(
            state, limits, str(number), S(now), right=False, next_id=f"{number}+"
        )
        assert verdict == Refused("pin_locked")
        lengths.append(state.locked_until - now)
        now = state.locked_until
    assert lengths[:3] == [300.0, 600.0, 1200.0]
    assert lengths[-1] == 86_400.0


@given(st.text(max_size=12), st.text(max_size=80))
def test_what_is_no_pin_or_no_hash_never_fits(said: str, kept: str) -> None:
    assert not pin.same(said, kept)


def test_a_pin_fits_only_itself_and_its_hash_tells_nothing() -> None:
    first, second = pin.hashed("0042"), pin.hashed("0042")
    assert first != second  # salted
    assert "0042" not in first.rpartition("$")[2][:4]
    assert [pin.same(said, first) for said in ("0042", "42", "00420", "0043")] == [
        True,
        False,
        False,
        False,
    ]
    for bad in ("", "123", "12345678901", "12a4", "١٢٣٤", " 1234", "-1234"):
        with pytest.raises(ValueError, match="digits"):
            pin.hashed(bad)
