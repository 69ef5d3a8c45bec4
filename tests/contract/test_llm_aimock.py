"""The language models against a server that is not ours: aimock, over a real socket.

It serves OpenAI's chat completions and responses, and Anthropic's messages.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import pytest

from appliance.backend.llm.thinker import Thinker
from appliance.backend.pipeline.parts import Answered, Asked, Calls, Says, Talk, Thought
from appliance.catalogue import ToolSpec
from appliance.errors import BackendRefused, BackendUnavailable
from appliance.events import Usage
from appliance.ports import ToolResult
from appliance.units import CallId
from tests.aimock import aimock
from tests.llm_servers import APIS, Api

TEXT = "Hello! How can I help you today?"
LONG = "One. " * 200
CALL = {"name": "set_light", "arguments": {"state": "on"}}
OTHER = {"name": "set_light", "arguments": {"state": "off"}}
FIXTURES: list[Mapping[str, object]] = [
    {"match": {"userMessage": "hello"}, "response": {"content": TEXT}},
    {"match": {"userMessage": "story"}, "response": {"content": LONG}},
    {"match": {"userMessage": "both"}, "response": {"toolCalls": [CALL, OTHER]}},
    {
        "match": {"userMessage": "light", "hasToolResult": True},
        "response": {"content": "The light is on."},
    },
    {
        "match": {"userMessage": "light", "hasToolResult": False},
        "response": {"toolCalls": [CALL]},
    },
    {
        "match": {"userMessage": "busy"},
        "response": {"error": {"message": "slow", "type": "rate_limit_error"}, "status": 429},
    },
    {
        "match": {"userMessage": "key"},
        "response": {"error": {"message": "bad", "type": "authentication_error"}, "status": 401},
    },
]
LIGHT = ToolSpec(
    "set_light",
    "Switches a light.",
    {"type": "object", "properties": {"state": {"type": "string"}}, "required": ["state"]},
)

each_api = pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with aimock(tmp_path_factory.mktemp("aimock"), FIXTURES) as port:
        yield f"http://127.0.0.1:{port}/v1"


@asynccontextmanager
async def mind_of(api: Api, url: str) -> AsyncIterator[Thinker]:
    mind = api.mind(url)
    try:
        yield mind
    finally:
        await mind.close()


async def think(mind: Thinker, talk: Talk | str) -> list[Thought]:
    asked = Talk((), Asked(talk)) if isinstance(talk, str) else talk
    async with aclosing(mind.think(asked, [LIGHT])) as thoughts:  # type: ignore[type-var]
        return [thought async for thought in thoughts]


def text(thoughts: Sequence[Thought]) -> str:
    return "".join(each.text for each in thoughts if isinstance(each, Says))


@each_api
async def test_it_streams_text(api: Api, url: str) -> None:
    async with mind_of(api, url) as mind:
        await mind.warm()
        found = await think(mind, "hello")
        longer = await think(mind, "tell me a story")

    assert text(found) == TEXT
    assert text(longer).strip() == LONG.strip()
    assert sum(isinstance(each, Says) for each in longer) > 1
    assert all(each.text_in >= 0 for each in found if isinstance(each, Usage))


@each_api
async def test_a_call_is_made_and_its_result_reported(api: Api, url: str) -> None:
    talk = Talk((), Asked("turn on the light"))
    async with mind_of(api, url) as mind:
        first = await think(mind, talk)
        (call,) = [each for each in first if isinstance(each, Calls)]
        answered = Answered(CallId("c1"), call.tool, call.arguments, ToolResult("done"))
        second = await think(mind, replace(talk, results=(answered,)))

    assert call == Calls("set_light", {"state": "on"})
    assert text(second) == "The light is on."


@each_api
async def test_two_calls_of_one_answer_are_two(api: Api, url: str) -> None:
    async with mind_of(api, url) as mind:
        found = await think(mind, "both, please")

    assert [each.arguments for each in found if isinstance(each, Calls)] == [
        {"state": "on"},
        {"state": "off"},
    ]


@each_api
async def test_refusals_are_told_apart(api: Api, url: str) -> None:
    async with mind_of(api, url) as mind:
        with pytest.raises(BackendUnavailable, match="busy"):
            await think(mind, "busy")
        with pytest.raises(BackendRefused):
            await think(mind, "key")
