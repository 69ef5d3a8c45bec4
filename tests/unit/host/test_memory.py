import subprocess
import sys

CHILD = """
import ctypes, threading
from appliance.host.memory import lean_while_loading
loading = lean_while_loading(); loading.__enter__()
libc = ctypes.CDLL(None)
def work():
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc(1000)
threads = [threading.Thread(target=work) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc.malloc_stats()
"""


def test_threads_share_one_heap() -> None:
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-c", CHILD], check=True, capture_output=True, text=True
    )
    heaps = [line for line in done.stderr.splitlines() if line.startswith("Arena")]
    assert len(heaps) == 1
