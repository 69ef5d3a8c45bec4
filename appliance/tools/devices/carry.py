"""Carries orders out: sends each once, and waits until the house says so. Event loop only."""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from itertools import count

from appliance.errors import BrokerError
from appliance.ports import ActionBus, Message
from appliance.tools.devices import awaiting
from appliance.tools.devices.awaiting import End, Waiting
from appliance.tools.devices.fit import LARGEST, plain
from appliance.tools.devices.known import Known, Order, Outcome
from appliance.tools.devices.model import (
    Answer,
    Kind,
    Outgoing,
    Thing,
    Trait,
    Unwritable,
    Value,
)
from appliance.tools.devices.naming import clean
from appliance.tools.devices.states import States
from appliance.tools.plan import Sent
from appliance.units import Seconds

log = logging.getLogger(__name__)

MOST_MESSAGES = 8
"""Of one order."""

SLOW = frozenset(
    {Kind.COVER, Kind.VALVE, Kind.LOCK, Kind.VACUUM, Kind.MOWER, Kind.ALARM, Kind.CLIMATE}
)
"""Kinds of things that take longer to say what they do."""

SLOWER = 3.0
"""How many times as long they are waited for."""

_ENDINGS: Mapping[End, tuple[str, str]] = {
    End.DONE: ("done", ""),
    End.UNDERWAY: ("done", "underway"),
    End.REFUSED: ("failed", "refused"),
    End.TIMED_OUT: ("unconfirmed", ""),
    End.LOST: ("unconfirmed", "lost"),
}


class Carrier:
    """Sends orders and awaits their confirmation.

    Args:
        bus: The house's messages.
        patience: How long a thing is waited for.
    """

    def __init__(self, bus: ActionBus, *, patience: Seconds) -> None:
        self._bus = bus
        self._patience = patience
        self._numbers = count()
        self._pending: awaiting.Pending = ()
        self._futures: dict[int, asyncio.Future[End]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._orders: Counter[str] = Counter()
        self.states = States(bus, self._heard)

    def connection_lost(self) -> None:
        """End what is under way; what was known of the house is known no more."""
        self.states.connection_lost()
        self._end(*awaiting.lose(self._pending))

    async def carry_out(self, known: Known, order: Order) -> Outcome:
        """Do what is wanted of a thing, once; see ``known.Household``.

        Args:
            known: The thing.
            order: What is wanted of it.
        """
        name, thing = known.id, known.thing
        if not self.states.reachable(name):
            return self._outcome(name, "failed", "offline")
        before = self.states.now(name)
        messages = _written(thing, order.wanted, before)
        if messages is None:
            return self._outcome(name, "rejected", "unwritable")
        if not self._orders[name] and awaiting.already(order.wanted, thing.features, before):
            return self._outcome(name, "unchanged")
        self._orders[name] += 1
        self.states.attended.add(name)
        try:
            return await self._send(name, thing, order.wanted, messages)
        finally:
            self._orders[name] -= 1
            if not self._orders[name]:
                del self._orders[name]
                self.states.attended.discard(name)

    async def _send(
        self,
        name: str,
        thing: Thing,
        wanted: Mapping[Trait, Value],
        messages: tuple[Outgoing, ...],
    ) -> Outcome:
        loop = asyncio.get_running_loop()
        patience = self._patience * (SLOWER if thing.kind in SLOW else 1.0)
        answers = frozenset(each.answer for each in messages if each.answer is not None)
        waiting = Waiting(
            key=next(self._numbers),
            id=name,
            wanted=wanted,
            features=thing.features,
            before=self.states.now(name),
            until=Seconds(loop.time() + patience),
            answers=answers,
        )
        with ExitStack() as stack:
            for topic in {answer.topic for answer in answers}:
                stack.callback(self._bus.subscribe(topic, self._on_answer))
            self.states.doubt(name, wanted)
            sent, failed = self._publish(messages)
            if failed and not sent:
                return self._outcome(name, "failed", "no_house")
            if failed:
                return self._outcome(name, "unconfirmed", "lost", sent)
            if not answers and not awaiting.readable(wanted, thing.features):
                return self._outcome(name, "unconfirmed", "sent", sent)
            status, reason = _ENDINGS[await self._await(waiting)]
            if status == "unconfirmed" and not awaiting.readable(wanted, thing.features):
                reason = reason or "sent"
            return self._outcome(name, status, reason, sent)

    async def _await(self, waiting: Waiting) -> End:
        future: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self._futures[waiting.key] = future
        self._pending = awaiting.add(self._pending, waiting)
        self._set_timer()
        try:
            return await future
        finally:
            self._pending = awaiting.forget(self._pending, waiting.key)
            del self._futures[waiting.key]
            self._set_timer()

    def _publish(self, messages: Iterable[Outgoing]) -> tuple[tuple[Sent, ...], bool]:
        """Send messages; return those that were sent, and whether one could not be."""
        sent: list[Sent] = []
        for message in messages:
            try:
                self._bus.publish(message.topic, message.payload, qos=1)
            except BrokerError as error:
                log.info("devices: not sent: %s", error)
                return tuple(sent), True
            sent.append(Sent(message.topic, message.payload))
        return tuple(sent), False

    def _outcome(
        self, name: str, status: str, reason: str = "", sent: tuple[Sent, ...] = ()
    ) -> Outcome:
        log.info("devices: %s: %s %s", name, status, reason)
        return Outcome(status, reason, self.states.now(name), sent)

    def _heard(self, name: str, said: Mapping[Trait, Value]) -> None:
        self._end(*awaiting.take(self._pending, name, said))

    def _on_answer(self, message: Message) -> None:
        if message.retained or len(message.payload) > LARGEST:
            return
        try:
            said = json.loads(message.payload)
        except (ValueError, RecursionError):
            return
        if not isinstance(said, dict) or not isinstance(said.get("id"), str | int):
            return
        answer = Answer(message.topic, str(said["id"])[:200])
        refused = said.get("error") is not None
        self._end(*awaiting.take_answer(self._pending, answer, refused=refused))

    def _on_timer(self) -> None:
        self._timer = None
        now = Seconds(asyncio.get_running_loop().time())
        self._end(*awaiting.expire(self._pending, now))

    def _end(self, pending: awaiting.Pending, ended: Iterable[awaiting.Ended]) -> None:
        self._pending = pending
        for each in ended:
            future = self._futures[each.key]
            if not future.done():  # its caller may have been cancelled in this very moment
                future.set_result(each.end)
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (due := awaiting.deadline(self._pending)) is not None:
            self._timer = asyncio.get_running_loop().call_at(due, self._on_timer)


def _written(
    thing: Thing, wanted: Mapping[Trait, Value], now: Mapping[Trait, Value]
) -> tuple[Outgoing, ...] | None:
    """Return the messages of an order; ``None``: there are none that may be sent."""
    features = thing.features
    settable = all(trait in features and features[trait].settable for trait in wanted)
    if thing.writer is None or not wanted or not settable:
        return None
    try:
        messages = thing.writer.write(wanted, now)
    except Unwritable as why:
        log.info("devices: it cannot be said: %s", clean(str(why), 100))
        return None
    except Exception as error:  # noqa: BLE001 - made of a stranger's template
        log.warning("devices: an order cannot be written: %s", type(error).__name__)
        return None
    return messages if 0 < len(messages) <= MOST_MESSAGES and all(map(_fits, messages)) else None


def _fits(message: Outgoing) -> bool:
    topics = [message.topic, *([] if message.answer is None else [message.answer.topic])]
    return all(map(plain, topics)) and len(message.payload) <= LARGEST
