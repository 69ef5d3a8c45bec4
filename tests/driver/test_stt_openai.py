"""Speech to text with OpenAI's interface against a scripted HTTP server, in virtual time."""

import asyncio
import gc
import io
import json
import logging
import wave
from collections.abc import Awaitable, Callable
from email.parser import BytesParser
from email.policy import HTTP
from typing import TypeVar

import pytest
from openai.types.audio.transcription_create_params import TranscriptionCreateParamsStreaming
from pydantic import SecretStr

import appliance.backend.web.wire  # noqa: F401 - else it is imported in a thread: no virtual time
from appliance.backend.stt import form, openai
from appliance.backend.stt.openai import Transcriptions
from appliance.backend.web.client import Service
from appliance.config import Config
from appliance.errors import (
    BackendError,
    BackendRefused,
    BackendStalled,
    BackendUnavailable,
    ProtocolViolation,
)
from appliance.events import Usage
from appliance.frames import RATE
from appliance.units import Seconds
from tests.stt_servers import KEY, Sound, frames, silence, spoken
from tests.virtual_time import run_virtual
from tests.web_server import Answer, Request, Served, as_json, serving

T = TypeVar("T")
SAID = "turn on the light"
TEXT = as_json({"text": f" {SAID}\n"})
ASKABLE = TranscriptionCreateParamsStreaming.__annotations__


def config(url: str, **stt: object) -> Config:
    return Config.model_validate({
        "pipeline": {"stt": {"vendor": "openai", "url": url, **stt}},
        "keys": {"stt": SecretStr(KEY), "openai": SecretStr("sk-of-the-vendor")},
    })  # fmt: skip


def as_vendor(url: str, **stt: object) -> Transcriptions:
    """Return what OpenAI itself is asked, with another address."""
    own = config("", **stt)
    there = openai.speech_to_text(own)
    address = openai.address(config(url))
    return Transcriptions(Service(address, Seconds(3.0), Seconds(4.0)), there._fields, Seconds(30))


def run(
    use: Callable[[Transcriptions, Served], Awaitable[T]],
    *answers: Answer,
    vendor: bool = False,
    **stt: object,
) -> tuple[T, Served]:
    async def scene() -> tuple[T, Served]:
        async with serving(*answers) as served:
            made = as_vendor if vendor else _own
            service = made(served.url, **stt)
            try:
                return await use(service, served), served
            finally:
                await service.close()

    return run_virtual(scene())


def _own(url: str, **stt: object) -> Transcriptions:
    return openai.speech_to_text(config(url, **stt))


async def say(service: Transcriptions, _: Served) -> str:
    """Have a turn as the box has it."""
    turn = service.listen()
    await hear(turn, spoken(SAID))
    turn.expect_end()
    await hear(turn, silence(0.7))
    return await turn.finish(as_expected=True)


async def hear(turn: openai.UploadedTurn, sound: Sound) -> None:
    for frame in frames(sound):
        await turn.hear(frame)
        await asyncio.sleep(len(frame.samples) / RATE)


def asked(request: Request) -> tuple[dict[str, list[str]], bytes]:
    """Return the fields of a form, checked against the SDK, and the sound in it."""
    assert (request.method, request.path) == ("POST", "/v1/audio/transcriptions")
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    fields: dict[str, list[str]] = {}
    sound = b""
    for part in BytesParser(policy=HTTP).parsebytes(head + request.body).iter_parts():
        name = str(part["content-disposition"].params["name"])
        value = part.get_payload(decode=True)
        assert isinstance(value, bytes)
        if name == "file":
            assert part.get_content_type() == "audio/wav"
            assert part.get_filename() == "turn.wav"
            sound = value
        else:
            assert name.removesuffix("[]") in ASKABLE
            fields.setdefault(name, []).append(value.decode())
    return fields, sound


