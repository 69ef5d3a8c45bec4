"""An answer of Anthropic's Messages API, event by event. Pure.

After anthropic 2.11 (2026-11-21).
"""

from collections.abc import Iterator
from typing import Final

from appliance.backend.llm.reading import Draft, Ending, broke_off
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
from appliance.errors import BackendUnavailable
from appliance.events import Usage

LAST: Final = ("message_stop", "error")
IDLE: Final = ("ping",)

_SHORT: Final = frozenset({"max_tokens", "refusal", "model_context_window_exceeded", "pause_turn"})
_LONGEST_KEPT: Final = 256 * 1024
"""Characters of thoughts that are given back."""


class AnthropicReader:
    """Implements ``reading.Reader``.

    Args:
        usage: What is filled in with the tokens: the model, and whether it is free.
        section: The table of the settings, for advice.
    """

    def __init__(self, usage: Usage, section: str) -> None:
        self._usage = usage
        self._section = section
        self._blocks: dict[int, dict[str, object]] = {}
        self._drafts: dict[int, Draft] = {}
        self._why = ""
        self._ended = False

    def receive(self, message: Message) -> Iterator[Says | Usage]:
        """Take an event, or a whole message where the server does not stream."""
        match text_of(message, "type"):
            case "message_start":
                yield from self._billed_in(object_of(object_of(message, "message"), "usage"))
            case "content_block_start":
                yield from self._start(_index(message), object_of(message, "content_block"))
            case "content_block_delta":
                yield from self._delta(_index(message), object_of(message, "delta"))
            case "message_delta":
                self._why = text_of(object_of(message, "delta"), "stop_reason") or self._why
                yield from self._billed_out(object_of(message, "usage"))
            case "message_stop":
                self._ended = True
            case "message":
                yield from self._whole(message)
            case "error":
                raise failed_midway(message, self._section)
            case _:
                pass  # pings, and what is yet to come

    def finish(self) -> Ending:
        """Say how it ended."""
        if not self._ended:
            raise broke_off()
        if self._why == "model_context_window_exceeded":
            raise BackendUnavailable("the conversation is too long for this model")
        drafts = tuple(self._drafts[index] for index in sorted(self._drafts))
        if drafts and self._why in _SHORT:
            drafts[-1].cut = True
        return Ending(drafts, self._why, self._why in _SHORT, self._kept())

    def _whole(self, message: Message) -> Iterator[Says | Usage]:
        yield from self._billed_in(object_of(message, "usage"))
        for index, block in enumerate(objects_of(message, "content")):
            yield from self._start(index, block)
        self._why, self._ended = text_of(message, "stop_reason"), True
        yield from self._billed_out(object_of(message, "usage"))

    def _start(self, index: int, block: Message) -> Iterator[Says | Usage]:
        kind = text_of(block, "type")
        if kind == "tool_use":
            given = object_of(block, "input")
            self._drafts[index] = Draft(text_of(block, "name"), dump(given) if given else "")
            return
        self._blocks[index] = dict(block)
        if kind == "text" and (text := text_of(block, "text")):
            yield Says(text)

    def _delta(self, index: int, delta: Message) -> Iterator[Says | Usage]:
        match text_of(delta, "type"):
            case "text_delta":
                text = text_of(delta, "text")
                self._append(index, "text", text)
                if text:
                    yield Says(text)
            case "input_json_delta":
                if (draft := self._drafts.get(index)) is not None:
                    draft.add(text_of(delta, "partial_json"))
            case "thinking_delta":
                self._append(index, "thinking", text_of(delta, "thinking"))
            case "signature_delta":
                self._append(index, "signature", text_of(delta, "signature"))
            case _:
                pass

    def _append(self, index: int, key: str, text: str) -> None:
        block = self._blocks.get(index, {})
        begun = text_of(block, key)
        if len(begun) <= _LONGEST_KEPT:
            block[key] = begun + text

    def _kept(self) -> tuple[Message, ...]:
        """Return what it thought and said, if it thought; else nothing need be given back."""
        blocks = [self._blocks[index] for index in sorted(self._blocks)]
        kinds = [text_of(block, "type") for block in blocks]
        if not {"thinking", "redacted_thinking"} & set(kinds):
            return ()
        known = [block for block in blocks if _whole_block(block)]
        return tuple(known) if sum(len(dump(block)) for block in known) <= _LONGEST_KEPT else ()

    def _billed_in(self, usage: Message) -> Iterator[Usage]:
        """Tell of the input at once: it is owed even if the user interrupts the answer.

        What is written into the service's cache costs a quarter more: counted as so much more.
        """
        fresh, cached = _count(usage, "input_tokens"), _count(usage, "cache_read_input_tokens")
        written = _count(usage, "cache_creation_input_tokens")
        every = fresh + cached + written + -(-written // 4)
        if every:
            yield _with(self._usage, every, cached, 0)

    def _billed_out(self, usage: Message) -> Iterator[Usage]:
        if made := _count(usage, "output_tokens"):
            yield _with(self._usage, 0, 0, made)


def _whole_block(block: Message) -> bool:
    """Whether a block can be given back: signed thoughts, and words."""
    match text_of(block, "type"):
        case "thinking":
            return bool(text_of(block, "signature"))
        case "redacted_thinking":
            return bool(text_of(block, "data"))
        case "text":
            return bool(text_of(block, "text").strip())
        case _:
            return False


def _with(usage: Usage, given: int, cached: int, made: int) -> Usage:
    return Usage(usage.model, text_in=given, text_cached=cached, text_out=made, free=usage.free)


def _count(usage: Message, key: str) -> int:
    return int(number_of(usage, key))


def _index(message: Message) -> int:
    return int(number_of(message, "index"))
