"""A service of speech to text that fails in a turn: another one hears all of it."""

import asyncio
from collections.abc import Callable

import pytest

from appliance.backend.choice import Choice
from appliance.backend.context import Handover
from appliance.backend.failover import Failover
from appliance.backend.pipeline.parts import Says, SpeechToText, Trio
from appliance.backend.pipeline.session import PipelineBackend
from appliance.backend.pipeline.terms import NO_WORDS
from appliance.backend.stt import cartesia, deepgram
from appliance.config import Config
from appliance.events import BackendEvent, ReplyEnded, ReplyText, Transcribed, Used
from appliance.units import TurnNumber
from tests.fakes import LoopClock
from tests.pipeline_parts import LAMP, TERMS, FakeMind, FakeTts
from tests.sessions import PATIENCE, FakePurse
from tests.stt_servers import (
    BUSY,
    KEY,
    NO_CREDIT,
    SttServer,
    Ways,
    frames,
    serving,
    silence,
    spoken,
)
from tests.virtual_time import run_virtual

SAID = "turn on the light in the kitchen and close the blind"


def config(vendor: str, server: SttServer) -> Config:
    return Config.model_validate({
        "pipeline": {"stt": {"vendor": vendor, "url": server.url}},
        "keys": {"stt": KEY},
    })  # fmt: skip


def opener(stt: Callable[[], SpeechToText], answer: str) -> Callable[[Handover], PipelineBackend]:
    def opened(handover: Handover) -> PipelineBackend:
        parts = Trio(stt(), FakeMind(((Says(answer),),)), FakeTts())
        return PipelineBackend(parts, NO_WORDS, lambda: (LAMP,), TERMS, handover)

    return opened


@pytest.mark.parametrize(
    "ways",
    [
        Ways(refusal=NO_CREDIT),
        Ways(refusal=BUSY),
        Ways(stops_after_s=0.8),
        Ways(slow_door_s=9.0),
        Ways(mute=True, takes_s=99.0),
        Ways(complaint={"type": "Error", "variant": "SchemaError"}),
    ],
    ids=["credit", "busy", "stops", "door", "mute", "error"],
)
def test_the_next_one_hears_the_whole_turn(ways: Ways) -> None:
    events: list[BackendEvent] = []

    async def scene() -> list[str]:
        async with serving(ways) as far, serving() as near:
            failover = Failover(
                {
                    "far": opener(
                        lambda: deepgram.speech_to_text(config("deepgram", far)), "Far."
                    ),
                    "near": opener(
                        lambda: cartesia.speech_to_text(config("cartesia", near)), "Near."
                    ),
                },
                Choice(("far", "near"), frozenset({"far"})),
                patience=PATIENCE,
                clock=LoopClock(),
                purse=FakePurse(),
                jitter=lambda: 0.0,
            )

            async def follow() -> None:
                async for event in failover.events():
                    events.append(event)  # noqa: PERF401 - it never ends

            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(failover.run(), name="failover"),
                    group.create_task(follow(), name="follow"),
                ]
                for frame in frames(spoken(SAID)):
                    await failover.send_audio(frame)
                    await asyncio.sleep(0.01)
                await failover.expect_end()
                for frame in frames(silence(0.7)):
                    await failover.send_audio(frame)
                    await asyncio.sleep(0.01)
                await failover.commit_turn(TurnNumber(1), as_expected=True)
                await asyncio.sleep(15.0)
                for task in tasks:
                    task.cancel()
            return [call.path for call in near.calls]

    assert run_virtual(scene()) == ["/stt/websocket"]
    assert [event.text for event in events if isinstance(event, Transcribed)] == [SAID]
    assert [event.text for event in events if isinstance(event, ReplyText)] == ["Near."]
    assert len([event for event in events if isinstance(event, ReplyEnded)]) == 1
    heard = [event.usage.model for event in events if isinstance(event, Used)]
    assert "ink-2" in heard
