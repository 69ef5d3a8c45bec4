"""Finds the line of every key in a TOML text, for messages that can be acted on.

``tomllib`` forgets where things stood. This looks at the text again, after ``tomllib`` has found
it well-formed, and only cuts it into statements; what a key means is still ``tomllib``'s word.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping

Key = tuple[str | int, ...]
"""``("wake", "custom", 0, "name")``: tables by name, members of arrays by number from 0."""

_PIECE = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'  # the longest run of quotes closes: up to two belong to the text
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[\[\]{},=\n]"
    r"|[^\"'#\[\]{},=\n]+",
    re.DOTALL,
)

_Piece = tuple[str, int]  # text, line from 1


def locate(text: str) -> dict[Key, int]:
    """Return the line, counted from 1, of every table, key and array member of a TOML text.

    Keys inside inline tables are not listed; ``line_of`` then gives the line of what they are in.
    """
    lines: dict[Key, int] = {}
    members: dict[Key, int] = {}  # of each array of tables, how many there are so far
    table: Key = ()
    for statement in _statements(text):
        words = [word for word, _ in statement]
        start = statement[0][1]
        if words[0] == "[":
            many = words[1] == "["
            table = _table(_path("".join(words).strip("[]")), members, many=many)
            for length in range(1, len(table)):  # tables that only this header speaks of
                lines.setdefault(table[:length], start)
            lines[table] = start
        elif "=" in words:
            equals = words.index("=")
            key = (*table, *_path("".join(words[:equals])))
            for length in range(1, len(key)):  # tables that only a dotted key speaks of
                lines.setdefault(key[:length], start)
            lines[key] = start
            lines.update(
                ((*key, number), line) for number, line in _members(statement[equals + 1 :])
            )
    return lines


def line_of(key: Key, lines: Mapping[Key, int]) -> int | None:
    """Return the line of a key, or of the nearest thing around it that has one."""
    while key and key not in lines:
        key = key[:-1]
    return lines.get(key)


def _statements(text: str) -> Iterator[list[_Piece]]:
    statement: list[_Piece] = []
    depth, line = 0, 1
    for match in _PIECE.finditer(text.replace("\r\n", "\n")):
        piece = match.group()
        depth += _nesting(piece)
        if piece == "\n" and depth == 0:
            if statement:
                yield statement
            statement = []
        elif piece.strip(" \t\n") and not piece.startswith("#"):
            statement.append((piece.strip(" \t"), line))
        line += piece.count("\n")
    if statement:
        yield statement


def _path(dotted: str) -> tuple[str, ...]:
    """Read a dotted key as TOML does."""
    path: list[str] = []
    inner: object = tomllib.loads(f"{dotted} = 0")
    while isinstance(inner, dict):
        ((name, inner),) = inner.items()
        path.append(name)
    return tuple(path)


def _table(path: tuple[str, ...], members: dict[Key, int], *, many: bool) -> Key:
    """Put the numbers of the members that a header means into its path."""
    key: Key = ()
    for name in path[:-1]:
        key = (*key, name)
        if key in members:
            key = (*key, members[key] - 1)
    key = (*key, path[-1])
    if many:
        members[key] = members.get(key, 0) + 1
        key = (*key, members[key] - 1)
    elif key in members:
        key = (*key, members[key] - 1)
    return key


def _members(value: list[_Piece]) -> Iterator[tuple[int, int]]:
    """Yield number and line of every member of an array."""
    if not value or value[0][0] != "[":
        return
    depth, number, fresh = 0, 0, True
    for piece, line in value:
        if piece == "," and depth == 1:
            number, fresh = number + 1, True
        elif depth == 1 and fresh and piece != "]":
            yield number, line
            fresh = False
        depth += _nesting(piece)


def _nesting(piece: str) -> int:
    return (piece in ("[", "{")) - (piece in ("]", "}"))
