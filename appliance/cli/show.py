"""How the timeline looks: lines for people, JSON for programs."""

import json
import logging
import signal
import sys
from typing import TextIO

from rich.console import Console
from rich.text import Text

from appliance.timeline import Entry, Watcher

log = logging.getLogger(__name__)

QUIET = frozenset({"prompt", "played", "mqtt_message"})
"""Entries that a person needs only to look closely."""

_STYLES = {
    "wake": "bold cyan",
    "speech": "cyan",
    "end_of_turn": "cyan",
    "transcript": "bold white",
    "understood": "magenta",
    "tool_call": "yellow",
    "tool_answer": "yellow",
    "house": "bold yellow",
    "reply": "bold green",
    "first_sound": "green",
    "sound": "green",
    "played": "green",
    "rest": "dim",
    "stage": "dim",
    "failed": "bold red",
    "backend_lost": "bold red",
    "trouble": "bold red",
    "muted": "red",
}

_NAMES = {
    "wake": "wake word",
    "end_of_turn": "end of turn",
    "transcript": "heard",
    "tool_call": "asks house",
    "tool_answer": "answer",
    "reply": "says",
    "first_sound": "ready",
}


def line(entry: Entry) -> Text:
    """Return an entry as one line: when, what, the words, what it cost."""
    style = _STYLES.get(entry.event, "")
    text = Text(f"{entry.at:8.2f} s  ", style="dim")
    text.append(f"{_NAMES.get(entry.event, entry.event.replace('_', ' ')):<12} ", style=style)
    text.append(entry.text, style=style)
    if entry.took is not None:
        text.append(f"  {entry.took * 1000:.0f} ms", style="dim")
    return text


def lines_for_people(console: Console | None = None) -> Watcher:
    """Return a watcher that prints the entries as lines."""
    out = console or Console(highlight=False)

    def watch(entry: Entry) -> None:
        if entry.event not in QUIET:
            out.print(line(entry), soft_wrap=True)

    return _ends_with_its_reader(watch)


def json_lines(stream: TextIO | None = None) -> Watcher:
    """Return a watcher that writes one JSON object a line."""
    out = stream or sys.stdout

    def watch(entry: Entry) -> None:
        out.write(json.dumps(entry.as_json(), ensure_ascii=False) + "\n")
        out.flush()

    return _ends_with_its_reader(watch)


def _ends_with_its_reader(watch: Watcher) -> Watcher:
    """Return a watcher that ends the program, as Ctrl-C does, when nobody takes its lines.

    The terminal was closed, or the pipe's reader has gone: nobody should go on listening unseen.
    """
    gone = False

    def guarded(entry: Entry) -> None:
        nonlocal gone
        if gone:
            return
        try:
            watch(entry)
        except OSError as error:
            gone = True
            log.warning("nobody takes the timeline (%s): the end", error.strerror or error)
            if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a script's background
                signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.raise_signal(signal.SIGINT)

    return guarded
