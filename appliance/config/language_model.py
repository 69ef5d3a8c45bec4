"""The language model of the box itself."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from appliance.config.section import Section


class LanguageModel(Section):
    """A language model for what the box does not understand otherwise.

    It needs the extra ``llm`` and 4 GB of memory; see docs/backends/local.md.
    """

    model: Literal["", "qwen2.5-coder-1.5b", "smollm2-135m"] = ""
    """Which one, got by ``voice-appliance models fetch NAME``; empty: none. The second is for
    tests: too small to be of use."""

    file: Annotated[Path | None, Field(examples=["my-model.gguf"])] = None
    """A model of one's own in its place: GGUF, with a chat template."""

    threads: Annotated[int, Field(ge=0, le=64)] = 0
    """Cores that it may use; 0: half of them."""

    context: Annotated[int, Field(ge=1_024, le=32_768)] = 2_048
    """Tokens that it can hold: 2,048 are enough for what it is told."""

    patience_s: Annotated[float, Field(ge=0.5, le=60.0)] = 8.0
    """Longest that a request waits for it; below ``turn.reply_s``."""

    answers: bool = False
    """Whether it may answer in its own words what no tool is for; small models invent things."""

    @property
    def wanted(self) -> bool:
        """Whether there is to be one."""
        return bool(self.model or self.file)
