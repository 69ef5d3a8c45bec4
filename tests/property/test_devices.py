"""Names, merging and waiting, whatever strangers announce and in whatever order."""

import string
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.tools.devices import awaiting
from appliance.tools.devices.awaiting import End, Waiting
from appliance.tools.devices.merge import merge, topics_of
from appliance.tools.devices.model import Answer, Kind, Source, Thing, Trait, Value
from appliance.tools.devices.naming import LONGEST, Given, Names, clean, name_things, slug
from appliance.units import Seconds
from tests.announcing import thing_of

WORDS = st.sampled_from(["lamp", "Lamp", "LAMP 2", "desk", "", "  ", "灯", "<b>", "a_b", "lamp_2"])
NAMES = st.one_of(WORDS, st.text(max_size=80))


@st.composite
def things(draw: st.DrawFn) -> Thing:
    source = draw(st.sampled_from(Source))
    unique = draw(st.integers(0, 12))
    return replace(
        thing_of(
            draw(st.sampled_from(["t1", "t2", "t3"])),
            Trait.POWER,
            kind=draw(st.sampled_from([Kind.LIGHT, Kind.SWITCH, Kind.SENSOR])),
            source=source,
        ),
        key=f"{source}:{unique}",
        name=draw(NAMES),
        device=draw(NAMES),
        area=draw(NAMES),
        identity=draw(st.frozensets(st.sampled_from("abc"), min_size=1)),
    )


HOUSES = st.lists(things(), max_size=12, unique_by=lambda thing: thing.key)


@given(st.text(max_size=300))
def test_a_clean_name_is_one_short_line_that_can_do_nothing(text: str) -> None:
    name = clean(text)
    assert len(name) <= LONGEST
    assert name == " ".join(name.split())
    assert not set(name) & set('<>{}[]|\\`*_#~$"!?;:=@^\n\r\t\x00\x1b')
    assert not any(unicodedata.category(each) in ("Cc", "Cf", "Zl", "Zp", "Cs") for each in name)
    assert clean(name) == name
    assert set(slug(name)) <= set(string.ascii_lowercase + string.digits + "_")


@settings(max_examples=60)
@given(HOUSES, st.randoms())
def test_ids_are_unique_and_do_not_depend_on_the_order(house: list[Thing], chance: object) -> None:
    known = name_things(house)
    assert len(known) == len(house)
    for name, each in known.items():
        assert each.id == name
        assert 1 <= len(name) <= 64
        assert set(name) <= set(string.ascii_lowercase + string.digits + "_")
        assert 1 <= len(each.name) <= LONGEST
    mixed = list(house)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    again = name_things(mixed)
    assert {name: each.thing.key for name, each in again.items()} == {
        name: each.thing.key for name, each in known.items()
    }
    assert list(again) == list(known)


@settings(max_examples=60)
@given(HOUSES, things())
def test_a_fixed_id_is_nobody_elses(house: list[Thing], newcomer: Thing) -> None:
    if not house:
        return
    owner = house[0]
    names = Names({owner.key: Given(id="front_door", name="Front door")})
    others = [thing for thing in house[1:] if thing.key != newcomer.key]
    newcomer = replace(newcomer, name="front door", key="homeassistant:new")
    known = name_things([*others, newcomer, owner], names)
    assert known["front_door"].thing is owner
    assert known["front_door"].name == "Front door"
    assert len(known) == len(others) + 2


@settings(max_examples=60)
@given(st.lists(st.lists(things(), max_size=6), max_size=6), st.integers(0, 20))
def test_every_announced_thing_is_there_once_or_left_out_once(
    announced: list[list[Thing]], most: int
) -> None:
    merged = merge(announced, most=most)
    everything = [thing for each in announced for thing in each]
    keys = [thing.key for thing in merged.things]
    assert len(set(keys)) == len(keys) <= most
    assert len(everything) == len(keys) + len(merged.left_out)
    first: dict[str, Thing] = {}
    for thing in everything:
        first.setdefault(thing.key, thing)
    assert all(first[thing.key] is thing for thing in merged.things)
    rules = Counter(each.rule for each in merged.left_out)
    assert rules["duplicate_id"] == len(everything) - len(first)


