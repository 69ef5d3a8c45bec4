import io
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.errors import BrokerError
from appliance.host import journal

log = logging.getLogger("appliance.something")


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("appliance")
    handlers, levels = list(root.handlers), (root.level, ours.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


class FakeJournal:
    """Takes what ``systemd.journal.send`` takes."""

    def __init__(self) -> None:
        self.entries: list[dict[str, object]] = []

    def send(self, message: str, **fields: object) -> None:
        self.entries.append({"MESSAGE": message, **fields})


def test_an_entry_has_its_level_its_place_and_the_code_of_the_error() -> None:
    book = FakeJournal()
    journal.set_up_logging(send=book.send, env={})
    log.warning("lost %s", "it", extra={"code": BrokerError.code})

    (entry,) = book.entries
    assert entry["MESSAGE"] == "lost it"
    assert entry["PRIORITY"] == "4"
    assert entry["LOGGER"] == "appliance.something"
    assert entry["CODE_FILE"] == __file__
    assert entry["VOICE_APPLIANCE_CODE"] == "broker"
    assert "args" not in {name.lower() for name in entry}


def test_only_the_appliance_tells_more_than_warnings() -> None:
    book = FakeJournal()
    journal.set_up_logging(send=book.send, env={})
    log.debug("a decision")
    log.info("a change")
    logging.getLogger("paho").info("chatter")
    assert [entry["MESSAGE"] for entry in book.entries] == ["a change"]

    journal.set_up_logging(send=book.send, env={}, verbose=True)
    log.debug("a decision")
    assert [entry["MESSAGE"] for entry in book.entries] == ["a change", "a decision"]


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.DEBUG, "7"), (logging.INFO, "6"), (logging.ERROR, "3"), (logging.CRITICAL, "2")],
)
def test_levels_are_syslogs(level: int, priority: str) -> None:
    book = FakeJournal()
    journal.set_up_logging(send=book.send, env={}, verbose=True)
    log.log(level, "x")
    assert book.entries[0]["PRIORITY"] == priority


def test_an_exception_is_told_with_its_traceback() -> None:
    book = FakeJournal()
    journal.set_up_logging(send=book.send, env={})
    error = BrokerError("gone")
    log.error("failed", exc_info=error)
    message = str(book.entries[0]["MESSAGE"])
    assert message.startswith("failed\n")
    assert message.endswith("BrokerError: gone")


def test_elsewhere_it_is_written_to_standard_error_with_the_time() -> None:
    stream = io.StringIO()
    journal.set_up_logging(env={}, stream=stream)
    log.info("a change")
    time, _, rest = stream.getvalue().partition(" ")
    assert len(time) == 8
    assert rest == "INFO appliance.something: a change\n"


def test_a_stream_is_the_journals_only_if_systemd_says_so(tmp_path: Path) -> None:
    with (tmp_path / "stream").open("w") as stream:
        here = os.fstat(stream.fileno())
        assert journal._is_journal(stream, {"JOURNAL_STREAM": f"{here.st_dev}:{here.st_ino}"})
        assert not journal._is_journal(stream, {"JOURNAL_STREAM": f"{here.st_dev}:1"})
        assert not journal._is_journal(stream, {})
    assert not journal._is_journal(io.StringIO(), {"JOURNAL_STREAM": "1:2"})
