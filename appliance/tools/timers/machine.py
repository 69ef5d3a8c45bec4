"""The life of timers: a pure machine.

Theory of operation
===================

``step`` takes the state, one event and the moment; ``deadline`` says when to bring a ``Tick``. A
timer, a snooze and the ringing count on the clock that never jumps (``Item.ends``); alarms come by
the wall clock (``Item.on`` and the time of day), as far as that is believed (``clock``).

        start            time is over              stop, or it rang long enough
    ------------> running -----------> ringing ------------------------------> gone, or running
                   | ^                  |   ^                                  again (repeated)
             pause | | resume    snooze |   | time is over
                  paused              snoozed

When the machine was started anew (``restored``), a timer has what it had left when it was last
seen, less the time the machine was off. That time is known if the same clock tells both ends of
it; if it is not yet known, nothing is taken off until a sure clock says (``Gap``): rather late
than early. What is then found to be over for long was missed: told once, it rings no more.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import assert_never

from appliance.tools.timers import clock
from appliance.tools.timers.model import (
    LATE,
    LONGEST,
    SHORTEST,
    Add,
    After,
    At,
    Cancel,
    Event,
    Gap,
    Happened,
    Item,
    Kind,
    Limits,
    Missed,
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
    Told,
    What,
)

LOOK = 30.0
"""Seconds. Wall clocks jump and machines sleep without a word, so now and then one must look."""


def deadline(state: State, now: Now, *, look: float = LOOK) -> float | None:
    """Return the seconds until a ``Tick`` is wanted; ``None``: nothing waits for anything.

    Args:
        state: Where the machine is.
        now: The moment.
        look: The longest time for which nobody looks at the clocks.
    """
    if not state.items:
        return None
    believed = clock.wall(state, now)
    left = [look]
    for item in state.items:
        if item.counts:
            left.append(item.ends - now.mono)
        elif item.phase is Phase.RUNNING and believed is not None:
            left.append(_due(item, now) - believed)
    return max(0.0, min(left))


def ringing(state: State) -> tuple[Item, ...]:
    """Return what rings now."""
    return tuple(item for item in state.items if item.phase is Phase.RINGING)


def remaining(item: Item, state: State, now: Now) -> float | None:
    """Return the seconds until an item's time comes; ``None``: nobody knows what time it is."""
    if item.phase is Phase.PAUSED:
        return item.left
    if item.phase is Phase.RINGING:
        return 0.0
    if item.counts:
        return max(0.0, item.ends - now.mono)
    believed = clock.wall(state, now)
    return None if believed is None else max(0.0, _due(item, now) - believed)


def restored(state: State, now: Now) -> State:
    """Return what was saved as it is to go on now."""
    if state.boot == now.boot and state.mono <= now.mono:
        return state
    known = state.known
    alive = None  # when it was last seen, on the wall
    if known is not None and known.boot == state.boot:
        alive = known.wall + (state.mono - known.mono)
    believed = clock.wall(state, now)
    off, gap = 0.0, None
    if alive is not None and known is not None:
        if known.sure == now.sure and believed is not None:
            off = believed - alive
            off = off if off >= 0.0 and (now.sure or off <= clock.AHEAD) else 0.0
        elif known.sure:
            gap = Gap(alive, now.mono)
    items = tuple(
        replace(item, ends=now.mono + item.ends - state.mono - off, restored=gap is not None)
        if item.counts
        else item
        for item in state.items
    )
    return replace(state, items=items, boot=now.boot, mono=now.mono, gap=gap)


def step(state: State, event: Event, now: Now, limits: Limits) -> Step:
    """Take one event, and whatever is over by now.

    Args:
        state: As ``restored`` or the step before left it.
        event: What happened.
        now: When.
        limits: What the settings say.
    """
    passed = _pass(state, now, limits)
    taken = _take(passed.state, event, now, limits)
    return Step(taken.state, (*passed.happened, *taken.happened), taken.problem)


