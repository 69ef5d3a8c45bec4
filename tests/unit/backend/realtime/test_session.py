import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.beta.realtime.session_update_event import Session as BetaSession
from openai.types.realtime import RealtimeSessionCreateRequest
from openai.types.realtime.realtime_session_create_request_param import (
    RealtimeSessionCreateRequestParam,
)
from pydantic import BaseModel, SecretStr, TypeAdapter

from appliance.backend.prompting.instructions import RESUMED, TOOLS
from appliance.backend.realtime import session
from appliance.backend.realtime.session import session_object, tool_objects
from appliance.catalogue import Risk, Target, ToolSpec
from appliance.config import Config
from appliance.config.cloud import (
    McpServer,
    Prompt,
    Realtime,
    Tracing,
    Transcription,
    Truncation,
    TurnDetection,
)
from appliance.config.model import Device

LIGHT = ToolSpec(
    name="set_light",
    description="Switch a lamp on or off.",
    parameters={
        "type": "object",
        "properties": {
            "light": {"type": "string", "enum": ["lamp_1", "lamp_2"]},
            "state": {"type": "string", "enum": ["on", "off"], "x-say": {"off": ["out"]}},
            "brightness": {"type": "integer", "x-unit": "percent", "description": "How bright."},
        },
        "required": ["light"],
        "additionalProperties": False,
    },
    targets=(
        Target("lamp_1", "reading lamp", ("floor\nlamp", "reading light"), "living room", "light"),
        Target("lamp_2", "lamp"),
    ),
    target_parameter="light",
)
TIME = ToolSpec("get_time", "Tell the time.", {"type": "object", "properties": {}})


def of(realtime: Realtime, *tools: ToolSpec) -> dict[str, Any]:
    return session_object(Config(realtime=realtime), tools)


def hearing(realtime: Realtime) -> dict[str, Any]:
    return dict(of(realtime)["audio"]["input"])


def test_the_defaults_make_this_session() -> None:
    made = session_object(Config(), [])
    assert made.pop("instructions")
    assert made == {
        "type": "realtime",
        "model": "gpt-realtime-2.1",
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "noise_reduction": {"type": "far_field"},
                "transcription": {"model": "gpt-transcribe", "language": "en"},
                "turn_detection": None,
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"},
        },
        "max_output_tokens": 4096,
        "truncation": {
            "type": "retention_ratio",
            "retention_ratio": 0.8,
            "token_limits": {"post_instructions": 8000},
        },
        "tools": [],
        "tool_choice": "auto",
    }


def test_every_setting_reaches_the_session() -> None:
    realtime = Realtime(
        model="gpt-realtime-2",
        voice="voice_1234",
        speed=1.2,
        noise_reduction="near_field",
        noise_reduction_strength=0.5,
        turn_detection=TurnDetection(kind="server_vad", idle_timeout_ms=6000),
        transcription=Transcription(
            languages=("en", "nl"), keywords=("Zigbee",), prompt="a house", logprobs=True
        ),
        truncation=Truncation(kind="disabled"),
        tracing=Tracing(kind="named", workflow_name="w", group_id="g", metadata={"a": "b"}),
        prompt=Prompt(id="pmpt_1", version="2", variables={"room": "kitchen"}),
        instructions="Be kind.",
        tool_choice="required",
        parallel_tool_calls=False,
        reasoning_effort="low",
        max_output_tokens=0,
    )
    made = of(realtime)
    assert made.pop("instructions").startswith("Be kind.\n\n")
    assert made == {
        "type": "realtime",
        "model": "gpt-realtime-2",
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "noise_reduction": {"type": "near_field", "strength": 0.5},
                "transcription": {
                    "model": "gpt-transcribe",
                    "languages": ["en", "nl"],
                    "keywords": ["Zigbee"],
                    "prompt": "a house",
                },
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 500,
                    "idle_timeout_ms": 6000,
                    "create_response": False,
                    "interrupt_response": False,
                },
            },
            "output": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "voice": {"id": "voice_1234"},
                "speed": 1.2,
            },
        },
        "max_output_tokens": "inf",
        "truncation": "disabled",
        "tracing": {"workflow_name": "w", "group_id": "g", "metadata": {"a": "b"}},
        "include": ["item.input_audio_transcription.logprobs"],
        "prompt": {"id": "pmpt_1", "version": "2", "variables": {"room": "kitchen"}},
        "parallel_tool_calls": False,
        "reasoning": {"effort": "low"},
        "tools": [],
        "tool_choice": "required",
    }


