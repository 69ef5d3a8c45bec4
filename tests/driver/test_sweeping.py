"""Playing and recording at once, on a card whose loudspeaker is a wire to its microphones."""

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from appliance.app import sweeping
from appliance.app.sounding import sound_out
from appliance.app.sweeping import play_and_record
from appliance.audio.card import CardFormat, Exchange
from appliance.audio.sounding import measure
from appliance.audio.sweep import programme
from appliance.cli import sounding as word
from appliance.config import Config, Loaded
from appliance.enhance.array.geometry import generic
from appliance.enhance.chain import Chain
from appliance.errors import DeviceError
from appliance.frames import RATE
from appliance.host.health import Check
from appliance.units import SampleRate, Seconds

PLAYED = programme(-20.0)
LATE = 1000
"""Samples."""


class WireCard:
    """Gives back what is played, 1000 samples later; as fast as the reader reads."""

    opened: "WireCard | None" = None
    problem = ""
    breaks_after = 10**9

    def __init__(
        self,
        wish: object,
        exchange: Exchange,
        *,
        on_lost: Callable[[str], None],
        on_found: Callable[[str], None],
    ) -> None:
        del wish
        self.form: CardFormat | None = None
        self.closed = False
        self._exchange = exchange
        self._lost, self._found = on_lost, on_found
        self._loop = asyncio.get_running_loop()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run)
        WireCard.opened = self

    def start(self) -> None:
        if self.problem:
            self._loop.call_soon(self._lost, self.problem)
            return
        rate = SampleRate(RATE)
        self.form = CardFormat("wire", rate, 2, "wire", rate, 1, Seconds(0.03), one_clock=True)
        self._exchange.opened(self.form)
        self._thread.start()
        self._loop.call_soon(self._found, "a wire")

    def close(self) -> None:
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join()
        self.closed = True

    def _run(self) -> None:
        noise = np.random.default_rng(1)
        line = np.zeros(LATE, dtype=np.float64)
        blocks = 0
        while not self._closing.is_set():
            if blocks > self.breaks_after:
                self._tell("unplugged")
                return
            heard = 0.5 * line[:160, np.newaxis] + 10.0 * noise.standard_normal((160, 2))
            heard[:, 1] *= -1
            out = self._exchange.exchange(np.rint(heard).astype(np.int16), 160)
            line = np.concatenate((line[160:], np.frombuffer(out, dtype=np.int16)))
            blocks += 1
            while 160 * blocks - self._exchange.capture.processed > RATE:
                time.sleep(0.001)
                if self._closing.is_set():
                    return

    def _tell(self, words: str) -> None:
        self._loop.call_soon_threadsafe(self._lost, words)


@pytest.fixture(autouse=True)
def card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(sweeping, "PyAudioCard", WireCard)
    monkeypatch.setattr(sweeping, "SETTLES", 0.02)
    monkeypatch.setattr(sweeping, "FADES", 0.02)
    monkeypatch.setattr(WireCard, "problem", "")
    monkeypatch.setattr(WireCard, "breaks_after", 10**9)


def test_what_is_played_is_recorded_beside_its_reference_and_the_card_is_closed() -> None:
    taken = asyncio.run(play_and_record(Config(), PLAYED))
    assert WireCard.opened is not None
    assert WireCard.opened.closed
    assert taken.lossless
    assert taken.samples.shape[1] == 2
    found = measure(taken.samples, PLAYED, taken.reference)
    assert found.delay == pytest.approx(LATE / RATE, abs=0.2 / RATE)
    assert (found.reference, found.wobble < 1e-5) == ("carries", True)


def test_the_boxs_own_chain_cancels_it() -> None:
    taken = asyncio.run(play_and_record(Config(), PLAYED))
    checks = {c.name: c for c in sound_out(Config(), taken, PLAYED, generic(1), Chain())}
    assert checks["cancelling"].ok, checks["cancelling"]
    assert "10 dB after" in checks["cancelling"].detail


def test_how_far_it_is_is_told_meanwhile() -> None:
    told: list[float] = []
    asyncio.run(play_and_record(Config(), PLAYED, told.append))
    assert told == sorted(told)
    assert told


def test_a_card_that_cannot_be_opened_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WireCard, "problem", "'usb' cannot be opened: Device unavailable")
    with pytest.raises(DeviceError, match="Device unavailable"):
        asyncio.run(play_and_record(Config(), PLAYED))
    assert WireCard.opened is not None
    assert WireCard.opened.closed


def test_a_card_that_is_unplugged_meanwhile_is_not_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(WireCard, "breaks_after", 300)
    monkeypatch.setattr(sweeping, "SPARE", -13.5)  # it would wait for what is never played
    with pytest.raises(DeviceError, match="lost meanwhile: unplugged"):
        asyncio.run(play_and_record(Config(), PLAYED))


def test_being_interrupted_closes_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "SETTLES", 60.0)

    async def interrupted() -> None:
        async with asyncio.timeout(0.2):
            await play_and_record(Config(), programme(-20.0))

    with pytest.raises(TimeoutError):
        asyncio.run(interrupted())
    assert WireCard.opened is not None
    assert WireCard.opened.closed


def told() -> dict[str, Check]:
    checks = word.sounded(Loaded(Config(), None, {}), loud=False)
    return {check.name: check for check in checks}


def test_the_command_judges_a_wire_as_what_it_is() -> None:
    found = told()
    assert found["sound card"].detail == "a wire"
    assert found["clocks"].detail == "one clock (+0 ppm)"
    assert "62.5 ms" in found["delay"].detail
    assert found["channel 0"].ok


def test_a_box_that_runs_is_not_talked_over(tmp_path: Path) -> None:
    ended = asyncio.Event()

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()
        ended.set()

    async def while_a_box_runs() -> dict[str, Check]:
        async with await asyncio.start_unix_server(hang_up, path=tmp_path / "timeline.sock"):
            found = await asyncio.to_thread(told)
            await ended.wait()
            return found

    found = asyncio.run(while_a_box_runs())
    assert list(found) == ["sound card"]
    assert found["sound card"].detail == "the box is running and has it"


def test_a_busy_card_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WireCard, "problem", "Device unavailable")
    found = told()
    assert (list(found), found["sound card"].ok) == (["sound card"], False)
    assert "another program" in found["sound card"].remedy
