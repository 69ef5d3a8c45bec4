"""What a minute of conversation costs, about, before anything was said. Pure.

The minute is one in which the user speaks for half of it and the box for the other half. What is
said is billed again with every later reply, mostly from the vendor's cache; that is not in here,
nor are instructions, tools and what a model writes for itself. So it is the least that one has to
expect; ``voice-appliance money`` says what it has really cost.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from appliance.backend.money.prices import Price, Tariff
from appliance.events import Usage
from appliance.units import Seconds

HEARD_A_MINUTE = 600
"""Audio tokens of a minute of the user's speech: 10 a second (OpenAI's realtime models; a rule of
thumb of their developers' forum, 2026-11; the vendor names no figure)."""

SPOKEN_A_MINUTE = 1_200
"""Audio tokens of a minute of the model's speech: 20 a second; as above."""

TALK = 0.5
"""Share of the minute in which the user speaks, and in which the box does."""


TURNS = 4
"""Of a minute: questions of 7.5 s, and answers as long."""

TOLD_A_TURN = 2_000
"""Tokens of text that a language model is told with each turn: instructions, some twenty tools,
and what was said before. Reckoned as if nothing of it came from the vendor's cache."""

WORDS = 150
"""Spoken in a minute."""

TOKENS = 4 / 3
"""Of a word; a rule of thumb for English."""

CHARACTERS = 6
"""Of a word, with the space behind it."""


def speech_to_speech(
    table: Mapping[str, Price], model: str, transcriber: str = ""
) -> float | None:
    """Return dollars a minute of a speech-to-speech model that is paid by the token of sound.

    Args:
        table: The prices.
        model: What answers.
        transcriber: What writes down beside it what the user says; empty: nothing does.

    Returns:
        ``None`` where a price is not known.
    """
    heard, spoken = round(TALK * HEARD_A_MINUTE), round(TALK * SPOKEN_A_MINUTE)
    used = [Usage(model, audio_in=heard, audio_out=spoken)]
    if transcriber:
        used.append(Usage(transcriber, audio_in=heard, audio_s=Seconds(60.0 * TALK)))
    tariff = Tariff(table)
    costs = [tariff.cost(usage) for usage in used]
    if any(cost.estimated for cost in costs):
        return None
    return sum(cost.micro_usd for cost in costs) / 1e6


@dataclass(frozen=True, slots=True)
class Stages:
    """The models of a pipeline; empty: that part costs nothing."""

    stt: str = ""
    llm: str = ""
    tts: str = ""


def pipeline(table: Mapping[str, Price], stages: Stages) -> float | None:
    """Return dollars a minute of a pipeline.

    Args:
        table: The prices.
        stages: Its parts that cost money.

    Returns:
        ``None`` where a price is not known.
    """
    heard = Seconds(60.0 * TALK)
    used = (
        Usage(stages.stt, audio_s=heard, audio_in=round(TALK * HEARD_A_MINUTE)),
        Usage(stages.llm, text_in=TURNS * TOLD_A_TURN, text_out=round(TALK * WORDS * TOKENS)),
        Usage(stages.tts, audio_s=heard, characters=round(TALK * WORDS * CHARACTERS)),
    )
    tariff = Tariff(table)
    costs = [tariff.cost(usage) for usage in used if usage.model]
    if any(cost.estimated for cost in costs):
        return None
    return sum(cost.micro_usd for cost in costs) / 1e6


def by_time(table: Mapping[str, Price], model: str) -> float | None:
    """Return dollars a minute of a model that is paid by the minute; ``None``: not known."""
    price = Tariff(table).price(model)
    return float(price.minute) if price is not None and price.minute else None
