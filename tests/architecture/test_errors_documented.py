import re
from pathlib import Path

from appliance import errors
from appliance.errors import ApplianceError

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"


def _classes(root: type[ApplianceError] = ApplianceError) -> list[type[ApplianceError]]:
    return [root, *(each for child in _children(root) for each in _classes(child))]


def _children(of: type[ApplianceError]) -> list[type[ApplianceError]]:
    return [each for each in of.__subclasses__() if each.__module__.startswith("appliance.")]


def _tree(root: type[ApplianceError] = ApplianceError, depth: int = 0) -> list[tuple[int, str]]:
    below = [line for child in _children(root) for line in _tree(child, depth + 1)]
    return [(depth, root.__name__), *below]


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    lines = re.findall(r"(?m)^( *)\* (\w+)", errors.__doc__ or "")
    assert [(len(indent) // 4, name) for indent, name in lines] == _tree()


def test_every_error_of_the_appliance_is_in_the_one_module() -> None:
    assert {each.__module__ for each in _classes()} == {errors.__name__}


def test_every_code_is_on_the_page_with_meaning_and_remedy() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    documented = {row[0].strip("`"): (row[1] == "yes", all(row)) for row in rows}
    assert documented == {each.code: (each.retryable, True) for each in _classes()}


def test_no_two_errors_share_a_code() -> None:
    codes = [each.code for each in _classes()]
    assert len(codes) == len(set(codes))
