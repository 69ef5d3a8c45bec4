"""A Realtime server without an account: ``python -m tests.realtime_server``.

It says back what it heard, at the speed and with the delay that are asked for. Point the box at
it: ``realtime.url = "ws://127.0.0.1:8123/v1/realtime"``, with ``sk-test`` as the key.
"""

import argparse
import asyncio
import sys

from tests.realtime_server import KEY, Ask, Reply, Script, serving
from tests.realtime_server.script import RATE


def main() -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8123)
    parser.add_argument("--key", default=KEY, help="which key clients must show")
    parser.add_argument("--delay", type=float, default=0.3, help="seconds to the first sound")
    parser.add_argument("--pace", type=float, default=5.0, help="times real time")
    asked = parser.parse_args()
    try:
        asyncio.run(_serve(asked))
    except KeyboardInterrupt:
        return 0
    return 0


async def _serve(asked: argparse.Namespace) -> None:
    def parrot(ask: Ask) -> Reply:
        heard = len(ask.pcm) / 2 / RATE
        text = f"You spoke for {heard:.1f} seconds." if heard else "I heard nothing."
        return Reply(text, ask.pcm, first_audio_s=asked.delay, pace=asked.pace)

    script = Script(otherwise=parrot, heard_else="(something; this server knows no words)")
    async with serving(script, key=asked.key, port=asked.port) as server:
        print(f"realtime server: {server.url}, key {asked.key}", flush=True)  # noqa: T201
        await asyncio.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
