"""Which other players are made softer, by how much, and what they are owed afterwards (pure).

A stream is known by its index while it lasts. What it is owed, its volume from before, is known
by its owner, too, because sound servers remember the volume of a program's last stream and give it
to the program's next one (PulseAudio's ``module-stream-restore``, WirePlumber's
``restore-stream``): a player that ends while it is soft would begin softly ever after.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from appliance.units import Seconds

Volumes = tuple[float, ...]
"""One for each channel, as the sound server counts: 1.0 is 0 dB, cubic below."""

STEPS = 10
"""Of a ramp, down or up."""

SETTLING = Seconds(0.5)
"""So long after a change a reading may still be an older one: PipeWire tells late."""

NEAR = 2e-4
"""Readings that differ by less are the same volume: servers round to 1/65536; a person who turns a
knob moves it by far more."""

SIGHTINGS = 3
"""So often a stream must be seen with a volume of its own until its owner is owed nothing:
WirePlumber restores the volume of a new stream a moment after it has appeared."""

MOST_OWNERS = 32
"""Who may be owed something; the oldest is forgotten."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What another program plays, as the sound server tells of it."""

    index: int
    owner: str
    """Under which the server remembers its volume."""

    volumes: Volumes
    playing: bool = True
    """It is not paused (corked)."""


@dataclass(frozen=True, slots=True)
class Change:
    """A volume to be set."""

    index: int
    volumes: Volumes


@dataclass(frozen=True, slots=True)
class Owed:
    """What a player had before, and by how much it was made softer."""

    before: Volumes
    by_db: float

    def at(self, step: int) -> Volumes:
        """Return its volumes at a step of the ramp; 0: as before.

        A volume is the cube root of the amplitude (``pa_sw_volume_from_linear``), so 60 dB are a
        factor of ten.
        """
        if not step:
            return self.before
        factor = float(10 ** (-self.by_db * step / STEPS / 60))
        return tuple(each * factor for each in self.before)

    def step_of(self, volumes: Volumes) -> int | None:
        """Return the step at which the volumes would be these, ``None``: at none."""
        return next((n for n in range(STEPS + 1) if _near(self.at(n), volumes)), None)


@dataclass(frozen=True, slots=True)
class _Hold:
    """A stream in our hands."""

    owner: str
    owed: Owed
    step: int
    changed: Seconds
    """When we set its volume last."""

    let_go: bool = False
    """Somebody else has set its volume: it is theirs until it ends."""


class Softening:
    """Decides; see the head of this module. From one thread.

    Args:
        by_db: By how much players are made softer.
        owed: What owners are owed from before, perhaps by another life of the program.
    """

    def __init__(self, by_db: float, owed: Mapping[str, Sequence[Owed]] | None = None) -> None:
        self.wanted = False
        """Whether players are to be soft now."""

        self.owed: dict[str, tuple[Owed, ...]] = {
            owner: tuple(each) for owner, each in (owed or {}).items()
        }
        """What owners are owed; to be kept in a place that survives us."""

        self._by_db = by_db
        self._holds: dict[int, _Hold] = {}
        self._sightings: dict[str, int] = {}

    @property
    def moving(self) -> bool:
        """Whether some stream is not yet as soft, or as loud again, as it is to be."""
        aim = STEPS if self.wanted else 0
        return any(hold.step != aim and not hold.let_go for hold in self._holds.values())

    def step(self, streams: Sequence[Stream], now: Seconds) -> list[Change]:
        """Take all that others play now; return what is to be set.

        Args:
            streams: All of them.
            now: Of any clock that never goes back.
        """
        there = {stream.index for stream in streams}
        for index in set(self._holds) - there:
            del self._holds[index]  # what its owner is owed stays
        changes = []
        for stream in streams:
            hold = self._look(stream, now)
            if hold is None:
                continue
            if not hold.let_go and (change := self._move(stream.index, hold, now)) is not None:
                changes.append(change)
        return changes

    def hurry(self) -> None:
        """Let the next step bring back everything at once: there is no time for a ramp."""
        self.wanted = False
        for index, hold in self._holds.items():
            self._holds[index] = replace(hold, step=min(1, hold.step))

    def lose(self) -> None:
        """Forget all streams: the server is gone. What owners are owed stays."""
        self._holds.clear()
        self._sightings.clear()

    def _look(self, stream: Stream, now: Seconds) -> _Hold | None:
        hold = self._holds.get(stream.index)
        if hold is None:
            hold = self._take(stream, now)
        elif not hold.let_go and not _ours(hold, stream.volumes, now):
            hold = replace(hold, let_go=True)
            self._settle(hold.owner, stream.index)
        elif hold.let_go and not self.wanted:
            self._holds.pop(stream.index)
            return None
        if hold is not None:
            self._holds[stream.index] = hold
        return hold

    def _take(self, stream: Stream, now: Seconds) -> _Hold | None:
        """Take a stream that is new to us in hand, if it is any of our business."""
        for owed in self.owed.get(stream.owner, ()):
            if step := owed.step_of(stream.volumes):
                return _Hold(stream.owner, owed, step, now)
        if self.wanted and stream.playing and any(stream.volumes):
            owed = Owed(stream.volumes, self._by_db)
            self._owe(stream.owner, owed)
            return _Hold(stream.owner, owed, 0, now)
        if stream.owner in self.owed and not self.wanted:
            seen = self._sightings.get(stream.owner, 0) + 1
            self._sightings[stream.owner] = seen
            if seen >= SIGHTINGS:
                self._settle(stream.owner, stream.index)
        return None

    def _move(self, index: int, hold: _Hold, now: Seconds) -> Change | None:
        aim = STEPS if self.wanted else 0
        if hold.step == aim:
            return None
        step = hold.step + (1 if aim > hold.step else -1)
        if step == 0:
            del self._holds[index]
            self._settle(hold.owner, index)
        else:
            self._holds[index] = replace(hold, step=step, changed=now)
        return Change(index, hold.owed.at(step))

    def _owe(self, owner: str, owed: Owed) -> None:
        known = self.owed.pop(owner, ())
        self.owed[owner] = known if owed in known else (*known, owed)
        while len(self.owed) > MOST_OWNERS:
            del self.owed[next(iter(self.owed))]

    def _settle(self, owner: str, index: int) -> None:
        """Owe an owner nothing more, unless another stream of theirs is in our hands."""
        self._sightings.pop(owner, None)
        others = (hold for other, hold in self._holds.items() if other != index)
        if not any(hold.owner == owner and not hold.let_go for hold in others):
            self.owed.pop(owner, None)


def _ours(hold: _Hold, volumes: Volumes, now: Seconds) -> bool:
    """Return whether nobody else has set the volume of a stream in our hands."""
    if now - hold.changed < SETTLING:
        return hold.owed.step_of(volumes) is not None
    return _near(hold.owed.at(hold.step), volumes)


def _near(one: Volumes, other: Volumes) -> bool:
    return len(one) == len(other) and all(
        abs(a - b) < NEAR for a, b in zip(one, other, strict=True)
    )
