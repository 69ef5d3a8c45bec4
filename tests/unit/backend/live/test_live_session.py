"""The object of ``session.start``, the address, and what a session is told of before."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.live import SessionConfig
from pydantic import SecretStr

from appliance.backend.context import NOTHING, Called, Handover, Line, Owed, Said
from appliance.backend.kinds.live import KIND
from appliance.backend.live.address import address
from appliance.backend.live.history import MOST, MOST_ITEMS, told
from appliance.backend.live.session import session_object
from appliance.backend.prompting.persona import PLAIN, Persona
from appliance.catalogue import Risk, ToolSpec
from appliance.config import Config
from appliance.ports import ToolResult
from appliance.units import CallId, TurnNumber
from tests.realtime_server.check import _check

LIGHT = ToolSpec("set_light", "Switches a light.", {"type": "object", "x-unit": "%"})
NEVER = ToolSpec("wipe", "Wipes all.", {"type": "object"}, risk=Risk.NEVER)
SessionConfig.model_rebuild()


def made(
    live: dict[str, Any] | None = None, handover: Handover = NOTHING, persona: Persona = PLAIN
) -> dict[str, Any]:
    config = Config.model_validate({"live": live or {}})
    session = session_object(config, (LIGHT, NEVER), handover=handover, persona=persona)
    assert not list(_check(SessionConfig, session, "session"))
    return session


def test_the_session_is_what_the_sdk_takes_and_the_tools_are_those_of_the_model_behind() -> None:
    session = made()

    behind = session["delegation"]["responses"]
    assert session["model"] == "gpt-live-1"
    assert session["audio"]["format"] == {"type": "audio/pcm", "rate": 16_000}
    assert [tool["name"] for tool in behind["tools"]] == ["set_light"]
    assert behind["model"] == "gpt-6-luna"
    assert session["store"] is False
    assert "input" not in session
    assert "model behind you has the tools" in session["instructions"]
    assert "reasoning" not in behind


def test_settings_and_persona_reach_it() -> None:
    persona = Persona("butler", "You are a butler.", voice="willow", language="nl")
    session = made(
        {"rate": 24_000, "delegate_model": "gpt-6-sol", "delegate_effort": "low"}, persona=persona
    )

    assert session["audio"] == {
        "format": {"type": "audio/pcm", "rate": 24_000},
        "output": {"voice": "willow"},
    }
    behind = session["delegation"]["responses"]
    assert (behind["model"], behind["reasoning"]) == ("gpt-6-sol", {"effort": "low"})
    for text in (session["instructions"], behind["instructions"]):
        assert text.startswith("You are a butler.")
        assert '"nl"' in text


def test_a_voice_of_ones_own_is_named_by_its_id() -> None:
    assert made({"voice": "voice_12"})["audio"]["output"] == {"voice": {"id": "voice_12"}}


def test_what_was_said_and_done_is_told_in_order_and_what_is_owed_last() -> None:
    done = Called(CallId("a"), "set_light", {"state": "on"}, ToolResult("done", "It is on."))
    at_work = Called(CallId("b"), "look_up", {})
    owed = Called(CallId("c"), "set_light", {"state": "off"}, ToolResult("done", "It is off."))
    handover = Handover(
        (Said("user", "Light on"), done, Said("assistant", "It is on."), at_work),
        Owed(TurnNumber(3), (owed,)),
        notice=True,
    )

    items = made(handover=handover)["input"]

    assert [each["role"] for each in items] == [
        "developer",
        "user",
        "developer",
        "assistant",
        "developer",
    ]
    texts = [each["content"][0]["text"] for each in items]
    assert "look_up" in texts[0]
    assert "stand in" in texts[0]
    assert "It is on." in texts[2]
    assert "It is off." in texts[4]
    assert "Do not do it again" in texts[4]


def test_nothing_is_told_of_a_conversation_that_begins() -> None:
    assert told(NOTHING) == []


LINES = st.lists(
    st.one_of(
        st.builds(Said, st.sampled_from(["user", "assistant"]), st.text(max_size=3_000)),
        st.builds(
            Called,
            st.text(max_size=5).map(CallId),
            st.text(max_size=5),
            st.dictionaries(st.text(max_size=3), st.text(max_size=50), max_size=2),
            st.none() | st.just(ToolResult("done", "x" * 3_000)),
        ),
    ),
    max_size=200,
)


@settings(max_examples=30)
@given(LINES)
def test_what_is_told_is_never_more_than_a_session_takes(lines: list[Line]) -> None:
    items = told(Handover(tuple(lines)))

    assert len(items) <= MOST_ITEMS
    assert sum(len(str(item)) for item in items[1:]) <= MOST * 1.2
    for item in items:
        assert list(item) == ["type", "role", "content"]


@pytest.mark.parametrize(
    ("live", "url"),
    [
        ({}, "wss://api.openai.com/v1/live/sessions"),
        ({"url": "wss://eu.api.openai.com/v1"}, "wss://eu.api.openai.com/v1/live/sessions"),
        ({"url": "https://api.openai.com"}, "wss://api.openai.com/v1/live/sessions"),
        ({"url": "ws://127.0.0.1:9/v1/live/sessions"}, "ws://127.0.0.1:9/v1/live/sessions"),
        (
            {"url": "wss://box.openai.azure.com", "provider": "azure"},
            "wss://box.openai.azure.com/openai/v1/live/sessions",
        ),
        (
            {"url": "https://box.openai.azure.com/openai/v1/live", "provider": "azure"},
            "wss://box.openai.azure.com/openai/v1/live/sessions",
        ),
    ],
)
def test_the_address(live: dict[str, Any], url: str) -> None:
    config = Config.model_validate({"live": live})

    assert address(config.live, None).url == url
    assert not address(config.live, None).headers


@pytest.mark.parametrize(
    ("provider", "key", "headers"),
    [
        ("openai", "sk-1", {"Authorization": "Bearer sk-1"}),
        ("azure", "abc", {"api-key": "abc"}),
        ("azure", "eyJ0.x.y", {"Authorization": "Bearer eyJ0.x.y"}),
    ],
)
def test_how_the_key_is_shown(provider: str, key: str, headers: dict[str, str]) -> None:
    live = Config.model_validate({"live": {"provider": provider, "url": "wss://a.b"}}).live
    place = address(live, SecretStr(key))

    assert place.headers == headers
    assert key not in repr(place)
    assert place.section == "live"


def test_what_there_is_to_know_of_it_before_it_is_asked() -> None:
    facts = KIND.facts(Config())

    assert facts.title == "gpt-live-1 with gpt-6-luna at api.openai.com"
    assert facts.cloud
    assert facts.leaves == ("sound to api.openai.com",)
    assert facts.usd_minute == 0.05
    assert "openai" in facts.missing[0]
    assert facts.idle_close_s == 15.0


def test_a_server_of_the_house_costs_nothing_and_is_no_cloud() -> None:
    facts = KIND.facts(Config.model_validate({"live": {"url": "ws://192.168.1.4:8000/v1"}}))

    assert not facts.cloud
    assert not facts.leaves
    assert facts.usd_minute == 0.0
    assert not facts.missing
