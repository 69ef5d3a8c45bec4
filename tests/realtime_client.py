"""What a test of the realtime client needs: a session, and what comes out of it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from appliance.backend.context import Owed
from appliance.backend.realtime.protocol import Patience, RealtimeProtocol, Terms
from appliance.backend.socket.address import Address
from appliance.backend.socket.client import Limits, SocketSession
from appliance.errors import BackendError
from appliance.events import BackendEvent, ReplyAudio, ReplyEnded
from appliance.frames import FRAME_SAMPLES, Frame
from appliance.units import ResponseId, SampleIndex, Seconds, TurnNumber

TURN = TurnNumber(1)
CONNECT = Seconds(3.0)
STALL = Seconds(4.0)
PATIENCE = Patience(setup=CONNECT, stall=STALL, tools=Seconds(10.0))

PCM = {"type": "audio/pcm", "rate": 24_000}
SETTINGS: Mapping[str, object] = {
    "type": "realtime",
    "output_modalities": ["audio"],
    "instructions": "You are a box.",
    "audio": {
        "input": {
            "format": PCM,
            "turn_detection": None,
            "transcription": {"model": "gpt-transcribe"},
        },
        "output": {"format": PCM, "voice": "marin"},
    },
    "tools": [
        {
            "type": "function",
            "name": "set_light",
            "description": "Switches a light.",
            "parameters": {"type": "object", "properties": {"state": {"type": "string"}}},
        }
    ],
}
TERMS = Terms(SETTINGS, PATIENCE, model="gpt-realtime-2.1")


def whistle(seconds: float, *, hertz: float = 700.0) -> NDArray[np.int16]:
    """Return a sound at 16 kHz that is like no other place of itself."""
    at = np.arange(round(seconds * 16_000)) / 16_000
    return (9_000 * np.sin(2 * np.pi * (hertz + 300 * at) * at)).astype(np.int16)


def frames(sound: NDArray[np.int16]) -> list[Frame]:
    """Cut a sound at 16 kHz into frames of 10 ms."""
    return [
        Frame(sound[begin : begin + FRAME_SAMPLES], SampleIndex(begin))
        for begin in range(0, len(sound), FRAME_SAMPLES)
    ]


@dataclass
class Talk:
    """A session, and what has come out of it so far."""

    backend: SocketSession
    events: list[BackendEvent] = field(default_factory=list)
    ended: BackendError | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def follow(self) -> None:
        """Read until the session ends."""
        try:
            async for event in self.backend.events():
                self.events.append(event)
                self._news.set()
        except BackendError as error:
            self.ended = error
        self._news.set()

    async def until(self, done: Callable[[], bool], *, within: float = 30.0) -> None:
        """Wait until something is so, looking whenever something has come out."""
        async with asyncio.timeout(within):
            while not done():
                self._news.clear()
                await self._news.wait()

    async def more(self) -> None:
        """Wait until something else has come out, or the session has ended."""
        count = len(self.events)
        await self.until(lambda: len(self.events) > count or self.ended is not None, within=60.0)

    async def end(self) -> BackendError:
        """Wait until the session has ended."""
        await self.until(lambda: self.ended is not None)
        assert self.ended is not None
        return self.ended

    async def say(
        self, sound: NDArray[np.int16] | None = None, *, turn: TurnNumber = TURN
    ) -> None:
        """Speak, and finish."""
        for frame in frames(whistle(0.5) if sound is None else sound):
            await self.backend.send_audio(frame)
        await self.backend.commit_turn(turn)

    async def reply(self, number: int = 1) -> list[ReplyAudio]:
        """Wait for the end of a reply; return its sound."""
        await self.until(lambda: len(self.of(ReplyEnded)) >= number or self.ended is not None)
        assert self.ended is None, self.ended
        response = self.of(ReplyEnded)[number - 1].response
        return [piece for piece in self.of(ReplyAudio) if piece.response == response]

    def of(self, kind: type[BackendEvent]) -> list:  # type: ignore[type-arg]
        """Return the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def sound(self, response: ResponseId | None = None) -> bytes:
        """Return all sound that came, or that of one reply."""
        pieces = self.of(ReplyAudio)
        return b"".join(piece.pcm for piece in pieces if response in (None, piece.response))


@asynccontextmanager
async def talking(
    address: Address,
    *,
    terms: Terms = TERMS,
    history: Sequence[Mapping[str, object]] = (),
    owed: Owed | None = None,
    trust: ssl.SSLContext | None = None,
) -> AsyncIterator[Talk]:
    """Open a session and follow it; closes it at the end."""
    protocol = RealtimeProtocol(terms, history=history, owed=owed)
    limits = Limits(connect=CONNECT, stall=STALL)
    backend = SocketSession(address, protocol, limits, trust=trust)
    talk = Talk(backend)
    async with asyncio.TaskGroup() as group:
        group.create_task(talk.follow(), name="talk.follow")
        try:
            yield talk
        finally:
            await backend.close()