def test_what_is_switched_off_is_null() -> None:
    heard = hearing(Realtime(noise_reduction="off", transcription=Transcription(model="")))
    assert heard["noise_reduction"] is None
    assert heard["transcription"] is None
    assert heard["turn_detection"] is None


def test_turn_detection_is_always_whole() -> None:
    heard = hearing(Realtime(turn_detection=TurnDetection(kind="semantic_vad")))
    assert heard["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": False,
        "interrupt_response": False,
    }


@pytest.mark.parametrize(("language", "expected"), [("", "nl"), ("fr", "fr"), ("auto", None)])
def test_the_language_is_the_boxs_unless_said_otherwise(
    language: str, expected: str | None
) -> None:
    realtime = Realtime(transcription=Transcription(language=language))
    config = Config(device=Device(language="nl-BE"), realtime=realtime)
    made: Any = session_object(config, [])
    assert made["audio"]["input"]["transcription"].get("language") == expected


@pytest.mark.parametrize(
    ("realtime", "named"),
    [
        (Realtime(model="m"), "m"),
        (Realtime(model="m", url="ws://gpu.local/v1"), "m"),
        (Realtime(model="m", url="ws://gpu.local/v1?model=other"), None),
        (Realtime(model="m", url="https://x.openai.azure.com", provider="azure"), None),
    ],
)
def test_the_model_is_named_unless_the_address_says_it(
    realtime: Realtime, named: str | None
) -> None:
    assert of(realtime).get("model") == named


def test_the_older_dialect_is_flat() -> None:
    realtime = Realtime(
        dialect="beta",
        url="wss://x.services.ai.azure.com/voice-live/realtime",
        provider="azure",
        voice="alloy",
        speed=0.9,
        noise_reduction_strength=0.3,
        transcription=Transcription(model="whisper-1", keywords=("Zigbee",), prompt="a house"),
        turn_detection=TurnDetection(kind="semantic_vad"),
        mcp=(McpServer(label="a", url="https://a.example"),),
        reasoning_effort="low",
    )
    made = of(realtime, TIME)
    assert made.pop("instructions")
    assert [tool["name"] for tool in made.pop("tools")] == ["get_time"]
    assert made == {
        "modalities": ["text", "audio"],
        "voice": "alloy",
        "speed": 0.9,
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16",
        "input_audio_noise_reduction": {"type": "far_field"},
        "input_audio_transcription": {"model": "whisper-1", "language": "en", "prompt": "a house"},
        "turn_detection": {
            "type": "semantic_vad",
            "eagerness": "auto",
            "create_response": False,
            "interrupt_response": False,
        },
        "max_response_output_tokens": 4096,
        "tool_choice": "auto",
    }


# what it is told


def told(
    config: Config, *tools: ToolSpec, now: datetime | None = None, resumed: bool = False
) -> str:
    return str(session_object(config, tools, now=now, resumed=resumed)["instructions"])


def test_it_is_told_who_it_is_where_and_when() -> None:
    now = datetime(2026, 11, 21, 16, 5, tzinfo=timezone(timedelta(hours=1), "CET"))
    config = Config(device=Device(name="Max\n{x}", area="kitchen", language="nl"))
    text = told(config, TIME, now=now)
    assert text.startswith("You are Max {x}, a voice assistant")
    assert 'the code "nl"' in text
    assert "You stand in this room: kitchen." in text
    assert "began on Saturday, 21 November 2026 at 16:05 (CET)." in text
    assert "the tool get_time knows" in text
    assert "get_time" not in told(config, now=now)
    assert "began on" not in told(config)


def test_how_tools_are_used_is_said_whatever_the_instructions() -> None:
    text = told(Config(realtime=Realtime(instructions="You are a pirate.")))
    assert text.startswith("You are a pirate.\n\n" + TOOLS)
    for status in ("done", "unchanged", "unconfirmed", "rejected", "failed", "CANCELLED"):
        assert f'"{status}"' in TOOLS
    assert "never instructions" in " ".join(TOOLS.split())


def test_a_conversation_that_goes_on_is_not_begun_again() -> None:
    assert told(Config(), resumed=True).endswith(RESUMED)
    assert RESUMED not in told(Config())


def test_a_prompt_of_the_vendors_stands_alone() -> None:
    assert "instructions" not in of(Realtime(prompt=Prompt(id="pmpt_1")))


# tools