def samples(file: bytes) -> int:
    with wave.open(io.BytesIO(file)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (RATE, 1, 2)
        return int(sound.getnframes())


def error_of(*answers: Answer, vendor: bool = False) -> BackendError:
    with pytest.raises(BackendError) as caught:
        run(say, *answers, vendor=vendor)
    assert "\n" not in str(caught.value)
    return caught.value


def told(*messages: object) -> Answer:
    return Answer([b"data: " + json.dumps(message).encode() + b"\n\n" for message in messages])


# What was said.


def test_a_turn_is_written_down_while_the_box_becomes_certain() -> None:
    async def use(service: Transcriptions, _: Served) -> float:
        turn = service.listen()
        await hear(turn, spoken(SAID))
        turn.expect_end()
        await hear(turn, silence(0.7))
        certain = asyncio.get_running_loop().time()
        assert await turn.finish(as_expected=True) == SAID
        return asyncio.get_running_loop().time() - certain

    slow = Answer(TEXT.pieces, kind=TEXT.kind, delay=0.5)
    waited, served = run(use, slow)
    assert waited == 0.0
    (request,) = served.requests
    fields, file = asked(request)
    assert fields == {"model": ["whisper-1"], "language": ["en"], "response_format": ["json"]}
    assert samples(file) == len(spoken(SAID))
    assert request.headers["authorization"] == f"Bearer {KEY}"


def test_more_speech_is_asked_for_anew_and_all_of_it_is_billed() -> None:
    async def use(service: Transcriptions, _: Served) -> tuple[str, Usage | None]:
        turn = service.listen()
        await hear(turn, spoken("turn on"))
        turn.expect_end()
        await hear(turn, spoken("the light"))
        turn.expect_end()
        await hear(turn, silence(0.7))
        return await turn.finish(as_expected=True), turn.usage

    (text, usage), served = run(use, as_json({"text": "turn on"}), TEXT)
    assert text == SAID
    lengths = [samples(asked(request)[1]) for request in served.requests]
    assert lengths == [len(spoken("turn on")), len(spoken("turn on")) + len(spoken("the light"))]
    assert usage is not None
    assert usage.audio_s == pytest.approx(sum(lengths) / RATE)


@pytest.mark.parametrize("expected", [False, True])
def test_an_end_otherwise_than_expected(*, expected: bool) -> None:
    async def use(service: Transcriptions, _: Served) -> str:
        turn = service.listen()
        await hear(turn, spoken(SAID))
        if expected:
            turn.expect_end()
        await hear(turn, spoken("please"))
        return await turn.finish(as_expected=False)

    answers = [as_json({"text": "an older answer"})] * expected
    text, served = run(use, *answers, TEXT)
    assert text == SAID
    assert samples(asked(served.requests[-1])[1]) == len(spoken(SAID)) + len(spoken("please"))


def test_nothing_is_asked_about_no_sound_or_next_to_none() -> None:
    async def use(service: Transcriptions, _: Served) -> str:
        empty, short = service.listen(), service.listen()
        await hear(short, silence(0.05))
        short.expect_end()
        texts = [await empty.finish(as_expected=True), await short.finish(as_expected=True)]
        assert empty.usage is None
        assert short.usage is None
        return "".join(texts)

    text, served = run(use)
    assert text == ""
    assert not served.requests


def test_silence_is_nothing_said() -> None:
    text, _ = run(say, as_json({"text": ""}))
    assert text == ""


def test_a_turn_that_never_ends_costs_no_more_than_the_longest() -> None:
    async def use(service: Transcriptions, _: Served) -> Usage | None:
        turn = service.listen()
        for frame in frames(silence(120.0)):
            await turn.hear(frame)
        await turn.finish(as_expected=False)
        return turn.usage

    usage, served = run(use, TEXT)
    assert usage is not None
    assert usage.audio_s < 40.0
    assert samples(asked(served.requests[0])[1]) < 40 * RATE


def test_a_dropped_turn_is_taken_back_and_costs_what_was_asked() -> None:
    async def use(service: Transcriptions, served: Served) -> Usage | None:
        turn = service.listen()
        await hear(turn, spoken(SAID))
        turn.expect_end()
        await asyncio.sleep(0.1)
        await turn.drop()
        await turn.drop()
        assert await turn.finish(as_expected=True) == ""
        assert len(served.requests) == 1
        return turn.usage

    usage, _ = run(use, Answer(delay=3.0))
    assert usage == Usage("whisper-1", audio_s=Seconds(len(spoken(SAID)) / RATE), free=True)


def test_the_length_that_the_server_bills_counts() -> None:
    async def use(service: Transcriptions, _: Served) -> Usage | None:
        turn = service.listen()
        await hear(turn, spoken(SAID))
        await turn.finish(as_expected=False)
        return turn.usage

    answer = as_json({"text": SAID, "usage": {"type": "duration", "seconds": 2}})
    usage, _ = run(use, answer)
    assert usage == Usage("whisper-1", audio_s=Seconds(2.0), free=True)


def test_the_connection_is_made_while_the_user_speaks() -> None:
    async def use(service: Transcriptions, served: Served) -> tuple[int, int]:
        turn = service.listen()
        await hear(turn, spoken(SAID))
        ahead = served.connections
        await turn.finish(as_expected=False)
        return ahead, served.connections

    connections, _ = run(use, TEXT)
    assert connections == (1, 1)


# What is asked.


def test_openai_is_asked_for_its_own_model_in_a_stream_with_keywords() -> None:
    stream = told(
        {"type": "transcript.text.delta", "delta": "turn on"},
        {"type": "transcript.text.delta", "delta": " the light"},
        {"type": "transcript.text.done", "text": SAID},
    )
    text, served = run(say, stream, vendor=True, keywords=["Zigbee", "Wohnzimmer"])
    assert text == SAID
    fields, _ = asked(served.requests[0])
    assert fields == {
        "model": ["gpt-transcribe"],
        "language": ["en"],
        "response_format": ["json"],
        "keywords[]": ["Zigbee", "Wohnzimmer"],
        "stream": ["true"],
    }


def test_other_models_are_given_keywords_as_a_prompt() -> None:
    _, served = run(say, TEXT, model="large-v3", keywords=["Zigbee", "Wohnzimmer"])
    fields, _ = asked(served.requests[0])
    assert fields["prompt"] == ["Zigbee, Wohnzimmer"]
    assert fields["model"] == ["large-v3"]
    assert "stream" not in fields


def test_openais_whisper_does_not_stream() -> None:
    assert "stream" not in form.fields("whisper-1", "en", (), stream=True)


def test_the_vendors_key_goes_to_the_vendor_only() -> None:
    async def scene() -> list[str]:
        places = ("", "https://api.openai.com/v1", "http://gpu.local/v1", "https://x.example/v1")
        return [openai.address(config(url)).headers["Authorization"] for url in places]

    vendor, own = "Bearer sk-of-the-vendor", f"Bearer {KEY}"
    assert run_virtual(scene()) == [vendor, vendor, own, own]


def test_azure_is_shown_its_key_in_its_own_way() -> None:
    headers = openai.address(config("https://x.openai.azure.com/openai/v1")).headers
    assert headers == {"api-key": "sk-of-the-vendor"}


# Bad input.


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (as_json({"error": {"code": "invalid_api_key"}}, 401), BackendRefused, "give a key"),
        (as_json({"error": {"code": "insufficient_quota"}}, 429), BackendRefused, "credit"),
        (as_json({"error": {"code": "model_not_found"}}, 404), BackendRefused,
         "pipeline.stt.model"),
        (as_json({"detail": "no"}, 422), BackendRefused, "pipeline.stt"),
        (as_json({}, 429, Retry_After="9"), BackendUnavailable, "again in 9 s"),
        (as_json({}, 503), BackendUnavailable, "busy"),
        (as_json({}), ProtocolViolation, "no text"),
        (as_json({"text": ["a"]}), ProtocolViolation, "no text"),
        (as_json({"error": {"message": "a secret"}}), BackendUnavailable, "broke off"),
        (Answer([b"<html>"], kind="text/html"), ProtocolViolation, "no JSON"),
        (Answer([b'{"te'], kind="application/json", ends=False), BackendUnavailable, "broke off"),
        (Answer(raw=True), BackendUnavailable, "hung up"),
    ],
)  # fmt: skip
def test_a_server_that_does_not_answer_as_it_should(
    answer: Answer, kind: type[BackendError], text: str
) -> None:
    error = error_of(answer, answer)
    assert type(error) is kind
    assert text in str(error)
    assert "secret" not in str(error)


