"""The backend that is made of three parts: speech to text, a language model, text to speech."""

from typing import Annotated, Literal

from pydantic import Field

from appliance.config.section import Section


class Stt(Section):
    """What writes down what the user says."""

    vendor: Literal["local", "openai", "deepgram", "cartesia"] = "local"
    """``local``: the model of the box. ``openai``: OpenAI's, or with ``url`` any server with the
    same interface."""

    url: Annotated[str, Field(examples=["http://gpu.local:8000/v1"])] = ""
    """Empty: the vendor's own. Without encryption only where the address is of the own network."""

    model: Annotated[str, Field(pattern=r"^[!-~]*$", examples=["nova-3"])] = ""
    """Empty: gpt-transcribe, nova-3, ink-2. Deepgram's ``flux-…`` find the end of a turn."""

    keywords: Annotated[tuple[str, ...], Field(examples=[["Zigbee"]])] = ()
    """Names that are hard to guess, where the vendor takes them."""


class Llm(Section):
    """What thinks: answers, and calls tools."""

    vendor: Literal["local", "openai", "anthropic"] = "openai"
    """``local``: the understanding of the box. ``openai``: OpenAI's, or with ``url`` any server
    with the same interface. ``anthropic``: Anthropic's, or the like."""

    api: Literal["responses", "chat"] = "chat"
    """openai: which of its two interfaces; nearly every other server has ``chat`` only."""

    url: Annotated[str, Field(examples=["http://gpu.local:8000/v1"])] = ""
    """Empty: the vendor's own. Without encryption only where the address is of the own network."""

    model: Annotated[str, Field(pattern=r"^[!-~]*$", examples=["gpt-5.2-mini"])] = ""
    """Which one; needed, but with ``local``."""

    temperature: Annotated[float | None, Field(ge=0.0, le=2.0, examples=[0.7])] = None
    """Unset: the vendor's choice."""

    max_output_tokens: Annotated[int, Field(ge=16, le=16_384)] = 1_024
    """Longest reply."""

    effort: Annotated[
        Literal["none", "minimal", "low", "medium", "high"] | None, Field(examples=["low"])
    ] = None
    """How long it reflects before it speaks; unset: as little as the model is known to allow."""

    sees: Annotated[bool | None, Field(examples=[True])] = None
    """Whether it can be shown pictures; unset: the vendors' own can, others cannot."""

    instructions: Annotated[str, Field(max_length=20_000)] = ""
    """Who it is and how it talks; empty: a short text of ours."""


class Tts(Section):
    """What speaks."""

    vendor: Literal["local", "openai", "cartesia", "elevenlabs"] = "local"
    """``local``: the voice of the box. ``openai``: OpenAI's, or with ``url`` any server with the
    same interface."""

    url: Annotated[str, Field(examples=["http://gpu.local:8880/v1"])] = ""
    """Empty: the vendor's own. Without encryption only where the address is of the own network."""

    model: Annotated[str, Field(pattern=r"^[!-~]*$", examples=["sonic-3.5"])] = ""
    """Empty: the vendor's usual."""

    voice: Annotated[str, Field(pattern=r"^[!-~ ]*$", examples=["coral"])] = ""
    """As the vendor names them; Cartesia and ElevenLabs need one."""

    speed: Annotated[float | None, Field(ge=0.25, le=4.0, examples=[1.1])] = None
    """How fast a service speaks; unset: its own choice. Cartesia takes 0.6 to 1.5, ElevenLabs 0.7
    to 1.2: beyond that the nearest."""

    instructions: Annotated[str, Field(max_length=4_000)] = ""
    """How it speaks, in words (openai; not tts-1)."""


class Pipeline(Section):
    """Three parts, each local or a service (``pipeline`` in ``backend.order``)."""

    stt: Stt = Stt()
    """What writes down what the user says."""

    llm: Llm = Llm()
    """What thinks."""

    tts: Tts = Tts()
    """What speaks."""

    @property
    def stages(self) -> tuple[tuple[str, Stt | Llm | Tts], ...]:
        """The parts by name, in the order of a turn."""
        return (("stt", self.stt), ("llm", self.llm), ("tts", self.tts))
