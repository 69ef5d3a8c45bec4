"""Follows what the house says of its things. Event loop only.

Each topic is subscribed to once, and each reader of it reads a message once, however many things
share it. What is kept is bounded by the number of things: a value for each trait.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from appliance.ports import ActionBus, Message
from appliance.tools.devices.fit import LARGEST
from appliance.tools.devices.model import Availability, Reader, Thing, Trait, Value

log = logging.getLogger(__name__)

LONGEST_TEXT = 255
"""Characters of a value that is kept."""

LARGEST_NUMBER = 1e15

AT_ONCE = 50
"""Things that are begun to be listened to before the event loop may do something else."""

Heard = Callable[[str, Mapping[Trait, Value]], None]
"""Is told what a message that is not retained says of a thing."""

_Slot = tuple[str, Trait | int]
"""Id of a thing, and what of it is told: a trait, or by number an availability."""


@dataclass(slots=True)
class _State:
    thing: Thing
    values: dict[Trait, Value] = field(default_factory=dict)
    available: dict[int, bool] = field(default_factory=dict)
    latest: bool = True


class States:
    """What is known of the things.

    Args:
        bus: The house's messages.
        heard: Is told what is said, for things that are ``attended``.
    """

    def __init__(self, bus: ActionBus, heard: Heard) -> None:
        self._bus = bus
        self._heard = heard
        self._states: dict[str, _State] = {}
        self._topics: dict[str, dict[Reader, list[_Slot]]] = {}
        self._undo: dict[str, Callable[[], None]] = {}
        self.attended: set[str] = set()
        """Ids of things whose every word is told; whoever awaits something adds them."""

    def follow(self, things: Mapping[str, Thing]) -> Iterator[None]:
        """Listen to these things, and no longer to any others.

        Yields:
            Now and then, to let the event loop do something else; go on until it ends.
        """
        for name in [name for name in self._states if name not in things]:
            self._remove(name)
        new = [
            (name, thing)
            for name, thing in things.items()
            if name not in self._states or self._states[name].thing is not thing
        ]
        for begin in range(0, len(new), AT_ONCE):
            fresh: set[str] = set()
            for name, thing in new[begin : begin + AT_ONCE]:
                before = self._states.get(name)
                if before is not None:
                    self._remove(name)
                fresh |= self._add(name, thing, before)
            self._listen(fresh)
            yield
        for topic in [topic for topic in self._undo if topic not in self._topics]:
            self._undo.pop(topic)()

    def _listen(self, topics: set[str]) -> None:
        for topic in sorted(topics):
            undo = self._undo.get(topic)
            self._undo[topic] = self._bus.subscribe(topic, self._on_message, qos=0)
            if undo is not None:  # asked for again, so that a newcomer hears what is retained
                undo()

    def connection_lost(self) -> None:
        """Know nothing any more: while nobody listened, everything may have changed."""
        for state in self._states.values():
            state.values.clear()
            state.available.clear()
            state.latest = True

    def now(self, name: str) -> Mapping[Trait, Value]:
        """Return what is known of a thing; empty: nothing."""
        state = self._states.get(name)
        return {} if state is None else dict(state.values)

    def doubt(self, name: str, traits: Iterable[Trait]) -> None:
        """Know these no more, until the house says how it is now."""
        if (state := self._states.get(name)) is not None:
            for trait in traits:
                state.values.pop(trait, None)

    def reachable(self, name: str) -> bool:
        """Return whether a thing can be reached, as far as anybody says."""
        state = self._states.get(name)
        if state is None:
            return False
        match state.thing.availability:
            case Availability(mode="latest"):
                return state.latest
            case Availability(mode="any", reads=reads):
                return len(state.available) < len(reads) or any(state.available.values())
            case _:
                return all(state.available.values())

    def _add(self, name: str, thing: Thing, before: _State | None) -> set[str]:
        """Add a thing; return the topics of which it has yet to hear what is retained."""
        state = self._states[name] = _State(thing)
        fresh: set[str] = set()
        for slot, reader in _slots(name, thing):
            self._topics.setdefault(reader.topic, {}).setdefault(reader, []).append(slot)
            fresh.add(reader.topic)
        if before is None:
            return fresh
        for trait, feature in thing.features.items():
            old = before.thing.features.get(trait)
            if old is not None and old.reads == feature.reads and trait in before.values:
                state.values[trait] = before.values[trait]
        if before.thing.availability == thing.availability:
            state.available, state.latest = before.available, before.latest
        return (
            fresh if _listens_to(before.thing) != _listens_to(thing) else fresh - self._undo.keys()
        )

    def _remove(self, name: str) -> None:
        state = self._states.pop(name)
        for slot, reader in _slots(name, state.thing):
            readers = self._topics[reader.topic]
            slots = readers[reader]
            slots.remove(slot)
            if not slots:
                del readers[reader]
            if not readers:
                del self._topics[reader.topic]

    def _on_message(self, message: Message) -> None:
        if len(message.payload) > LARGEST:
            return
        said: dict[str, dict[Trait, Value]] = defaultdict(dict)
        for reader, slots in self._topics.get(message.topic, {}).items():
            value = _read(reader, message)
            if value is None:
                continue
            for name, what in slots:
                state = self._states[name]
                if isinstance(what, int):
                    if isinstance(value, bool):
                        state.available[what] = state.latest = value
                else:
                    state.values[what] = value
                    if name in self.attended:
                        said[name][what] = value
        if not message.retained:
            for name, values in said.items():
                self._heard(name, values)


def _slots(name: str, thing: Thing) -> Iterable[tuple[_Slot, Reader]]:
    for trait, feature in thing.features.items():
        for reader in dict.fromkeys(feature.reads):
            yield (name, trait), reader
    for number, reader in enumerate(thing.availability.reads):
        yield (name, number), reader


def _listens_to(thing: Thing) -> set[Reader]:
    return {reader for _, reader in _slots("", thing)}


def _read(reader: Reader, message: Message) -> Value | None:
    try:
        return _sane(reader.read(message))
    except Exception as error:  # noqa: BLE001 - one bad reader must not silence the others
        log.warning("devices: a state cannot be read: %s", type(error).__name__)
        return None


def _sane(value: Value | None) -> Value | None:
    match value:
        case None | bool():
            return value
        case str():
            return value[:LONGEST_TEXT]
        case int() | float():
            return value if -LARGEST_NUMBER <= value <= LARGEST_NUMBER else None  # nor NaN
