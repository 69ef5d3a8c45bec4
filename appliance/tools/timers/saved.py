"""The memory of the timers as JSON, and back. Pure.

A file that was written by another version, or by nobody, costs what cannot be read of it, never
the rest.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import TypeVar, cast

from appliance.tools.timers.model import (
    LONGEST_TEXT,
    After,
    At,
    Gap,
    Item,
    Kind,
    Known,
    Missed,
    Phase,
    State,
    When,
    Wish,
    cleaned,
)

VERSION = 1

_Row = Mapping[str, object]
T = TypeVar("T")


class _Unreadable(Exception):
    """A value is not what it should be."""


def packed(state: State) -> bytes:
    """Return the memory as one line of JSON."""
    known, gap = state.known, state.gap
    table = {
        "version": VERSION,
        "last": state.last,
        "boot": state.boot,
        "mono": state.mono,
        "known": None if known is None else [known.boot, known.mono, known.wall, known.sure],
        "gap": None if gap is None else [gap.wall, gap.mono],
        "items": [_item_row(item) for item in state.items],
        "missed": [
            {"id": m.id, "kind": m.kind, "name": m.name, "text": m.text, "wall": m.wall}
            for m in state.missed
        ],
    }
    return json.dumps(table, separators=(",", ":")).encode()


def unpacked(data: bytes) -> tuple[State, str]:
    """Return the memory and what is wrong with the file, empty if nothing is. Never raises."""
    try:
        table = json.loads(data)
    except (ValueError, RecursionError):
        return State(), "it is no JSON"
    if not isinstance(table, dict) or table.get("version") != VERSION:
        return State(), "it is of another version"
    lost: list[str] = []
    items = tuple(_each(table.get("items"), _item, lost))
    missed = tuple(_each(table.get("missed"), _missed, lost))
    try:
        state = State(
            items=items,
            last=int(_number(table.get("last"))),
            boot=_text(table.get("boot")),
            mono=_number(table.get("mono")),
            known=_known(table.get("known")),
            gap=_gap(table.get("gap")),
            missed=missed,
        )
    except _Unreadable:
        return State(), "it lacks the time at which it was written"
    last = max([state.last, *(int(item.id) for item in items)])
    return replace(state, last=last), "; ".join(dict.fromkeys(lost))


def _item_row(item: Item) -> dict[str, object]:
    wish = item.wish
    return {
        "id": item.id,
        "kind": wish.kind,
        "when": _when_row(wish.when),
        "name": wish.name,
        "text": wish.text,
        "call": dict(wish.call),
        "phase": item.phase,
        "ends": item.ends,
        "left": item.left,
        "on": None if item.on is None else item.on.isoformat(),
        "rang": item.rang,
        "loose": item.loose,
        "restored": item.restored,
    }


def _when_row(when: When) -> object:
    if isinstance(when, After):
        return when.seconds
    day = None if when.day is None else when.day.isoformat()
    return [when.hour, when.minute, day, sorted(when.days)]


def _each(rows: object, read: Callable[[_Row], T], lost: list[str]) -> Iterator[T]:
    if not isinstance(rows, list):
        return
    for row in rows:
        try:
            yield read(row if isinstance(row, dict) else {})
        except (_Unreadable, ValueError):
            lost.append("some of them cannot be read")


def _item(row: _Row) -> Item:
    call = row.get("call")
    on = row.get("on")
    rang = row.get("rang")
    ident = _text(row.get("id"))
    when = _when(row.get("when"))
    if not ident.isascii() or not ident.isdecimal() or len(ident) > 12:
        raise _Unreadable
    item = Item(
        id=ident,
        wish=Wish(
            Kind(_text(row.get("kind"))),
            when,
            cleaned(_text(row.get("name"))),
            cleaned(_text(row.get("text")), LONGEST_TEXT),
            cast("Mapping[str, object]", call) if isinstance(call, dict) else {},
        ),
        phase=Phase(_text(row.get("phase"))),
        ends=_number(row.get("ends")),
        left=_number(row.get("left")),
        on=None if on is None else date.fromisoformat(_text(on)),
        rang=None if rang is None else _number(rang),
        loose=row.get("loose") is True,
        restored=row.get("restored") is True,
    )
    if isinstance(when, At) and item.on is None:
        raise _Unreadable
    return item


def _when(value: object) -> When:
    if not isinstance(value, list):
        return After(_number(value))
    if len(value) != 4 or not isinstance(value[3], list):
        raise _Unreadable
    hour, minute = int(_number(value[0])), int(_number(value[1]))
    days = frozenset(int(_number(day)) for day in value[3])
    if not (0 <= hour <= 23 and 0 <= minute <= 59 and days <= frozenset(range(7))):
        raise _Unreadable
    return At(hour, minute, None if value[2] is None else date.fromisoformat(value[2]), days)


def _missed(row: _Row) -> Missed:
    wall = row.get("wall")
    return Missed(
        _text(row.get("id")),
        Kind(_text(row.get("kind"))),
        cleaned(_text(row.get("name"))),
        cleaned(_text(row.get("text")), LONGEST_TEXT),
        None if wall is None else _number(wall),
    )


def _known(value: object) -> Known | None:
    if not isinstance(value, list) or len(value) != 4:
        return None
    with suppress(_Unreadable):
        return Known(_text(value[0]), _number(value[1]), _number(value[2]), sure=value[3] is True)
    return None


def _gap(value: object) -> Gap | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    with suppress(_Unreadable):
        return Gap(_number(value[0]), _number(value[1]))
    return None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _Unreadable
    return value


def _number(value: object) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not -1e12 < cast("float", value) < 1e12:
        raise _Unreadable
    return float(cast("float", value))
