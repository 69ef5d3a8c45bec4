"""What it saves that the stages of a pipeline overlap, beside the other kinds of backend.

From the end of speech (the commit of a turn, the trailing silence has passed) to the first sample:
for speech-to-speech, for the pipeline of three services, for the same pipeline with each stage
waiting for the one before it, and for the box itself. The services are scripted servers on the
loopback, in this process, whose delays are the constants below; sound and words go in real time,
through the real clients. The box itself has its real models, and does real work.
"""

import argparse
import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from statistics import median

import numpy as np
from numpy.typing import NDArray

from appliance.backend.kinds.realtime import realtime_session
from appliance.backend.llm import openai_chat
from appliance.backend.local import phrases
from appliance.backend.local.pipeline import LocalBackend
from appliance.backend.local.tts import Voice
from appliance.backend.pipeline.parts import (
    Mind,
    Recognition,
    SpeechToText,
    Talk,
    TextToSpeech,
    Thought,
    Trio,
)
from appliance.backend.pipeline.session import PipelineBackend
from appliance.backend.pipeline.terms import Terms
from appliance.backend.prompting.persona import PLAIN
from appliance.backend.stt import deepgram
from appliance.backend.tts import cartesia
from appliance.catalogue import ToolSpec
from appliance.config import Config
from appliance.errors import BackendError
from appliance.events import ReplyAudio, ReplyEnded, StageTook, ToolCalled, Usage
from appliance.frames import FRAME_SAMPLES, RATE, Frame
from appliance.ports import Backend, ToolResult
from appliance.store import ModelStore
from appliance.units import SampleIndex, SampleRate, TurnNumber
from tests import llm_servers, realtime_server, stt_servers, tts_servers, web_server
from tests.benchmarks import Row
from tests.benchmarks._local import ANSWERS, REQUESTS, catalogue, load, spoken
from tests.benchmarks._warming import warm_up

NAME = "overlap"
SUMMARY = "End of speech to first sample by kind of backend and stage; what overlapping saves."

STT_FINAL_S = 0.3
"""From the end of speech to its text."""

LLM_FIRST_S, TOKENS_A_SECOND = 0.4, 40.0
TTS_FIRST_S, TTS_PACE, CHARACTER_S = 0.25, 5.0, 0.065
"""From a sentence to its first sound, how many times faster than it is heard, and how long it is:
15 characters a second."""

SPEECH_FIRST_S = 0.5
"""Speech-to-speech: from the commit to the first sound."""

REPLY = (
    "The kitchen is at twenty one degrees, and its window has been open since noon. "
    "It will rain from four o'clock on, so I would close it before you leave. "
    "Shall I switch the heating off until you are back?"
)
TOKEN = 4
"""Characters of a token."""

TURNS = 5
LEAST_SAVED = 40.0
"""Per cent."""

Sound = NDArray[np.int16]


@dataclass(slots=True)
class Waited:
    """One turn, in seconds from its commit."""

    first: float = float("nan")
    stages: dict[str, StageTook] = field(default_factory=dict)


# -- one stage after another ----------------------------------------------------------------------


class LateHearing:
    """Keeps the sound of a turn until its end."""

    def __init__(self, made: Recognition) -> None:
        self._made = made
        self._frames: list[Frame] = []

    @property
    def usage(self) -> Usage | None:
        return self._made.usage

    async def hear(self, frame: Frame) -> None:
        self._frames.append(frame)

    def expect_end(self) -> None:
        pass

    async def finish(self, *, as_expected: bool) -> str:
        for frame in self._frames:
            await self._made.hear(frame)
        return await self._made.finish(as_expected=as_expected)

    async def drop(self) -> None:
        await self._made.drop()


@dataclass(slots=True)
class LateEars:
    """Writes a turn down once it is over."""

    made: SpeechToText

    @property
    def title(self) -> str:
        return self.made.title

    def listen(self) -> LateHearing:
        return LateHearing(self.made.listen())

    async def close(self) -> None:
        await self.made.close()


