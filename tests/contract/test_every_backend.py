"""The same conversation with every backend, each on its own server, in virtual time.

Realtime, Live, ElevenLabs and Gemini over real sockets against the scripted servers of the tests;
the pipeline and the box itself with parts that say what the script says.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from appliance.backend.choice import Choice
from appliance.backend.context import NOTHING, Handover
from appliance.backend.failover import Failover
from appliance.backend.kinds.find import kind
from appliance.backend.kinds.local import local_backend
from appliance.backend.local import phrases, worker
from appliance.backend.local.parts import Parts
from appliance.backend.local.understand.types import Call as Understood
from appliance.backend.local.understand.types import Understanding
from appliance.backend.pipeline.parts import Calls, Says
from appliance.backend.pipeline.session import PipelineBackend
from appliance.backend.roster import Patience
from appliance.catalogue import ToolSpec
from appliance.config import Config
from appliance.errors import BackendUnavailable
from appliance.events import BackendChanged, ReplyEnded
from appliance.ports import Backend
from tests import elevenlabs_server, gemini_server, live_server, realtime_server
from tests.conversation_script import FIRST, INTERIM, SCENES, Scene, Watched, play
from tests.fakes import LoopClock
from tests.following import LIGHT, STOP, means
from tests.on_device import AtOnce, Ears, Mind, Mouth
from tests.pipeline_parts import TERMS, FakeMind, FakeTts, Sentences, Step, trio
from tests.realtime_server import Reply, Script, faults
from tests.realtime_server.script import Close
from tests.sessions import FakePurse, ScriptedSession
from tests.virtual_time import run_virtual

SAY = phrases.load("en")
TOOLS = (LIGHT, STOP)

Opens = Callable[[Handover], Backend]
Stage = Callable[[Scene], AbstractAsyncContextManager[Opens]]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "ThreadPoolExecutor", AtOnce)


def opener(name: str, settings: dict[str, object]) -> Opens:
    made = means(settings)
    return lambda handover: kind(name).open(made, handover)


@asynccontextmanager
async def realtime(scene: Scene) -> AsyncIterator[Opens]:
    twists = (faults.instead(faults.AUDIO, Close(1011), count=8),) if scene.breaks else ()
    replies = [
        Reply(each.text, calls=each.calls, pace=each.pace, twists=twists) for each in scene.replies
    ]
    async with realtime_server.serving(Script(replies=replies)) as server:
        settings = {"url": server.url, "api_key": realtime_server.KEY}
        yield opener("realtime", {"realtime": settings})


@asynccontextmanager
async def live(scene: Scene) -> AsyncIterator[Opens]:
    spoilt = live_server.Spoilt(after=8, close=(1011, "")) if scene.breaks else None
    async with live_server.serving(Script(replies=scene.replies), spoilt=spoilt) as server:
        keys = {"openai": live_server.KEY}
        yield opener("live", {"live": {"url": server.url}, "keys": keys})


@asynccontextmanager
async def elevenlabs(scene: Scene) -> AsyncIterator[Opens]:
    close = (1011, "") if scene.breaks else None
    spoilt = elevenlabs_server.Spoilt(after=8 if scene.breaks else 0, close=close)
    script = Script(replies=scene.replies)
    async with elevenlabs_server.serving_agent(script, spoilt) as server:
        agent = {"url": server.url, "agent_id": elevenlabs_server.AGENT}
        keys = {"elevenlabs": elevenlabs_server.KEY}
        yield opener("elevenlabs", {"elevenlabs": agent, "keys": keys})


@asynccontextmanager
async def gemini(scene: Scene) -> AsyncIterator[Opens]:
    close = (1011, "") if scene.breaks else None
    spoilt = gemini_server.Spoilt(after=8 if scene.breaks else 0, close=close)
    async with gemini_server.serving_gemini(Script(replies=scene.replies), spoilt) as server:
        keys = {"gemini": gemini_server.KEY}
        yield opener("gemini", {"gemini": {"url": server.url}, "keys": keys})


@asynccontextmanager
async def pipeline(scene: Scene) -> AsyncIterator[Opens]:
    thoughts: list[list[Step]] = [
        [
            *([Says(f"{each.text} ")] if each.text else []),
            *(Calls(call.name, json.loads(call.arguments)) for call in each.calls),
        ]
        for each in scene.replies
        if each.text != INTERIM
    ]
    error = BackendUnavailable("the voice is gone") if scene.breaks else None
    parts = trio(mind=FakeMind(thoughts), tts=FakeTts(error=error, after=2, speed=2.0))
    yield lambda handover: PipelineBackend(parts, Sentences(), lambda: TOOLS, TERMS, handover)


@asynccontextmanager
async def local(scene: Scene) -> AsyncIterator[Opens]:
    meanings = [
        Understanding(
            "sentences" if each.calls else "none",
            tuple(Understood(call.name, json.loads(call.arguments)) for call in each.calls),
            say=each.text,
        )
        for each in scene.replies
    ]

    class InOrder(Mind):
        def understand(self, text: str, catalogue: Sequence[ToolSpec]) -> Understanding:
            self.asked.append((text, tuple(catalogue)))
            return meanings[min(len(self.asked), len(meanings)) - 1]

    parts = Parts(Ears(), InOrder(meanings[0]), Mouth(), SAY)
    yield lambda handover: local_backend(parts, lambda: TOOLS, Config(), handover)


STAGES: dict[str, Stage] = {
    "realtime": realtime,
    "live": live,
    "elevenlabs": elevenlabs,
    "gemini": gemini,
    "pipeline": pipeline,
    "local": local,
}


NEVER_FAILS = "local"
"""The last of every order: where it has no voice it says so in writing (tests/driver/test_local*).
"""


@pytest.mark.parametrize(
    ("name", "scene"),
    [
        (name, scene)
        for name in STAGES
        for scene in SCENES
        if not (name == NEVER_FAILS and SCENES[scene].breaks)
    ],
)
def test_a_scene_with_a_backend(name: str, scene: str) -> None:
    async def main() -> Watched:
        async with STAGES[name](SCENES[scene]) as opens:
            return await play(opens(NOTHING), SCENES[scene])

    run_virtual(main())


@pytest.mark.parametrize("name", [name for name in STAGES if name != NEVER_FAILS])
def test_a_backend_that_fails_in_the_middle_is_followed_by_the_next(name: str) -> None:
    """Its reply ends as one that another follows; the next gets the whole turn, once."""

    async def main() -> tuple[Watched, list[ScriptedSession]]:
        async with STAGES[name](SCENES["error"]) as opens:
            near: list[ScriptedSession] = []

            def opens_near(handover: Handover) -> Backend:
                near.append(ScriptedSession("near", handover))
                return near[-1]

            failover = Failover(
                {"best": opens, "near": opens_near},
                Choice(("best", "near"), frozenset({"best"})),
                patience=Patience(),
                clock=LoopClock(),
                purse=FakePurse(),
                jitter=lambda: 0.0,
            )
            talk = Watched(failover)
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(failover.run(), name="failover"),
                    group.create_task(talk.follow(), name="follow"),
                ]
                await talk.speak(FIRST)
                await talk.until(lambda: bool(near) and bool(near[0].committed), within=30.0)
                for task in tasks:
                    task.cancel()
            return talk, near

    talk, (near,) = run_virtual(main())

    assert [each.name for each in talk.of(BackendChanged)] == ["near"]
    assert all(each.calls_tool for each in talk.of(ReplyEnded))
    assert near.committed == [FIRST]
    assert len(near.frames) == 50