def test_a_server_that_falls_silent() -> None:
    assert isinstance(error_of(Answer(delay=60.0)), BackendStalled)


@pytest.mark.parametrize(
    ("stream", "kind"),
    [
        (told({"type": "transcript.text.delta", "delta": "turn"}), BackendUnavailable),
        (told({"type": "error", "error": {"code": "server_error"}}), BackendUnavailable),
        (told({"error": {"code": "insufficient_quota"}}), BackendRefused),
        (told({"type": "transcript.text.done"}), ProtocolViolation),
        (Answer([b"data: {no\n\n"]), ProtocolViolation),
        (Answer([b'data: {"type":"transcript.text.delta"}\n\n'], ends=False), BackendUnavailable),
        (Answer([b'data: {"type":"transcript.text.delta"}\n\n', 30.0]), BackendStalled),
    ],
)
def test_a_stream_that_ends_before_its_time(stream: Answer, kind: type[BackendError]) -> None:
    assert type(error_of(stream, vendor=True)) is kind


def test_a_stream_is_waited_for_as_long_as_it_goes_on() -> None:
    pieces: list[bytes | float] = []
    for _ in range(5):
        pieces += [b'data: {"type":"transcript.text.delta","delta":"a"}\n\n', 2.0]
    pieces.append(b'data: {"type":"transcript.text.done","text":"a"}\n\n')
    text, _ = run(say, Answer(pieces), vendor=True)
    assert text == "a"


