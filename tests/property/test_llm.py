"""What models are told, against the SDKs' types; what they say, however it is cut."""

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from anthropic.types.message_create_params import MessageCreateParamsStreaming
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionMessageParam
from openai.types.responses import ResponseInputItemParam

from appliance.backend.context import Called, Line, Said
from appliance.backend.llm import anthropic_body, openai_body
from appliance.backend.llm.aloud import Aloud
from appliance.backend.llm.anthropic_reader import AnthropicReader
from appliance.backend.llm.openai_reader import ChatReader, ResponsesReader
from appliance.backend.llm.reading import Draft, Ending, Reader, sort
from appliance.backend.llm.story import MOST, Made, Round, Step, Words, call_id, story
from appliance.backend.pipeline.parts import Answered, Asked, Talk
from appliance.catalogue import ToolSpec
from appliance.errors import BackendError
from appliance.events import Usage
from appliance.ports import Image, ToolResult
from appliance.units import CallId
from tests.sdk_shapes import fits

TEXT = st.text(max_size=30) | st.sampled_from(["", " ", "\n", "x" * 5_000])
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
ARGUMENTS = st.dictionaries(st.text(max_size=5), PLAIN | st.lists(PLAIN, max_size=2), max_size=3)
IMAGE = st.sampled_from([None, None, Image(b"\xff\xd8", "image/jpeg")])
TOOL = st.sampled_from(["set_light", "mcp:shop/buy", "é", "x" * 90])
RESULT = st.builds(
    ToolResult,
    st.sampled_from(["done", "failed"]),
    say=TEXT,
    data=ARGUMENTS | st.just({"cancelled": True}),
    image=IMAGE,
)
CALL = st.sampled_from([CallId(f"call:{n} ü") for n in range(6)])
LINE: st.SearchStrategy[Line] = st.builds(Said, st.sampled_from(["user", "assistant"]), TEXT) | (
    st.builds(Called, CALL, TOOL, ARGUMENTS, st.none() | RESULT)
)
ANSWERED = st.builds(Answered, CALL, TOOL, ARGUMENTS, RESULT)
TALK = st.builds(
    Talk,
    st.lists(LINE, max_size=8).map(tuple),
    st.none() | st.builds(Asked, TEXT, IMAGE, TEXT),
    st.lists(ANSWERED, max_size=3, unique_by=lambda each: each.call).map(tuple),
    st.booleans(),
    TEXT,
)


@st.composite
def told(draw: st.DrawFn) -> tuple[Talk, list[Made]]:
    """A conversation, and what the model remembers of its calls: sometimes just these."""
    talk = draw(TALK)
    made = [Made(((each.tool, each.arguments),), said=draw(TEXT)) for each in talk.results]
    return talk, made if draw(st.booleans()) else made[:1]


@given(told())
def test_a_story_begins_with_the_user_ends_with_what_is_asked_and_is_never_empty(
    given_: tuple[Talk, list[Made]],
) -> None:
    talk, steps = given_[0], story(*given_)

    assert isinstance(steps[0], Words)
    assert steps[0].who == "user"
    calls: list[str] = []
    for step in steps:
        match step:
            case Words():
                assert step.text.strip() or step.image is not None
            case Round():
                assert step.calls
                calls += [call.call for call in step.calls]
    assert len(set(calls)) == len(calls)
    if talk.results and not talk.late:
        assert isinstance(steps[-1], Round)
        assert set(calls) >= {call_id(each.call) for each in talk.results}
    else:
        assert isinstance(steps[-1], Words)
        assert steps[-1].who == "user"


@given(st.lists(LINE | st.just(Said("user", "x" * 1_999)), max_size=40).map(tuple))
def test_of_a_long_conversation_the_latest_is_told(lines: tuple[Line, ...]) -> None:
    steps = story(Talk(lines, Asked("And now?")))

    length = sum(len(step.text) for step in steps if isinstance(step, Words))
    length += sum(
        len(call.output) for step in steps if isinstance(step, Round) for call in step.calls
    )
    at_work = 8 * 210 + 200
    assert length <= MOST + at_work


def test_the_latest_is_never_left_out_for_what_came_before() -> None:
    lines = [Said("user", f"{n} " + "x" * 1_500) for n in range(50)]

    steps = story(Talk(tuple(lines), Asked("And now?")))

    told_ = [int(step.text.split()[0]) for step in steps[:-1] if isinstance(step, Words)]
    assert told_ == list(range(50 - len(told_), 50))
    assert 4 < len(told_) < 10


