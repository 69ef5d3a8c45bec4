"""What a conversation has come to, as far as understanding needs it. Pure."""

from dataclasses import dataclass, field

from appliance.backend.context import Called, Handover, Said
from appliance.backend.local.calls import OWN
from appliance.backend.local.understand.types import Call, Past
from appliance.units import Seconds


@dataclass(slots=True)
class _Done:
    at: Seconds
    turn: int
    calls: list[Call] = field(default_factory=list)


def past(handover: Handover) -> tuple[Past, ...]:
    """Return what other backends did, the oldest first; calls that belong together as one.

    What was refused is left out: nothing came of it.
    """
    done: list[_Done] = []
    turns, apart = 0, True
    for line in handover.lines:
        match line:
            case Said(who=who):
                turns += who == "user"
                apart = True
            case Called(call=call, result=result):
                if call.startswith(OWN) or (result is not None and result.status == "rejected"):
                    continue
                if apart:
                    done.append(_Done(line.at, turns))
                    apart = False
                done[-1].calls.append(Call(line.tool, line.arguments))
    if not done:
        return ()
    now = handover.lines[-1].at
    return tuple(
        Past(tuple(one.calls), Seconds(max(0.0, now - one.at)), turns - one.turn) for one in done
    )