@dataclass(slots=True)
class LateMind:
    """Tells what it thought once it has thought all of it."""

    made: Mind

    @property
    def title(self) -> str:
        return self.made.title

    @property
    def sees(self) -> bool:
        return self.made.sees

    async def think(self, talk: Talk, tools: Sequence[ToolSpec]) -> AsyncGenerator[Thought, None]:
        for thought in [each async for each in self.made.think(talk, tools)]:
            yield thought

    async def close(self) -> None:
        await self.made.close()


@dataclass(slots=True)
class LateVoice:
    """Speaks once it has every sentence, and all of their sound."""

    made: TextToSpeech

    @property
    def title(self) -> str:
        return self.made.title

    @property
    def rate(self) -> SampleRate:
        return self.made.rate

    async def speak(self, sentences: AsyncIterator[str]) -> AsyncGenerator[bytes | Usage, None]:
        every = [each async for each in sentences]
        for piece in [each async for each in self.made.speak(_each(every))]:
            yield piece

    async def close(self) -> None:
        await self.made.close()


async def _each(sentences: Sequence[str]) -> AsyncGenerator[str, None]:
    for sentence in sentences:
        yield sentence


def one_after_another(trio: Trio) -> Trio:
    """Return the same parts, each of which waits for all of what comes before it."""
    return Trio(LateEars(trio.stt), LateMind(trio.mind), LateVoice(trio.tts))


def streamed_sound(trio: Trio) -> Trio:
    """Return the same parts, each of which waits, but for the voice: its sound is streamed."""
    return Trio(LateEars(trio.stt), LateMind(trio.mind), trio.tts)


# -- the backends ---------------------------------------------------------------------------------


@asynccontextmanager
async def services() -> AsyncIterator[Config]:
    """Run the three services of the pipeline; gives the settings for them."""
    tokens = [REPLY[at : at + TOKEN] for at in range(0, len(REPLY), TOKEN)]
    paced: list[bytes | float] = []
    for event in llm_servers.chat_stream(llm_servers.Reply(tokens)):
        paced += [event, 1 / TOKENS_A_SECOND]
    answers = [web_server.Answer(paced, delay=LLM_FIRST_S) for _ in range(TURNS)]
    manners = tts_servers.Manners(first_s=TTS_FIRST_S, pace=TTS_PACE, char_s=CHARACTER_S)
    ways = stt_servers.Ways(takes_s=STT_FINAL_S)
    async with AsyncExitStack() as stack:
        ears = await stack.enter_async_context(stt_servers.serving(ways))
        mind = await stack.enter_async_context(web_server.serving(*answers))
        voice = tts_servers.CartesiaVoice(manners)
        await stack.enter_async_context(tts_servers.serving(voice))
        pipeline = {
            "stt": {"vendor": "deepgram", "url": ears.url},
            "llm": {"vendor": "openai", "url": mind.url, "model": llm_servers.MODEL},
            "tts": {"vendor": "cartesia", "url": voice.url, "voice": "v"},
        }
        keys = {"stt": stt_servers.KEY, "llm": llm_servers.KEY, "tts": tts_servers.KEY}
        yield Config.model_validate({"keys": keys, "pipeline": pipeline})


async def of_services(arrange: Callable[[Trio], Trio]) -> list[Waited]:
    """Measure the pipeline of three services."""
    async with services() as config:
        trio = Trio(
            deepgram.speech_to_text(config),
            openai_chat.mind(config, PLAIN),
            cartesia.text_to_speech(config, PLAIN),
        )
        backend = PipelineBackend(arrange(trio), phrases.load("en"), lambda: (), Terms())
        return await turns(backend, [stt_servers.spoken("how is the kitchen")] * TURNS)


async def of_speech() -> list[Waited]:
    """Measure a speech-to-speech service."""
    sound = tts_servers.pcm_of(REPLY, char_s=CHARACTER_S)
    reply = realtime_server.Reply(REPLY, sound, first_audio_s=SPEECH_FIRST_S, pace=TTS_PACE)
    script = realtime_server.Script([reply] * TURNS)
    async with realtime_server.serving(script) as server:
        shown = {"url": server.url, "api_key": realtime_server.KEY}
        backend = realtime_session(Config.model_validate({"realtime": shown}), lambda: ())
        return await turns(backend, [stt_servers.spoken("how is the kitchen")] * TURNS)


