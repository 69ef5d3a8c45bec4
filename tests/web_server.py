"""A scripted HTTP/1.1 server on the loopback, in the event loop of its user (virtual time, too).

It answers each request with the next of its answers, keeps connections, and can do what servers
should not: hang up, fall silent, break off, send nonsense.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One answer: its pieces are sent one by one; a number among them is a pause in seconds."""

    pieces: Sequence[bytes | float] = ()
    status: int = 200
    kind: str = "text/event-stream"
    headers: tuple[tuple[str, str], ...] = ()
    ends: bool = True
    """``False``: the connection is cut where the pieces end."""

    delay: float = 0.0
    """Before the answer begins; in seconds."""

    raw: bool = False
    """The pieces are all that is sent, without status or headers."""


def as_json(value: object, status: int = 200, **headers: str) -> Answer:
    """Return an answer that is one JSON message."""
    named = tuple((name.replace("_", "-"), text) for name, text in headers.items())
    return Answer([json.dumps(value).encode()], status, "application/json", named)


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.body)


@dataclass
class Served:
    """A server that runs."""

    url: str
    answers: list[Answer]
    requests: list[Request] = field(default_factory=list)
    """All but those that only open a connection (HEAD)."""

    touches: list[Request] = field(default_factory=list)
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        method, path, _ = first.split(" ")
        if method == "HEAD":
            self.touches.append(Request(method, path, headers, body))
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return True
        self.requests.append(Request(method, path, headers, body))
        return await _answer(self.answers.pop(0), writer)


async def _answer(answer: Answer, writer: asyncio.StreamWriter) -> bool:
    await asyncio.sleep(answer.delay)
    if not answer.raw:
        named = [*answer.headers, ("Content-Type", answer.kind), ("Transfer-Encoding", "chunked")]
        lines = "".join(f"{name}: {value}\r\n" for name, value in named)
        writer.write(f"HTTP/1.1 {answer.status} Said\r\n{lines}\r\n".encode())
    for piece in answer.pieces:
        if isinstance(piece, bytes):
            writer.write(piece if answer.raw else b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
        else:
            await asyncio.sleep(piece)
    if answer.ends and not answer.raw:
        writer.write(b"0\r\n\r\n")
    return answer.ends and not answer.raw


@asynccontextmanager
async def serving(*answers: Answer) -> AsyncIterator[Served]:
    """Run it on a free port; gives its address, and what it was asked."""
    served = Served("", list(answers))
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        await served.serve(reader, writer)
        tasks.discard(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield served
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)
        await server.wait_closed()
