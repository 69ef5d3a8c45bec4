"""What a Gemini Live session is to be like: the settings as ``setup`` wants them. Pure.

As ``LiveClientSetup`` of google-genai 3.4.0. Decided here, whatever the settings:

* The box finds the end of a turn: automatic detection is off.
* No language is set: the native models take none, and follow the instructions.
* Tools block (``BLOCKING``), so that a reply after a call is known as such.
* No session is resumed: the conversation so far is told as text to every new session, and what
  the vendor keeps for a resumption is never made.
* The window slides, else a session ends after 15 minutes of sound (vendor's guide).
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

MOST_TOOLS: Final = 128
"""More make a model choose badly; the vendor's guide advises 10 to 20."""

_WORDS: Final = frozenset(
    {
        "$defs",
        "$ref",
        "additionalProperties",
        "anyOf",
        "description",
        "enum",
        "format",
        "items",
        "maxItems",
        "maximum",
        "minItems",
        "minimum",
        "oneOf",
        "prefixItems",
        "properties",
        "required",
        "title",
        "type",
    }
)
"""The words of JSON Schema that the vendor documents for ``parametersJsonSchema``; a schema with
others may be refused, and with it the whole session. The box checks what they say anyway."""


def setup(
    config: Config,
    tools: Sequence[ToolSpec],
    *,
    now: datetime | None = None,
    handover: Handover = NOTHING,
    persona: Persona = PLAIN,
) -> Fields:
    """Return the settings of a session.

    Args:
        config: Ours.
        tools: What the model may call.
        now: Local time, told to the model; ``None``: it is not told.
        handover: What the conversation has come to.
        persona: Who the box is.
    """
    settings = config.gemini
    before = preface(handover)
    who = instructions(
        config,
        tools={tool.name for tool in tools},
        now=now,
        own=settings.instructions,
        persona=persona,
    )
    generation: Fields = {"responseModalities": ["AUDIO"]}
    if voice := persona.voice or settings.voice:
        generation["speechConfig"] = {
            "voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice}},
        }
    fields: Fields = {
        "model": model_name(settings.model),
        "generationConfig": generation,
        "systemInstruction": {"parts": [{"text": f"{who}\n\n{before}" if before else who}]},
        "realtimeInputConfig": {"automaticActivityDetection": {"disabled": True}},
        "contextWindowCompression": {"slidingWindow": {}},
        "inputAudioTranscription": {},
        "outputAudioTranscription": {},
    }
    if offered := tool_objects(tools):
        fields["tools"] = offered
    if past(handover.lines):
        fields["historyConfig"] = {"initialHistoryInClientContent": True}
    return fields


def model_name(model: str) -> str:
    """Return a model as the vendor names it: ``models/…``."""
    return model if model.startswith(("models/", "tunedModels/")) else f"models/{model}"


def tool_objects(tools: Sequence[ToolSpec]) -> list[Fields]:
    """Return the tools as ``setup`` and ``contextUpdate`` take them."""
    declared = [_declaration(tool) for tool in callable_tools(tools)[:MOST_TOOLS]]
    return [{"functionDeclarations": declared}] if declared else []


def _declaration(tool: ToolSpec) -> Fields:
    plain = function(tool)
    parameters = plain["parameters"]
    declared: Fields = {
        "name": plain["name"],
        "description": plain["description"],
        "behavior": "BLOCKING",
    }
    if isinstance(parameters, Mapping) and parameters.get("properties"):
        declared["parametersJsonSchema"] = schema(parameters)
    return declared


def schema(given: Mapping[str, object]) -> Fields:
    """Return a JSON Schema in the words that the vendor takes."""
    plain: Fields = {}
    for word, value in given.items():
        match word:
            case "const":
                plain["enum"] = [value]
            case "exclusiveMinimum" | "exclusiveMaximum":
                plain.setdefault(word.removeprefix("exclusive").lower(), value)
            case "properties" | "$defs" if isinstance(value, Mapping):
                plain[word] = {name: _part(each) for name, each in value.items()}
            case _ if word in _WORDS:
                plain[word] = _part(value)
            case _:
                pass
    return plain


def _part(value: object) -> object:
    if isinstance(value, Mapping):
        return schema(value)
    if isinstance(value, list | tuple):
        return [_part(each) for each in value]
    return value
