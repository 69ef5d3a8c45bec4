"""The network is gone for 2 s, 20 s, 20 min, at any point of a conversation; in virtual time."""

import asyncio

import pytest

from appliance.events import BackendChanged, ReplyAudio, ReplyEnded, ReplyStarted
from appliance.units import TurnNumber
from tests.driver.test_realtime_chaos import Box
from tests.realtime_server import RealtimeServer, Reply, Script, serving
from tests.realtime_server.script import RATE
from tests.sessions import frame
from tests.virtual_time import run_virtual

OUTAGES = (2.0, 20.0, 1200.0)
NOTICED_S = 9.0
"""A reply that has begun and stalls, and the time that the other backend takes."""

BACK_S = 130.0
"""Two of the longest waits between tries, and the try itself."""

MOMENTS = ("at rest", "speaking", "waiting", "answering")
SPOKEN = 150
"""Frames of the turn that is disturbed."""


async def disturbed(box: Box, number: TurnNumber, moment: str) -> None:
    """Say something; the network goes at some point of it."""
    if moment == "at rest":
        box.server.freeze()
        await asyncio.sleep(1.0)
    for one in range(SPOKEN):
        if one == SPOKEN // 2 and moment == "speaking":
            box.server.freeze()
        await asyncio.sleep(0.01)
        await box.failover.send_audio(frame(one))
    await box.failover.commit_turn(number)
    await asyncio.sleep(0.2)
    if moment == "waiting":
        box.server.freeze()
    if moment == "answering":
        while not any(  # noqa: ASYNC110 - as below
            isinstance(event, ReplyAudio) for event in mine(box, number)
        ):
            await asyncio.sleep(0.01)
        box.server.freeze()


def mine(box: Box, number: TurnNumber) -> list[object]:
    replies = {e.response for e in box.events if isinstance(e, ReplyStarted) and e.turn == number}
    return [e for e in box.events if getattr(e, "response", None) in replies]


async def answered(box: Box, number: TurnNumber, within: float) -> None:
    async with asyncio.timeout(within):
        while not box.is_answered(number):  # noqa: ASYNC110 - it is looked at from outside
            await asyncio.sleep(0.01)


async def thaw_later(server: RealtimeServer, after: float) -> None:
    await asyncio.sleep(after)
    server.thaw()


async def story(moment: str, gone: float) -> Box:
    """Four turns: before, at the beginning of, in the middle of and after the outage."""
    clock = asyncio.get_running_loop().time
    slow = Reply("It is done.", first_event_s=0.5, pace=1.0)
    async with serving(Script(otherwise=lambda _: slow)) as server:
        box = Box(server)
        async with asyncio.TaskGroup() as group:
            group.create_task(box.failover.run(), name="failover")
            group.create_task(box.follow(), name="follow")
            await box.turn(TurnNumber(1))
            await asyncio.sleep(2.0)
            began = clock()
            group.create_task(thaw_later(server, gone + 1.0), name="thaw")
            await disturbed(box, TurnNumber(2), moment)
            await answered(box, TurnNumber(2), NOTICED_S)
            if gone > 2 * NOTICED_S:
                for one in range(SPOKEN):
                    await asyncio.sleep(0.01)
                    await box.failover.send_audio(frame(one))
                await box.failover.commit_turn(TurnNumber(3))
                await answered(box, TurnNumber(3), 0.1)
            await asyncio.sleep(max(0.0, began + gone - clock()) + BACK_S)
            assert box.failover.serving == "realtime"
            await box.turn(TurnNumber(4))
            await box.failover.close()
    return box


@pytest.mark.parametrize("gone", OUTAGES)
@pytest.mark.parametrize("moment", MOMENTS)
def test_every_turn_is_answered_and_the_service_is_used_again(moment: str, gone: float) -> None:
    box = run_virtual(story(moment, gone))

    changes = [(e.name, e.reason) for e in box.events if isinstance(e, BackendChanged)]
    assert [name for name, _ in changes] in ([], ["local", "realtime"])
    assert changes or gone == OUTAGES[0]
    sounds = [turn for session in box.server.sessions for turn in session.turns]
    heard = [len(sound) / (RATE // 50) for sound in sounds]
    local = [session for session in box.local if session.committed]
    heard += [len(session.frames) / len(session.committed) for session in local]
    assert set(heard) <= {21, SPOKEN, 24}, "sound was lost or doubled"
    assert len(box.server.paths) < 40, "it is not asked all the time"
    last = [e for e in mine(box, TurnNumber(4)) if isinstance(e, ReplyEnded)]
    assert last[-1].response.startswith("realtime")
