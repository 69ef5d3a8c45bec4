"""One running box: a card, the hearing thread, the conversation and what one can see and touch."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Protocol

from appliance import conversation as talk
from appliance import turn
from appliance.app.detectors import Senses
from appliance.app.front_end import FrontEnd
from appliance.app.indicators import Together, chimes
from appliance.app.reference import reference_source
from appliance.audio.capture import Capture
from appliance.audio.card import Card, Exchange
from appliance.audio.counters import CardCounters
from appliance.audio.playback import Playback
from appliance.audio.priority import HEARING_PRIORITY, become_realtime
from appliance.board.panel import Panel
from appliance.config import Config
from appliance.conversation import Conversation
from appliance.events import ButtonPressed, TurnEvent
from appliance.hearing import Heard, Hearing, HearingThread
from appliance.ports import Backend, Clock, Cue, ToolRunner, WakeDetector
from appliance.timeline import Timeline, cue_entry
from appliance.turn import Timing
from appliance.units import ResponseId, SampleRate, Seconds

log = logging.getLogger(__name__)

LONGEST_SILENCE = Seconds(10.0)
"""Without a frame for so long, while a card is there, the hearing thread counts as dead."""


Companion = Callable[[], Coroutine[object, object, None]]


class CardMaker(Protocol):
    """Makes the card of a box, and the clock that goes with it."""

    def __call__(self, exchange: Exchange, box: "Box") -> tuple[Card, Clock]:
        """Called once, on the event loop, before anything runs."""
        ...


class Box:
    """Everything of one box but the house and the backend. Made on the event loop.

    Args:
        config: The settings.
        senses: The detectors; owned by the hearing thread once it runs.
        tools: Carries out calls.
        timeline: Is told everything.
        make_card: Makes the sound card, real or recorded.
    """

    def __init__(
        self,
        config: Config,
        senses: Senses,
        *,
        tools: ToolRunner,
        timeline: Timeline,
        make_card: CardMaker,
    ) -> None:
        self.timeline = timeline
        self.muted_outside = False
        """Somebody had muted the box before it was started anew."""

        self.private_outside = False
        """Somebody had asked for privacy mode before."""

        self.counters = CardCounters()
        self.playback = Playback(self.put, self.counters, gain_db=config.audio.voice_gain_db)
        self._capture = Capture(self.counters)
        exchange = Exchange(
            self._capture, self.playback, self.counters, source=reference_source(config)
        )
        self.card, self._clock = make_card(exchange, self)
        self.front_end = FrontEnd(config, exchange, private=self._unrecorded)
        hearing = Hearing(
            self.front_end.enhancer,
            senses.wake,
            senses.speech,
            pre_roll=Seconds(config.wake.pre_roll_s),
        )
        self._hearing = HearingThread(
            self._capture,
            hearing,
            deliver=self._deliver,
            prepare=partial(become_realtime, HEARING_PRIORITY),
        )
        self.private: list[Callable[[bool], None]] = []
        """Are told when privacy mode begins and ends."""

        self.pressed: list[Callable[[], bool]] = []
        """Are asked in order if the talk button is meant otherwise; who says so has taken it."""

        self.panel = Panel(config.board, self._touch, on_private=self._tell_private)
        self.panel.lights.follow(lambda: self.front_end.enhancer.bearing)
        self.cues: list[Callable[[Cue], None]] = [
            self.panel.lights.show,
            chimes(config, self.playback),
            self._note_cue,
        ]
        self.conversation = Conversation(
            talk.Box(
                ear=self._hearing,
                speaker=self.playback,
                indicator=Together(self.cues),
                clock=self._clock,
                observer=timeline,
            ),
            tools=tools,
            timing=timing(config),
        )

    def put(self, event: TurnEvent) -> None:
        """Report an event to the conversation; event loop only."""
        self.conversation.put(event)

    def now(self) -> Seconds:
        """Return the time of the session, as the timeline counts it."""
        return self.timeline.since_start(self._clock.now())

    def announce(self, pcm: bytes, rate: SampleRate) -> bool:
        """Say something unasked, unless somebody talks; return whether it is said. Loop only."""
        return self.conversation.announce(ResponseId("announcement"), pcm, rate)

    def wake_on(self, detectors: Sequence[WakeDetector]) -> None:
        """Look for other wake words from the next frame on."""
        self._hearing.exchange_wake(detectors)

    def alive(self) -> bool:
        """Whether the hearing thread works; a card that is known to be lost is no fault of it."""
        if getattr(self.card, "form", True) is None:
            return True
        return time.monotonic() - self._hearing.heartbeat() < LONGEST_SILENCE

    async def run(self, backend: Backend, companion: Companion | None = None) -> None:
        """Hear and converse until the sound ends, which only a recording does, or cancelled.

        Args:
            backend: Answers; it is closed at the end.
            companion: Starts what must run beside it and ends when it is closed.

        Raises:
            ExceptionGroup: With what ended it.
        """
        async with AsyncExitStack() as stack:
            stack.push_async_callback(asyncio.to_thread, self.front_end.close)
            stack.push_async_callback(asyncio.to_thread, self.card.close)
            stack.callback(self._capture.close)
            stack.callback(self.panel.close)
            stack.push_async_callback(backend.close)
            self.panel.start(
                muted_outside=self.muted_outside, private_outside=self.private_outside
            )
            self.front_end.start()
            self.card.start()
            async with asyncio.TaskGroup() as group:
                asking = group.create_task(self.front_end.watch_board(), name="board")
                if companion is not None:
                    group.create_task(companion(), name="backends")
                talking = group.create_task(self.conversation.run(backend), name="conversation")
                await self._hearing.run()
                talking.cancel()
                asking.cancel()
                await backend.close()

    def _touch(self, event: TurnEvent) -> None:
        if not (isinstance(event, ButtonPressed) and any(meant() for meant in self.pressed)):
            self.put(event)

    def _unrecorded(self) -> bool:
        muted = isinstance(self.conversation.state, turn.Muted)
        return muted or self.panel.privacy.get()

    def _deliver(self, heard: Heard) -> None:
        self.conversation.hear(heard.frame, heard.events)

    def _tell_private(self, private: bool) -> None:  # noqa: FBT001 - a callback
        for told in self.private:
            told(private)

    def _note_cue(self, cue: Cue) -> None:
        entry = cue_entry(cue, self.now())
        if entry is not None:
            self.timeline.say(entry)


def timing(config: Config) -> Timing:
    """Return the patience of the turn machine that the settings ask for."""
    turn = config.turn
    return Timing(
        first_word=Seconds(turn.first_word_s),
        longest_turn=Seconds(config.speech.longest_s + 1.0),
        reply=Seconds(turn.reply_s),
        after_tools=Seconds(config.tools.patience_s + max(turn.reply_s, turn.stall_s)),
        stall=Seconds(turn.stall_s),
        follow_up=Seconds(turn.follow_up_s),
        pre_roll=Seconds(config.wake.pre_roll_s),
        echo_guard=Seconds(turn.echo_guard_s),
        barge_in=turn.barge_in,
    )
