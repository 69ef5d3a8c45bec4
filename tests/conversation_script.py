"""One conversation for every backend, and what ``ports.Backend`` promises of it.

A *scene* is told by the user's side only: sound, commits, answers, interruptions. What the other
side says is a list of ``Reply``, which every scripted server of the tests can play. ``Watched``
checks each event, as it comes, against the promises of the seam.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from appliance.errors import BackendError
from appliance.events import (
    BackendEvent,
    ReplyAudio,
    ReplyEnded,
    ReplyOffered,
    ReplyStarted,
    ReplyText,
    ToolCalled,
)
from appliance.ports import Backend, ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber
from tests.realtime_client import frames, whistle
from tests.realtime_server import Call, Reply

FIRST, SECOND, THIRD = TurnNumber(1), TurnNumber(2), TurnNumber(3)
DONE = ToolResult("done", say="The light is on.")
LIGHT = Call("set_light", '{"state": "on"}')
INTERIM = "I am still at it."
"""What a model says while a tool works; the pipeline and the box have a sentence of their own."""

STORY = "Once upon a time there was a lamp that nobody had ever switched off. " * 12

T = TypeVar("T")


@dataclass
class Watched:
    """A session, what came of it, and who checks that it may come."""

    backend: Backend
    events: list[BackendEvent] = field(default_factory=list)
    ended: BackendError | None = None
    committed: list[TurnNumber] = field(default_factory=list)
    cancelled: set[ResponseId] = field(default_factory=set)

    async def follow(self) -> None:
        """Take every event; the end is an error, never silence."""
        try:
            async for event in self.backend.events():
                self._check(event)
                self.events.append(event)
        except BackendError as error:
            self.ended = error
        else:
            raise AssertionError("events simply stopped")

    def _check(self, event: BackendEvent) -> None:
        started = [each.response for each in self.of(ReplyStarted)]
        ended = {each.response for each in self.of(ReplyEnded)}
        match event:
            case ReplyStarted():
                assert event.turn in self.committed, "a reply to a turn that nobody committed"
                assert event.response not in started, "a reply began twice"
            case ReplyAudio() | ReplyText() | ToolCalled() | ReplyEnded():
                assert event.response in started, "a piece of a reply that has not begun"
                assert event.response not in ended, "a piece of a reply that has ended"
                assert event.response not in self.cancelled, "a piece of a cancelled reply"
            case _:
                pass
        if isinstance(event, ToolCalled):
            assert event.call not in self.calls(), "a call was made twice"
        if isinstance(event, ReplyAudio):
            assert len(event.pcm) % 2 == 0
            rates = {each.rate for each in self.of(ReplyAudio) if each.response == event.response}
            assert rates <= {event.rate}, "the rate changed within a reply"

    def of(self, kind: type[T]) -> list[T]:
        """Return the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def calls(self) -> list[CallId]:
        """Return all calls."""
        return [each.call for each in self.of(ToolCalled)]

    def turns(self) -> list[TurnNumber]:
        """Return which turns were replied to, in order."""
        return [each.turn for each in self.of(ReplyStarted)]

    def over(self, turn: TurnNumber) -> bool:
        """Whether a turn is answered to its end."""
        replies = {each.response for each in self.of(ReplyStarted) if each.turn == turn}
        ends = [each for each in self.of(ReplyEnded) if each.response in replies]
        return bool(ends) and not ends[-1].calls_tool

    def said(self, turn: TurnNumber) -> str:
        """Return what was said to a turn."""
        replies = {each.response for each in self.of(ReplyStarted) if each.turn == turn}
        return "".join(each.text for each in self.of(ReplyText) if each.response in replies)

    def sound(self, turn: TurnNumber) -> float:
        """Return how long the replies to a turn sound, in seconds."""
        replies = {each.response for each in self.of(ReplyStarted) if each.turn == turn}
        pieces = [each for each in self.of(ReplyAudio) if each.response in replies]
        return sum(len(each.pcm) / 2 / each.rate for each in pieces)

    async def speak(self, turn: TurnNumber) -> None:
        """Speak for half a second, in real time, and finish."""
        for frame in frames(whistle(0.5)):
            await self.backend.send_audio(frame)
            await asyncio.sleep(0.01)
        self.committed.append(turn)
        await self.backend.commit_turn(turn)

    async def until(self, done: Callable[[], bool], within: float = 120.0) -> None:
        """Wait until something is so, or the session has ended."""
        async with asyncio.timeout(within):
            while not done() and self.ended is None:  # noqa: ASYNC110 - it is looked at from outside
                await asyncio.sleep(0.01)


