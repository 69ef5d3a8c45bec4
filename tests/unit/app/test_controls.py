"""How loud the box is, of whoever asks."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from appliance.app.box import Box
from appliance.app.controls import Loudness
from appliance.audio.loudness import Gains
from appliance.config import Config
from appliance.config.sound import Quiet
from appliance.host.kept import Kept
from appliance.mqtt.presence import Shown


def written() -> None:
    for thread in threading.enumerate():
        if thread.name == "kept":
            thread.join()


class Scene:
    def __init__(self, kept: Kept | None = None, **quiet: object) -> None:
        self.shown: list[Shown] = []
        self.gains: list[Gains] = []
        config = Config(quiet=Quiet.model_validate({"volume": 0.3, **quiet}))
        self.loudness = Loudness(config, kept, self.shown.append)
        playback = SimpleNamespace(set_gains=self.gains.append)
        self.loudness.attach(cast("Box", SimpleNamespace(playback=playback)))


def test_each_volume_reaches_the_loudspeaker_and_the_house() -> None:
    scene = Scene()
    assert scene.gains == [Gains()]
    scene.loudness.set(50)
    scene.loudness.set_chimes(0)
    scene.loudness.set_alarms(50)
    assert scene.gains[-1] == Gains(0.25, 0.0, 0.25)
    assert scene.shown[-1] == Shown(50, 0, 50)


def test_volumes_are_there_after_a_restart(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "kept.json")
    scene = Scene(kept)
    scene.loudness.set(120)
    scene.loudness.set(40)
    scene.loudness.set_alarms(70)
    written()
    again = Kept(tmp_path / "kept.json")
    again.read()
    assert Scene(again).shown[-1] == Shown(40, 100, 70)


def test_what_is_asked_for_in_quiet_hours_holds_until_they_end(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "kept.json")
    scene = Scene(kept)
    scene.loudness.set_quiet(True)
    assert scene.loudness.get() == 30
    soft = scene.gains[-1]
    assert [soft.voice, soft.chimes, soft.alarms] == pytest.approx([0.09, 0.0, 1.0])
    assert scene.shown[-1] == Shown(30, 100, 100, quiet=True)
    scene.loudness.set(60)  # louder
    assert scene.loudness.get() == 60
    assert kept.facts["volume"] == 100
    scene.loudness.set_quiet(False)
    assert scene.loudness.get() == 100
    scene.loudness.set_quiet(True)
    assert scene.loudness.get() == 30
    scene.loudness.set(10)  # softer
    scene.loudness.set_quiet(False)
    assert scene.gains[-1] == Gains()
    written()


def test_box_that_is_softer_by_day_than_the_ceiling_stays_so_at_night() -> None:
    scene = Scene(chimes=True)
    scene.loudness.set(20)
    scene.loudness.set_quiet(True)
    assert scene.loudness.get() == 20
    assert scene.gains[-1].chimes == pytest.approx(0.04)
