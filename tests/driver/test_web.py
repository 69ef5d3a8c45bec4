"""The web client against a scripted server, in virtual time."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from importlib import import_module
from typing import Any

import pytest

import appliance.backend.web.wire  # noqa: F401 - else it is imported in a thread: no virtual time
from appliance.backend.socket.reading import Message
from appliance.backend.web.address import WebAddress
from appliance.backend.web.client import LARGEST_MESSAGE, Service, Upload
from appliance.errors import (
    BackendError,
    BackendRefused,
    BackendStalled,
    BackendUnavailable,
    ProtocolViolation,
)
from appliance.units import Seconds
from tests.virtual_time import run_virtual
from tests.web_server import Answer, Served, as_json, serving

KEY = "sk-very-secret"
DONE = b"data: [DONE]\n\n"
STALL = Seconds(4.0)


def service_at(url: str) -> Service:
    address = WebAddress(url, {"Authorization": f"Bearer {KEY}"}, section="pipeline.tts")
    return Service(address, Seconds(3.0), STALL)


def run(
    use: Callable[[Service, Served], Coroutine[Any, Any, Any]], *answers: Answer
) -> tuple[Any, Served]:
    """Return what ``use`` does with a service, and its server."""

    async def main() -> tuple[Any, Served]:
        async with serving(*answers) as served:
            service = service_at(served.url)
            try:
                return await use(service, served), served
            finally:
                await service.close()

    return run_virtual(main())


async def events(service: Service, **more: Any) -> list[tuple[str, Message]]:  # noqa: ANN401
    async with aclosing(service.events("/chat", {"a": 1}, **more)) as found:
        return [event async for event in found]


async def sound(service: Service) -> bytes:
    async with aclosing(service.sound("/speech", {"a": 1})) as pieces:
        return b"".join([piece async for piece in pieces])


async def either(service: Service, served: Served) -> object:
    del served
    return await service.get("/models")


def error_of(
    *answers: Answer,
    use: Callable[[Service, Served], Coroutine[Any, Any, Any]] = either,
) -> BackendError:
    with pytest.raises(BackendError) as raised:
        run(use, *answers)
    assert KEY not in str(raised.value)
    assert "\n" not in str(raised.value)
    return raised.value


async def stream(service: Service, served: Served) -> object:
    del served
    return await events(service)


async def voice(service: Service, served: Served) -> object:
    del served
    return await sound(service)


def test_events_come_by_name_until_the_stream_is_done() -> None:
    async def use(service: Service, _: Served) -> object:
        return await events(service)

    pieces = [b'event: a\ndata: {"n": 1}\n\n', b'data: {"n":', b" 2}\r\n\r\n", DONE, b"junk"]
    found, served = run(use, Answer(pieces))

    assert found == [("a", {"n": 1}), ("", {"n": 2})]
    asked = served.requests[0]
    assert (asked.method, asked.path, asked.json) == ("POST", "/v1/chat", {"a": 1})
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["accept-encoding"] == "identity"


def test_a_connection_is_used_again_and_can_be_opened_ahead() -> None:
    async def use(service: Service, _: Served) -> None:
        await service.warm()
        await events(service)
        await events(service, last=["bye"])
        assert await sound(service) == b"abcd"
        await service.get("/models")
        await service.upload("/file", {"model": "m"}, Upload("file", "a.wav", "audio/wav", b"w"))

    bye = Answer([b'event: bye\ndata: {"type": "x"}\n\n'])
    answers = [Answer([DONE]), bye, Answer([b"ab", b"cd"], kind="audio/pcm")]
    _, served = run(use, *answers, as_json({}), as_json({}))

    assert (served.connections, len(served.touches)) == (1, 1)


def test_no_key_is_shown_where_nothing_is_asked() -> None:
    _, served = run(lambda service, _: service.warm())

    assert [each.method for each in served.touches] == ["HEAD"]
    assert KEY not in repr(served.touches)


def test_a_connection_that_has_gone_meanwhile_is_opened_anew() -> None:
    async def use(service: Service, _: Served) -> object:
        await events(service)
        await asyncio.sleep(1.0)
        return await service.get("/models")

    found, served = run(use, Answer([DONE], ends=True), as_json({"a": 1}))
    assert found == {"a": 1}

    closing = Answer([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"], raw=True)
    found, served = run(lambda service, _: twice(service), closing, as_json({"a": 1}))
    assert found == {"a": 1}
    assert served.connections == 2


async def twice(service: Service) -> object:
    await service.get("/models")
    await asyncio.sleep(1.0)
    return await service.get("/models")


def test_where_a_kept_connection_hangs_up_unanswered_it_is_asked_once_more() -> None:
    hang_up = Answer([], raw=True)

    found, _ = run(lambda service, _: twice(service), as_json({}), hang_up, as_json({"a": 1}))
    assert found == {"a": 1}
    error = error_of(as_json({}), hang_up, hang_up, use=lambda service, _: twice(service))
    assert "hung up" in str(error)


def test_a_form_has_its_fields_and_its_file() -> None:
    async def use(service: Service, _: Served) -> Message:
        wav = Upload("file", "turn.wav", "audio/wav", b"RIFF\0")
        return await service.upload("/file", {"model": "m", "keywords[]": ["a", "b"]}, wav)

    found, served = run(use, as_json({"text": "hello"}))

    assert found == {"text": "hello"}
    body = served.requests[0].body
    assert body.count(b'name="keywords[]"') == 2
    assert b'filename="turn.wav"\r\nContent-Type: audio/wav\r\n\r\nRIFF\0' in body


def test_closing_the_iterator_stops_the_request() -> None:
    async def use(service: Service, _: Served) -> object:
        async with aclosing(service.sound("/speech", {})) as pieces:
            async for piece in pieces:
                assert piece == b"ab"
                break
        return await service.get("/models")

    found, served = run(use, Answer([b"ab", 600.0], kind="audio/pcm"), as_json({"a": 1}))

    assert found == {"a": 1}
    assert served.connections == 2


@pytest.mark.parametrize("use", [either, stream, voice])
def test_silence_is_a_stall(use: Any) -> None:  # noqa: ANN401
    late = Answer([b"{}"], kind="application/json", delay=600.0)
    begun = Answer([b"{", 600.0], kind="audio/x" if use is voice else "text/event-stream")

    for answer in (late, begun):
        assert isinstance(error_of(answer, use=use), BackendStalled)


@pytest.mark.parametrize("use", [either, stream, voice])
def test_an_answer_that_stops_in_the_middle_is_told_so(use: Any) -> None:  # noqa: ANN401
    kind = {either: "application/json", stream: "text/event-stream", voice: "audio/pcm"}[use]

    error = error_of(Answer([b"data: {}\n\n"], kind=kind, ends=False), use=use)

    assert "broke off" in str(error)


@pytest.mark.parametrize("use", [either, stream, voice])
@pytest.mark.parametrize(
    "raw", [b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", b"220 smtp\r\n\r\n", b"\0\0"]
)
def test_what_is_no_http_is_told_so(use: Any, raw: bytes) -> None:  # noqa: ANN401
    error = error_of(Answer([raw], raw=True), use=use)

    assert isinstance(error, BackendUnavailable)


def test_a_redirect_is_not_followed() -> None:
    moved = Answer([], 308, headers=(("Location", "http://elsewhere.example/"),))

    error = error_of(moved)

    assert isinstance(error, BackendRefused)
    assert "pipeline.tts.url" in error.advice


def test_a_page_is_neither_sound_nor_a_message() -> None:
    page = Answer([b"<html>"], kind="text/html; charset=utf-8")

    assert isinstance(error_of(page), ProtocolViolation)
    assert isinstance(error_of(page, use=voice), ProtocolViolation)
    assert isinstance(error_of(as_json({"error": "x"}), use=voice), ProtocolViolation)


def test_an_answer_that_never_ends_is_not_read_to_the_end() -> None:
    endless = Answer([b"a" * 2**20] * (LARGEST_MESSAGE // 2**20 + 2), kind="application/json")

    assert "too long" in str(error_of(endless))


def test_what_is_packed_though_nobody_asked_is_told_so() -> None:
    packed = Answer([b"x"], headers=(("Content-Encoding", "gzip"),))

    assert isinstance(error_of(packed, use=stream), ProtocolViolation)


ELEVEN = {"detail": {"status": "voice_not_found", "message": "…"}}


@pytest.mark.parametrize(
    ("status", "body", "advice"),
    [
        (400, ELEVEN, "pipeline.tts.voice"),
        (401, {"detail": {"status": "quota_exceeded"}}, "credit"),
        (401, {"err_code": "INVALID_AUTH", "err_msg": "…"}, "key"),
        (400, {"error": {"param": "voice", "message": "…"}}, "pipeline.tts.voice"),
        (403, {}, "pipeline.tts.model"),
        (402, {}, "credit"),
    ],
)
def test_refusals_of_other_vendors_say_what_to_do(
    status: int, body: dict[str, Any], advice: str
) -> None:
    error = error_of(as_json(body, status), use=voice)

    assert isinstance(error, BackendRefused)
    assert advice in error.advice


def test_a_fault_of_the_server_is_named_by_its_word_where_it_has_one() -> None:
    named = as_json({"type": "error", "error": {"type": "api_error"}}, 500)

    assert str(error_of(named)) == "the server answers HTTP 500 (api_error)"
    assert str(error_of(as_json({"type": "error"}, 500))) == "the server answers HTTP 500"


def test_a_refusal_that_never_ends_is_a_refusal_all_the_same() -> None:
    error = error_of(Answer([b"x" * 2**16] * 4, 401))

    assert isinstance(error, BackendRefused)


@pytest.mark.parametrize("url", ["http://api.example.com/v1", "ftp://gpu.local", "", "http://["])
def test_no_key_leaves_the_house_unencrypted(url: str) -> None:
    async def main() -> None:
        service = service_at(url)
        await service.warm()
        await service.get("/models")

    with pytest.raises(BackendRefused, match=r"pipeline\.tts\.url"):
        run_virtual(main())


def test_nobody_there_is_told_so() -> None:
    async def main() -> None:
        async with serving() as served:
            url = served.url
        service = service_at(url)
        try:
            await service.get("/models")
        finally:
            await service.close()

    with pytest.raises(BackendUnavailable, match="nobody listens"):
        run_virtual(main())


def test_after_the_end_nothing_is_asked() -> None:
    async def use(service: Service, _: Served) -> None:
        await service.close()
        await service.close()
        await service.get("/models")

    assert "over" in str(error_of(use=use))


def test_without_the_extra_it_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "appliance.backend.web.client")
    monkeypatch.setitem(sys.modules, "httpx2", None)

    with pytest.raises(ImportError) as raised:
        import_module("appliance.backend.web.client")
    assert raised.value.name == "httpx2"