@dataclass(frozen=True)
class Scene:
    """A part of the conversation."""

    replies: Sequence[Reply]
    play: Callable[[Watched], Awaitable[None]]
    breaks: bool = False
    """The other side fails in the middle of its first reply."""


async def _greeting(talk: Watched) -> None:
    await talk.speak(FIRST)
    await talk.until(lambda: talk.over(FIRST))
    assert talk.ended is None, talk.ended
    assert "Good morning." in talk.said(FIRST)
    assert talk.sound(FIRST) > 0.1
    await talk.speak(SECOND)
    await talk.until(lambda: talk.over(SECOND))
    assert "Good night." in talk.said(SECOND)
    assert talk.turns() == [FIRST, SECOND]


async def _tool(talk: Watched) -> None:
    await talk.speak(FIRST)
    await talk.until(lambda: bool(talk.calls()))
    (call,) = talk.of(ToolCalled)
    assert (call.tool, dict(call.arguments)) == ("set_light", {"state": "on"})
    assert not talk.over(FIRST)
    await talk.backend.answer_call(call.call, DONE)
    await talk.until(lambda: talk.over(FIRST))
    assert talk.ended is None, talk.ended
    assert "The light is on." in talk.said(FIRST)
    assert len(talk.calls()) == 1
    assert not talk.of(ReplyOffered)


async def _slow_tool(talk: Watched) -> None:
    await talk.speak(FIRST)
    await talk.until(lambda: bool(talk.calls()))
    await talk.until(lambda: talk.over(FIRST))  # it says that it takes long
    assert talk.ended is None, talk.ended
    await asyncio.sleep(10.0)
    assert not talk.of(ReplyOffered)
    await talk.backend.answer_call(talk.calls()[0], DONE)
    await talk.until(lambda: bool(talk.of(ReplyOffered)))
    talk.committed.append(SECOND)
    await talk.backend.take_reply(SECOND)
    await talk.until(lambda: talk.over(SECOND))
    assert talk.ended is None, talk.ended
    assert "The light is on." in talk.said(SECOND)
    assert len(talk.calls()) == len(talk.of(ReplyOffered)) == 1


async def _barge_in(talk: Watched) -> None:
    await talk.speak(FIRST)
    await talk.until(lambda: talk.sound(FIRST) > 1.0)
    response, over = talk.of(ReplyStarted)[-1].response, talk.over(FIRST)
    await talk.backend.cancel_reply(response, heard=Seconds(0.8))
    talk.cancelled.add(response)
    await talk.backend.cancel_reply(response, heard=Seconds(0.8))
    await talk.speak(SECOND)
    await talk.until(lambda: talk.over(SECOND))
    assert talk.ended is None, talk.ended
    assert "All right." in talk.said(SECOND)
    assert "lamp" not in talk.said(SECOND)
    assert talk.over(FIRST) == over, "a reply that was cancelled does not end"


async def _long_answer(talk: Watched) -> None:
    await talk.speak(FIRST)
    await talk.until(lambda: talk.over(FIRST))
    assert talk.ended is None, talk.ended
    assert "".join(talk.said(FIRST).split()) == "".join(STORY.split())
    assert talk.sound(FIRST) > 5.0


async def _error(talk: Watched) -> None:
    await talk.speak(FIRST)
    await talk.until(lambda: False, within=30.0)
    assert talk.ended is not None
    assert "\n" not in str(talk.ended)
    assert not talk.over(FIRST)


SCENES: Mapping[str, Scene] = {
    "greeting": Scene([Reply("Good morning."), Reply("Good night.")], _greeting),
    "tool": Scene([Reply("", calls=(LIGHT,)), Reply("The light is on.")], _tool),
    "slow tool": Scene(
        [Reply("", calls=(LIGHT,)), Reply(INTERIM), Reply("The light is on.")],
        _slow_tool,
    ),
    "barge-in": Scene([Reply(STORY, pace=1.0), Reply("All right.")], _barge_in),
    "long answer": Scene([Reply(STORY)], _long_answer),
    "error": Scene([Reply(STORY, pace=1.0)], _error, breaks=True),
}


async def play(backend: Backend, scene: Scene) -> Watched:
    """Play a scene with a session; close it at the end."""
    talk = Watched(backend)
    async with asyncio.TaskGroup() as group:
        group.create_task(talk.follow(), name="follow")
        try:
            await scene.play(talk)
        finally:
            await backend.close()
    return talk
