"""Lets a box and its backends know of each other: privacy, lights, money, and what went wrong."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from appliance.app.backends import Answers
from appliance.app.box import Box
from appliance.app.house import House
from appliance.app.spending import Accounts
from appliance.backend.confirming import ConfirmingBackend
from appliance.backend.failover import Failover
from appliance.backend.money.meter import Standing
from appliance.backend.money.prices import MicroUsd
from appliance.errors import BackendRefused
from appliance.events import BackendChanged, Happening, MuteSwitched, StopAsked
from appliance.mqtt.presence import Bill
from appliance.timeline import Entry
from appliance.units import Seconds

log = logging.getLogger(__name__)

_LEVELS = {"warned": "nearly used up", "exhausted": "used up"}


@dataclass(slots=True)
class _Sign:
    """Shows on the box whether only the box itself answers (``ports.Observer``)."""

    box: Box
    failover: Failover
    say: Callable[[str], None]
    serving: str = ""
    private: bool = False

    def note(self, happening: Happening, at: Seconds) -> None:  # noqa: ARG002 - as every observer
        """Take note of who answers."""
        if not isinstance(happening, BackendChanged):
            return
        self.serving = happening.name
        self._show()
        if happening.reason == BackendRefused.code:
            self.say("backend_refused")

    def set_private(self, private: bool) -> None:  # noqa: FBT001 - a callback
        """Take note of privacy mode."""
        self.private = private
        self._show()

    def _show(self) -> None:
        away = self.serving not in ("", self.failover.choice.best)
        self.box.panel.lights.set_offline(self.private or away)


@dataclass(frozen=True, slots=True)
class _Refusals:
    """Takes it for a no when the box is stopped or muted (``ports.Observer``)."""

    confirming: ConfirmingBackend

    def note(self, happening: Happening, at: Seconds) -> None:  # noqa: ARG002 - as every observer
        """Take note of what happened."""
        match happening:
            case StopAsked() | MuteSwitched(muted=True):
                self.confirming.refuse()
            case _:
                pass


def attend(box: Box, answers: Answers, house: House) -> None:
    """Join a box that is about to run with its backends.

    Args:
        box: The box.
        answers: What it converses through.
        house: Is told what was spent, and says aloud what people should know.
    """
    if answers.confirming is not None:
        box.pressed.append(answers.confirming.press)
        box.timeline.tell(_Refusals(answers.confirming))
    if answers.personas is not None:
        box.timeline.tell(answers.personas)
    box.panel.another.append(house.choose_another)
    failover = answers.failover
    if failover is None:
        house.show_serving(answers.best, "configured")
        return
    house.switching.attach(failover)
    house.show_serving(failover.serving, failover.reason)
    sign = _Sign(box, failover, house.say)
    box.timeline.tell(sign)
    box.private.append(sign.set_private)
    box.private.append(lambda private: failover.set_private(private=private))
    if answers.accounts is not None:
        _keep_accounts(box, answers.accounts, house)


def _keep_accounts(box: Box, accounts: Accounts, house: House) -> None:
    def on_turn(words: str) -> None:
        box.timeline.say(Entry("cost", box.now(), words))

    def on_spent(now: Standing) -> None:
        house.show_money(_bill(now))

    def on_change(now: Standing) -> None:
        for notice in now.news:
            log.warning("money: %s (%s)", notice.level, notice.cap)
            words = f"{_LEVELS[notice.level]} for this {notice.cap}"
            shown = {"level": notice.level, "cap": notice.cap}
            box.timeline.say(Entry("money", box.now(), words, data=shown))
            house.say(f"money_{'warning' if notice.level == 'warned' else 'exhausted'}")
        on_spent(now)

    accounts.on_turn.append(on_turn)
    accounts.meter.on_spent.append(on_spent)
    accounts.meter.on_change.append(on_change)
    on_spent(accounts.meter.standing)


def _bill(now: Standing) -> Bill:
    day, month = _usd(now.caps.day), _usd(now.caps.month)
    return Bill(now.day / 1e6, now.month / 1e6, day, month, now.state or "ok")


def _usd(cap: MicroUsd | None) -> float | None:
    return None if cap is None else cap / 1e6
