"""The conversation as every language model is told it: a list of steps, before any API's form.

Pure. What must hold for all of them holds here: calls stand with their answers or not at all,
those at work elsewhere are told in words, nothing is empty, and there is an end to it. What the
box itself has to say to the model stands in brackets in a user's message, for many models take
instructions only at the very beginning.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Literal, assert_never

from appliance.backend.context import Called, Line, Said
from appliance.backend.pipeline.parts import Answered, Asked, Talk
from appliance.backend.prompting.outputs import output_text
from appliance.backend.prompting.telling import AT_WORK, MOST_AT_WORK
from appliance.backend.socket import reading
from appliance.backend.socket.reading import Message
from appliance.ports import Image, ToolResult
from appliance.units import CallId

MOST: Final = 12_000
"""Characters of the conversation that are told, the latest; some 3,000 tokens, billed anew."""

LONGEST_TEXT: Final = 2_000
"""Characters of one line of it."""

LONGEST_ASKED: Final = 8_000
"""Characters of what is asked now."""

LONGEST_OUTPUT: Final = 2_000
"""Characters of what a tool answered earlier; what it answers now may be 32 times as long."""

LONGEST_NOW: Final = 64 * 1024
LONGEST_ARGUMENTS: Final = 2_000

RESUME: Final = "The conversation has been going on; its beginning is left out."
NOTHING: Final = "Nothing was said that could be understood; ask back in a few words."
LATE: Final = (
    "These calls, made for something asked earlier, have come to an end only now. Tell the user in"
    " a sentence what came of them, and what it belongs to; do not make them again:"
)
CUT_OFF: Final = "the call was cut off; nothing was done"
NO_OBJECT: Final = "the arguments were no JSON object; nothing was done"
NO_TOOL: Final = "there is no tool of this name; nothing was done"

_FIT: Final = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_NAME: Final = 64


@dataclass(frozen=True, slots=True)
class Words:
    """Something that was said; never empty."""

    who: Literal["user", "assistant"]
    text: str = field(repr=False)
    image: Image | None = None
    """Only the user's."""


@dataclass(frozen=True, slots=True)
class Done:
    """A call and what came of it."""

    call: str
    """Nine letters and digits: what the pickiest servers (Mistral's) take."""

    tool: str
    arguments: Mapping[str, object] = field(repr=False)
    output: str = field(repr=False)
    image: Image | None = None
    wrong: bool = False
    """It was not made at all, for the model made a mistake in it."""


@dataclass(frozen=True, slots=True)
class Round:
    """Calls that were made together; at least one."""

    calls: tuple[Done, ...]
    said: str = field(default="", repr=False)
    """What the model said before them."""

    kept: tuple[Message, ...] = field(default=(), repr=False)
    """What came before them in its answer, what it said included, if it must be given back as it
    was."""


Step = Words | Round


@dataclass(frozen=True, slots=True)
class Made:
    """What one answer of the model called, to find it again among the results."""

    calls: tuple[tuple[str, Mapping[str, object]], ...] = field(repr=False)
    wrong: tuple[Done, ...] = ()
    said: str = field(default="", repr=False)
    kept: tuple[Message, ...] = field(default=(), repr=False)


def story(talk: Talk, made: Sequence[Made] = (), *, most: int = MOST) -> tuple[Step, ...]:
    """Return what a model is told; begins with the user, and ends with something to answer.

    Args:
        talk: The conversation, and what is to be answered.
        made: What the model called for the same request, answer by answer.
        most: Characters of the conversation before; what is to be answered now goes beside.
    """
    now = {answered.call for answered in talk.results}  # others are at work, or ended before
    lines = [line for line in talk.lines if not (isinstance(line, Called) and line.call in now)]
    steps = _latest(_earlier(lines), most)
    asked = _asked(talk, lines)
    if asked is not None:
        steps.append(asked)
    if talk.results and not talk.late:
        steps += _rounds(talk, made)
    elif asked is None:
        steps.append(Words("user", _note(NOTHING)))
    if not (isinstance(steps[0], Words) and steps[0].who == "user"):
        steps.insert(0, Words("user", _note(RESUME)))
    return tuple(steps)


def wrong(tool: str, problem: str, number: int) -> Done:
    """Return a call of the model's that is not made, as its answer tells it.

    Args:
        tool: The name that it gave.
        problem: What was wrong with it.
        number: Tells it from others in the same request.
    """
    output = reading.dump({"status": "rejected", "say": "", "problem": problem})
    return Done(call_id(f"wrong {number}"), tool_name(tool), {}, output, wrong=True)