async def of_the_box(store: ModelStore) -> list[Waited]:
    """Measure the box itself, with the base model."""
    parts = await asyncio.to_thread(load, store, "base")
    await asyncio.to_thread(warm_up, parts, catalogue())
    speaker = await asyncio.to_thread(Voice, store.folder("voice-en-joe"))
    sounds = [await asyncio.to_thread(spoken, speaker, text) for text in REQUESTS[:TURNS]]
    return await turns(LocalBackend(parts, catalogue, stages=True), sounds)


async def turns(backend: Backend, sounds: Sequence[Sound]) -> list[Waited]:
    """Put requests to one session in real time, one after the other; tools answer at once."""
    measured = []
    async with aclosing(_named(backend.events())) as events, asyncio.TaskGroup() as group:
        for number, sound in enumerate(sounds, start=1):
            speaking = group.create_task(_say(backend, sound, TurnNumber(number)))
            measured.append(await _turn(backend, events, speaking, ANSWERS[number]))
        await backend.close()
        with suppress(BackendError):
            await anext(events)
    return measured


async def _named(events: AsyncIterator[object]) -> AsyncGenerator[object, None]:
    async for event in events:
        yield event


async def _say(backend: Backend, sound: Sound, turn: TurnNumber) -> float:
    """Speak in real time; return when the turn was committed."""
    begun = time.perf_counter()
    for start in range(0, len(sound) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        await asyncio.sleep(begun + start / RATE - time.perf_counter())
        frame = Frame(sound[start : start + FRAME_SAMPLES], SampleIndex(start))
        await backend.send_audio(frame)
    committed = time.perf_counter()
    await backend.commit_turn(turn)
    return committed


async def _turn(
    backend: Backend, events: AsyncIterator[object], speaking: asyncio.Task[float], answer: str
) -> Waited:
    waited = Waited()
    async for event in events:
        match event:
            case ReplyAudio() if np.isnan(waited.first):
                waited.first = time.perf_counter() - await speaking
            case StageTook(stage=stage):
                waited.stages[stage] = event
            case ToolCalled(call=call):
                await backend.answer_call(call, ToolResult("done", answer))
            case ReplyEnded(calls_tool=False):
                break
            case _:
                pass
    return waited


# -- the table ------------------------------------------------------------------------------------


def rows_of(name: str, measured: Sequence[Waited], note: str) -> list[Row]:
    """Return the first sample, and each stage until it gave its first."""
    rows = [Row(f"{name}: first sample", _ms([one.first for one in measured]), "ms", note=note)]
    for stage in ("stt", "llm", "tts"):
        took = [one.stages[stage] for one in measured if stage in one.stages]
        if took:
            first = _ms([float(each.first) for each in took])
            last = _ms([float(each.took) for each in took])
            rows.append(
                Row(f"{name}: {stage}, first", first, "ms", note=f"all of it {last:.0f} ms")
            )
    return rows


def _ms(seconds: Sequence[float]) -> float:
    return 1000 * median(seconds)


def run(_: argparse.Namespace) -> list[Row]:
    overlapped = asyncio.run(of_services(lambda trio: trio))
    waiting = asyncio.run(of_services(one_after_another))
    streamed = asyncio.run(of_services(streamed_sound))
    together, half, apart = (
        _ms([one.first for one in each]) for each in (overlapped, streamed, waiting)
    )
    scripted = f"scripted: text {STT_FINAL_S} s, token {LLM_FIRST_S} s, sound {TTS_FIRST_S} s"
    spoken_at = f"scripted: first sound {SPEECH_FIRST_S} s"
    return [
        *rows_of("speech-to-speech", asyncio.run(of_speech()), spoken_at),
        *rows_of("pipeline of services", overlapped, scripted),
        *rows_of("one stage after another", waiting, "the same servers and clients"),
        Row("the same, but its sound is streamed: first sample", half, "ms"),
        *rows_of("the box itself", asyncio.run(of_the_box(ModelStore.default())), "base model"),
        Row(
            "what overlapping saves of the wait",
            100 * (1 - together / apart),
            "%",
            note=f"{TURNS} turns, a reply of three sentences; medians",
            least=LEAST_SAVED,
        ),
        Row("and where the sound is streamed anyway", 100 * (1 - together / half), "%"),
    ]