def test_an_answer_that_is_no_stream_after_all_is_taken() -> None:
    text, _ = run(say, TEXT, vendor=True)
    assert text == SAID


def test_what_was_asked_too_early_is_taken_back() -> None:
    async def use(service: Transcriptions, _: Served) -> int:
        turn = service.listen()
        await hear(turn, spoken("turn on"))
        turn.expect_end()
        await hear(turn, spoken("the light"))
        turn.expect_end()
        await asyncio.sleep(0.1)
        return len(service._tasks)

    assert run(use, Answer(delay=9.0), Answer(delay=9.0))[0] == 1


def test_an_answer_that_nobody_waits_for_any_more_does_no_harm(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def use(service: Transcriptions, _: Served) -> str:
        turn = service.listen()
        await hear(turn, spoken("turn on"))
        turn.expect_end()
        await asyncio.sleep(1.0)  # it fails meanwhile
        await hear(turn, spoken("the light"))
        turn.expect_end()
        return await turn.finish(as_expected=True)

    text, _ = run(use, as_json({}, 500), TEXT)
    assert text == SAID
    gc.collect()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_close_takes_back_what_was_asked() -> None:
    async def use(service: Transcriptions, _: Served) -> None:
        turn = service.listen()
        await hear(turn, spoken(SAID))
        turn.expect_end()
        await asyncio.sleep(0.1)
        await service.close()
        await service.close()
        with pytest.raises(BackendUnavailable):
            await turn.finish(as_expected=True)

    run(use, Answer(delay=9.0))


def test_nothing_that_was_said_and_no_key_is_in_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    run(say, TEXT)
    assert "light" not in caplog.text
    assert KEY not in caplog.text


# The probe.


@pytest.mark.parametrize(
    ("answer", "model", "text"),
    [
        (as_json({"data": [{"id": "large-v3"}]}), "large-v3", "large-v3 is there"),
        (as_json({"data": []}), "large-v3", "does not say"),
        (as_json({"error": "no"}, 404), "", "does not say"),
        (as_json({"data": [{"id": "large-v3"}]}), "", "may not matter"),
    ],
)
def test_a_probe_asks_for_the_models(answer: Answer, model: str, text: str) -> None:
    async def use(service: Transcriptions, _: Served) -> str:
        return await service.probe()

    said, _ = run(use, answer, model=model)
    assert text in said


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (as_json({"data": [{"id": "small"}]}), "pipeline.stt.model"),
        (as_json({}, 401), "give a key"),
    ],
)
def test_a_probe_tells_what_is_wrong(answer: Answer, text: str) -> None:
    async def use(service: Transcriptions, _: Served) -> str:
        return await service.probe()

    with pytest.raises(BackendRefused, match=text):
        run(use, answer, model="large-v3")
