"""Language models behind services, against scripted servers, in virtual time."""

import json
from base64 import b64encode
from collections.abc import Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

import appliance.backend.web.wire  # noqa: F401 - else it is imported in a thread: no virtual time
from appliance.backend.context import Called, Said
from appliance.backend.llm.thinker import MOST_MISTAKES, Thinker
from appliance.backend.pipeline.parts import Answered, Asked, Calls, Found, Says, Talk, Thought
from appliance.catalogue import ToolSpec
from appliance.errors import (
    BackendError,
    BackendRefused,
    BackendStalled,
    BackendUnavailable,
    ProtocolViolation,
)
from appliance.events import Usage
from appliance.ports import Image, ToolResult
from appliance.units import CallId
from tests.llm_servers import ANTHROPIC, APIS, CHAT, KEY, MODEL, RESPONSES, Api, Reply
from tests.sdk_shapes import fits
from tests.virtual_time import run_virtual
from tests.web_server import Answer, Served, as_json, serving

STATE = {"type": "string", "enum": ["on", "off"], "x-say": {"on": ["bright"]}}
LIGHT = ToolSpec("set_light", "Switches a light.", {
    "type": "object", "properties": {"state": STATE}, "required": ["state"],
})  # fmt: skip
LOOK = ToolSpec("look", "Looks.", {"type": "object", "properties": {}}, sees=True)
BYE = ToolSpec("goodbye", "Ends it.", {"type": "object", "properties": {}}, closes=True)
TOOLS = (LIGHT, LOOK, BYE)
ON = {"state": "on"}
HELLO = Talk((), Asked("hello"))
PNG = Image(b"\x89PNG", "image/png")
SAYS = Reply(["Hello ", "there."])
CALLS = Reply(["Yes. "], [("set_light", '{"state": "on"}')])

_EXTENSIONS = {"chat_template_kwargs"}
"""Of other servers than OpenAI's, sent to them only."""

each_api = pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)


def result(call: str = "c1", **fields: Any) -> Answered:  # noqa: ANN401 - any field
    return Answered(CallId(call), "set_light", ON, ToolResult("done", **fields))


def text(thoughts: Sequence[Thought]) -> str:
    return "".join(each.text for each in thoughts if isinstance(each, Says))


def calls(thoughts: Sequence[Thought]) -> list[Calls]:
    return [each for each in thoughts if isinstance(each, Calls)]


async def think(
    mind: Thinker, talk: Talk = HELLO, tools: Sequence[ToolSpec] = TOOLS
) -> list[Thought]:
    async with aclosing(mind.think(talk, tools)) as thoughts:  # type: ignore[type-var]
        return [thought async for thought in thoughts]


def run(
    api: Api,
    answers: Sequence[Answer],
    use: Callable[[Thinker, Served], Coroutine[Any, Any, Any]],
    **settings: Any,  # noqa: ANN401 - any setting
) -> Served:
    """Let ``use`` talk with a mind whose server gives these answers; check what was sent."""

    async def main() -> Served:
        async with serving(*answers) as served:
            mind = api.mind(served.url, **settings)
            try:
                await use(mind, served)
            finally:
                await mind.close()
            return served

    served = run_virtual(main())
    for request in served.requests:
        if request.method == "POST":
            known = {key: each for key, each in request.json.items() if key not in _EXTENSIONS}
            fits(api.request, known)
            assert request.path == api.path
    return served


def thoughts_of(
    api: Api,
    *answers: Answer,
    talk: Talk = HELLO,
    tools: Sequence[ToolSpec] = TOOLS,
    **settings: Any,  # noqa: ANN401 - any setting
) -> tuple[list[Thought], Served]:
    """Return what a mind thinks, and its server."""
    found: list[Thought] = []

    async def use(mind: Thinker, _: Served) -> None:
        found.extend(await think(mind, talk, tools))

    return found, run(api, answers, use, **settings)


def error_of(api: Api, *answers: Answer) -> BackendError:
    async def use(mind: Thinker, _: Served) -> None:
        await think(mind)

    with pytest.raises(BackendError) as raised:
        run(api, answers, use)
    assert KEY not in str(raised.value)
    return raised.value


