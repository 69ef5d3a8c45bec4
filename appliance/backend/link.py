"""One session of a backend and the tasks that serve it.

What goes to it waits in a queue of its own, so that a stalled session keeps nobody waiting, and
what waits can be dropped: sound of a turn that came to nothing never leaves.
"""

import asyncio
import logging
from collections import deque
from dataclasses import replace
from typing import Protocol, runtime_checkable

from appliance.backend.unfinished import Command
from appliance.errors import BackendError, BackendStalled, BackendUnavailable
from appliance.events import (
    BackendEvent,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ToolCalled,
)
from appliance.ports import Backend, ToolResult
from appliance.units import CallId, ResponseId, Seconds

log = logging.getLogger(__name__)

SEND_S = 65.0
"""A session that takes so long to take one thing is lost. It notices itself, long before: the
longest that ``backend.stall_s`` can be is 60 s."""

CLOSE_S = 2.0
"""Longest wait for a session's farewell."""


@runtime_checkable
class TellsReady(Protocol):
    """A session that must connect first."""

    @property
    def ready(self) -> bool:
        """Whether it would serve a turn at once."""
        ...


class Watch(Protocol):
    """Who is told what comes of a session; called on the event loop, in order."""

    def deliver(self, link: "Link", event: BackendEvent) -> None:
        """Take an event."""
        ...

    def lose(self, link: "Link", error: BackendError) -> None:
        """Take note that the session has failed; told once, and nothing comes after it."""
        ...


class Link:
    """One session.

    Args:
        name: Of its backend.
        number: Of this session; no other has it.
        backend: The session, not yet connected.
        watch: Is told what comes of it.
    """

    def __init__(self, name: str, number: int, backend: Backend, watch: Watch) -> None:
        self.name = name
        self.label = f"{name}-{number}"
        self.backend = backend
        self.opened_at = Seconds(0.0)
        self.used_at = Seconds(0.0)
        self.version = 0
        """Of the memory that it was told."""

        self.calls: dict[CallId, CallId] = {}
        """From the name under which a call was published to its own; only unanswered ones."""

        self._watch = watch
        self._outbox: deque[tuple[Command, bool]] = deque()
        self._filled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._over = False
        self._published = 0

    @property
    def ready(self) -> bool:
        """Whether it would serve a turn at once, as far as it tells."""
        return not isinstance(self.backend, TellsReady) or self.backend.ready

    def owns(self, response: ResponseId) -> bool:
        """Whether a reply is this session's."""
        return response.startswith(f"{self.label}/")

    def adopt(self, call: CallId) -> None:
        """Take note that the session was told of a call under its published name."""
        self.calls[call] = call

    def cancel_reply(self, response: ResponseId, *, heard: Seconds) -> None:
        """Queue ``Backend.cancel_reply`` for a reply of its own."""
        inner = ResponseId(response.partition("/")[2])
        self.send(lambda backend: backend.cancel_reply(inner, heard=heard))

    def answer_call(self, call: CallId, result: ToolResult) -> bool:
        """Queue ``Backend.answer_call``; return whether the session waits for this answer."""
        inner = self.calls.pop(call, None)
        if inner is None:
            return False
        self.send(lambda backend: backend.answer_call(inner, result))
        return True

    def send(self, command: Command, *, of_turn: bool = False) -> None:
        """Queue something for the session.

        Args:
            command: What to do with it.
            of_turn: ``drop_turn`` drops it.
        """
        self._outbox.append((command, of_turn))
        self._filled.set()

    def drop_turn(self) -> None:
        """Drop what has not been sent of the user's turn."""
        self._outbox = deque(item for item in self._outbox if not item[1])

    def start(self, group: asyncio.TaskGroup) -> None:
        """Connect, and serve it in a task of ``group``."""
        self._task = group.create_task(self._run(), name=f"backend.{self.label}")

    def retire(self) -> None:
        """End it now; nothing more leaves, nothing more is told. Idempotent."""
        self._over = True
        self._outbox.clear()
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow(), name=f"backend.{self.label}.follow")
                group.create_task(self._transmit(), name=f"backend.{self.label}.transmit")
        except* BackendError:
            log.debug("session %s is over", self.label)
        finally:
            await self._close()

    async def _follow(self) -> None:
        try:
            async for event in self.backend.events():
                self._watch.deliver(self, self._renamed(event))
        except BackendError as error:
            self._lose(error)
            raise
        ended = BackendUnavailable("the session ended without a word")
        self._lose(ended)
        raise ended

    def _renamed(self, event: BackendEvent) -> BackendEvent:
        """Give replies and calls names that no other session gives."""
        match event:
            case ReplyStarted() | ReplyText() | ReplyAudio() | ReplyEnded():
                return replace(event, response=self._outer(event.response))
            case ToolCalled():
                self._published += 1
                call = CallId(f"{self.label}-call-{self._published}")
                self.calls[call] = event.call
                return replace(event, call=call, response=self._outer(event.response))
            case _:
                return event

    def _outer(self, response: ResponseId) -> ResponseId:
        return ResponseId(f"{self.label}/{response}")

    async def _transmit(self) -> None:
        try:
            while True:
                await self._send_next()
        except BackendError as error:
            self._lose(error)
            raise

    async def _send_next(self) -> None:
        while not self._outbox:
            self._filled.clear()
            await self._filled.wait()
        command, _ = self._outbox.popleft()
        try:
            async with asyncio.timeout(SEND_S):
                await command(self.backend)
        except TimeoutError as error:
            raise BackendStalled(f"nothing was taken for {SEND_S:.0f} s") from error

    def _lose(self, error: BackendError) -> None:
        if not self._over:
            self._over = True
            self._watch.lose(self, error)

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_S):
                await self.backend.close()
        except (TimeoutError, BackendError) as error:
            log.debug("session %s did not say farewell: %s", self.label, type(error).__name__)