def _take(state: State, event: Event, now: Now, limits: Limits) -> Step:
    match event:
        case Tick():
            return Step(state)
        case Told(ids=ids):
            left = tuple(one for one in state.missed if one.id not in ids)
            return Step(replace(state, missed=left))
        case Start():
            return _start(state, event, now, limits)
        case Snooze() | Stop():
            return _hush(state, event, now, limits)
        case Cancel() | Pause() | Resume() | Add():
            item = next((one for one in state.items if one.id == event.id), None)
            if item is None:
                return Step(state, problem="unknown")
            return _change(state, item, event, now)
        case _:
            assert_never(event)


def _start(state: State, event: Start, now: Now, limits: Limits) -> Step:
    if len(state.items) >= limits.most:
        return Step(state, problem="full")
    item = Item(str(state.last + 1), event.wish)
    match event.wish.when:
        case After(seconds=seconds):
            if not SHORTEST <= seconds <= LONGEST:
                return Step(state, problem="length")
            item = replace(item, ends=now.mono + seconds)
        case At() as at:
            believed = clock.wall(state, now)
            if believed is None:
                return Step(state, problem="clock")
            day = clock.first_day(at, believed, now.zone)
            if day is None:
                return Step(state, problem="past")
            sure = now.sure or (state.known is not None and state.known.sure)
            loose = not sure and at.day is None and not at.days
            item = replace(item, on=day, loose=loose)
        case when:
            assert_never(when)
    started = replace(state, items=(*state.items, item), last=state.last + 1)
    return Step(clock.seen(started, now), (Happened(What.STARTED, item),))


def _change(state: State, item: Item, event: Cancel | Pause | Resume | Add, now: Now) -> Step:
    if isinstance(event, Cancel):
        return _without(state, item, What.CANCELLED)
    if not isinstance(item.wish.when, After) or item.phase is Phase.SNOOZED:
        return Step(state, problem="unfit")
    left = item.left if item.phase is Phase.PAUSED else max(0.0, item.ends - now.mono)
    match event:
        case Pause() if item.phase is Phase.RUNNING:
            changed = replace(item, phase=Phase.PAUSED, left=left, restored=False)
            return _with(state, changed, What.PAUSED)
        case Resume() if item.phase is Phase.PAUSED:
            changed = replace(item, phase=Phase.RUNNING, ends=now.mono + left)
            return _with(state, changed, What.RESUMED)
        case Add(seconds=seconds):
            return _add(state, item, left, seconds, now)
        case _:
            return Step(state, problem="unfit")


def _add(state: State, item: Item, left: float, seconds: float, now: Now) -> Step:
    whole = seconds + (0.0 if item.phase is Phase.RINGING else left)
    if not SHORTEST <= whole <= LONGEST:
        return Step(state, problem="length")
    if item.phase is Phase.PAUSED:
        return _with(state, replace(item, left=whole), What.CHANGED)
    phase, ends = Phase.RUNNING, now.mono + whole
    return _with(state, replace(item, phase=phase, ends=ends, restored=False), What.CHANGED)


def _hush(state: State, event: Snooze | Stop, now: Now, limits: Limits) -> Step:
    """Snooze or stop what rings."""
    wanted = [item for item in ringing(state) if event.id in (None, item.id)]
    if isinstance(event, Stop) and event.id is not None and not wanted:
        wanted = [i for i in state.items if i.id == event.id and i.phase is Phase.SNOOZED]
    if not wanted:
        return Step(state, problem="silent")
    seconds = None
    if isinstance(event, Snooze):
        seconds = limits.snooze if event.seconds is None else event.seconds
        if not SHORTEST <= seconds <= LONGEST:
            return Step(state, problem="length")
    taken = Step(state)
    for item in wanted:
        if seconds is None:
            one = _over(taken.state, item, What.STOPPED, now)
        else:
            later = replace(item, phase=Phase.SNOOZED, ends=now.mono + seconds, restored=False)
            one = _with(taken.state, later, What.SNOOZED)
        taken = Step(one.state, (*taken.happened, *one.happened))
    return taken


def _pass(state: State, now: Now, limits: Limits) -> Step:
    """Let time pass: see what is over."""
    state = clock.seen(_settled(_aligned(state, now), now), now)
    taken = Step(state)
    for item in state.items:
        one = _PASSING[item.phase](taken.state, item, now, limits)
        taken = Step(one.state, (*taken.happened, *one.happened))
    return taken


