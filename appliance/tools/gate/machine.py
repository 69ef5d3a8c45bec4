"""What it takes now before something is done: a pure machine. Time is an argument.

What it protects from:

- A model that is talked into something: by text in names, states, tool results, web pages, or by
  the television. It can ask for anything, as often as it likes, with any arguments: a guarded act
  needs the word of a person to a challenge of the box, and the model's calls cannot say that word.
- A model that says "yes" itself: words are taken from people (the recogniser on the device, the
  button, a phone, a terminal), never from text that a model wrote.
- Being asked until one says yes: only one challenge is open, only so many are opened in a minute.
- A confirmation that is used for something else: it belongs to the acts that were asked about. A
  grace, if the owner allows one, belongs to the same device and direction, and ends at once when
  text of strangers has come in between.
- Guessing the PIN: a try is counted *before* it is checked, so many at once are no way around; the
  lockout doubles each time, survives a restart (which makes it longer, never shorter), and ends
  only with time on a monotonic clock, so that setting the clock changes nothing.
- A late word: after its time a challenge is void, and a word to it does nothing.

What it does not protect from:

- Whoever can write to the broker or has an account on this machine: he needs no voice box. Topics
  and passwords of the broker are the fence there (docs/gate.md).
- Somebody in the room, or a voice through the window or from the television, who says the wake
  word, the request and "yes": a voice is no key. That is why unlocking takes a PIN.
- A PIN that others overhear. A phone or the button says "yes" without being heard.
- Rules with which the owner lowers what something takes: they are obeyed, but for a conversation
  that strangers' text has touched.

Every way through a function that is not plainly allowed ends in a refusal.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from appliance.catalogue import Risk
from appliance.units import Seconds

MINUTE = Seconds(60.0)
"""The window of the rate limits."""

LONGEST_LOCKOUT = Seconds(86_400.0)
"""However often somebody has guessed."""

CHECKING = Seconds(10.0)
"""How long the check of a PIN may take on a busy board."""

Key = tuple[str, str, str]
"""Of an act: device, what is changed, direction."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The owner's settings (``config.house.Gate``)."""

    challenge: Seconds = Seconds(20.0)
    grace: Seconds = Seconds(0.0)
    taint: Seconds = Seconds(900.0)
    tries: int = 3
    lockout: Seconds = Seconds(300.0)
    most_calls: int = 60
    most_guarded: int = 6


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call that has been judged."""

    id: str
    """For its challenge, if there is to be one; never used before."""

    risk: Risk
    keys: frozenset[Key] = frozenset()
    """Of all its guarded acts; empty: no grace."""

    lowered: bool = False
    """It is ``free`` only because the owner said so."""


@dataclass(frozen=True, slots=True)
class Open:
    """A challenge that waits for a person."""

    wanted: Wanted
    pin: bool
    until: Seconds
    checking: bool = False
    """A PIN was said and is being checked; no other word is taken."""


@dataclass(frozen=True, slots=True)
class State:
    """All that the gate remembers."""

    now: Seconds = Seconds(0.0)
    """The latest time it was told; never goes back."""

    calls: tuple[Seconds, ...] = ()
    guarded: tuple[Seconds, ...] = ()
    open: Open | None = None
    graces: Mapping[Key, Seconds] | None = None
    """Until when."""

    tainted_until: Seconds = Seconds(-math.inf)
    wrong: int = 0
    """Tries of a PIN since the latest right one or lockout, those being checked included."""

    lockouts: int = 0
    """Since the latest right PIN."""

    locked_until: Seconds = Seconds(-math.inf)


@dataclass(frozen=True, slots=True)
class Passed:
    """Do it."""

    why: str
    """``free``, ``grace``, ``confirmed`` or ``pin``."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Ask a person first."""

    open: Open


@dataclass(frozen=True, slots=True)
class Check:
    """Check the PIN that was said, then tell ``checked``."""

    open: Open


@dataclass(frozen=True, slots=True)
class Refused:
    """Do not do it."""

    why: str
    """A key of the phrases: ``never``, ``too_many``, ``too_many_guarded``, ``asking``, ``no_pin``,
    ``pin_locked``, ``pin_missing``, ``wrong_pin``, ``denied``, ``over``."""


Judged = Passed | Asked | Refused


def admit(state: State, limits: Limits, now: Seconds) -> tuple[State, bool]:
    """Count a call, whatever it wants; ``False``: there were too many in the last minute."""
    state = _at(state, now)
    if len(state.calls) >= limits.most_calls:
        return state, False
    return replace(state, calls=(*state.calls, state.now)), True


def judge(
    state: State, limits: Limits, wanted: Wanted, now: Seconds, *, has_pin: bool
) -> tuple[State, Judged]:
    """Say what a call takes now.

    Args:
        state: What was before.
        limits: The owner's.
        wanted: The call.
        now: Monotonic time.
        has_pin: Whether the owner has set a PIN.
    """
    state = _at(state, now)
    risk = wanted.risk
    tainted = state.now < state.tainted_until
    if risk is Risk.FREE and wanted.lowered and tainted:
        risk = Risk.CONFIRM
    if risk is Risk.FREE:
        return state, Passed("free")
    if risk is Risk.CONFIRM or risk is Risk.PIN:
        if not tainted and wanted.keys and wanted.keys <= (state.graces or {}).keys():
            return state, Passed("grace")
        return _challenge(state, limits, wanted, pin=risk is Risk.PIN, has_pin=has_pin)
    return state, Refused("never")


