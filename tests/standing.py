"""A whole box that stands in a silent room: its house and broker are real, it has no models."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.app.attending import attend
from appliance.app.backends import Answers
from appliance.app.box import Box
from appliance.app.detectors import Senses
from appliance.app.ducking import Ducker
from appliance.app.house import House
from appliance.app.open_house import open_house
from appliance.app.wake_choice import WakeChoice
from appliance.audio.card import Card, Exchange
from appliance.audio.recorded_card import Pace, RecordedCard
from appliance.audio.recording import Recording
from appliance.config import Config, Loaded
from appliance.enhance.array.geometry import shipped
from appliance.errors import ModelError
from appliance.events import HeardEvent
from appliance.frames import Frame
from appliance.host.kept import Kept
from appliance.ports import Clock, WakeDetector
from appliance.timeline import Timeline
from appliance.units import SampleRate, Seconds
from tests.fakes import FakeBackend

RATE = SampleRate(16_000)


class Deaf:
    """Finds neither words nor speech."""

    def process(self, frame: Frame, *, playing: bool = False) -> HeardEvent | None:
        del frame, playing
        return None

    def reset(self) -> None:
        """Forget nothing."""


@dataclass
class Voice:
    """Says everything in a tenth of a second, and remembers it."""

    said: list[str] = field(default_factory=list)
    rate: SampleRate = RATE

    def synthesize(self, sentence: str) -> NDArray[np.int16]:
        self.said.append(sentence)
        return np.zeros(RATE // 10, dtype=np.int16)

    def keep(self, sentence: str) -> None:
        """Not needed here."""


@dataclass
class Standing:
    """What a test holds of it."""

    house: House
    box: Box
    backend: FakeBackend
    voice: Voice
    kept: Kept
    loaded: list[Config] = field(default_factory=list)
    """The settings whose wake words were loaded."""

    broken: bool = False
    """No wake word can be loaded any more."""

    failed: int = 0

    def load(self, config: Config) -> Sequence[WakeDetector]:
        if self.broken:
            self.failed += 1
            raise ModelError("broken")
        self.loaded.append(config)
        return (Deaf(),)


@asynccontextmanager
async def standing(config: Config, folder: Path) -> AsyncIterator[Standing]:
    """Run one until left; ``STATE_DIRECTORY`` should be somewhere else than the user's own."""
    timeline, kept = Timeline(), Kept(folder / "kept.json")
    await asyncio.to_thread(kept.read)
    await asyncio.to_thread(shipped)
    async with open_house(Loaded(config, None, {}), timeline, kept=kept) as house:
        silence = Recording(np.zeros((160, 1), dtype=np.int16), RATE)

        def make_card(exchange: Exchange, box: Box) -> tuple[Card, Clock]:
            del box
            pace = Pace(speed="real", longest_tail=Seconds(600.0))
            card = RecordedCard(silence, exchange, at_rest=lambda: False, pace=pace)
            return card, card.clock

        senses = Senses((Deaf(),), Deaf())
        box = Box(config, senses, tools=house.tools, timeline=timeline, make_card=make_card)
        made = Standing(house, box, FakeBackend(), Voice(), kept)
        house.serve(box)
        choice = WakeChoice(config, kept, made.load, box.wake_on)
        house.wake_with(choice)
        house.duck_with(Ducker(None))
        house.speak_with(made.voice)
        attend(box, Answers(made.backend), house)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(box.run(made.backend), name="box"),
                    group.create_task(choice.run(), name="wake"),
                ]
                yield made
                for task in tasks:
                    task.cancel()
        finally:
            house.leave()
