"""The settings of the backends beyond the box: which, how, and for how much money."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from appliance.config import vendors
from appliance.config.section import Fraction, Provider, Section

Milliseconds = Annotated[int, Field(ge=0, le=60_000)]

Effort = Literal["minimal", "low", "medium", "high", "xhigh"]


class Backends(Section):
    """Who answers, and when another one does."""

    order: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")], ...], Field(min_length=1)
    ] = ("realtime", "local")
    """Who answers if it can, then who instead: realtime, live, pipeline, elevenlabs, gemini,
    local, or one that came with a package of its own (`voice-appliance backends`). ``realtime``
    counts only if there is a key for it, or a ``realtime.url`` of a server that needs none."""

    connect_s: Annotated[float, Field(gt=0.0, le=60.0)] = 3.0
    """From the first sound of a turn until the session must be ready; meanwhile sound is kept."""

    stall_s: Annotated[float, Field(gt=0.0, le=60.0)] = 4.0
    """Longest wait for the beginning of a reply, and within it; then the next backend takes
    over. At least 1.5 s less than ``turn.reply_s`` and ``turn.stall_s``: it needs time to."""

    idle_close_s: Annotated[float, Field(ge=0.0, le=3600.0)] = 60.0
    """A session that nobody has used for so long is closed."""

    recycle_min: Annotated[float, Field(gt=0.0, le=59.0)] = 50.0
    """A session older than this is replaced between two turns (vendors end them at 60)."""

    remember_turns: Annotated[int, Field(ge=0, le=100)] = 12
    """How many turns of the conversation a new session is told."""

    remember_min: Annotated[float, Field(ge=0.0, le=1440.0)] = 10.0
    """Older talk is forgotten."""


class TurnDetection(Section):
    """Who finds the end of what the user says; settings of another kind are mistakes."""

    kind: Literal["device", "server_vad", "semantic_vad"] = "device"
    """``device``: the box itself (``[speech]``); the others: the server."""

    threshold: Fraction = 0.5
    """server_vad: how loud speech must be."""

    prefix_padding_ms: Milliseconds = 300
    """server_vad: sound before the speech that belongs to it."""

    silence_duration_ms: Milliseconds = 500
    """server_vad: silence that ends the turn."""

    idle_timeout_ms: Annotated[int | None, Field(ge=5_000, le=30_000, examples=[6_000])] = None
    """server_vad: silence after a reply after which the server speaks up by itself."""

    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    """semantic_vad: how soon it believes that the user has finished (8, 4 or 2 s at most)."""

    create_response: bool = False
    """server_vad, semantic_vad: whether the server begins its reply without being asked. The box
    asks, unless this is on."""

    interrupt_response: bool = False
    """server_vad, semantic_vad: whether the server ends its reply when it hears speech. The box
    decides that itself, unless this is on."""


class Transcription(Section):
    """Writing down what the user said, beside answering it."""

    model: str = "gpt-transcribe"
    """Empty: not at all; what was said is then unknown to the timeline and to other backends. On
    Azure the deployment."""

    language: Annotated[str, Field(pattern=r"^([a-z]{2}|auto)?$")] = ""
    """One language, such as ``en``; ``auto``: found out; empty: that of ``device.language``."""

    languages: tuple[Annotated[str, Field(pattern=r"^[a-z]{2}$")], ...] = ()
    """Several, such as ``["en", "nl"]``, instead of one (gpt-transcribe, gpt-live-transcribe)."""

    keywords: tuple[str, ...] = ()
    """Names that are hard to guess (gpt-transcribe, gpt-live-transcribe)."""

    prompt: Annotated[str, Field(max_length=2_000)] = ""
    """A hint to the model (not gpt-realtime-whisper)."""

    delay: Annotated[Effort | None, Field(examples=["low"])] = None
    """Patience before it writes (gpt-realtime-whisper only); unset: the vendor's choice."""

    logprobs: bool = False
    """Whether the probabilities of the words are asked for; they show in debugging only."""


