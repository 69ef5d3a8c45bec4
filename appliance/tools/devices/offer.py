"""The few typed tools that are made of the devices of a house, and what a call of one would do.

Pure: nothing here waits or sends. A tool is offered only where there is something that it is for,
and takes only what some such thing can do; what this very thing can do is looked at when it is
called.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from appliance.catalogue import ToolSpec
from appliance.ports import ToolResult
from appliance.tools.audit import note_sent
from appliance.tools.devices import find, telling
from appliance.tools.devices.families import DEVICE, FAMILIES, Family
from appliance.tools.devices.known import Household, Known
from appliance.tools.devices.members import acts_of
from appliance.tools.devices.model import Kind, Trait
from appliance.tools.devices.orders import Refused, all_fahrenheit, has, order, verb
from appliance.tools.devices.phrases import Phrases
from appliance.tools.devices.specs import Makes, sorted_for
from appliance.tools.plan import Plan, Planned
from appliance.tools.wording import Wording
from appliance.units import Seconds

SOURCE = "devices"

PATIENCE = Seconds(120.0)
"""Longer than any device is waited for: what was sent must not be called failed."""

_READ, _WARM, _FIND = "read_device", "read_temperature", "find_device"
_SENSORS = (Kind.SENSOR, Kind.BINARY_SENSOR)
_OF_KIND = {kind: family for family in FAMILIES for kind in family.kinds}


def offer(
    household: Household, words: Wording, *, most_listed: int, area: str | None
) -> tuple[Planned, ...]:
    """Make the tools for what the house has now.

    Args:
        household: Its devices.
        words: The phrases of the language.
        most_listed: Ids that a model is told beforehand, in all tools together.
        area: The room that the box stands in, whose things come first.
    """
    known = household.known()
    if not known:
        return ()
    main = sorted_for(area, (one for one in known.values() if one.thing.main))
    able = {one.id for one in main if _is_for(one)}
    told = (one.id for one in main if one.id in able or _reads(one))
    listed = frozenset(islice(told, max(0, most_listed)))
    taken = frozenset(name.casefold() for one in main for name in (one.name, *one.aliases))
    makes = Makes(words, Phrases(words), listed, taken)
    tools = _Tools(household, makes)
    made: list[Planned] = []
    for family in FAMILIES:
        ours = [one for one in main if one.thing.kind in family.kinds and one.id in able]
        if ours:
            made.append(tools.control(family, ours))
    readable = [one for one in main if _reads(one)]
    if readable:
        made.append(tools.read(readable))
    rooms = warm(readable)
    if rooms:
        made.append(tools.warmth(rooms))
    made.append(tools.find(tuple(known.values())))
    return tuple(made)


def warm(known: Sequence[Known]) -> tuple[Known, ...]:
    """Return what tells how warm it is: for each room the one thing that tells it best."""
    best: dict[str, Known] = {}
    alone: list[Known] = []
    for one in sorted(known, key=_warmth_order):
        if _warmth_order(one)[0] >= _NO_WARMTH:
            continue
        if one.area is None:
            alone.append(one)
        else:
            best.setdefault(one.area.casefold(), one)
    return (*best.values(), *alone)


_NO_WARMTH = 3


def _warmth_order(one: Known) -> tuple[int, int, str]:
    """Sort the room's own sensor first: "kitchen temperature" before "freezer temperature"."""
    features = one.thing.features
    if one.thing.kind is Kind.SENSOR and one.thing.device_class == "temperature":
        is_room = one.area is not None and one.area.casefold() in one.name.casefold()
        return (0 if is_room else 2), len(one.name), one.id
    return (1 if Trait.CURRENT_TEMPERATURE in features else _NO_WARMTH), len(one.name), one.id


def _reads(one: Known) -> bool:
    return any(feature.reads for feature in one.thing.features.values())


