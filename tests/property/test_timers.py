"""Timers under any sequence of events, clock jumps and restarts."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from appliance.tools.timers import clock, machine, saved
from appliance.tools.timers.model import (
    LATE,
    Add,
    After,
    At,
    Cancel,
    Event,
    Happened,
    Kind,
    Limits,
    Now,
    Pause,
    Phase,
    Resume,
    Snooze,
    Start,
    State,
    Step,
    Stop,
    Tick,
    What,
    Wish,
    cleaned,
)

BERLIN = ZoneInfo("Europe/Berlin")
LIMITS = Limits(most=8)
NOON = datetime(2026, 6, 1, 12, tzinfo=BERLIN).timestamp()
YEAR = 365 * 86_400.0
TIMER = Wish(Kind.TIMER, After(600.0), "pasta")


@dataclass
class World:
    """True time, a machine in it, and a box that keeps timers."""

    true: float = NOON
    mono: float = 100.0
    error: float = 0.0
    """Of the wall clock."""

    sure: bool = True
    boots: int = 1
    state: State = field(default_factory=State)
    log: list[tuple[float, Happened]] = field(default_factory=list)
    """What happened, and when."""

    def now(self) -> Now:
        return Now(self.mono, self.true + self.error, f"boot{self.boots}", BERLIN, self.sure)

    def do(self, event: Event) -> Step:
        taken = machine.step(self.state, event, self.now(), LIMITS)
        self.state = taken.state
        self.log += [(self.true, one) for one in taken.happened]
        return taken

    def wait(self, seconds: float) -> tuple[Happened, ...]:
        """Let time pass as the keeper does: with a tick whenever one is wanted."""
        happened: list[Happened] = []
        until = self.true + seconds
        while True:
            wanted = machine.deadline(self.state, self.now(), look=20_000.0)
            left = until - self.true
            if wanted is None or wanted > left:
                self.pass_by(left)
                return tuple(happened)
            self.pass_by(max(wanted, 1e-3))
            happened += self.do(Tick()).happened

    def pass_by(self, seconds: float) -> None:
        self.true += seconds
        self.mono += seconds

    def read(self) -> tuple[Happened, ...]:
        """Start the program anew."""
        state, problem = saved.unpacked(saved.packed(self.state))
        assert problem == ""
        self.state = machine.restored(state, self.now())
        return self.do(Tick()).happened

    def power_off(self, seconds: float, *, error: float = 0.0, sure: bool = True) -> None:
        """Pull the plug for so long; the clock is this wrong afterwards."""
        self.true += seconds
        self.mono = 7.0
        self.boots += 1
        self.error, self.sure = error, sure


def what(happened: tuple[Happened, ...]) -> list[What]:
    return [one.what for one in happened]


def alarm(hour: int, minute: int = 0, *days: int) -> Wish:
    return Wish(Kind.ALARM, At(hour, minute, days=frozenset(days)))


# ------------------------------------------------------------------------------ any sequence

MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("start"), st.floats(1.0, 86_400.0)),
        st.tuples(st.just("wait"), st.floats(0.1, 40_000.0)),
        st.tuples(st.just("jump"), st.sampled_from([-YEAR, -3_600.0, -5.0, 5.0, 3_600.0, YEAR])),
        st.tuples(st.just("crash"), st.floats(0.0, 300.0)),
    ),
    max_size=12,
)


@given(moves=MOVES, sure=st.booleans())
def test_a_timer_rings_once_and_on_time_whatever_the_wall_clock_does(
    *, moves: list[tuple[str, float]], sure: bool
) -> None:
    world = World(sure=sure)
    wanted: dict[str, float] = {}
    for move, much in moves:
        if move == "start":
            if not world.do(Start(Wish(Kind.TIMER, After(much)))).problem:
                wanted[str(world.state.last)] = world.true + much
        elif move == "wait":
            world.wait(much)
        elif move == "jump":
            world.error += much
        else:
            world.pass_by(much)
            world.read()
    rang: dict[str, float] = {}
    for when, one in world.log:
        if one.what is What.ENDED:
            assert one.item.id not in rang
            rang[one.item.id] = when
        assert one.what is not What.MISSED or one.item.id in rang
    for ident, due in wanted.items():
        if ident in rang:
            assert due - 1e-6 <= rang[ident] <= due + 300.1
        else:
            assert due > world.true - 300.1


@given(st.floats(1.0, 86_400.0), st.floats(0.0, 1.0), st.floats(0.0, 200_000.0))
def test_after_a_loss_of_power_a_sure_clock_takes_off_just_what_was_lost(
    length: float, part: float, off: float
) -> None:
    world = World()
    world.do(Start(Wish(Kind.TIMER, After(length))))
    due = world.true + length
    ran = min(part * length, length - 1e-3)
    world.wait(ran)
    world.do(Tick())
    world.power_off(off)
    first = world.read()
    late = world.true - due
    if late > LATE + 1e-3:
        assert what(first) == [What.MISSED]
        assert [one.name for one in world.state.missed] == [""]
    elif late > 1e-3:
        assert what(first) == [What.ENDED]
    elif late < -1.0:
        (item,) = world.state.items
        left = machine.remaining(item, world.state, world.now())
        assert left is not None
        assert abs(left - (due - world.true)) < 1e-3


@given(
    st.floats(10.0, 3_000.0),
    st.sampled_from([-YEAR, -40_000.0, YEAR, 10 * YEAR]),
    st.floats(0.0, 5_000.0),
)
def test_a_clock_that_is_wrong_after_a_loss_of_power_rings_nothing_early_and_loses_nothing(
    length: float, error: float, off: float
) -> None:
    world = World()
    world.do(Start(Wish(Kind.TIMER, After(length))))
    world.do(Start(alarm(19)))
    due = world.true + length
    world.power_off(off, error=error, sure=False)
    assert world.read() == ()
    assert len(world.state.items) == 2
    for one in world.wait(min(5.0, length / 2)):  # until the network tells the time
        assert one.what is What.ENDED
        assert world.true >= due - 1e-3
    world.error, world.sure = 0.0, True
    happened = world.do(Tick()).happened
    late = world.true - due
    timers = [one.what for one in happened if one.item.wish.kind is Kind.TIMER]
    if late > LATE + 1e-3:
        assert timers == [What.MISSED]
    elif late > 1e-3:
        assert timers in ([What.ENDED], [])
    else:
        rest = world.wait(-late + 1.0)
        assert What.ENDED in what(rest)
    assert [item.id for item in world.state.items if item.wish.kind is Kind.ALARM] == ["2"]
    until = datetime(2026, 6, 1, 19, tzinfo=BERLIN).timestamp() - world.true
    assert ("2", What.ENDED) in [(one.item.id, one.what) for one in world.wait(until + 1.0)]


@given(
    st.lists(st.sampled_from([-YEAR, -7_200.0, -60.0, 60.0, 7_200.0]), max_size=4),
    st.integers(0, 23),
    st.integers(0, 59),
)
def test_an_unset_clock_that_is_moved_far_away_moves_no_alarm(
    jumps: list[float], hour: int, minute: int
) -> None:
    world = World(sure=True)
    world.do(Start(alarm(hour, minute)))
    world.sure = False
    rings = 0
    for jump in jumps:
        if abs(jump) > 86_400:
            world.error += jump
            for one in world.wait(1_000.0):
                if one.what is What.ENDED:
                    rings += 1
                    when = datetime.fromtimestamp(world.true, BERLIN)
                    assert (when.hour, when.minute) == (hour, minute) or rings
    world.wait(2 * 86_400.0)
    assert world.state.items == ()


@given(st.integers(0, 23), st.integers(0, 59), st.dates(date(2026, 1, 1), date(2027, 12, 31)))
def test_an_alarm_comes_at_its_local_time_on_any_day_of_the_year(
    hour: int, minute: int, day: date
) -> None:
    start = datetime(day.year, day.month, day.day, 12, tzinfo=BERLIN).timestamp()
    world = World(true=start)
    world.do(Start(alarm(hour, minute)))
    (item,) = world.state.items
    left = machine.remaining(item, world.state, world.now())
    assert left is not None
    assert 0 < left <= 86_400 + 3_600
    when = datetime.fromtimestamp(start + left, BERLIN)
    skipped = (hour, when.hour) == (2, 3)
    assert (when.hour, when.minute) == (hour, minute) or skipped
    assert world.state.items[0].on == when.date()


@given(
    st.frozensets(st.integers(0, 6), min_size=1),
    st.dates(date(2026, 1, 1), date(2026, 12, 31)),
)
def test_one_that_repeats_rings_once_on_each_of_its_days(days: frozenset[int], day: date) -> None:
    start = datetime(day.year, day.month, day.day, 12, tzinfo=BERLIN).timestamp()
    world = World(true=start)
    world.do(Start(alarm(2, 30, *days)))
    world.wait(9 * 86_400.0)
    rang = [
        datetime.fromtimestamp(when, BERLIN).date()
        for when, one in world.log
        if one.what is What.ENDED
    ]
    assert len(rang) == len(set(rang))
    first = datetime.fromtimestamp(start, BERLIN).date() + timedelta(days=1)
    expected = [first + timedelta(days=n) for n in range(8)]
    due = [one for one in expected if one.weekday() in days]
    assert [one for one in rang if one in expected] == due


EVENTS = st.one_of(
    st.builds(Start, st.builds(Wish, st.sampled_from(Kind), st.builds(After, st.floats(-5, 1e6)))),
    st.builds(
        Start,
        st.builds(
            Wish,
            st.sampled_from(Kind),
            st.builds(
                At,
                st.integers(0, 23),
                st.integers(0, 59),
                st.none() | st.dates(date(2026, 5, 30), date(2027, 8, 1)),
                st.frozensets(st.integers(0, 6)),
            ),
        ),
    ),
    st.builds(Cancel, st.sampled_from("12345")),
    st.builds(Pause, st.sampled_from("12345")),
    st.builds(Resume, st.sampled_from("12345")),
    st.builds(Add, st.sampled_from("12345"), st.floats(-4_000, 4_000)),
    st.builds(Snooze, st.none() | st.floats(0, 9_000), st.none() | st.sampled_from("12345")),
    st.builds(Stop, st.none() | st.sampled_from("12345")),
    st.just(Tick()),
)


@given(
    moves=st.lists(
        st.tuples(EVENTS, st.floats(0, 4_000), st.sampled_from([0.0, 0.0, -YEAR, 9_000.0])),
        max_size=25,
    ),
    sure=st.booleans(),
)
def test_the_machine_takes_anything_and_its_memory_is_whole(
    *, moves: list[tuple[Event, float, float]], sure: bool
) -> None:
    world = World(sure=sure)
    for event, seconds, jump in moves:
        world.error += jump
        world.do(event)
        assert len(world.state.items) <= LIMITS.most
        assert len({item.id for item in world.state.items}) == len(world.state.items)
        assert saved.unpacked(saved.packed(world.state)) == (world.state, "")
        wanted = machine.deadline(world.state, world.now())
        assert wanted is None or 0 <= wanted <= machine.LOOK
        world.pass_by(seconds)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_file_gives_a_memory(data: bytes) -> None:
    state, problem = saved.unpacked(data)
    assert state == State()
    assert problem


@given(st.text(max_size=400))
def test_a_name_is_one_short_line(text: str) -> None:
    name = cleaned(text)
    assert len(name) <= 40
    assert name.isprintable()
    assert cleaned(name) == name


# ---------------------------------------------------------------------------- single claims


def test_a_skipped_hour_comes_later_and_a_doubled_hour_comes_once() -> None:
    spring, autumn = date(2026, 3, 29), date(2026, 10, 25)
    late = datetime.fromtimestamp(clock.due(At(2, 30), spring, BERLIN), UTC)
    assert late == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 3:30 there
    once = datetime.fromtimestamp(clock.due(At(2, 30), autumn, BERLIN), UTC)
    assert once == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_snooze_stop_and_a_ring_that_nobody_hears() -> None:
    world = World()
    world.do(Start(TIMER))
    assert what(world.wait(600.1)) == [What.ENDED]
    assert what(world.do(Snooze(60.0)).happened) == [What.SNOOZED]
    assert what(world.wait(59.9)) == []
    assert what(world.wait(0.2)) == [What.ENDED]
    assert what(world.wait(300.0)) == [What.MISSED]
    assert world.do(Stop()).problem == "silent"


def test_several_ring_at_once_and_stop_together() -> None:
    world = World()
    for _ in range(3):
        world.do(Start(TIMER))
    world.wait(600.1)
    assert len(machine.ringing(world.state)) == 3
    assert what(world.do(Stop()).happened) == [What.STOPPED] * 3
    assert world.state.items == ()


def test_a_timer_that_is_held_does_not_run() -> None:
    world = World()
    world.do(Start(TIMER))
    world.wait(100.0)
    world.do(Pause("1"))
    assert world.wait(10_000.0) == ()
    world.power_off(3_000.0)
    assert world.read() == ()
    world.do(Resume("1"))
    assert world.wait(499.0) == ()
    assert what(world.wait(1.1)) == [What.ENDED]


def test_more_than_the_settings_allow_are_refused() -> None:
    world = World()
    problems = [world.do(Start(TIMER)).problem for _ in range(10)]
    assert problems == [""] * 8 + ["full"] * 2


def test_an_action_that_was_missed_is_told_and_not_done() -> None:
    world = World()
    world.do(Start(Wish(Kind.ACTION, After(60.0), call={"tool": "x"})))
    world.power_off(2_000.0)
    assert what(world.read()) == [What.MISSED]
    assert [one.kind for one in world.state.missed] == [Kind.ACTION]


def test_an_alarm_set_by_a_clock_a_year_back_rings_at_its_time_today() -> None:
    world = World(error=-YEAR, sure=False)
    world.do(Start(alarm(19)))
    world.wait(60.0)
    world.error, world.sure = 0.0, True
    assert world.do(Tick()).happened == ()
    assert what(world.wait(7 * 3_600.0))[:1] == [What.ENDED]
    assert datetime.fromtimestamp(world.true, BERLIN).hour == 19


def test_a_daily_alarm_goes_on_after_the_clock_went_back_a_year() -> None:
    world = World(error=YEAR)
    world.do(Start(alarm(19, 0, *range(7))))
    world.wait(86_400.0)
    world.error = 0.0
    rings = [one for one in world.wait(86_400.0 * 2) if one.what is What.ENDED]
    assert len(rings) == 2


def test_a_clock_set_back_five_minutes_does_not_ring_again() -> None:
    world = World(true=NOON - 60.0)
    world.do(Start(alarm(12, 0, *range(7))))
    assert What.ENDED in what(world.wait(61.0))
    world.do(Stop())
    world.error = -300.0
    world.do(Tick())  # the keeper looks twice a minute
    assert What.ENDED not in what(world.wait(3_600.0))


def test_nobody_knows_the_time_and_no_alarm_is_set_by_it() -> None:
    world = World()
    world.do(Start(alarm(19)))
    world.power_off(10.0, error=-YEAR, sure=False)
    world.read()
    assert world.do(Start(alarm(20))).problem == "clock"
    (item,) = world.state.items
    assert machine.remaining(item, world.state, world.now()) is None
    assert replace(item, phase=Phase.RUNNING) == item
