import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import load
from appliance.config.fields import entries
from appliance.errors import ConfigError

# settings of which each can be judged alone, and some that nobody knows
KEYS = [
    (table, name)
    for table, model in entries()
    for name in [*model.model_fields, "volme", "x-y"]
    if table not in ("mqtt", "board", "backend", "realtime", "money")
    or name
    in ("port", "tls", "root", "ring_brightness", "remember_min", "warn_at", "max_output_tokens")
] + [("realtime.turn_detection", "threshhold"), ("realtime.transcription", "logprobs")]
VALUES = [
    "1", "-1", "0.7", "1e9", "nan", "true", '"alexa"', '"[x]"', "'''a\n# b = 1\n'''", "[]",
    '["alexa",\n  "okay_nabu", 7]', "[\n1,\n]", "2026-11-21", "{ a = 1 }", "[{ name = 'x' }]",
    '"hey_jarvis" # = [', '"auto"', "99999999999999999999",
]  # fmt: skip


@given(
    st.lists(
        st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES)),
        max_size=12,
        unique_by=lambda entry: entry[0],
    ),
    st.lists(st.booleans(), min_size=12, max_size=12),
)
def test_every_mistake_is_told_at_once_where_it_stands(
    tmp_path_factory: pytest.TempPathFactory,
    settings: list[tuple[tuple[str, str], str]],
    blanks: list[bool],
) -> None:
    path = tmp_path_factory.getbasetemp() / "drawn.toml"
    statements: list[str] = []
    for (key, value), blank in zip(sorted(settings), blanks, strict=False):
        statements.append(f"[{key[0]}]\n" if f"[{key[0]}]\n" not in statements else "")
        statements.append("\n\n" if blank else "")
        statements.append(f"{key[1]} = {value}\n")
    path.write_text("".join(statements))

    wrong = _wrong_keys(path)

    # without what was told to be wrong, the rest is right: nothing was kept back
    rest = [
        statement
        for statement, table in _with_tables(statements)
        if statement.startswith("[") or f"{table}.{statement.partition(' ')[0]}" not in wrong
    ]
    path.write_text("".join(rest))
    assert _wrong_keys(path) == set()


def _wrong_keys(path: Path) -> set[str]:
    try:
        told = load(path, env={}).sources
    except ConfigError as error:
        told = {}
        lines = path.read_text().splitlines()
        wrong = set()
        for problem in error.problems:
            match = re.match(rf"{re.escape(str(path))}:(\d+): ([\w.-]+)[^ ]*: \S", problem)
            assert match is not None, problem
            line, key = lines[int(match[1]) - 1], match[2]
            name = key.rpartition(".")[2]
            # a member of a list may stand on a line of its own
            assert line.startswith(f"{name} = ") or "[" in problem, problem
            wrong.add(key)
        return wrong
    assert all(source.startswith(str(path)) for source in told.values())
    return set()


def _with_tables(statements: list[str]) -> list[tuple[str, str]]:
    table, out = "", []
    for statement in statements:
        if statement.startswith("["):
            table = statement.strip("[]\n")
        out.append((statement, table))
    return out
