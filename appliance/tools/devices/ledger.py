"""What was announced, by whom, and what is there because of it.

Called from one thread at a time, never the event loop's: a payload may have a megabyte.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from appliance.ports import Message
from appliance.tools.devices.fit import refusal_of_message, refusal_of_thing
from appliance.tools.devices.known import Known
from appliance.tools.devices.merge import Merged, merge
from appliance.tools.devices.model import Dialect, LeftOut, Outgoing, Sighting, Source, Thing
from appliance.tools.devices.naming import Names, clean, name_things

log = logging.getLogger(__name__)

MOST_ORIGINS = 20_000
"""Announcements that are kept."""

MOST_ORPHANS = 40_000
"""Topics that are remembered."""

MOST_REASONS = 50
"""Things of one announcement that are listed as left out."""

Place = tuple[int, str]
"""Which dialect, and the topic of what it was given."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What there is now."""

    known: Mapping[str, Known]
    left_out: tuple[LeftOut, ...]


class Ledger:
    """Keeps what the dialects made of the announcements.

    Args:
        dialects: They remember, too; nobody else may call them.
        most: Things that are kept.
    """

    def __init__(self, dialects: Sequence[tuple[Source, Dialect]], *, most: int) -> None:
        self._dialects = dialects
        self._most = most
        self._sightings: dict[str, Sighting] = {}
        self._refused: dict[Place, LeftOut] = {}
        self._digests: dict[Place, int] = {}
        self._places: dict[str, set[Place]] = defaultdict(set)
        self._merged: Merged | None = None
        self._survey: Survey | None = None
        self._named: tuple[Names, tuple[str, ...]] | None = None
        self._asks: list[tuple[str, Outgoing]] = []

    def take(self, number: int, message: Message) -> None:
        """Take an announcement for a dialect; what says the same again costs nothing."""
        place = (number, message.topic)
        digest = hash(message.payload)
        if message.retained and self._digests.get(place) == digest:
            return
        if len(self._digests) >= MOST_ORPHANS and place not in self._digests:
            self._refuse(place, "too_many")
            return
        self._digests[place] = digest
        if self._refused.pop(place, None) is not None:
            self._survey = None
        if (rule := refusal_of_message(self._dialects[number][0], message)) is not None:
            self._refuse(place, rule)
            message = Message(message.topic, b"", retained=True)  # what it said before is over
        self._hand(place, message)

    def retire(self, seen: frozenset[Place]) -> None:
        """Forget what was announced by none of these: its announcement is gone."""
        gone = [origin for origin, places in self._places.items() if places.isdisjoint(seen)]
        for origin in gone:
            for place in tuple(self._places.get(origin, ())):
                self._digests.pop(place, None)
                self._hand(place, Message(place[1], b"", retained=True))
            self._drop(origin)
        for place in self._refused.keys() - seen:
            del self._refused[place]
            self._survey = None
            self._digests.pop(place, None)

    def asks(self) -> list[tuple[str, Outgoing]]:
        """Return, once, the questions that came up, each with the origin that raises it."""
        asks, self._asks = self._asks, []
        return asks

    def survey(self, names: Names, hidden: Iterable[str] = ()) -> Survey:
        """Return what there is, named: the same object until it changes.

        Args:
            names: The owner's words.
            hidden: Ids that nobody may ask for; ``*`` stands for any letters.
        """
        named = (names, tuple(hidden))
        if self._merged is None:
            self._merged = merge(
                (sighting.things for sighting in self._sightings.values()), most=self._most
            )
            self._survey = None
        if self._survey is None or self._named != named:
            said = [each for sighting in self._sightings.values() for each in sighting.left_out]
            reasons = (*self._refused.values(), *said, *self._merged.left_out)
            self._named = named
            self._survey = Survey(
                name_things(self._merged.things, names, hidden=named[1]),
                tuple(replace(each, name=clean(each.name)) for each in reasons),
            )
        return self._survey

    def _hand(self, place: Place, message: Message) -> None:
        source, dialect = self._dialects[place[0]]
        try:
            sightings = dialect.take(message)
        except Exception as error:  # noqa: BLE001 - whatever a stranger's payload does
            # neither the payload nor the message of the error: both are a stranger's words
            log.warning(
                "devices: %s cannot read an announcement: %s", source, type(error).__name__
            )
            self._refuse(place, "unreadable")
            for origin in [each for each, places in self._places.items() if place in places]:
                self._drop(origin)  # what it said before is over
            return
        for sighting in sightings:
            self._keep(place, sighting)
            if sighting.asks:
                self._digests.pop(place, None)  # to hear it again is a reason to ask again

    def _keep(self, place: Place, sighting: Sighting) -> None:
        origin = f"{place[0]}:{sighting.origin}"
        self._asks += [(origin, ask) for ask in sighting.asks]
        if not sighting.things and not sighting.left_out and not sighting.asks:
            self._drop(origin)
            return
        if len(self._sightings) >= MOST_ORIGINS and origin not in self._sightings:
            self._refuse(place, "too_many")
            return
        kept: list[Thing] = []
        left_out = list(sighting.left_out[:MOST_REASONS])
        for thing in sighting.things:
            if (rule := refusal_of_thing(thing)) is None:
                kept.append(thing)
            elif len(left_out) < MOST_REASONS:
                left_out.append(LeftOut(thing.name, rule))
        now = Sighting(sighting.origin, tuple(kept), tuple(left_out))
        if self._sightings.get(origin) != now:
            self._sightings[origin] = now
            self._merged = None
        self._places[origin].add(place)

    def _drop(self, origin: str) -> None:
        if self._sightings.pop(origin, None) is not None:
            self._merged = None
        self._places.pop(origin, None)

    def _refuse(self, place: Place, rule: str) -> None:
        if len(self._refused) < MOST_REASONS * 20:
            self._refused[place] = LeftOut(place[1], rule)
            self._survey = None