class Truncation(Section):
    """What happens to a conversation that grows too long for the model."""

    kind: Literal["auto", "disabled", "retention_ratio"] = "retention_ratio"
    """``retention_ratio`` drops more at once, so that the rest stays in the vendor's cache."""

    retention_ratio: Fraction = 0.8
    """retention_ratio: the share of the most that is left after dropping."""

    post_instructions_tokens: Annotated[int, Field(ge=0, le=120_000)] = 8_000
    """retention_ratio: most tokens after the instructions; 0: what the model holds. The whole
    conversation is billed again with each reply, so this bounds the bill."""


class Tracing(Section):
    """The vendor's record of sessions; off unless asked for."""

    kind: Literal["off", "auto", "named"] = "off"
    """auto: under the vendor's own names; named: with what follows."""

    workflow_name: str = ""
    """named: under which name."""

    group_id: str = ""
    """named: which sessions belong together."""

    metadata: dict[str, str] = Field(default_factory=dict)
    """named: what else to keep."""


class Prompt(Section):
    """A prompt kept by the vendor (which ends that service on 2026-11-30)."""

    id: str = ""
    """Empty: none. With one, and without ``realtime.instructions``, nothing of ours is added."""

    version: str = ""
    """Empty: the latest."""

    variables: dict[str, str] = Field(default_factory=dict)
    """What is put into its places."""


class McpServer(Section):
    """A server of remote tools that the realtime service calls by itself."""

    label: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$", examples=["weather"])]
    """Its name: letters, digits, underscores and hyphens."""

    url: Annotated[str, Field(examples=["https://mcp.example.org/mcp"])] = ""
    """Where the vendor reaches it; one of ``url``, ``tunnel_id``, ``connector_id`` is needed."""

    tunnel_id: str = ""
    """The vendor's tunnel to a server that cannot be reached from outside."""

    connector_id: Annotated[str, Field(pattern=r"^(connector_[a-z]+)?$")] = ""
    """A connector of the vendor's (not for models released after 2026-09-01)."""

    description: str = ""
    """What the model is told about it."""

    authorization: Annotated[
        SecretStr | None, Field(examples=["only if nobody else can read this"])
    ] = None
    """Sent to it as a bearer token; better as the credential ``mcp-<label>``, which wins."""

    headers: Annotated[
        dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")], SecretStr],
        Field(examples=[{"X-Key": "only if nobody else can read this"}]),
    ] = Field(default_factory=dict)
    """Sent to it with each request, by name; as secret as keys are."""

    allowed_tools: Annotated[tuple[str, ...], Field(examples=[["forecast", "warnings"]])] = ()
    """The only tools of it that there are; empty: all."""

    read_only: bool = False
    """Only tools that say of themselves that they change nothing."""

    free_tools: Annotated[tuple[str, ...], Field(examples=[["forecast"]])] = ()
    """Tools that run without being asked about; every other one passes the box's gate first."""

    free_read_only: bool = False
    """Whether tools that say of themselves that they change nothing run without being asked about;
    together with ``free_tools``, only those of them."""

    defer_loading: bool = False
    """Whether its tools are only looked for when they are needed."""

    allowed_callers: tuple[Literal["direct", "programmatic"], ...] = ()
    """How its tools may be called; empty: as the vendor sees fit."""


