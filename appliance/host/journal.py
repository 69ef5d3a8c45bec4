"""Sets up logging: to the journal with its fields where there is one, else to standard error.

Whoever logs gives ids, types and numbers, never what somebody said; nothing here could tell the
difference. An error's ``code`` goes along as ``extra={"code": error.code}``.
"""

import faulthandler
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import TextIO

try:
    from systemd import journal  # type: ignore[attr-defined]  # mypy takes our folder systemd/
except ImportError:  # a machine without systemd
    journal = None

IDENTIFIER = "voice-appliance"
CODE_FIELD = "VOICE_APPLIANCE_CODE"
"""``journalctl VOICE_APPLIANCE_CODE=broker`` shows what the broker had to do with."""

Send = Callable[..., object]
"""``systemd.journal.send``: the message, then fields by name."""


def set_up_logging(
    *,
    verbose: bool = False,
    quiet: bool = False,
    env: Mapping[str, str] = os.environ,
    stream: TextIO | None = None,
    send: Send | None = None,
) -> None:
    """Send every log line to one place.

    Args:
        verbose: Also the appliance's decisions (debug); of libraries only warnings either way.
        quiet: Only what is wrong: a person looks on, who is told the rest in other ways.
        env: The environment.
        stream: Where to write if not to the journal; standard error if not given.
        send: ``systemd.journal.send``, if it is not to be looked for.
    """
    stream = sys.stderr if stream is None else stream
    if send is None and journal is not None and _is_journal(stream, env):
        send = journal.send
    handler: logging.Handler
    if send is not None:
        handler = JournalHandler(send)
        handler.setFormatter(logging.Formatter("%(message)s"))
    else:
        handler = logging.StreamHandler(stream)
        clock = "" if "JOURNAL_STREAM" in env else "%(asctime)s "
        handler.setFormatter(
            logging.Formatter(f"{clock}%(levelname)s %(name)s: %(message)s", "%H:%M:%S")
        )
    root = logging.getLogger()
    for old in [each for each in root.handlers if each.name == IDENTIFIER]:
        root.removeHandler(old)  # of an earlier call
    handler.name = IDENTIFIER
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    level = logging.WARNING if quiet else logging.INFO
    logging.getLogger("appliance").setLevel(logging.DEBUG if verbose else level)


def dump_stacks_on_signal() -> None:
    """Write every thread's stack to standard error on ``SIGUSR1`` and on a crash."""
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1, all_threads=True)


class JournalHandler(logging.Handler):
    """Writes records to the journal, with the fields that help to find them again.

    systemd-python's own handler sends the arguments of the call and every attribute as fields.
    """

    def __init__(self, send: Send) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; called with any thread's lock held, must not raise."""
        try:
            fields = {
                "PRIORITY": str(_priority(record.levelno)),
                "SYSLOG_IDENTIFIER": IDENTIFIER,
                "LOGGER": record.name,
                "THREAD_NAME": str(record.threadName),
                "CODE_FILE": record.pathname,
                "CODE_LINE": record.lineno,
                "CODE_FUNC": record.funcName,
            }
            if (code := getattr(record, "code", None)) is not None:
                fields[CODE_FIELD] = str(code)
            self._send(self.format(record), **fields)
        except Exception:  # noqa: BLE001  # what logging.Handler promises
            self.handleError(record)


def _priority(level: int) -> int:
    """Return syslog's number for a level of ``logging``."""
    if level >= logging.CRITICAL:
        return 2
    if level >= logging.ERROR:
        return 3
    if level >= logging.WARNING:
        return 4
    return 6 if level >= logging.INFO else 7


def _is_journal(stream: TextIO, env: Mapping[str, str]) -> bool:
    """Say whether the stream is the journal's, as ``systemd.exec(5)`` says of JOURNAL_STREAM."""
    device, _, inode = env.get("JOURNAL_STREAM", "").partition(":")
    try:
        here = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return (device, inode) == (str(here.st_dev), str(here.st_ino))