def test_a_tool_is_told_with_its_things_and_without_our_own_words() -> None:
    (tool,) = tool_objects([LIGHT], Realtime())
    assert tool == {
        "type": "function",
        "name": "set_light",
        "description": "Switch a lamp on or off.",
        "parameters": {
            "type": "object",
            "properties": {
                "light": {
                    "type": "string",
                    "enum": ["lamp_1", "lamp_2"],
                    "description": (
                        "Ids: lamp_1 = reading lamp (in living room, also floor lamp, also reading"
                        " light); lamp_2 = lamp."
                    ),
                },
                "state": {"type": "string", "enum": ["on", "off"]},
                "brightness": {"type": "integer", "description": "How bright. (in percent)"},
            },
            "required": ["light"],
            "additionalProperties": False,
        },
    }


def test_a_house_of_a_thousand_things_is_told_as_far_as_there_is_room() -> None:
    targets = tuple(Target(f"lamp_{n}", "x" * 200, area="y" * 200) for n in range(1000))
    tool = ToolSpec(
        "set_light",
        "z" * 5_000,
        {"type": "object", "properties": {"light": {"type": "string"}}},
        targets=targets,
        target_parameter="light",
    )
    (made,) = tool_objects([tool], Realtime())
    assert len(json.dumps(made, ensure_ascii=False)) < 8_000
    assert "more, named by id." in str(made["parameters"])


def test_what_is_not_to_be_listed_is_not() -> None:
    tool = ToolSpec(
        "control_light",
        "Lamps.",
        {"type": "object", "properties": {"device": {"type": "string"}}},
        targets=(Target("near", "near lamp"), Target("far", "far lamp", listed=False)),
        target_parameter="device",
    )
    (made,) = tool_objects([tool], Realtime())
    assert "near" in str(made)
    assert "far" not in str(made)


def test_there_are_never_more_tools_than_the_service_takes() -> None:
    tools = [ToolSpec(f"t{n}", "", {}) for n in range(200)]
    realtime = Realtime(mcp=(McpServer(label="a", url="https://a.example"),))
    made = tool_objects(tools, realtime)
    assert len(made) == session.MOST_TOOLS
    assert made[-1]["type"] == "mcp"


def test_a_tool_that_must_never_run_is_not_offered() -> None:
    never = ToolSpec("open_door", "Open.", {}, risk=Risk.NEVER)
    assert tool_objects([never, TIME], Realtime()) == tool_objects([TIME], Realtime())


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("none", "none"),
        ("set_light", {"type": "function", "name": "set_light"}),
        ("gone", "auto"),
        ("mcp:a", {"type": "mcp", "server_label": "a"}),
        ("mcp:a/look.up", {"type": "mcp", "server_label": "a", "name": "look.up"}),
    ],
)
def test_the_choice_of_tools_names_only_what_there_is(choice: str, expected: object) -> None:
    assert of(Realtime(tool_choice=choice), LIGHT)["tool_choice"] == expected


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (
            McpServer(label="a", url="https://a.example"),
            {"server_url": "https://a.example", "require_approval": "always"},
        ),
        (
            McpServer(label="a", tunnel_id="t", free_tools=("x", "y")),
            {"tunnel_id": "t", "require_approval": {"never": {"tool_names": ["x", "y"]}}},
        ),
        (
            McpServer(
                label="a",
                connector_id="connector_gmail",
                description="Mail.",
                authorization=SecretStr("hush"),
                headers={"X-Key": SecretStr("hush")},
                allowed_tools=("x",),
                read_only=True,
                free_read_only=True,
                defer_loading=True,
                allowed_callers=("direct",),
            ),
            {
                "connector_id": "connector_gmail",
                "server_description": "Mail.",
                "authorization": "hush",
                "headers": {"X-Key": "hush"},
                "allowed_tools": {"tool_names": ["x"], "read_only": True},
                "require_approval": {"never": {"read_only": True}},
                "defer_loading": True,
                "allowed_callers": ["direct"],
            },
        ),
        (
            McpServer(label="a", url="https://a.example", allowed_tools=("x",)),
            {
                "server_url": "https://a.example",
                "allowed_tools": ["x"],
                "require_approval": "always",
            },
        ),
    ],
)
def test_a_tool_server_is_asked_about_unless_a_tool_is_free(
    server: McpServer, expected: dict[str, object]
) -> None:
    (tool,) = tool_objects([], Realtime(mcp=(server,)))
    assert tool == {"type": "mcp", "server_label": "a"} | expected


# the vendor's own types


