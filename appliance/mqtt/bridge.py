"""Keeps a connection to the broker up, and carries messages over it."""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from appliance.config.model import Mqtt
from appliance.errors import BrokerError
from appliance.mqtt import dialling
from appliance.mqtt.connection import (
    Acknowledged,
    Closed,
    Connection,
    Event,
    Opened,
    Subscribed,
    Will,
)
from appliance.mqtt.failure import Cause, Failure
from appliance.mqtt.subscriptions import Handler, Subscriptions
from appliance.ports import Message, ReplyTo
from appliance.units import Seconds

log = logging.getLogger(__name__)

OPEN_SECONDS = 10.0
"""From the first packet to the broker's word that it accepts us."""

LEAVE_SECONDS = 0.5
"""For each of the two steps of leaving; the whole appliance has two seconds to end."""

StateHandler = Callable[[bool, str], None]
"""Is told whether there is a connection and, if not, why; once for each change."""


class MqttBridge:
    """The house's messages; implements ``ports.ActionBus``. Event loop only.

    Nothing is sent later than asked: without a connection ``publish`` fails at once, and what was
    under way when a connection broke is not sent again.

    Args:
        settings: The broker; ``host`` is set.
        device: Who we are; the client id is ``voice-appliance-<device>``.
        availability: Topic that says ``online`` or ``offline``, retained; also when we vanish.
    """

    def __init__(self, settings: Mqtt, *, device: str, availability: str) -> None:
        self._settings = settings
        self._client_id = f"voice-appliance-{device}"
        self._availability = availability
        self._subscriptions = Subscriptions()
        self._facts: dict[str, bytes] = {availability: b"online"}
        self._watchers: list[StateHandler] = []
        self._connection: Connection | None = None
        self._leaving = asyncio.Event()
        self._told: bool | None = None
        self._opened = asyncio.Event()
        self._closed: asyncio.Future[Failure] | None = None
        self._patience = asyncio.timeout(None)
        self._farewell: tuple[int, asyncio.Event] | None = None
        self._reason = "not tried yet"

    @property
    def connected(self) -> bool:
        """Whether messages can be sent now."""
        return self._connection is not None and self._opened.is_set()

    @property
    def reason(self) -> str:
        """Why there is no connection; empty while there is one."""
        return self._reason

    def on_state(self, handler: StateHandler) -> None:
        """Have ``handler`` told of every change, and of the first outcome."""
        self._watchers.append(handler)
        if self._told is not None:
            handler(self._told, self._reason)

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, reply: ReplyTo | None = None
    ) -> None:
        """Queue one command; see ``ports.ActionBus``."""
        connection = self._connection
        if connection is None or not self._opened.is_set():
            raise BrokerError(f"not connected: {self._reason}")
        connection.publish(topic, payload, qos=qos, reply=reply)

    def retain(self, topic: str, payload: bytes, *, again: bool = False) -> None:
        """Publish a retained fact about ourselves, now or as soon as there is a connection.

        Only the latest of each topic counts; all are published again after a reconnect.

        Args:
            topic: Where.
            payload: What; empty: the broker forgets the topic.
            again: Publish it even if it has not changed.
        """
        if self._facts.get(topic) == payload and not again:
            return
        self._facts[topic] = payload
        if self.connected:
            self._publish_fact(topic)

    def subscribe(self, topic: str, handler: Handler, *, qos: int = 1) -> Callable[[], None]:
        """Have ``handler`` called for every message of a topic; see ``ports.ActionBus``."""
        return self._subscriptions.add(topic, handler, qos=qos)

    async def run(self) -> None:
        """Connect, and again whenever the connection is lost, until ``close``.

        Never raises for what the broker or the network does. If it is cancelled, the broker
        publishes our last will.
        """
        dial = dialling.begin(self._settings.version)
        loop = asyncio.get_running_loop()
        try:
            while not self._leaving.is_set():
                began = loop.time()
                failed = await self._connect(dial.version)
                if self._leaving.is_set():
                    break
                if failed.cause is Cause.LOST:
                    lasted = Seconds(loop.time() - began)
                    dial = dialling.lost(dial, self._settings.version, lasted=lasted)
                    if dial.brief >= dialling.PATIENT_WITH:
                        failed = replace(failed, text=f"{failed.text}, {self._again_and_again()}")
                dial, wait = dialling.again(dial, failed.cause, jitter=random.random())  # noqa: S311
                if wait > 0:
                    self._tell(connected=False, reason=failed.text)
                    await self._pause(wait)
        finally:
            if self._connection is not None:
                self._connection.abandon()
                self._connection = None

    def _again_and_again(self) -> str:
        name = self._client_id
        return f"again and again: is there a second `{name}`? Each needs its own device.id"

    async def close(self) -> None:
        """Say that we go offline and take leave; ``run`` returns. Idempotent; at most 1 s."""
        self._leaving.set()
        connection = self._connection
        if connection is not None and self._opened.is_set():
            await self._say_goodbye(connection)
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(Failure(Cause.CLOSED, "closed by us"))

    async def _say_goodbye(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                acknowledged = asyncio.Event()
                number = connection.publish(self._availability, b"offline", retain=True)
                self._farewell = (number, acknowledged)
                await acknowledged.wait()
        except (TimeoutError, BrokerError):
            log.info("mqtt: the broker did not hear our goodbye")
        connection.disconnect()
        closed = self._closed
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                if closed is not None:
                    await asyncio.shield(closed)
        except TimeoutError:
            log.info("mqtt: the broker did not let go")

    async def _connect(self, version: dialling.Version) -> Failure:
        """Make one connection and return when it is over."""
        self._opened.clear()
        self._closed = asyncio.get_running_loop().create_future()
        self._connection = Connection(
            self._settings,
            version,
            client_id=self._client_id,
            will=Will(self._availability, b"offline"),
            listener=self._on_event,
        )
        self._connection.start()
        try:
            async with asyncio.timeout(OPEN_SECONDS) as patience:
                self._patience = patience
                return await self._closed
        except TimeoutError:
            return Failure(Cause.NO_ANSWER, f"{self._settings.host} does not answer")
        finally:
            self._opened.clear()
            self._subscriptions.closed()
            self._connection.abandon()
            self._connection = None

    def _on_event(self, event: Event) -> None:
        match event:
            case Opened():
                self._on_opened()
            case Closed():
                if self._closed is not None and not self._closed.done():
                    self._closed.set_result(event.failure)
                self._opened.clear()
                self._subscriptions.closed()
            case Subscribed():
                self._subscriptions.answered(event.number)
            case Acknowledged():
                if self._farewell is not None and self._farewell[0] == event.number:
                    self._farewell[1].set()
            case Message():
                self._subscriptions.hand_out(event)
            case _:
                assert_never(event)

    def _on_opened(self) -> None:
        if self._connection is None or self._leaving.is_set():
            return
        self._patience.reschedule(None)
        self._opened.set()
        self._subscriptions.opened(self._connection)
        for topic in tuple(self._facts):
            self._publish_fact(topic)
        self._tell(connected=True, reason="")

    def _publish_fact(self, topic: str) -> None:
        if self._connection is None:
            return
        try:
            self._connection.publish(topic, self._facts[topic], retain=True)
        except BrokerError as error:
            log.warning("mqtt: %s: %s", topic, error)

    async def _pause(self, wait: float) -> None:
        """Wait, but not when ``close`` was called."""
        assert self._closed is not None  # noqa: S101 - there was a try before
        self._closed = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(wait):
                await self._closed
        except TimeoutError:
            return

    def _tell(self, *, connected: bool, reason: str) -> None:
        if reason != self._reason:
            level = logging.INFO if connected else logging.WARNING
            log.log(level, "mqtt: %s", "connected" if connected else reason)
        self._reason = reason
        if connected == self._told:
            return
        self._told = connected
        for watcher in tuple(self._watchers):
            watcher(connected, reason)
