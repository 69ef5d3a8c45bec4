"""The prompt library: who the assistant is, for whom, in which words."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from appliance.config.section import Section


class Prompts(Section):
    """Named instruction sets, one file each (docs/prompts.md)."""

    folder: Annotated[Path | None, Field(examples=["prompts.d"])] = None
    """Where they are; unset: ``prompts.d`` beside this file."""

    use: Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9_-]{0,63})?$", examples=["butler"])] = ""
    """Which one counts, unless a wake word has one of its own; empty: none."""

    variables: Annotated[
        dict[
            Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")],
            Annotated[str, Field(max_length=4_000)],
        ],
        Field(examples=[{"house": "Ann and Bo live here, with a dog called Max."}]),
    ] = Field(default_factory=dict)
    """What ``{{ name }}`` in any of them stands for; their own variables go over these."""
