"""HTTP requests, by ``httpx2``: the only module that knows it. Event loop only, but ``Wire()``."""

import asyncio
import logging
import re
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from importlib import import_module
from typing import Final, Protocol

import httpx2

from appliance.backend.socket.endings import unreachable
from appliance.backend.socket.trust import machine_trust
from appliance.backend.web.address import WebAddress, base, own_network
from appliance.backend.web.endings import turned_away
from appliance.errors import BackendError, BackendStalled, BackendUnavailable, ProtocolViolation
from appliance.units import Seconds

for _module in ("httpcore2", "anyio._backends._asyncio"):
    import_module(_module)  # else the library does it on the event loop, when first it is used

for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # below that they write down addresses

LARGEST_REFUSAL: Final = 64 * 1024
"""Bytes of an answer that says why there is none."""

KEPT: Final = Seconds(90.0)
"""How long an unused connection is kept; the vendors close theirs after minutes, a server in the
house after seconds, which is noticed."""

MOST_CONNECTIONS: Final = 8

_RATE: Final = re.compile(r";\s*rate\s*=\s*\"?(\d{4,6})\b", re.IGNORECASE)

Request = httpx2.Request


class File(Protocol):
    """A file in a form."""

    @property
    def name(self) -> str:
        """Of the field."""
        ...

    @property
    def filename(self) -> str:
        """Of the file."""
        ...

    @property
    def mime(self) -> str:
        """What it is."""
        ...

    @property
    def data(self) -> bytes:
        """What is in it."""
        ...


class Answer:
    """An answer that has begun, and is no refusal."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self._pieces = response.aiter_raw()

    @property
    def kind(self) -> str:
        """What it says it is, without parameters: ``text/event-stream``."""
        stated: str = self._response.headers.get("content-type", "")
        return stated.partition(";")[0].strip().lower()

    @property
    def rate(self) -> int | None:
        """Samples per second, where it says so (``audio/pcm; rate=16000``)."""
        stated: str = self._response.headers.get("content-type", "")
        found = _RATE.search(stated)
        return None if found is None else int(found[1])

    async def pieces(self, most: int) -> AsyncGenerator[bytes, None]:
        """Yield its bytes as they come."""
        length = 0
        while (piece := await self._next()) is not None:
            length += len(piece)
            if length > most:
                raise ProtocolViolation("the server's answer is too long")
            if piece:
                yield piece

    async def whole(self, most: int) -> bytes:
        """Return all of it."""
        return b"".join([piece async for piece in self.pieces(most)])

    async def drain(self, patience: Seconds) -> None:
        """Read what is left, so that the connection can be used again; not for long."""
        try:
            async with asyncio.timeout(patience):
                while await self._next() is not None:
                    pass
        except (TimeoutError, BackendUnavailable):
            return

    async def _next(self) -> bytes | None:
        with _failures(begun=True):
            return await anext(self._pieces, None)


class Wire:
    """Connections to one service. Making one reads files: not on the event loop, with TLS."""

    def __init__(self, address: WebAddress, connect: Seconds, stall: Seconds) -> None:
        self._base = base(address)
        self._section = address.section
        self._headers = dict(address.headers)
        self._timeout = httpx2.Timeout(stall, connect=connect, pool=connect)
        self._used = False
        secure = self._base.startswith("https:")
        self._client = httpx2.AsyncClient(
            headers={"User-Agent": "voice-appliance", "Accept-Encoding": "identity"},
            timeout=self._timeout,
            verify=machine_trust() if secure else False,  # nothing to verify without TLS
            follow_redirects=False,
            limits=httpx2.Limits(max_connections=MOST_CONNECTIONS, keepalive_expiry=KEPT),
            trust_env=not own_network(address),
        )

    def request(
        self, method: str, path: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> Request:
        """Make a request; ``path`` goes behind the address."""
        every = {**self._headers, **headers}
        with _failures(begun=False):
            return self._client.build_request(
                method, self._base + path, headers=every, content=content
            )

    def form(self, path: str, fields: Mapping[str, str | list[str]], file: File) -> Request:
        """Make a request with a form and a file in it."""
        files = {file.name: (file.filename, file.data, file.mime)}
        with _failures(begun=False):
            return self._client.build_request(
                "POST", self._base + path, headers=self._headers, data=dict(fields), files=files
            )

    @asynccontextmanager
    async def answer(self, request: Request) -> AsyncIterator[Answer]:
        """Send a request; give the answer, once it has begun."""
        response = await self._send(request)
        try:
            if not response.is_success:
                raise await self._refusal(response)
            encoding: str = response.headers.get("content-encoding", "identity")
            if encoding.strip().lower() not in ("", "identity"):
                raise ProtocolViolation(f"the server sends {encoding[:20]!r}, unasked")
            yield Answer(response)
        finally:
            with _failures(begun=True):
                await response.aclose()

    async def touch(self) -> None:
        """Have a connection opened, and kept; without the key."""
        with _failures(begun=False):
            await self._client.head(self._base)

    async def close(self) -> None:
        """Close every connection."""
        with _failures(begun=True):
            await self._client.aclose()

    async def _send(self, request: Request) -> httpx2.Response:
        """Send it, once more where a kept connection turns out to be closed.

        What is asked of these services changes nothing in the house, so twice does no harm.
        """
        again, self._used = self._used, True
        if again:
            try:
                with _failures(begun=False, stale=True):
                    return await self._client.send(request, stream=True)
            except _StaleError:
                pass
        with _failures(begun=False):
            return await self._client.send(request, stream=True)

    async def _refusal(self, response: httpx2.Response) -> BackendError:
        body = b""
        try:
            async for piece in Answer(response).pieces(LARGEST_REFUSAL):
                body += piece
        except BackendUnavailable:
            pass  # what there is must do
        return turned_away(response.status_code, response.headers, body, self._section)


class _StaleError(Exception):
    """The connection was closed before the answer began."""


@contextmanager
def _failures(*, begun: bool, stale: bool = False) -> Iterator[None]:
    """Raise our own errors for the library's.

    Args:
        begun: The answer had begun.
        stale: The connection may be an old one.
    """
    try:
        yield
    except (httpx2.ConnectTimeout, httpx2.PoolTimeout):
        raise BackendUnavailable("no answer") from None
    except httpx2.TimeoutException:
        raise BackendStalled("the server has fallen silent") from None
    except (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError) as error:
        if stale:
            raise _StaleError from None
        raise _broken(error, begun=begun) from None
    except httpx2.ConnectError as error:
        raise unreachable(_cause(error)) from None
    except httpx2.ProxyError:
        raise BackendUnavailable("the proxy does not let us through") from None
    except (httpx2.RequestError, httpx2.StreamError, httpx2.InvalidURL, ssl.SSLError) as error:
        raise BackendUnavailable(f"it failed: {type(error).__name__}") from None


def _broken(error: httpx2.TransportError, *, begun: bool) -> BackendError:
    if begun:
        return BackendUnavailable("the server broke off in the middle of its answer")
    if isinstance(error, httpx2.RemoteProtocolError) and "disconnected" not in str(error):
        return ProtocolViolation("the server does not speak HTTP")
    return BackendUnavailable("the server hung up without an answer")


def _cause(error: BaseException) -> OSError:
    """Return the system's error that another one is about: the innermost."""
    system = OSError()
    found: BaseException | None = error
    for _ in range(8):
        if isinstance(found, ExceptionGroup):  # one for each address of the server
            found = found.exceptions[0]
        if isinstance(found, OSError):
            system = found
        found = None if found is None else found.__cause__ or found.__context__
    return system
