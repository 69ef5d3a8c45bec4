"""Parts of the box beside parts that are services, in one session; in virtual time."""

import numpy as np
import pytest

from appliance.backend.context import Called, Handover
from appliance.backend.local import phrases, worker
from appliance.backend.local.hearing import LocalStt
from appliance.backend.local.mind import LocalMind
from appliance.backend.local.parts import Parts
from appliance.backend.local.pipeline import LocalBackend
from appliance.backend.local.speaking import LocalTts
from appliance.backend.local.understand.types import Call, Past, Understanding
from appliance.backend.local.worker import Worker
from appliance.backend.pipeline.parts import Says, Trio
from appliance.events import ReplyAudio, ReplyText, StageTook, Transcribed
from appliance.ports import ToolResult
from appliance.units import CallId, Seconds
from tests.on_device import LAMP, ON, RATE, AtOnce, Ears, Mind, Mouth, frame
from tests.pipeline_parts import FIRST, FakeMind, FakeStt, FakeTts, Talk, Wait, now, talk
from tests.virtual_time import run_virtual

SAY = phrases.load("en")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "ThreadPoolExecutor", AtOnce)


@pytest.fixture
def parts() -> Parts:
    return Parts(Ears("turn on the light"), Mind(Understanding("sentences", (ON,))), Mouth(), SAY)


async def asked(t: Talk) -> None:
    await t.ask()
    await t.ended()


def test_a_mind_of_a_service_speaks_with_the_voice_of_the_box(parts: Parts) -> None:
    thinks = FakeMind(([Says("It is 21 °C. T"), Wait(2.0), Says("hat is all.")],))
    mixed = Trio(
        LocalStt(parts, Worker(parts.in_use)), thinks, LocalTts(parts, Worker(parts.in_use))
    )
    found = talk(asked, mixed)
    assert found.heard() == ["turn on the light"]
    assert found.said() == ["It is 21 °C.", "That is all."]
    assert isinstance(parts.voice, Mouth)
    assert parts.voice.said == ["It is 21 degrees.", "That is all."]
    assert found.at(ReplyAudio) == found.at(ReplyText) == found.at(Transcribed)
    sound = np.concatenate([np.frombuffer(e.pcm, "<i2") for e in found.of(ReplyAudio)])
    assert np.count_nonzero(sound == 0) == round(0.18 * RATE)  # a pause between the two


def test_the_understanding_of_the_box_is_told_what_was_done_elsewhere(parts: Parts) -> None:
    done = Handover((Called(CallId("a"), "light", {"state": "on"}, ToolResult("done")),))
    worker_of = Worker(parts.in_use)
    mixed = Trio(FakeStt(), LocalMind(parts, worker_of, lambda: (LAMP,), done), FakeTts())

    async def story(t: Talk) -> None:
        await t.ask()
        await t.called()
        await t.answer(ToolResult("done", "The light is on."))
        await t.ended(2)

    found = talk(story, mixed, done)
    assert isinstance(parts.understander, Mind)
    assert parts.understander.past == [(Past((Call("light", {"state": "on"}),)),)]
    assert found.replies() == [(1, []), (1, ["The light is on."])]


def test_the_box_tells_its_stages_to_who_asks() -> None:
    async def main() -> list[StageTook]:
        made = Parts(Ears(), Mind(Understanding("sentences", say="Which one?")), Mouth(), SAY)
        backend = LocalBackend(made, lambda: (LAMP,), stages=True, patience=Seconds(1.0))
        talking = Talk(backend, Trio(FakeStt(), FakeMind(), FakeTts()))
        await backend.send_audio(frame())
        await backend.commit_turn(FIRST)
        async for event in backend.events():
            talking.events.append(event)
            talking.times.append(now())
            if talking.stages() == ["stt", "llm", "tts"]:
                break
        await backend.close()
        return talking.of(StageTook)

    titles = [event.title for event in run_virtual(main())]
    assert titles == ["ears of the box", "understanding of the box", "voice of the box"]
