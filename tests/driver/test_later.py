"""Calls for later: confirmed when they are asked for, carried out at their time or not at all."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from appliance.catalogue import ToolSpec
from appliance.ports import ToolResult, Word
from appliance.tools import schema
from appliance.tools.plan import Act, Plan, Planned
from tests.timepieces import Kept, Times, timers
from tests.virtual_time import run_virtual


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> Times:
    made = Times()
    made.install(monkeypatch.setattr)
    return made


@dataclass
class Doors:
    """A tool for a lamp and a lock."""

    done: list[tuple[float, str]] = field(default_factory=list)
    acts: dict[str, Act] = field(
        default_factory=lambda: {
            "lamp": Act("light", "power", value=False, device="lamp", name="lamp"),
            "lock": Act("lock", "lock", "unlocked", "front_door", "front door"),
        }
    )

    def tool(self) -> Planned:
        properties = {"device": {"type": "string", "enum": ["lamp", "lock"]}}
        parameters = schema.whole({"properties": properties, "required": ["device"]})
        return Planned(ToolSpec("set_thing", "Sets it.", parameters), self.plan)

    def plan(self, arguments: Mapping[str, object]) -> Plan | ToolResult:
        name = str(arguments["device"])
        if name not in self.acts:
            return ToolResult("rejected", "It is not there any more.")

        async def run() -> ToolResult:
            self.done.append((asyncio.get_running_loop().time(), name))
            return ToolResult("done", "It is done.")

        return Plan((self.acts[name],), run)


async def ask(box: Kept, device: str, **when: object) -> ToolResult:
    call = {"tool": "set_thing", "arguments": json.dumps({"device": device})}
    return await box.call("do_later", **call, **when)


def test_what_is_free_is_done_at_its_time_and_once(times: Times, tmp_path: Path) -> None:
    doors = Doors()

    async def main() -> None:
        async with timers(tmp_path) as box:
            box.tools.set_planned("devices", [doors.tool()])
            result = await ask(box, "lamp", duration_s=600)
            assert result.say == "I will do that in 10 minutes."
            await asyncio.sleep(599.0)
            assert doors.done == []
            await asyncio.sleep(2.0)
            assert [name for _, name in doors.done] == ["lamp"]
            assert box.part.keeper.state.items == ()
            assert box.body.playback.rings == []
        times.boot = "second"
        async with timers(tmp_path) as box:
            box.tools.set_planned("devices", [doors.tool()])
            await asyncio.sleep(1_000.0)
            assert len(doors.done) == 1

    run_virtual(main())


@pytest.mark.usefixtures("times")
def test_what_is_guarded_is_asked_for_when_it_is_set() -> None:
    doors = Doors()

    async def main() -> None:
        async with timers(
            None, gate={"rules": [{"device": "front_door", "risk": "confirm"}]}
        ) as box:
            box.tools.set_planned("devices", [doors.tool()])
            result = await ask(box, "lock", duration_s=60)
            assert result.status == "asked"
            assert result.challenge is not None
            assert "front door" in result.challenge.question
            assert box.part.keeper.state.items == ()
            settled = await box.tools.settle(result.challenge.id, Word(yes=True))
            assert settled.status == "done"
            await asyncio.sleep(61.0)
            assert [name for _, name in doors.done] == ["lock"]
            refused = await ask(box, "lock", duration_s=60)
            assert refused.challenge is not None
            await box.tools.settle(refused.challenge.id, Word(yes=False))
            await asyncio.sleep(61.0)
            assert len(doors.done) == 1

    run_virtual(main())


@pytest.mark.usefixtures("times")
@pytest.mark.parametrize("change", ["gone", "riskier", "no tool"])
def test_what_has_changed_meanwhile_is_told_and_not_done(change: str) -> None:
    doors = Doors()

    async def main() -> None:
        async with timers(None) as box:
            box.tools.set_planned("devices", [doors.tool()])
            await ask(box, "lamp", duration_s=60)
            match change:
                case "gone":
                    del doors.acts["lamp"]
                case "riskier":
                    doors.acts["lamp"] = doors.acts["lock"]
                case _:
                    box.tools.set_planned("devices", ())
            await asyncio.sleep(61.0)
            assert doors.done == []
            assert len(box.sentences) == 1
            assert box.sentences[0].startswith("I should have done something just now.")

    run_virtual(main())


@pytest.mark.usefixtures("times")
@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("do_later", '{"tool": "set_thing", "arguments": "{}", "duration_s": 1}'),
        ("set_thing", '{"device": "garage"}'),
        ("set_thing", "[]"),
        ("set_thing", "{"),
        ("set_thing", "[" * 1_999),
        ("stop", "{}"),
        ("nothing", "{}"),
    ],
)
def test_what_cannot_be_foreseen_is_not_put_off(tool: str, arguments: str) -> None:
    async def main() -> None:
        async with timers(None) as box:
            box.tools.set_planned("devices", [Doors().tool()])
            result = await box.call("do_later", tool=tool, arguments=arguments, duration_s=5)
            assert result.status == "rejected"
            assert box.part.keeper.state.items == ()

    run_virtual(main())
