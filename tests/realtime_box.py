"""The whole box in a room of ours, with the scripted realtime server in reach.

    room = Room(play, Script(...), scene(10.0, (6.0, person("order_latte"))))
    came = room()
    came.server.session.turns, came.reply, came.named("speech")

The recording takes the place of the sound card; models, socket, broker and house are real.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import soxr
from numpy.typing import NDArray

from appliance.app.backends import open_answers
from appliance.app.detectors import load_senses
from appliance.app.house import House
from appliance.app.open_house import open_house
from appliance.app.personas import open_personas
from appliance.app.replay import Playing, replay
from appliance.audio.recording import Recording, read
from appliance.config import Config, Loaded
from appliance.events import ToolCalled
from appliance.ports import ToolResult
from appliance.timeline import Entry, Timeline
from appliance.units import SampleRate
from tests.end_to_end.conftest import Played, Player
from tests.realtime_server import KEY, Call, RealtimeServer, Reply, Script, serving
from tests.realtime_server.script import RATE as WIRE

log = logging.getLogger(__name__)

TESTS = Path(__file__).parent
DEMO = TESTS.parent / "appliance" / "demo" / "room.flac"
RATE = 16_000
REQUEST_S = 4.2
"""Where "hey jarvis, turn on the kitchen light" is over, in ``scene``."""

LIGHT_ON = Call("set_light", '{"light": "kitchen_light", "state": "on"}')

Sound = NDArray[np.int16]
Tools = Callable[[ToolCalled], Awaitable[ToolResult]]
Slowed = Callable[[ToolCalled, Tools], Awaitable[ToolResult]]


def demo(begin: float, end: float) -> Sound:
    """Return a part of the recorded room, in seconds."""
    return read(DEMO).samples[int(begin * RATE) : int(end * RATE), 0]


def person(name: str) -> Sound:
    """Return what a person says (``tests/data/audio``), from the first syllable to the last."""
    sound = read(TESTS / "data" / "audio" / f"{name}.flac").samples[:, 0]
    loud = np.flatnonzero(np.abs(sound) > 0.1 * np.abs(sound).max())
    return sound[loud[0] : loud[-1]]


def scene(length: float, *said: tuple[float, Sound], request: bool = True) -> Sound:
    """Return the first request, the quiet of the room after it, and who else talks, and when."""
    quiet = np.resize(demo(11.2, 13.2), int(length * RATE))
    if request:
        first = demo(0.0, REQUEST_S)
        quiet[: len(first)] = first
    loud = quiet.astype(np.int32)
    for at, sound in said:
        begin = int(at * RATE)
        loud[begin : begin + len(sound)] += sound
    return np.clip(loud, -32_768, 32_767).astype(np.int16)


def tone(seconds: float, hertz: float = 330.0) -> bytes:
    """Return a tone as the server sends it."""
    time = np.arange(round(seconds * WIRE)) / WIRE
    return (6_000 * np.sin(2 * np.pi * hertz * time)).astype("<i2").tobytes()


def on_the_wire(sound: Sound) -> bytes:
    """Return a sound as the server sends it."""
    return np.asarray(soxr.resample(sound, RATE, WIRE), dtype="<i2").tobytes()


def resemblance(pcm: bytes, sound: Sound) -> float:
    """Return how much the beginning of what the server got is a sound that was in the room."""
    heard = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    said = soxr.resample(sound.astype(np.float32), RATE, WIRE)
    count = min(len(heard), len(said))
    return float(np.corrcoef(heard[:count], said[:count])[0, 1])


@dataclass
class Echo:
    """What the loudspeaker plays comes back into the microphone, after a while and as it fades.

    A block that is played reaches blocks that have not been heard yet: a loop as in a real room.
    """

    gain: float = 0.5
    delay_s: float = 0.04
    rings_s: float = 0.3
    """Time in which it fades by 60 dB; 0: no ringing."""

    _at: int = 0

    def response(self) -> NDArray[np.float64]:
        """Return the way from the loudspeaker to the microphone."""
        time = np.arange(max(1, int(self.rings_s * RATE))) / RATE
        noise = np.random.default_rng(3).standard_normal(len(time))
        rings = 0.035 * noise * np.exp(-6.9 * time / max(self.rings_s, 1e-3))
        rings[0] = 1.0
        return rings * self.gain

    def into(self, microphone: Sound, played: bytes) -> None:
        """Let a block that is played be heard; card's thread."""
        block = np.frombuffer(played, dtype="<i2").astype(np.float64)
        begin = self._at + int(self.delay_s * RATE)
        self._at += len(block)
        if not block.any():
            return
        back = np.convolve(block, self.response())[: max(0, len(microphone) - begin)]
        mixed = microphone[begin : begin + len(back)] + back
        microphone[begin : begin + len(back)] = np.clip(mixed, -32_768, 32_767).astype(np.int16)


