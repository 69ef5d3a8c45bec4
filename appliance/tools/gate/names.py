"""What a name says of what a thing may do. Pure.

In real houses a plain relay opens the gate and a plug feeds the stove, and only the name says so.
Names come from whoever may write to the broker, so they only ever make a thing *more* guarded: a
name that says nothing leaves a thing as its kind is. Words of several languages, for a house's
names need not be in the language that the box speaks; whole words, or where a language writes
compounds, parts of them.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

LONGEST = 200
"""Characters of a name that are looked at; names are shorter once they are cleaned."""


class Hint(Enum):
    """What a name hints at."""

    WAY_IN = "way in"
    """It opens something that one can come in by."""

    HEAT = "heat"
    """It gets hot enough to set something on fire, or lets out gas or water."""

    WARMTH = "warmth"
    """It warms a room or water: a thermostat may, a bare switch should be asked about."""

    ALARM = "alarm"
    """Burglars wish it off."""


@dataclass(frozen=True, slots=True)
class Hints:
    """What one name hints at."""

    strong: frozenset[Hint] = frozenset()
    weak: frozenset[Hint] = frozenset()
    """Not of a thing whose kind is known to be harmless: a light in the garage is a light."""


_STRONG = {
    Hint.WAY_IN: """
        opener unlock unlatch buzzer strike intercom doorstrike
        turoffner toroffner deuropener poortopener deurslot
        gache ouvreportail apriporta apricancello citofono abrepuertas portero
    """,
    Hint.HEAT: """
        oven stove cooktop hob cooker hotplate fryer airfryer toaster kiln fireplace grill iron
        stopcock ofen backofen herd kochfeld kochplatte fritteuse kamin bugeleisen haupthahn
        fornuis kookplaat friteuse haard strijkijzer cuisiniere friteuse cheminee
        forno fornello horno chimenea
    """,
    Hint.WARMTH: """
        heater heaters boiler furnace sauna geyser kessel heizlufter heizstrahler
        kachel ketel chaudiere poele stufa caldaia caldera estufa calefactor
    """,
    Hint.ALARM: "disarm burglar",
}
"""A word of these is enough."""

_WEAK = {
    Hint.WAY_IN: """
        gate gates garage door doors doorlock lock entrance barrier bollard hatch
        tor tur haustur garagentor schloss pforte schranke eingang
        poort deur voordeur garagedeur slagboom portail porte serrure barriere
        cancello porta serratura portone sbarra puerta porton cerradura verja garaje
    """,
    Hint.HEAT: "gas gaz",
    Hint.ALARM: "alarm alarma alarme allarme security",
}

_PARTS = {
    Hint.WAY_IN: """
        garagedoor garagentor garagendeur hoftor turoffner toroffner unlock opengate gateopen
        opengarage garageopen opendoor dooropen
    """,
    Hint.HEAT: "backofen kochfeld gasvalve watervalve gasventil",
    Hint.WARMTH: "heizluft waterheater spaceheater",
    Hint.ALARM: "disarm",
}
"""As strong, and found within a name that is written as one word, too."""

_HARMLESS = """
    light lights lamp lamps lantern bulb led leds spot spots spotlight bell doorbell chime camera
    sensor clock blind blinds curtain curtains shade shades awning radio tv speaker child
    licht lampe lampen leuchte klingel kamera uhr rollo vorhang markise lampje deurbel gordijn
    lumiere sonnette rideau luce lampada campanello tenda luz lampara timbre cortina persiana
"""
"""Beside a weak word: the gate light is a light. No word helps beside a strong one."""

_VERBS = "open opening release relay trigger pulse impulse impuls relais ouvrir"
"""Beside a weak word they make it strong: the "gate relay light" is a relay of the gate."""


def _table(lines: Mapping[Hint, str]) -> dict[str, Hint]:
    return {word: hint for hint, words in lines.items() for word in words.split()}


_STRONG_WORDS = _table(_STRONG)
_WEAK_WORDS = _table(_WEAK)
_PART_WORDS = _table(_PARTS)
_HARMLESS_WORDS = frozenset(_HARMLESS.split())
_VERB_WORDS = frozenset(_VERBS.split())
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD = re.compile(r"[a-z]+")


@lru_cache(maxsize=4096)
def hints(name: str) -> Hints:
    """Return what a name, an id or a tool's name hints at; most hint at nothing."""
    plain = unicodedata.normalize("NFKD", _CAMEL.sub(" ", name[:LONGEST]))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter)).casefold()
    words = _WORD.findall(plain)
    joined = "".join(words)
    strong = {_STRONG_WORDS[word] for word in words if word in _STRONG_WORDS}
    strong |= {hint for part, hint in _PART_WORDS.items() if part in joined}
    weak = {_WEAK_WORDS[word] for word in words if word in _WEAK_WORDS}
    if _VERB_WORDS.intersection(words):
        strong |= weak
    elif _HARMLESS_WORDS.intersection(words):
        weak = set()
    return Hints(frozenset(strong), frozenset(weak))


def together(names: Iterable[str]) -> Hints:
    """Return what several names of one thing hint at."""
    found = [hints(name) for name in names]
    return Hints(
        frozenset().union(*(each.strong for each in found)),
        frozenset().union(*(each.weak for each in found)),
    )
