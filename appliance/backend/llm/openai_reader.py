"""Answers of OpenAI's two interfaces, event by event. Pure. After openai 3.52 (2026-11-21).

Servers differ: whole calls in one piece, no ids, no index, no choices, an answer that is not
streamed, no ``[DONE]``; thoughts in fields of their own, which are never spoken.
"""

from collections.abc import Iterator
from typing import Final

from appliance.backend.llm.aloud import Aloud
from appliance.backend.llm.reading import MOST_CALLS, Draft, Ending, arguments_of, broke_off
from appliance.backend.pipeline.parts import Says
from appliance.backend.socket.reading import (
    Message,
    dump,
    number_of,
    object_of,
    objects_of,
    text_of,
)
from appliance.backend.web.endings import failed_midway
from appliance.events import Usage

RESPONSES_LAST: Final = (
    "response.completed",
    "response.incomplete",
    "response.failed",
    "response.cancelled",
    "error",
)


class ChatReader:
    """Implements ``reading.Reader`` for ``/chat/completions``.

    Args:
        usage: What is filled in with the tokens: the model, and whether it is free.
        section: The table of the settings, for advice.
    """

    def __init__(self, usage: Usage, section: str) -> None:
        self._usage = usage
        self._section = section
        self._aloud = Aloud()
        self._drafts: list[Draft] = []
        self._places: dict[str, Draft] = {}  # by index, or by id
        self._why = ""

    def receive(self, message: Message) -> Iterator[Says | Usage]:
        """Take a chunk, or a whole answer where the server does not stream."""
        if _failed(message):
            raise failed_midway(message, self._section)
        for choice in objects_of(message, "choices")[:1]:
            delta = object_of(choice, "delta") or object_of(choice, "message")
            text = _content(delta) + text_of(delta, "refusal")
            if spoken := self._aloud.feed(text):
                yield Says(spoken)
            for call in objects_of(delta, "tool_calls"):
                self._call(call)
            self._why = text_of(choice, "finish_reason") or self._why
        usage = object_of(message, "usage")
        given, made = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
        if given or made:
            cached = _count(object_of(usage, "prompt_tokens_details"), "cached_tokens")
            yield _with(self._usage, given, cached, made)

    def finish(self) -> Ending:
        """Say how it ended."""
        if not self._why:
            raise broke_off()
        short = self._why in ("length", "content_filter")
        if self._drafts and short:
            self._drafts[-1].cut = True
        return Ending(tuple(self._drafts), self._why, short, rest=self._aloud.finish())

    def _call(self, call: Message) -> None:
        """Take a piece of a call: of one that has begun, or of a new one."""
        function, name = object_of(call, "function"), text_of(object_of(call, "function"), "name")
        draft = self._begun(call, name)
        if draft is None:
            if len(self._drafts) >= MOST_CALLS:
                return
            draft = Draft()
            self._drafts.append(draft)
        for place in _places(call):
            self._places[place] = draft
        draft.tool = draft.tool or name
        arguments = function.get("arguments")
        draft.add(dump(arguments) if isinstance(arguments, dict) else _text(arguments))

    def _begun(self, call: Message, name: str) -> Draft | None:
        """Return the call that a piece goes on with; ``None``: it begins one.

        Some servers give all calls the same index, and some none: what has a name of its own, and
        another id or a call before it that is whole, is another call.
        """
        by_id = self._places.get(text_of(call, "id"))
        if by_id is not None:
            return by_id
        if not name:
            return next(
                (self._places[place] for place in _places(call) if place in self._places),
                self._drafts[-1] if self._drafts and not _places(call) else None,
            )
        at_index = self._places.get(f"#{call.get('index')}")
        if at_index is None or (at_index.tool and text_of(call, "id")):
            return None
        return None if at_index.arguments and arguments_of(at_index) is not None else at_index


