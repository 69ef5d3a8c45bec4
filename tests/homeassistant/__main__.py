"""Has Home Assistant look at a box; see the package."""

import argparse
import asyncio
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from appliance import turn
from appliance.config import Config
from appliance.events import SpeechEnded, WakeWordHeard
from appliance.mqtt.presence import Bill
from appliance.units import SampleIndex, Seconds
from tests.broker import Broker, broker
from tests.homeassistant.installed import Installed, install
from tests.homeassistant.running import HomeAssistant, running
from tests.published import watching
from tests.standing import Standing, standing

CONFIG = "homeassistant/device/voice-appliance-box/config"

SHOWN = {
    "mute": "off",
    "privacy": "off",
    "volume": "100",
    "chime_volume": "100",
    "alarm_volume": "100",
    "wake_word": "hey_jarvis",
    "sensitivity": "0.5",
    "state": "idle",
    "timers": "0",
    "next_timer": "unknown",
    "backend": "automatic",
    "cost_day": "0.1",
    "cost_month": "0.2",
    "answered_by": "local",
    "update": "off",
    "connections": "1",
}
"""What an entity must show of a box at rest, whatever else it may be."""

OF_US = re.compile(r" (WARNING|ERROR|CRITICAL) .*(mqtt|voice|appliance)", re.IGNORECASE)


@dataclass
class Report:
    """What was looked at."""

    problems: list[str] = field(default_factory=list)
    checks: int = 0

    def check(self, what: str, *, truth: bool) -> None:
        self.checks += 1
        if not truth:
            self.problems.append(what)

    async def eventually(self, truth: Callable[[], bool], what: str) -> None:
        for _ in range(60):
            if await asyncio.to_thread(truth):
                break
            await asyncio.sleep(0.1)
        self.check(what, truth=await asyncio.to_thread(truth))


@dataclass
class Examination:
    """A box, and a Home Assistant that looks at it."""

    box: Standing
    home: HomeAssistant
    report: Report
    entities: dict[str, str] = field(default_factory=dict)
    """Component → entity id."""

    async def everything_is_there(self, components: dict[str, dict[str, object]]) -> None:
        def made() -> bool:
            found = self.home.registered()
            self.entities = {
                key: found[str(component["unique_id"])]
                for key, component in components.items()
                if component["unique_id"] in found
            }
            return len(self.entities) == len(components)

        await self.report.eventually(made, "entities are missing")
        for key in components.keys() - self.entities.keys():
            self.report.check(f"{key}: no entity", truth=False)

    async def shows(self, key: str, state: str) -> None:
        if (entity := self.entities.get(key)) is not None:
            home = self.home
            await self.report.eventually(
                lambda: home.state(entity) == state,
                f"{key}: is not {state!r}",
            )

    async def at_rest(self) -> None:
        for key, state in SHOWN.items():
            await self.shows(key, state)
        for key, entity in self.entities.items():
            state = await asyncio.to_thread(self.home.state, entity)
            self.report.check(f"{key}: unavailable", truth=state != "unavailable")

    async def is_told(self) -> None:
        self.box.box.timeline.note(WakeWordHeard("hey_jarvis", 0.9, SampleIndex(0)), Seconds(1.0))
        self.box.box.timeline.note(SpeechEnded(SampleIndex(0)), Seconds(2.0))
        event, last = self.entities["event"], self.entities["last_wake"]
        await self.report.eventually(
            lambda: self.home.attributes(event).get("event_type") == "turn_end", "event: not told"
        )
        await self.report.eventually(lambda: self.home.state(last) != "unknown", "last_wake")

    async def commands(self) -> None:
        box, talk = self.box, self.box.box.conversation
        await self._do("number.set_value", "volume", value=35)
        await self.shows("volume", "35")
        await self._do("select.select_option", "wake_word", option="alexa")
        await self.shows("wake_word", "alexa")
        await self._do("number.set_value", "sensitivity", value=0.75)
        await self.shows("sensitivity", "0.75")
        await self._do("select.select_option", "backend", option="on the device")
        await self.shows("privacy", "on")
        await self._do("switch.turn_off", "privacy")
        await self.shows("backend", "automatic")
        await self._do("notify.send_message", "announce", message="Dinner is ready.")
        await self._do("text.set_value", "say", value="Now.")
        said = {"Dinner is ready.", "Now."}
        await self.report.eventually(lambda: said <= set(box.voice.said), "say: not said")
        await self._do("text.set_value", "ask", value="what is the time")
        await self.report.eventually(
            lambda: [each.text for each in box.backend.enclosed] == ["what is the time"],
            "ask: not asked",
        )
        await self.shows("state", "thinking")
        await self._do("button.press", "stop")
        await self.shows("state", "idle")
        await self._do("button.press", "listen")
        await self.report.eventually(
            lambda: isinstance(talk.state, turn.Listening), "listen: does not"
        )
        await self._do("switch.turn_on", "mute")
        await self.shows("mute", "on")
        self.report.check("mute: is not", truth=isinstance(talk.state, turn.Muted))
        await self._do("switch.turn_off", "mute")
        await self.shows("mute", "off")

    async def _do(self, service: str, key: str, **data: object) -> None:
        entity = self.entities.get(key)
        if entity is not None:
            await asyncio.to_thread(lambda: self.home.do(service, entity, **data))


