"""When to try the broker again, and with which version of the protocol. Pure."""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Literal, assert_never

from appliance.mqtt.failure import Cause
from appliance.units import Seconds

FIRST_WAIT = Seconds(0.5)
LONGEST_WAIT = Seconds(30.0)
"""A house whose broker restarts should not be without it for long after that."""

TAKEN_WAIT = Seconds(300.0)
"""Two boxes with one name throw each other off: let the other be for a while."""

BRIEF = Seconds(10.0)
PATIENT_WITH = 3
"""Connections in a row that were lost after less than ``BRIEF`` and are made again at once; then
the waits grow, for brokers that speak 3.1.1 do not say that a name was taken over."""


class Version(IntEnum):
    """Of the protocol, as CONNECT names it."""

    V311 = 4
    V5 = 5


@dataclass(frozen=True, slots=True)
class Dial:
    """The next try."""

    version: Version
    may_fall_back: bool
    """Whether the other version may be tried."""

    failures: int = 0
    brief: int = 0
    """Connections in a row that were lost soon."""


def begin(setting: Literal["auto", "5", "3.1.1"]) -> Dial:
    """Return the first try."""
    match setting:
        case "auto":
            return Dial(Version.V5, may_fall_back=True)
        case "5":
            return Dial(Version.V5, may_fall_back=False)
        case "3.1.1":
            return Dial(Version.V311, may_fall_back=False)
        case _:
            assert_never(setting)


def lost(dial: Dial, setting: Literal["auto", "5", "3.1.1"], *, lasted: Seconds) -> Dial:
    """Return where to begin anew after a connection that was accepted, and lost."""
    brief = dial.brief + 1 if lasted < BRIEF else 0
    if brief >= PATIENT_WITH:
        return replace(dial, brief=brief)
    return replace(begin(setting), brief=brief)


def again(dial: Dial, cause: Cause, *, jitter: float) -> tuple[Dial, Seconds]:
    """Return the next try and how long to wait for it.

    A broker that refuses MQTT 5, or hangs up when it hears of it, is asked in 3.1.1 at once. The
    wait doubles with each failure, and is spread so that the boxes of a house do not all come back
    in the same moment.

    Args:
        dial: The try that failed.
        cause: Why.
        jitter: 0 to 1, by chance.
    """
    turned = dial.may_fall_back and cause in (Cause.OLD, Cause.CLOSED)
    if turned and dial.version is Version.V5:
        return replace(dial, version=Version.V311), Seconds(0.0)
    if cause is Cause.TAKEN:
        return replace(dial, failures=0), Seconds(TAKEN_WAIT * (0.5 + 0.5 * jitter))
    version = Version.V5 if turned else dial.version
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(dial.failures, 16))
    wait = Seconds(longest * (0.5 + 0.5 * jitter))
    return replace(dial, version=version, failures=dial.failures + 1), wait
