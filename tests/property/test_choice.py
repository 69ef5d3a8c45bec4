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
                for name in self.choice.order[: self.choice.order.index(due[0])]
            )

    @rule(private=st.booleans())
    def privacy(self, private: bool) -> None:  # noqa: FBT001
        self.choice = choosing.with_private(self.choice, private=private)

    @rule(broke=st.booleans())
    def money(self, broke: bool) -> None:  # noqa: FBT001
        self.choice = choosing.with_budget(self.choice, broke=broke)

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
            better = self.choice.order[: self.choice.order.index(serving)]
            assert all(choosing.obstacle(self.choice, name) is not None for name in better)

    @invariant()
    def who_is_tried_is_out_and_may_serve(self) -> None:
        due = choosing.probe_due(self.choice)
        if due is not None:
            assert self.choice.standing(due[0]).out is not None
            assert self.choice.standing(due[0]).held is None
            assert choosing.may_serve(self.choice, due[0])


TestWeather = Weather.TestCase
