import pytest

from appliance.backend.local import phrases
from appliance.backend.local.reply import compose
from appliance.ports import ToolResult

ENGLISH = phrases.load("en")


@pytest.mark.parametrize(
    ("results", "text"),
    [
        ([], ""),
        ([ToolResult("done", "The light is on.")], "The light is on."),
        (
            [ToolResult("done", "The light is on"), ToolResult("done", "The blind is closed.")],
            "The light is on. The blind is closed.",
        ),
        ([ToolResult("done")], "Done."),
        ([ToolResult("done"), ToolResult("done")], "Done."),
        ([ToolResult("done", "The light is on."), ToolResult("done")], "The light is on."),
        ([ToolResult("done"), ToolResult("failed")], "That did not work."),
        ([ToolResult("unchanged")], "It was like that already."),
        ([ToolResult("something new")], "That did not work."),
        ([ToolResult("unconfirmed", "I could not tell.")], "I could not tell."),
    ],
)
def test_what_the_tools_say_is_joined(results: list[ToolResult], text: str) -> None:
    assert compose(results, ENGLISH) == text


def test_a_remark_comes_after_the_results() -> None:
    said = compose([ToolResult("done", "The light is on.")], ENGLISH, remark="And the rest?")
    assert said == "The light is on. And the rest?"
