"""Speech-to-speech services besides the realtime one: OpenAI Live, ElevenLabs, Gemini."""

from typing import Annotated, Literal

from pydantic import Field

from appliance.config.section import Provider, Section


class Live(Section):
    """OpenAI Live (``live`` in ``backend.order``): full duplex, paid by the second."""

    url: Annotated[str, Field(examples=["wss://example.openai.azure.com/openai/v1/live"])] = ""
    """Empty: OpenAI's own."""

    provider: Provider = "openai"
    """How the key is shown: as a bearer token, or Azure's ``api-key``."""

    model: Annotated[str, Field(pattern=r"^[!-~]+$")] = "gpt-live-1"
    """Also: gpt-live-1.1; on Azure the deployment."""

    delegate_model: Annotated[str, Field(pattern=r"^[!-~]+$")] = "gpt-6-luna"
    """The model behind, which calls the tools; paid by the token. On Azure the deployment."""

    delegate_effort: Annotated[
        Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None,
        Field(examples=["low"]),
    ] = None
    """How long the model behind thinks; unset: the vendor's choice."""

    voice: str = "marin"
    """As the vendor names them: marin, cedar, quartz, willow …; ``voice_…``: one of your own."""

    rate: Literal[16_000, 24_000] = 16_000
    """Samples a second, both ways. 16000 is what the box hears; 24000 sounds a little brighter."""

    idle_close_s: Annotated[float, Field(ge=0.0, le=3600.0)] = 15.0
    """A session that nobody has used for so long is closed, for its silence is paid, too. Counts
    in place of ``backend.idle_close_s`` where it is shorter."""

    instructions: Annotated[str, Field(max_length=20_000)] = ""
    """Who it is and how it talks; empty: a short text of ours."""


class ElevenLabs(Section):
    """ElevenLabs Agents (``elevenlabs`` in ``backend.order``)."""

    url: Annotated[str, Field(examples=["wss://api.eu.residency.elevenlabs.io/v1/convai"])] = ""
    """Empty: the vendor's own."""

    agent_id: Annotated[str, Field(pattern=r"^[!-~]*$", examples=["agent_01jz"])] = ""
    """Which agent answers; it is made on the vendor's pages (docs/backends/elevenlabs.md)."""

    overrides: tuple[Literal["prompt", "first_message", "language", "voice"], ...] = ()
    """What the agent lets us set for a conversation (its page, Security). What is not allowed
    there must not be listed here: the vendor ends the conversation."""

    voice: str = ""
    """The id of a voice, where ``overrides`` has voice; empty: the agent's."""

    instructions: Annotated[str, Field(max_length=20_000)] = ""
    """Who it is and how it talks, for the agent's prompt ``{{box_instructions}}``, or where
    ``overrides`` has prompt; empty: a short text of ours."""


class Gemini(Section):
    """Gemini Live (``gemini`` in ``backend.order``)."""

    url: Annotated[str, Field(examples=["wss://generativelanguage.googleapis.com"])] = ""
    """Empty: Google's own."""

    model: Annotated[str, Field(pattern=r"^[!-~]+$")] = "gemini-3.8-live"
    """Which model answers."""

    voice: str = ""
    """Empty: the vendor's choice."""

    instructions: Annotated[str, Field(max_length=20_000)] = ""
    """Who it is and how it talks; empty: a short text of ours."""
