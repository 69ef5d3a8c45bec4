"""``voice-appliance actions``: list, show, try, watch and record the devices of the house."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from appliance.app.devices import Devices
from appliance.app.house import House
from appliance.app.open_house import open_house
from appliance.app.rehearsal import Rehearsal
from appliance.cli.exits import Exit
from appliance.cli.terminal import AsJson, ConfigFile, console, errors
from appliance.cli.tools import Arguments, Simulated, values
from appliance.config import Loaded, load
from appliance.errors import BrokerError
from appliance.events import ToolCalled
from appliance.host.journal import set_up_logging
from appliance.ports import Message, Word
from appliance.timeline import Timeline
from appliance.tools.devices.household import FoundHousehold
from appliance.tools.devices.known import Known
from appliance.tools.devices.model import Choice, Feature, Range, Trait, Value
from appliance.tools.drafting import draft
from appliance.tools.gate.risk import judge
from appliance.tools.parse import parse_toml
from appliance.tools.plan import Act
from appliance.units import CallId, ResponseId

LOOK = 0.2
"""Seconds between two looks at what has changed."""

Area = Annotated[str | None, typer.Option("--area", help="Only those of this room.")]
Kind = Annotated[str | None, typer.Option("--kind", help="Only lights, locks …: light, lock.")]
LeftOut = Annotated[
    bool, typer.Option("--left-out", help="What was announced and left out, and by which rule.")
]
Seconds_ = Annotated[float, typer.Option("--seconds", min=1.0, max=3_600.0, help="How long.")]


def _loaded(config: Path | None) -> Loaded:
    set_up_logging(quiet=True)
    return load(config)


@asynccontextmanager
async def _opened(
    loaded: Loaded, *, simulated: bool, rehearsal: Rehearsal | None = None
) -> AsyncIterator[tuple[House, FoundHousehold]]:
    async with open_house(
        loaded, Timeline(), simulated=simulated, guest=True, rehearsal=rehearsal
    ) as house:
        await house.settle()
        if not house.connected:
            raise BrokerError(house.trouble)
        part = next(each for each in house.parts if isinstance(each, Devices))
        yield house, part.household


def list_devices(
    *,
    config: ConfigFile = None,
    simulated: Simulated = False,
    area: Area = None,
    kind: Kind = None,
    left_out: LeftOut = False,
    as_json: AsJson = False,
) -> None:
    """List the devices that were found: what each is called and what can be set."""
    loaded = _loaded(config)

    async def tell() -> None:
        async with _opened(loaded, simulated=simulated) as (house, household):
            if left_out:
                for each in household.left_out():
                    console.print(f"{each.rule}: {each.name}", markup=False, soft_wrap=True)
                return
            found = [
                known
                for known in household.known().values()
                if (area is None or (known.area or "").casefold() == area.casefold())
                and (kind is None or known.thing.kind == kind)
            ]
            if as_json:
                for known in found:
                    console.print(json.dumps(_as_json(known, household)), soft_wrap=True)
                return
            table = Table("id", "name", "room", "kind", "can be set", "from")
            for known in found:
                thing = known.thing
                settable = ", ".join(
                    name for name, each in thing.features.items() if each.settable
                )
                row = (known.id, known.name, known.area or "", thing.kind, settable, thing.source)
                table.add_row(*row)
            console.print(table)
            rest = len(household.left_out())
            console.print(f"{len(found)} devices; {rest} left out (--left-out says why)")
            for problem in house.problems():
                errors.print(problem, style="red", markup=False, soft_wrap=True)

    asyncio.run(tell())


def show(
    name: Annotated[str, typer.Argument(metavar="ID", help="Of a device (actions list).")],
    *,
    config: ConfigFile = None,
    simulated: Simulated = False,
) -> None:
    """Show one device: what can be set to what, what it takes, how it is now, its topics."""
    loaded = _loaded(config)

    async def tell() -> bool:
        async with _opened(loaded, simulated=simulated) as (house, household):
            known = household.known().get(name)
            if known is None:
                return False
            thing, now = known.thing, household.now(name)
            names = ", ".join((known.name, *known.aliases))
            reachable = "" if household.reachable(name) else ", not reachable"
            heading = f"{name}: {names} ({known.area or 'no room'}), {thing.kind}{reachable}"
            console.print(heading, markup=False, soft_wrap=True)
            console.print(f"from {thing.key}", markup=False, soft_wrap=True)
            table = Table("trait", "can be", "is now", "takes", "read from")
            for trait, feature in thing.features.items():
                topics = ", ".join(sorted({reader.topic for reader in feature.reads}))
                risk = _risk(house, known, trait, feature)
                state = "" if trait not in now else str(now[trait])
                table.add_row(trait, _shape(feature), state, risk, topics)
            console.print(table)
            return True

    if not asyncio.run(tell()):
        errors.print(f"there is no device {name!r}; `voice-appliance actions list` has them")
        raise typer.Exit(Exit.WRONG)


def rehearse(
    tool: Annotated[str, typer.Argument(help="A tool (voice-appliance tools list).")],
    arguments: Arguments = None,
    *,
    config: ConfigFile = None,
    simulated: Simulated = False,
) -> None:
    """Try a call without sending anything: what it takes, and which messages it would send.

    The house is real, only the sending is not; `tools call` sends.

    Example: voice-appliance actions try control_light device=reading_lamp brightness=30
    """
    wanted = ToolCalled(CallId("try"), ResponseId("try"), tool, values(arguments))

    loaded = _loaded(config)

    async def carry_out() -> bool:
        rehearsal = Rehearsal()
        async with _opened(loaded, simulated=simulated, rehearsal=rehearsal) as (house, _):
            rehearsal.active = True
            result = await house.tools.run(wanted)
            if result.challenge is not None:
                takes = "the PIN" if result.challenge.pin else "a confirmation"
                console.print(f"takes {takes}: {result.challenge.question}", markup=False)
                if not result.challenge.pin:
                    result = await house.tools.settle(
                        result.challenge.id, Word(yes=True, by="terminal")
                    )
        for sent in rehearsal.sent:
            console.print(f"would publish on {sent.topic}", markup=False, soft_wrap=True)
            shown = sent.payload.decode(errors="replace")
            console.print(f"  {shown}", markup=False, soft_wrap=True)
        if not rehearsal.sent:
            console.print(f"{result.status}: {result.say}", markup=False, soft_wrap=True)
            if problem := result.data.get("problem"):
                console.print(str(problem), markup=False, soft_wrap=True)
        return bool(rehearsal.sent) or result.status == "unchanged"

    if not asyncio.run(carry_out()):
        raise typer.Exit(Exit.WRONG)


def watch(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Only these devices.")
    ] = None,
    *,
    config: ConfigFile = None,
    simulated: Simulated = False,
    seconds: Annotated[
        float | None, typer.Option("--seconds", help="End after so long; else with Ctrl-C.")
    ] = None,
) -> None:
    """Show what devices do, as it happens."""
    loaded = _loaded(config)

    async def follow() -> None:
        async with _opened(loaded, simulated=simulated) as (_, household):
            until = None if seconds is None else time.monotonic() + seconds
            before = _states(household, names)
            while until is None or time.monotonic() < until:
                await asyncio.sleep(LOOK)
                now = _states(household, names)
                for line in _changes(before, now):
                    console.print(f"{datetime.now().astimezone():%H:%M:%S} {line}", markup=False)
                before = now

    try:
        asyncio.run(follow())
    except KeyboardInterrupt:
        return


def record(
    topics: Annotated[
        list[str], typer.Argument(help="Topics, with wildcards if you like: shed/pump/#")
    ],
    *,
    name: Annotated[str, typer.Option("--name", help="Of the tool that is drafted.")] = "my_tool",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where the draft goes; else it is shown.")
    ] = None,
    seconds: Seconds_ = 20.0,
    config: ConfigFile = None,
    simulated: Simulated = False,
) -> None:
    """Record what a device publishes, and draft a manifest from it.

    Use the device meanwhile: press its buttons, let its own app change it.

    Example: voice-appliance actions record 'shed/pump/#' --name pump --out pump.toml
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name):
        raise typer.BadParameter("lower-case letters, digits and underscores", param_hint="--name")
    if out is not None and out.exists():
        raise typer.BadParameter(f"{out} is there already", param_hint="--out")
    heard: list[Message] = []

    loaded = _loaded(config)

    async def listen() -> None:
        async with _opened(loaded, simulated=simulated) as (house, _):
            undo = [house.listen(topic, heard.append) for topic in topics]
            errors.print(f"listening for {seconds:g} s; use the device now …")
            await asyncio.sleep(seconds)
            for each in undo:
                each()

    asyncio.run(listen())
    text = draft(heard, name)
    if not heard:
        errors.print("nothing was published there meanwhile", style="red")
        raise typer.Exit(Exit.WRONG)
    parse_toml(text.encode(), source=str(out or "draft"))
    if out is None:
        console.print(text, markup=False, soft_wrap=True)
        return
    out.write_text(text, encoding="utf-8")
    errors.print(f"{len(heard)} messages; the draft is in {out}", markup=False, soft_wrap=True)


