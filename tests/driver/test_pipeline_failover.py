"""The pipeline in a list of backends: whatever part of it fails, another one goes on; virtual."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from appliance.backend.choice import Choice
from appliance.backend.context import Called, Handover, Said
from appliance.backend.failover import Failover
from appliance.backend.pipeline.parts import Calls, Says, Trio
from appliance.backend.pipeline.session import PipelineBackend
from appliance.errors import BackendUnavailable
from appliance.events import (
    BackendChanged,
    BackendEvent,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ToolCalled,
    Used,
)
from appliance.ports import ToolResult
from appliance.units import TurnNumber
from tests.fakes import LoopClock
from tests.pipeline_parts import (
    FIRST,
    LAMP,
    SECOND,
    TERMS,
    FakeMind,
    FakeStt,
    FakeTts,
    Sentences,
    Wait,
    frame,
    trio,
)
from tests.sessions import PATIENCE, FakePurse
from tests.virtual_time import run_virtual

GONE = BackendUnavailable("it went away")
ON = Calls("light", {"state": "on"})
IS_ON = ToolResult("done", "The light is on.")


@dataclass
class House:
    """A pipeline of services first, then one of the box."""

    far: Trio
    near: Trio = field(default_factory=lambda: trio([Says("Here I am.")]))
    handovers: list[Handover] = field(default_factory=list)
    events: list[BackendEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.failover = Failover(
            {"pipeline": self._open_far, "local": self._open_near},
            Choice(("pipeline", "local"), frozenset({"pipeline"})),
            patience=PATIENCE,
            clock=LoopClock(),
            purse=FakePurse(),
            jitter=lambda: 0.0,
        )

    def _open_far(self, handover: Handover) -> PipelineBackend:
        return PipelineBackend(self.far, Sentences(alone=""), lambda: (LAMP,), TERMS, handover)

    def _open_near(self, handover: Handover) -> PipelineBackend:
        self.handovers.append(handover)
        return PipelineBackend(self.near, Sentences(), lambda: (LAMP,), TERMS, handover)

    async def ask(self, turn: TurnNumber = FIRST) -> None:
        for _ in range(5):
            await self.failover.send_audio(frame())
            await asyncio.sleep(0.01)
        await self.failover.commit_turn(turn)

    async def answer(self, result: ToolResult) -> None:
        call = next(e.call for e in reversed(self.events) if isinstance(e, ToolCalled))
        await self.failover.answer_call(call, result)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60.0):
            while not condition():  # noqa: ASYNC110 - of any kind
                await asyncio.sleep(0.01)

    def over(self) -> bool:
        """Whether a reply came to its end and nothing follows."""
        return any(isinstance(e, ReplyEnded) and not e.calls_tool for e in self.events)

    def said(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, ReplyText)]

    def calls(self) -> list[ToolCalled]:
        return [event for event in self.events if isinstance(event, ToolCalled)]


def house(story: Callable[[House], Awaitable[None]], far: Trio, near: Trio | None = None) -> House:
    async def main() -> House:
        made = House(far) if near is None else House(far, near)

        async def follow() -> None:
            async for event in made.failover.events():
                made.events.append(event)

        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(made.failover.run(), name="failover"),
                group.create_task(follow(), name="follow"),
            ]
            await asyncio.sleep(0.1)
            await story(made)
            for task in tasks:
                task.cancel()
        return made

    return run_virtual(main())


@pytest.mark.parametrize(
    "far",
    [
        lambda: trio(stt=FakeStt(deaf=GONE)),
        lambda: trio(stt=FakeStt(error=GONE)),
        lambda: trio(stt=FakeStt(takes=99.0)),
        lambda: trio([GONE]),
        lambda: trio([Wait(99.0)]),
        lambda: trio([Says("One. Tw"), Wait(0.01), GONE]),
        lambda: trio(tts=FakeTts(error=GONE)),
        lambda: trio(tts=FakeTts(first=99.0)),
    ],
    ids=["deaf", "stt", "stt stalls", "llm", "llm stalls", "llm midway", "tts", "tts stalls"],
)
def test_whatever_part_fails_the_turn_is_answered_by_the_next_backend(
    far: Callable[[], Trio],
) -> None:
    async def story(h: House) -> None:
        await h.ask()
        await h.until(h.over)

    found = house(story, far())
    assert found.said()[-2:] == ["Offline.", "Here I am."]
    assert found.said().count("Here I am.") == 1
    near = found.near.mind
    assert isinstance(near, FakeMind)
    assert near.talks[0].asked is not None
    assert near.talks[0].asked.text == "turn on the light"
    assert [e.name for e in found.events if isinstance(e, BackendChanged)][-1] == "local"
    ends = [e for e in found.events if isinstance(e, ReplyEnded) and not e.calls_tool]
    assert len(ends) == 1


def test_what_was_called_is_not_called_again_and_told_once_by_the_next() -> None:
    async def story(h: House) -> None:
        await h.ask()
        await h.until(lambda: bool(h.calls()))
        await h.until(lambda: bool(h.handovers))
        await h.answer(IS_ON)
        await h.until(h.over)

    found = house(story, trio([ON, Wait(0.1), GONE]), trio([Says("The lamp is on.")]))
    assert len(found.calls()) == 1
    assert found.said() == ["Offline.", "The lamp is on."]
    near = found.near.mind
    assert isinstance(near, FakeMind)
    (told,) = near.talks
    assert [answered.result for answered in told.results] == [IS_ON]
    assert [line.text for line in told.lines if isinstance(line, Said)] == ["turn on the light"]
    assert not [line for line in told.lines if isinstance(line, Called)]


def test_results_that_the_mind_fails_to_tell_are_told_by_the_next() -> None:
    async def story(h: House) -> None:
        await h.ask()
        await h.until(lambda: bool(h.calls()))
        await h.answer(IS_ON)
        await h.until(h.over)

    found = house(story, trio([ON], [GONE]), trio([Says("The lamp is on.")]))
    assert len(found.calls()) == 1
    assert found.said() == ["Offline.", "The lamp is on."]


def test_the_conversation_goes_on_and_nothing_else_is_asked_of_the_one_that_failed() -> None:
    async def story(h: House) -> None:
        await h.ask(FIRST)
        await h.until(h.over)
        await h.ask(SECOND)
        await h.until(lambda: sum(isinstance(e, ReplyStarted) for e in h.events) >= 2)
        await asyncio.sleep(1.0)

    found = house(story, trio([GONE]))
    near = found.near.mind
    assert isinstance(near, FakeMind)
    assert [line.text for line in near.talks[1].lines if isinstance(line, Said)] == [
        "turn on the light",
        "Offline. Here I am.",
    ]
    assert not [e for e in found.events if isinstance(e, Used)]
