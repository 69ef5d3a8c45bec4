"""Mute: the switch on the box and the wish from outside, and the light that shows it."""

from collections.abc import Callable
from typing import Protocol

from appliance.board.wishes import Wish, Wishes
from appliance.events import MuteSwitched


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
        self._wish = Wish(self._changed)

    @property
    def muted(self) -> bool:
        """Whether the box is mute now."""
        return self._wish.granted

    @property
    def asked_outside(self) -> bool:
        """Whether somebody asked from outside; whoever makes a new panel hands it on."""
        return self._wish.asked_outside

    def start(self, wishes: Wishes) -> None:
        """Begin with what the switch says now."""
        self._wish.start(wishes)

    def switched(self, closed: bool) -> None:  # noqa: FBT001  # the shape of a callback
        """Follow the switch."""
        self._wish.switched(closed)

    def ask(self, *, muted: bool) -> bool:
        """Mute or unmute from outside; return whether it is so now (a closed switch wins)."""
        return self._wish.ask(wanted=muted)

    def _changed(self, muted: bool) -> None:  # noqa: FBT001  # the shape of a callback
        if self._lamp is not None:
            self._lamp.light(on=muted)
        self._report(MuteSwitched(muted=muted))
