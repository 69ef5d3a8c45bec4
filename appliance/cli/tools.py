"""``voice-appliance tools``: what the box can do, and trying it out."""

import asyncio
import getpass
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from appliance.app.open_house import open_house
from appliance.backend.elevenlabs.setup import agent as make_agent
from appliance.catalogue import ToolSpec
from appliance.cli.exits import Exit
from appliance.cli.terminal import ConfigFile, Verbose, console, errors
from appliance.config import load
from appliance.errors import BrokerError, ManifestError
from appliance.events import ToolCalled
from appliance.host.journal import set_up_logging
from appliance.ports import Challenge, ToolResult, Word
from appliance.timeline import Timeline
from appliance.tools.asker import coming_from
from appliance.tools.inspection import dry_run
from appliance.tools.manifest import Manifest
from appliance.tools.parse import parse_toml
from appliance.units import CallId, ResponseId

app = typer.Typer(help="What the box can do.", no_args_is_help=True)

Arguments = Annotated[
    list[str] | None, typer.Argument(help="NAME=VALUE; a value is JSON if it can be, else text.")
]
Simulated = Annotated[
    bool, typer.Option("--simulated", help="Use the simulated kitchen, not your broker.")
]


@app.command("list")
def list_tools(*, config: ConfigFile = None, simulated: Simulated = False) -> None:
    """List the tools: what each does, how people ask for it, where it comes from."""
    set_up_logging(quiet=True)

    async def tell() -> None:
        async with open_house(load(config), Timeline(), simulated=simulated, guest=True) as house:
            await house.settle()
            table = Table("tool", "what it does", "for example", "acts on", "from")
            for spec in house.tools.catalogue():
                things = ", ".join(target.name for target in spec.targets)
                example = spec.examples[0] if spec.examples else ""
                origin = house.tools.source(spec.name) or ""
                table.add_row(spec.name, spec.description, example, things, Path(origin).name)
            console.print(table)
            for problem in house.problems():
                errors.print(problem, style="red", markup=False, soft_wrap=True)

    asyncio.run(tell())


@app.command()
def show(name: str, *, config: ConfigFile = None, simulated: Simulated = False) -> None:
    """Show one tool: its parameters, the things it acts on, and how people ask for it."""
    set_up_logging(quiet=True)

    async def tell() -> ToolSpec | None:
        async with open_house(load(config), Timeline(), simulated=simulated, guest=True) as house:
            await house.settle()
            found = {spec.name: spec for spec in house.tools.catalogue()}
            if name not in found:
                errors.print(f"there is no tool {name!r}; there are {', '.join(found)}")
            return found.get(name)

    spec = asyncio.run(tell())
    if spec is None:
        raise typer.Exit(Exit.WRONG)
    console.print(f"[bold]{spec.name}[/]: {spec.description} (risk: {spec.risk})")
    console.print_json(json.dumps(dict(spec.parameters)))
    for target in spec.targets:
        names = ", ".join((target.name, *target.aliases))
        console.print(f"  {target.id}: {names} ({target.area or 'no area'})")
    for example in spec.examples:
        console.print(f"  “{example}”", markup=False)


@app.command()
def agent(*, config: ConfigFile = None, simulated: Simulated = False) -> None:
    """Print an agent of ElevenLabs that has these tools, as the vendor's API takes it.

    Example: voice-appliance tools agent > agent.json (docs/backends/elevenlabs.md)
    """
    set_up_logging(quiet=True)
    loaded = load(config)

    async def make() -> dict[str, object]:
        async with open_house(loaded, Timeline(), simulated=simulated, guest=True) as house:
            await house.settle()
            return make_agent(loaded.config, house.tools.catalogue())

    typer.echo(json.dumps(asyncio.run(make()), indent=2))


@app.command()
def call(
    name: str,
    arguments: Arguments = None,
    *,
    config: ConfigFile = None,
    simulated: Simulated = False,
    verbose: Verbose = False,
) -> None:
    """Carry a tool out, as a request would, and say what came of it.

    What needs a confirmation or the PIN (docs/gate.md) is asked for here. Exit code 1 if it was
    rejected, failed, or not confirmed; 5 if there is no broker.

    Example: voice-appliance tools call set_light light=kitchen_light state=on
    """
    set_up_logging(verbose=verbose, quiet=True)
    wanted = ToolCalled(CallId("by-hand"), ResponseId("by-hand"), name, values(arguments))

    async def carry_out() -> ToolResult:
        async with open_house(load(config), Timeline(), simulated=simulated, guest=True) as house:
            await house.settle()
            if not house.connected:
                raise BrokerError(house.trouble)
            with coming_from("command"):
                result = await house.tools.run(wanted)
            while result.challenge is not None:
                word = await asyncio.to_thread(_word, result.challenge)
                result = await house.tools.settle(result.challenge.id, word)
            return result

    result = asyncio.run(carry_out())
    console.print(f"{result.status}: {result.say}", markup=False, soft_wrap=True)
    if result.data:
        console.print_json(json.dumps(dict(result.data), default=str))
    if result.status not in {"done", "unchanged"}:
        raise typer.Exit(Exit.WRONG)


@app.command("test")
def try_out(
    file: Annotated[Path, typer.Argument(help="A manifest (TOML).")],
    arguments: Arguments = None,
) -> None:
    """Check a manifest, and show the message that a call with these arguments would send.

    Nothing is sent; `tools call` does that.

    Example: voice-appliance tools test coffee.toml size=large drink=latte
    """
    try:
        manifest = parse_toml(file.read_bytes(), source=str(file))
    except OSError as error:
        raise ManifestError(str(file), [f"cannot be read: {error.strerror}"]) from error
    console.print(f"{file}: well; the tool is {manifest.name!r}", markup=False, soft_wrap=True)
    if arguments is None:
        console.print(f"try: voice-appliance tools test {file} {_hint(manifest.spec)}")
        return
    _dry_run(manifest, values(arguments))


def _word(challenge: Challenge) -> Word:
    """Ask whoever sits here."""
    errors.print(challenge.question, markup=False, soft_wrap=True)
    try:
        if challenge.pin:
            digits = getpass.getpass("PIN (empty: no): ").strip()
            return Word(yes=bool(digits), pin=digits or None, by="terminal")
        return Word(yes=typer.confirm("Do it?", default=False, err=True), by="terminal")
    except (EOFError, typer.Abort):
        return Word(yes=False, by="terminal")


def _dry_run(manifest: Manifest, given: dict[str, object]) -> None:
    run = dry_run(manifest, given, replies="replies")
    if run.problems:
        raise ManifestError(manifest.source, run.problems)
    console.print(f"publishes on {run.topic} (QoS {run.qos})", markup=False, soft_wrap=True)
    console.print(run.payload, markup=False, soft_wrap=True)
    confirmed = f"confirmed by {run.confirm_topic}" if run.confirm_topic else "nothing confirms it"
    console.print(confirmed, markup=False, soft_wrap=True)


def _hint(spec: ToolSpec) -> str:
    properties = spec.parameters.get("properties")
    names = list(properties) if isinstance(properties, dict) else []
    return " ".join(f"{name}=…" for name in names)


def values(arguments: list[str] | None) -> dict[str, object]:
    """Read NAME=VALUE arguments."""
    found: dict[str, object] = {}
    for argument in arguments or ():
        name, equals, text = argument.partition("=")
        if not equals:
            raise typer.BadParameter(f"{argument!r} is not NAME=VALUE")
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found
