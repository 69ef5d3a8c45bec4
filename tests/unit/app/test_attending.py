"""A box and who confirms: the button, stop and mute."""

from dataclasses import dataclass, field
from typing import cast

import pytest

from appliance.app.attending import attend
from appliance.app.backends import Answers
from appliance.app.box import Box
from appliance.app.house import House
from appliance.backend.confirming import ConfirmingBackend
from appliance.events import ButtonPressed, Happening, MuteSwitched, StopAsked
from appliance.ports import Backend
from appliance.timeline import Timeline
from appliance.units import Seconds
from tests.fakes import FakeBackend


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
