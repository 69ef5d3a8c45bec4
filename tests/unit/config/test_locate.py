import tomllib

from hypothesis import given
from hypothesis import strategies as st

from appliance.config.locate import Key, line_of, locate

TEXT = '''\
top = 1
# [not.a.table]
[wake]  # a comment with = and [
words = [
    "one",  # with, a comma
    "tw]o", """three
    lines""",
]
"quoted key" = 'it''s'

[[wake.custom]]
name = "a"
[[wake.custom]]
name = """b
[speech]
"""
model.deep.er = { x = 1, y = [2,
  3] }
[speech]
threshold = 0.5
'''.replace("it''s", "its")


def test_every_kind_of_place_has_its_line() -> None:
    lines = locate(TEXT)
    assert lines == {
        ("top",): 1,
        ("wake",): 3,
        ("wake", "words"): 4,
        ("wake", "words", 0): 5,
        ("wake", "words", 1): 6,
        ("wake", "words", 2): 6,
        ("wake", "quoted key"): 9,
        ("wake", "custom"): 11,
        ("wake", "custom", 0): 11,
        ("wake", "custom", 0, "name"): 12,
        ("wake", "custom", 1): 13,
        ("wake", "custom", 1, "name"): 14,
        ("wake", "custom", 1, "model"): 17,
        ("wake", "custom", 1, "model", "deep"): 17,
        ("wake", "custom", 1, "model", "deep", "er"): 17,
        ("speech",): 19,
        ("speech", "threshold"): 20,
    }


def test_a_key_inside_an_inline_table_has_the_line_of_that_table() -> None:
    lines = locate('a = 1\nb = { c = "x" }\n')
    assert line_of(("b", "c"), lines) == 2
    assert line_of(("nowhere",), lines) is None


def test_a_table_that_only_its_inner_tables_speak_of_is_where_the_first_of_them_is() -> None:
    lines = locate("[a.b]\nx = 1\n[a.c]\n[[a.d]]\n[a.d.e]\ny = 1\n")
    assert lines[("a",)] == 1
    assert lines[("a", "c")] == 3
    assert lines[("a", "d", 0, "e", "y")] == 6
    assert line_of(("a", "nothing"), lines) == 1
    assert locate("[a.b]\n[a]\n")[("a",)] == 2


def test_windows_line_ends_count_once() -> None:
    assert locate("a = 1\r\n\r\nb = 2\r\n")[("b",)] == 3


def _write(key: str, value: object) -> str:
    return f"{key} = {value}"


_VALUES = st.sampled_from(
    [
        "1",
        '"a # b = [c"',
        "'''x\ny = 1\n'''",
        '"""q"" \\""" \n[t]\n"""',
        "[1,\n 2]",
        '{ a = "}" }',
        "[[1], [\n2]]",
        "''",
        '""',
        '""""two quotes at the end"""""',
        "2026-11-21",
    ]
)
_NAMES = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=5)


@given(st.lists(st.tuples(_NAMES, st.lists(_VALUES, min_size=5, max_size=5)), max_size=4))
def test_every_top_key_that_toml_reads_is_found_where_it_stands(
    tables: list[tuple[list[str], list[str]]],
) -> None:
    text, expected, line = "", dict[Key, int](), 1
    for number, (names, values) in enumerate(tables):
        statements: list[tuple[str, Key]] = [(f"[table{number}]", (f"table{number}",))]
        statements += [
            (_write(name, value), (f"table{number}", name))
            for name, value in zip(names, values, strict=False)
        ]
        for statement, key in statements:
            expected[key] = line
            text += statement + "\n"
            line += statement.count("\n") + 1
    tomllib.loads(text)

    found = locate(text)

    assert {key: found.get(key) for key in expected} == expected
