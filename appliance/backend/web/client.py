"""Asks one service over HTTP: streams of events or of sound, uploads, plain answers.

How a part uses it (event loop only)::

    address = WebAddress("https://api.example.com/v1", {"Authorization": f"Bearer {key}"},
                         "api.example.com", section="pipeline.tts")
    service = Service(address, connect=Seconds(3.0), stall=Seconds(4.0))
    await service.warm()                          # a connection ahead; never raises

    async with aclosing(service.events("/chat/completions", body)) as events:
        async for name, message in events: ...    # SSE; name "" where the server gives none
    async with aclosing(service.sound("/audio/speech", body)) as sound:
        async for piece in sound: ...             # bytes as they come, of any length
    message = await service.upload("/audio/transcriptions", {"model": "…"},
                                   Upload("file", "turn.wav", "audio/wav", wav))
    message = await service.get("/models")
    await service.close()

Paths are put behind the address's URL. Close the iterators (``aclosing``): that stops the
request. Every method raises ``BackendError`` and nothing else: ``BackendRefused`` (key, money,
model, voice, an address that is not encrypted), ``BackendUnavailable`` (no
connection, busy with the seconds to wait, stopped in the middle), ``BackendStalled`` (nothing came
for ``stall``), ``ProtocolViolation`` (what came cannot be read). A message that says why an answer
broke off: ``endings.failed_midway(message, section)``.

Without the extra ``cloud`` the import of this module raises an ``ImportError``.

Connections are kept and used again. No redirect is followed, so the key stays with its vendor.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from appliance.backend.socket import reading
from appliance.backend.socket.reading import Message
from appliance.backend.web.address import WebAddress, base, host
from appliance.backend.web.sse import EventReader
from appliance.errors import (
    BackendRefused,
    BackendStalled,
    BackendUnavailable,
    ProtocolViolation,
)
from appliance.units import Seconds

if TYPE_CHECKING:
    from appliance.backend.web.wire import Answer, Request, Wire

if find_spec("httpx2") is None:  # said when the part is chosen, not when first it is asked
    raise ModuleNotFoundError("no httpx2", name="httpx2")

LARGEST: Final = 64 * 1024 * 1024
"""Bytes of one answer; sound of 20 min at 24 kHz is less."""

LARGEST_MESSAGE: Final = 8 * 1024 * 1024
"""Bytes of an answer that is one message."""

ENDING: Final = Seconds(0.5)
"""How long an answer may take to end after its last event; then its connection is given up."""

_WIRE: Final = "appliance.backend.web.wire"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file in a form."""

    name: str
    """Of the field."""

    filename: str
    mime: str
    data: bytes = field(repr=False)


