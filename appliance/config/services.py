"""Speech-to-speech services besides the realtime one: OpenAI Live, ElevenLabs, Gemini."""

from typing import Annotated

from pydantic import Field

from appliance.config.section import Section


class Live(Section):
    """OpenAI Live (``live`` in ``backend.order``): full duplex, paid by the second."""

    url: Annotated[str, Field(examples=["wss://example.openai.azure.com/openai/v1/live"])] = ""
    """Empty: OpenAI's own."""

    model: Annotated[str, Field(pattern=r"^[!-~]+$")] = "gpt-live-1"
    """Also: gpt-live-1.1."""

    voice: str = "marin"
    """As the vendor names them."""

    instructions: Annotated[str, Field(max_length=20_000)] = ""
    """Who it is and how it talks; empty: a short text of ours."""


class ElevenLabs(Section):
    """ElevenLabs Agents (``elevenlabs`` in ``backend.order``)."""

    url: Annotated[str, Field(examples=["wss://api.eu.residency.elevenlabs.io/v1/convai"])] = ""
    """Empty: the vendor's own."""

    agent_id: Annotated[str, Field(pattern=r"^[!-~]*$", examples=["agent_01jz"])] = ""
    """Which agent answers; it is made on the vendor's pages (docs/backends/elevenlabs.md)."""


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
