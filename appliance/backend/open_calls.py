"""The calls that were published: which await their answer, which answers came too late. Pure."""

from collections.abc import Collection
from dataclasses import replace

from appliance.backend.context import Called
from appliance.ports import ToolResult
from appliance.units import CallId

MOST_LATE = 8
"""Answers that wait to be told; older ones are told no more."""


class OpenCalls:
    """Keeps calls until they are answered, and late answers until they are told."""

    def __init__(self) -> None:
        self._published: dict[CallId, Called] = {}
        self._late: dict[CallId, Called] = {}
        self._hushed: set[CallId] = set()

    def __contains__(self, call: CallId) -> bool:
        """Whether a call awaits its answer."""
        return call in self._published

    @property
    def any_late(self) -> bool:
        """Whether an answer waits to be told."""
        return bool(self._late)

    def publish(self, called: Called) -> None:
        """Keep a call."""
        self._published[called.call] = called

    def answer(self, call: CallId, result: ToolResult) -> Called | None:
        """Return the call with its result; ``None`` if it awaits none."""
        called = self._published.pop(call, None)
        return None if called is None else replace(called, result=result)

    def keep_late(self, called: Called) -> None:
        """Keep an answer that came too late, if it is to be told at all."""
        dropped = called.result is None or "cancelled" in called.result.data
        if called.call in self._hushed or dropped:
            self._hushed.discard(called.call)
            return
        self._late[called.call] = called
        if len(self._late) > MOST_LATE:
            del self._late[next(iter(self._late))]

    def orphaned(self, awaited: Collection[CallId]) -> bool:
        """Whether a call is still at work that no session, only somebody else, waits for.

        Args:
            awaited: What the session that serves waits for.
        """
        return any(call not in awaited for call in self._published)

    def take_late(self) -> dict[CallId, Called]:
        """Return the late answers, which are told now."""
        late, self._late = self._late, {}
        return late

    def hush(self) -> None:
        """Never tell the answers to what was called until now: privacy mode ends."""
        self._late.clear()
        self._hushed.update(self._published)
