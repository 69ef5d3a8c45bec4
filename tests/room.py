"""A conversation with fakes at every seam, in virtual time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from appliance import turn
from appliance.conversation import Box, Conversation
from appliance.events import SpeechEnded, SpeechStarted, ToolCalled, WakeWordHeard
from appliance.frames import FRAME_SAMPLES, Frame
from appliance.ports import Backend
from appliance.units import CallId, ResponseId, SampleIndex, Seconds
from tests.fakes import (
    FakeBackend,
    FakeEar,
    FakeIndicator,
    FakeObserver,
    FakeSpeaker,
    FakeTools,
    LoopClock,
)
from tests.virtual_time import run_virtual

TIMING = turn.Timing(follow_up=Seconds(0.0))
REPLY = ResponseId("reply-1")
CALL = ToolCalled(CallId("call-1"), REPLY, "set_light", {"state": "on"})


def frame(number: int) -> Frame:
    samples = np.zeros(FRAME_SAMPLES, dtype=np.int16)
    return Frame(samples, SampleIndex(number * FRAME_SAMPLES))


@dataclass
class Room:
    backend: FakeBackend = field(default_factory=FakeBackend)
    ear: FakeEar = field(default_factory=FakeEar)
    speaker: FakeSpeaker = field(default_factory=FakeSpeaker)
    indicator: FakeIndicator = field(default_factory=FakeIndicator)
    observer: FakeObserver = field(default_factory=FakeObserver)
    tools: FakeTools = field(default_factory=FakeTools)
    timing: turn.Timing = TIMING
    through: Callable[[FakeBackend], Backend] = lambda backend: backend
    """What stands before the backend."""

    def __post_init__(self) -> None:
        box = Box(self.ear, self.speaker, self.indicator, LoopClock(), self.observer)
        self.conversation = Conversation(box, tools=self.tools, timing=self.timing)

    def state(self) -> type[turn.State]:
        return type(self.conversation.state)

    def wake(self, at: int = 48_000) -> None:
        self.conversation.put(WakeWordHeard("computer", 0.9, SampleIndex(at)))

    async def say_something(self) -> None:
        """Wake, speak, fall silent; done at 2 s."""
        self.wake()
        await asyncio.sleep(0.5)
        self.conversation.put(SpeechStarted(SampleIndex(50_000)))
        for number in range(100):
            self.conversation.hear(frame(number), ())
        await asyncio.sleep(1.5)
        self.conversation.hear(None, (SpeechEnded(SampleIndex(70_000)),))

    @contextlib.asynccontextmanager
    async def conversing(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.conversation.run(self.through(self.backend)))
            await asyncio.sleep(0)
            yield
            task.cancel()


def scene(play: Callable[[Room], Coroutine[Any, Any, None]], room: Room | None = None) -> Room:
    async def whole() -> Room:
        set_up = room or Room()
        async with set_up.conversing():
            await play(set_up)
        return set_up

    return run_virtual(whole())
