"""What a realtime session is to be like: the settings as ``session.update`` wants them. Pure.

Field by field as in the types of openai-python 3.52, ``types/realtime``; the older dialect as in
its ``types/beta/realtime``. What is not set is left out, so that the vendor's choice counts; what
is switched off is sent as ``null``, for left out it would stay as it was.

Fixed here, whatever the settings: sound is PCM of 24 kHz both ways (the only rate that there is),
and replies are spoken.

The object holds the tokens of MCP servers: it must not be logged.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, assert_never

from appliance.backend.prompting.instructions import instructions
from appliance.backend.prompting.persona import PLAIN, Persona
from appliance.backend.prompting.schema import callable_tools, function
from appliance.backend.realtime.address import names_model
from appliance.catalogue import Risk, ToolSpec
from appliance.config import Config
from appliance.config.cloud import (
    McpServer,
    Realtime,
    Tracing,
    Transcription,
    Truncation,
    TurnDetection,
)

Fields = dict[str, object]

MOST_TOOLS: Final = 128
"""The API takes no more."""

_PCM: Final[Mapping[str, object]] = {"type": "audio/pcm", "rate": 24_000}
_CUSTOM_VOICE: Final = "voice_"


def session_object(
    config: Config,
    tools: Sequence[ToolSpec],
    *,
    now: datetime | None = None,
    resumed: bool = False,
    persona: Persona = PLAIN,
) -> Fields:
    """Return the ``session`` of a ``session.update``, complete, in the dialect of the settings.

    Args:
        config: The settings, checked.
        tools: What the model may call.
        now: Local time, told to the model; ``None``: it is not told.
        resumed: Whether the conversation began in another session.
        persona: Who it is now.
    """
    realtime = config.realtime
    if persona.voice:
        realtime = realtime.model_copy(update={"voice": persona.voice})
    told: Fields = {}
    if realtime.instructions or persona.instructions or not realtime.prompt.id:
        told["instructions"] = instructions(
            config,
            tools={tool.name for tool in tools},
            now=now,
            resumed=resumed,
            own=realtime.instructions,
            persona=persona,
        )
    offered = {
        "tools": tool_objects(tools, realtime),
        "tool_choice": _tool_choice(realtime, tools),
    }
    language = persona.language or config.device.language
    match realtime.dialect:
        case "ga":
            return told | _ga(realtime, language) | offered
        case "beta":
            return told | _beta(realtime, language) | offered
        case _:
            assert_never(realtime.dialect)


def tool_objects(tools: Sequence[ToolSpec], realtime: Realtime) -> list[Fields]:
    """Return the tools as the model sees them: ours, then those of MCP servers."""
    ours = [{"type": "function", **function(tool)} for tool in callable_tools(tools)]
    servers = realtime.mcp if realtime.dialect == "ga" else ()
    return [*ours[: MOST_TOOLS - len(servers)], *(_mcp(server) for server in servers)]


# -- the settings -------------------------------------------------------------------------------


def _ga(realtime: Realtime, language: str) -> Fields:
    hearing: Fields = {
        "format": dict(_PCM),
        "noise_reduction": _noise_reduction(realtime, strength=True),
        "transcription": _transcription(realtime.transcription, language),
        "turn_detection": _turn_detection(realtime.turn_detection),
    }
    session: Fields = {
        "type": "realtime",
        "output_modalities": ["audio"],
        "audio": {"input": hearing, "output": {"format": dict(_PCM), **_voice(realtime)}},
        "max_output_tokens": realtime.max_output_tokens or "inf",
        "truncation": _truncation(realtime.truncation),
        **_prompt(realtime),
    }
    if realtime.provider == "openai" and not names_model(realtime.url):
        session["model"] = realtime.model  # otherwise the address has named it
    if realtime.tracing.kind != "off":
        session["tracing"] = _tracing(realtime.tracing)
    if realtime.transcription.model and realtime.transcription.logprobs:
        session["include"] = ["item.input_audio_transcription.logprobs"]
    if realtime.parallel_tool_calls is not None:
        session["parallel_tool_calls"] = realtime.parallel_tool_calls
    if realtime.reasoning_effort is not None:
        session["reasoning"] = {"effort": realtime.reasoning_effort}
    return session


def _beta(realtime: Realtime, language: str) -> Fields:
    """The flat form: no MCP, truncation, tracing, reasoning or prompts."""
    transcription = _transcription(realtime.transcription, language)
    known = ("model", "language", "prompt")
    detection = _turn_detection(realtime.turn_detection)
    session: Fields = {
        "modalities": ["text", "audio"],
        "voice": realtime.voice,
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16",
        "input_audio_noise_reduction": _noise_reduction(realtime, strength=False),
        "input_audio_transcription": transcription
        and {name: transcription[name] for name in known if name in transcription},
        "turn_detection": detection
        and {name: value for name, value in detection.items() if name != "idle_timeout_ms"},
        "max_response_output_tokens": realtime.max_output_tokens or "inf",
    }
    return session | _speed(realtime)


def _noise_reduction(realtime: Realtime, *, strength: bool) -> Fields | None:
    if realtime.noise_reduction == "off":
        return None
    reduction: Fields = {"type": realtime.noise_reduction}
    if strength and realtime.noise_reduction_strength < 1.0:  # 1 is what it begins with
        reduction["strength"] = realtime.noise_reduction_strength
    return reduction


def _transcription(settings: Transcription, language: str) -> Fields | None:
    if not settings.model:
        return None
    wanted: Fields = {"model": settings.model}
    if settings.languages:
        wanted["languages"] = list(settings.languages)
    elif settings.language != "auto":
        wanted["language"] = settings.language or language.partition("-")[0]
    if settings.keywords:
        wanted["keywords"] = list(settings.keywords)
    if settings.prompt:
        wanted["prompt"] = settings.prompt
    if settings.delay is not None:
        wanted["delay"] = settings.delay
    return wanted


def _turn_detection(settings: TurnDetection) -> Fields | None:
    """Return all of it: servers reset what is left out here (openai-realtime-console#35)."""
    answering = {
        "create_response": settings.create_response,
        "interrupt_response": settings.interrupt_response,
    }
    match settings.kind:
        case "device":
            return None
        case "server_vad":
            detection: Fields = {
                "type": settings.kind,
                "threshold": settings.threshold,
                "prefix_padding_ms": settings.prefix_padding_ms,
                "silence_duration_ms": settings.silence_duration_ms,
                **answering,
            }
            if settings.idle_timeout_ms is not None:
                detection["idle_timeout_ms"] = settings.idle_timeout_ms
            return detection
        case "semantic_vad":
            return {"type": settings.kind, "eagerness": settings.eagerness, **answering}
        case _:
            assert_never(settings.kind)


def _voice(realtime: Realtime) -> Fields:
    voice = realtime.voice
    custom = {"id": voice} if voice.startswith(_CUSTOM_VOICE) else voice
    return {"voice": custom, **_speed(realtime)} if voice else _speed(realtime)


def _speed(realtime: Realtime) -> Fields:
    return {"speed": realtime.speed} if realtime.speed != 1.0 else {}


def _truncation(settings: Truncation) -> str | Fields:
    if settings.kind != "retention_ratio":
        return settings.kind
    truncation: Fields = {"type": settings.kind, "retention_ratio": settings.retention_ratio}
    if settings.post_instructions_tokens:
        truncation["token_limits"] = {"post_instructions": settings.post_instructions_tokens}
    return truncation


def _tracing(settings: Tracing) -> str | Fields:
    if settings.kind == "auto":
        return settings.kind
    return _filled(
        workflow_name=settings.workflow_name,
        group_id=settings.group_id,
        metadata=dict(settings.metadata),
    )


def _prompt(realtime: Realtime) -> Fields:
    prompt = realtime.prompt
    if not prompt.id:
        return {}
    return {
        "prompt": _filled(id=prompt.id, version=prompt.version, variables=dict(prompt.variables))
    }


def _filled(**fields: object) -> Fields:
    """Return the fields that hold something."""
    return {name: value for name, value in fields.items() if value}


# -- the tools ----------------------------------------------------------------------------------


def _tool_choice(realtime: Realtime, tools: Iterable[ToolSpec]) -> str | Fields:
    choice = realtime.tool_choice
    if choice in ("auto", "none", "required"):
        return choice
    kind, colon, rest = choice.partition(":")
    if colon and realtime.dialect == "ga":
        label, _, name = rest.partition("/")
        return {"type": kind, **_filled(server_label=label, name=name)}
    if any(tool.name == choice and tool.risk is not Risk.NEVER for tool in tools):
        return {"type": "function", "name": choice}
    return "auto"  # a tool that is not there now, and the server would refuse all settings


def _mcp(server: McpServer) -> Fields:
    headers = {name: value.get_secret_value() for name, value in server.headers.items()}
    token = server.authorization
    names: list[str] | Fields = list(server.allowed_tools)
    if server.read_only:
        names = _filled(tool_names=names, read_only=True)
    free = _filled(tool_names=list(server.free_tools), read_only=server.free_read_only)
    return {
        "type": "mcp",
        "server_label": server.label,
        "require_approval": {"never": free} if free else "always",
        **_filled(
            server_url=server.url,
            tunnel_id=server.tunnel_id,
            connector_id=server.connector_id,
            server_description=server.description,
            authorization=token.get_secret_value() if token is not None else "",
            headers=headers,
            allowed_tools=names,
            defer_loading=server.defer_loading,
            allowed_callers=list(server.allowed_callers),
        ),
    }
