"""The keys of the services, one for each vendor; a service is asked only if it is chosen."""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, SecretStr

from appliance.config.section import Section

Vendor = Literal["openai", "anthropic", "deepgram", "cartesia", "elevenlabs", "gemini"]

VARIABLES: Final = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "deepgram": "DEEPGRAM_API_KEY",
    "cartesia": "CARTESIA_API_KEY",
    "elevenlabs": "ELEVENLABS_API_KEY",
    "gemini": "GEMINI_API_KEY",
}
"""Where each vendor's own tools look for its key."""

OWN: Final = ("stt", "llm", "tts")
"""Servers of one's own, as stages of the pipeline: their keys, where they want one."""

_Key = Annotated[SecretStr | None, Field(examples=["only if nobody else can read this"])]


class Keys(Section):
    """Keys, one for each vendor.

    Better as credentials, such as ``anthropic-api-key``, which win over these, as do the variables
    of the environment that each vendor's own tools read (``ANTHROPIC_API_KEY``).
    """

    openai: _Key = None
    """OpenAI. Where there is none, that of ``[realtime]`` serves, and the other way round."""

    openai_file: Annotated[Path | None, Field(examples=["openai-api-key"])] = None
    """A file of mode 0600 with that key as its only line; so for the others."""

    anthropic: _Key = None
    """Anthropic."""

    anthropic_file: Annotated[Path | None, Field(examples=["anthropic-api-key"])] = None
    """Its file."""

    deepgram: _Key = None
    """Deepgram."""

    deepgram_file: Annotated[Path | None, Field(examples=["deepgram-api-key"])] = None
    """Its file."""

    cartesia: _Key = None
    """Cartesia."""

    cartesia_file: Annotated[Path | None, Field(examples=["cartesia-api-key"])] = None
    """Its file."""

    elevenlabs: _Key = None
    """ElevenLabs."""

    elevenlabs_file: Annotated[Path | None, Field(examples=["elevenlabs-api-key"])] = None
    """Its file."""

    gemini: _Key = None
    """Google's Gemini."""

    gemini_file: Annotated[Path | None, Field(examples=["gemini-api-key"])] = None
    """Its file."""

    stt: _Key = None
    """The server of ``pipeline.stt.url``, where it wants one."""

    stt_file: Annotated[Path | None, Field(examples=["stt-api-key"])] = None
    """Its file."""

    llm: _Key = None
    """The server of ``pipeline.llm.url``, where it wants one."""

    llm_file: Annotated[Path | None, Field(examples=["llm-api-key"])] = None
    """Its file."""

    tts: _Key = None
    """The server of ``pipeline.tts.url``, where it wants one."""

    tts_file: Annotated[Path | None, Field(examples=["tts-api-key"])] = None
    """Its file."""

    def of(self, name: str) -> SecretStr | None:
        """Return the key of a vendor, or of a stage of one's own."""
        found: SecretStr | None = getattr(self, name)
        return found