def _settled(state: State, now: Now) -> State:
    """Take off what a sure clock says the machine was off."""
    if state.gap is None or not now.sure:
        return state
    off = max(0.0, now.wall - state.gap.wall - (now.mono - state.gap.mono))
    items = tuple(
        replace(item, ends=item.ends - (off if item.counts else 0.0), restored=False)
        if item.restored
        else item
        for item in state.items
    )
    return replace(state, items=items, gap=None)


def _aligned(state: State, now: Now) -> State:
    """Let alarms follow a wall clock that has jumped."""
    believed = clock.wall(state, now)
    if believed is None:
        return state
    items = tuple(_align(item, believed, now) for item in state.items)
    return state if items == state.items else replace(state, items=items)


def _align(item: Item, believed: float, now: Now) -> Item:
    at = item.wish.when
    if not isinstance(at, At) or item.on is None:
        return item
    if item.loose and now.sure:
        return replace(item, on=clock.next_day(at, believed - LATE, now.zone), loose=False)
    if at.days and (day := clock.again(at, believed, item.rang, now.zone)) < item.on:
        return replace(item, on=day)
    return item


def _run(state: State, item: Item, now: Now, limits: Limits) -> Step:
    if item.counts:
        known = clock.wall(state, now)
        late = now.mono - item.ends
        return _come(state, item, late, None if known is None else known - late, (now, limits))
    believed = clock.wall(state, now)
    if believed is None:
        return Step(state)
    when = _due(item, now)
    if believed < when:
        return Step(state)
    at = item.wish.when
    if isinstance(at, At) and at.days:
        day = clock.again(at, believed, when, now.zone)
        item = replace(item, rang=when, on=day)
    return _come(state, item, believed - when, when, (now, limits))


def _come(
    state: State, item: Item, late: float, when: float | None, moment: tuple[Now, Limits]
) -> Step:
    """Ring, or note that it was missed, if it is over."""
    now, limits = moment
    if late < 0:
        return Step(state)
    if late > LATE:
        wish = item.wish
        missed = Missed(item.id, wish.kind, wish.name, wish.text, when)
        state = replace(state, missed=(*state.missed, missed)[-limits.most :])
        return _over(state, item, What.MISSED, now)
    if item.wish.kind is Kind.ACTION:
        return _without(state, item, What.ENDED)
    rings = replace(item, phase=Phase.RINGING, ends=now.mono + limits.ring, restored=False)
    return _with(state, rings, What.ENDED)


def _ring(state: State, item: Item, now: Now, limits: Limits) -> Step:
    del limits
    return _over(state, item, What.MISSED, now) if now.mono >= item.ends else Step(state)


def _hold(state: State, item: Item, now: Now, limits: Limits) -> Step:
    del item, now, limits
    return Step(state)


_PASSING: Mapping[Phase, Callable[[State, Item, Now, Limits], Step]] = {
    Phase.RUNNING: _run,
    Phase.SNOOZED: _run,
    Phase.RINGING: _ring,
    Phase.PAUSED: _hold,
}


def _over(state: State, item: Item, what: What, now: Now) -> Step:
    """Take an item away, or let it come again."""
    at, believed = item.wish.when, clock.wall(state, now)
    if not isinstance(at, At) or not at.days:
        return _without(state, item, what)
    day = item.on if believed is None else clock.again(at, believed, item.rang, now.zone)
    return _with(state, replace(item, phase=Phase.RUNNING, on=day, restored=False), what)


def _with(state: State, item: Item, what: What) -> Step:
    items = tuple(item if one.id == item.id else one for one in state.items)
    return Step(replace(state, items=items), (Happened(what, item),))


def _without(state: State, item: Item, what: What) -> Step:
    items = tuple(one for one in state.items if one.id != item.id)
    return Step(replace(state, items=items), (Happened(what, item),))


def _due(item: Item, now: Now) -> float:
    at = item.wish.when
    if not isinstance(at, At) or item.on is None:  # never: every alarm has its day
        return float("inf")
    return clock.due(at, item.on, now.zone)
