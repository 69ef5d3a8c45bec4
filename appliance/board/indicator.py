"""Shows cues by light: picks the pattern and keeps it moving."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from appliance.board import patterns
from appliance.board.patterns import Colour, Facing
from appliance.errors import DeviceError
from appliance.ports import Cue
from appliance.units import Seconds

log = logging.getLogger(__name__)

STEP = Seconds(0.04)
"""25 pictures a second, while something moves; at rest nothing is written."""


class ColourRing(Protocol):
    """A ring of coloured lights."""

    leds: int

    def show(self, colours: Sequence[Colour]) -> None:
        """Show one colour per light, or raise ``DeviceError``."""
        ...


class SingleLight(Protocol):
    """One light."""

    def show(self, brightness: float) -> None:
        """Show a brightness from 0 to 1, or raise ``DeviceError``."""
        ...


class Lights:
    """An ``Indicator`` of a ring and a single light, either of which may be missing.

    Event loop only. A light that fails is left out from then on, with one line in the log: the box
    goes on without it.

    Args:
        ring: Many lights.
        led: One light.
        facing: How the ring lies on the microphones.
    """

    def __init__(
        self,
        *,
        ring: ColourRing | None = None,
        led: SingleLight | None = None,
        facing: Facing | None = None,
    ) -> None:
        self._ring = ring
        self._led = led
        self._facing = Facing() if facing is None else facing
        self._bearing: Callable[[], float | None] | None = None
        self._shown: tuple[Colour, ...] | None = None
        self._cue = Cue.IDLE
        self._offline = False
        self._since = Seconds(0.0)
        self._next: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def show(self, cue: Cue) -> None:
        """Replace the cue shown now; the same cue again does not begin anew."""
        if cue is self._cue and self._next is not None:
            return
        self._cue = cue
        self._since = Seconds(self._loop.time())
        self._rest()
        self._paint()

    def set_offline(self, offline: bool) -> None:  # noqa: FBT001  # the shape of a callback
        """Show at rest whether only the box itself answers; the cue goes on as it is."""
        if offline != self._offline:
            self._offline = offline
            self._rest()
            self._paint()

    def follow(self, bearing: Callable[[], float | None]) -> None:
        """Show from now on where the talker is, while listening.

        Args:
            bearing: Asked 25 times a second while listening; in degrees, anticlockwise from the
                microphones' front; ``None``: not known.
        """
        self._bearing = bearing
        self._rest()
        self._paint()

    def close(self) -> None:
        """Turn the lights off and show nothing more."""
        self._rest()
        self._offline, self._bearing = False, None
        self.show(Cue.IDLE)
        self._ring, self._led = None, None

    def _paint(self) -> None:
        at = Seconds(self._loop.time() - self._since)
        leds = 0 if self._ring is None else self._ring.leds
        followed = self._bearing if self._cue is Cue.LISTENING and leds else None
        bearing = None if followed is None else followed()
        towards = None if bearing is None else self._facing.towards(bearing, leds)
        light = patterns.light(self._cue, at, leds, offline=self._offline, towards=towards)
        try:
            if self._ring is not None and (followed is None or light.ring != self._shown):
                self._ring.show(light.ring)
                self._shown = light.ring
        except DeviceError as error:
            log.warning("%s; the ring stays as it is", error, extra={"code": error.code})
            self._ring = None
        try:
            if self._led is not None:
                self._led.show(light.status)
        except DeviceError as error:
            log.warning("%s; the status light stays as it is", error, extra={"code": error.code})
            self._led = None
        alive = self._ring is not None or self._led is not None
        moving = alive and (followed is not None or patterns.moving(self._cue, at))
        self._next = self._loop.call_later(STEP, self._paint) if moving else None

    def _rest(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None