class Service:
    """One service; keeps its connections.

    Args:
        address: Where it is.
        connect: How long a connection may take.
        stall: How long it may send nothing: before its answer, and within it.
    """

    def __init__(self, address: WebAddress, connect: Seconds, stall: Seconds) -> None:
        self._address = address
        self._connect = connect
        self._stall = stall
        self._wire: Wire | None = None
        self._opening = asyncio.Lock()
        self._closed = False

    @property
    def section(self) -> str:
        """The table of the settings that it is from."""
        return self._address.section

    @property
    def host(self) -> str:
        """Its name, for messages."""
        return host(self._address)

    async def warm(self) -> None:
        """Open a connection ahead, without the key; does nothing where that fails."""
        try:
            wire = await self._opened()
            await wire.touch()
        except (BackendUnavailable, BackendRefused):
            return  # whoever asks for something will be told

    async def events(
        self,
        path: str,
        body: Mapping[str, object],
        *,
        last: Collection[str] = (),
        idle: Collection[str] = (),
    ) -> AsyncGenerator[tuple[str, Message], None]:
        """Post JSON; yield the events of the answer, by name, until ``[DONE]`` or its end.

        An answer that is one JSON message, not a stream, is one event without a name.

        Args:
            path: Behind the address.
            body: What to post.
            last: Names of events (or their ``type``) after which none is to be expected.
            idle: Those that only say that the server lives; not yielded, and no answer to wait on.
        """
        accept = {"Accept": "text/event-stream", "Content-Type": "application/json"}
        wire = await self._opened()
        request = wire.request("POST", path, accept, reading.dump(body).encode())
        async with aclosing(self._told(wire, request, last, idle)) as told:
            async for event in told:
                yield event

    async def upload_events(
        self,
        path: str,
        fields: Mapping[str, str | list[str]],
        file: Upload,
        *,
        last: Collection[str] = (),
    ) -> AsyncGenerator[tuple[str, Message], None]:
        """Post a form with a file in it, as ``upload``; yield its answer, as ``events``."""
        wire = await self._opened()
        async with aclosing(self._told(wire, wire.form(path, fields, file), last, ())) as told:
            async for event in told:
                yield event

    async def sound(
        self,
        path: str,
        body: Mapping[str, object],
        *,
        told: Callable[[int], None] = lambda _: None,
    ) -> AsyncGenerator[bytes, None]:
        """Post JSON; yield the bytes of the answer as they come.

        Args:
            path: Behind the address.
            body: What to post.
            told: Is told the rate of the sound before its first byte, where the answer says it.
        """
        headers = {"Accept": "*/*", "Content-Type": "application/json"}
        wire = await self._opened()
        request = wire.request("POST", path, headers, reading.dump(body).encode())
        async with wire.answer(request) as answer:
            if answer.kind in ("application/json", "text/html"):
                raise ProtocolViolation(f"the server answers {answer.kind} where sound belongs")
            if answer.rate is not None:
                told(answer.rate)
            async with aclosing(answer.pieces(LARGEST)) as pieces:
                async for piece in pieces:
                    yield piece

    async def upload(
        self, path: str, fields: Mapping[str, str | list[str]], file: Upload
    ) -> Message:
        """Post a form with a file in it; return the answer.

        Args:
            path: Behind the address.
            fields: The other fields; a list is a field that comes more than once.
            file: The file.
        """
        wire = await self._opened()
        return await self._whole(wire, wire.form(path, fields, file))

    async def post(self, path: str, body: Mapping[str, object]) -> Message:
        """Post JSON; return the answer."""
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        wire = await self._opened()
        content = reading.dump(body).encode()
        return await self._whole(wire, wire.request("POST", path, headers, content))

    async def get(self, path: str) -> Message:
        """Ask for something; return the answer."""
        wire = await self._opened()
        return await self._whole(wire, wire.request("GET", path, {"Accept": "application/json"}))

    async def close(self) -> None:
        """Close every connection; idempotent."""
        self._closed = True
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.close()

    async def _told(
        self, wire: "Wire", request: "Request", last: Collection[str], idle: Collection[str]
    ) -> AsyncGenerator[tuple[str, Message], None]:
        async with wire.answer(request) as answer:
            if answer.kind == "application/json":
                yield "", _message(await answer.whole(LARGEST_MESSAGE))
                return
            async with (
                aclosing(_events(answer)) as events,
                aclosing(self._awake(events, frozenset(idle))) as awake,
            ):
                async for name, message in awake:
                    yield name, message
                    if name in last or reading.text_of(message, "type") in last:
                        break
            await answer.drain(ENDING)

    async def _whole(self, wire: "Wire", request: "Request") -> Message:
        async with wire.answer(request) as answer:
            return _message(await answer.whole(LARGEST_MESSAGE))

    async def _awake(
        self, events: AsyncGenerator[tuple[str, str], None], idle: frozenset[str]
    ) -> AsyncGenerator[tuple[str, Message], None]:
        """Yield the events until ``[DONE]``; signs of life alone are not enough."""
        clock = asyncio.get_running_loop().time
        by = clock() + self._stall
        while True:
            try:
                async with asyncio.timeout_at(by):
                    name, text = await anext(events)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise BackendStalled("the server has nothing to say") from None
            if text.strip() == "[DONE]":
                return
            message = reading.parse_object(text)
            if message is None:
                raise ProtocolViolation("the server sends an event that is no JSON")
            if not idle & {name, reading.text_of(message, "type")}:
                yield name, message
                by = clock() + self._stall

    async def _opened(self) -> "Wire":
        """Return what carries requests: made once, its imports and certificates off the loop."""
        if self._closed:
            raise BackendUnavailable("the session is over")
        async with self._opening:
            if self._wire is None:
                url = base(self._address)
                threaded = _WIRE not in sys.modules or url.startswith("https:")
                self._wire = await asyncio.to_thread(self._make) if threaded else self._make()
            return self._wire

    def _make(self) -> "Wire":
        from appliance.backend.web.wire import Wire  # noqa: PLC0415 - it takes 0.1 s and more

        return Wire(self._address, self._connect, self._stall)


async def _events(answer: "Answer") -> AsyncGenerator[tuple[str, str], None]:
    reader = EventReader()
    async with aclosing(answer.pieces(LARGEST)) as pieces:
        async for piece in pieces:
            for event in reader.feed(piece):
                yield event
    for event in reader.finish():
        yield event


def _message(body: bytes) -> Message:
    message = reading.parse_object(body.decode("utf-8", "replace"))
    if message is None:
        raise ProtocolViolation("the server's answer is no JSON")
    return message
