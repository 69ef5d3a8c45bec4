import asyncio
from collections.abc import Sequence

import pytest

from appliance.board.indicator import Lights
from appliance.board.patterns import DARK, Colour, Facing, light
from appliance.errors import DeviceError
from appliance.ports import Cue
from appliance.units import Seconds
from tests.virtual_time import run_virtual

OFFLINE = True


class FakeRing:
    def __init__(self, leds: int = 12) -> None:
        self.leds = leds
        self.shown: list[tuple[Colour, ...]] = []
        self.broken = False

    def show(self, colours: Sequence[Colour]) -> None:
        if self.broken:
            raise DeviceError("LED ring: broken")
        self.shown.append(tuple(colours))


def test_nothing_is_written_while_nothing_moves() -> None:
    async def scene() -> None:
        ring = FakeRing()
        lights = Lights(ring=ring)
        lights.show(Cue.LISTENING)
        await asyncio.sleep(60)
        assert ring.shown == [light(Cue.LISTENING, Seconds(0), 12).ring]

    run_virtual(scene())


def test_a_moving_cue_is_painted_at_most_25_times_a_second() -> None:
    async def scene() -> None:
        ring = FakeRing()
        lights = Lights(ring=ring)
        lights.show(Cue.THINKING)
        await asyncio.sleep(1.0)
        assert 20 <= len(ring.shown) <= 26
        lights.show(Cue.IDLE)
        count = len(ring.shown)
        await asyncio.sleep(10)
        assert ring.shown[count - 1 :] == [(DARK,) * 12]

    run_virtual(scene())


def test_showing_the_same_cue_again_does_not_begin_anew() -> None:
    async def scene() -> None:
        ring = FakeRing()
        lights = Lights(ring=ring)
        for _ in range(4):
            lights.show(Cue.FAILED)
            await asyncio.sleep(0.5)
        await asyncio.sleep(0.2)  # 2.2 s after the first: the flashing takes 2 s
        count = len(ring.shown)
        await asyncio.sleep(10)
        assert len(ring.shown) == count
        lights.close()

    run_virtual(scene())


def test_a_broken_ring_is_told_once_and_left_out(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        ring = FakeRing()
        lights = Lights(ring=ring)
        lights.show(Cue.THINKING)
        await asyncio.sleep(0.5)
        ring.broken = True
        await asyncio.sleep(10)
        lights.show(Cue.SPEAKING)
        await asyncio.sleep(1)

    run_virtual(scene())
    assert caplog.text.count("LED ring: broken") == 1


def test_closed_lights_are_dark_and_stay_so() -> None:
    async def scene() -> None:
        ring = FakeRing(3)
        lights = Lights(ring=ring)
        lights.show(Cue.SPEAKING)
        lights.close()
        lights.show(Cue.SPEAKING)
        await asyncio.sleep(1)
        assert ring.shown[-1] == (DARK,) * 3

    run_virtual(scene())


def test_going_offline_shows_at_rest_and_leaves_the_cue_as_it_is() -> None:
    async def scene() -> None:
        ring = FakeRing(3)
        lights = Lights(ring=ring)
        lights.show(Cue.IDLE)
        lights.set_offline(OFFLINE)
        lights.set_offline(OFFLINE)  # nothing new: nothing is written
        rest = light(Cue.IDLE, Seconds(0), 3, offline=True).ring
        assert ring.shown == [(DARK,) * 3, rest]
        lights.show(Cue.FAILED)
        await asyncio.sleep(0.3)
        lights.set_offline(not OFFLINE)
        await asyncio.sleep(1.6)  # 1.9 s after the cue began: the flashes go on to their end
        assert 40 < len(ring.shown) <= 52  # and no faster than before
        await asyncio.sleep(5)
        count = len(ring.shown)
        assert ring.shown[-1] == (DARK,) * 3
        lights.set_offline(OFFLINE)
        await asyncio.sleep(5)
        assert ring.shown[count:] == [rest]
        lights.close()
        assert ring.shown[-1] == (DARK,) * 3

    run_virtual(scene())


def test_the_ring_follows_the_talker_while_listening_and_writes_only_what_changes() -> None:
    async def scene() -> None:
        ring = FakeRing()
        lights = Lights(ring=ring, facing=Facing(front=3))
        bearing: list[float | None] = [None]
        lights.follow(lambda: bearing[0])
        lights.show(Cue.LISTENING)
        await asyncio.sleep(1.0)
        assert ring.shown[-1] == light(Cue.LISTENING, Seconds(0), 12).ring
        bearing[0] = 90.0
        count = len(ring.shown)
        await asyncio.sleep(1.0)
        assert ring.shown[count:] == [light(Cue.LISTENING, Seconds(0), 12, towards=0.0).ring]
        lights.show(Cue.IDLE)
        bearing[0] = 180.0
        await asyncio.sleep(1.0)
        assert ring.shown[-1] == (DARK,) * 12
        assert len(ring.shown) == count + 2

    run_virtual(scene())


def test_without_a_ring_nobody_asks_where_the_talker_is() -> None:
    async def scene() -> None:
        lights = Lights()
        lights.follow(lambda: pytest.fail("asked"))
        lights.show(Cue.LISTENING)
        await asyncio.sleep(1.0)

    run_virtual(scene())
