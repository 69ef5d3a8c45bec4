"""What is said when the tools have answered. Pure."""

from collections.abc import Iterable

from appliance.backend.local.phrases import Phrases
from appliance.ports import ToolResult

_CLOSED = (".", "!", "?", "…")


def compose(results: Iterable[ToolResult], phrases: Phrases, *, remark: str = "") -> str:
    """Join what the tools say, each sentence once, in the order of the calls.

    A tool that did its work and has nothing to say is heard only when nothing else is: "Done."
    after "The light is on." is noise. What must be confirmed (``asked``) the box asks itself. A
    remark comes last.
    """
    said: list[str] = []
    plain: list[str] = []
    for result in results:
        sentence = result.say.strip()
        if sentence:
            said.append(sentence if sentence.endswith(_CLOSED) else f"{sentence}.")
        elif result.status == "asked":
            continue
        elif result.status == "done":
            plain.append(phrases.status["done"])
        else:
            said.append(phrases.status.get(result.status, phrases.status["failed"]))
    return " ".join(filter(None, (*dict.fromkeys(said or plain), remark)))
