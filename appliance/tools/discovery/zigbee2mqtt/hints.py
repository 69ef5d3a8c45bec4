"""What a device is for, as its model's description says: a guess that only makes us careful.

A relay that opens a gas valve or a garage is announced as a switch like any other.
"""

import re
from dataclasses import dataclass

_VALVE = re.compile(r"\bvalves?\b")
_HEATING = re.compile(r"radiator|thermostat|heating|\btrv\b")
_WATER = re.compile(r"water|irrigation|sprinkler|garden|\btap\b|faucet")
_GARAGE = re.compile(r"garage")
_GATE = re.compile(r"\bgates?\b(?!way)|door opener|door control")
_OVEN = re.compile(r"\boven\b|\bstove\b|\bcooker\b|\bhob\b")


@dataclass(frozen=True, slots=True)
class Hints:
    """What was found in the description of a model."""

    valve: bool = False
    """Its relay moves a valve, and no radiator's."""

    moves: str = ""
    """Home Assistant's word for what its relay or motor moves; empty: nothing of note."""


def hints_of(description: str) -> Hints:
    """Read a description."""
    said = description.lower()
    if _VALVE.search(said) and not _HEATING.search(said):
        moves = "gas" if "gas" in said else "water" if _WATER.search(said) else ""
        return Hints(valve=True, moves=moves)
    for pattern, moves in ((_GARAGE, "garage"), (_GATE, "gate"), (_OVEN, "oven")):
        if pattern.search(said):
            return Hints(moves=moves)
    return Hints()
