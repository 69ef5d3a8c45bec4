"""Makes one device of one that was announced several times. Pure.

Three rules, and no one who announces something can bend them:

* Of two things with one key the first announcement counts; the later one is left out
  (``duplicate_id``), so nobody takes a thing's place by taking its name.
* Two announcements are of one physical device when they come from two conventions, share an
  identity, *and* read a topic in common: then the better convention's things count, and of the
  other's only those of a kind that the better one does not have (``seen_better`` for the rest).
* To claim a foreign identity is therefore not enough to replace a device: who reads other topics
  is another device, and both stay.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from appliance.tools.devices.model import Kind, LeftOut, Source, Thing

MOST_CLAIMS = 64
"""Announcements of one identity that are compared; a house has two or three."""

_RANK: Mapping[Source, int] = {source: rank for rank, source in enumerate(Source)}


@dataclass(frozen=True, slots=True)
class Merged:
    """What is there, and what was left out."""

    things: tuple[Thing, ...]
    """Keys are unique; in the order in which they were announced."""

    left_out: tuple[LeftOut, ...]


@dataclass(slots=True)
class _Record:
    """What one convention says of one physical device."""

    source: Source
    identity: frozenset[str]
    topics: set[str] = field(default_factory=set)
    kinds: set[Kind] = field(default_factory=set)


def merge(announced: Iterable[Sequence[Thing]], *, most: int) -> Merged:
    """Return every thing once.

    Args:
        announced: The things of each origin, in the order in which the origins came first.
        most: Things that are kept.
    """
    left_out: list[LeftOut] = []
    first: dict[str, Thing] = {}
    for thing in (thing for things in announced for thing in things):
        if thing.key in first:
            left_out.append(LeftOut(thing.name, "duplicate_id"))
        else:
            first[thing.key] = thing
    better = _seen_better(first.values())
    kept: list[Thing] = []
    for thing in first.values():
        if thing.key in better:
            left_out.append(LeftOut(thing.name, "seen_better"))
        elif len(kept) >= most:
            left_out.append(LeftOut(thing.name, "too_many"))
        else:
            kept.append(thing)
    return Merged(tuple(kept), tuple(left_out))


def _seen_better(things: Iterable[Thing]) -> set[str]:
    """Return the keys of things that a better convention has."""
    things = tuple(things)
    records: dict[tuple[Source, frozenset[str]], _Record] = {}
    for thing in things:
        place = (thing.source, thing.identity)
        record = records.setdefault(place, _Record(*place))
        record.topics |= topics_of(thing)
        record.kinds.add(thing.kind)
    by_identity: dict[str, list[_Record]] = defaultdict(list)
    for record in records.values():
        for name in record.identity:
            if len(by_identity[name]) < MOST_CLAIMS:
                by_identity[name].append(record)
    covered = {
        place: _covered(record, by_identity)
        for place, record in records.items()
        if _RANK[record.source]
    }
    return {
        thing.key
        for thing in things
        if thing.kind in covered.get((thing.source, thing.identity), ())
    }


def _covered(record: _Record, by_identity: Mapping[str, Sequence[_Record]]) -> set[Kind]:
    """Return the kinds that better conventions have of the same physical device."""
    kinds: set[Kind] = set()
    for name in record.identity:
        for other in by_identity[name]:
            if _RANK[other.source] < _RANK[record.source] and other.topics & record.topics:
                kinds |= other.kinds
    return kinds


def topics_of(thing: Thing) -> set[str]:
    """Return the topics that tell of a thing."""
    topics = {reader.topic for feature in thing.features.values() for reader in feature.reads}
    return topics | {reader.topic for reader in thing.availability.reads}
