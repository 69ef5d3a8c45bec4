"""What a minute of conversation costs, about, before anything was said. Pure.

The minute is one in which the user speaks for half of it and the box for the other half. What is
said is billed again with every later reply, mostly from the vendor's cache; that is not in here,
nor are instructions, tools and what a model writes for itself. So it is the least that one has to
expect; ``voice-appliance money`` says what it has really cost.
"""

from collections.abc import Mapping

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


def by_time(table: Mapping[str, Price], model: str) -> float | None:
    """Return dollars a minute of a model that is paid by the minute; ``None``: not known."""
    price = Tariff(table).price(model)
    return float(price.minute) if price is not None and price.minute else None
