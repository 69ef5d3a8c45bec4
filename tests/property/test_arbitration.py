"""Several boxes, clocks that differ, messages that are late, doubled, lost or out of order."""

import heapq
import json
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from appliance.mqtt import arbitration
from appliance.mqtt.arbitration import (
    Answered,
    Called,
    Claim,
    Connected,
    Effect,
    Event,
    Hello,
    Publish,
    State,
    Withdraw,
)
from appliance.units import Seconds

DECIDED = 0.25
"""Seconds from a box's own detection to its end, with messages of 0.1 s at most."""

GREETED = 1.0
"""True time after which all boxes know each other's clocks."""


@dataclass
class Air:
    """The broker and the true time; every box has a clock of its own."""

    delays: list[float]
    doubled: list[bool]
    boxes: list[State] = field(default_factory=list)
    clocks: list[float] = field(default_factory=list)
    effects: list[list[tuple[float, Effect]]] = field(default_factory=list)
    queue: list[tuple[float, int, int, Event]] = field(default_factory=list)
    sent: int = 0
    drawn: int = 0
    slow: bool = False

    def add(self, clock: float) -> None:
        name = f"box{len(self.boxes)}"
        self.boxes.append(State(name, f"run-{name}"))
        self.clocks.append(clock)
        self.effects.append([])

    def at(self, time: float, box: int, event: Event) -> None:
        self.sent += 1
        heapq.heappush(self.queue, (time, self.sent, box, event))

    def delay(self, message: Hello | Claim) -> float:
        self.drawn += 1
        drawn = self.delays[self.drawn % len(self.delays)]
        return drawn if isinstance(message, Claim) or not self.slow else min(drawn, 0.1)

    def run(self) -> None:
        while self.queue:
            now, _, box, event = heapq.heappop(self.queue)
            taken = arbitration.step(self.boxes[box], event, Seconds(now + self.clocks[box]))
            self.boxes[box] = taken.state
            for effect in taken.effects:
                self.effects[box].append((now, effect))
                if isinstance(effect, Publish):
                    self.spread(now, effect.message)

    def spread(self, now: float, message: Hello | Claim) -> None:
        again = arbitration.read(arbitration.write(message))
        assert again is not None
        for box in range(len(self.boxes)):
            self.at(now + self.delay(message), box, again)
            if self.doubled[self.drawn % len(self.doubled)]:
                self.at(now + self.delay(message), box, again)

    def answering(self, called: list[int], since: float = GREETED) -> list[int]:
        """Return who of those that heard the call has not withdrawn."""
        return [
            box
            for box in called
            if not any(
                isinstance(effect, Withdraw) and at >= since for at, effect in self.effects[box]
            )
        ]


clocks = st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=1, max_size=8)
scores = st.lists(st.floats(0.0, 1.0), min_size=8, max_size=8)
offsets = st.lists(st.floats(0.0, 0.1), min_size=8, max_size=8)
doubles = st.lists(st.booleans(), min_size=1, max_size=7)


def house(clock: list[float], delays: list[float], doubled: list[bool], *, slow: bool) -> Air:
    air = Air(delays, doubled, slow=slow)
    for each in clock:
        air.add(each)
    for box in range(len(clock)):
        air.at(box * 0.001, box, Connected())
    return air


def call(air: Air, when: float, spread: list[float], score: list[float]) -> None:
    for box in range(len(air.boxes)):
        called = Called(f"{when}-{box * 7919 % 13}-{box}", "alexa", score[box])
        air.at(when + spread[box], box, called)


@given(clocks, scores, offsets, st.lists(st.floats(0.0, 0.1), min_size=1, max_size=20), doubles)
def test_exactly_one_box_answers_and_it_is_decided_within_the_window(
    clock: list[float],
    score: list[float],
    spread: list[float],
    delays: list[float],
    doubled: list[bool],
) -> None:
    air = house(clock, delays, doubled, slow=False)
    call(air, 2.0, spread, score)
    air.run()
    everyone = list(range(len(clock)))
    assert len(air.answering(everyone)) == 1
    for box in everyone:
        for at, effect in air.effects[box]:
            if isinstance(effect, Withdraw):
                assert at - (2.0 + spread[box]) <= DECIDED + 1e-6


@given(clocks, scores, offsets, st.lists(st.floats(0.0, 9.0), min_size=1, max_size=20), doubles)
def test_somebody_answers_however_late_messages_are(
    clock: list[float],
    score: list[float],
    spread: list[float],
    delays: list[float],
    doubled: list[bool],
) -> None:
    air = house(clock, delays, doubled, slow=True)
    for when in (2.0, 6.0):
        call(air, when, spread, score)
    air.run()
    everyone = list(range(len(clock)))
    for begin, end in ((2.0, 5.9), (6.0, 1e9)):
        silent = [
            box
            for box in everyone
            if any(
                isinstance(effect, Withdraw) and begin <= at < end
                for at, effect in air.effects[box]
            )
        ]
        assert len(silent) < len(everyone)


