"""Watchmen over every test, and how hard Hypothesis tries."""

import logging
import os
import signal
import threading
from collections.abc import Generator, Iterator

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import settings
from xdist.remote import Producer

from appliance.host.journal import IDENTIFIER
from tests.scheduling import AloneFirst, in_order
from tests.trying import begin, judge, try_again

# The same examples on every push, so that a red build is about the change; new ones every night.
settings.register_profile("push", derandomize=True, max_examples=100, deadline=None)
settings.register_profile("night", max_examples=5000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "push"))


@pytest.fixture(autouse=True)
def no_thread_outlives_its_test() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=2.0)
        assert not thread.is_alive(), thread.name


@pytest.fixture(autouse=True)
def nothing_blocks_the_event_loop() -> Iterator[None]:
    with blockbuster_ctx():
        yield


@pytest.fixture(autouse=True)
def every_log_call_can_be_formatted(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG):
        yield
    for record in caplog.records:
        record.getMessage()


@pytest.fixture(autouse=True)
def what_a_command_sets_up_of_the_log_ends_with_its_test() -> Iterator[None]:
    ours, root = logging.getLogger("appliance"), logging.getLogger()
    level = ours.level
    yield
    ours.setLevel(level)
    for handler in [each for each in root.handlers if each.name == IDENTIFIER]:
        root.removeHandler(handler)


def pytest_configure() -> None:
    """Let the programs of the tests be interrupted, also where a script's background may not."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = in_order(items)
    for item in items:
        try_again(item)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("alone"):
        begin(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    judge(item, report)
    return report


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> AloneFirst:
    return AloneFirst(config, log)
