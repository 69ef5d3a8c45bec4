"""A house with timers in it, on clocks that a test can move."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import cast
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from appliance.app.box import Box
from appliance.app.ground import Ground
from appliance.app.timers import Timers
from appliance.config import Config
from appliance.events import CallAnswered, Happening, ToolCalled
from appliance.host import clocks
from appliance.mqtt.bridge import MqttBridge
from appliance.mqtt.presence import topics
from appliance.ports import Cue, ToolResult
from appliance.timeline import Timeline
from appliance.tools.registry import ToolRegistry
from appliance.units import CallId, ResponseId, SampleRate, Seconds
from tests.house import WORDING

BERLIN = ZoneInfo("Europe/Berlin")


async def _at_once(work: Callable[..., object], /, *given: object) -> object:
    """Stand in for ``asyncio.to_thread``: while the thread works, virtual time stands still."""
    done: Future[object] = Future()

    def run() -> None:
        try:
            done.set_result(work(*given))
        except BaseException as error:  # noqa: BLE001 - handed over
            done.set_exception(error)

    Thread(target=run).start()
    while not done.done():  # noqa: ASYNC110 - virtual time stands still only so
        await asyncio.sleep(0)
    return done.result()


@dataclass
class Times:
    """The clocks of a machine; they go with the event loop's."""

    wall: float = 1_780_308_000.0  # 2026-06-01, noon in Berlin
    boot: str = "first"
    sure: bool = True

    def since_start(self) -> float:
        return 100.0 + asyncio.get_running_loop().time()

    def time_of_day(self) -> float:
        return self.wall + asyncio.get_running_loop().time()

    def install(self, patch: Callable[[object, str, object], None]) -> None:
        """Put them in the place of the machine's."""
        patch(clocks, "since_start", self.since_start)
        patch(clocks, "wall", self.time_of_day)
        patch(clocks, "boot", lambda: self.boot)
        patch(clocks, "is_set", lambda: self.sure)
        patch(clocks, "zone", lambda: BERLIN)
        patch(asyncio, "to_thread", _at_once)


@dataclass
class Loudspeaker:
    """What of a box a ring needs."""

    rings: list[float] = field(default_factory=list)

    def chime(self, sound: NDArray[np.int16], rate: SampleRate, *, alarm: bool = False) -> None:
        assert alarm
        assert len(sound) < rate
        self.rings.append(asyncio.get_running_loop().time())


@dataclass
class Body:
    """A box as far as its timers go."""

    playback: Loudspeaker = field(default_factory=Loudspeaker)
    cues: list[Callable[[Cue], None]] = field(default_factory=list)
    pressed: list[Callable[[], bool]] = field(default_factory=list)

    def now(self) -> Seconds:
        return Seconds(asyncio.get_running_loop().time())

    def show(self, cue: Cue) -> None:
        for each in self.cues:
            each(cue)

    def press(self) -> bool:
        return any(meant() for meant in self.pressed)


@dataclass
class Kept:
    """A box with its timers."""

    part: Timers
    tools: ToolRegistry
    bridge: MqttBridge
    timeline: Timeline
    body: Body = field(default_factory=Body)
    said: list[tuple[float, str]] = field(default_factory=list)

    async def call(self, tool: str, /, **arguments: object) -> ToolResult:
        called = ToolCalled(CallId("call"), ResponseId("reply"), tool, arguments)
        return await self.tools.run(called)

    def say(self, sentence: str) -> None:
        self.said.append((asyncio.get_running_loop().time(), sentence))

    @property
    def sentences(self) -> list[str]:
        return [sentence for _, sentence in self.said]

    def hear_stop(self) -> None:
        """As when somebody said "stop" after the wake word."""
        told: Happening = CallAnswered(CallId("c"), "stop", "done", Seconds(0.0))
        self.timeline.note(told, Seconds(0.0))


@asynccontextmanager
async def timers(
    state: Path | None, *, port: int = 1, serve: bool = True, **settings: object
) -> AsyncIterator[Kept]:
    """Run the timers of a box; without a broker unless a port is given."""
    config = Config.model_validate(
        {"device": {"id": "box"}, "mqtt": {"host": "127.0.0.1", "port": port}, **settings}
    )
    own = topics(config.mqtt.root, "box")
    bridge = MqttBridge(config.mqtt, device="box", availability=own.availability)
    timeline = Timeline()
    tools = ToolRegistry(WORDING, None, settings=config.gate)
    part = Timers(Ground(config, bridge, own, tools, WORDING, timeline, state))
    made = Kept(part, tools, bridge, timeline)
    await part.prepare()
    async with asyncio.TaskGroup() as group:
        if port != 1:
            group.create_task(bridge.run())
        running = group.create_task(part.run())
        await asyncio.sleep(0)
        if serve:
            part.serve(cast("Box", made.body), made.say)
        yield made
        part.leave()
        running.cancel()
        await bridge.close()
