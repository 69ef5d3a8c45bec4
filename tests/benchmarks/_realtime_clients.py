"""Two realtime clients in one harness, each in a process of its own, on the same server and sound.

``python -m tests.benchmarks._realtime_clients CLIENT TASK URL KEY`` with CLIENT ``appliance`` or
``sdk`` prints what it measured as JSON. The loudspeaker is the same for both: a thread that takes
10 ms of sound every 10 ms, as a sound card does.

* ``turns``: so many turns of speech, fed as a microphone feeds it; how long until the session is
  ready, and from the end of each turn to the first sample that the card takes.
* ``stream``: sound both ways at once, in real time; what it costs the processor and the memory.
"""

import asyncio
import json
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Protocol

import numpy as np
import soxr

from appliance.audio.recording import read
from appliance.backend.kinds.realtime import realtime_session
from appliance.config import Config
from appliance.config.cloud import Realtime
from appliance.events import ReplyAudio, ReplyEnded
from appliance.frames import Frame
from appliance.units import SampleIndex, TurnNumber

TURNS = 12
TURN_S = 1.0
STREAM_S = 20.0
BLOCK_S = 0.01
LONGEST_S = 30.0
"""Nothing here takes so long; a client that hangs is found."""

SPEECH = Path(__file__).parents[1] / "data" / "audio" / "alexa_coffee.flac"


class Client(Protocol):
    """What the harness needs."""

    rate: int
    ready: asyncio.Event
    ended: asyncio.Event

    async def connect(self, url: str, key: str) -> None: ...

    async def send(self, pcm: bytes) -> None: ...

    async def commit(self) -> None: ...

    async def close(self) -> None: ...


class Card:
    """A loudspeaker: takes a block every 10 ms, and knows when the first sound came."""

    def __init__(self, rate: int) -> None:
        self._block = round(rate * BLOCK_S) * 2
        self._queue: deque[bytes] = deque()
        self._rest = b""
        self.first: float | None = None
        self.taken = 0
        threading.Thread(target=self._run, daemon=True).start()

    def play(self, pcm: bytes) -> None:
        self._queue.append(pcm)

    async def began(self) -> float:
        """Return when the first sound was taken."""
        while (first := self.first) is None:  # noqa: ASYNC110 - another thread's
            await asyncio.sleep(0.005)
        return first

    def _run(self) -> None:
        due = time.monotonic()
        while True:
            while self._queue and len(self._rest) < self._block:
                self._rest += self._queue.popleft()
            if self._rest and self.first is None:
                self.first = time.monotonic()
            self.taken += len(self._rest[: self._block])
            self._rest = self._rest[self._block :]
            due += BLOCK_S
            time.sleep(max(0.0, due - time.monotonic()))


class ApplianceClient:
    """Ours: the backend as the box has it."""

    rate = 16_000

    def __init__(self, card: Card) -> None:
        self._card = card
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()
        self._turn = 0
        self._at = 0
        self._tasks = asyncio.TaskGroup()

    async def connect(self, url: str, key: str) -> None:
        settings = Realtime.model_validate({"url": url, "api_key": key})
        self._session = realtime_session(Config(realtime=settings), lambda: ())
        await self._tasks.__aenter__()
        self._follows = self._tasks.create_task(self._follow(), name="follow")
        while not self._session.ready:  # noqa: ASYNC110 - no event says so
            await asyncio.sleep(0.001)
        self.ready.set()

    async def _follow(self) -> None:
        async for event in self._session.events():
            match event:
                case ReplyAudio(pcm=pcm):
                    self._card.play(pcm)
                case ReplyEnded():
                    self.ended.set()
                case _:
                    pass

    async def send(self, pcm: bytes) -> None:
        samples = np.frombuffer(pcm, dtype="<i2")
        await self._session.send_audio(Frame(samples, SampleIndex(self._at)))
        self._at += len(samples)

    async def commit(self) -> None:
        self.ended.clear()
        self._turn += 1
        await self._session.commit_turn(TurnNumber(self._turn))

    async def close(self) -> None:
        self._follows.cancel()
        await self._session.close()
        await self._tasks.__aexit__(None, None, None)


async def turns(client: Client, card: Card, url: str, key: str) -> dict[str, object]:
    begun = time.monotonic()
    await client.connect(url, key)
    await client.ready.wait()
    ready = time.monotonic() - begun
    blocks = _blocks(client.rate, TURN_S)
    began: list[float] = []
    first: list[float] = []
    for _ in range(TURNS):
        await _feed(client, blocks)
        card.first = None
        began.append(time.monotonic())
        await client.commit()
        await client.ended.wait()
        first.append(await card.began())
        await asyncio.sleep(0.4)  # the reply is played out
    await client.close()
    return {"ready": ready, "began": began, "first": first}


async def stream(client: Client, card: Card, url: str, key: str) -> dict[str, object]:
    blocks = _blocks(client.rate, STREAM_S)
    await client.connect(url, key)
    await client.ready.wait()
    await _feed(client, blocks[:50])
    await client.commit()  # the reply comes in real time, as long as we speak
    taken, used, begun = card.taken, time.process_time(), time.monotonic()
    await _feed(client, blocks)
    used, passed = time.process_time() - used, time.monotonic() - begun
    heard = (card.taken - taken) / 2 / 24_000
    await client.close()
    return {"share": used / passed, "heard_s": heard, "resident": _resident()}


async def _feed(client: Client, blocks: list[bytes]) -> None:
    due = time.monotonic()
    for block in blocks:
        due += BLOCK_S
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        await client.send(block)


def _blocks(rate: int, seconds: float) -> list[bytes]:
    speech = read(SPEECH)
    sound = soxr.resample(speech.samples[:, 0], speech.rate, rate)
    sound = np.resize(sound, round(seconds * rate))
    step = round(rate * BLOCK_S)
    return [sound[at : at + step].tobytes() for at in range(0, len(sound), step)]


def _resident() -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise LookupError("VmRSS")


async def main(client: str, task: str, url: str, key: str) -> dict[str, object]:
    card = Card(24_000)
    made: Client
    if client == "sdk":
        from tests.benchmarks._realtime_sdk import SdkClient  # noqa: PLC0415 - its memory is its own

        made = SdkClient(card.play)
    else:
        made = ApplianceClient(card)
    async with asyncio.timeout(TURNS * (TURN_S + 4) + LONGEST_S):
        return await (turns if task == "turns" else stream)(made, card, url, key)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:5]))))