def _states(
    household: FoundHousehold, names: list[str] | None
) -> dict[str, tuple[bool, dict[Trait, Value]]]:
    wanted = household.known() if not names else [n for n in names if n in household.known()]
    return {name: (household.reachable(name), dict(household.now(name))) for name in wanted}


def _changes(
    before: Mapping[str, tuple[bool, dict[Trait, Value]]],
    now: Mapping[str, tuple[bool, dict[Trait, Value]]],
) -> list[str]:
    lines = [f"{name}: new" for name in now.keys() - before.keys()]
    lines += [f"{name}: gone" for name in before.keys() - now.keys()]
    for name in now.keys() & before.keys():
        (was_there, old), (there, new) = before[name], now[name]
        if was_there != there:
            lines.append(f"{name}: {'reachable' if there else 'not reachable'}")
        for trait in new:
            if old.get(trait) != new[trait]:
                lines.append(f"{name}: {trait} {old.get(trait, '?')} → {new[trait]}")
    return sorted(lines)


def _shape(feature: Feature) -> str:
    match feature.shape:
        case Range(minimum=low, maximum=high, unit=unit):
            text = f"{low:g} to {high:g} {unit}".strip()
        case Choice(options=options):
            text = ", ".join(feature.choices or options)
        case shape:
            text = type(shape).__name__.lower()
    return text if feature.settable else f"({text})"


def _risk(house: House, known: Known, trait: Trait, feature: Feature) -> str:
    if not feature.settable:
        return ""
    directions: tuple[Value, ...] = (True, False)
    if isinstance(feature.shape, Choice):
        directions = feature.choices or feature.shape.options
    elif isinstance(feature.shape, Range):
        directions = (feature.shape.minimum, feature.shape.maximum)
    thing, found = known.thing, dict[str, list[str]]()
    for value in directions:
        act = Act(thing.kind, trait, value, known.id, known.name, thing.device_class, thing.opaque)
        risk = judge("", (act,), house.gate_rules).risk
        found.setdefault(risk.value, []).append(str(value))
    if len(found) == 1:
        return next(iter(found))
    return "; ".join(f"{risk}: {', '.join(which)}" for risk, which in found.items())


def _as_json(known: Known, household: FoundHousehold) -> dict[str, object]:
    thing = known.thing
    return {
        "id": known.id,
        "name": known.name,
        "area": known.area,
        "kind": thing.kind,
        "source": thing.source,
        "settable": [name for name, each in thing.features.items() if each.settable],
        "now": dict(household.now(known.id)),
        "reachable": household.reachable(known.id),
    }
