"""What the lights show: from a cue and the time since it began to colours (pure).

Calm and readable from across a room: nothing is lit at rest, unless the box is offline (a faint
violet), red always means "does not hear" or "failed", and nothing flashes more than twice a second
(WCAG 2.3.1 draws the line at three).
"""

import math
from dataclasses import dataclass
from typing import assert_never

from appliance.ports import Cue
from appliance.units import Seconds

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255, before the ring's brightness."""

DARK: Colour = (0, 0, 0)
BLUE: Colour = (0, 80, 255)
CYAN: Colour = (0, 200, 200)
AMBER: Colour = (255, 120, 0)
RED: Colour = (255, 0, 0)
VIOLET: Colour = (140, 0, 255)

_OFFLINE = 0.08  # seen when looked for; does not light a bedroom
_UNHEARD_FADE = 0.8
_FAILED_FLASHES = 2.0
_TURN_TIME = 1.2  # one round of the spinner
_ASIDE = 0.25  # of the lights that do not lie towards the talker
_ARC = 0.15  # of the ring to each side of the talker is lit, fading
_BREATH = 1.6  # one pulse while speaking; slower than syllables, so that it does not seem to lag


@dataclass(frozen=True, slots=True)
class Light:
    """What the lights show at one moment."""

    ring: tuple[Colour, ...]
    status: float
    """Brightness of the single light, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Facing:
    """How the ring lies on the microphones (seen from above)."""

    front: int = 0
    """The light, counted from 0, at the microphones' front."""

    clockwise: bool = True
    """Whether the lights are counted clockwise."""

    def towards(self, bearing: float, leds: int) -> float:
        """Return where on a ring of ``leds`` a bearing points: a light, or between two.

        Args:
            bearing: In degrees, anticlockwise from the front.
            leds: At least one.
        """
        along = bearing / 360.0 * leds
        return (self.front + (-along if self.clockwise else along)) % leds


def light(
    cue: Cue, at: Seconds, leds: int, *, offline: bool = False, towards: float | None = None
) -> Light:
    """Return the lights of a cue, ``at`` seconds after it began, on a ring of ``leds``.

    Args:
        cue: What to show.
        at: Time since it began.
        leds: Lights on the ring.
        offline: Whether only the box itself answers now; seen at rest.
        towards: Where on the ring the talker is, as ``Facing.towards`` says; seen while listening.
    """
    rest = _all(VIOLET, leds, _OFFLINE) if offline else _all(DARK, leds, 0.0)
    match cue:
        case Cue.IDLE:
            return rest
        case Cue.LISTENING:
            return _all(BLUE, leds, 1.0) if towards is None else Light(_arc(towards, leds), 1.0)
        case Cue.PROMPT:
            return _all(BLUE, leds, 0.6 + 0.4 * _wave(at, _BREATH))
        case Cue.THINKING:
            return Light(_spinner(at, leds), 0.2 + 0.8 * _wave(at, _TURN_TIME / 2))
        case Cue.SPEAKING:
            return _all(CYAN, leds, 0.3 + 0.7 * _wave(at, _BREATH))
        case Cue.UNHEARD:
            return _all(AMBER, leds, 1.0 - at / _UNHEARD_FADE) if at < _UNHEARD_FADE else rest
        case Cue.MUTED:
            return Light((RED,) * leds, 0.1)
        case Cue.FAILED:
            if at >= _FAILED_FLASHES:
                return rest
            return _all(RED, leds, 1.0 if at % 0.5 < 0.25 else 0.0)
        case _:
            assert_never(cue)


def moving(cue: Cue, at: Seconds) -> bool:
    """Say whether the lights of a cue will still change after ``at``."""
    match cue:
        case Cue.IDLE | Cue.LISTENING | Cue.MUTED:
            return False
        case Cue.PROMPT | Cue.THINKING | Cue.SPEAKING:
            return True
        case Cue.UNHEARD:
            return at < _UNHEARD_FADE
        case Cue.FAILED:
            return at < _FAILED_FLASHES
        case _:
            assert_never(cue)


def _all(colour: Colour, leds: int, brightness: float) -> Light:
    return Light((_dim(colour, brightness),) * leds, brightness)


def _dim(colour: Colour, brightness: float) -> Colour:
    red, green, blue = (round(part * brightness) for part in colour)
    return red, green, blue


def _wave(at: float, period: float) -> float:
    """Go from 1 down to 0 and back, smoothly, once every ``period``."""
    return 0.5 + 0.5 * math.cos(2 * math.pi * at / period)


def _arc(towards: float, leds: int) -> tuple[Colour, ...]:
    """Return a ring that is brightest towards the talker and faint elsewhere."""
    aside = (abs((led - towards + leds / 2) % leds - leds / 2) / leds for led in range(leds))
    return tuple(_dim(BLUE, max(_ASIDE, 1.0 - (1.0 - _ASIDE) * a / _ARC)) for a in aside)


def _spinner(at: float, leds: int) -> tuple[Colour, ...]:
    """Return a comet with a tail over half the ring."""
    head = at / _TURN_TIME * leds
    behind = ((head - led) % leds / leds for led in range(leds))
    return tuple(_dim(BLUE, max(0.0, 1.0 - 2.0 * distance) ** 2) for distance in behind)
