"""The voices of services in a session of the pipeline, with scripted ears and a scripted mind."""

import asyncio
from collections.abc import Awaitable, Callable

import httpcore2  # noqa: F401 - as below
import pytest

import appliance.backend.web.wire  # noqa: F401 - while the loop runs it would need a thread
from appliance.backend.pipeline.parts import Says, TextToSpeech, Trio
from appliance.backend.pipeline.session import PipelineBackend
from appliance.backend.prompting.persona import PLAIN
from appliance.backend.tts import cartesia, elevenlabs, openai
from appliance.config import Config
from appliance.errors import BackendUnavailable
from appliance.events import ReplyAudio, ReplyStarted, StageTook
from tests import speech_server
from tests.pipeline_parts import FIRST, SECOND, TERMS, FakeMind, FakeStt, Sentences, Talk, Wait
from tests.tts_servers import KEY, CartesiaVoice, ElevenLabsVoice, Manners, pcm_of, serving
from tests.virtual_time import run_virtual

LONG = "This is a long answer that takes a while to be spoken."
AND, SHORT = "And it goes on.", "Yes, of course."
VENDORS = pytest.mark.parametrize("vendor", ["cartesia", "elevenlabs", "openai"])

Story = Callable[[Talk], Awaitable[None]]


def config(vendor: str, url: str) -> Config:
    tts = {"vendor": vendor, "url": url, "voice": "v-1"}
    return Config.model_validate({"keys": {"tts": KEY}, "pipeline": {"tts": tts}})


async def tell(voice: TextToSpeech, mind: FakeMind, story: Story) -> Talk:
    trio = Trio(FakeStt(), mind, voice)
    talk = Talk(PipelineBackend(trio, Sentences(), lambda: (), TERMS), trio)
    async with asyncio.TaskGroup() as group:
        group.create_task(talk.follow(), name="events")
        await asyncio.sleep(0)
        await story(talk)
        await talk.backend.close()
    return talk


def talk(vendor: str, mind: FakeMind, story: Story, *, breaks: bool = False) -> Talk:
    """Tell a story to a session whose voice is of this vendor; it may break after one piece."""

    async def over_http() -> Talk:
        stops = 5_000 if breaks else None
        async with speech_server.serving(speech_server.Manners(stops_after=stops)) as server:
            part = config(vendor, server.url)
            return await tell(openai.text_to_speech(part, PLAIN), mind, story)

    async def over_socket() -> Talk:
        server_of = CartesiaVoice if vendor == "cartesia" else ElevenLabsVoice
        make = cartesia if vendor == "cartesia" else elevenlabs
        async with serving(server_of(Manners(fault="abort" if breaks else ""))) as server:
            part = config(vendor, server.url)
            return await tell(make.text_to_speech(part, PLAIN), mind, story)

    return run_virtual(over_http() if vendor == "openai" else over_socket())


def sound_of(found: Talk, reply: int) -> bytes:
    response = found.of(ReplyStarted)[reply].response
    return b"".join(each.pcm for each in found.of(ReplyAudio) if each.response == response)


@VENDORS
def test_a_reply_is_heard_while_the_mind_still_writes(vendor: str) -> None:
    async def story(t: Talk) -> None:
        await t.ask(FIRST, "hello")
        await t.ended()

    mind = FakeMind([[Says(f"{LONG} "), Wait(2.0), Says(AND)]])
    found = talk(vendor, mind, story)
    assert sound_of(found, 0) == pcm_of(LONG) + pcm_of(AND)
    stages = {took.stage: took for took in found.of(StageTook)}
    assert stages["tts"].first < stages["llm"].took


@VENDORS
def test_whoever_interrupts_hears_nothing_of_the_old_reply(vendor: str) -> None:
    async def story(t: Talk) -> None:
        await t.ask(FIRST, "hello")
        await t.until(lambda: bool(t.of(ReplyAudio)))
        await t.cancel(heard=0.05)
        await t.ask(SECOND, "really?")
        await t.ended()
        await asyncio.sleep(5.0)

    mind = FakeMind([[Says(f"{LONG} {LONG} {AND}")], [Says(SHORT)]])
    found = talk(vendor, mind, story)
    assert sound_of(found, 1) == pcm_of(SHORT)
    assert len(sound_of(found, 0)) < len(pcm_of(LONG))


@VENDORS
def test_a_voice_that_breaks_off_ends_the_session_for_the_next_backend(vendor: str) -> None:
    async def story(t: Talk) -> None:
        await t.ask(FIRST, "hello")
        await t.until(lambda: t.error is not None)

    found = talk(vendor, FakeMind([[Says(LONG)]]), story, breaks=True)
    assert isinstance(found.error, BackendUnavailable)
    assert pcm_of(LONG).startswith(sound_of(found, 0))
