"""What an agent is told when a conversation begins, and how an agent for the box is made. Pure.

An agent lives at the vendor: what it may be told per conversation is set there. Dynamic variables
always go with it, and its prompt may use them (``{{box_instructions}}``); overrides only where
``elevenlabs.overrides`` says that the agent allows them: else the vendor ends the conversation.
Fields as elevenlabs 2.78.0, ``types/``.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from appliance.backend.context import NOTHING, Handover
from appliance.backend.prompting.instructions import instructions
from appliance.backend.prompting.persona import PLAIN, Persona
from appliance.backend.prompting.schema import callable_tools, function
from appliance.backend.prompting.telling import past, preface
from appliance.catalogue import ToolSpec
from appliance.config import Config

Fields = dict[str, object]

EVENTS: Final = (
    "conversation_initiation_metadata",
    "ping",
    "audio",
    "interruption",
    "user_transcript",
    "agent_response",
    "agent_response_correction",
    "agent_response_complete",
    "client_tool_call",
    "client_error",
)
"""What an agent must be set to tell (``ClientEvent``); all but the third last and the last are
the vendor's own choice."""

TOOL_S: Final = 120
"""Seconds that the agent waits for a tool: the vendor's most. The box answers sooner."""

_WORDS: Final = ("type", "description", "enum", "items", "properties", "required")
"""The words of JSON Schema that the vendor's tools take."""


def initiation(
    config: Config,
    tools: Sequence[ToolSpec],
    *,
    now: datetime | None = None,
    persona: Persona = PLAIN,
) -> Fields:
    """Return what a conversation begins with.

    Args:
        config: Ours.
        tools: What the agent should be able to call.
        now: Local time, told to the agent; ``None``: it is not told.
        persona: Who the box is.
    """
    settings, device = config.elevenlabs, config.device
    language = persona.language or device.language
    who = instructions(
        config,
        tools={tool.name for tool in tools},
        now=now,
        own=settings.instructions,
        persona=persona,
    )
    variables: Fields = {
        "box_instructions": who,
        "box_name": device.name,
        "box_area": device.area or "",
        "box_language": language,
    }
    agent: Fields = {}
    if "prompt" in settings.overrides:
        agent["prompt"] = {"prompt": who}
    if "first_message" in settings.overrides:
        agent["first_message"] = ""
    if "language" in settings.overrides:
        agent["language"] = language.partition("-")[0]
    override: Fields = {"agent": agent} if agent else {}
    voice = persona.voice or settings.voice
    if "voice" in settings.overrides and voice:
        override["tts"] = {"voice_id": voice}
    return {
        "custom_llm_extra_body": {},
        "conversation_config_override": override,
        "dynamic_variables": variables,
    }


def context(handover: Handover = NOTHING) -> str:
    """Return the conversation so far in words; empty: there is none."""
    said = [f"{who}: {text}" for who, text in past(handover.lines)]
    before = preface(handover)
    return "\n".join([before, *said] if before else said)


def agent(config: Config, tools: Sequence[ToolSpec]) -> Fields:
    """Return an agent for this box, as the vendor's ``POST /v1/convai/agents/create`` takes it.

    It says nothing first, waits as long as it can before it speaks up by itself, and has the
    tools that there are now.
    """
    offered = [client_tool(tool) for tool in callable_tools(tools)]
    settings = config.elevenlabs
    speech: Fields = {"agent_output_audio_format": "pcm_16000"}
    if settings.voice:
        speech["voice_id"] = settings.voice
    return {
        "name": config.device.name,
        "conversation_config": {
            "agent": {
                "first_message": "",
                "language": config.device.language.partition("-")[0],
                "prompt": {"prompt": "{{box_instructions}}", "tools": offered},
            },
            "asr": {"user_input_audio_format": "pcm_16000"},
            "tts": speech,
            "turn": {"turn_timeout": 30.0, "silence_end_call_timeout": -1.0},
            "conversation": {"client_events": list(EVENTS)},
        },
    }


def client_tool(tool: ToolSpec) -> Fields:
    """Return a tool as the vendor's client tool (``ClientToolConfigInput``)."""
    plain = function(tool)
    parameters = plain["parameters"]
    given = parameters if isinstance(parameters, Mapping) else {}
    return {
        "type": "client",
        "name": plain["name"],
        "description": plain["description"],
        "parameters": {"type": "object", **_schema(given)},
        "expects_response": True,
        "response_timeout_secs": TOOL_S,
        "tool_error_handling_mode": "passthrough",
    }


def _schema(given: Mapping[str, object], name: str = "") -> Fields:
    """Return a JSON Schema in the vendor's words; every value must be described there."""
    plain: Fields = {word: given[word] for word in _WORDS if word in given}
    kind = plain.get("type")
    if isinstance(kind, list | tuple):  # one kind only; "null" is what is not required
        plain["type"] = next((each for each in kind if each != "null"), "string")
    properties, items = plain.get("properties"), plain.get("items")
    if isinstance(properties, Mapping):
        plain["properties"] = {
            key: _schema(value, str(key))
            for key, value in properties.items()
            if isinstance(value, Mapping)
        }
    if isinstance(items, Mapping):
        plain["items"] = _schema(items, name)
    if isinstance(values := plain.get("enum"), list | tuple):
        plain["enum"] = [str(value) for value in values]
    if name:
        plain.setdefault("type", "string")
        plain["description"] = _described(given, name)
    return plain


def _described(given: Mapping[str, object], name: str) -> str:
    """Return a description with the limits, for which the vendor has no words."""
    limits = [
        f"{word} {given[word]}" for word in ("minimum", "maximum", "pattern") if word in given
    ]
    about = str(given.get("description") or name)
    return f"{about} ({', '.join(limits)})" if limits else about
