"""How often something may happen. Pure: time is an argument."""

from dataclasses import dataclass, field

from appliance.units import Seconds


@dataclass(slots=True)
class Pace:
    """Lets each key through a few times at once, and then once in a while; bounded memory.

    Args:
        at_once: How often without a pause.
        every: Seconds until there is one more.
        most: Keys that are remembered; of more, none is let through.
    """

    at_once: int
    every: Seconds
    most: int = 20_000
    _full_at: dict[str, float] = field(default_factory=dict)

    def lets(self, key: str, now: Seconds) -> bool:
        """Say whether it may happen now, and count it if so."""
        if len(self._full_at) >= self.most and key not in self._full_at:
            self._full_at = {each: at for each, at in self._full_at.items() if at > now}
            if len(self._full_at) >= self.most:
                return False
        full_at = max(self._full_at.get(key, now), now)
        if full_at - now > (self.at_once - 1) * self.every:
            return False
        self._full_at[key] = full_at + self.every
        return True
