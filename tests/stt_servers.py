"""Scripted servers of streaming speech to text: Deepgram's two protocols and Cartesia's.

They run in the event loop of their user, take virtual time, and check what clients send against
the vendors' SDKs. What people say to them is sound in which each word is a level of its own
(``spoken``), so that they hear every word exactly, where it is; or a recogniser hears it.
"""

import ast
import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from cartesia.types.stt import (
    ManualFinalizeWebsocketParams,
    STTManualFinalizeFlushDoneResponse,
    STTManualFinalizeTranscriptResponse,
)
from cartesia.types.stt_error_response import STTErrorResponse
from deepgram.listen.v1.types import ListenV1Metadata, ListenV1Results
from deepgram.listen.v2.types import ListenV2Connected, ListenV2TurnInfo
from numpy.typing import NDArray
from pydantic import BaseModel
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from appliance.frames import FRAME_SAMPLES, RATE, Frame
from appliance.units import SampleIndex

KEY = "key-of-the-test"
WORD_S, GAP_S = 0.16, 0.08

Sound = NDArray[np.int16]
Recogniser = Callable[[Sound], str]

_quiet = logging.getLogger(__name__)
_quiet.setLevel(logging.CRITICAL)  # the library writes every message and every ending down

_words: dict[str, int] = {}

_DEEPGRAM_COMMANDS = {"v1": {"Finalize", "CloseStream", "KeepAlive"}, "v2": {"CloseStream"}}


def _deepgram_parameters(version: str) -> frozenset[str]:
    """Return what the SDK can ask for; it is read, for importing it makes websockets warn."""
    spec = find_spec(f"deepgram.listen.{version}.client")
    assert spec is not None
    assert spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    connect = next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef) and node.name == "connect"
    )
    return frozenset(argument.arg for argument in connect.args.kwonlyargs)


_ASKABLE = {
    "/v1/listen": _deepgram_parameters("v1"),
    "/v2/listen": _deepgram_parameters("v2"),
    "/stt/websocket": frozenset(ManualFinalizeWebsocketParams.__annotations__),
}
"""What the vendors' SDKs can ask for, by path."""


def spoken(text: str) -> Sound:
    """Return how words sound; half of each gap is before the first, half after the last."""
    gap = np.zeros(round(GAP_S * RATE / 2), np.int16)
    parts = [gap]
    for word in text.split():
        level = 100 * (1 + _words.setdefault(word, len(_words)))
        parts += [np.full(round(WORD_S * RATE), level, np.int16), gap, gap]
    return np.concatenate(parts)


def silence(seconds: float) -> Sound:
    """Return nothing."""
    return np.zeros(round(seconds * RATE), np.int16)


def frames(sound: Sound) -> Iterator[Frame]:
    """Yield sound as the box hears it, all of it."""
    for start in range(0, len(sound), FRAME_SAMPLES):
        yield Frame(sound[start : start + FRAME_SAMPLES], SampleIndex(start))


@dataclass(frozen=True, slots=True)
class Heard:
    """A word, and where it is, in seconds."""

    word: str
    start: float
    end: float


def words(sound: Sound, start: float = 0.0) -> list[Heard]:
    """Return the words in sound that begins at ``start``; a word that is cut is none."""
    named = {100 * (1 + number): word for word, number in _words.items()}
    edges = np.flatnonzero(np.diff(np.concatenate(([0], sound, [0])))).tolist()
    found = []
    for begin, end in pairwise(edges):
        if (level := int(sound[begin])) and end - begin == round(WORD_S * RATE):
            found.append(Heard(named[level], start + begin / RATE, start + end / RATE))
    return found


@dataclass(frozen=True, slots=True)
class Refusal:
    """The handshake is answered with this."""

    status: int
    body: Mapping[str, object]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Ways:
    """How a server behaves."""

    refusal: Refusal | None = None
    takes_s: float = 0.1
    """From a command to its answer."""

    answers_flush: bool = True
    """Deepgram: where there is nothing to write, it says nothing."""

    mute: bool = False
    """It never says anything."""

    slow_door_s: float = 0.0
    """How long the handshake takes."""

    stops_after_s: float | None = None
    """It breaks off once it has got so much sound."""

    junk: Sequence[str | bytes] = ()
    """What it says besides, before each of its own messages."""

    complaint: Mapping[str, object] | None = None
    """What it says instead of its first answer."""

    window_s: float = 3.0
    """Deepgram: a segment is made after so much sound."""

    turn_s: float | None = None
    """Flux: it takes so much silence for the end of a turn."""

    short_s: float = 0.0
    """Flux: it says that it has come less far than it has."""

    recogniser: Recogniser | None = None
    """Hears sound; else only the words of ``spoken`` are heard."""


