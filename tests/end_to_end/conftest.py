"""One set of models for all end-to-end tests, and a box to play recordings to."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.app.answers import load_minds, needed_models
from appliance.app.backends import Answers
from appliance.app.detectors import load_senses
from appliance.app.open_house import open_house
from appliance.app.replay import Playing, replay
from appliance.audio.counters import CardCounters
from appliance.audio.recording import Recording
from appliance.backend.kinds.local import local_backend
from appliance.backend.local.pipeline import Parts
from appliance.config import Config, Loaded
from appliance.store import ModelStore
from appliance.timeline import Entry, Timeline
from tests.models import model_folder


@dataclass
class Played:
    """What came of a recording."""

    entries: list[Entry]
    reply: NDArray[np.int16]
    rate: int
    counters: CardCounters

    def named(self, event: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.event == event]

    def said(self) -> str:
        return " ".join(str(entry.data["text"]) for entry in self.named("reply"))

    def calls(self) -> list[tuple[object, object]]:
        return [(e.data["tool"], e.data["arguments"]) for e in self.named("tool_call")]

    def happened(self) -> list[tuple[str, float, str]]:
        """Return everything but what differs between two runs: wall-clock costs, the time."""
        return [(e.event, round(e.at, 3), e.text) for e in self.entries]


@dataclass
class Player:
    """Plays recordings to boxes that share their models."""

    store: ModelStore
    parts: Parts
    config: Config = field(default_factory=Config)

    def __call__(
        self,
        recording: Recording,
        config: Config | None = None,
        *,
        path: Path | None = None,
        wake: bool = True,
        watchers: Sequence[Callable[[Entry], None]] = (),
    ) -> Played:
        return asyncio.run(self._play(recording, config or self.config, path, wake, watchers))

    async def _play(
        self,
        recording: Recording,
        config: Config,
        path: Path | None,
        wake: bool,  # noqa: FBT001
        watchers: Sequence[Callable[[Entry], None]],
    ) -> Played:
        timeline, heard = Timeline(), bytearray()
        entries: list[Entry] = []
        timeline.watch(entries.append)
        for watcher in watchers:
            timeline.watch(watcher)
        playing = Playing(recording, wake=wake, sink=heard.extend)
        senses = await asyncio.to_thread(load_senses, config, self.store)
        async with open_house(Loaded(config, path, {}), timeline) as house:
            await house.settle()
            box = await replay(
                config,
                playing,
                senses=senses,
                answers=Answers(local_backend(self.parts, house.tools.catalogue, config)),
                house=house,
                timeline=timeline,
            )
        reply = np.frombuffer(bytes(heard), dtype=np.int16)
        return Played(entries, reply, playing.rate, box.counters)


@pytest.fixture(scope="session")
def play() -> Player:
    config = Config()
    for name in needed_models(config):
        model_folder(name)
    store = ModelStore.default()
    return Player(store, asyncio.run(load_minds(config, store)).parts, config)
