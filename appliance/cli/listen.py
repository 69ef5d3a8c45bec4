"""``voice-appliance listen``: what the running box does, as it happens."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from appliance.cli.exits import Exit
from appliance.cli.show import lines_for_people
from appliance.cli.terminal import AsJson, console, errors
from appliance.host.feed import follow, running_socket
from appliance.timeline import Entry
from appliance.units import Seconds


def listen(
    *,
    as_json: AsJson = False,
    socket: Annotated[
        Path | None, typer.Option(help="Socket of the box; else where this user's box has it.")
    ] = None,
) -> None:
    """Show live what the running box hears, understands, does and says.

    Example: voice-appliance listen --json | jq 'select(.event == "transcript")'
    """
    path = socket or running_socket()
    try:
        asyncio.run(_follow(path, as_json=as_json))
    except OSError as error:
        errors.print(
            f"no box is running here ({path}: {error.strerror}); "
            "start one with `voice-appliance run`",
            soft_wrap=True,
        )
        raise typer.Exit(Exit.WRONG) from error
    except KeyboardInterrupt:
        return


async def _follow(path: Path, *, as_json: bool) -> None:
    show = lines_for_people(console)
    async for line in follow(path):
        if as_json:
            console.print(line, markup=False, soft_wrap=True)
        else:
            show(_entry(line))


def _entry(line: str) -> Entry:
    told = json.loads(line)
    took = told.get("took_ms")
    return Entry(
        told["event"],
        Seconds(told["at"]),
        told.get("shown", ""),
        None if took is None else Seconds(took / 1000),
    )
