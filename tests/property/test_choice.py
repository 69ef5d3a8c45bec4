"""Hypothesis plays the weather of the network."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from appliance.backend import choice as choosing
from appliance.backend.choice import FIRST_WAIT, LONGEST_WAIT, Choice
from appliance.units import Seconds

NAMES = ("a", "b", "c")
ANY = st.sampled_from(NAMES)


class Weather(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.choice = Choice(NAMES)
        self.now = 0.0
        self.waits: dict[str, float] = {}

    @initialize(
        order=st.permutations(NAMES).flatmap(lambda p: st.integers(1, 3).map(lambda n: p[:n])),
        cloud=st.sets(ANY),
    )
    def set_up(self, order: list[str], cloud: set[str]) -> None:
        self.choice = Choice(tuple(order), frozenset(cloud))

    @rule(name=ANY, jitter=st.floats(0.0, 1.0), passed=st.floats(0.0, 100.0))
    def loses(self, name: str, jitter: float, passed: float) -> None:
        self.now += passed
        now = Seconds(self.now)
        self.choice = choosing.lost(self.choice, name, "gone", fatal=False, now=now, jitter=jitter)
        standing = self.choice.standing(name)
        wait = standing.retry_at - now
        assert FIRST_WAIT - 1e-6 <= wait <= LONGEST_WAIT + 1e-6
        assert wait >= self.waits.get(name, 0.0) - 1e-6
        self.waits[name] = wait

    @rule(name=ANY)
    def refuses(self, name: str) -> None:
        now = Seconds(self.now)
        self.choice = choosing.lost(self.choice, name, "no", fatal=True, now=now, jitter=0.0)

    @rule(name=ANY)
    def works(self, name: str) -> None:
        self.choice = choosing.worked(self.choice, name)
        self.waits.pop(name, None)

    @rule()
    def is_tried(self) -> None:
        due = choosing.probe_due(self.choice)
        if due is not None:
            self.choice = choosing.recovered(self.choice, due[0])
            assert choosing.serve(self.choice) == due[0] or any(
                choosing.obstacle(self.choice, name) is None
                for name in self.choice.ranked[: self.choice.ranked.index(due[0])]
            )

    @rule(private=st.booleans())
    def privacy(self, private: bool) -> None:  # noqa: FBT001
        self.choice = choosing.with_private(self.choice, private=private)

    @rule(broke=st.booleans())
    def money(self, broke: bool) -> None:  # noqa: FBT001
        self.choice = choosing.with_budget(self.choice, broke=broke)

    @rule(name=st.none() | ANY)
    def chooses(self, name: str | None) -> None:
        self.choice = choosing.with_preferred(self.choice, name)
        assert self.choice.preferred in (None, *self.choice.order)
        assert self.choice.preferred == (name if name in self.choice.order else None)

    @rule()
    def configures(self) -> None:
        self.choice = choosing.configured(self.choice)
        self.waits.clear()

    @invariant()
    def who_serves_may(self) -> None:
        name = choosing.serve(self.choice)
        barred = self.choice.private or self.choice.broke
        if name is not None:
            assert self.choice.standing(name).held is None
            assert not (barred and name in self.choice.cloud)

    @invariant()
    def somebody_serves_who_may(self) -> None:
        may = [
            name
            for name in self.choice.order
            if choosing.may_serve(self.choice, name) and self.choice.standing(name).held is None
        ]
        assert (choosing.serve(self.choice) is None) == (not may)

    @invariant()
    def nobody_better_is_well(self) -> None:
        serving = choosing.serve(self.choice)
        if serving is not None:
            better = self.choice.ranked[: self.choice.ranked.index(serving)]
            assert all(choosing.obstacle(self.choice, name) is not None for name in better)

    @invariant()
    def who_was_chosen_serves_if_it_may_and_can_and_else_the_order_holds(self) -> None:
        chosen = self.choice.preferred
        serving = choosing.serve(self.choice)
        if chosen is not None and choosing.obstacle(self.choice, chosen) is None:
            assert serving == chosen
        elif serving != chosen:
            assert serving == choosing.serve(choosing.with_preferred(self.choice, None))

    @invariant()
    def the_order_is_whole_whoever_was_chosen(self) -> None:
        assert sorted(self.choice.ranked) == sorted(self.choice.order)
        others = [name for name in self.choice.ranked if name != self.choice.preferred]
        assert others == [name for name in self.choice.order if name != self.choice.preferred]

    @invariant()
    def whoever_would_serve_if_it_were_back_is_tried(self) -> None:
        due = choosing.probe_due(self.choice)
        serving = choosing.serve(self.choice)
        for name in self.choice.order:
            back = choosing.serve(choosing.recovered(self.choice, name))
            if self.choice.standing(name).out is not None and back == name != serving:
                assert due is not None
                assert due[1] <= self.choice.standing(name).retry_at

    @invariant()
    def who_is_tried_is_out_and_may_serve(self) -> None:
        due = choosing.probe_due(self.choice)
        if due is not None:
            assert self.choice.standing(due[0]).out is not None
            assert self.choice.standing(due[0]).held is None
            assert choosing.may_serve(self.choice, due[0])


TestWeather = Weather.TestCase
