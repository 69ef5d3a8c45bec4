"""``voice-appliance actions``: what can be done in the house, and what was done."""

import json
import os
import re
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.markup import escape

from appliance.cli.exits import Exit
from appliance.cli.terminal import AsJson, console, errors
from appliance.host.audit_log import AuditLog
from appliance.host.journal import set_up_logging
from appliance.host.kept import box_folder
from appliance.units import Seconds

app = typer.Typer(help="What can be done in the house, and what was done.", no_args_is_help=True)

app.callback()(lambda: None)  # one word more than the program's own, even while there is one only

PAUSE = Seconds(0.5)
"""Between two looks at the file."""

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_COLOURS = {"done": "green", "unchanged": "green", "asked": "yellow", "unconfirmed": "yellow"}

Since = Annotated[
    str | None, typer.Option("--since", help="Only what is younger: 30m, 2h, 7d.", metavar="AGE")
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on as more is done.")]


@app.command("log")
def audit_log(*, since: Since = None, follow: Follow = False, as_json: AsJson = False) -> None:
    """Show the audit log: who had what done, what was sent, and how it ended.

    Only the box's own user and root may read it (docs/gate.md).

    Example: sudo voice-appliance actions log --since 2h
    """
    set_up_logging(quiet=True)
    oldest = datetime.now(UTC) - _age(since) if since else None
    folder = box_folder()
    if folder.exists() and not os.access(folder, os.R_OK | os.X_OK):
        errors.print(f"{folder} may not be read by you; try sudo", markup=False, soft_wrap=True)
        raise typer.Exit(Exit.WRONG)
    log = AuditLog(folder)
    _, place = log.read_on(None)
    _print(log.lines(), oldest, as_json=as_json)
    while follow:
        time.sleep(PAUSE)
        lines, place = log.read_on(place)
        _print(lines, None, as_json=as_json)


def _age(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,6})([smhd])", text.strip())
    if found is None:
        raise typer.BadParameter("it must be like 30m, 2h or 7d", param_hint="--since")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


def _print(
    lines: Iterable[Mapping[str, object]], oldest: datetime | None, *, as_json: bool
) -> None:
    for line in lines:
        if oldest is not None and (when := _when(line)) is not None and when < oldest:
            continue
        if as_json:
            console.print(json.dumps(line), markup=False, soft_wrap=True)
        else:
            console.print(told(line), soft_wrap=True)


def _when(line: Mapping[str, object]) -> datetime | None:
    try:
        when = datetime.fromisoformat(str(line.get("at")))
    except ValueError:
        return None
    return when if when.tzinfo is not None else None


def told(line: Mapping[str, object]) -> str:
    """Return a line of the log for people, with rich's markup; whatever the line is."""
    status = str(line.get("status", ""))
    colour = _COLOURS.get(status, "red")
    who = line.get("who")
    parts = who if isinstance(who, Mapping) else {}
    named = [str(parts.get("source", "?"))]
    named += [str(parts[key]) for key in ("wake_word", "backend") if key in parts]
    if "turn" in parts:
        named.append(f"turn {parts['turn']}")
    arguments = json.dumps(line.get("arguments", {}))
    sent = line.get("sent")
    topics = [
        f"{message.get('topic')} {message.get('payload', '…')}"
        for message in (sent if isinstance(sent, list) else ())
        if isinstance(message, Mapping)
    ]
    head = f"{line.get('at', '?')}  {line.get('tool', '?')} {arguments}  by {', '.join(named)}"
    tail = f": {line.get('decision', '?')}" + "".join(f"\n    → {topic}" for topic in topics)
    return f"{_plain(head)}  [{colour}]{_plain(status)}[/]{_plain(tail)}"


def _plain(text: str) -> str:
    """Return a text without markup and without what a terminal would obey."""
    return escape(
        "".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in text)
    )