@given(told())
def test_the_types_of_all_sdks_take_it_and_their_rules_hold(
    given_: tuple[Talk, list[Made]],
) -> None:
    steps = story(*given_)

    check_messages(steps)
    check_chat(openai_body.chat_messages("Be kind.", steps))
    items: Any = openai_body.response_items(steps)
    fits(list[ResponseInputItemParam], items)
    calls = [item["call_id"] for item in items if item["type"] == "function_call"]
    assert calls == [item["call_id"] for item in items if item["type"] == "function_call_output"]


def check_messages(steps: tuple[Step, ...]) -> None:
    """The roles take turns, and every call is answered in the message after it, first of all."""
    messages = anthropic_body.messages(steps)
    fits(MessageCreateParamsStreaming, {
        "model": "m", "max_tokens": 1, "stream": True, "messages": messages,
        "system": anthropic_body.system("Be kind."), **anthropic_body.offered((), steps),
    })  # fmt: skip
    roles = [message["role"] for message in messages]
    assert roles[0] == "user"
    assert all(a != b for a, b in pairwise(roles))
    owed: list[object] = []
    for message in messages:
        blocks: Any = message["content"]
        assert blocks
        results = [each["tool_use_id"] for each in blocks if each["type"] == "tool_result"]
        assert results == owed
        assert [each["type"] for each in blocks[: len(results)]] == ["tool_result"] * len(results)
        owed = [each["id"] for each in blocks if each["type"] == "tool_use"]
        assert all(each["text"].strip() for each in blocks if each["type"] == "text")
    assert not owed


def check_chat(messages: Any) -> None:  # noqa: ANN401 - JSON
    """There is one system message, the first, and every call is answered at once."""
    fits(list[ChatCompletionMessageParam], messages)
    assert [message["role"] for message in messages].index("system") == 0
    assert [message["role"] for message in messages].count("system") == 1
    owed: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            assert message["tool_call_id"] == owed.pop(0)
        else:
            assert not owed
            owed = [call["id"] for call in message.get("tool_calls", [])]
    assert not owed


TAGGED = st.lists(
    st.sampled_from(["a", "<think>", "</think>", "b <", "<b>", "<t", " "]), max_size=9
)


@given(TAGGED, st.lists(st.integers(0, 99), max_size=9))
def test_thoughts_are_left_out_however_the_text_is_cut(parts: list[str], at: list[int]) -> None:
    text = "".join(parts)
    whole, aloud = Aloud(), Aloud()
    places = [0, *sorted(place % (len(text) + 1) for place in at), len(text)]

    cut = "".join(aloud.feed(text[a:b]) for a, b in pairwise(places)) + aloud.finish()

    assert cut == whole.feed(text) + whole.finish()
    assert "think>" not in cut


def test_what_only_looks_like_a_tag_is_spoken() -> None:
    aloud = Aloud()

    assert aloud.feed("1 < 2 <") + aloud.feed("b> and <thin") + aloud.finish() == (
        "1 < 2 <b> and <thin"
    )


JSON = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
KEYS = st.sampled_from([
    "type", "index", "delta", "content_block", "message", "usage", "choices", "tool_calls", "id",
    "function", "name", "arguments", "item", "output_index", "response", "output", "content",
    "text", "error", "stop_reason", "finish_reason",
])  # fmt: skip
KINDS = st.sampled_from([
    "message_start", "content_block_start", "content_block_delta", "message_delta", "text_delta",
    "tool_use", "input_json_delta", "function_call", "response.output_item.done", "message",
    "response.completed", "text", "response.output_text.delta",
])  # fmt: skip
NONSENSE: st.SearchStrategy[Any] = st.recursive(
    PLAIN | KINDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=10,
)
EVENTS = st.lists(st.dictionaries(KEYS, NONSENSE, max_size=5), max_size=5)


@given(EVENTS, st.sampled_from([AnthropicReader, ChatReader, ResponsesReader]))
def test_no_reader_stumbles_over_anything(
    events: list[Mapping[str, object]], kind: type[AnthropicReader | ChatReader | ResponsesReader]
) -> None:
    reader: Reader = kind(Usage("m"), "pipeline.llm")
    try:
        for event in events:
            for each in reader.receive(event):
                assert not isinstance(each, Usage) or each.text_cached <= each.text_in
        ending = reader.finish()
    except BackendError:
        return
    assert isinstance(ending, Ending)


LIGHT = ToolSpec("light", "Switches it.", {"type": "object"})


@given(st.text(max_size=20) | JSON.map(json.dumps), st.booleans())
def test_a_call_is_made_only_with_an_object_that_is_whole(text: str, cut: bool) -> None:  # noqa: FBT001
    found = sort([Draft("light", text, cut)], [LIGHT])

    if found.calls:
        assert not cut
        given_ = json.loads(text) if text.strip() else {}
        assert found.calls[0].arguments == given_
        assert isinstance(given_, dict)
    assert len(found.calls) + len(found.wrong) == 1