# -- what is right --------------------------------------------------------------------------------


@each_api
def test_it_says_what_the_model_writes_as_it_comes(api: Api) -> None:
    found, served = thoughts_of(api, api.answer(SAYS))

    said = [each.text for each in found if isinstance(each, Says)]
    assert said == ["Hello ", "there."]
    assert [type(each) for each in found if not isinstance(each, Usage)][-1] is Found
    assert "hello" in served.requests[0].body.decode()


@each_api
def test_the_key_goes_with_every_request_and_into_no_repr(api: Api) -> None:
    found, served = thoughts_of(api, api.answer(SAYS))

    shown = served.requests[0].headers
    assert KEY in (shown.get("x-api-key", ""), shown.get("authorization", "")[len("Bearer ") :])
    assert shown.get("anthropic-version") == ("2023-06-01" if api is ANTHROPIC else None)
    assert KEY not in repr(found) + repr(api.mind("http://127.0.0.1:1"))


@each_api
def test_what_it_used_is_told_once(api: Api) -> None:
    found, _ = thoughts_of(api, api.answer(replace(SAYS, given=30, cached=10, made=7)))

    used = [each for each in found if isinstance(each, Usage)]
    assert sum(each.text_in for each in used) == 30
    assert sum(each.text_cached for each in used) == 10
    assert sum(each.text_out for each in used) == 7
    assert {each.model for each in used} == {MODEL}
    assert all(each.free for each in used), "a server of the own network sends no bill"


@each_api
def test_calls_are_made_when_the_answer_is_whole(api: Api) -> None:
    reply = Reply(["Yes."], [("set_light", '{"state": "on"}'), ("goodbye", "")])
    found, _ = thoughts_of(api, api.answer(reply))

    assert calls(found) == [Calls("set_light", ON), Calls("goodbye", {})]
    assert text(found) == "Yes."


@each_api
def test_a_tool_s_answer_comes_back_with_its_call(api: Api) -> None:
    done: list[Thought] = []

    async def use(mind: Thinker, _: Served) -> None:
        await think(mind, HELLO)
        done.extend(await think(mind, replace(HELLO, results=(result(say="It is on."),))))

    served = run(api, [api.answer(CALLS), api.answer(SAYS)], use)

    assert text(done) == "Hello there."
    second = served.requests[1].body.decode()
    assert "It is on." in second
    assert '"Yes."' in second, "what it said with the call is told, too"
    assert served.connections == 1


@each_api
def test_two_rounds_of_calls_stay_two(api: Api) -> None:
    off = Answered(CallId("c2"), "set_light", {"state": "off"}, ToolResult("done"))
    again = Reply([], [("set_light", '{"state": "off"}')])

    async def use(mind: Thinker, _: Served) -> None:
        await think(mind, HELLO)
        await think(mind, replace(HELLO, results=(result(),)))
        await think(mind, replace(HELLO, results=(result(), off)))

    served = run(api, [api.answer(CALLS), api.answer(again), api.answer(SAYS)], use)

    told = served.requests[2].json
    match api.name:
        case "anthropic":
            roles = [message["role"] for message in told["messages"]]
            assert roles == ["user", "assistant", "user", "assistant", "user"]
        case "chat":
            roles = [message["role"] for message in told["messages"]]
            assert roles == ["system", "user", "assistant", "tool", "assistant", "tool"]
        case _:
            kinds = [item["type"].rpartition("_")[2] for item in told["input"]]
            assert kinds == ["message", "message", "call", "output", "call", "output"]


def test_what_a_model_thought_before_its_calls_is_given_back_as_it_was() -> None:
    async def use(mind: Thinker, _: Served) -> None:
        await think(mind, HELLO)
        await think(mind, replace(HELLO, results=(result(),)))

    thinking = replace(CALLS, thoughts="Which light?")
    answers = [ANTHROPIC.answer(thinking), ANTHROPIC.answer(SAYS)]
    served = run(ANTHROPIC, answers, use)

    blocks = served.requests[1].json["messages"][1]["content"]
    assert [block["type"] for block in blocks] == ["thinking", "text", "tool_use"]
    assert blocks[0] == {"type": "thinking", "thinking": "Which light?", "signature": "sig"}