def call_id(call: str) -> str:
    """Return a call's name as every server takes it; the same for the same call."""
    return "c" + sha256(call.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def tool_name(tool: str) -> str:
    """Return a tool's name as servers take it; that of a remote tool has a colon and a slash."""
    return _FIT.sub("_", tool)[:_LONGEST_NAME] or "_"


def _earlier(lines: Iterable[Line]) -> list[Step]:
    """Return what was said and done; calls in a row are one round."""
    steps: list[Step] = []
    seen: set[CallId] = set()
    for line in lines:
        match line:
            case Said(who=who, text=text):
                if text.strip():
                    steps.append(Words(who, _cut(text.strip(), LONGEST_TEXT)))
            case Called(call=call, result=result):
                if result is None or call in seen:  # one at work is told in words
                    continue
                seen.add(call)
                done = (_done(call, line.tool, line.arguments, result, LONGEST_OUTPUT),)
                if steps and isinstance(last := steps[-1], Round):
                    steps[-1] = Round((*last.calls, *done))
                else:
                    steps.append(Round(done))
            case _:
                assert_never(line)
    return steps


def _latest(steps: Sequence[Step], most: int) -> list[Step]:
    """Return the last steps that fit, in order; a gap would mislead more than a late start."""
    kept: list[Step] = []
    length = 0
    for step in reversed(steps):
        length += _length(step)
        if length > most:
            break
        kept.append(step)
    return kept[::-1]


def _length(step: Step) -> int:
    match step:
        case Words(text=text):
            return len(text) + 20
        case Round(calls=calls):
            each = (len(reading.dump(call.arguments)) + len(call.output) + 100 for call in calls)
            return sum(each)
        case _:
            assert_never(step)


def _asked(talk: Talk, lines: Sequence[Line]) -> Words | None:
    """Return the user's message: what is asked, and what the box has to say; ``None``: neither."""
    asked = talk.asked or Asked("")
    notes = [asked.note.strip()] if asked.note.strip() else []
    at_work = [line for line in lines if isinstance(line, Called) and line.result is None]
    if at_work:
        calls = [f"{_told(each.tool, each.arguments)[:200]}" for each in at_work[-MOST_AT_WORK:]]
        notes.append("\n".join([AT_WORK, *(f"- {call}" for call in calls)]))
    image = asked.image
    if talk.late and talk.results:
        notes.append("\n".join([LATE, *map(_ended, talk.results)]))
        seen = [each.result.image for each in talk.results if each.result.image is not None]
        image = image or (seen[-1] if seen else None)
    said = _cut(asked.text.strip(), LONGEST_ASKED)
    if talk.asked is not None and not said and image is None and not talk.results:
        notes.insert(0, NOTHING)
    text = "\n\n".join([*([said] if said else []), *map(_note, notes)])
    return Words("user", text, image) if text or image is not None else None


def _rounds(talk: Talk, made: Sequence[Made]) -> list[Step]:
    """Return the calls that are to be told now, as the model made them where it did."""
    results = talk.results
    done = [
        _done(each.call, each.tool, each.arguments, each.result, LONGEST_NOW) for each in results
    ]
    for answers in (made, made[-1:]):
        sizes = [len(each.calls) for each in answers]
        calls = [call for each in answers for call in each.calls]
        if answers and calls == [(each.tool, each.arguments) for each in results]:
            ends = [sum(sizes[: n + 1]) for n in range(len(sizes))]
            return [
                Round((*done[end - size : end], *each.wrong), each.said, each.kept)
                for each, size, end in zip(answers, sizes, ends, strict=True)
            ]
    return [Round(tuple(done), _cut(talk.said.strip(), LONGEST_TEXT))]


def _done(
    call: CallId, tool: str, arguments: Mapping[str, object], result: ToolResult, longest: int
) -> Done:
    text = reading.dump(dict(arguments))
    fit = reading.parse_object(text) if len(text) <= LONGEST_ARGUMENTS else None
    output = _output(result, longest)
    return Done(call_id(call), tool_name(tool), fit or {}, output, result.image)


def _output(result: ToolResult, longest: int) -> str:
    output = output_text(result, longest=longest)
    if len(output) <= longest:
        return output
    return output_text(ToolResult(result.status, say=_cut(result.say, longest // 12)))


def _ended(answered: Answered) -> str:
    output = _output(answered.result, LONGEST_NOW)
    return f"- {_told(answered.tool, answered.arguments)}: {output}"


def _told(tool: str, arguments: Mapping[str, object]) -> str:
    text = reading.dump(dict(arguments))
    return f"{tool_name(tool)} {text if len(text) <= LONGEST_ARGUMENTS else '{}'}"


def _note(text: str) -> str:
    """Return what the box says to the model; nobody in the room said it."""
    return f"[{text}]"


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
