"""Live in its place before another backend: through the kind, the settings, a real socket."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from appliance.backend.choice import Choice
from appliance.backend.context import Handover
from appliance.backend.failover import Failover
from appliance.backend.kinds.live import KIND
from appliance.backend.kinds.seam import Means
from appliance.backend.roster import Patience
from appliance.config import Config
from appliance.events import (
    BackendChanged,
    BackendEvent,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ToolCalled,
    Used,
)
from appliance.ports import Backend, ToolResult
from appliance.units import ResponseId, Seconds, TurnNumber
from tests.fakes import LoopClock
from tests.live_client import CATALOGUE
from tests.live_server import KEY, LiveServer, Spoilt, serving
from tests.realtime_client import frames, whistle
from tests.realtime_server import Call, Reply, Script
from tests.realtime_server.server import WRONG_KEY
from tests.sessions import FakePurse, ScriptedSession
from tests.virtual_time import run_virtual

FIRST, SECOND = TurnNumber(1), TurnNumber(2)
LIGHT = Call("set_light", '{"state":"on"}', "call_1")
NEAR = ResponseId("near")
ON = ToolResult("done", say="It is on.")


@dataclass
class Box:
    """A box whose best backend is Live."""

    server: LiveServer
    near: list[ScriptedSession] = field(default_factory=list)
    events: list[BackendEvent] = field(default_factory=list)
    purse: FakePurse = field(default_factory=FakePurse)

    def __post_init__(self) -> None:
        config = Config.model_validate(
            {
                "live": {"url": self.server.url},
                "keys": {"openai": KEY},
                "backend": {"stall_s": 3.0},
            }
        )
        self.facts = KIND.facts(config)
        means = Means(config, lambda: CATALOGUE)

        def far(handover: Handover) -> Backend:
            return KIND.open(means, handover)

        idle = Seconds(self.facts.idle_close_s or 0.0)
        self.failover = Failover(
            {"live": far, "local": self._near},
            Choice(("live", "local"), frozenset({"live"})),
            patience=Patience(idle_closes={"live": idle}),
            clock=LoopClock(),
            purse=self.purse,
            jitter=lambda: 0.0,
        )

    def _near(self, handover: Handover) -> ScriptedSession:
        self.near.append(ScriptedSession("local", handover))
        return self.near[-1]

    async def say(self, turn: TurnNumber) -> None:
        for frame in frames(whistle(0.5)):
            await self.failover.send_audio(frame)
            await asyncio.sleep(0.01)
        await self.failover.commit_turn(turn)

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(60.0):
            while not done():  # noqa: ASYNC110 - it is looked at from outside
                await asyncio.sleep(0.01)

    def of(self, kind: type[BackendEvent]) -> list:  # type: ignore[type-arg]
        return [event for event in self.events if isinstance(event, kind)]


def played(
    script: Script, story: Callable[[Box], Awaitable[None]], spoilt: Spoilt | None = None
) -> tuple[Box, LiveServer]:
    async def main() -> tuple[Box, LiveServer]:
        async with serving(script, spoilt=spoilt) as server:
            box = Box(server)

            async def follow() -> None:
                async for event in box.failover.events():
                    box.events.append(event)

            async with asyncio.TaskGroup() as group:
                running = [
                    group.create_task(box.failover.run(), name="failover"),
                    group.create_task(follow(), name="follow"),
                ]
                try:
                    await story(box)
                finally:
                    for task in running:
                        task.cancel()
            return box, server

    return run_virtual(main())


def test_a_turn_through_the_kind_is_answered_billed_and_its_key_shown_to_nobody_else() -> None:
    async def story(box: Box) -> None:
        await box.say(FIRST)
        await box.until(lambda: bool(box.of(ReplyEnded)))

    box, server = played(Script(replies=[Reply("Good morning.")]), story)

    assert "".join(each.text for each in box.of(ReplyText)) == "Good morning."
    assert box.of(Used)
    assert server.paths == ["/v1/live/sessions"]
    assert server.shown[0]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(box.failover) + repr(box.facts) + repr(server.session.settings)


def test_a_session_that_nobody_uses_is_closed_soon_for_its_silence_is_paid() -> None:
    async def story(box: Box) -> None:
        await box.say(FIRST)
        await box.until(lambda: bool(box.of(ReplyEnded)))
        await asyncio.sleep(14.0)
        assert "session.close" not in box.server.session.kinds()
        await asyncio.sleep(2.0)
        assert "session.close" in box.server.session.kinds()
        await box.say(SECOND)
        await box.until(lambda: len(box.of(ReplyEnded)) == 2)

    _, server = played(Script(replies=[Reply("Yes."), Reply("Yes again.")], heard=["one"]), story)

    told = server.session.settings["input"]
    assert [each["role"] for each in told] == ["developer", "user", "assistant"]
    assert [each["content"][0]["text"] for each in told[1:]] == ["one", "Yes."]


def test_a_stream_that_stops_is_taken_over_in_the_same_turn() -> None:
    async def story(box: Box) -> None:
        await box.say(FIRST)
        await box.until(lambda: bool(box.near) and bool(box.near[0].committed))

    box, _ = played(
        Script(replies=[Reply("A long answer to this.")]), story, Spoilt(after=4, stop=True)
    )

    assert [each.name for each in box.of(BackendChanged)] == ["local"]
    assert [each.calls_tool for each in box.of(ReplyEnded)] == [True]
    (near,) = box.near
    assert len(near.frames) == 50
    assert near.committed == [FIRST]


def test_a_call_that_was_made_is_reported_by_the_next_and_not_made_again() -> None:
    async def story(box: Box) -> None:
        await box.say(FIRST)
        await box.until(lambda: bool(box.of(ToolCalled)))
        await box.failover.answer_call(box.of(ToolCalled)[0].call, ON)
        await box.until(lambda: bool(box.near))

    script = Script(replies=[Reply("One moment.", calls=(LIGHT,)), Reply("", first_event_s=60.0)])
    box, _ = played(script, story, Spoilt(after=1, close=(1011, "")))

    assert len(box.of(ToolCalled)) == 1
    owed = box.near[0].handover.owed
    assert owed is not None
    assert [(each.tool, each.result) for each in owed.calls] == [("set_light", ON)]


def test_a_wrong_key_is_tried_once_and_the_next_answers() -> None:
    async def story(box: Box) -> None:
        await box.say(FIRST)
        await box.until(lambda: bool(box.near) and bool(box.near[0].committed))
        near = box.near[0]
        near.emit(ReplyStarted(NEAR, FIRST), ReplyText(NEAR, "Yes."), ReplyEnded(NEAR))
        await box.until(lambda: bool(box.of(ReplyEnded)))
        await asyncio.sleep(120.0)

    _, server = played(Script(refusal=WRONG_KEY), story)

    assert len(server.paths) == 1
