"""What the assistant must not say, hear or do, whoever answers."""

from typing import Annotated, Literal

from pydantic import Field

from appliance.config.section import Section

Word = Annotated[str, Field(min_length=1, max_length=100, pattern=r"\w")]


class GuardRule(Section):
    """One thing that is not spoken of here."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$", examples=["violence"])]
    """Its name in the timeline: lower-case letters, digits, underscores and hyphens."""

    words: Annotated[tuple[Word, ...], Field(min_length=1, examples=[["gun", "kill*"]])]
    """Words and phrases; small and capital letters and accents are the same, and a ``*`` at the
    end of a word stands for any ending."""

    where: Annotated[
        tuple[Literal["request", "reply", "tools"], ...], Field(min_length=1, examples=[["reply"]])
    ] = ("request", "reply", "tools")
    """In what the user says (as far as it is written down), in what is answered, and in the
    arguments of tools."""

    personas: Annotated[tuple[str, ...], Field(examples=[["children"]])] = ()
    """Only while the box is one of these (docs/prompts.md); empty: always."""

    say: Annotated[str, Field(max_length=300, examples=["That is for grown-ups."])] = ""
    """What is said instead; empty: a sentence of the box's language."""


class Guardrails(Section):
    """Rules for what is said and done, applied in the same way to every backend."""

    rules: tuple[GuardRule, ...] = ()
    """One thing each that is not spoken of here."""
