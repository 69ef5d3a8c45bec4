"""A confirmation while sessions come and go: the box's question survives them; virtual time."""

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from appliance.backend.choice import Choice
from appliance.backend.context import Called, Handover
from appliance.backend.failover import Failover
from appliance.backend.local import worker
from appliance.events import ReplyEnded, ReplyStarted, ToolCalled
from appliance.ports import Cue, Word
from appliance.units import CallId, ResponseId, TurnNumber
from tests.confirming import ASK_PIN, PIN, UNLOCKED, Talk, talk
from tests.fakes import FakeBackend, LoopClock
from tests.on_device import AtOnce
from tests.sessions import GONE, PATIENCE, FakePurse, ScriptedSession

FIRST = TurnNumber(1)
CALLING, TELLING = ResponseId("calling"), ResponseId("telling")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "ThreadPoolExecutor", AtOnce)


class Sessions:
    """What the failover opens, in order."""

    def __init__(self) -> None:
        self.opened: list[ScriptedSession] = []

    def opener(self, name: str) -> Callable[[Handover], ScriptedSession]:
        def open_one(handover: Handover) -> ScriptedSession:
            made = ScriptedSession(name, handover)
            self.opened.append(made)
            return made

        return open_one

    def failover(self) -> Failover:
        order = ("realtime", "local")
        return Failover(
            {name: self.opener(name) for name in order},
            Choice(order, frozenset({"realtime"})),
            patience=PATIENCE,
            clock=LoopClock(),
            purse=FakePurse(),
            jitter=lambda: 0.0,
        )


async def opens_the_safe(room: Talk, session: ScriptedSession) -> None:
    session.emit(ReplyStarted(CALLING, FIRST))
    session.emit(ToolCalled(CallId("one"), CALLING, "open_safe", {}))
    session.emit(ReplyEnded(CALLING, calls_tool=True))
    await asyncio.sleep(0.2)
    assert len(room.gate.opened) == 1


def test_session_is_lost_before_the_question_and_the_next_one_hears_no_answer_either() -> None:
    sessions = Sessions()

    async def story(room: Talk) -> None:
        inner = cast("Failover", room.inner)
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(inner.run())
            await room.request()
            await asyncio.sleep(0.1)
            (first,) = sessions.opened
            await opens_the_safe(room, first)
            first.emit(GONE)
            await asyncio.sleep(0.2)
            second = sessions.opened[1]
            assert second.handover.owed is not None
            second.emit(ReplyStarted(TELLING, FIRST), ReplyEnded(TELLING))
            await asyncio.sleep(0.2)
            assert " ".join(room.said) == ASK_PIN
            await room.heard_out()
            await room.speak("one two three four")
            await asyncio.sleep(10.0)
            assert room.said[-1] == UNLOCKED
            second.emit(GONE)
            await asyncio.sleep(1.0)
            await room.request()
            await asyncio.sleep(0.2)
            serving.cancel()

    room = talk(story, lambda: Talk(cast("FakeBackend", sessions.failover())))
    assert [word for _, word in room.gate.words] == [Word(yes=True, pin=PIN)]
    first, second, *others = sessions.opened
    assert len(first.frames) == 20
    assert second.frames == []
    told = [line for line in others[-1].handover.lines if isinstance(line, Called)]
    assert [called.result.say for called in told if called.result is not None] == [UNLOCKED]
    assert not any(PIN in str(line) for line in others[-1].handover.lines)
    assert Cue.FAILED not in room.indicator.shown


def test_nobody_is_left_and_the_box_asks_all_the_same() -> None:
    sessions = Sessions()

    async def story(room: Talk) -> None:
        inner = cast("Failover", room.inner)
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(inner.run())
            await room.request()
            await asyncio.sleep(0.1)
            await opens_the_safe(room, sessions.opened[0])
            for number in range(2):
                sessions.opened[number].emit(GONE)
                await asyncio.sleep(0.2)
            await asyncio.sleep(0.2)
            assert " ".join(room.said) == ASK_PIN
            await room.heard_out()
            await room.speak("1234")
            assert len(room.gate.done) == 1
            serving.cancel()

    talk(story, lambda: Talk(cast("FakeBackend", sessions.failover())))