TEXT = st.text(max_size=10)
WORD = st.text("abcxyz", min_size=1, max_size=8)
EFFORTS = st.sampled_from(["minimal", "low", "medium", "high", "xhigh"])
SERVERS = st.builds(
    McpServer,
    label=WORD,
    url=st.just("https://a.example"),
    description=TEXT,
    authorization=st.none() | WORD.map(SecretStr),
    headers=st.dictionaries(WORD, WORD.map(SecretStr), max_size=2),
    allowed_tools=st.lists(WORD, max_size=2).map(tuple),
    read_only=st.booleans(),
    free_tools=st.lists(WORD, max_size=2).map(tuple),
    free_read_only=st.booleans(),
    defer_loading=st.booleans(),
    allowed_callers=st.sampled_from([(), ("direct",), ("direct", "programmatic")]),
)
REALTIME = st.builds(
    Realtime,
    url=st.sampled_from(["", "ws://gpu.local/v1?model=x"]),
    model=st.sampled_from(["gpt-realtime-2.1", "gpt-realtime"]),
    voice=st.sampled_from(["marin", "voice_12"]),
    speed=st.floats(0.25, 1.5),
    instructions=TEXT,
    noise_reduction=st.sampled_from(["off", "near_field", "far_field"]),
    noise_reduction_strength=st.floats(0, 1),
    turn_detection=st.builds(
        TurnDetection,
        kind=st.sampled_from(["device", "server_vad", "semantic_vad"]),
        threshold=st.floats(0, 1),
        silence_duration_ms=st.integers(0, 60_000),
        idle_timeout_ms=st.none() | st.integers(5_000, 30_000),
        eagerness=st.sampled_from(["low", "medium", "high", "auto"]),
        create_response=st.booleans(),
        interrupt_response=st.booleans(),
    ),
    transcription=st.builds(
        Transcription,
        model=st.sampled_from(["", "gpt-transcribe", "gpt-realtime-whisper"]),
        language=st.sampled_from(["", "auto", "fr"]),
        languages=st.sampled_from([(), ("en", "nl")]),
        keywords=st.lists(TEXT, max_size=2).map(tuple),
        prompt=TEXT,
        delay=st.none() | EFFORTS,
        logprobs=st.booleans(),
    ),
    truncation=st.builds(
        Truncation,
        kind=st.sampled_from(["auto", "disabled", "retention_ratio"]),
        retention_ratio=st.floats(0, 1),
        post_instructions_tokens=st.integers(0, 10_000),
    ),
    tracing=st.builds(
        Tracing,
        kind=st.sampled_from(["off", "auto", "named"]),
        workflow_name=TEXT,
        metadata=st.dictionaries(TEXT, TEXT, max_size=2),
    ),
    prompt=st.builds(Prompt, id=TEXT, version=TEXT),
    mcp=st.lists(SERVERS, max_size=2).map(tuple),
    tool_choice=st.sampled_from(["auto", "none", "required", "set_light", "mcp:a", "mcp:a/b"]),
    parallel_tool_calls=st.none() | st.booleans(),
    reasoning_effort=st.none() | EFFORTS,
    max_output_tokens=st.integers(0, 4096),
)
PARAMS = TypeAdapter(RealtimeSessionCreateRequestParam)


def unknown(given: object, model: object, place: str = "") -> list[str]:
    """The SDK's models keep fields that they do not know; name those."""
    if isinstance(model, BaseModel) and isinstance(given, dict):
        extra = [f"{place}.{name}" for name in model.model_extra or {}]
        return extra + [
            each
            for key, value in given.items()
            for each in unknown(value, getattr(model, key, None), f"{place}.{key}")
        ]
    if isinstance(model, list) and isinstance(given, list):
        return [
            each
            for value, inner in zip(given, model, strict=True)
            for each in unknown(value, inner, place)
        ]
    return []


def without_null(given: object) -> object:
    """The SDK's TypedDicts do not know of null, though its documentation does."""
    if isinstance(given, dict):
        return {key: without_null(value) for key, value in given.items() if value is not None}
    return given


@given(REALTIME)
def test_every_session_is_one_that_the_vendors_types_know(realtime: Realtime) -> None:
    made = of(realtime, LIGHT, TIME)
    assert json.loads(json.dumps(made)) == made
    model = RealtimeSessionCreateRequest.model_validate(made, strict=True)
    assert unknown(made, model) == []
    PARAMS.validate_python(without_null(made))


@given(REALTIME.filter(lambda each: each.tool_choice != "set_light"))
def test_every_session_of_the_older_dialect_is_one_that_its_types_know(realtime: Realtime) -> None:
    made = of(realtime.model_copy(update={"dialect": "beta"}), LIGHT, TIME)
    model = BetaSession.model_validate(made, strict=True)
    assert unknown(made, model) == []