async def examine(house: Broker, home: HomeAssistant, folder: Path) -> Report:
    """Show a box to Home Assistant, and return what is wrong."""
    config = Config.model_validate(
        {
            "mqtt": {"host": "127.0.0.1", "port": house.port},
            "device": {"name": "Kitchen box", "area": "kitchen"},
            "realtime": {"api_key": "none"},  # so that everything is announced
        }
    )
    report = Report()
    with watching(house.port) as watch:
        async with standing(config, folder) as box:
            box.house.show_serving("local", "configured")
            box.house.show_money(Bill(0.1, 0.2))
            looking = Examination(box, home, report)
            await report.eventually(lambda: CONFIG in watch.seen, "nothing is announced")
            announced = json.loads(watch.seen[CONFIG][-1])
            await looking.everything_is_there(announced["components"])
            await looking.at_rest()
            await looking.is_told()
            await looking.commands()
        entity = looking.entities["volume"]
        gone = "unavailable"
        await report.eventually(lambda: home.state(entity) == gone, "is still there")
    report.problems += watch.problems
    for line in await asyncio.to_thread(lambda: home.log):
        if OF_US.search(line):
            report.check(line, truth=False)
    print(f"{len(looking.entities)} entities of {len(announced['components'])} components")
    return report


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.homeassistant", description=__doc__)
    parser.add_argument("--python", default="3.13", help="a Python that Home Assistant takes")
    parser.add_argument("--environment", type=Path, help="keep the installation here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="voice-appliance-home-assistant-") as temporary:
        folder = Path(temporary)
        os.environ["STATE_DIRECTORY"] = str(folder / "state")
        installed = install(
            (options.environment or folder / "environment").resolve(), options.python
        )
        report = _examined(installed, folder)
    day = datetime.now(UTC).date()
    print(f"Home Assistant {installed.version}, installed in {installed.seconds:.0f} s,", end=" ")
    print(f"{installed.megabytes} MB; {report.checks} checks; {day}")
    for problem in report.problems:
        print(f"  wrong: {problem}")
    print("accepted" if not report.problems else "not accepted")
    return int(bool(report.problems))


def _examined(installed: Installed, folder: Path) -> Report:
    (folder / "broker").mkdir()
    with (
        broker(folder / "broker") as house,
        running(installed, folder / "config", house.port) as home,
    ):
        return asyncio.run(examine(house, home, folder / "state"))


if __name__ == "__main__":
    sys.exit(main())
