"""The voice with OpenAI's interface: a server that is not ours, and our own ears."""

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing

import numpy as np
import pytest
import soxr

from appliance.backend.local.stt import Transcriber
from appliance.backend.local.trim import trim
from appliance.backend.local.tts import Voice
from appliance.backend.prompting.persona import PLAIN
from appliance.backend.tts.openai import text_to_speech
from appliance.config import Config
from appliance.errors import BackendRefused, BackendUnavailable
from appliance.frames import RATE
from tests.aimock import aimock
from tests.models import model_folder
from tests.speech_server import Manners, serving
from tests.tts_servers import KEY, pcm_of

HELLO, HOW = "Hello there, dear listener.", "How are you?"


def spoken(text: str) -> Mapping[str, object]:
    sound = {"audio": base64.b64encode(pcm_of(text)).decode(), "format": "pcm"}
    return {"match": {"userMessage": text, "endpoint": "speech"}, "response": sound}


def refused(text: str, status: int, code: str, **more: object) -> Mapping[str, object]:
    error = {"message": "No.", "type": "invalid_request_error", "code": code}
    match = {"userMessage": text, "endpoint": "speech"}
    return {"match": match, "response": {"error": error, "status": status, **more}}


FIXTURES = [
    spoken(HELLO),
    spoken(HOW),
    refused("Quota.", 429, "insufficient_quota"),
    refused("Busy.", 429, "rate_limit_exceeded", retryAfter=7),
    refused("Model.", 404, "model_not_found"),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with aimock(tmp_path_factory.mktemp("aimock"), FIXTURES) as port:
        yield f"http://127.0.0.1:{port}/v1"


async def said(*texts: str) -> AsyncIterator[str]:
    for text in texts:
        yield text


async def listen(url: str, *texts: str) -> bytes:
    config = Config.model_validate(
        {"keys": {"tts": KEY}, "pipeline": {"tts": {"vendor": "openai", "url": url}}}
    )
    tts = text_to_speech(config, PLAIN)
    try:
        await tts.warm()
        async with aclosing(tts.speak(said(*texts))) as pieces:
            return b"".join([piece async for piece in pieces if isinstance(piece, bytes)])
    finally:
        await tts.close()


async def test_it_speaks_with_the_voice_of_aimock(url: str) -> None:
    assert await listen(url, HELLO, HOW) == pcm_of(HELLO) + pcm_of(HOW)


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("Quota.", BackendRefused, "credit"),
        ("Model.", BackendRefused, "pipeline.tts.model"),
        ("Busy.", BackendUnavailable, "again in 7 s"),
        ("Unknown.", BackendRefused, "check pipeline.tts.url"),
    ],
)
async def test_what_aimock_refuses_is_said_in_one_line(
    url: str, text: str, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        await listen(url, text)


async def heard_from(manners: Manners, *texts: str) -> bytes:
    async with serving(manners) as server:
        return await listen(server.url, *texts)


def test_what_was_streamed_is_understood_by_our_own_ears() -> None:
    voice = Voice(model_folder("voice-en-joe"))
    voice._scales[[0, 2]] = 0.0  # noise in the sound, noise in the lengths
    ears = Transcriber(model_folder("moonshine-base"))
    sentences = ("The kitchen light is on.", "Set the living room to forty percent.")
    prepared = {
        text: soxr.resample(voice.synthesize(text), voice.rate, 24_000).astype("<i2").tobytes()
        for text in sentences
    }
    manners = Manners(first_s=0.0, pace=100.0, piece=1_001, sound=prepared.__getitem__)
    pcm = asyncio.run(heard_from(manners, *sentences))
    sound = soxr.resample(np.frombuffer(pcm, "<i2"), 24_000, RATE)
    room = np.random.default_rng(1).normal(0, 8, RATE).astype(np.int16)
    written = ears.transcribe(trim(np.concatenate([room, sound, room])))
    heard = re.findall(r"[a-z]+", written.lower().replace("40%", "forty percent"))
    assert heard == re.findall(r"[a-z]+", " ".join(sentences).lower())
