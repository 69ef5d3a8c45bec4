"""The realtime backend with the on-device one behind it, while its server is killed and frozen.

Real sockets on the loopback and the real protocol, in virtual time; only the on-device backend is
played. Whatever happens to the server at random moments: every turn is answered, by who heard all
of it and nothing else, and what was asked for is done once.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random

import pytest

from appliance.backend.choice import Choice
from appliance.backend.context import Handover
from appliance.backend.failover import Failover
from appliance.backend.realtime.history import replay
from appliance.backend.realtime.protocol import RealtimeProtocol
from appliance.backend.roster import Opener
from appliance.backend.socket.address import Address
from appliance.backend.socket.client import Limits, SocketSession
from appliance.errors import BackendUnavailable
from appliance.events import BackendEvent, ReplyAudio, ReplyEnded, ReplyStarted, ToolCalled
from appliance.ports import ToolResult
from appliance.units import CallId, Seconds, TurnNumber
from tests.fakes import RATE, LoopClock
from tests.realtime_client import CONNECT, STALL, TERMS
from tests.realtime_server import Ask, Call, RealtimeServer, Reply, Script, serving
from tests.sessions import PATIENCE, FakePurse, ScriptedSession, frame
from tests.virtual_time import run_virtual

TURNS = 4
ANSWERED_S = 30.0


class OnDevice(ScriptedSession):
    """Answers every turn at once, and whatever the last backend left owed."""

    async def events(self) -> AsyncIterator[BackendEvent]:
        if (owed := self.handover.owed) is not None and owed.calls:
            self._reply(owed.turn)
        async for event in super().events():
            yield event

    async def commit_turn(self, turn: TurnNumber, *, as_expected: bool = False) -> None:
        await super().commit_turn(turn, as_expected=as_expected)
        self._reply(turn)

    def _reply(self, turn: TurnNumber) -> None:
        reply = f"local-{id(self)}-{turn}"
        self.emit(
            ReplyStarted(reply, turn),  # type: ignore[arg-type]
            ReplyAudio(reply, b"\x00\x00", RATE),  # type: ignore[arg-type]
            ReplyEnded(reply),  # type: ignore[arg-type]
        )


@dataclass
class Box:
    """A conversation that is always carried on."""

    server: RealtimeServer
    events: list[BackendEvent] = field(default_factory=list)
    answered: set[CallId] = field(default_factory=set)
    local: list[OnDevice] = field(default_factory=list)

    def __post_init__(self) -> None:
        openers: dict[str, Opener] = {"realtime": self._open_realtime, "local": self._open_local}
        self.failover = Failover(
            openers,
            Choice(tuple(openers), frozenset({"realtime"})),
            patience=PATIENCE,
            clock=LoopClock(),
            purse=FakePurse(),
            jitter=lambda: 0.5,
        )

    def _open_realtime(self, handover: Handover) -> SocketSession:
        address = Address(self.server.url, self.server.headers)
        protocol = RealtimeProtocol(TERMS, history=replay(handover).items, owed=handover.owed)
        return SocketSession(address, protocol, Limits(connect=CONNECT, stall=STALL))

    def _open_local(self, handover: Handover) -> OnDevice:
        self.local.append(OnDevice("local", handover))
        return self.local[-1]

    async def follow(self) -> None:
        try:
            async for event in self.failover.events():
                self.events.append(event)
                if isinstance(event, ToolCalled):
                    assert event.call not in self.answered
                    self.answered.add(event.call)
                    await self.failover.answer_call(event.call, ToolResult("done"))
        except BackendUnavailable:
            return

    async def turn(self, number: TurnNumber) -> None:
        for one in range(20 + number):
            await asyncio.sleep(0.01)
            await self.failover.send_audio(frame(one))
        await self.failover.commit_turn(number)
        async with asyncio.timeout(ANSWERED_S):
            while not self.is_answered(number):  # noqa: ASYNC110 - it is looked at from outside
                await asyncio.sleep(0.05)

    def is_answered(self, number: TurnNumber) -> bool:
        mine = {
            e.response for e in self.events if isinstance(e, ReplyStarted) and e.turn == number
        }
        ends = [e for e in self.events if isinstance(e, ReplyEnded) and e.response in mine]
        return any(not end.calls_tool for end in ends)

    def check(self, number: TurnNumber) -> None:
        """Whoever took the turn got all of it; it was asked for at most one thing."""
        heard = {len(turn) // 480 for session in self.server.sessions for turn in session.turns}
        heard |= {len(session.frames) for session in self.local if session.frames}
        for session in self.local:
            session.frames.clear()
        assert heard <= {20 + turn for turn in range(1, number + 1)}, "sound was lost or doubled"


def answer(chance: Random) -> Reply:
    calls = (Call("set_light", '{"state": "on"}'),) if chance.random() < 0.4 else ()
    return Reply("" if calls else "It is done.", calls=calls, first_event_s=0.1, pace=2.0)


async def trouble(server: RealtimeServer, chance: Random) -> None:
    """Let things happen to the server, until it is left alone."""
    while True:
        await asyncio.sleep(chance.uniform(0.0, 3.0))
        match chance.choice(["kill", "freeze", "blink", "slow", "nothing"]):
            case "kill":
                server.kill()
                await asyncio.sleep(chance.uniform(0.0, 4.0))
                await server.revive()
            case "freeze":
                server.freeze()
                await asyncio.sleep(chance.uniform(0.0, 12.0))
                server.thaw()
            case "blink":
                server.freeze()
                await asyncio.sleep(0.5)
                server.thaw()
            case "slow":
                server.slow(chance.uniform(1.0, 20.0))
            case _:
                server.slow(1.0)


async def conversation(seed: int) -> Box:
    chance = Random(seed)  # noqa: S311 - the same story every time

    def reply(ask: Ask) -> Reply:
        return Reply("The light is on.") if ask.outputs else answer(chance)

    async with serving(Script(otherwise=reply)) as server:
        box = Box(server)
        async with asyncio.TaskGroup() as group:
            group.create_task(box.failover.run(), name="failover")
            group.create_task(box.follow(), name="follow")
            mishap = group.create_task(trouble(server, chance), name="trouble")
            for number in range(1, TURNS + 1):
                await box.turn(TurnNumber(number))
                box.check(TurnNumber(number))
                await asyncio.sleep(chance.uniform(0.0, 8.0))
            mishap.cancel()
            await asyncio.sleep(1.0)
            assert not box.failover.busy, "always back to rest"
            await box.failover.close()
    return box


@pytest.mark.parametrize("seed", range(60))
def test_every_turn_is_answered_whatever_happens_to_the_server(seed: int) -> None:
    box = run_virtual(conversation(seed))

    started = [event.turn for event in box.events if isinstance(event, ReplyStarted)]
    assert set(started) == set(range(1, TURNS + 1))
    calls = [event.call for event in box.events if isinstance(event, ToolCalled)]
    assert len(calls) == len(set(calls)) <= TURNS


def test_without_trouble_the_realtime_backend_answers_all() -> None:
    async def scene() -> Box:
        async with serving(Script(otherwise=lambda _: Reply("Done."))) as server:
            box = Box(server)
            async with asyncio.TaskGroup() as group:
                group.create_task(box.failover.run(), name="failover")
                group.create_task(box.follow(), name="follow")
                await asyncio.sleep(Seconds(1.0))
                for number in range(1, TURNS + 1):
                    await box.turn(TurnNumber(number))
                    box.check(TurnNumber(number))
                await box.failover.close()
        return box

    box = run_virtual(scene())
    assert not any(session.committed for session in box.local)
