import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from appliance.app.front_end import FrontEnd
from appliance.audio.capture import Capture
from appliance.audio.card import Exchange
from appliance.audio.counters import CardCounters
from appliance.audio.playback import Playback
from appliance.board import xvf3800
from appliance.config import Config
from appliance.errors import DeviceError
from appliance.frames import FRAME_SAMPLES, Frame
from appliance.units import SampleIndex

XVF = Config.model_validate({"audio": {"array": "xvf3800-2"}})


def front_end(config: Config, private: Callable[[], bool] = lambda: False) -> FrontEnd:
    counters = CardCounters()
    exchange = Exchange(Capture(counters), Playback(lambda _: None, counters), counters)
    return FrontEnd(config, exchange, private=private)


def frame(number: int, channels: int = 2) -> Frame:
    samples = np.full((FRAME_SAMPLES, channels), 100, np.int16)
    return Frame(samples, SampleIndex(number * FRAME_SAMPLES))


def board_that_says(*words: str | DeviceError) -> SimpleNamespace:
    """Return a board that gives these answers, one after the other."""
    answers = list(words)

    def converged(_: Path) -> bool:
        time.sleep(0.02)  # as long as USB takes
        answer = answers.pop(0)
        if isinstance(answer, DeviceError):
            raise answer
        return answer == "yes"

    return SimpleNamespace(find=lambda: Path("/dev/bus/usb/001/002"), converged=converged)


def test_a_board_is_asked_until_it_says_that_it_has_converged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("appliance.app.front_end.xvf3800", board_that_says("no", "no", "yes"))

    monkeypatch.setattr("appliance.app.front_end.ASK_BOARD", 0.0)

    async def story() -> list[bool]:
        end = front_end(XVF)
        seen = []
        async with asyncio.TaskGroup() as group:
            task = group.create_task(end.watch_board(), name="board")
            number = 0
            while not task.done():
                await asyncio.to_thread(end.enhancer.process, frame(number))
                seen.append(end.enhancer.converged)
                number += 1
                await asyncio.sleep(0.001)
        await asyncio.to_thread(end.enhancer.process, frame(number))
        return [*seen, end.enhancer.converged]

    seen = asyncio.run(story())
    assert False in seen
    assert seen[-1]


def test_a_board_that_cannot_be_asked_is_believed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    silent = board_that_says(DeviceError("XVF3800 at /dev/bus/usb/001/002: Permission denied"))
    monkeypatch.setattr("appliance.app.front_end.xvf3800", silent)

    async def story() -> bool:
        end = front_end(XVF)
        await end.watch_board()
        await asyncio.to_thread(end.enhancer.process, frame(0))
        return end.enhancer.converged

    with caplog.at_level(logging.WARNING):
        assert asyncio.run(story())
    assert "believed" in caplog.text


def test_no_board_means_that_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xvf3800, "find", lambda: None)

    async def story() -> None:
        await front_end(Config()).watch_board()

    asyncio.run(story())


def test_what_is_muted_is_not_recorded(tmp_path: Path) -> None:
    config = Config.model_validate({"recorder": {"folder": str(tmp_path)}})
    muted = True

    async def story() -> None:
        nonlocal muted
        end = front_end(config, lambda: muted)
        end.start()
        try:
            for number in range(20):
                await asyncio.to_thread(end.enhancer.process, frame(number, channels=1))
            muted = False
            for number in range(20, 30):
                await asyncio.to_thread(end.enhancer.process, frame(number, channels=1))
        finally:
            await asyncio.to_thread(end.close)

    asyncio.run(story())

    (sound,) = tmp_path.glob("*.flac")
    assert soundfile.info(sound).frames == 10 * FRAME_SAMPLES