class Call:
    """One client."""

    def __init__(self, server: "SttServer", socket: ServerConnection, path: str) -> None:
        parts = urlsplit(path)
        self.path = parts.path
        self.query = parse_qsl(parts.query)
        self.texts: list[str] = []
        self.pieces: list[int] = []
        self.sound = np.zeros(0, np.int16)
        self.closed = False
        self._server = server
        self._socket = socket
        self._segment = 0  # samples before the one that is not written yet
        self._turn = 0
        self._said_s = 0.0

    @property
    def ways(self) -> Ways:
        return self._server.ways

    @property
    def length(self) -> float:
        return len(self.sound) / RATE

    async def serve(self) -> None:
        """Serve until somebody hangs up."""
        try:
            if self.path == "/v2/listen":
                await self._say(ListenV2Connected(request_id="r", sequence_id=0))
            async for message in self._socket:
                if isinstance(message, bytes):
                    await self._hear(message)
                else:
                    self.texts.append(message)
                    await self._obey(message)
        except ConnectionClosed:
            pass
        finally:
            self.closed = True

    async def _hear(self, pcm: bytes) -> None:
        self.pieces.append(len(pcm))
        self.sound = np.concatenate((self.sound, np.frombuffer(pcm, "<i2")))
        stop = self.ways.stops_after_s
        if stop is not None and self.length >= stop:
            self._socket.transport.abort()
            return
        if self.path == "/v1/listen" and len(self.sound) - self._segment >= self._window:
            await self._write_segment(flushed=False)
        elif self.path == "/v2/listen" and self.length - self._said_s >= 0.24:
            await self._tell_turn()

    @property
    def _window(self) -> int:
        return round(self.ways.window_s * RATE)

    async def _obey(self, text: str) -> None:
        await asyncio.sleep(self.ways.takes_s)
        if self.path == "/stt/websocket":
            await self._obey_cartesia(text)
            return
        kind = json.loads(text)["type"]
        version = self.path[1:3]
        if kind not in _DEEPGRAM_COMMANDS[version] or json.loads(text) != {"type": kind}:
            self._server.violations.append(text)
        if kind == "Finalize":
            await self._write_segment(flushed=True)
        elif kind == "CloseStream":
            if version == "v1":
                await self._write_segment(flushed=False)
                await self._say(
                    ListenV1Metadata(
                        transaction_key="deprecated", request_id="r", sha256="0",
                        created="2026-11-22", duration=self.length, channels=1,
                    )
                )  # fmt: skip
            else:
                await self._tell_turn()
            await self._socket.close()

    async def _obey_cartesia(self, text: str) -> None:
        if text not in ("finalize", "close"):
            self._server.violations.append(text)
        heard = self._recognised(self.sound[self._segment :], self._segment / RATE)
        begun, self._segment = self._segment > 0, len(self.sound)
        for number, word in enumerate(heard):
            spoken_text = f" {word.word}" if begun or number else word.word
            await self._say(
                STTManualFinalizeTranscriptResponse(
                    type="transcript", is_final=False, request_id="r", text="not this"
                )
            )
            await self._say(
                STTManualFinalizeTranscriptResponse(
                    type="transcript", is_final=True, request_id="r", text=spoken_text
                )
            )
        await self._say(STTManualFinalizeFlushDoneResponse(type="flush_done", request_id="r"))

    async def _write_segment(self, *, flushed: bool) -> None:
        """Write down what there is since the last segment; no word is cut."""
        begin, end = self._segment, len(self.sound)
        while not flushed and end > begin and self.sound[end - 1]:
            end -= 1
        self._segment = end
        heard = self._recognised(self.sound[begin:end], begin / RATE)
        if flushed and not heard and not self.ways.answers_flush:
            return
        result = {
            "type": "Results",
            "channel_index": [0, 1],
            "duration": (end - begin) / RATE,
            "start": begin / RATE,
            "is_final": True,
            "speech_final": flushed,
            "from_finalize": flushed,
            "channel": {"alternatives": [{
                "transcript": " ".join(word.word for word in heard),
                "confidence": 0.9,
                "words": [
                    {"word": word.word, "start": word.start, "end": word.end, "confidence": 0.9}
                    for word in heard
                ],
            }]},
            "metadata": {
                "request_id": "r",
                "model_info": {"name": "nova", "version": "1", "arch": "nova"},
                "model_uuid": "u",
            },
        }  # fmt: skip
        await self._say(ListenV1Results.model_validate(result))

    async def _tell_turn(self) -> None:
        """Say how far the turn has come; end it where the silence is long."""
        heard = self._recognised(self.sound[self._segment :], self._segment / RATE)
        self._said_s = self.length
        quiet = self.length - heard[-1].end if heard else 0.0
        over = self.ways.turn_s is not None and quiet >= self.ways.turn_s
        info = {
            "type": "TurnInfo",
            "request_id": "r",
            "sequence_id": 1,
            "event": "EndOfTurn" if over else "Update",
            "turn_index": self._turn,
            "audio_window_start": self._segment / RATE,
            "audio_window_end": self.length - self.ways.short_s,
            "transcript": " ".join(word.word for word in heard),
            "words": [{"word": word.word, "confidence": 0.9} for word in heard],
            "end_of_turn_confidence": 0.5,
        }
        if over:
            self._turn, self._segment = self._turn + 1, len(self.sound)
        await self._say(ListenV2TurnInfo.model_validate(info))

    def _recognised(self, sound: Sound, start: float) -> list[Heard]:
        if self.ways.recogniser is None:
            return words(sound, start)
        text = self.ways.recogniser(sound)
        return [Heard(text, start, start + len(sound) / RATE)] if text else []

    async def _say(self, message: BaseModel) -> None:
        if self.ways.mute:
            return
        for junk in self.ways.junk:
            await self._socket.send(junk)
        complaint = self.ways.complaint
        if complaint is not None:
            await self._socket.send(json.dumps(complaint))
            return
        await self._socket.send(message.model_dump_json())


