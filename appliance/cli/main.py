"""Starts and ends the command; so light itself that Ctrl-C is obeyed from the first moment on."""

import contextlib
import os
import sys
import threading

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is loaded
"""Our matrices are small: a second thread only spins, and takes the core that sound needs."""

INTERRUPTED = 130
"""What shells take for an end by Ctrl-C: 128 and the number of SIGINT."""


def main() -> None:
    """Run the command line; Ctrl-C ends it without a word."""
    try:
        from appliance.cli.words import command  # noqa: PLC0415 - it takes most of a second

        command()
    except KeyboardInterrupt:
        leave(INTERRUPTED)
    except SystemExit as end:
        if isinstance(end.code, int):
            leave(end.code)
        raise


def leave(code: int) -> None:
    """End with a code, everything having been closed.

    Threads that nobody waits for (``app.background``) may still load a model. The interpreter's
    own end would stop them within C++, which aborts the process (seen with onnxruntime 1.31
    and Python 3.11: SIGABRT, SIGSEGV); so where there is one, it is left out.
    """
    if any(thread.daemon for thread in threading.enumerate()):
        with contextlib.suppress(OSError):  # nobody reads any more
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
