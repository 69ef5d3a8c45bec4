"""How far a clock's calls are behind their count: by when they came, and by when the driver says.

A block comes when the card, a sound server and a busy machine let it; it was captured at the time
that the driver's stamp tells. Neither is always the better witness: PipeWire 0.3's stamps wander
by up to 36 ms within seconds while its earliest calls keep to 0.1 ms; PulseAudio 16's calls wander
by 9 ms while its stamps keep to 0.05 ms (both with a box at work, measured 2026-11-22). So both
are followed, and the one that has lately been steadier counts.
"""

import math
from dataclasses import dataclass

STEADIER = 0.5
"""Share of the other's wobble that a witness must be below to be believed instead."""

LEAST = 4
"""Windows after which two witnesses can be compared."""

_MEMORY = 10  # windows
_MOST = 0.002  # seconds: what was lost moves both, once, and is no wobble
_NONE = 0.00005  # seconds: below it nobody is the steadier one


@dataclass(slots=True)
class _Witness:
    """One way of telling, in seconds behind the count."""

    earliest: float = math.inf
    before: float = math.inf
    wobble: float = 0.0
    windows: int = 0

    def close(self) -> float:
        """End a window; return its earliest."""
        earliest, self.earliest = self.earliest, math.inf
        if self.before < math.inf:
            self.windows += 1
            moved = min(abs(earliest - self.before), _MOST)
            self.wobble += (moved - self.wobble) / min(self.windows, _MEMORY)
        self.before = earliest
        return earliest

    def restart(self) -> None:
        """Forget the place, not how steady it was."""
        self.earliest = self.before = math.inf


class Lateness:
    """The calls of one clock, window by window; one thread."""

    def __init__(self) -> None:
        self._calls, self._stamps = _Witness(), _Witness()
        self._believed, self._other = self._calls, self._stamps
        self._offset = 0.0  # of what is believed, so that it began where the other one was
        self._latest = -math.inf  # of the calls

    @property
    def stamped(self) -> bool:
        """Whether the stamps are believed, not the calls."""
        return self._believed is self._stamps

    @property
    def earliest(self) -> float:
        """Of this window so far, in seconds behind the count; infinite without a call."""
        return self._believed.earliest + self._offset

    @property
    def spread(self) -> float:
        """By how many seconds the calls of this window differ; there has been one."""
        return self._latest - self._calls.earliest

    def add(self, behind: float, age: float) -> None:
        """Take a call.

        Args:
            behind: Seconds by which it came after what the count says.
            age: Seconds for which its sound had been waiting by then, as the driver says.
        """
        self._calls.earliest = min(self._calls.earliest, behind)
        self._stamps.earliest = min(self._stamps.earliest, behind - age)
        self._latest = max(self._latest, behind)

    def close(self) -> None:
        """End the window, and choose whom to believe from here on."""
        self._latest = -math.inf
        if self._calls.earliest == math.inf:
            return
        believed, other = self._believed.close(), self._other.close()
        steadier = self._other.wobble + _NONE < STEADIER * self._believed.wobble
        if steadier and self._other.windows >= LEAST:
            self._offset += believed - other
            self._believed, self._other = self._other, self._believed

    def restart(self) -> None:
        """Begin anew, with the count: by the calls, until the stamps' place is known, too."""
        self._calls.restart()
        self._stamps.restart()
        self._believed, self._other = self._calls, self._stamps
        self._offset = 0.0
        self._latest = -math.inf
