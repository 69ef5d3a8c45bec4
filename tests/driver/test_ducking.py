"""When other players are softer, in virtual time."""

import asyncio
from pathlib import Path
from typing import cast

from appliance.app.ducking import LONGEST_ASKED, Ducker, open_ducking
from appliance.config.sound import Ducking
from appliance.host.players import Players
from appliance.ports import Cue
from appliance.units import Seconds
from tests.virtual_time import run_virtual


class FakePlayers:
    def __init__(self) -> None:
        self.told: list[str] = []

    def soften(self) -> None:
        self.told.append("soft")

    def restore(self) -> None:
        self.told.append("loud")


class Scene:
    def __init__(self) -> None:
        self.players = FakePlayers()
        self.house: list[bool] = []
        self.ducker = Ducker(cast("Players", self.players), self.house.append)

    def show(self, *cues: Cue) -> None:
        for cue in cues:
            self.ducker.show(cue)


def test_players_are_soft_from_the_wake_word_to_the_end_of_the_conversation() -> None:
    scene = Scene()
    scene.show(Cue.IDLE)
    assert scene.players.told == []
    scene.show(Cue.LISTENING)
    assert scene.players.told == ["soft"]
    scene.show(Cue.PROMPT, Cue.THINKING, Cue.SPEAKING, Cue.LISTENING, Cue.THINKING)
    scene.show(Cue.SPEAKING, Cue.LISTENING)  # the follow-up window
    assert scene.players.told == ["soft"]
    scene.show(Cue.IDLE)
    assert scene.players.told == ["soft", "loud"]
    assert scene.house == [True, False]


def test_every_way_to_rest_ends_it() -> None:
    for rest in (Cue.IDLE, Cue.UNHEARD, Cue.FAILED, Cue.MUTED):
        scene = Scene()
        scene.show(Cue.LISTENING, rest)
        assert scene.players.told == ["soft", "loud"]


def test_players_are_soft_while_something_is_announced() -> None:
    async def play() -> None:
        scene = Scene()
        scene.ducker.announce(Seconds(2.0))
        await asyncio.sleep(1.5)
        scene.ducker.announce(Seconds(2.0))
        await asyncio.sleep(1.0)
        assert scene.players.told == ["soft"]
        await asyncio.sleep(1.5)
        assert scene.players.told == ["soft", "loud"]
        assert scene.house == [True, False]

    run_virtual(play())


def test_announcement_that_the_wake_word_silences_keeps_nobody_soft() -> None:
    async def play() -> None:
        scene = Scene()
        scene.ducker.announce(Seconds(20.0))
        scene.show(Cue.LISTENING, Cue.THINKING, Cue.IDLE)
        assert scene.players.told == ["soft", "loud"]
        assert scene.house == [True, False]

    run_virtual(play())


def test_house_that_asks_is_not_told_and_cannot_forget() -> None:
    async def play() -> None:
        scene = Scene()
        scene.ducker.ask(soft=True)
        scene.show(Cue.LISTENING, Cue.IDLE)
        assert scene.players.told == ["soft"]
        assert scene.house == [True, False]  # of the conversation alone
        scene.ducker.ask(soft=False)
        assert scene.players.told == ["soft", "loud"]
        scene.ducker.ask(soft=True)
        await asyncio.sleep(LONGEST_ASKED + 1)
        assert scene.players.told == ["soft", "loud"] * 2

    run_virtual(play())


def test_the_end_leaves_nobody_soft() -> None:
    async def play() -> None:
        scene = Scene()
        scene.ducker.announce(Seconds(9.0))
        scene.show(Cue.LISTENING)
        scene.ducker.ask(soft=True)
        scene.ducker.close()
        scene.ducker.close()
        assert scene.players.told == ["soft", "loud"]
        assert scene.house == [True, False]

    run_virtual(play())


async def test_switched_off_only_the_house_is_told(tmp_path: Path) -> None:
    for settings in (Ducking(players="off"), Ducking(by_db=0.0)):
        house: list[bool] = []
        async with open_ducking(settings, tmp_path / "players.json") as ducker:
            ducker.tell(house.append)
            ducker.show(Cue.LISTENING)
        assert house == [True, False]
