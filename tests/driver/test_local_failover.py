"""The on-device backend in its place behind another one; in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from appliance.backend.choice import Choice
from appliance.backend.context import Handover
from appliance.backend.failover import Failover
from appliance.backend.local import phrases, worker
from appliance.backend.local.pipeline import PATIENCE as HURRY
from appliance.backend.local.pipeline import LocalBackend, Parts
from appliance.backend.local.understand import StagedUnderstander
from appliance.events import (
    BackendEvent,
    ReplyEnded,
    ReplyOffered,
    ReplyStarted,
    ReplyText,
    ToolCalled,
    Transcribed,
)
from appliance.ports import ToolResult
from appliance.units import CallId, ResponseId, TurnNumber
from tests.fakes import LoopClock
from tests.on_device import AtOnce, Ears, Mouth, frame
from tests.requests import house
from tests.sessions import GONE, PATIENCE, FakePurse, ScriptedSession
from tests.virtual_time import run_virtual

SAY = phrases.load("en")
FIRST, SECOND, THIRD = TurnNumber(1), TurnNumber(2), TurnNumber(3)
FAR = ResponseId("far")
IS_ON = ToolResult("done", "The light is on.")
TOOLS = house()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "ThreadPoolExecutor", AtOnce)


@dataclass
class Room:
    """A box with a cloud that does what the test says, and the real backend of its own."""

    understander: StagedUnderstander
    ears: Ears = field(default_factory=Ears)
    far: list[ScriptedSession] = field(default_factory=list)
    events: list[BackendEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.parts = Parts(self.ears, self.understander, Mouth(), SAY)
        self.failover = Failover(
            {"realtime": self._open_far, "local": self._open_near},
            Choice(("realtime", "local"), frozenset({"realtime"})),
            patience=PATIENCE,
            clock=LoopClock(),
            purse=FakePurse(),
            jitter=lambda: 0.0,
        )

    def _open_far(self, handover: Handover) -> ScriptedSession:
        self.far.append(ScriptedSession("realtime", handover))
        return self.far[-1]

    def _open_near(self, handover: Handover) -> LocalBackend:
        return LocalBackend(self.parts, lambda: TOOLS, handover=handover)

    async def ask(self, turn: TurnNumber, text: str) -> None:
        self.ears.text = text
        for _ in range(5):
            await self.failover.send_audio(frame())
        await self.failover.commit_turn(turn)
        await settle()

    async def far_calls(self, turn: TurnNumber, **arguments: object) -> None:
        call = ToolCalled(CallId("c1"), FAR, "set_light", arguments)
        self.far[-1].emit(Transcribed(turn, "something"), ReplyStarted(FAR, turn), call)
        await settle()

    async def answer(self, result: ToolResult) -> None:
        await self.failover.answer_call(self.calls()[-1].call, result)
        await settle()

    async def break_off(self) -> None:
        self.far[-1].emit(GONE)
        await settle()

    def calls(self) -> list[ToolCalled]:
        return [event for event in self.events if isinstance(event, ToolCalled)]

    def said(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, ReplyText)]


async def settle() -> None:
    for _ in range(300):
        await asyncio.sleep(0)


def room(story: Callable[[Room], Awaitable[None]]) -> Room:
    understander = StagedUnderstander(area="kitchen")
    understander.warm(TOOLS)  # reads files, which is not for an event loop

    async def main() -> Room:
        made = Room(understander)

        async def follow() -> None:
            async for event in made.failover.events():
                made.events.append(event)

        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(made.failover.run(), name="failover"),
                group.create_task(follow(), name="follow"),
            ]
            await settle()
            await story(made)
            for task in tasks:
                task.cancel()
        return made

    return run_virtual(main())


def test_the_unfinished_question_is_answered_here_with_one_sign() -> None:
    async def story(r: Room) -> None:
        await r.ask(FIRST, "turn on the kitchen light")
        await r.break_off()
        await r.answer(IS_ON)
        await r.ask(SECOND, "turn it off")

    found = room(story)
    assert [dict(called.arguments) for called in found.calls()] == [
        {"state": "on", "light": "kitchen_light"},
        {"state": "off", "light": "kitchen_light"},
    ]
    assert found.said() == [SAY.alone, "The light is on."]


def test_what_the_other_one_called_is_reported_here_and_not_called_again() -> None:
    async def story(r: Room) -> None:
        await r.ask(FIRST, "turn on the kitchen light")
        await r.far_calls(FIRST, light="kitchen_light", brightness=40)
        await r.break_off()
        await r.answer(IS_ON)

    found = room(story)
    assert len(found.calls()) == 1
    assert found.ears.heard == []
    assert found.said() == [SAY.alone, "The light is on."]
    assert [e.turn for e in found.events if isinstance(e, ReplyStarted)][-1] == FIRST
    assert not [e for e in found.events if isinstance(e, ReplyEnded)][-1].calls_tool


@pytest.mark.parametrize("away", [0.0, 20.0])
def test_what_the_other_one_did_can_be_gone_on_with_here(away: float) -> None:
    async def story(r: Room) -> None:
        await r.ask(FIRST, "turn on the desk lamp")
        await r.far_calls(FIRST, light="desk_lamp", brightness=40)
        await r.break_off()
        await r.answer(IS_ON)
        await asyncio.sleep(away)  # and the other one is back, and goes again
        await r.ask(SECOND, "make it brighter")
        if away:
            await r.break_off()

    found = room(story)
    assert len(found.far) == (2 if away else 1)
    assert dict(found.calls()[-1].arguments) == {"light": "desk_lamp", "brightness": 60}


def test_a_slow_tool_of_the_other_one_is_told_of_later() -> None:
    async def story(r: Room) -> None:
        await r.ask(FIRST, "turn on the kitchen light")
        await r.far_calls(FIRST, light="kitchen_light", state="on")
        await r.break_off()
        await asyncio.sleep(HURRY + 1.0)
        await settle()
        await r.answer(IS_ON)
        assert [e for e in r.events if isinstance(e, ReplyOffered)]
        await r.failover.take_reply(SECOND)
        await settle()

    assert room(story).said() == [SAY.alone, SAY.working, "The light is on."]
