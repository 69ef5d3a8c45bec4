"""Privacy mode: nothing leaves the house while the switch is closed or somebody asked for it."""

from collections.abc import Callable

from appliance.board.wishes import Wish, Wishes


class Privacy:
    """Keeps the truth about privacy mode and reports its changes; event loop only.

    Args:
        report: Is told of every change, and at ``start`` if the box is private then.
    """

    def __init__(self, report: Callable[[bool], None]) -> None:
        self._wish = Wish(report)

    @property
    def asked_outside(self) -> bool:
        """Whether somebody asked by voice or over MQTT: what is kept over a restart."""
        return self._wish.asked_outside

    def start(self, wishes: Wishes) -> None:
        """Begin with what the switch says now."""
        self._wish.start(wishes)

    def switched(self, closed: bool) -> None:  # noqa: FBT001  # the shape of a callback
        """Follow the switch."""
        self._wish.switched(closed)

    def get(self) -> bool:
        """Return whether the box is private now."""
        return self._wish.granted

    def set(self, private: bool) -> None:  # noqa: FBT001  # the shape of the tool's seam
        """Ask for it, or take that back; a closed switch wins over the latter."""
        self._wish.ask(wanted=private)