class Realtime(Section):
    """The realtime service: speech in, speech out (OpenAI Realtime and what is like it)."""

    url: Annotated[str, Field(examples=["wss://eu.api.openai.com/v1/realtime"])] = ""
    """Empty: OpenAI's own. Any server with the same protocol: ``ws://gpu.local:8000/v1/realtime``.
    Without encryption (``ws``) only where the address is of the own network."""

    provider: Provider = "openai"
    """How the key is shown: as a bearer token, or Azure's ``api-key``."""

    dialect: Literal["ga", "beta"] = "ga"
    """Which form of settings the server takes; ``beta`` for Azure Voice Live and older servers."""

    api_key: Annotated[SecretStr | None, Field(examples=["only if nobody else can read this"])] = (
        None
    )
    """Better as the credential ``realtime-api-key``, which wins over this, as do the environment's
    ``VOICE_APPLIANCE_REALTIME_API_KEY`` and, for OpenAI's own service, ``OPENAI_API_KEY``."""

    api_key_file: Annotated[Path | None, Field(examples=["realtime-api-key"])] = None
    """A file of mode 0600 with the key as its only line."""

    organization: Annotated[str, Field(pattern=r"^[!-~]*$")] = ""
    """Who pays, where a key belongs to several organizations (OpenAI)."""

    project: Annotated[str, Field(pattern=r"^[!-~]*$")] = ""
    """The project that pays (OpenAI)."""

    model: Annotated[str, Field(pattern=r"^[!-~]+$")] = "gpt-realtime-2.1"
    """Also: gpt-realtime-2.1-mini, gpt-realtime-1.5, gpt-realtime; on Azure the deployment."""

    voice: str = "marin"
    """alloy, ash, ballad, coral, echo, sage, shimmer, verse, marin, cedar, or ``voice_…``: one of
    your own."""

    speed: Annotated[float, Field(ge=0.25, le=1.5)] = 1.0
    """How fast it speaks."""

    instructions: Annotated[str, Field(max_length=20_000)] = ""
    """Who it is and how it talks; empty: a short text of ours. How to use the tools, where it
    stands and when it is are always added."""

    noise_reduction: Literal["off", "near_field", "far_field"] = "far_field"
    """The server's cleaning of what it hears: for a microphone at the mouth, or in the room."""

    noise_reduction_strength: Fraction = 1.0
    """0 does little, 1 most."""

    turn_detection: TurnDetection = TurnDetection()
    """Who finds the end of what the user says; settings of another kind are mistakes."""

    transcription: Transcription = Transcription()
    """Writing down what the user said, beside answering it."""

    truncation: Truncation = Truncation()
    """What happens to a conversation that grows too long for the model."""

    tracing: Tracing = Tracing()
    """The vendor's record of sessions; off unless asked for."""

    prompt: Prompt = Prompt()
    """A prompt kept by the vendor (which ends that service on 2026-11-30)."""

    mcp: tuple[McpServer, ...] = ()
    """Servers of remote tools that the realtime service calls by itself."""

    tool_choice: Annotated[
        str, Field(pattern=r"^([A-Za-z0-9_-]{1,64}|mcp:[A-Za-z0-9_-]{1,64}(/[^/\s]+)?)$")
    ] = "auto"
    """auto, none, required, the name of a tool, or ``mcp:label/tool``."""

    parallel_tool_calls: Annotated[bool | None, Field(examples=[True])] = None
    """Whether several tools may be called at once. Only for models that reason (gpt-realtime-2 and
    later); unset: the vendor's choice."""

    reasoning_effort: Annotated[Effort | None, Field(examples=["low"])] = None
    """Only for models that reason (gpt-realtime-2 and later); unset: the vendor's choice."""

    max_output_tokens: Annotated[int, Field(ge=0, le=4_096)] = 4_096
    """Longest reply; 0: as long as the model can. 4096 are about three minutes of speech."""

    @property
    def usable(self) -> bool:
        """Whether it can serve: there is a key, or the server may do without."""
        return self.api_key is not None or not vendors.needs_key(self.url, self.provider)


class Money(Section):
    """What the month may cost. Without caps the spending is only counted."""

    day_usd: Annotated[float | None, Field(ge=0.0, examples=[1.0])] = None
    """Cap of a day, local time; then the next backend of the order serves."""

    month_usd: Annotated[float | None, Field(ge=0.0, examples=[10.0])] = None
    """Cap of a calendar month."""

    warn_at: Fraction = 0.8
    """Share of a cap at which the box says so, once."""

    prices_file: Annotated[Path | None, Field(examples=["prices.toml"])] = None
    """Prices that go over those that come with the appliance, in the same form."""


class Camera(Section):
    """A camera that the assistant may look through, when it is asked to."""

    device: Annotated[str, Field(examples=["/dev/video0"])] = ""
    """Empty: none. Each look sends one picture to the realtime service."""

    width: Annotated[int, Field(ge=160, le=4096)] = 1280
    """Pixels; a camera that cannot gives the nearest it has."""

    height: Annotated[int, Field(ge=120, le=4096)] = 720
    """Pixels."""
