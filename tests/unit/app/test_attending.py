"""A box and who confirms: the button, stop and mute."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest

from appliance.app.attending import attend
from appliance.app.backends import Answering, Answers
from appliance.app.box import Box
from appliance.app.house import House
from appliance.app.switching import Switching
from appliance.backend.confirming import ConfirmingBackend
from appliance.config import Config
from appliance.events import ButtonPressed, Happening, MuteSwitched, StopAsked
from appliance.ports import Backend
from appliance.timeline import Timeline
from appliance.units import Seconds
from tests.fakes import FakeBackend
from tests.sessions import GONE, rest, scene
from tests.sessions import House as Sessions


@dataclass
class Confirms:
    """Says what it is asked."""

    refused: int = 0

    def press(self) -> bool:
        return True

    def refuse(self) -> None:
        self.refused += 1


@dataclass
class Bare:
    """What of a box, and of a house, is joined here."""

    timeline: Timeline = field(default_factory=lambda: Timeline(lambda: 0.0))
    pressed: list[object] = field(default_factory=list)
    panel: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(another=[]))

    def choose_another(self) -> None:
        """Nobody presses."""

    def show_serving(self, name: str, reason: str) -> None:
        """Nobody looks."""


@pytest.mark.parametrize(
    ("happening", "refused"),
    [
        (StopAsked(), 1),
        (MuteSwitched(muted=True), 1),
        (MuteSwitched(muted=False), 0),
        (ButtonPressed(), 0),
    ],
)
def test_stop_and_mute_are_a_no_and_the_button_is_asked_about(
    happening: Happening, refused: int
) -> None:
    confirms, bare = Confirms(), Bare()
    confirming = cast("ConfirmingBackend", confirms)
    backend = cast("Backend", FakeBackend)
    attend(cast("Box", bare), Answers(backend, confirming=confirming), cast("House", bare))
    assert bare.pressed == [confirms.press]
    bare.timeline.note(happening, Seconds(1.0))
    assert confirms.refused == refused


@dataclass
class Shown:
    """What a box and its house show of who answers."""

    offline: list[bool] = field(default_factory=list)
    served: list[tuple[str, str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def set_offline(self, offline: bool) -> None:  # noqa: FBT001 - the lights' seam
        self.offline.append(offline)

    def show_serving(self, name: str, reason: str) -> None:
        self.served.append((name, reason))

    def say(self, key: str) -> None:
        self.said.append(key)


def test_the_light_shows_that_the_wanted_one_is_away_not_that_one_was_chosen() -> None:
    async def play(sessions: Sessions) -> None:
        shown = Shown()
        switching = Switching(Config(), Answering(("realtime", "local")), None)
        timeline = Timeline(lambda: 0.0)
        box = SimpleNamespace(
            timeline=timeline,
            private=[],
            panel=SimpleNamespace(lights=shown, another=[]),
            pressed=[],
        )
        house = SimpleNamespace(
            switching=switching,
            show_serving=shown.show_serving,
            say=shown.say,
            choose_another=lambda: None,
        )
        failover = sessions.failover
        answers = Answers(failover, failover, "realtime")
        attend(cast("Box", box), answers, cast("House", house))
        assert shown.served == [("realtime", "configured")]
        switching.choose("local")
        await rest()
        timeline.note(sessions.seen[-1], Seconds(1.0))
        assert shown.offline == [False]
        switching.choose("")
        await rest()
        await sessions.say()
        await sessions.tell(GONE)
        timeline.note(sessions.seen[-1], Seconds(2.0))
        assert shown.offline == [False, True]

    scene(play)
