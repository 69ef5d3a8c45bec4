"""What a new session is told of the conversation so far: its ``input``, text only. Pure.

The session begins with at most 128 messages of 8,192 tokens (openai-python 3.52,
``types/live/session_config.py``). A call is told in words, as a developer's message: a session
takes no calls that it did not make.
"""

from collections.abc import Iterable, Mapping
from typing import Final, assert_never

from appliance.backend.context import Called, Handover, Line, Said
from appliance.backend.prompting.outputs import output_text
from appliance.backend.prompting.telling import preface
from appliance.backend.socket import reading

MOST_ITEMS: Final = 128
MOST: Final = 12_000
"""Characters of the conversation that are told, the latest; some 3,000 tokens in English, and
below the service's limit in scripts that have more tokens."""

LONGEST_TEXT: Final = 2_000

OWED: Final = (
    "This was just done, or is being done, for what the user asked last. Do not do it again, and"
    " say nothing of it until you are told to:"
)
Item = Mapping[str, object]


def told(handover: Handover) -> list[Item]:
    """Return the messages with which a session begins, in order."""
    owed = handover.owed.calls if handover.owed is not None else ()
    apart = {called.call for called in owed}
    lines = [
        line for line in handover.lines if not (isinstance(line, Called) and line.call in apart)
    ]
    said = _latest(_messages(lines))
    note = preface(handover)
    before = [_message("developer", note)] if note else []
    after = [_message("developer", "\n".join([OWED, *map(_call, owed)]))] if owed else []
    return [*before, *said, *after]


def report(called: Called) -> str:
    """Return a call and how it ended, in words."""
    return _call(called)


def _messages(lines: Iterable[Line]) -> list[Item]:
    found: list[Item] = []
    for line in lines:
        match line:
            case Said(who=who, text=text) if text.strip():
                found.append(_message(who, text))
            case Said():
                pass
            case Called(result=None):
                pass
            case Called():
                found.append(_message("developer", f"A tool was called: {_call(line)}"))
            case _:
                assert_never(line)
    return found


def _latest(messages: list[Item]) -> list[Item]:
    """Return the last that fit, in order; a gap would mislead more than a late start."""
    kept: list[Item] = []
    length = 0
    for message in reversed(messages):
        length += len(reading.dump(message))
        if length > MOST or len(kept) >= MOST_ITEMS - 2:
            break
        kept.append(message)
    return kept[::-1]


def _message(role: str, text: str) -> Item:
    kind = "output_text" if role == "assistant" else "input_text"
    short = text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": short}]}


def _call(called: Called) -> str:
    arguments = reading.dump(dict(called.arguments))[:400]
    result = "" if called.result is None else f" -> {output_text(called.result, longest=800)}"
    return f"{called.tool} {arguments}{result}"
