"""Everything that one can touch and see on the box, as the configuration names it."""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from typing import TypeVar

from appliance.board.buttons import TalkButton
from appliance.board.contact import Contact
from appliance.board.indicator import Lights
from appliance.board.lights import MuteLed, StatusLed
from appliance.board.mute import Mute
from appliance.board.patterns import Facing
from appliance.board.pins import Pins, open_pins
from appliance.board.privacy import Privacy
from appliance.board.ring import Ring
from appliance.board.wishes import Wishes
from appliance.config.model import Board
from appliance.errors import DeviceError
from appliance.events import ButtonPressed, MuteSwitched, StopAsked
from appliance.ports import Cue

log = logging.getLogger(__name__)

T = TypeVar("T")

BoardEvent = ButtonPressed | StopAsked | MuteSwitched


class Panel:
    """The button, the switches and the lights; made, used and closed on the event loop.

    What cannot be opened is left out and named in ``problems``; the box runs without it. One thing
    is not left out silently: a mute or offline switch that is configured but cannot be read counts
    as a wish to be mute, or private, for it may well be closed. It can be taken back from outside
    (``mute.ask``, ``privacy.set``).

    Args:
        settings: Which pins there are.
        report: Is told what happens, on the event loop.
        on_private: Is told, there too, when privacy mode begins and ends.
        opener: Opens the pins; called only if there are any.
    """

    def __init__(
        self,
        settings: Board,
        report: Callable[[BoardEvent], None],
        *,
        on_private: Callable[[bool], None] = lambda _: None,
        opener: Callable[[], Pins] = open_pins,
    ) -> None:
        self.problems: list[DeviceError] = []
        """What could not be opened, in the order of the configuration."""

        self._open = ExitStack()
        self._settings = settings
        self._report = report
        pins = self._pins(opener)
        self._button(pins)
        self.mute = self._mute(pins)
        self._mute_switch = self._contact(settings.mute_switch, pins, self.mute.switched)
        self.privacy = Privacy(on_private)
        """Whether anything may leave the house."""

        self._offline_switch = self._contact(settings.offline_switch, pins, self.privacy.switched)
        self.another: list[Callable[[], None]] = []
        """Are told, on the event loop, that another backend is wanted."""

        self._contact(settings.backend_button, pins, self._switch_backend)
        self.lights = self._lights(pins)
        """Shows cues."""

    def start(self, *, muted_outside: bool = False, private_outside: bool = False) -> None:
        """Show rest, and report what counts already.

        Args:
            muted_outside: Somebody had asked for mute before (``mute.asked_outside`` of the panel
                that this one replaces): a new start must not make the box listen.
            private_outside: Somebody had asked for privacy mode before
                (``privacy.asked_outside``): a new start must not open the way out.
        """
        self.lights.show(Cue.IDLE)
        board = self._settings
        if board.mute_switch is not None and self._mute_switch is None:
            log.warning("the mute switch cannot be read: muted until unmuted from outside")
            muted_outside = True
        if board.offline_switch is not None and self._offline_switch is None:
            log.warning("the offline switch cannot be read: offline until asked to be online")
            private_outside = True
        self.mute.start(Wishes(_closed(self._mute_switch), muted_outside))
        self.privacy.start(Wishes(_closed(self._offline_switch), private_outside))

    def close(self) -> None:
        """Turn the lights off and free the pins; idempotent."""
        self._open.close()

    def _pins(self, opener: Callable[[], Pins]) -> Pins | None:
        if not self._settings.pins:
            return None
        pins = self._attempt(opener)
        if pins is not None:
            self._open.callback(pins.close)
        return pins

    def _button(self, pins: Pins | None) -> None:
        pin = self._settings.button
        if pins is None or pin is None:
            return
        button = self._attempt(lambda: TalkButton(pin, pins, self._report))
        if button is not None:
            self._open.callback(button.close)

    def _mute(self, pins: Pins | None) -> Mute:
        led, lamp = self._settings.mute_led, None
        if pins is not None and led is not None:
            lamp = self._attempt(lambda: MuteLed(led, pins))
            if lamp is not None:
                self._open.callback(lamp.close)
        return Mute(self._report, lamp=lamp)

    def _contact(
        self, pin: int | None, pins: Pins | None, changed: Callable[[bool], None]
    ) -> Contact | None:
        if pins is None or pin is None:
            return None
        contact = self._attempt(lambda: Contact(pin, pins, changed))
        if contact is not None:
            self._open.callback(contact.close)
        return contact

    def _lights(self, pins: Pins | None) -> Lights:
        board = self._settings
        led, ring = None, None
        if pins is not None and (pin := board.status_led) is not None:
            led = self._attempt(lambda: StatusLed(pin, pins))
            if led is not None:
                self._open.callback(led.close)
        if board.ring_leds:
            ring = self._attempt(
                lambda: Ring(
                    board.ring_leds,
                    bus=board.ring_spi_bus,
                    device=board.ring_spi_device,
                    brightness=board.ring_brightness,
                )
            )
            if ring is not None:
                self._open.callback(ring.close)
        facing = Facing(board.ring_front_led, clockwise=board.ring_clockwise)
        lights = Lights(ring=ring, led=led, facing=facing)
        self._open.callback(lights.close)  # last in, first out: dark before the pins go
        return lights

    def _switch_backend(self, pressed: bool) -> None:  # noqa: FBT001  # the shape of a callback
        if pressed:
            for told in self.another:
                told()

    def _attempt(self, make: Callable[[], T]) -> T | None:
        try:
            return make()
        except DeviceError as problem:
            log.warning("%s; the box runs without it", problem, extra={"code": problem.code})
            self.problems.append(problem)
            return None


def _closed(switch: Contact | None) -> bool:
    return switch is not None and switch.closed
