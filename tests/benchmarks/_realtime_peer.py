"""The scripted server, in a process of its own, with a record of when it heard and said what.

``python -m tests.benchmarks._realtime_peer SPEECH_S PACE`` (a pace of 0: it is asked for replies
and never answers) prints its address, serves until its input is closed, then prints what it noted
as JSON. ``time.monotonic`` is the same clock in every process of a machine.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from tests.realtime_server import KEY, Reply, Script, serving
from tests.realtime_server.script import RATE

DELAY_S = 0.15
"""From being asked to the first sound; told apart from what the client costs."""

CREATE = "response.create"
DELTA = "response.output_audio.delta"


@dataclass
class Peer:
    """The server as its clients see it."""

    url: str
    key: str = KEY
    notes: dict[str, list[float]] = field(default_factory=dict)
    """When it was asked for each reply, and when its first sound went out; once it has ended."""

    def own_delays(self) -> list[float]:
        """Return what each reply took at the server itself."""
        return [
            sent - asked
            for asked, sent in zip(self.notes["asked"], self.notes["answered"], strict=True)
        ]


@contextmanager
def peer(*, speech_s: float, pace: float) -> Iterator[Peer]:
    """Run the server; every reply is a tone of so many seconds."""
    command = [sys.executable, "-m", __name__, str(speech_s), str(pace)]
    with subprocess.Popen(  # noqa: S603 - ourselves
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        found = Peer(server.stdout.readline().strip())
        try:
            yield found
        finally:
            server.stdin.close()
            found.notes = json.loads(server.stdout.read() or "{}")


def tone(seconds: float) -> bytes:
    """Return a tone that is nowhere silent."""
    time = np.arange(round(seconds * RATE)) / RATE
    sound = 8_000 * np.sin(2 * np.pi * 440 * time + 0.5)
    sound[np.abs(sound) < 1] = 1
    return sound.astype("<i2").tobytes()


async def _serve(speech_s: float, pace: float) -> dict[str, list[float]]:
    pcm = tone(speech_s)

    def answer(_: object) -> Reply:
        if not pace:
            return Reply(first_event_s=1e6)
        return Reply("a tone", pcm, first_audio_s=DELAY_S, pace=pace)

    async with serving(Script(otherwise=answer)) as server:
        print(server.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)
        asked: list[float] = []
        answered: list[float] = []
        for session in server.sessions:
            wanted = [
                at
                for at, event in zip(session.received_at, session.received, strict=True)
                if event["type"] == CREATE
            ]
            deltas = [at for at, kind in session.sent if kind == DELTA]
            asked += wanted
            answered += [next((at for at in deltas if at >= begin), begin) for begin in wanted]
    return {"asked": asked, "answered": answered}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_serve(float(sys.argv[1]), float(sys.argv[2])))))
