"""OpenAI's transcriptions against a server that is not ours: aimock, over a real socket."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager

import pytest

from appliance.backend.stt import form
from appliance.backend.stt.openai import Transcriptions
from appliance.backend.web.address import WebAddress
from appliance.backend.web.client import Service
from appliance.errors import BackendRefused, BackendUnavailable
from appliance.units import Seconds
from tests.aimock import aimock
from tests.stt_servers import frames, silence, spoken

TEXT = "Turn on the kitchen light. " * 8


def fixture(model: str, response: Mapping[str, object]) -> Mapping[str, object]:
    return {"match": {"endpoint": "transcription", "model": model}, "response": response}


def failure(status: int, code: str, **more: object) -> Mapping[str, object]:
    error = {"message": "No.", "type": "invalid_request_error", "code": code}
    return {"error": error, "status": status, **more}


FIXTURES = [
    fixture("gpt-transcribe", {"transcription": {"text": TEXT}}),
    fixture("whisper-1", {"transcription": {"text": "No stream."}}),
    fixture("silent", {"transcription": {"text": ""}}),
    fixture("locked", failure(401, "invalid_api_key")),
    fixture("poor", failure(429, "insufficient_quota")),
    fixture("busy", failure(429, "rate_limit_exceeded", retryAfter=3)),
    {
        **fixture("broken", {"transcription": {"text": TEXT}}),
        "truncateAfterChunks": 2,
    },
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with aimock(tmp_path_factory.mktemp("aimock"), FIXTURES) as port:
        yield f"http://127.0.0.1:{port}/v1"


@asynccontextmanager
async def opened(url: str, model: str, *, stream: bool = True) -> AsyncIterator[Transcriptions]:
    address = WebAddress(url, {"Authorization": "Bearer sk-test"}, section="pipeline.stt")
    service = Service(address, Seconds(5.0), Seconds(10.0))
    fields = form.fields(model, "en", ["Zigbee"], stream=stream)
    made = Transcriptions(service, fields, Seconds(30.0))
    try:
        yield made
    finally:
        await made.close()


async def say(service: Transcriptions) -> str:
    turn = service.listen()
    for frame in frames(spoken("turn on the light")):
        await turn.hear(frame)
    turn.expect_end()
    for frame in frames(silence(0.7)):
        await turn.hear(frame)
    return await turn.finish(as_expected=True)


@pytest.mark.parametrize("stream", [False, True])
async def test_two_turns(url: str, *, stream: bool) -> None:
    async with opened(url, "gpt-transcribe", stream=stream) as service:
        assert await say(service) == TEXT.strip()
        assert await say(service) == TEXT.strip()


@pytest.mark.parametrize(("model", "text"), [("whisper-1", "No stream."), ("silent", "")])
async def test_models_that_say_little(url: str, model: str, text: str) -> None:
    async with opened(url, model) as service:
        assert await say(service) == text


@pytest.mark.parametrize(
    ("model", "advice"), [("locked", "give a key"), ("poor", "add credit"), ("no-model", "model")]
)
async def test_it_will_not_have_us(url: str, model: str, advice: str) -> None:
    async with opened(url, model) as service:
        with pytest.raises(BackendRefused, match=advice):
            await say(service)


async def test_it_is_busy_and_says_for_how_long(url: str) -> None:
    async with opened(url, "busy") as service:
        with pytest.raises(BackendUnavailable, match="again in 3 s"):
            await say(service)


async def test_it_breaks_off_in_the_middle(url: str) -> None:
    async with opened(url, "broken") as service:
        with pytest.raises(BackendUnavailable, match=r"broke off|hung up"):
            await say(service)