def said_of_device(house: list[Thing], thing: Thing) -> set[str]:
    """Return all topics that one convention reads of the device that a thing is part of."""
    return {
        topic
        for each in house
        if (each.source, each.identity) == (thing.source, thing.identity)
        for topic in topics_of(each)
    }


@settings(max_examples=60)
@given(st.lists(things(), max_size=10, unique_by=lambda thing: thing.key))
def test_nobody_is_replaced_by_one_who_reads_other_topics(house: list[Thing]) -> None:
    kept = {thing.key for thing in merge([house], most=100).things}
    for thing in house:
        replaced = any(
            list(Source).index(other.source) < list(Source).index(thing.source)
            and other.kind is thing.kind
            and other.identity & thing.identity
            and said_of_device(house, other) & said_of_device(house, thing)
            for other in house
        )
        assert (thing.key not in kept) == replaced


VALUES = st.one_of(st.booleans(), st.integers(-5, 105), st.sampled_from(["open", "opening"]))


@st.composite
def orders(draw: st.DrawFn) -> list[Waiting]:
    traits = draw(
        st.lists(st.sampled_from([Trait.POWER, Trait.BRIGHTNESS, Trait.PRESS]), min_size=1)
    )
    thing = thing_of("lamp", Trait.POWER, Trait.BRIGHTNESS, Trait.PRESS)
    return [
        Waiting(
            key=number,
            id=draw(st.sampled_from(["a", "b"])),
            wanted={trait: draw(VALUES) for trait in traits},
            features=thing.features,
            before={},
            until=Seconds(draw(st.floats(0, 10))),
            answers=draw(st.frozensets(st.sampled_from([Answer("r", "1"), Answer("r", "2")]))),
        )
        for number in range(draw(st.integers(1, 5)))
    ]


Event = tuple[str, object]
EVENTS = st.one_of(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.dictionaries(st.sampled_from([Trait.POWER, Trait.BRIGHTNESS]), VALUES),
    ),
    st.tuples(st.just("answer"), st.tuples(st.sampled_from("123"), st.booleans())),
    st.tuples(st.just("time"), st.floats(0, 10)),
)


def step(pending: awaiting.Pending, event: Event) -> awaiting.Step:
    match event:
        case "answer", (str(key), bool(refused)):
            return awaiting.take_answer(pending, Answer("r", key), refused=refused)
        case "time", float(now):
            return awaiting.expire(pending, Seconds(now))
        case str(name), dict(said):
            return awaiting.take(pending, name, said)
        case _:
            raise AssertionError(event)


@settings(max_examples=60)
@given(orders(), st.lists(EVENTS, max_size=20))
def test_every_order_ends_exactly_once(waiting: list[Waiting], events: list[Event]) -> None:
    pending: awaiting.Pending = ()
    for each in waiting:
        pending = awaiting.add(pending, each)
    ended: list[awaiting.Ended] = []
    for event in events:
        pending, more = step(pending, event)
        ended += more
    pending, lost = awaiting.lose(pending)
    ended += lost
    assert pending == ()
    assert sorted(each.key for each in ended) == [each.key for each in waiting]
    assert awaiting.deadline(pending) is None


@settings(max_examples=60)
@given(orders(), st.lists(EVENTS, max_size=20))
def test_done_is_only_what_the_house_has_said(waiting: list[Waiting], events: list[Event]) -> None:
    by_key = {each.key: each for each in waiting}
    pending: awaiting.Pending = tuple(waiting)
    heard: dict[str, dict[Trait, Value]] = {"a": {}, "b": {}}
    for event in events:
        name, said = event
        if isinstance(said, Mapping):
            heard[name] |= said
        pending, ended = step(pending, event)
        for each in ended:
            order = by_key[each.key]
            readable = awaiting.readable(order.wanted, order.features)
            if each.end is End.DONE and readable:
                assert all(
                    awaiting.matches(
                        trait, order.features[trait], order.wanted[trait], heard[order.id][trait]
                    )
                    for trait in readable
                )