@dataclass
class Came(Played):
    """What came of it, with the server as it was at the end and all that it ever let in."""

    server: RealtimeServer

    def at(self, event: str, number: int = 0) -> float:
        """Return when something happened, in seconds of the recording."""
        return self.named(event)[number].at

    def order(self, *events: str) -> list[str]:
        """Return which of some events happened, in order."""
        return [entry.event for entry in self.entries if entry.event in events]

    def played(self, begin: float, end: float) -> Sound:
        """Return what the loudspeaker played then."""
        return self.reply[int(begin * self.rate) : int(end * self.rate)]


@dataclass
class Room:
    """A box that is about to hear something."""

    play: Player
    script: Script
    sound: Sound = field(default_factory=lambda: scene(6.0))
    settings: Mapping[str, Any] = field(default_factory=dict)
    """As in the configuration; the server and its key are added."""

    watch: Callable[[Entry, RealtimeServer], None] = lambda _entry, _server: None
    slowed: Slowed | None = None
    """Stands between the conversation and the tools."""

    echo: Echo | None = None
    pace: Literal["real", "max"] = "max"
    house: Callable[[House], None] = lambda _: None
    """May change the house before anything runs."""

    def __call__(self) -> Came:
        """Play it to its end."""
        return asyncio.run(self.run())

    async def run(self) -> Came:
        """Play it to its end."""
        async with serving(self.script) as server:
            realtime = {"url": server.url, "api_key": KEY, **self.settings.get("realtime", {})}
            audio = {"chimes": False, **self.settings.get("audio", {})}
            backend = {"stall_s": 1.5, **self.settings.get("backend", {})}
            parts = {"realtime": realtime, "audio": audio, "backend": backend}
            config = Config.model_validate({**self.settings, **parts})
            return await self._play(config, server)

    async def _play(self, config: Config, server: RealtimeServer) -> Came:
        timeline, heard, entries = Timeline(), bytearray(), list[Entry]()
        timeline.watch(entries.append)
        timeline.watch(lambda entry: self.watch(entry, server))
        microphone = self.sound.copy()[:, np.newaxis]

        def sink(block: bytes) -> None:
            heard.extend(block)
            if self.echo is not None:
                self.echo.into(microphone[:, 0], block)

        playing = Playing(Recording(microphone, SampleRate(RATE)), speed=self.pace, sink=sink)
        senses = await asyncio.to_thread(load_senses, config, self.play.store)
        personas = await open_personas(Loaded(config, None, {}))
        async with open_house(Loaded(config, None, {}), timeline) as house:
            await house.settle()
            self.house(house)
            if self.slowed is not None:
                setattr(house.tools, "run", partial(self._slowly, house.tools.run))  # noqa: B010
            catalogue = house.tools.catalogue
            async with open_answers(
                config,
                self.play.parts,
                catalogue,
                confirmations=house.tools,
                private=False,
                personas=personas,
            ) as answers:
                box = await replay(
                    config,
                    playing,
                    senses=senses,
                    answers=answers,
                    house=house,
                    timeline=timeline,
                )
        reply = np.frombuffer(bytes(heard), dtype=np.int16)
        return Came(entries, reply, playing.rate, box.counters, server)

    async def _slowly(self, tools: Tools, call: ToolCalled) -> ToolResult:
        assert self.slowed is not None
        return await self.slowed(call, tools)


def on_then_told(told: str = "The kitchen light is on.") -> list[Reply]:
    """Return the replies of a server that has the light switched on and says so."""
    return [Reply("", calls=(LIGHT_ON,)), Reply(told, tone(1.0))]
