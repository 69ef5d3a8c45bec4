import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from types import ModuleType
from typing import Any

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin

from appliance.board import BoardEvent, Panel
from appliance.board.pins import Pins, open_pins
from appliance.config.model import Board
from appliance.errors import DeviceError
from appliance.events import ButtonPressed, MuteSwitched, StopAsked
from appliance.ports import Cue
from tests.virtual_time import run_virtual

ALL = Board(button=17, mute_switch=22, mute_led=27, status_led=25)


class Box:
    """A panel over gpiozero's mock pins, and what it reported."""

    def __init__(self, settings: Board = ALL, *, pwm: bool = False) -> None:
        self.factory = MockFactory(pin_class=MockPWMPin) if pwm else MockFactory()
        self.told: list[BoardEvent] = []
        self.panel = Panel(settings, self.told.append, opener=lambda: Pins(self.factory))

    def pin(self, number: int) -> Any:  # noqa: ANN401  # gpiozero has no types
        return self.factory.pin(f"GPIO{number}")

    async def press(self, number: int, seconds: float) -> None:
        self.pin(number).drive_low()
        await asyncio.sleep(seconds)
        self.pin(number).drive_high()
        await asyncio.sleep(0.1)


def virtual(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    run_virtual(scene())


def test_a_box_without_pins_opens_nothing_and_still_has_mute_and_lights() -> None:
    def never() -> Pins:
        raise AssertionError

    async def scene() -> None:
        told: list[BoardEvent] = []
        panel = Panel(Board(), told.append, opener=never)
        panel.start()
        panel.lights.show(Cue.THINKING)
        assert panel.mute.ask(muted=True)
        assert told == [MuteSwitched(muted=True)]
        assert panel.problems == []
        panel.close()

    virtual(scene)


def test_a_press_is_told_once_and_at_once() -> None:
    async def scene() -> None:
        box = Box()
        box.pin(17).drive_low()
        await asyncio.sleep(0.05)
        assert box.told == [ButtonPressed()]
        box.pin(17).drive_high()
        await asyncio.sleep(5)
        assert box.told == [ButtonPressed()]
        box.panel.close()

    virtual(scene)


def test_a_bouncing_contact_is_one_press() -> None:
    async def scene() -> None:
        box = Box()
        for _ in range(6):
            box.pin(17).drive_low()
            await asyncio.sleep(0.002)
            box.pin(17).drive_high()
            await asyncio.sleep(0.002)
        await box.press(17, 0.2)
        assert box.told == [ButtonPressed()]
        box.panel.close()

    virtual(scene)


def test_closing_in_the_middle_of_a_bounce_is_quiet(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        box = Box()
        for _ in range(3):
            box.pin(17).drive_low()
            await asyncio.sleep(0.002)
            box.pin(17).drive_high()
            await asyncio.sleep(0.002)
        box.panel.close()
        await asyncio.sleep(1)
        assert box.told == []

    virtual(scene)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_contact_that_never_rests_is_still_read() -> None:
    async def scene() -> None:
        box = Box()
        for _ in range(100):
            box.pin(17).drive_low()
            await asyncio.sleep(0.007)
            box.pin(17).drive_high()
            await asyncio.sleep(0.001)
        assert ButtonPressed() in box.told
        box.panel.close()

    virtual(scene)


def test_a_spark_on_the_wire_is_no_press() -> None:
    async def scene() -> None:
        box = Box()
        await box.press(17, 0.001)
        assert box.told == []
        box.panel.close()

    virtual(scene)


def test_a_button_held_for_two_seconds_asks_to_stop() -> None:
    async def scene() -> None:
        box = Box()
        await box.press(17, 1.9)
        assert box.told == [ButtonPressed()]
        await box.press(17, 5.0)
        assert box.told == [ButtonPressed(), ButtonPressed(), StopAsked()]
        box.panel.close()

    virtual(scene)


def test_the_mute_switch_is_followed_and_lights_its_led() -> None:
    async def scene() -> None:
        box = Box()
        box.panel.start()
        assert box.told == []
        box.pin(22).drive_low()
        await asyncio.sleep(0.05)
        assert (box.told, box.pin(27).state) == ([MuteSwitched(muted=True)], 1)
        box.pin(22).drive_high()
        await asyncio.sleep(0.05)
        assert (box.told[1:], box.pin(27).state) == ([MuteSwitched(muted=False)], 0)
        box.panel.close()

    virtual(scene)


def test_a_switch_that_is_closed_at_the_start_counts() -> None:
    async def scene() -> None:
        box = Box(Board())
        box.factory.pin("GPIO22").drive_low()
        factory = box.factory
        told: list[BoardEvent] = []

        class Closed(MockFactory):  # type: ignore[misc]  # gpiozero has no types
            def pin(self, name: str) -> Any:  # noqa: ANN401
                pin = super().pin(name)
                pin._set_pull = lambda _value: None  # the switch is stronger than the pull-up
                pin._state = False
                return pin

        factory = Closed()
        panel = Panel(Board(mute_switch=22), told.append, opener=lambda: Pins(factory))
        panel.start()
        assert told == [MuteSwitched(muted=True)]
        panel.close()

    virtual(scene)


def nothing_here() -> Pins:
    raise DeviceError("gpio: nothing here")


def test_the_offline_switch_is_followed_and_wins_over_who_asks_from_outside() -> None:
    async def scene() -> None:
        factory, told = MockFactory(), list[bool]()
        panel = Panel(
            Board(offline_switch=23),
            lambda _: None,
            on_private=told.append,
            opener=lambda: Pins(factory),
        )
        panel.start()
        assert (told, panel.privacy.get()) == ([], False)
        factory.pin("GPIO23").drive_low()
        await asyncio.sleep(0.05)
        assert told == [True]
        panel.privacy.set(False)
        assert panel.privacy.get()
        panel.privacy.set(True)
        factory.pin("GPIO23").drive_high()
        await asyncio.sleep(0.05)
        assert (told, panel.privacy.asked_outside) == ([True, False], False)
        panel.close()

    virtual(scene)


def test_a_box_that_was_asked_to_be_private_is_so_after_a_restart() -> None:
    async def scene() -> None:
        first = Panel(Board(), lambda _: None)
        first.start()
        first.privacy.set(True)
        told: list[bool] = []
        second = Panel(Board(), lambda _: None, on_private=told.append)
        second.start(private_outside=first.privacy.asked_outside)
        assert (told, second.privacy.get()) == ([True], True)
        second.privacy.set(False)
        assert told == [True, False]

    virtual(scene)


def test_a_press_of_the_backend_button_asks_once_for_another() -> None:
    async def scene() -> None:
        factory, told = MockFactory(), list[str]()
        panel = Panel(
            Board(backend_button=24),
            lambda event: told.append(repr(event)),
            opener=lambda: Pins(factory),
        )
        panel.another.append(lambda: told.append("another"))
        panel.start()
        for _ in range(2):
            factory.pin("GPIO24").drive_low()
            await asyncio.sleep(0.5)
            factory.pin("GPIO24").drive_high()
            await asyncio.sleep(0.5)
        assert told == ["another", "another"]
        panel.close()

    virtual(scene)


def test_an_offline_switch_that_cannot_be_read_keeps_the_box_offline_until_asked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene() -> None:
        told: list[bool] = []
        settings = Board(offline_switch=23)
        panel = Panel(settings, lambda _: None, on_private=told.append, opener=nothing_here)
        panel.start()
        assert told == [True]
        panel.privacy.set(False)
        assert told == [True, False]
        panel.close()

    virtual(scene)
    assert "offline switch cannot be read" in caplog.text


def test_what_was_asked_from_outside_can_be_handed_on_to_the_next_panel() -> None:
    async def scene() -> None:
        first = Panel(Board(), lambda _: None)
        first.start()
        first.mute.ask(muted=True)
        told: list[BoardEvent] = []
        second = Panel(Board(), told.append)
        second.start(muted_outside=first.mute.asked_outside)
        assert told == [MuteSwitched(muted=True)]

    virtual(scene)


def test_pins_that_cannot_be_opened_are_named_and_the_box_runs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene() -> None:
        told: list[BoardEvent] = []
        panel = Panel(
            ALL.model_copy(update={"mute_switch": None}), told.append, opener=nothing_here
        )
        panel.start()
        panel.lights.show(Cue.THINKING)
        await asyncio.sleep(1)
        assert [str(problem) for problem in panel.problems] == ["gpio: nothing here"]
        assert told == []
        panel.close()

    virtual(scene)
    assert "gpio: nothing here; the box runs without it" in caplog.text


def test_a_mute_switch_that_cannot_be_read_counts_as_closed_until_unmuted_outside() -> None:
    async def scene() -> None:
        told: list[BoardEvent] = []
        panel = Panel(ALL, told.append, opener=nothing_here)
        panel.start()
        assert told == [MuteSwitched(muted=True)]
        assert panel.mute.ask(muted=False)
        assert told[1:] == [MuteSwitched(muted=False)]
        panel.close()

    virtual(scene)


def test_one_pin_that_fails_leaves_the_others() -> None:
    async def scene() -> None:
        factory = MockFactory()
        taken = gpiozero.LED(25, pin_factory=factory)
        told: list[BoardEvent] = []
        panel = Panel(ALL, told.append, opener=lambda: Pins(factory))
        (problem,) = panel.problems
        assert str(problem).startswith("gpio 25: ")
        factory.pin("GPIO17").drive_low()
        await asyncio.sleep(0.05)
        assert told == [ButtonPressed()]
        panel.close()
        taken.close()

    virtual(scene)


def test_pins_are_free_after_closing_and_can_be_opened_again() -> None:
    async def scene() -> None:
        factory = MockFactory()
        for _ in range(2):
            panel = Panel(ALL, lambda _: None, opener=lambda: Pins(factory))
            assert panel.problems == []
            panel.lights.show(Cue.THINKING)
            panel.close()
            assert factory.pins == {}
            panel.close()
            panel.lights.show(Cue.THINKING)  # too late; nothing happens

    virtual(scene)


@pytest.mark.parametrize("pwm", [False, True])
def test_the_status_light_follows_the_cue(pwm: bool) -> None:  # noqa: FBT001
    async def scene() -> None:
        box = Box(pwm=pwm)
        box.panel.lights.show(Cue.LISTENING)
        assert box.pin(25).state == 1
        box.panel.lights.show(Cue.THINKING)
        seen = set()
        for _ in range(25):
            await asyncio.sleep(0.04)
            seen.add(box.pin(25).state)
        assert (len(seen) > 5) == pwm
        assert min(seen) < 0.3
        assert max(seen) > 0.9
        box.panel.lights.show(Cue.IDLE)
        assert box.pin(25).state == 0
        box.panel.close()

    virtual(scene)


# the real opener


@pytest.fixture
def no_factory(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)
    monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
    return monkeypatch


@pytest.mark.skipif(os.path.exists("/dev/gpiochip0"), reason="there are pins here")  # noqa: PTH110
@pytest.mark.usefixtures("no_factory")
def test_without_pins_the_opener_says_what_is_missing_and_leaves_no_file() -> None:
    before = os.listdir()  # noqa: PTH208
    with pytest.raises(DeviceError, match=r"^gpio: .*(install|set no pins|gpiochip)"):
        open_pins()
    assert os.listdir() == before  # noqa: PTH208


def _library(monkeypatch: pytest.MonkeyPatch, factory: Callable[[], object]) -> None:
    module = ModuleType("gpiozero.pins.lgpio")
    module.LGPIOFactory = factory  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gpiozero.pins.lgpio", module)


def test_a_chip_that_may_not_be_opened_names_the_group(
    no_factory: pytest.MonkeyPatch,
) -> None:
    refusal = type("error", (Exception,), {"__module__": "lgpio"})

    def refused() -> object:
        raise refusal("can not open gpiochip")

    _library(no_factory, refused)
    with pytest.raises(DeviceError, match="can not open gpiochip; is the user in the group gpio"):
        open_pins()


def test_any_other_exception_is_not_taken_for_missing_pins(
    no_factory: pytest.MonkeyPatch,
) -> None:
    def broken() -> object:
        raise ZeroDivisionError

    _library(no_factory, broken)
    with pytest.raises(ZeroDivisionError):
        open_pins()


def test_the_environment_may_ask_for_mock_pins_again_and_again(
    no_factory: pytest.MonkeyPatch,
) -> None:
    no_factory.setenv("GPIOZERO_PIN_FACTORY", "mock")
    for _ in range(2):
        pins = open_pins()
        led = gpiozero.LED(5, pin_factory=pins.factory)
        led.on()
        led.close()
        pins.close()
    no_factory.setenv("GPIOZERO_PIN_FACTORY", "nonsense")
    with pytest.raises(DeviceError, match="nonsense"):
        open_pins()
