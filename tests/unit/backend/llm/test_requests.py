"""What is asked of whom, and with which key."""

from typing import Any

import pytest
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming
from pydantic import SecretStr

import appliance.backend.web.wire  # noqa: F401 - else it is imported in a thread
from appliance.backend.llm import anthropic, openai_chat, openai_common, openai_responses
from appliance.backend.llm.anthropic_body import reflecting
from appliance.backend.llm.openai_body import least_effort
from appliance.backend.llm.story import Words
from appliance.backend.pipeline.parts import Mind, Probes, Warms
from appliance.backend.prompting.persona import PLAIN, Persona
from appliance.backend.web.address import WebAddress, base
from appliance.backend.web.client import Service
from appliance.config import Config
from appliance.config.keys import Keys
from appliance.config.pipeline import Llm, Pipeline
from appliance.errors import BackendRefused
from appliance.units import Seconds
from tests.llm_servers import APIS, KEY, MODEL, Api
from tests.sdk_shapes import fits
from tests.virtual_time import run_virtual
from tests.web_server import Answer, as_json, serving

HELLO = (Words("user", "hello"),)


def config(**llm: Any) -> Config:  # noqa: ANN401 - any setting
    keys = Keys(openai=SecretStr("sk-o"), anthropic=SecretStr("sk-a"), llm=SecretStr("sk-own"))
    return Config(pipeline=Pipeline(llm=Llm(**{"model": "m", **llm})), keys=keys)


@pytest.mark.parametrize(
    ("url", "base_url", "key"),
    [
        ("", "https://api.openai.com/v1", "Bearer sk-o"),
        ("https://eu.api.openai.com/v1/", "https://eu.api.openai.com/v1", "Bearer sk-o"),
        ("http://gpu.local:8000/v1", "http://gpu.local:8000/v1", "Bearer sk-own"),
        ("https://api.openai.com.evil.example/v1", None, "Bearer sk-own"),
        ("https://evil.example/api.openai.com", None, "Bearer sk-own"),
    ],
)
def test_openai_s_key_goes_to_openai_only(url: str, base_url: str | None, key: str) -> None:
    address = openai_common.address(config(url=url))

    assert address.headers == {"Authorization": key}
    assert base(address) == (base_url or url)
    assert key not in repr(address)


@pytest.mark.parametrize(
    ("url", "key"),
    [("", "sk-a"), ("http://gpu.lan/v1", "sk-own"), ("https://x.example/anthropic.com", "sk-own")],
)
def test_anthropic_s_key_goes_to_anthropic_only(url: str, key: str) -> None:
    headers = anthropic.address(config(vendor="anthropic", url=url)).headers

    assert headers == {"anthropic-version": "2023-06-01", "x-api-key": key}


def test_azure_wants_its_key_under_another_name() -> None:
    address = openai_common.address(config(url="https://x.openai.azure.com/openai/v1"))

    assert address.headers == {"api-key": "sk-o"}


@pytest.mark.parametrize("make", [anthropic.mind, openai_chat.mind, openai_responses.mind])
def test_a_model_must_be_named(make: Any) -> None:  # noqa: ANN401
    with pytest.raises(BackendRefused, match=r"pipeline\.llm\.model"):
        make(config(model=""), PLAIN)

    mind: Mind = make(config(), Persona(instructions="You are a pirate."))
    assert isinstance(mind, Probes)
    assert isinstance(mind, Warms)
    assert "m" in mind.title


