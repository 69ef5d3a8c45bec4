"""What a switch on the box and somebody outside can both ask for: mute, privacy."""

from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Wishes:
    """Who wants it. The switch wins: while it is closed nobody else can undo it."""

    switch: bool = False
    """The switch is closed."""

    outside: bool = False
    """Somebody asked for it by voice, over MQTT or the command, and nobody has taken it back."""

    @property
    def granted(self) -> bool:
        """Whether it is so."""
        return self.switch or self.outside

    def switched(self, *, closed: bool) -> "Wishes":
        """Return the wishes after the switch moved.

        Opening it also takes back a wish from outside: who stands at the box has the last word,
        and needs no telephone to undo it.
        """
        return Wishes(switch=closed, outside=self.outside and closed)

    def asked(self, *, wanted: bool) -> "Wishes":
        """Return the wishes after somebody asked from outside."""
        return replace(self, outside=wanted)


class Wish:
    """Keeps the truth about one such thing and reports its changes; event loop only.

    Works without a switch: then it follows what is asked from outside.

    Args:
        report: Is told of every change, and at ``start`` if it is so then.
    """

    def __init__(self, report: Callable[[bool], None]) -> None:
        self._report = report
        self._wishes = Wishes()

    @property
    def granted(self) -> bool:
        """Whether it is so now."""
        return self._wishes.granted

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

    def ask(self, *, wanted: bool) -> bool:
        """Ask for it, or take that back; return whether it is so now (a closed switch wins)."""
        self._become(self._wishes.asked(wanted=wanted))
        return self.granted == wanted

    def _become(self, wishes: Wishes) -> None:
        before, self._wishes = self._wishes, wishes
        if before.granted != wishes.granted:
            self._report(wishes.granted)