def _is_for(one: Known) -> bool:
    """Tell whether some tool can do something with a thing."""
    family = _OF_KIND.get(one.thing.kind)
    if family is None:
        return False
    if not family.parameters:
        return bool(verb(one.thing, Trait.PRESS, value=True))
    return any(has(one.thing, parameter) for parameter in family.parameters)


@dataclass(frozen=True, slots=True)
class _Tools:
    """Makes tools of specs and what calls of them would do."""

    household: Household
    makes: Makes

    def control(self, family: Family, ours: Sequence[Known]) -> Planned:
        """Return the tool of a family."""
        fahrenheit = all_fahrenheit(one.thing for one in ours)

        def plan(arguments: Mapping[str, object]) -> Plan | ToolResult:
            return self._act(family, arguments, fahrenheit=fahrenheit)

        return Planned(self.makes.control(family, ours, fahrenheit=fahrenheit), plan, SOURCE)

    def read(self, readable: Sequence[Known]) -> Planned:
        """Return the tool that reads anything."""
        controlled = {one.id for one in readable if one.thing.kind not in _SENSORS}
        spec = self.makes.reading(_READ, readable, controlled)
        return self._telling(spec, telling.reading)

    def warmth(self, rooms: Sequence[Known]) -> Planned:
        """Return the tool that tells how warm a room is."""
        spec = self.makes.reading(
            _WARM, rooms, {one.id for one in rooms}, intent="HassClimateGetTemperature"
        )
        return self._telling(spec, telling.temperature)

    def find(self, known: Sequence[Known]) -> Planned:
        """Return the tool that finds things."""
        spec = self.makes.finding(_FIND, known)
        none = self.makes.words.text(_FIND, "none")

        def plan(arguments: Mapping[str, object]) -> Plan | ToolResult:
            async def run() -> ToolResult:
                things = self.household.known().values()
                return find.found(self.makes.phrases, things, arguments, none)

            return Plan((), run, untrusted=True)

        return Planned(spec, plan, SOURCE)

    def _telling(self, spec: ToolSpec, tell: "_Tells") -> Planned:
        def plan(arguments: Mapping[str, object]) -> Plan | ToolResult:
            known = self._known(arguments)
            if known is None:
                return self._refused(None, Refused("unknown_device"))

            async def run() -> ToolResult:
                now = self.household.now(known.id)
                reachable = self.household.reachable(known.id)
                return tell(self.makes.phrases, known, now, reachable=reachable)

            return Plan((), run, untrusted=True)

        return Planned(spec, plan, SOURCE)

    def _known(self, arguments: Mapping[str, object]) -> Known | None:
        return self.household.known().get(str(arguments.get(DEVICE)))

    def _refused(self, known: Known | None, refusal: Refused) -> ToolResult:
        return telling.refused(self.makes.phrases, known, refusal)

    def _act(
        self, family: Family, arguments: Mapping[str, object], *, fahrenheit: bool
    ) -> Plan | ToolResult:
        phrases = self.makes.phrases
        known = self._known(arguments)
        if known is None:
            return self._refused(None, Refused("unknown_device"))
        own = _OF_KIND.get(known.thing.kind)
        if own is None:
            return self._refused(known, Refused("cannot"))
        said = {name for name in arguments if name != DEVICE}
        if said - {parameter.name for parameter in own.parameters}:
            return self._refused(known, Refused("cannot"))
        scale = fahrenheit if own is family else False
        wanted = order(known, self.household.now(known.id), own, arguments, fahrenheit=scale)
        if isinstance(wanted, Refused):
            return self._refused(known, wanted)
        if not self.household.reachable(known.id):
            return telling.unreachable(phrases, known)

        async def run() -> ToolResult:
            outcome = await self.household.carry_out(wanted)
            note_sent(outcome.sent)
            return telling.ended(phrases, known, wanted, outcome)

        acts = acts_of(known, wanted, self.household.known())
        question = telling.question(phrases, known, wanted)
        return Plan(acts, run, question, patience=PATIENCE)


_Tells = Callable[..., ToolResult]