@given(scores, st.floats(0.0, 0.2), doubles)
def test_two_that_claim_at_once_come_to_the_same_end_in_any_order(
    score: list[float], delay: float, doubled: list[bool]
) -> None:
    ends = set()
    for names in (("a", "b"), ("b", "a")):
        air = house([0.0, 500.0], [delay], doubled, slow=True)
        for box, name in enumerate(names):
            index = "ab".index(name)
            air.boxes[box] = State(name, f"run-{name}")
            air.at(2.0, box, Called(f"id-{name}", "alexa", score[index]))
        air.run()
        ends.add(names[air.answering([0, 1])[0]])
        assert len(air.answering([0, 1])) == 1
    assert len(ends) == 1


def test_a_box_alone_claims_and_is_never_silenced() -> None:
    state = State("box", "run")
    taken = arbitration.step(state, Called("1", "alexa", 0.9), Seconds(5.0))
    assert [type(effect) for effect in taken.effects] == [Publish]
    own = Claim("1", "box", "run", Seconds(5.0), "alexa", 0.9)
    assert arbitration.step(taken.state, own, Seconds(5.01)).effects == ()


def known(state: State, *boxes: str) -> State:
    for box in boxes:
        hello = Hello(box, f"run-{box}", Seconds(0.0))
        state = arbitration.step(state, hello, Seconds(0.0)).state
    return state


def claim(box: str, sent: float, *, score: float = 0.9, busy: bool = False) -> Claim:
    return Claim(f"id-{box}-{sent}", box, f"run-{box}", Seconds(sent), "alexa", score, busy=busy)


def test_the_first_to_detect_wins() -> None:
    state = known(State("late", "run"), "early")
    state = arbitration.step(state, claim("early", 10.0, score=0.1), Seconds(10.01)).state
    taken = arbitration.step(state, Called("1", "alexa", 1.0), Seconds(10.1))
    assert taken.effects == (Withdraw("early"),)


def test_a_second_call_later_is_our_own() -> None:
    state = known(State("box", "run"), "other")
    state = arbitration.step(state, claim("other", 10.0), Seconds(10.0)).state
    taken = arbitration.step(state, Called("1", "alexa", 0.5), Seconds(10.8))
    assert [type(effect) for effect in taken.effects] == [Publish]


def test_the_box_that_is_talked_with_goes_on() -> None:
    state = known(State("talking", "run"), "other")
    state = arbitration.step(state, claim("other", 10.0, score=1.0), Seconds(10.0)).state
    taken = arbitration.step(state, Called("1", "alexa", 0.3, busy=True), Seconds(10.05))
    assert [type(effect) for effect in taken.effects] == [Publish]


def test_nothing_is_withdrawn_once_the_answer_has_begun() -> None:
    state = known(State("box", "run"), "other")
    state = arbitration.step(state, Called("1", "alexa", 0.1), Seconds(10.0)).state
    state = arbitration.step(state, Answered(), Seconds(10.05)).state
    assert arbitration.step(state, claim("other", 10.0), Seconds(10.1)).effects == ()


def test_a_claim_of_nobody_known_silences_nobody() -> None:
    state = arbitration.step(State("box", "run"), claim("new", 10.0), Seconds(10.0)).state
    taken = arbitration.step(state, Called("1", "alexa", 0.5), Seconds(10.1))
    assert [type(effect) for effect in taken.effects] == [Publish]


def test_a_sender_that_claims_without_end_is_ignored() -> None:
    state = known(State("box", "run"), "mad")
    now = 10.0
    for _ in range(20):
        state = arbitration.step(state, claim("mad", now), Seconds(now)).state
        now += 0.2
    taken = arbitration.step(state, Called("1", "alexa", 0.5), Seconds(now))
    assert [type(effect) for effect in taken.effects] == [Publish]


def test_a_restarted_box_begins_a_new_clock() -> None:
    state = known(State("box", "run"), "other")
    again = Hello("other", "second-run", Seconds(-900.0))
    state = arbitration.step(state, again, Seconds(10.0)).state
    fresh = Claim("x", "other", "second-run", Seconds(-890.0), "alexa", 0.9)
    state = arbitration.step(state, fresh, Seconds(20.0)).state
    taken = arbitration.step(state, Called("1", "alexa", 0.5), Seconds(20.1))
    assert taken.effects == (Withdraw("other"),)


@given(st.binary(max_size=2_000))
def test_any_bytes_can_be_read(payload: bytes) -> None:
    arbitration.read(payload)


@given(
    st.dictionaries(
        st.sampled_from(["type", "box", "run", "sent", "id", "word", "score", "busy"]),
        st.one_of(
            st.none(),
            st.booleans(),
            st.floats(),
            st.text(max_size=80),
            st.sampled_from(["claim", "hello", 1e308, 10**400]),
        ),
    )
)
def test_any_table_can_be_read_and_taken(table: dict[str, object]) -> None:
    message = arbitration.read(json.dumps(table).encode())
    if message is not None:
        arbitration.step(State("me", "run"), message, Seconds(1.0))
