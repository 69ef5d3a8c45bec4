"""The whole path on a recording: the recording is the sound card, everything else is the box."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from appliance import turn
from appliance.app.attending import attend
from appliance.app.backends import Answers
from appliance.app.box import Box
from appliance.app.detectors import Senses
from appliance.app.house import House
from appliance.audio.card import Card, Exchange
from appliance.audio.recorded_card import Pace, RecordedCard, output_rate
from appliance.audio.recording import Recording
from appliance.config import Config
from appliance.enhance.array.geometry import shipped
from appliance.errors import RecordingError
from appliance.events import ButtonPressed
from appliance.ports import Clock
from appliance.timeline import Timeline
from appliance.units import SampleRate


def _nowhere(_: bytes) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Playing:
    """How a recording is to be played."""

    recording: Recording = field(repr=False)
    speed: Literal["real", "max"] = "max"
    wake: bool = True
    """Whether the recording calls the box itself; else its beginning counts as called."""

    sink: Callable[[bytes], None] = _nowhere
    """Gets what the box plays, 16-bit mono; sample k while sample k of the recording is heard."""

    @property
    def rate(self) -> SampleRate:
        """Rate of what the sink gets."""
        return output_rate(self.recording)


async def replay(
    config: Config,
    playing: Playing,
    *,
    senses: Senses,
    answers: Answers,
    house: House,
    timeline: Timeline,
) -> Box:
    """Play a recording to a box, to its end and until the box is at rest.

    Returns:
        The box as it was at the end, for its counters.

    Raises:
        RecordingError: It ended early.
        ExceptionGroup: What else ended it.
    """
    await asyncio.to_thread(shipped)  # the list of boards, which the box looks into
    cards: list[RecordedCard] = []

    def make_card(exchange: Exchange, box: Box) -> tuple[Card, Clock]:
        card = RecordedCard(
            playing.recording,
            exchange,
            hold=lambda: box.conversation.owes,
            at_rest=lambda: _at_rest(box),
            sink=playing.sink,
            pace=Pace(speed=playing.speed),
        )
        cards.append(card)
        return card, card.clock

    box = Box(config, senses, tools=house.tools, timeline=timeline, make_card=make_card)
    house.serve(box)
    attend(box, answers, house)
    box.private_outside = answers.private
    try:
        if not playing.wake:
            box.put(ButtonPressed())
        await box.run(answers.backend, answers.companion)
    finally:
        house.leave()
    if cards[0].failure is not None:
        raise RecordingError(cards[0].failure)
    return box


def _at_rest(box: Box) -> bool:
    talk = box.conversation
    return isinstance(talk.state, turn.Idle | turn.Muted) and not talk.owes
