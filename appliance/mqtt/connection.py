"""One connection to the broker: one paho client, used once, and the thread it runs on.

A new connection is a new client. So what an old one had not got rid of dies with it: a command in
flight when the broker goes away is never sent again (paho would repeat it after its own
reconnect), neither twice nor minutes later. For the same reason the session is clean and the
broker keeps nothing for us.
"""

import asyncio
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from appliance.config.model import Mqtt
from appliance.errors import BrokerError
from appliance.mqtt import failure
from appliance.mqtt.dialling import Version
from appliance.mqtt.failure import Failure
from appliance.ports import Message, ReplyTo

CONNECT_SECONDS = 5.0
"""For TCP and TLS; a broker at home answers in milliseconds."""

KEEPALIVE_SECONDS = 15
"""After at most one and a half times this, a broker that fell silent counts as gone."""

EXPIRY_SECONDS = 10
"""MQTT 5: the broker throws a command away that it could not deliver for so long, for nobody wants
a light to go on when a device comes back minutes later."""

LINGER_SECONDS = 5.0
"""What a thread that is done waits for the event loop to take note of it."""

LARGEST_PACKET = 4 * 1024 * 1024
"""Bytes, MQTT 5: larger messages are not even sent to us."""

MOST_WAITING = 10_000
"""Messages handed over that the event loop has not looked at; more are dropped and counted."""

AT_ONCE = 200
"""Messages that the event loop takes before it does something else: it also hears and talks."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The broker accepted us."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The connection is no more, or never was; the last event."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker has taken over a message of ours."""

    number: int


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The broker has taken over a subscription of ours; what it retains is on its way."""

    number: int


Event = Opened | Closed | Acknowledged | Subscribed | Message


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes for us, retained, when we vanish."""

    topic: str
    payload: bytes = field(repr=False)


