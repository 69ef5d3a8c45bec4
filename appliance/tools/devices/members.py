"""What an order changes, thing by thing, for the gate: groups and scenes move others. Pure."""

from collections.abc import Iterator, Mapping

from appliance.tools.devices.known import Known, Order
from appliance.tools.devices.model import Kind, Trait
from appliance.tools.plan import Act

MOST_MEMBERS = 200
"""Things that one call is worked out for; of a larger group nobody knows what it moves."""

_SETTINGS = (Kind.NUMBER, Kind.SELECT, Kind.TEXT, Kind.BUTTON, Kind.SWITCH)
"""Kinds that are settings where they are not what a device is bought for."""


def acts_of(known: Known, order: Order, everything: Mapping[str, Known]) -> tuple[Act, ...]:
    """Return what an order would change, those things included that a group or scene moves.

    What is said of the whole is said of every member that has the same trait; of one that lacks
    it nobody here knows what becomes of it, and the act says so: its trait is empty. A member
    that is not known, and a group of more than ``MOST_MEMBERS``, makes the whole opaque.
    """
    if known.thing.kind is Kind.SCENE and not known.thing.members:
        return _acts(known, order, opaque=True)
    if not known.thing.members:
        return _acts(known, order, opaque=known.thing.opaque)
    moved, missing = _moved(known, everything)
    opaque = known.thing.opaque or missing or len(moved) > MOST_MEMBERS
    others = tuple(act for one in moved[:MOST_MEMBERS] for act in _member(one, order))
    return (*_acts(known, order, opaque=opaque), *others)


def _moved(group: Known, everything: Mapping[str, Known]) -> tuple[list[Known], bool]:
    """Return the things that can be set of a group's devices, and of groups among them.

    The second is whether a device is missing.
    """
    found: dict[str, Known] = {}
    wanted = set(group.thing.members)
    seen = set(group.thing.identity)
    new = set(wanted)
    while new:
        ours = [
            one
            for one in everything.values()
            if one.id != group.id and one.id not in found and one.thing.identity & new
        ]
        seen |= {name for one in ours for name in one.thing.identity}
        movable = [one for one in ours if _can_move(one)]
        found |= {one.id: one for one in movable}
        new = {name for one in movable for name in one.thing.members} - wanted
        wanted |= new
        if len(found) > MOST_MEMBERS:
            break
    return list(found.values()), not wanted <= seen


def _can_move(one: Known) -> bool:
    """Tell whether a thing of a device in a group may be what the group moves."""
    return one.thing.writer is not None and (one.thing.main or one.thing.kind not in _SETTINGS)


def _acts(known: Known, order: Order, *, opaque: bool) -> tuple[Act, ...]:
    return tuple(_act(known, trait, value, opaque=opaque) for trait, value in order.wanted.items())


def _member(one: Known, order: Order) -> Iterator[Act]:
    named = False
    for trait, value in order.wanted.items():
        feature = one.thing.features.get(trait)
        if trait is not Trait.PRESS and feature is not None and feature.settable:
            named = True
            yield _act(one, trait, value, opaque=one.thing.opaque)
    if not named:
        yield _act(one, None, None, opaque=one.thing.opaque)


def _act(one: Known, trait: Trait | None, value: object, *, opaque: bool) -> Act:
    return Act(
        one.thing.kind.value,
        trait.value if trait is not None else "",
        value,
        one.id,
        one.name,
        one.thing.device_class,
        opaque,
    )