@pytest.mark.parametrize("api", [ANTHROPIC, CHAT], ids=lambda api: api.name)
def test_thoughts_are_never_spoken(api: Api) -> None:
    found, _ = thoughts_of(api, api.answer(replace(SAYS, thoughts="They greet me.")))

    assert text(found) == "Hello there."


@each_api
def test_the_instructions_stay_the_same_and_say_that_it_is_spoken(api: Api) -> None:
    async def use(mind: Thinker, _: Served) -> None:
        await think(mind)
        await think(mind)

    served = run(api, [api.answer(SAYS)] * 2, use, instructions="You are a pirate.")

    first, second = (request.json for request in served.requests)
    key = {"anthropic": "system", "chat": "messages", "responses": "instructions"}[api.name]
    assert first[key] == second[key]
    assert "You are a pirate." in str(first[key])
    assert "read out by a voice" in str(first[key])
    if api is ANTHROPIC:
        assert first["system"][0]["cache_control"] == {"type": "ephemeral"}


@each_api
def test_tools_are_told_in_the_api_s_own_form(api: Api) -> None:
    _, served = thoughts_of(api, api.answer(SAYS))

    sent = served.requests[0].json["tools"]
    names = {tool.get("name") or tool["function"]["name"] for tool in sent}
    assert names >= {"set_light", "goodbye"}
    assert "x-say" not in json.dumps(sent)


@each_api
def test_what_only_shows_pictures_is_kept_from_models_that_cannot_see(api: Api) -> None:
    _, served = thoughts_of(api, api.answer(SAYS), sees=False)

    assert '"look"' not in served.requests[0].body.decode()


@each_api
def test_a_picture_is_shown(api: Api) -> None:
    seen = replace(HELLO, asked=Asked("What is this?", PNG))
    shown = Answered(CallId("c1"), "look", {}, ToolResult("done", image=PNG))
    talk = replace(seen, results=(shown,))

    _, served = thoughts_of(api, api.answer(SAYS), talk=talk, sees=True)

    assert served.requests[0].body.count(b64encode(PNG.data)) == 2


@each_api
def test_without_tools_it_must_do_with_words_whatever_was_called_before(api: Api) -> None:
    line = Called(CallId("c0"), "set_light", ON, ToolResult("done"))
    talk = Talk((Said("user", "light"), line), Asked("thanks"), (result(),))

    found, served = thoughts_of(api, api.answer(SAYS), talk=talk, tools=())

    assert text(found) == "Hello there."
    if api is ANTHROPIC:
        assert served.requests[0].json["tool_choice"] == {"type": "none"}


@each_api
def test_late_results_are_told_in_words(api: Api) -> None:
    talk = Talk((Said("user", "joke"),), None, (result(say="It is on."),), late=True)

    _, served = thoughts_of(api, api.answer(SAYS), talk=talk)

    sent = served.requests[0].body.decode()
    assert "It is on." in sent
    assert "tool_use" not in sent
    assert "function_call" not in sent
    assert "tool_call_id" not in sent


@each_api
def test_a_closing_tool_ends_the_conversation(api: Api) -> None:
    found, _ = thoughts_of(api, api.answer(Reply(["Bye."], [("goodbye", "{}")])))

    assert [each.stay for each in found if isinstance(each, Found)] == [False]


@each_api
def test_closing_the_iterator_stops_the_request(api: Api) -> None:
    async def use(mind: Thinker, _: Served) -> None:
        async with aclosing(mind.think(HELLO, TOOLS)) as thoughts:  # type: ignore[type-var]
            async for thought in thoughts:
                if isinstance(thought, Says):
                    break
        assert text(await think(mind)) == "Hello there."

    slow = Answer([*api.stream(SAYS)[:4], 600.0])
    run(api, [slow, api.answer(SAYS)], use)


@each_api
def test_a_server_that_does_not_stream_is_understood(api: Api) -> None:
    found, _ = thoughts_of(api, as_json(WHOLE[api.name]))

    assert text(found) == "Hello."
    assert calls(found) == [Calls("set_light", ON)]
    assert sum(each.text_out for each in found if isinstance(each, Usage)) == 2


