"""What a model is told in words, where its protocol has no other way. Pure.

In English, as all that a model is told about itself; it answers in the user's language.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from appliance.backend.context import Called, Handover, Line, Said
from appliance.backend.prompting.outputs import output_text
from appliance.backend.socket import reading

MOST: Final = 12_000
"""Characters of a conversation that are told again, the latest; some 3,000 tokens."""

LONGEST_TEXT: Final = 2_000
LONGEST_CALL: Final = 200
MOST_AT_WORK: Final = 8

CONTINUE: Final = (
    "You continue a conversation that began elsewhere; what was said and done last follows. Go on"
    " with it in the same language. Do not greet, do not introduce yourself again, and do not"
    " repeat what was said."
)
AT_WORK: Final = (
    "Still at work from before, and reported without you; do not make these calls again:"
)
STAND_IN: Final = (
    "Begin your next reply with two or three words: that you stand in for the usual voice."
)
WORKING: Final = reading.dump(
    {
        "status": "working",
        "note": "It takes longer. Say in a few words that you are at it; do not call it again."
        " You are told the answer when it comes.",
    }
)
"""The output of a tool that is slow: what it finds out is told later, in words."""

_NOBODY: Final = "(Nobody said this; it is from the box.)"
_REPORT: Final = (
    "These tools were called for what the user asked last, and have answered. Tell the user what"
    " came of it, in a few words, and do not call them again:"
)
_SLOW: Final = (
    "These tools were called for what the user asked last, and are still at work. Say in a few"
    " words that you are at it, and do not call them again:"
)
_LATE: Final = "For your knowledge, these slow tools have answered meanwhile:"
_TELL_LATE: Final = (
    "Tell the user now, in a few words, what the tools that were slow have answered."
)
_UNSEEN: Final = "The user shows a picture that you cannot see; say so if you are asked about it."


def answered(tool: str, output: str) -> str:
    """Return one line on what a tool answered."""
    return f"- {tool}: {_cut(output, LONGEST_TEXT)}"


def report(lines: Iterable[str]) -> str:
    """Ask to tell the user what tools answered that another session called."""
    return "\n".join([_NOBODY, _REPORT, *lines])


def slow(tools: Iterable[str]) -> str:
    """Ask to say that tools are still at work that another session called."""
    return "\n".join([_NOBODY, _SLOW, *(f"- {tool}" for tool in tools)])


def late(lines: Iterable[str]) -> str:
    """Tell what slow tools answered, together with what the user says next."""
    return "\n".join([_NOBODY, _LATE, *lines])


def tell_late(lines: Sequence[str]) -> str:
    """Ask to tell the user what slow tools answered; ``lines``: what the model was not told."""
    known = [_LATE, *lines] if lines else []
    return "\n".join([_NOBODY, *known, _TELL_LATE])


def unseen() -> str:
    """Tell of a picture to a model that cannot see."""
    return f"{_NOBODY} {_UNSEEN}"


def preface(handover: Handover) -> str:
    """Return what must be known before the conversation so far; empty: nothing."""
    at_work = [line for line in handover.lines if isinstance(line, Called) and line.result is None]
    begun = handover.lines or (handover.owed is not None and handover.owed.calls)
    parts = [CONTINUE] if begun else []
    if at_work:
        calls = (f"- {_called(each)}" for each in at_work[-MOST_AT_WORK:])
        parts.append("\n".join([AT_WORK, *calls]))
    if handover.notice:
        parts.append(STAND_IN)
    return "\n".join(parts)


def past(lines: Iterable[Line], *, most: int = MOST) -> list[tuple[str, str]]:
    """Return the conversation so far as pairs of ``user`` or ``assistant`` and a text.

    What tools did stands in words with the assistant. Only the last entries that fit are told.
    """
    kept: list[tuple[str, str]] = []
    length = 0
    for line in reversed(list(lines)):
        entry = _entry(line)
        if entry is None:
            continue
        length += len(entry[1])
        if length > most:
            break
        kept.append(entry)
    return kept[::-1]


def _entry(line: Line) -> tuple[str, str] | None:
    if isinstance(line, Said):
        return (line.who, _cut(line.text, LONGEST_TEXT)) if line.text.strip() else None
    if line.result is None:
        return None
    output = _cut(output_text(line.result), LONGEST_TEXT)
    return ("assistant", f"(I called {_called(line)}; it answered: {output})")


def _called(called: Called) -> str:
    return _cut(f"{called.tool} {reading.dump(dict(called.arguments))}", LONGEST_CALL)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
