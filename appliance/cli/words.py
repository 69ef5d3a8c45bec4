"""Joins the words of the command; says every expected error in one line, with its exit code."""

import errno
import sys
from importlib import metadata
from typing import Annotated, TypeVar

import typer
from rich.markup import escape

from appliance.cli import (
    actions,
    ask,
    backends,
    doctor,
    enhance,
    house_actions,
    listen,
    models,
    money,
    pin,
    prompts,
    replay,
    run,
    secret,
    settings,
    tools,
)
from appliance.cli.exits import Exit, exit_code
from appliance.cli.terminal import errors
from appliance.errors import ApplianceError, ConfigError

AnyError = TypeVar("AnyError", bound=BaseException)

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

app = typer.Typer(
    name="voice-appliance",
    help="A box in the room that one can talk with.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("replay")(replay.replay)
app.command("ask")(ask.ask)
app.command("listen")(listen.listen)
app.command("check")(settings.check)
app.command("config")(settings.config)
app.command("doctor")(doctor.doctor)
app.command("enhance")(enhance.enhance_recording)
app.command("money")(money.money)
app.command("client-secret")(secret.client_secret)
app.add_typer(tools.app, name="tools")
for word, action in (
    ("list", house_actions.list_devices),
    ("show", house_actions.show),
    ("try", house_actions.rehearse),
    ("watch", house_actions.watch),
    ("record", house_actions.record),
):
    actions.app.command(word)(action)
app.add_typer(actions.app, name="actions")
app.add_typer(pin.app, name="pin")
app.add_typer(models.app, name="models")
app.add_typer(backends.app, name="backends")
app.add_typer(prompts.app, name="prompts")


def _version(wanted: bool) -> None:  # noqa: FBT001 - the shape of a typer callback
    if wanted:
        typer.echo(f"voice-appliance {metadata.version('voice-appliance')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which it is.")
    ] = False,
) -> None:
    """A box in the room that one can talk with."""


def command() -> None:
    """Run the command line; the one place where an error becomes a line and a code."""
    try:
        app()
    except* ApplianceError as group:  # an error that comes alone, too
        sys.exit(max(complain(error) for error in leaves(group)))
    except* OSError as group:
        if any(error.errno not in _FULL for error in leaves(group)):
            raise
        errors.print("[bold red]voice-appliance:[/] the disk that this is written to is full")
        sys.exit(Exit.WRONG)


def leaves(group: BaseExceptionGroup[AnyError]) -> list[AnyError]:
    """Return the errors of a group and of the groups within it."""
    found: list[AnyError] = []
    for error in group.exceptions:
        found += leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


def complain(error: ApplianceError) -> Exit:
    """Print an error, a line a problem; return the code to leave with."""
    problems = error.problems if isinstance(error, ConfigError) else (str(error),)
    for problem in problems:
        errors.print(f"[bold red]voice-appliance:[/] {escape(problem)}", soft_wrap=True)
    return exit_code(error)
