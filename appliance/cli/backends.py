"""``voice-appliance backends``: who can answer, what each needs, and who is to answer."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from appliance.app.asking_box import ask_box
from appliance.app.backends import was_private
from appliance.app.reaching import LONGEST, Reached, reach
from appliance.backend.kinds.find import facts, kind, names
from appliance.backend.kinds.seam import Facts
from appliance.cli.exits import Exit
from appliance.cli.terminal import AsJson, ConfigFile, console, errors
from appliance.config import Config, load
from appliance.config.lacking import BUILT_IN
from appliance.host.journal import set_up_logging

app = typer.Typer(help="Who can answer, what each needs, and who is to answer.")

Try = Annotated[
    bool,
    typer.Option("--try", help="Try which can be reached: connects with your keys, says nothing."),
]

_REASONS = {
    "value": "the running box has no such backend in its order, or it lacks something",
    "private": "the switch on the box keeps it in privacy mode",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One backend."""

    name: str
    place: int | None
    """In the order, from 1; ``None``: it is not in it."""

    facts: Facts
    reached: Reached | None = None
    """``None``: it was not tried."""

    @property
    def state(self) -> str:
        """Whether it can serve, in a word."""
        if self.facts.missing:
            return "not ready"
        if self.reached is not None:
            return "reachable" if self.reached.ok else "not reachable"
        return "ready"

    def as_json(self) -> dict[str, object]:
        """Return it for programs."""
        found = self.facts
        return {
            "name": self.name,
            "place": self.place,
            "built_in": self.name in BUILT_IN,
            "title": found.title,
            "state": self.state,
            "missing": list(found.missing),
            "reachable": None if self.reached is None else self.reached.ok,
            "tried": None if self.reached is None else self.reached.words,
            "cloud": found.cloud,
            "leaves": list(found.leaves),
            "usd_minute": found.usd_minute,
            "sees": found.sees,
        }


@app.callback(invoke_without_command=True)
def backends(context: typer.Context) -> None:
    """Say who can answer, and choose who is to."""
    if context.invoked_subcommand is None:
        list_backends(try_them=False, config=None, as_json=False)


@app.command("list")
def list_backends(
    *, try_them: Try = False, config: ConfigFile = None, as_json: AsJson = False
) -> None:
    """List every backend: its place, what it needs, what a minute costs, what leaves the house.

    What a minute costs is about the least: docs/backends/README.md says how it is reckoned.
    With --try each that lacks nothing is connected to, side by side; in privacy mode only those
    within the house. Exit code 1: one of the order was tried and cannot be reached.

    Example: voice-appliance backends list --try --json
    """
    set_up_logging(quiet=True)
    settings = load(config).config
    rows = list(_rows(settings))
    private = was_private()
    if try_them:
        rows = _tried(rows, settings, private=private)
    if as_json:
        for row in rows:
            console.print(json.dumps(row.as_json()), markup=False, soft_wrap=True)
    else:
        _show(rows, tried=try_them, private=private)
    if any(row.place and row.reached is not None and not row.reached.ok for row in rows):
        raise typer.Exit(Exit.WRONG)


@app.command("use")
def use(
    name: Annotated[str, typer.Argument(metavar="NAME|automatic", help="Who is to answer.")],
    *,
    config: ConfigFile = None,
) -> None:
    """Have a backend answer on the running box, from the next question on, without a restart.

    It is asked over the broker of the configuration. The choice outlives a restart; `automatic`
    takes it back. It must be in backend.order. "on the device" is privacy mode.

    Exit codes: 1: the box does not answer, or will not; 2: there is no such backend; 5: the
    broker cannot be used.

    Example: voice-appliance backends use local
    """
    set_up_logging(quiet=True)
    settings = load(config).config
    order = settings.backend.order
    if name not in (*order, "automatic", "on the device"):
        known = ", ".join((*order, "automatic"))
        raise typer.BadParameter(f"it is not in backend.order: {known}", param_hint="NAME")
    if not settings.mqtt.host:
        errors.print(
            "the running box is asked over a broker, and mqtt.host names none; say "
            f'"switch to {name}" to it, or put {name} first in backend.order and reload it '
            "(systemctl reload voice-appliance)",
            markup=False,
            soft_wrap=True,
        )
        raise typer.Exit(Exit.BROKER)
    answer = asyncio.run(ask_box(settings, "backend", name))
    if answer is None:
        errors.print(
            f"no answer from the box {settings.device.id} at {settings.mqtt.host}: does it run?",
            markup=False,
            soft_wrap=True,
        )
        raise typer.Exit(Exit.WRONG)
    if answer.get("status") != "done":
        reason = str(answer.get("reason", ""))
        errors.print(_REASONS.get(reason, f"refused: {reason}"), markup=False, soft_wrap=True)
        raise typer.Exit(Exit.WRONG)
    console.print(f"{name}: from the next question on", markup=False)


def _rows(config: Config) -> Iterator[Row]:
    """Yield every kind: those of the order first, in its order."""
    order = config.backend.order
    others = (name for name in names() if name not in order)
    for place, name in enumerate(order, start=1):
        yield Row(name, place, facts(name, config))
    for name in others:
        yield Row(name, None, facts(name, config))


def _tried(rows: Sequence[Row], config: Config, *, private: bool) -> list[Row]:
    barred = {row.name for row in rows if private and row.facts.cloud}
    able = [row.name for row in rows if not row.facts.missing and row.name not in barred]
    kinds = {name: kind(name) for name in able}
    waiting = set(kinds)
    with errors.status("") as status:

        def show() -> None:
            status.update(f"trying {', '.join(sorted(waiting))}, {LONGEST:.0f} s at most")

        def tell(name: str, _: Reached) -> None:
            waiting.discard(name)
            show()

        show()
        reached = asyncio.run(reach(kinds, config, tell=tell))
    return [Row(row.name, row.place, row.facts, reached.get(row.name)) for row in rows]


def _show(rows: Sequence[Row], *, tried: bool, private: bool) -> None:
    table = Table("")
    table.add_column("backend", no_wrap=True)
    table.add_column("answers", overflow="fold")
    table.add_column("state", no_wrap=True)
    table.add_column("a minute", justify="right", no_wrap=True)
    table.add_column("leaves the house", overflow="fold")
    for row in rows:
        found = row.facts
        table.add_row(
            "" if row.place is None else str(row.place),
            escape(row.name),
            escape(found.title),
            _state(row),
            _minute(found),
            escape("; ".join(found.leaves)) or ("" if found.missing else "nothing"),
        )
    console.print(table)
    for row in rows:
        for line in _needs(row):
            console.print(f"{row.name}: {line}", markup=False, soft_wrap=True)
    if private:
        told = ": those beyond the house are not tried" if tried else ""
        console.print(f"privacy mode is on: nothing beyond the house answers{told}")


_COLOURS = {"ready": "green", "reachable": "green", "not reachable": "red"}


def _state(row: Row) -> str:
    colour: Mapping[str, str] = _COLOURS
    return f"[{colour.get(row.state, 'yellow')}]{row.state}[/]"


def _minute(found: Facts) -> str:
    if found.usd_minute is None:
        return "" if found.missing and not found.title else "?"
    return f"${found.usd_minute:.3f}" if found.usd_minute else "free"


def _needs(row: Row) -> Iterator[str]:
    """Yield what it lacks, and how the try went."""
    yield from row.facts.missing
    if row.reached is not None:
        yield row.reached.words
        if row.reached.remedy:
            yield row.reached.remedy
