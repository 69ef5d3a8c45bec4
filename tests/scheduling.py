"""In which order the tests run, and in which process.

Tests that are marked ``alone`` need the machine for themselves: their sound servers, rooms and
boxes run in real time. They come first, one after another in one process, while the others idle;
then all processes share the other files (``pytest -n 2``), those that take longest first. How
often a test is tried: ``tests.trying``.
"""

from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

MARKED = "pytest.mark.alone"
FIRST = "tests/contract/test_players.py"
"""Before all others, and in its own order: in a process that has run thousands of other tests some
players stay soft for longer than its tests wait. Why is not known yet."""

SLOW = (
    "tests/end_to_end/test_own_voice.py",
    "tests/end_to_end/test_replay.py",
    "tests/end_to_end/test_bad_input.py",
    "tests/end_to_end/test_realtime.py",
    "tests/end_to_end/test_realtime_sessions.py",
    "tests/end_to_end/test_ask.py",
)
"""Files that take longest; one of them at the end would leave a process idle."""


def in_order(items: list[pytest.Item]) -> list[pytest.Item]:
    """Return the tests as they shall run in one process."""

    def place(item: pytest.Item) -> tuple[int, int]:
        file = _file(item.nodeid)
        if file == FIRST:
            return 0, item.location[1] or 0
        if item.get_closest_marker("alone"):
            return 1, 0
        return (2, SLOW.index(file)) if file in SLOW else (3, 0)

    return sorted(items, key=place)


class AloneFirst(LoadFileScheduling):
    """Whole files go to the processes, as with ``--dist loadfile``; see the head of this module.

    The processes collect the files ``in_order``. As long as a file that is ``alone`` is not
    finished, only the first process gets any. A process begins a test once it knows the next one,
    or that there is none; so the first one may have its next file already.
    """

    def schedule(self) -> None:
        """Hand out the first files, in the order in which they were collected."""
        files = {_file(nodeid) for nodeid in next(iter(self.registered_collections.values()))}
        self._alone = {file for file in files if is_alone(self.config.rootpath / file)}
        self.config.option.loadscopereorder = False
        super().schedule()

    def mark_test_complete(
        self, node: WorkerController, item_index: int, duration: float = 0
    ) -> None:
        """Hand out more; to all, when the last test that is alone has ended."""
        was_waiting = not self._all_may_work()
        super().mark_test_complete(node, item_index, duration)
        if was_waiting and self._all_may_work():
            for other in self.nodes:
                self._reschedule(other)

    def _assign_work_unit(self, node: WorkerController) -> None:
        if node is self.nodes[0] or self._all_may_work():
            super()._assign_work_unit(node)

    def _reschedule(self, node: WorkerController) -> None:
        if node is self.nodes[0] or self._all_may_work():
            super()._reschedule(node)
            if self._pending_of(self.assigned_work[node]) == 1:  # it waits for the next
                super()._reschedule(node)

    def _all_may_work(self) -> bool:
        handed_out = (
            work.get(file, {}) for work in self.assigned_work.values() for file in self._alone
        )
        return self._alone.isdisjoint(self.workqueue) and all(
            all(tests.values()) for tests in handed_out
        )


def is_alone(file: Path) -> bool:
    """Tell whether the tests of a file are marked ``alone``."""
    return file.is_file() and MARKED in file.read_text(encoding="utf-8")


def _file(nodeid: str) -> str:
    return nodeid.split("::", 1)[0]
