"""What a new session is told of the conversation so far, as items of its own. Pure.

Only text: the API takes no sound back as something the assistant said. Calls go in with outputs
or not at all, so that the model waits for none in vain; those at work elsewhere are told in
words. The exception are calls that are owed: the model reports them, so their outputs may come
later.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final, Literal, assert_never

from appliance.backend.context import Called, Handover, Line, Owed, Said
from appliance.backend.prompting.outputs import CANCELLED, was_cancelled
from appliance.backend.realtime import wire
from appliance.backend.socket import reading
from appliance.ports import ToolResult
from appliance.units import CallId

Item = Mapping[str, object]
Dialect = Literal["ga", "beta"]

MOST: Final = 12_000
"""Characters of the conversation that are replayed, the latest; some 3,000 tokens, billed with
every reply."""

LONGEST_TEXT: Final = 2_000
LONGEST_OUTPUT: Final = 2_000
LONGEST_ARGUMENTS: Final = 2_000
MOST_AT_WORK: Final = 8

CONTINUE: Final = (
    "You continue a conversation that began elsewhere; what was said and done last follows. Go on"
    " with it in the same language. Do not greet, do not introduce yourself again, and do not"
    " repeat what was said."
)
OWED: Final = (
    "The last calls were made for what was asked last: report their results as soon as they are"
    " there, and do not make these calls again."
)
AT_WORK: Final = (
    "Still at work from before, and reported without you; do not make these calls again:"
)
STAND_IN: Final = (
    "Begin your next reply with two or three words: that you stand in for the usual voice."
)
_FIT: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
_LONGEST_NAME: Final = 64


@dataclass(frozen=True, slots=True)
class Replay:
    """The conversation so far, for one session."""

    items: tuple[Item, ...] = field(default=(), repr=False)
    """For ``conversation.item.create``, in order."""

    owed: Owed | None = None
    """What was owed, with the calls named as in the items: for the session's protocol."""

    ids: Mapping[CallId, CallId] = field(default_factory=dict)
    """From the name of an owed call to that in the items, where they differ: ``answer_call`` must
    be given the latter."""


def replay(handover: Handover, *, dialect: Dialect = "ga", most: int = MOST) -> Replay:
    """Return what a new session is told.

    Args:
        handover: The conversation so far.
        dialect: Of the session; they name what the assistant said differently.
        most: How many characters of the conversation there may be; what is owed goes beside.
    """
    owed = handover.owed.calls if handover.owed is not None else ()
    apart = {called.call for called in owed}
    lines = [
        line for line in handover.lines if not (isinstance(line, Called) and line.call in apart)
    ]
    said = _latest(_entries(lines, dialect), most)
    note = _note(said=bool(said), owed=bool(owed), lines=lines, notice=handover.notice)
    items = [_message("system", note, "input_text")] if note else []
    items += (item for entry in said for item in entry)
    items += (item for called in owed for item in _call(called))
    if handover.owed is None:
        return Replay(tuple(items))
    ids = {called.call: call_id(called.call) for called in owed}
    renamed = tuple(replace(called, call=ids[called.call]) for called in owed)
    changed = {call: name for call, name in ids.items() if call != name}
    return Replay(tuple(items), replace(handover.owed, calls=renamed), changed)


def call_id(call: CallId) -> CallId:
    """Return a call's name as servers take it: 32 letters, digits, ``_`` and ``-`` at most.

    One that is so already stays; another always becomes the same, and no two become one.
    """
    if _FIT.fullmatch(call):
        return call
    return CallId(f"c_{sha256(call.encode('utf-8', 'surrogatepass')).hexdigest()[:30]}")


def _entries(lines: Iterable[Line], dialect: Dialect) -> Iterator[tuple[Item, ...]]:
    """Yield the items that belong together: one of a message, two of a call."""
    seen: set[CallId] = set()
    for line in lines:
        match line:
            case Said(who="user", text=text) if text.strip():
                yield (_message("user", text, "input_text"),)
            case Said(who="assistant", text=text) if text.strip():
                kind = "output_text" if dialect == "ga" else "text"
                yield (_message("assistant", text, kind),)
            case Said():
                pass
            case Called(call=call, result=result):
                if result is not None and call not in seen:
                    seen.add(call)
                    yield _call(line)
            case _:
                assert_never(line)


def _latest(entries: Iterable[tuple[Item, ...]], most: int) -> list[tuple[Item, ...]]:
    """Return the last entries that fit, in order; a gap would mislead more than a late start."""
    kept: list[tuple[Item, ...]] = []
    length = 0
    for entry in reversed(list(entries)):
        length += sum(len(reading.dump(item)) for item in entry)
        if length > most:
            break
        kept.append(entry)
    return kept[::-1]


def _note(*, said: bool, owed: bool, lines: Sequence[Line], notice: bool) -> str:
    """Return what must be told before the items; empty: nothing."""
    at_work = [line for line in lines if isinstance(line, Called) and line.result is None]
    parts = [CONTINUE] if said or owed or at_work else []
    if at_work:
        calls = [f"{_name(each)} {_arguments(each)}" for each in at_work[-MOST_AT_WORK:]]
        parts.append("\n".join([AT_WORK, *(f"- {call[:200]}" for call in calls)]))
    if owed:
        parts.append(OWED)
    if notice:
        parts.append(STAND_IN)
    return "\n\n".join(parts)


def _message(role: str, text: str, kind: str) -> Item:
    return {
        "type": "message",
        "role": role,
        "content": [{"type": kind, "text": _cut(text, LONGEST_TEXT)}],
    }


def _call(called: Called) -> tuple[Item, ...]:
    """Return a call, and its output if that is there."""
    call = call_id(called.call)
    made = {
        "type": "function_call",
        "call_id": call,
        "name": _name(called),
        "arguments": _arguments(called),
    }
    if called.result is None:
        return (made,)
    return made, wire.call_output(call, _output(called.result))


def _name(called: Called) -> str:
    """Return a tool's name as servers take it; that of a remote tool has a colon and a slash."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", called.tool)[:_LONGEST_NAME] or "_"


def _arguments(called: Called) -> str:
    text = reading.dump(dict(called.arguments))
    return text if len(text) <= LONGEST_ARGUMENTS else "{}"


def _output(result: ToolResult) -> str:
    if was_cancelled(result):
        return CANCELLED
    short = {"status": result.status, "say": _cut(result.say, LONGEST_OUTPUT // 2)}
    text = reading.dump({**result.data, **short})
    return text if len(text) <= LONGEST_OUTPUT else reading.dump(short)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