class Connection:
    """One try, and the connection that it becomes. Event loop only, but for what is marked.

    Args:
        settings: The broker.
        version: Of the protocol.
        client_id: Our name at the broker.
        will: What it says when we vanish.
        listener: Is given every event, on the event loop.
    """

    def __init__(
        self,
        settings: Mqtt,
        version: Version,
        *,
        client_id: str,
        will: Will | None,
        listener: Callable[[Event], None],
    ) -> None:
        self._settings = settings
        self._version = version
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._client_id = client_id
        self._client = self._make(client_id, will)
        self._abandoned = threading.Event()
        self._refusal: Failure | None = None  # by the network thread only
        self._opened = False  # by the network thread only
        self._inbox: deque[Event] = deque()
        self._woken = False  # the event loop has been told that there is something in it
        self.dropped = 0
        """Messages dropped because the event loop did not keep up; by the network thread only."""

        self._thread = threading.Thread(target=self._serve, name="mqtt", daemon=True)

    def start(self) -> None:
        """Begin to connect; ``Opened`` or ``Closed`` follows."""
        self._thread.start()

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        reply: ReplyTo | None = None,
    ) -> int:
        """Hand one message to the network thread; return the number of its acknowledgement.

        Raises:
            BrokerError: It will not be sent.
        """
        properties: Properties | None = None
        if self._version is Version.V5 and not retain:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.MessageExpiryInterval = EXPIRY_SECONDS
            if reply is not None:
                properties.CorrelationData = reply.correlation
                if reply.topic:
                    properties.ResponseTopic = reply.topic
        try:
            info = self._client.publish(topic, payload, qos, retain, properties)
        except ValueError as error:
            raise BrokerError(f"this cannot be published: {error}") from error
        if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            raise BrokerError(f"{self._settings.queue} messages wait for the broker already")
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise BrokerError("the connection to the broker was lost")
        return info.mid

    def subscribe(self, filters: Iterable[str], *, qos: int = 1) -> int | None:
        """Ask for every message of these topics; retained ones come at once.

        Returns:
            The number of its ``Subscribed``; ``None``: there is nothing to ask for, or no way.
        """
        options = SubscribeOptions(qos=qos)
        if self._version is Version.V5:
            asked: list[tuple[str, SubscribeOptions]] | list[tuple[str, int]]
            asked = [(each, options) for each in filters]
        else:
            asked = [(each, qos) for each in filters]
        return self._client.subscribe(asked)[1] if asked else None

    def unsubscribe(self, topic: str) -> None:
        """Ask for no more messages of a topic."""
        self._client.unsubscribe(topic)

    def disconnect(self) -> None:
        """Take leave: the will is not published. ``Closed`` follows, unless it hangs."""
        self._client.disconnect()

    def abandon(self) -> None:
        """Want nothing more of it, whatever it does; no event follows.

        Within a second it hangs up without taking leave, so that the will is published.
        """
        self._abandoned.set()

    def _make(self, client_id: str, will: Will | None) -> Client:
        settings = self._settings
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if self._version is Version.V5 else True,
            protocol=MQTTProtocolVersion(int(self._version)),
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_SECONDS
        client.max_queued_messages_set(settings.queue)
        if settings.user:
            secret = settings.password
            client.username_pw_set(settings.user, secret.get_secret_value() if secret else None)
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        # With this set, paho only ever writes to the socket from the thread that runs its loop.
        client.on_socket_register_write = _nothing
        client.on_socket_open = _without_delay
        return client

    # What follows runs on the network thread.

    def _serve(self) -> None:
        settings = self._settings
        properties: Properties | None = None
        if self._version is Version.V5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.MaximumPacketSize = LARGEST_PACKET
        last = failure.of_silence(settings)
        context: _Context | None = None
        try:
            if settings.tls:
                context = _tls(settings)
                self._client.tls_set_context(context)
            self._client.connect(
                settings.host,
                failure.port_of(settings),
                KEEPALIVE_SECONDS,
                clean_start=True if self._version is Version.V5 else 3,
                properties=properties,
            )
            # Not ``loop_forever``: outside paho's own thread it does not hear what we publish.
            while not self._abandoned.is_set():
                if self._client.loop(timeout=1.0) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                    break
            last = self._refusal or last
        except _Unusable as error:
            last = error.failure
        except Exception as error:  # noqa: BLE001 - a thread's end; handed over
            last = failure.of_exception(error, settings)
        finally:
            for left in (self._client.socket(), None if context is None else context.socket):
                if left is not None:
                    left.close()
            self._hand_over(Closed(last))
            # Once nobody publishes any more, so that no one writes to what is closed; paho leaves
            # it to the garbage collector, which may find the sockets before their client.
            self._abandoned.wait(LINGER_SECONDS)
            self._client._reset_sockets(sockpair_only=True)  # noqa: SLF001 - there is no other way

    def _on_connect(
        self, _client: Client, _data: object, _flags: ConnectFlags, code: ReasonCode, _more: object
    ) -> None:
        if code.is_failure:
            self._refusal = failure.of_refusal(code.value, str(code), self._settings)
        else:
            self._opened = True
            self._hand_over(Opened())

    def _on_disconnect(
        self, _client: Client, _data: object, _flags: DisconnectFlags, code: ReasonCode, _: object
    ) -> None:
        if self._opened and self._refusal is None:
            self._refusal = failure.of_loss(code.value, str(code), self._settings, self._client_id)

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        correlation = getattr(message.properties, "CorrelationData", None)
        self._hand_over(
            Message(
                topic=message.topic,
                payload=bytes(message.payload),  # paho may reuse a bytearray
                retained=message.retain,
                correlation=correlation,
                respond_to=getattr(message.properties, "ResponseTopic", None),
            )
        )

    def _on_publish(
        self, _client: Client, _data: object, number: int, _code: ReasonCode, _more: object
    ) -> None:
        self._hand_over(Acknowledged(number))

    def _on_subscribe(
        self, _client: Client, _data: object, number: int, _codes: object, _more: object
    ) -> None:
        self._hand_over(Subscribed(number))

    def _hand_over(self, event: Event) -> None:
        """Cross from paho's thread to the event loop's."""
        if isinstance(event, Message) and len(self._inbox) >= MOST_WAITING:
            self.dropped += 1
            return
        self._inbox.append(event)
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._arrive)
            except RuntimeError:
                return  # the event loop has been closed: nobody is interested any more

    # And this again on the event loop.

    def _arrive(self) -> None:
        self._woken = False  # before it is looked at: what comes in now wakes us again
        try:
            for _ in range(AT_ONCE):
                if not self._inbox:
                    return
                event = self._inbox.popleft()
                if not self._abandoned.is_set():
                    self._listener(event)
        finally:
            if self._inbox and not self._woken:
                self._woken = True
                self._loop.call_soon(self._arrive)


class _Context(ssl.SSLContext):
    """Knows its socket, for paho forgets to close one whose handshake failed."""

    socket: ssl.SSLSocket | None = None

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:  # noqa: ANN401 - ssl's
        """Wrap as usual, and remember."""
        self.socket = super().wrap_socket(*args, **options)
        return self.socket


class _Unusable(Exception):
    def __init__(self, why: Failure) -> None:
        super().__init__(why.text)
        self.failure = why


def _tls(settings: Mqtt) -> _Context:
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)  # which checks the certificate and the host's name
    try:
        if settings.ca_file is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(settings.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise _Unusable(failure.of_file(error, "ca_file", settings.ca_file)) from error
    if settings.certificate_file is not None:
        try:
            context.load_cert_chain(settings.certificate_file, settings.key_file, password="")
        except (OSError, ssl.SSLError) as error:
            path = settings.certificate_file
            raise _Unusable(failure.of_file(error, "certificate_file", path)) from error
    return context


def _without_delay(_client: Client, _data: object, opened: object) -> None:
    """Send a command though the last one is not acknowledged yet: Nagle would wait up to 40 ms."""
    if isinstance(opened, socket.socket):
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _nothing(_client: Client, _data: object, _socket: object) -> None:
    """Be told that there is something to write: the network thread knows already."""