class SttServer:
    """A server on the loopback, in the event loop of whoever made it.

    Attributes:
        calls: Every client that got in, in order.
        violations: What clients did that they must not do.
    """

    def __init__(self, ways: Ways) -> None:
        self.ways = ways
        self.calls: list[Call] = []
        self.violations: list[str] = []
        self.port = 0
        self._server: Server | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await serve(
            self._serve, "127.0.0.1", self.port or None, process_request=self._let_in,
            compression=None, ping_interval=None, close_timeout=0.5, logger=_quiet,
            open_timeout=None,
        )  # fmt: skip
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def hang_up(self) -> None:
        """Close every connection that is open."""
        for call in self.calls:
            await call._socket.close()

    async def _serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        call = Call(self, socket, socket.request.path)
        self.calls.append(call)
        self.violations += list(_wrong_query(call))
        await call.serve()

    async def _let_in(self, _: ServerConnection, request: Request) -> Response | None:
        await asyncio.sleep(self.ways.slow_door_s)
        refusal = self.ways.refusal or self._wrong_headers(request)
        if refusal is None:
            return None
        headers = Headers({"Content-Type": "application/json", **refusal.headers})
        return Response(refusal.status, "No", headers, json.dumps(refusal.body).encode())

    def _wrong_headers(self, request: Request) -> Refusal | None:
        shown = request.headers.get("Authorization", "")
        if urlsplit(request.path).path == "/stt/websocket":
            if "Cartesia-Version" not in request.headers:
                self.violations.append("no Cartesia-Version")
            return None if shown == f"Bearer {KEY}" else CARTESIA_KEY
        return None if shown == f"Token {KEY}" else DEEPGRAM_KEY


DEEPGRAM_KEY = Refusal(401, {"err_code": "INVALID_AUTH", "err_msg": "Invalid credentials."})
CARTESIA_KEY = Refusal(401, {"error_code": "unauthorized", "title": "Unauthorized"})
NO_CREDIT = Refusal(402, {"err_code": "ASR_PAYMENT_REQUIRED", "err_msg": "Out of funds."})
NO_MODEL = Refusal(400, {"err_code": "INVALID_QUERY_PARAMETER", "err_msg": "No such model."})
NOT_ALLOWED = Refusal(403, {"err_code": "INSUFFICIENT_PERMISSIONS", "err_msg": "No access."})
BUSY = Refusal(429, {"err_code": "TOO_MANY_REQUESTS"}, {"Retry-After": "7"})


def cartesia_error(status: int, code: str) -> dict[str, object]:
    """Return what Cartesia says within a stream when something is wrong."""
    said = STTErrorResponse(
        type="error", message="No.", title="No", status_code=status, error_code=code
    )
    return dict(said.model_dump(exclude_none=True))


def _wrong_query(call: Call) -> Iterator[str]:
    """Yield what a client asked for that the vendor's SDK has no word for."""
    known = _ASKABLE.get(call.path)
    if known is None:
        yield f"path {call.path}"
        return
    yield from (name for name, _ in call.query if name not in known)


@asynccontextmanager
async def serving(ways: Ways | None = None) -> AsyncIterator[SttServer]:
    """Run a server; nothing that it got may be wrong."""
    server = SttServer(ways or Ways())
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
    assert not server.violations
