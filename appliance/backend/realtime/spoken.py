"""How much of a reply has come, item by item, and what of it was not heard. Pure."""

from dataclasses import dataclass, field

from appliance.units import SampleRate, Seconds

_MOST_PARTS = 64


@dataclass(frozen=True, slots=True)
class Cut:
    """What the server must forget of one item."""

    item: str
    content: int
    keep_ms: int | None
    """What was heard of it, never more than has come; ``None``: nothing, it goes altogether."""


@dataclass(slots=True)
class Spoken:
    """The sound of one reply; ``content`` counts the parts of an item."""

    rate: SampleRate
    samples: int = 0
    _parts: dict[tuple[str, int], int] = field(default_factory=dict)

    def add(self, item: str, content: int, samples: int) -> bool:
        """Take note of a piece; ``False``: it is of too many parts to be one reply."""
        if (item, content) not in self._parts and len(self._parts) >= _MOST_PARTS:
            return False
        self._parts[item, content] = self._parts.get((item, content), 0) + samples
        self.samples += samples
        return True

    def knows(self, item: str) -> bool:
        """Whether something of this item has come."""
        return any(known == item for known, _ in self._parts)

    def unheard(self, heard: Seconds) -> list[Cut]:
        """Return what to forget if the first ``heard`` seconds of all were heard."""
        left = round(max(0.0, heard) * self.rate)
        if self.samples and left >= self.samples:
            return []
        taken: dict[tuple[str, int], int] = {}
        for part, samples in self._parts.items():
            taken[part] = min(left, samples)
            left -= taken[part]
        heard_items = {item for (item, _), samples in taken.items() if samples}
        cuts: dict[tuple[str, int], Cut] = {}
        for (item, content), samples in self._parts.items():
            if item not in heard_items:
                cuts[item, 0] = Cut(item, 0, None)
            elif taken[item, content] < samples:
                keep = taken[item, content] * 1000 // self.rate
                cuts[item, content] = Cut(item, content, keep)
        return list(cuts.values())
