"""Mute: the switch on the box and the wish from outside, and the light that shows it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from appliance.events import MuteSwitched


@dataclass(frozen=True, slots=True)
class Wishes:
    """Who wants the box mute. The switch wins: while it is closed nobody else can unmute."""

    switch: bool = False
    """The switch is closed."""

    outside: bool = False
    """Somebody asked for it over MQTT or the command, and nobody has taken it back."""

    @property
    def muted(self) -> bool:
        """Whether the box is mute."""
        return self.switch or self.outside

    def switched(self, *, closed: bool) -> "Wishes":
        """Return the wishes after the switch moved.

        Opening it also takes back a wish from outside: who stands at the box has the last word,
        and needs no telephone to make it listen again.
        """
        return Wishes(switch=closed, outside=self.outside and closed)

    def asked(self, *, muted: bool) -> "Wishes":
        """Return the wishes after somebody asked from outside."""
        return replace(self, outside=muted)


class Lamp(Protocol):
    """A light that is on or off."""

    def light(self, *, on: bool) -> None:
        """Switch it; never raises."""
        ...


class Mute:
    """Keeps the truth about mute, reports its changes, and shows it; event loop only.

    Works without a switch and without a light: then it follows what is asked from outside.

    Args:
        report: Is told of every change, and at ``start`` if the box is mute then.
        lamp: Lit while mute.
    """

    def __init__(
        self, report: Callable[[MuteSwitched], None], *, lamp: Lamp | None = None
    ) -> None:
        self._report = report
        self._lamp = lamp
        self._wishes = Wishes()

    @property
    def muted(self) -> bool:
        """Whether the box is mute now."""
        return self._wishes.muted

    @property
    def asked_outside(self) -> bool:
        """Whether somebody asked from outside; whoever makes a new panel hands it on."""
        return self._wishes.outside

    def start(self, wishes: Wishes) -> None:
        """Begin with what the switch says now."""
        self._become(wishes)

    def switched(self, closed: bool) -> None:  # noqa: FBT001  # the shape of a callback
        """Follow the switch."""
        self._become(self._wishes.switched(closed=closed))

    def ask(self, *, muted: bool) -> bool:
        """Mute or unmute from outside; return whether it is so now (a closed switch wins)."""
        self._become(self._wishes.asked(muted=muted))
        return self.muted == muted

    def _become(self, wishes: Wishes) -> None:
        before, self._wishes = self._wishes, wishes
        if before.muted != wishes.muted:
            if self._lamp is not None:
                self._lamp.light(on=wishes.muted)
            self._report(MuteSwitched(muted=wishes.muted))