WHOLE: dict[str, Any] = {
    "anthropic": {
        "type": "message", "role": "assistant", "stop_reason": "tool_use",
        "content": [
            {"type": "text", "text": "Hello."},
            {"type": "tool_use", "id": "t", "name": "set_light", "input": ON},
        ],
        "usage": {"input_tokens": 1, "output_tokens": 2},
    },
    "chat": {
        "object": "chat.completion",
        "choices": [{"message": {"content": "Hello.", "tool_calls": [
            {"id": "x", "function": {"name": "set_light", "arguments": ON}},
        ]}, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
    },
    "responses": {
        "object": "response", "status": "completed",
        "output": [
            {"type": "message", "content": [{"type": "output_text", "text": "Hello."}]},
            {"type": "function_call", "name": "set_light", "arguments": json.dumps(ON)},
        ],
        "usage": {"input_tokens": 1, "output_tokens": 2},
    },
}  # fmt: skip


# -- what is wrong --------------------------------------------------------------------------------


@each_api
@pytest.mark.parametrize("bad", ['{"state": "on"', "[1]", '"on"', "{'state': 'on'}", "NaN"])
def test_wrong_arguments_are_answered_and_never_a_call(api: Api, bad: str) -> None:
    found, served = thoughts_of(
        api, api.answer(Reply([], [("set_light", bad)])), api.answer(CALLS)
    )

    assert calls(found) == [Calls("set_light", ON)]
    assert "no JSON object" in served.requests[1].body.decode()


@each_api
def test_a_tool_that_there_is_not_is_answered(api: Api) -> None:
    found, served = thoughts_of(api, api.answer(Reply([], [("rm", "{}")])), api.answer(SAYS))

    assert calls(found) == []
    assert "no tool of this name" in served.requests[1].body.decode()


@each_api
def test_a_model_that_only_makes_mistakes_is_left_alone_in_the_end(api: Api) -> None:
    wrong = api.answer(Reply([], [("set_light", "{")]))

    error = error_of(api, *[wrong] * (MOST_MISTAKES + 1))

    assert isinstance(error, ProtocolViolation)


@each_api
def test_of_right_and_wrong_calls_the_right_are_made_and_the_wrong_told_with_them(
    api: Api,
) -> None:
    both = Reply([], [("set_light", "{"), ("set_light", '{"state": "on"}')])
    found: list[Thought] = []

    async def use(mind: Thinker, _: Served) -> None:
        found.extend(await think(mind))
        await think(mind, replace(HELLO, results=(result(),)))

    served = run(api, [api.answer(both), api.answer(SAYS)], use)

    assert calls(found) == [Calls("set_light", ON)]
    assert served.requests[1].body.decode().count("no JSON object") == 1


@each_api
def test_a_call_in_an_answer_that_was_cut_off_is_not_made(api: Api) -> None:
    cut = Reply([], [("set_light", '{"state": "on"}')], stop="long")

    found, served = thoughts_of(api, api.answer(cut), api.answer(SAYS))

    assert calls(found) == []
    assert "cut off" in served.requests[1].body.decode()


@each_api
@pytest.mark.parametrize("stop", ["long", "refused"])
def test_an_answer_with_nothing_in_it_is_another_backend_s_turn(api: Api, stop: Any) -> None:  # noqa: ANN401
    error = error_of(api, api.answer(Reply([], stop=stop)))

    assert "said nothing" in str(error)


@each_api
def test_what_was_said_before_a_refusal_stays_said(api: Api) -> None:
    found, _ = thoughts_of(api, api.answer(Reply(["I would"], stop="refused")))

    assert text(found) == "I would"


@each_api
def test_an_answer_that_stops_in_the_middle_calls_nothing(api: Api) -> None:
    pieces = api.stream(CALLS)
    marks = (b'finish_reason": "', b"message_delta", b"response.completed")
    end = next(n for n, piece in enumerate(pieces) if any(mark in piece for mark in marks))
    found: list[Thought] = []

    async def use(mind: Thinker, _: Served) -> None:
        async with aclosing(mind.think(HELLO, TOOLS)) as thoughts:  # type: ignore[type-var]
            async for thought in thoughts:
                found.append(thought)  # noqa: PERF401 - what came before the error

    for answer in (Answer(pieces[:end], ends=False), Answer(pieces[:end])):
        found.clear()
        with pytest.raises(BackendUnavailable, match="broke off"):
            run(api, [answer], use)
        assert not calls(found)


@each_api
def test_silence_in_the_middle_is_a_stall(api: Api) -> None:
    pieces = api.stream(SAYS)

    error = error_of(api, Answer([*pieces[:3], 600.0]))

    assert isinstance(error, BackendStalled)


@each_api
def test_silence_before_the_answer_is_a_stall(api: Api) -> None:
    assert isinstance(error_of(api, replace(api.answer(SAYS), delay=600.0)), BackendStalled)


def test_signs_of_life_are_no_answer() -> None:
    pings: list[bytes | float] = [b'event: ping\ndata: {"type": "ping"}\n\n', 1.0]
    comments: list[bytes | float] = [b": still here\n\n", 1.0]

    for pieces in (pings, comments):
        assert isinstance(error_of(ANTHROPIC, Answer(pieces * 60)), BackendStalled)


@each_api
def test_frames_that_are_no_json_are_told_so(api: Api) -> None:
    assert isinstance(error_of(api, Answer([b"data: {nonsense}\n\n"])), ProtocolViolation)


@each_api
def test_frames_that_are_json_but_nonsense_change_nothing(api: Api) -> None:
    odd = [
        b"{}",
        b'{"type": 7, "choices": [3, {"delta": []}]}',
        b'{"type": "content_block_delta", "index": -1, "delta": {"type": "text_delta"}}',
        b'{"type": "response.output_item.added", "item": 5}',
    ]

    found, _ = thoughts_of(
        api, Answer([*(b"data: %s\n\n" % each for each in odd), *api.stream(SAYS)])
    )

    assert text(found) == "Hello there."


REFUSALS: list[tuple[int, dict[str, Any], str]] = [
    (401, {"error": {"code": "invalid_api_key", "message": f"Wrong: {KEY}"}}, "invalid_api_key"),
    (401, {"type": "error", "error": {"type": "authentication_error"}}, "authentication_error"),
    (401, {}, "invalid_api_key"),
    (403, {"type": "error", "error": {"type": "permission_error"}}, "permission_error"),
    (429, {"error": {"code": "insufficient_quota"}}, "insufficient_quota"),
    (402, {"type": "error", "error": {"type": "billing_error"}}, "billing_error"),
    (
        400,
        {"error": {"type": "invalid_request_error", "message": "Your credit balance is too low"}},
        "no_credit",
    ),
    (404, {"error": {"code": "model_not_found"}}, "model_not_found"),
    (404, {"type": "error", "error": {"type": "not_found_error"}}, "not_found_error"),
    (404, {"object": "error", "type": "NotFoundError", "code": 404}, "notfounderror"),
    (400, {"error": {"param": "temperature", "code": "unsupported_value"}}, "invalid_temperature"),
]


@each_api
@pytest.mark.parametrize(("status", "body", "reason"), REFUSALS)
def test_a_refusal_says_what_to_do(
    api: Api, status: int, body: dict[str, Any], reason: str
) -> None:
    error = error_of(api, as_json(body, status))

    assert isinstance(error, BackendRefused)
    assert error.reason == reason
    assert error.advice


@each_api
@pytest.mark.parametrize("name", ["retry-after", "retry-after-ms"])
def test_a_rate_limit_says_how_long(api: Api, name: str) -> None:
    value = "7" if name == "retry-after" else "6500"
    body = {"error": {"type": "rate_limit_error", "code": "rate_limit_exceeded"}}

    error = error_of(api, as_json(body, 429, **{name: value}))

    assert isinstance(error, BackendUnavailable)
    assert "7 s" in str(error)


@each_api
def test_an_overloaded_server_is_busy(api: Api) -> None:
    body = {"type": "error", "error": {"type": "overloaded_error"}}

    assert type(error_of(api, as_json(body, 529))) is BackendUnavailable


BROKEN_OFF = {
    "anthropic": {"type": "error", "error": {"type": "overloaded_error", "message": KEY}},
    "chat": {"error": {"code": "server_error", "message": KEY}},
    "responses": {"type": "error", "code": "server_error", "message": KEY},
}


@each_api
def test_an_error_in_the_middle_of_the_answer_ends_it(api: Api) -> None:
    broken = f"data: {json.dumps(BROKEN_OFF[api.name])}\n\n".encode()

    error = error_of(api, Answer([*api.stream(SAYS)[:4], broken]))

    assert "_error" in str(error)


def test_a_response_that_failed_says_so() -> None:
    failed = {"type": "response.failed", "response": {"error": {"code": "rate_limit_exceeded"}}}

    error = error_of(RESPONSES, Answer([f"data: {json.dumps(failed)}\n\n".encode()]))

    assert "rate_limit_exceeded" in str(error)


# -- servers that differ (chat) -------------------------------------------------------------------


def chunks(*deltas: dict[str, Any], why: str = "tool_calls") -> Answer:
    events = [{"choices": [{"delta": delta}]} for delta in deltas]
    last = {"choices": [{"delta": {}, "finish_reason": why}]}
    return Answer([f"data: {json.dumps(event)}\r\n\r\n".encode() for event in [*events, last]])


def call(arguments: object, name: str = "set_light", **more: object) -> dict[str, Any]:
    function = {"arguments": arguments, **({"name": name} if name else {})}
    return {"function": function, **more}


ON_TEXT = json.dumps(ON)
OFF = {"state": "off"}
OFF_TEXT = json.dumps(OFF)


@pytest.mark.parametrize(
    "deltas",
    [
        [{"tool_calls": [call(ON_TEXT), call(OFF_TEXT)]}],
        [{"tool_calls": [call(ON_TEXT)]}, {"tool_calls": [call(OFF_TEXT)]}],
        [{"tool_calls": [call(ON, index=0)]}, {"tool_calls": [call(OFF, index=0)]}],
        [{"tool_calls": [call(ON_TEXT, index=0, id="a"), call(OFF_TEXT, index=0, id="b")]}],
        [
            {"tool_calls": [call("", index=0, id="a"), call("", index=1, id="b")]},
            {"tool_calls": [call(OFF_TEXT[:5], "", index=1), call(ON_TEXT[:5], "", index=0)]},
            {"tool_calls": [call(ON_TEXT[5:], "", index=0), call(OFF_TEXT[5:], "", index=1)]},
        ],
        [
            {"tool_calls": [call(ON_TEXT[:5], id="a")]},
            {"tool_calls": [call(ON_TEXT[5:], "", id="a")]},
            {"tool_calls": [call(OFF_TEXT[:5], id="b")]},
            {"tool_calls": [call(OFF_TEXT[5:], id="b")]},
        ],
        [
            {"tool_calls": [call(ON_TEXT[:5])]},
            {"tool_calls": [call(ON_TEXT[5:], "")]},
            {"tool_calls": [call(OFF_TEXT)]},
        ],
    ],
)
def test_calls_are_told_apart_however_a_server_sends_them(deltas: list[dict[str, Any]]) -> None:
    found, _ = thoughts_of(CHAT, chunks(*deltas))

    assert calls(found) == [Calls("set_light", ON), Calls("set_light", OFF)]


def test_fields_for_thoughts_are_not_spoken() -> None:
    parts = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "lo."}]
    deltas: list[dict[str, Any]] = [{"content": "Hel"}, {"content": parts}]
    deltas += [{"reasoning_content": "Hm."}, {"reasoning": "Hm."}]

    found, _ = thoughts_of(CHAT, chunks(*deltas, why="stop"))

    assert text(found) == "Hello."


def test_no_more_than_asked_is_sent_to_servers_that_are_not_openai_s() -> None:
    _, served = thoughts_of(CHAT, CHAT.answer(SAYS), effort="none", temperature=0.5)

    body = served.requests[0].json
    assert "max_tokens" in body
    assert "max_completion_tokens" not in body
    assert (body["temperature"], body["reasoning_effort"]) == (0.5, "none")
