"""Carries manifests out: sends, and waits until the house says that it is done.

The house's states are followed from the start, so that what already is as wanted is known, and so
that a confirmation is seen however fast it comes. Event loop only.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import assert_never
from uuid import uuid4

from appliance.errors import BrokerError
from appliance.ports import ActionBus, Message
from appliance.tools import pending
from appliance.tools.actions import (
    LARGEST_REPORT,
    Action,
    Expectation,
    Verdict,
    followed_topics,
    judge,
    prepare,
    reported,
)
from appliance.tools.audit import note_sent
from appliance.tools.manifest import Manifest
from appliance.tools.pending import Confirmed, Lost, Refused, TimedOut, Waiting
from appliance.tools.plan import Sent
from appliance.tools.templates import TemplateFailed
from appliance.units import Seconds

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call of a manifest ended."""

    status: str
    """See ``ports.ToolResult``."""

    reason: str = ""
    """A key of the language's phrases where ``status`` does not say it all."""

    reported: object = field(default=None, repr=False)
    problem: str = field(default="", repr=False)


class House:
    """Sends actions and awaits their confirmation.

    Args:
        bus: The house's messages.
        replies: Topic under which answers to our requests come.
    """

    def __init__(self, bus: ActionBus, *, replies: str) -> None:
        self._bus = bus
        self._replies = replies
        self._pending: pending.Pending = ()
        self._futures: dict[str, asyncio.Future[pending.Outcome]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._states: dict[str, Message] = {}
        self._followed: dict[str, Callable[[], None]] = {}

    def follow(self, manifests: Iterable[Manifest]) -> None:
        """Listen to the states and answers of these tools, and no longer to any other's."""
        topics = {
            topic for manifest in manifests for topic in followed_topics(manifest, self._replies)
        }
        for topic in self._followed.keys() - topics:
            self._followed.pop(topic)()
            self._states.pop(topic, None)
        for topic in sorted(topics - self._followed.keys()):
            self._followed[topic] = self._bus.subscribe(topic, self._on_message)

    def connection_lost(self) -> None:
        """End what is under way; what was known of the house is known no more."""
        self._states.clear()
        self._end(*pending.lose(self._pending))

    async def carry_out(self, manifest: Manifest, arguments: Mapping[str, object]) -> Ending:
        """Do what a manifest says, once, and wait for its confirmation.

        Args:
            manifest: The tool.
            arguments: Checked ones, defaults filled in.
        """
        key = uuid4().hex
        try:
            action = prepare(manifest, arguments, transaction=key, replies=self._replies)
        except TemplateFailed as error:
            return Ending("rejected", "unfit", problem=str(error))
        if (known := self._already(manifest, action)) is not None:
            if manifest.confirm is not None and manifest.confirm.send_anyway:
                return self._send(action) or Ending("unchanged", reported=known)
            return Ending("unchanged", reported=known)
        if action.expects is None:
            return self._send(action) or Ending("unconfirmed", "sent")
        return await self._await(key, action, action.expects, manifest.timeout)

    async def _await(
        self, key: str, action: Action, expects: Expectation, patience: Seconds
    ) -> Ending:
        loop = asyncio.get_running_loop()
        undo = None
        if expects.topic not in self._followed:
            undo = self._bus.subscribe(expects.topic, self._on_message)
        future = self._futures[key] = loop.create_future()
        until = Seconds(loop.time() + patience)
        self._pending = pending.add(self._pending, Waiting(key, expects, until))
        self._set_timer()
        try:
            return self._send(action) or _ending(await future)
        finally:
            self._pending = pending.forget(self._pending, key)
            del self._futures[key]
            self._set_timer()
            if undo is not None:
                undo()

    def _already(self, manifest: Manifest, action: Action) -> object | None:
        """Return the known state if it is the wanted one and nothing is about to change it."""
        expects = action.expects
        if manifest.confirm is None or expects is None:
            return None
        if any(waiting.expects.topic == expects.topic for waiting in self._pending):
            return None
        known = self._states.get(expects.topic)
        if known is None or judge(expects, known) is not Verdict.YES:
            return None
        return reported(known.payload)

    def _send(self, action: Action) -> Ending | None:
        """Send an action; return how the call ended if that failed."""
        if action.expects is not None:
            self._states.pop(action.expects.topic, None)  # until the house says how it is now
        try:
            self._bus.publish(action.topic, action.payload, qos=action.qos, reply=action.reply)
        except BrokerError as error:
            return Ending("failed", "no_house", problem=str(error))
        note_sent([Sent(action.topic, action.payload)])
        return None

    def _on_message(self, message: Message) -> None:
        if message.topic in self._followed and len(message.payload) <= LARGEST_REPORT:
            self._states[message.topic] = message
        self._end(*pending.take(self._pending, message))

    def _on_timer(self) -> None:
        self._timer = None
        now = Seconds(asyncio.get_running_loop().time())
        self._end(*pending.expire(self._pending, now))

    def _end(self, waiting: pending.Pending, ended: Iterable[pending.Ended]) -> None:
        self._pending = waiting
        for end in ended:
            future = self._futures[end.key]
            if not future.done():  # its caller may have been cancelled in this very moment
                future.set_result(end.outcome)
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (due := pending.deadline(self._pending)) is not None:
            self._timer = asyncio.get_running_loop().call_at(due, self._on_timer)


def _ending(outcome: pending.Outcome) -> Ending:
    match outcome:
        case Confirmed(report):
            return Ending("done", reported=report)
        case Refused(report):
            return Ending("failed", reported=report)
        case TimedOut():
            return Ending("unconfirmed")
        case Lost():
            return Ending("unconfirmed", "lost")
        case _:
            assert_never(outcome)