class ResponsesReader:
    """Implements ``reading.Reader`` for ``/responses``.

    Args:
        usage: What is filled in with the tokens: the model, and whether it is free.
        section: The table of the settings, for advice.
    """

    def __init__(self, usage: Usage, section: str) -> None:
        self._usage = usage
        self._section = section
        self._aloud = Aloud()
        self._drafts: dict[int, Draft] = {}
        self._spoke = False
        self._status = ""
        self._why = ""

    def receive(self, message: Message) -> Iterator[Says | Usage]:
        """Take an event, or a whole response where the server does not stream."""
        match text_of(message, "type") or text_of(message, "object"):
            case "response.output_text.delta" | "response.refusal.delta":
                self._spoke = True
                if spoken := self._aloud.feed(text_of(message, "delta")):
                    yield Says(spoken)
            case "response.output_item.added" | "response.output_item.done":
                self._item(_place(message), object_of(message, "item"))
            case "response.function_call_arguments.delta":
                self._arguments(_place(message)).add(text_of(message, "delta"))
            case "response.completed" | "response.incomplete":
                yield from self._over(object_of(message, "response"))
            case "response":
                yield from self._over(message)
            case "response.failed" | "response.cancelled" | "error":
                raise failed_midway(object_of(message, "response") or message, self._section)
            case _ if _failed(message):
                raise failed_midway(message, self._section)
            case _:
                pass  # what is yet to come

    def finish(self) -> Ending:
        """Say how it ended."""
        if not self._status:
            raise broke_off()
        drafts = tuple(self._drafts[place] for place in sorted(self._drafts))
        short = self._status != "completed"
        if drafts and short:
            drafts[-1].cut = True
        return Ending(drafts, self._why or self._status, short, rest=self._aloud.finish())

    def _arguments(self, place: int) -> Draft:
        """Return the call there; pieces of one that has not begun are of none."""
        return self._drafts.get(place, Draft())

    def _over(self, response: Message) -> Iterator[Says | Usage]:
        self._status = text_of(response, "status") or "completed"
        self._why = text_of(object_of(response, "incomplete_details"), "reason")
        for place, item in enumerate(objects_of(response, "output")):
            self._item(place, item)
            if text_of(item, "type") == "message" and not self._spoke:
                for part in objects_of(item, "content"):
                    yield Says(self._aloud.feed(text_of(part, "text") or text_of(part, "refusal")))
        usage = object_of(response, "usage")
        given, made = _count(usage, "input_tokens"), _count(usage, "output_tokens")
        if given or made:
            details = object_of(usage, "input_tokens_details")
            yield _with(self._usage, given, _count(details, "cached_tokens"), made)

    def _item(self, place: int, item: Message) -> None:
        if text_of(item, "type") != "function_call":
            return
        if place not in self._drafts and len(self._drafts) < MOST_CALLS:
            self._drafts[place] = Draft(text_of(item, "name"))
        if (draft := self._drafts.get(place)) is not None:
            draft.tool = draft.tool or text_of(item, "name")
            draft.arguments = text_of(item, "arguments") or draft.arguments


def _places(call: Message) -> list[str]:
    """Return by what the pieces of a call know each other, as far as its server says."""
    index, name = call.get("index"), text_of(call, "id")
    return [*([name] if name else []), *([f"#{index}"] if isinstance(index, int) else [])]


def _content(delta: Message) -> str:
    """Return the text; some servers send it in parts, with thoughts among them (Mistral's)."""
    parts = [part for part in objects_of(delta, "content") if text_of(part, "type") == "text"]
    return text_of(delta, "content") or "".join(text_of(part, "text") for part in parts)


def _failed(message: Message) -> bool:
    return bool(object_of(message, "error")) or bool(text_of(message, "error"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _place(message: Message) -> int:
    return int(number_of(message, "output_index"))


def _with(usage: Usage, given: int, cached: int, made: int) -> Usage:
    return Usage(
        usage.model, text_in=given, text_cached=min(cached, given), text_out=made, free=usage.free
    )


def _count(usage: Message, key: str) -> int:
    return int(number_of(usage, key))
