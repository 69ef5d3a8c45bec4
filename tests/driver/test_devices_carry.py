"""Orders are sent once and confirmed by the house's states, never by anything else."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from appliance.ports import Message
from appliance.tools.devices.carry import Carrier
from appliance.tools.devices.known import Known, Order, Outcome
from appliance.tools.devices.model import (
    Answer,
    Availability,
    Feature,
    Flag,
    Kind,
    Outgoing,
    Thing,
    Trait,
    Unwritable,
    Value,
)
from appliance.units import Seconds
from tests.announcing import JsonReader, OnlineReader, thing_of
from tests.bus import FakeBus
from tests.virtual_time import run_virtual

PATIENCE = Seconds(2.0)


@dataclass
class Room:
    """A carrier and the house around it."""

    things: Mapping[str, Thing]
    bus: FakeBus = field(default_factory=FakeBus)

    def __post_init__(self) -> None:
        self.carrier = Carrier(self.bus, patience=PATIENCE)
        list(self.carrier.states.follow(self.things))

    async def order(self, name: str, **wanted: Value) -> Outcome:
        known = Known(name, self.things[name], name)
        return await self.carrier.carry_out(
            known, Order(name, {Trait(trait): value for trait, value in wanted.items()})
        )

    def say(self, name: str, *, retained: bool = False, **values: object) -> None:
        self.bus.say(f"plain/{name}", json.dumps(values).encode(), retained=retained)

    def later(self, delay: float, name: str, **values: object) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(delay, lambda: self.say(name, **values))  # type: ignore[arg-type]


def room(*traits: Trait, kind: Kind = Kind.LIGHT) -> Room:
    return Room({"lamp": thing_of("lamp", *traits, kind=kind)})


def test_an_order_is_published_once_and_done_when_the_house_says_so() -> None:
    async def scene() -> None:
        here = room()
        here.later(0.3, "lamp", power=True, brightness=31)
        outcome = await here.order("lamp", power=True, brightness=30)
        assert (outcome.status, outcome.reason) == ("done", "")
        assert outcome.now == {Trait.POWER: True, Trait.BRIGHTNESS: 31}
        assert [(sent.topic, sent.payload) for sent in outcome.sent] == here.bus.published
        assert len(here.bus.published) == 1
        assert asyncio.get_running_loop().time() == pytest.approx(0.3)

    run_virtual(scene())


def test_what_is_so_already_is_not_sent() -> None:
    async def scene() -> None:
        here = room()
        here.say("lamp", retained=True, power=True, brightness=50)
        assert (await here.order("lamp", power=True)).status == "unchanged"
        assert (await here.order("lamp", power=True, brightness=50.5)).status == "unchanged"
        assert here.bus.published == []
        assert (await here.order("lamp", power=True, brightness=80)).status == "unconfirmed"

    run_virtual(scene())


def test_what_was_known_before_the_connection_broke_is_not_so_already() -> None:
    async def scene() -> None:
        here = room()
        here.say("lamp", power=True)
        here.carrier.connection_lost()
        here.later(0.1, "lamp", power=True)
        assert (await here.order("lamp", power=True)).status == "done"
        assert len(here.bus.published) == 1

    run_virtual(scene())


@pytest.mark.parametrize("retained", [True, False])
def test_nothing_old_confirms(*, retained: bool) -> None:
    async def scene() -> None:
        here = room()
        here.say("lamp", power=True)
        loop = asyncio.get_running_loop()
        if retained:
            loop.call_later(0.1, lambda: here.say("lamp", retained=True, power=False))
        outcome = await here.order("lamp", power=False)
        assert outcome.status == "unconfirmed"
        assert loop.time() == pytest.approx(PATIENCE)

    run_virtual(scene())


def test_after_an_order_nothing_is_known_until_the_house_speaks() -> None:
    async def scene() -> None:
        here = room()
        here.say("lamp", power=False, brightness=10)
        assert (await here.order("lamp", power=True)).status == "unconfirmed"
        assert here.carrier.states.now("lamp") == {Trait.BRIGHTNESS: 10}
        here.later(0.1, "lamp", power=False)
        assert (await here.order("lamp", power=False)).status == "done"

    run_virtual(scene())


def test_a_cover_that_begins_to_move_is_underway_and_is_waited_for_longer() -> None:
    async def scene() -> None:
        here = room(Trait.OPENING, kind=Kind.COVER)
        here.later(5.0, "lamp", opening="closing")
        outcome = await here.order("lamp", opening="closed")
        assert (outcome.status, outcome.reason) == ("done", "underway")

    run_virtual(scene())


@pytest.mark.parametrize(
    ("first", "second", "reason"), [(40, 50, "underway"), (40, 41, ""), (60, 50, "underway")]
)
def test_a_position_that_comes_nearer_is_underway(first: int, second: int, reason: str) -> None:
    async def scene() -> None:
        here = room(Trait.POSITION, kind=Kind.COVER)
        here.say("lamp", position=first)
        wanted = 80 if first < second else 0
        if not reason:
            wanted = 0
        here.later(0.5, "lamp", position=second)
        outcome = await here.order("lamp", position=wanted)
        expected = ("done", "underway") if reason else ("unconfirmed", "")
        assert (outcome.status, outcome.reason) == expected

    run_virtual(scene())


def test_ajar_is_open_but_not_what_open_it_asks_for() -> None:
    async def scene() -> None:
        here = room(Trait.OPENING, Trait.POSITION, kind=Kind.COVER)
        here.say("lamp", opening="open", position=30)
        here.later(0.1, "lamp", opening="opening", position=30)
        assert (await here.order("lamp", opening="open")).reason == "underway"
        assert len(here.bus.published) == 1
        here.say("lamp", opening="open", position=100)
        assert (await here.order("lamp", opening="open")).status == "unchanged"
        here.later(0.1, "lamp", opening="open")
        assert (await here.order("lamp", opening="stopped")).status == "done"

    run_virtual(scene())


def test_several_orders_at_once_are_answered_once_each() -> None:
    async def scene() -> None:
        here = room()
        here.say("lamp", power=False)
        async with asyncio.TaskGroup() as group:
            orders = [
                group.create_task(here.order("lamp", power=power)) for power in (True, False, True)
            ]
            await asyncio.sleep(0.1)
            assert len(here.bus.published) == 3
            here.say("lamp", power=True)
            await asyncio.sleep(0.1)
            assert [order.done() for order in orders] == [True, False, True]
            here.say("lamp", power=False)
        assert [order.result().status for order in orders] == ["done"] * 3
        assert here.carrier.states.attended == set()

    run_virtual(scene())


def test_a_device_that_is_offline_is_not_asked() -> None:
    async def scene() -> None:
        here = room()
        here.bus.say("plain/lamp/online", b"offline", retained=True)
        outcome = await here.order("lamp", power=True)
        assert (outcome.status, outcome.reason) == ("failed", "offline")
        here.bus.say("plain/lamp/online", b"online")
        here.later(0.1, "lamp", power=True)
        assert (await here.order("lamp", power=True)).status == "done"

    run_virtual(scene())


def test_without_a_connection_nothing_is_sent() -> None:
    async def scene() -> None:
        here = room()
        here.bus.connected = False
        outcome = await here.order("lamp", power=True)
        assert (outcome.status, outcome.reason, outcome.sent) == ("failed", "no_house", ())

    run_virtual(scene())


def test_a_connection_that_breaks_leaves_it_open_what_happened() -> None:
    async def scene() -> None:
        here = room()
        asyncio.get_running_loop().call_later(0.5, here.carrier.connection_lost)
        outcome = await here.order("lamp", power=True)
        assert (outcome.status, outcome.reason) == ("unconfirmed", "lost")
        assert outcome.sent

    run_virtual(scene())


def test_what_nobody_will_confirm_is_sent_and_said_to_be_so() -> None:
    async def scene() -> None:
        here = room(Trait.PRESS, kind=Kind.BUTTON)
        for _ in range(2):
            outcome = await here.order("lamp", press=True)
            assert (outcome.status, outcome.reason) == ("unconfirmed", "sent")
        assert len(here.bus.published) == 2

    run_virtual(scene())


def test_a_caller_who_gives_up_leaves_nothing_behind() -> None:
    async def scene() -> None:
        here = room()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await here.order("lamp", power=True)
        assert here.carrier.states.attended == set()
        assert here.carrier._pending == ()
        assert here.carrier._timer is None
        here.say("lamp", power=True)

    run_virtual(scene())


@dataclass(frozen=True)
class Sends:
    """A writer that says what a test wants it to say."""

    messages: tuple[Outgoing, ...] = ()
    error: Exception | None = None

    def write(
        self, wanted: Mapping[Trait, Value], now: Mapping[Trait, Value]
    ) -> tuple[Outgoing, ...]:
        del wanted, now
        if self.error is not None:
            raise self.error
        return self.messages


@pytest.mark.parametrize(
    "writer",
    [
        None,
        Sends(),
        Sends(error=Unwritable("no")),
        Sends(error=RecursionError("<script>")),
        Sends((Outgoing("lamp/#", b""),)),
        Sends((Outgoing("lamp/+/set", b""),)),
        Sends((Outgoing("$SYS/lamp", b""),)),
        Sends((Outgoing("", b""),)),
        Sends((Outgoing("lamp\0", b""),)),
        Sends((Outgoing("lamp", b"x" * 70_000),)),
        Sends((Outgoing("lamp", b"x"),) * 9),
        Sends((Outgoing("lamp", b"x", answer=Answer("#", "1")),)),
    ],
)
def test_what_cannot_be_said_or_must_not_be_is_never_sent(writer: Sends | None) -> None:
    async def scene() -> None:
        here = Room({"lamp": replace(thing_of("lamp"), writer=writer)})
        outcome = await here.order("lamp", power=True)
        assert (outcome.status, outcome.reason) == ("rejected", "unwritable")
        assert here.bus.published == []

    run_virtual(scene())


def test_only_what_can_be_set_is_set() -> None:
    async def scene() -> None:
        here = room(Trait.READING, kind=Kind.SENSOR)
        for wanted in ({"reading": 3.0}, {"power": True}, {}):
            assert (await here.order("lamp", **wanted)).reason == "unwritable"

    run_virtual(scene())


ASKED = Outgoing("shelly/rpc", b"{}", answer=Answer("box/rpc", "7"))


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"id": 7, "error": {"code": -103}}, "failed"),
        ({"id": "7", "error": "no"}, "failed"),
        ({"id": 7, "result": {}}, "unconfirmed"),
        ({"id": 8, "error": {}}, "unconfirmed"),
        ([], "unconfirmed"),
        ({"id": {}, "error": {}}, "unconfirmed"),
    ],
)
def test_an_answer_refuses_but_does_not_confirm_what_can_be_seen(
    answer: object, status: str
) -> None:
    async def scene() -> None:
        here = Room({"lamp": replace(thing_of("lamp"), writer=Sends((ASKED,)))})
        loop = asyncio.get_running_loop()
        loop.call_later(0.1, lambda: here.bus.say("box/rpc", json.dumps(answer).encode()))
        outcome = await here.order("lamp", power=True)
        assert outcome.status == status
        assert (outcome.reason == "refused") == (status == "failed")
        assert "box/rpc" not in here.bus.handlers

    run_virtual(scene())


def test_an_answer_confirms_where_there_is_nothing_else_to_see() -> None:
    async def scene() -> None:
        silent = Feature(Flag(), settable=True)
        thing = replace(thing_of("lamp"), features={Trait.POWER: silent}, writer=Sends((ASKED,)))
        here = Room({"lamp": thing})
        loop = asyncio.get_running_loop()
        loop.call_later(0.1, lambda: here.bus.say("box/rpc", b'{"id": 7, "result": {}}'))
        assert (await here.order("lamp", power=True)).status == "done"
        assert (await here.order("lamp", power=True)).reason == "sent"

    run_virtual(scene())


def test_numbers_that_are_none_are_never_known() -> None:
    here = room(Trait.READING, kind=Kind.SENSOR)
    for said in (b'{"reading": NaN}', b'{"reading": Infinity}', b'{"reading": 1e400}'):
        here.bus.say("plain/lamp", said)
    here.bus.say("plain/lamp", b'{"reading": %s}' % (b"9" * 4_000))
    assert here.carrier.states.now("lamp") == {}
    here.say("lamp", reading="x" * 10_000)
    assert len(str(here.carrier.states.now("lamp")[Trait.READING])) == 255
    here.bus.say("plain/lamp", b'{"reading": 21.5}' + b" " * 70_000)
    here.say("lamp", reading=20.5)
    assert here.carrier.states.now("lamp") == {Trait.READING: 20.5}


@pytest.mark.parametrize(
    ("mode", "said", "reachable"),
    [
        ("all", {}, True),
        ("all", {0: False}, False),
        ("all", {0: True, 1: False}, False),
        ("any", {0: False}, True),
        ("any", {0: False, 1: False}, False),
        ("any", {0: False, 1: True}, True),
        ("latest", {0: True, 1: False}, False),
        ("latest", {0: False, 1: True}, True),
    ],
)
def test_several_availabilities_become_one(
    mode: str, said: Mapping[int, bool], *, reachable: bool
) -> None:
    reads = (OnlineReader("a/0"), OnlineReader("a/1"))
    here = Room({"lamp": replace(thing_of("lamp"), availability=Availability(reads, mode))})
    for number, online in said.items():
        here.bus.say(f"a/{number}", b"online" if online else b"offline")
    assert here.carrier.states.reachable("lamp") is reachable
    here.carrier.connection_lost()
    assert here.carrier.states.reachable("lamp")


def test_a_topic_is_subscribed_to_once_and_left_with_its_last_thing() -> None:
    bridge = OnlineReader("bridge")
    things = {
        name: replace(thing_of(name), availability=Availability((bridge,))) for name in ("a", "b")
    }
    here = Room(things)
    states = here.carrier.states
    assert len(here.bus.handlers["bridge"]) == 1
    here.bus.say("bridge", b"offline")
    assert not states.reachable("a")
    assert not states.reachable("b")
    here.say("a", power=True)
    list(states.follow({"a": things["a"]}))
    assert set(here.bus.handlers) == {"plain/a", "bridge"}
    renewed = replace(things["a"], name="new")
    list(states.follow({"a": renewed}))
    assert states.now("a") == {Trait.POWER: True}
    assert not states.reachable("a")
    list(states.follow({"a": thing_of("a", Trait.POWER)}))
    assert set(here.bus.handlers) == {"plain/a", "plain/a/online"}
    assert states.now("a") == {Trait.POWER: True}
    list(states.follow({}))
    assert here.bus.handlers == {}
    assert states.now("a") == {}
    assert not states.reachable("a")


def test_a_newcomer_on_a_known_topic_has_it_told_again() -> None:
    here = room()
    subscribed: list[str] = []
    inner = here.bus.subscribe

    def subscribe(topic: str, handler: object, *, qos: int = 1) -> object:
        subscribed.append(topic)
        return inner(topic, handler, qos=qos)  # type: ignore[arg-type]

    here.bus.subscribe = subscribe  # type: ignore[method-assign,assignment]
    other = replace(
        thing_of("other", Trait.POWER),
        features={Trait.POWER: Feature(Flag(), reads=(JsonReader("plain/lamp", "power"),))},
        availability=Availability(),
    )
    list(here.carrier.states.follow({**here.things, "other": other}))
    assert subscribed == ["plain/lamp"]
    assert len(here.bus.handlers["plain/lamp"]) == 1
    here.bus.say("plain/lamp", b'{"power": true}', retained=True)
    assert here.carrier.states.now("other") == {Trait.POWER: True}


def test_messages_of_topics_nobody_follows_any_more_are_nothing() -> None:
    here = room()
    here.carrier.states._on_message(Message("plain/gone", b"{}"))
    assert here.carrier.states.now("gone") == {}


def test_what_another_device_says_confirms_nothing() -> None:
    async def scene() -> None:
        here = Room({"lamp": thing_of("lamp"), "other": thing_of("other")})
        async with asyncio.TaskGroup() as group:
            group.create_task(here.order("other", power=False))
            order = group.create_task(here.order("lamp", power=True))
            here.later(0.1, "other", power=True)
            here.later(0.2, "lamp", brightness=10)
        assert order.result().status == "unconfirmed"

    run_virtual(scene())


def test_what_is_about_to_change_is_not_so_already() -> None:
    async def scene() -> None:
        here = room()
        here.say("lamp", power=True)
        async with asyncio.TaskGroup() as group:
            group.create_task(here.order("lamp", power=False))
            await asyncio.sleep(0.1)
            here.say("lamp", power=True)  # its regular report, a moment before it obeys
            again = group.create_task(here.order("lamp", power=True))
            here.later(0.2, "lamp", power=False)
            here.later(0.4, "lamp", power=True)
        assert again.result().status == "done"
        assert len(here.bus.published) == 2

    run_virtual(scene())
