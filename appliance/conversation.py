"""Drives the turn machine: brings it events, carries out its effects, keeps its deadline.

All decisions are in ``appliance.turn``; here are only queues and awaits. An event is taken the
moment it is put, and its effects are carried out at once, so that the mute switch never waits.
What goes to the backend goes through one queue, in order, and is sent by a task of its own, so
that a stalled network keeps nobody waiting; sound that is still in the queue when its turn is
cleared (mute, stop) never leaves.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import assert_never

from appliance import turn
from appliance.errors import BackendError, BackendUnavailable
from appliance.events import (
    BackendLost,
    CallAnswered,
    DeadlineReached,
    Happening,
    HeardEvent,
    PlaybackDrained,
    SpeechEnded,
    SpeechPaused,
    SpeechStarted,
    ToolCalled,
    TurnEvent,
)
from appliance.frames import Frame, samples
from appliance.ports import (
    Backend,
    Clock,
    Ear,
    Enclosure,
    Indicator,
    Observer,
    Speaker,
    ToolResult,
    ToolRunner,
)
from appliance.units import ResponseId, SampleIndex, SampleRate, Seconds

log = logging.getLogger(__name__)

BACKLOG = 400
"""Frames that may wait for the backend (4 s: a slow connection); newer ones are counted out."""

CANCELLED = ToolResult("rejected", data={"cancelled": True})
"""The answer to a call of a reply that the user has talked over."""

Command = Callable[[Backend], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Box:
    """What the conversation has of the box itself."""

    ear: Ear
    speaker: Speaker
    indicator: Indicator
    clock: Clock
    observer: Observer


class Conversation:
    """The event loop's side of the appliance: one box, one backend after the other.

    Everything but ``run`` may be called at any time on the event loop's thread; without a backend
    a turn ends in ``Cue.FAILED``.

    Args:
        box: The ear, the loudspeaker, the lights, the clock and who watches.
        tools: Carries out the backend's calls, side by side with the talking.
        timing: The patience of the turn machine.
    """

    def __init__(self, box: Box, *, tools: ToolRunner, timing: turn.Timing) -> None:
        self._box = box
        self._tools = tools
        self._timing = timing
        self._state: turn.State = turn.START
        self._events: deque[TurnEvent] = deque()
        self._taking = False
        self._undo_deadline: Callable[[], None] | None = None
        self._outbox: asyncio.Queue[Command] = asyncio.Queue()
        self._sending = False
        self._sound_of = 0  # which turn's sound may leave; counted up when one is cleared
        self._announcing = False
        self._voices: list[ResponseId] = []  # replies that have sound and are not heard out
        self._group: asyncio.TaskGroup | None = None
        self._backend: Backend | None = None
        self.frames_dropped = 0

    @property
    def state(self) -> turn.State:
        """The state of the turn machine."""
        return self._state

    @property
    def owes(self) -> bool:
        """Whether the user is owed something that costs computing, not listening.

        A tool counts as long as the user waits for it, not when it works on in the background.
        """
        match self._state:
            case turn.Waiting():
                return True
            case turn.Speaking(ended=ended, calls_tool=calls_tool) if not ended or calls_tool:
                return True
            case _:
                return self._sending or not self._outbox.empty()

    def put(self, event: TurnEvent) -> None:
        """Report an event; its effects are carried out before this returns.

        Called from within an effect, it is taken right after the present one.
        """
        self._events.append(event)
        if self._taking:
            return
        self._taking = True
        try:
            while self._events:
                self._take(self._events.popleft())
        finally:
            self._taking = False
        self._set_deadline()

    def announce(self, response: ResponseId, pcm: bytes, rate: SampleRate) -> bool:
        """Say something unasked, unless somebody is talking; the wake word silences it.

        Returns:
            Whether it is being said.
        """
        if not isinstance(self._state, turn.Idle):
            return False
        self._box.speaker.stop()
        self._box.speaker.play(response, pcm, rate)
        self._box.speaker.finish(response)
        self._announcing = True
        return True

    def hear(self, frame: Frame | None, events: Sequence[HeardEvent]) -> None:
        """Take what the hearing thread delivers: a frame of the user's turn, and what it found."""
        if frame is not None and isinstance(self._state, turn.Listening):
            if self._outbox.qsize() < BACKLOG:
                self._send(partial(self._send_sound, self._sound_of, frame))
            else:
                self.frames_dropped += 1
        for event in events:
            self.put(event)

    async def run(self, backend: Backend) -> None:
        """Converse through ``backend`` until it ends or this is cancelled.

        Raises:
            ExceptionGroup: With the ``BackendError`` that ended the session.
        """
        self._backend = backend
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                group.create_task(self._follow(backend), name="conversation.follow")
                group.create_task(self._transmit(backend), name="conversation.transmit")
        finally:
            self._group = None
            self._backend = None
            while not self._outbox.empty():
                self._outbox.get_nowait()

    async def _follow(self, backend: Backend) -> None:
        try:
            async for event in backend.events():
                self.put(event)
        except BackendError as error:
            self.put(BackendLost(error.code))
            raise
        raise BackendUnavailable("the session ended without a word")

    async def _transmit(self, backend: Backend) -> None:
        while True:
            command = await self._outbox.get()
            self._sending = True
            try:
                await command(backend)
            finally:
                self._sending = False

    async def _send_sound(self, sound_of: int, frame: Frame, backend: Backend) -> None:
        if sound_of == self._sound_of:
            await backend.send_audio(frame)

    async def _send_hint(self, sound_of: int, backend: Backend) -> None:
        if sound_of == self._sound_of:
            await backend.expect_end()

    async def _send_text(self, sound_of: int, text: str, backend: Backend) -> None:
        if sound_of == self._sound_of:
            await backend.enclose(Enclosure(text=text))

    async def _send_commit(self, sound_of: int, commit: turn.CommitTurn, backend: Backend) -> None:
        if sound_of == self._sound_of:
            await backend.commit_turn(commit.turn, as_expected=commit.as_expected)

    async def _send_take(self, sound_of: int, take: turn.TakeReply, backend: Backend) -> None:
        if sound_of == self._sound_of:
            await backend.take_reply(take.turn)

    def _send(self, command: Command) -> None:
        if self._backend is not None:
            self._outbox.put_nowait(command)

    def _take(self, event: TurnEvent) -> None:
        moment = turn.Moment(
            self._box.clock.now(),
            self._timing,
            hears_through=self._box.ear.hears_through(),
            backend_ends_turns=self._backend is not None and self._backend.ends_turns,
        )
        taken = turn.step(self._state, event, moment)
        if _is_news(event, self._state, taken.state):
            self._box.observer.note(event, moment.now)
        if isinstance(event, PlaybackDrained) and event.response in self._voices:
            self._voices.remove(event.response)
        if taken.state != self._state:
            log.debug("turn: %r on %s", taken.state, type(event).__name__)
        self._state = taken.state
        for effect in taken.effects:
            self._perform(effect)

    def _set_deadline(self) -> None:
        if self._undo_deadline is not None:
            self._undo_deadline()
            self._undo_deadline = None
        when = turn.deadline(self._state)
        if when is not None:
            self._undo_deadline = self._box.clock.call_at(when, self._on_deadline)

    def _on_deadline(self) -> None:
        self._undo_deadline = None
        self.put(DeadlineReached())

    def _perform(self, effect: turn.Effect) -> None:
        match effect:
            case turn.Listen() | turn.Watch() | turn.Rest():
                self._turn_ear(effect)
            case (
                turn.ExpectEnd()
                | turn.Enclose()
                | turn.CommitTurn()
                | turn.TakeReply()
                | turn.ClearTurn()
            ):
                self._turn_backend(effect)
            case turn.RunTool(call=call):
                self._start_call(call)
            case turn.DropTool(call=call):
                self._answer(call, CANCELLED, took=Seconds(0.0))
            case turn.Play() | turn.Finish() | turn.Interrupt() | turn.Refuse():
                self._turn_speaker(effect)
            case turn.Show(cue=cue):
                self._box.indicator.show(cue)
            case _:
                assert_never(effect)

    def _turn_backend(
        self,
        effect: turn.ExpectEnd | turn.Enclose | turn.CommitTurn | turn.TakeReply | turn.ClearTurn,
    ) -> None:
        match effect:
            case turn.ExpectEnd():
                self._send(partial(self._send_hint, self._sound_of))
            case turn.Enclose(text=text):
                self._send(partial(self._send_text, self._sound_of, text))
            case turn.CommitTurn():
                self._ask(partial(self._send_commit, self._sound_of, effect))
            case turn.TakeReply():
                self._ask(partial(self._send_take, self._sound_of, effect))
            case turn.ClearTurn():
                self._sound_of += 1
                self._send(lambda backend: backend.clear_turn())
            case _:
                assert_never(effect)

    def _turn_ear(self, effect: turn.Listen | turn.Watch | turn.Rest) -> None:
        ear = self._box.ear
        match effect:
            case turn.Listen(since=since, lead=lead, guard=guard):
                if self._announcing:
                    self._announcing = False
                    self._box.speaker.stop()
                begin = SampleIndex((ear.position() if since is None else since) + samples(guard))
                audio_from = SampleIndex(max(0, begin - samples(lead)))
                ear.listen(audio_from=audio_from, speech_from=begin)
            case turn.Watch():
                ear.watch()
            case turn.Rest():
                ear.rest()
            case _:
                assert_never(effect)

    def _turn_speaker(
        self, effect: turn.Play | turn.Finish | turn.Interrupt | turn.Refuse
    ) -> None:
        match effect:
            case turn.Play(response=response, pcm=pcm, rate=rate):
                if response not in self._voices:
                    self._voices.append(response)
                self._box.speaker.play(response, pcm, rate)
            case turn.Finish(response=response):
                self._box.speaker.finish(response)
            case turn.Interrupt(response=response):
                self._fall_silent(response)
            case turn.Refuse(response=response):
                self._cancel(response, heard=Seconds(0.0))
            case _:
                assert_never(effect)

    def _ask(self, command: Command) -> None:
        """Send what a reply must follow."""
        if self._backend is None:
            self.put(BackendLost("backend.unavailable"))
            return
        self._send(command)

    def _fall_silent(self, response: ResponseId) -> None:
        """Stop the reply, and the one before it that may still be playing: each its own ledger."""
        speaker = self._box.speaker
        heard = {voice: speaker.heard(voice) for voice in (*self._voices, response)}
        speaker.stop()
        self._voices.clear()
        for voice, much in heard.items():
            self._cancel(voice, heard=much)

    def _cancel(self, response: ResponseId, *, heard: Seconds) -> None:
        self._send(lambda backend: backend.cancel_reply(response, heard=heard))

    def _start_call(self, call: ToolCalled) -> None:
        if self._group is None:
            return
        self._group.create_task(self._call_tool(call), name=f"tool.{call.tool}")

    async def _call_tool(self, call: ToolCalled) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        result = await self._tools.run(call)
        self._answer(call, result, took=Seconds(clock() - began))

    def _answer(self, call: ToolCalled, result: ToolResult, *, took: Seconds) -> None:
        self._note(CallAnswered(call.call, call.tool, result.status, took, result.say))
        self._send(lambda backend: backend.answer_call(call.call, result))

    def _note(self, happening: Happening) -> None:
        self._box.observer.note(happening, self._box.clock.now())


def _is_news(event: TurnEvent, before: turn.State, after: turn.State) -> bool:
    """Whether observers should know of an event.

    Speech found while a reply is played, and which did not interrupt it, was the reply itself.
    """
    if not isinstance(event, SpeechStarted | SpeechPaused | SpeechEnded):
        return True
    return isinstance(before, turn.Listening) or isinstance(after, turn.Listening)