@pytest.mark.parametrize(
    ("model", "effort", "wanted"),
    [
        ("claude-haiku-5-5", None, {"thinking": {"type": "disabled"}}),
        ("claude-sonnet-5-5", None, {"thinking": {"type": "between_tools"}}),
        ("claude-sonnet-5", None, {"thinking": {"type": "disabled"}}),
        ("claude-opus-5-5", None, {"output_config": {"effort": "low"}}),
        ("claude-fable-5-1", None, {"output_config": {"effort": "low"}}),
        ("claude-haiku-4-5-20251001", None, {}),
        ("some-other", None, {}),
        ("some-other", "none", {"thinking": {"type": "disabled"}}),
        ("claude-sonnet-5-5", "none", {"thinking": {"type": "between_tools"}}),
        ("claude-opus-5-5", "none", {"output_config": {"effort": "low"}}),
        ("claude-haiku-5-5", "high", {"output_config": {"effort": "high"}}),
        ("claude-haiku-5-5", "minimal", {"output_config": {"effort": "low"}}),
    ],
)
def test_claude_thinks_as_little_as_it_may(
    model: str, effort: str | None, wanted: dict[str, object]
) -> None:
    assert reflecting(model, effort) == wanted
    dialect = anthropic.Messages(config(vendor="anthropic", model=model, effort=effort), PLAIN)
    fits(MessageCreateParamsStreaming, dialect.body(HELLO, ()))


@pytest.mark.parametrize(
    ("model", "effort"),
    [
        ("gpt-5.2", "none"),
        ("gpt-5.4-mini-2026-03-17", "none"),
        ("gpt-5-mini", "minimal"),
        ("o4-mini", "low"),
        ("gpt-4.1", None),
        ("gpt-5.2-pro", None),
        ("gpt-5.3-chat-latest", None),
        ("gpt-6-luna", None),
    ],
)
def test_gpt_reflects_as_little_as_it_is_known_to_allow(model: str, effort: str | None) -> None:
    assert least_effort(model) == effort
    chat = openai_chat.Chat(config(model=model), PLAIN).body(HELLO, ())
    fits(CompletionCreateParamsStreaming, chat)
    assert chat.get("reasoning_effort") == effort
    assert chat["max_completion_tokens"] == 1_024
    responses = openai_responses.Responses(config(model=model), PLAIN).body(HELLO, ())
    fits(ResponseCreateParamsStreaming, responses)
    assert responses.get("reasoning") == (None if effort is None else {"effort": effort})
    assert responses["store"] is False


def test_what_cannot_but_think_is_given_room_for_it() -> None:
    roomy, usual = (
        anthropic.Messages(config(vendor="anthropic", model=model), PLAIN).body(HELLO, ())
        for model in ("claude-opus-5-5", "claude-haiku-5-5")
    )

    assert usual["max_tokens"] == 1_024
    assert roomy["max_tokens"] == 1_024 + 4_096


@pytest.mark.parametrize("url", ["http://example.com", "http://10.0.0.1.evil.example", "//x", ""])
def test_an_address_that_is_not_encrypted_is_of_the_own_network(url: str) -> None:
    with pytest.raises(BackendRefused, match=r"set pipeline\.llm\.url"):
        base(WebAddress(url))


def probed(api: Api, answer: Answer) -> tuple[str, str]:
    async def main() -> tuple[str, str]:
        async with serving(answer) as served:
            said = await api.mind(served.url).probe()
            assert KEY not in said
            return said, served.requests[0].path

    return run_virtual(main())


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_a_probe_costs_nothing_and_says_that_the_model_is_there(api: Api) -> None:
    listed = {"object": "list", "data": [{"id": "x"}, {"id": MODEL}], "type": "model"}

    said, path = probed(api, as_json(listed))

    assert said == f"{MODEL} is there"
    assert path == "/v1/models"


def test_anthropic_is_asked_for_the_model_alone() -> None:
    async def main() -> None:
        async with serving(as_json({"id": "a/b", "type": "model"})) as served:
            settings = config(vendor="anthropic", model="a/b")
            at = WebAddress(served.url, {}, section="pipeline.llm")
            service = Service(at, Seconds(3.0), Seconds(4.0))
            assert await anthropic.Messages(settings, PLAIN).probe(service) == "a/b is there"
            await service.close()
            assert served.requests[0].path == "/v1/models/a%2Fb"

    run_virtual(main())


def test_a_probe_tells_a_model_that_there_is_not() -> None:
    chat = APIS[1]

    with pytest.raises(BackendRefused, match=r"pipeline\.llm\.model"):
        probed(chat, as_json({"data": [{"id": "x"}]}))
    assert "does not say" in probed(chat, as_json({}))[0]
    assert "is there" in probed(chat, as_json({"data": [{"id": f"{MODEL}:latest"}]}))[0]
