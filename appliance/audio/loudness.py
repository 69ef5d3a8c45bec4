"""How loud each kind of sound is: from what people asked for to factors of amplitude (pure)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gains:
    """Factors of amplitude, 0 to 4 (12 dB)."""

    voice: float = 1.0
    chimes: float = 1.0
    alarms: float = 1.0


@dataclass(frozen=True, slots=True)
class Volumes:
    """What people asked for, 0 to 100."""

    main: int = 100
    """Of voice and chimes."""

    chimes: int = 100
    """Of chimes, within the main volume."""

    alarms: int = 100
    """Of alarms; neither the main volume nor quiet hours touch it."""


@dataclass(frozen=True, slots=True)
class Night:
    """What quiet hours allow."""

    ceiling: int
    """The loudest main volume, 0 to 100."""

    chimes: bool = False
    """Whether there are chimes."""

    asked: int | None = None
    """The main volume that somebody has asked for since they began; it goes over the ceiling."""

    def main(self, volumes: Volumes) -> int:
        """Return the main volume that holds now."""
        return min(volumes.main, self.ceiling) if self.asked is None else self.asked


def gains(volumes: Volumes, *, alarm_db: float = 0.0, night: Night | None = None) -> Gains:
    """Return how loud everything is.

    Args:
        volumes: What people asked for.
        alarm_db: Loudness of alarms at the volume 100.
        night: What quiet hours allow; ``None``: there are none now.
    """
    main = _factor(volumes.main if night is None else night.main(volumes))
    chimes = 0.0 if night is not None and not night.chimes else main * _factor(volumes.chimes)
    return Gains(main, chimes, _factor(volumes.alarms) * 10 ** (alarm_db / 20))


def _factor(volume: int) -> float:
    """Squared, because a half should sound like a half (-12 dB) and not be hardly softer."""
    return float((min(100, max(0, volume)) / 100) ** 2)
