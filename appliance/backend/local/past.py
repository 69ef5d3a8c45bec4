"""What a conversation has come to, as far as understanding needs it. Pure."""

from dataclasses import dataclass, field

from appliance.backend.context import Called, Handover, Said
from appliance.backend.local.understand.types import Call, Past
from appliance.units import Seconds


@dataclass(slots=True)
class _Done:
    at: Seconds
    turn: int
    calls: list[Call] = field(default_factory=list)


def past(handover: Handover) -> tuple[Past, ...]:
    """Return what was done before, the oldest first; calls with no word between them as one.

    How a call ended does not matter: one that failed can be asked for again.
    """
    owed = handover.owed.calls if handover.owed is not None else ()
    lines = (*handover.lines, *owed)
    done: list[_Done] = []
    turns, apart = 0, True
    for line in lines:
        match line:
            case Said(who=who):
                turns += who == "user"
                apart = True
            case Called(tool=tool, arguments=arguments, at=at):
                if apart:
                    done.append(_Done(at, turns))
                    apart = False
                done[-1].calls.append(Call(tool, arguments))
    if not done:
        return ()
    now = lines[-1].at if handover.at is None else handover.at
    return tuple(
        Past(tuple(one.calls), Seconds(max(0.0, now - one.at)), turns - one.turn) for one in done
    )