def _challenge(
    state: State, limits: Limits, wanted: Wanted, *, pin: bool, has_pin: bool
) -> tuple[State, Judged]:
    if pin and not has_pin:
        return state, Refused("no_pin")
    if pin and state.now < state.locked_until:
        return state, Refused("pin_locked")
    if state.open is not None:
        return state, Refused("asking")
    if len(state.guarded) >= limits.most_guarded:
        return state, Refused("too_many_guarded")
    opened = Open(wanted, pin, Seconds(state.now + limits.challenge))
    return replace(state, open=opened, guarded=(*state.guarded, state.now)), Asked(opened)


def answer(
    state: State, limits: Limits, challenge: str, now: Seconds, *, yes: bool, has_pin: bool
) -> tuple[State, Passed | Asked | Check | Refused]:
    """Take a person's word to a challenge.

    Args:
        state: What was before.
        limits: The owner's.
        challenge: Its id.
        now: Monotonic time.
        yes: What was said.
        has_pin: Whether digits were said with it.
    """
    state = _at(state, now)
    asked = state.open
    if asked is None or asked.checking or asked.wanted.id != challenge:
        return state, Refused("over")
    if not yes:
        return replace(state, open=None), Refused("denied")
    if not asked.pin:
        return _confirmed(state, limits, asked), Passed("confirmed")
    if state.now < state.locked_until:
        return replace(state, open=None), Refused("pin_locked")
    if not has_pin:
        return state, Asked(asked)
    checking = replace(asked, checking=True, until=Seconds(max(asked.until, state.now + CHECKING)))
    return _tried(replace(state, open=checking), limits), Check(checking)


def _tried(state: State, limits: Limits) -> State:
    """Count a try as wrong, before it is known."""
    wrong = state.wrong + 1
    if wrong < limits.tries:
        return replace(state, wrong=wrong)
    doubled = limits.lockout * 2 ** min(state.lockouts, 20)
    return replace(
        state,
        wrong=0,
        lockouts=state.lockouts + 1,
        locked_until=Seconds(state.now + min(doubled, LONGEST_LOCKOUT)),
    )


def checked(
    state: State, limits: Limits, challenge: str, now: Seconds, *, right: bool, next_id: str
) -> tuple[State, Judged]:
    """Take what the check of a PIN found.

    Args:
        state: What was before.
        limits: The owner's.
        challenge: Its id.
        now: Monotonic time.
        right: Whether it is the PIN.
        next_id: For the challenge that follows a wrong one; never used before.
    """
    state = _at(state, now)
    asked = state.open
    if asked is None or not asked.checking or asked.wanted.id != challenge:
        return state, Refused("over")
    if right:
        state = replace(state, wrong=0, lockouts=0, locked_until=Seconds(-math.inf))
        return _confirmed(state, limits, asked), Passed("pin")
    if state.now < state.locked_until:
        return replace(state, open=None), Refused("pin_locked")
    again = Open(
        replace(asked.wanted, id=next_id), pin=True, until=Seconds(state.now + limits.challenge)
    )
    return replace(state, open=again), Asked(again)


def expire(state: State, now: Seconds) -> tuple[State, Open | None]:
    """Let time pass; return the challenge that nobody answered in time, if there is one."""
    after = _at(state, now)
    return after, state.open if after.open is None else None


def taint(state: State, limits: Limits, now: Seconds) -> State:
    """Take note that text of strangers has entered the conversation."""
    state = _at(state, now)
    until = Seconds(max(state.tainted_until, state.now + limits.taint))
    return replace(state, tainted_until=until, graces=None)


def saved(state: State) -> dict[str, object]:
    """Return what must outlive a restart, as JSON data."""
    left = max(0.0, state.locked_until - state.now)
    return {"wrong": state.wrong, "lockouts": state.lockouts, "locked_s": left}


def restored(document: object, limits: Limits, now: Seconds) -> State:
    """Return the state after a restart.

    A lockout begins again with what was left of it when it was saved. What cannot be understood
    counts as a lockout.

    Args:
        document: What ``saved`` made; ``None``: there was nothing.
        limits: The owner's.
        now: Monotonic time.
    """
    fresh = State(now=now)
    if document is None:
        return fresh
    match document:
        case {"wrong": int(wrong), "lockouts": int(lockouts), "locked_s": int() | float() as left}:
            sound = 0 <= wrong < 100 and 0 <= lockouts < 10_000 and 0 <= left <= LONGEST_LOCKOUT
        case _:
            sound = False
            wrong, lockouts, left = 0, 1, 0.0
    if not sound:
        return replace(fresh, lockouts=1, locked_until=Seconds(now + limits.lockout))
    locked = Seconds(now + left) if left > 0 else Seconds(-math.inf)
    return replace(fresh, wrong=wrong, lockouts=lockouts, locked_until=locked)


def _confirmed(state: State, limits: Limits, asked: Open) -> State:
    graces = dict(state.graces or {})
    if limits.grace > 0 and not state.now < state.tainted_until:
        graces |= dict.fromkeys(asked.wanted.keys, Seconds(state.now + limits.grace))
    return replace(state, open=None, graces=graces or None)


def _at(state: State, now: Seconds) -> State:
    """Let time pass; it never goes back, and what is no time is the same moment as before."""
    now = Seconds(max(state.now, now)) if math.isfinite(now) else state.now
    since = now - MINUTE
    graces = {key: until for key, until in (state.graces or {}).items() if now < until}
    waits = state.open is not None and now < state.open.until
    return replace(
        state,
        now=now,
        calls=tuple(at for at in state.calls if at > since),
        guarded=tuple(at for at in state.guarded if at > since),
        open=state.open if waits else None,
        graces=graces or None,
    )
