"""The voices on a WebSocket against their scripted servers, in virtual time."""

import asyncio
import io
import wave
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from appliance.backend.prompting.persona import PLAIN, Persona
from appliance.backend.tts import cartesia, elevenlabs
from appliance.backend.tts.carrier import Carrier
from appliance.config import Config
from appliance.errors import (
    BackendError,
    BackendRefused,
    BackendStalled,
    BackendUnavailable,
    ProtocolViolation,
)
from appliance.events import Usage
from tests.tts_servers import (
    KEY,
    RATE,
    CartesiaVoice,
    ElevenLabsVoice,
    Manners,
    Refusal,
    Voice,
    pcm_of,
    serving,
)
from tests.virtual_time import run_virtual

HELLO, HOW, GOOD = "Hello there, dear listener.", "How are you?", "Good."
MAKERS = {"cartesia": cartesia.text_to_speech, "elevenlabs": elevenlabs.text_to_speech}
SERVERS: dict[str, type[Voice]] = {"cartesia": CartesiaVoice, "elevenlabs": ElevenLabsVoice}
BOTH = pytest.mark.parametrize("vendor", MAKERS)

Main = Callable[[Voice, Carrier], Coroutine[Any, Any, None]]


def config(vendor: str, url: str, key: str | None = KEY, /, **part: object) -> Config:
    keys = {} if key is None else {"tts": key}
    tts = {"vendor": vendor, "url": url, "voice": "v-1", **part}
    return Config.model_validate({"keys": keys, "pipeline": {"tts": tts}})


async def said(*texts: str, gap: float = 0.0) -> AsyncIterator[str]:
    for text in texts:
        await asyncio.sleep(gap)
        yield text


@dataclass
class Heard:
    pcm: bytes = b""
    used: list[Usage] = field(default_factory=list)
    first_s: float | None = None


async def listen(tts: Carrier, sentences: AsyncIterator[str], into: Heard | None = None) -> Heard:
    now = asyncio.get_running_loop().time
    heard, begun = into or Heard(), now()
    async with aclosing(tts.speak(sentences)) as pieces:
        async for piece in pieces:
            if isinstance(piece, Usage):
                heard.used.append(piece)
                continue
            assert len(piece) % 2 == 0
            heard.first_s = now() - begun if heard.first_s is None else heard.first_s
            heard.pcm += piece
    return heard


async def interrupt(tts: Carrier, text: str, pieces: int = 1) -> None:
    async with aclosing(tts.speak(said(text))) as sound:
        async for piece in sound:
            pieces -= isinstance(piece, bytes)
            if pieces <= 0:
                return


def play(vendor: str, manners: Manners, main: Main, **part: object) -> None:
    async def run() -> None:
        async with serving(SERVERS[vendor](manners)) as server:
            tts = MAKERS[vendor](config(vendor, server.url, **part), PLAIN)
            try:
                await main(server, tts)
            finally:
                await tts.close()

    run_virtual(run())


@BOTH
def test_the_first_sentence_is_heard_before_the_second_is_there(vendor: str) -> None:
    async def main(server: Voice, tts: Carrier) -> None:
        heard = await listen(tts, said(HELLO, "👍", HOW, "…", GOOD, gap=0.4))
        assert heard.pcm == pcm_of(HELLO) + pcm_of(HOW) + pcm_of(GOOD)
        assert heard.first_s == pytest.approx(0.65, abs=0.01)
        assert server.texts == [HELLO, HOW, GOOD]
        assert sum(used.characters for used in heard.used) == len(HELLO + HOW + GOOD)
        assert all(used.free for used in heard.used)  # it is our own server

    play(vendor, Manners(stranger=True), main)


@BOTH
def test_one_connection_carries_one_reply_after_the_other(vendor: str) -> None:
    async def main(server: Voice, tts: Carrier) -> None:
        await tts.warm()
        assert server.connections == 1
        for text in (HELLO, HOW, GOOD):
            assert (await listen(tts, said(text))).pcm == pcm_of(text)
            await asyncio.sleep(20.0)
        assert server.connections == 1
        assert len({context for context, _ in server.said}) == 3

    play(vendor, Manners(), main)


@BOTH
@pytest.mark.parametrize("late", [0, 30])
def test_a_reply_that_was_stopped_is_cancelled_and_never_heard_again(
    vendor: str, late: int
) -> None:
    async def main(server: Voice, tts: Carrier) -> None:
        await interrupt(tts, HELLO * 9)
        await asyncio.sleep(0)
        heard = await listen(tts, said(HOW, GOOD))
        assert heard.pcm == pcm_of(HOW) + pcm_of(GOOD)
        assert server.cancelled[0] == server.said[0][0] != server.said[1][0]
        assert server.connections == 1

    play(vendor, Manners(late=late), main)


@BOTH
def test_what_still_comes_while_nobody_speaks_does_no_harm(vendor: str) -> None:
    async def main(server: Voice, tts: Carrier) -> None:
        await interrupt(tts, HELLO * 40)
        await asyncio.sleep(60.0)
        assert (await listen(tts, said(HOW))).pcm == pcm_of(HOW)
        assert server.connections == 1

    play(vendor, Manners(late=500, piece=501), main)


@BOTH
def test_many_replies_may_be_stopped_one_after_the_other(vendor: str) -> None:
    async def main(_: Voice, tts: Carrier) -> None:
        for _time in range(9):
            await interrupt(tts, HELLO * 40)
        assert (await listen(tts, said(HOW))).pcm == pcm_of(HOW)

    play(vendor, Manners(late=10_000), main)


@BOTH
def test_a_reply_may_be_stopped_before_anything_of_it_is_there(vendor: str) -> None:
    async def main(server: Voice, tts: Carrier) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await listen(tts, said(HELLO))
        assert (await listen(tts, said(HOW))).pcm == pcm_of(HOW)
        assert server.connections == 1

    play(vendor, Manners(), main)


@BOTH
def test_a_model_that_pauses_does_not_end_the_reply(vendor: str) -> None:
    async def main(server: Voice, tts: Carrier) -> None:
        heard = await listen(tts, said(HELLO, HOW, GOOD, gap=25.0))
        assert heard.pcm == pcm_of(HELLO) + pcm_of(HOW) + pcm_of(GOOD)
        if vendor == "cartesia":  # whose contexts end one second after their sound
            assert len({context for context, _ in server.said}) == 3
        else:
            assert {"text": "", "context_id": server.said[0][0]} in server.received

    play(vendor, Manners(), main)


@BOTH
def test_sentences_that_follow_one_another_are_one_context(vendor: str) -> None:
    async def main(server: Voice, tts: Carrier) -> None:
        await listen(tts, said(HELLO, HOW, GOOD, gap=0.5))  # so that the voice goes on
        assert len({context for context, _ in server.said}) == 1

    play(vendor, Manners(), main)


@pytest.mark.parametrize("gap", [0.6, 0.75, 0.9, 0.999, 1.0, 1.001, 1.1, 1.3])
def test_no_word_is_lost_about_the_moment_at_which_cartesia_ends_a_context(gap: float) -> None:
    async def sentences() -> AsyncIterator[str]:
        yield GOOD  # 0.1 s of sound, there 0.25 s after it is asked for
        await asyncio.sleep(0.27 + gap)
        yield HOW
        await asyncio.sleep(0.28 + gap)

    async def main(_: Voice, tts: Carrier) -> None:
        assert (await listen(tts, sentences())).pcm == pcm_of(GOOD) + pcm_of(HOW)

    play("cartesia", Manners(), main)


@BOTH
def test_a_connection_that_died_unnoticed_is_made_anew_and_nothing_is_lost(vendor: str) -> None:
    async def main(server: Voice, tts: Carrier) -> None:
        await listen(tts, said(HELLO))
        server.manners = replace(server.manners, fault="abort", fault_after=0)
        with pytest.raises(BackendUnavailable):  # the second one dies, too
            await listen(tts, said(HOW))
        assert server.connections == 2
        server.manners = Manners()
        assert (await listen(tts, said(GOOD))).pcm == pcm_of(GOOD)
        for socket in server.sockets:
            socket.transport.abort()
        heard = await listen(tts, said(HELLO, HOW, gap=0.1))
        assert heard.pcm == pcm_of(HELLO) + pcm_of(HOW)

    play(vendor, Manners(), main)


@BOTH
def test_a_stream_that_stops_in_the_middle_is_not_begun_again(vendor: str) -> None:
    async def main(server: Voice, tts: Carrier) -> None:
        await listen(tts, said(GOOD))
        heard = Heard()
        server.manners = replace(server.manners, fault="abort", fault_after=server.pieces + 2)
        with pytest.raises(BackendUnavailable):
            await listen(tts, said(HELLO), heard)
        assert pcm_of(HELLO).startswith(heard.pcm[:9_600])
        assert heard.pcm
        assert server.texts == [GOOD, HELLO]

    play(vendor, Manners(), main)


def cartesia_error(status: int, code: str | None = None) -> str:
    return CartesiaVoice.error(None, status, code)


def eleven_error(code: str, message: str = KEY) -> str:
    return f'{{"message": "{message}", "error": "{code}", "code": 1008}}'


BAD_SOUND = '{"type": "chunk", "context_id": "%s", "contextId": "%s", "data": "#", "audio": "#"}'


@pytest.mark.parametrize(
    ("vendor", "fault", "kind", "words"),
    [
        ("cartesia", "not JSON", ProtocolViolation, "no JSON"),
        ("elevenlabs", "[1]", ProtocolViolation, "no JSON"),
        ("cartesia", "silence", BackendStalled, "silent"),
        ("elevenlabs", "silence", BackendStalled, "silent"),
        ("cartesia", cartesia_error(401), BackendRefused, "key that is valid"),
        ("cartesia", cartesia_error(402), BackendRefused, "credit"),
        ("cartesia", cartesia_error(402, "quota_exceeded"), BackendRefused, "credit"),
        ("cartesia", cartesia_error(404, "voice_not_found"), BackendRefused, "tts.voice"),
        ("cartesia", cartesia_error(404, "model_not_found"), BackendRefused, "tts.model"),
        ("cartesia", cartesia_error(429, "concurrency_limited"), BackendUnavailable, "busy"),
        ("cartesia", cartesia_error(500), BackendUnavailable, "HTTP 500"),
        ("elevenlabs", eleven_error("quota_exceeded"), BackendRefused, "credit"),
        ("elevenlabs", eleven_error("voice_not_found"), BackendRefused, "tts.voice"),
        (
            "elevenlabs",
            eleven_error("x", "A voice with the id v-1 does not exist."),
            BackendRefused,
            "tts.voice",
        ),
        ("elevenlabs", eleven_error("invalid_api_key"), BackendRefused, "key that is valid"),
        ("elevenlabs", eleven_error("max_active_conversations"), BackendUnavailable, "busy"),
        ("elevenlabs", eleven_error("something_else"), BackendUnavailable, "broke off"),
    ],
)
def test_what_goes_wrong_is_said_in_one_line(
    vendor: str, fault: str, kind: type[BackendError], words: str
) -> None:
    async def main(server: Voice, tts: Carrier) -> None:
        heard = Heard()
        with pytest.raises(kind, match=words) as failed:
            await listen(tts, said(HELLO), heard)
        assert KEY not in repr(failed.value)
        assert "\n" not in str(failed.value)
        assert heard.pcm
        assert server.texts == [HELLO]  # nothing was said twice
        server.manners = Manners()
        assert (await listen(tts, said(HOW))).pcm == pcm_of(HOW)

    play(vendor, Manners(fault=fault, fault_after=1), main)


@BOTH
def test_sound_that_cannot_be_read_ends_the_reply(vendor: str) -> None:
    async def main(server: Voice, tts: Carrier) -> None:
        async def sentences() -> AsyncIterator[str]:
            yield HELLO
            await asyncio.sleep(0.1)
            name = server.said[0][0]
            server.manners = replace(server.manners, fault=BAD_SOUND % (name, name))

        with pytest.raises(ProtocolViolation, match="cannot be read"):
            await listen(tts, sentences())

    play(vendor, Manners(), main)


@BOTH
@pytest.mark.parametrize(
    ("refusal", "kind", "words"),
    [
        (Refusal(401), BackendRefused, "key that is valid"),
        (Refusal(402), BackendRefused, "credit"),
        (Refusal(404), BackendRefused, "check pipeline.tts.url"),
        (Refusal(429, {}, {"Retry-After": "11"}), BackendUnavailable, "again in 11 s"),
        (Refusal(503), BackendUnavailable, "busy"),
        (Refusal(302, {}, {"Location": "https://elsewhere.example"}), BackendRefused, "redirect"),
    ],
)
def test_a_handshake_that_is_refused_says_what_to_do(
    vendor: str, refusal: Refusal, kind: type[BackendError], words: str
) -> None:
    async def main(_: Voice, tts: Carrier) -> None:
        await tts.warm()  # never raises
        with pytest.raises(kind, match=words):
            await listen(tts, said(HELLO))

    play(vendor, Manners(refusal=refusal), main)


@BOTH
@pytest.mark.parametrize("key", [None, "sk-wrong"])
def test_a_wrong_key_is_refused(vendor: str, key: str | None) -> None:
    async def run() -> None:
        async with serving(SERVERS[vendor](Manners())) as server:
            tts = MAKERS[vendor](config(vendor, server.url, key), PLAIN)
            with pytest.raises(BackendRefused, match="invalid_api_key"):
                await tts.probe()
            await tts.close()

    run_virtual(run())


@BOTH
def test_where_no_such_server_is_it_is_said_so(vendor: str) -> None:
    async def speak_to(url: str) -> None:
        tts = MAKERS[vendor](config(vendor, url), PLAIN)
        try:
            await listen(tts, said(HOW))
        finally:
            await tts.close()

    async def run() -> None:
        async with serving(SERVERS[vendor](Manners())) as server:
            gone = server.url
        with pytest.raises(BackendUnavailable, match="nobody listens"):
            await speak_to(gone)

        async def mumble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail ready\r\n\r\n")
            await reader.read()
            writer.close()

        async with await asyncio.start_server(mumble, "127.0.0.1", 0) as other:
            port = other.sockets[0].getsockname()[1]
            with pytest.raises(BackendUnavailable, match="no such server"):
                await speak_to(f"http://127.0.0.1:{port}")

        async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        async with await asyncio.start_server(wait, "127.0.0.1", 0) as silent:
            port = silent.sockets[0].getsockname()[1]
            with pytest.raises(BackendUnavailable, match="in time"):
                await speak_to(f"http://127.0.0.1:{port}")

    run_virtual(run())


def wav_of(rate: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(pcm_of(HOW))
    return file.getvalue()


@BOTH
def test_a_wav_header_is_read_for_what_it_says(vendor: str) -> None:
    header = wav_of(48_000)[:44]

    async def main(_: Voice, tts: Carrier) -> None:
        heard = await listen(tts, said(HOW))
        assert len(heard.pcm) == pytest.approx(len(pcm_of(HOW)) / 2, abs=4)

    play(vendor, Manners(prefix=header), main)


@BOTH
def test_another_form_of_sound_is_named(vendor: str) -> None:
    async def main(_: Voice, tts: Carrier) -> None:
        with pytest.raises(ProtocolViolation, match="MP3"):
            await listen(tts, said(HOW))

    play(vendor, Manners(prefix=b"ID3\4\0\0"), main)


@BOTH
def test_a_service_that_gives_no_sound_is_told_on(vendor: str) -> None:
    async def main(_: Voice, tts: Carrier) -> None:
        with pytest.raises((ProtocolViolation, BackendStalled), match=r"no sound|silent"):
            await listen(tts, said(HOW))

    play(vendor, Manners(mute=True), main)


@BOTH
def test_nothing_to_say_is_no_sound_and_no_money(vendor: str) -> None:
    async def main(server: Voice, tts: Carrier) -> None:
        assert await listen(tts, said("…", "👍", "?!")) == Heard()
        assert not server.said

    play(vendor, Manners(), main)


@BOTH
def test_an_error_of_whoever_gives_the_sentences_is_passed_on(vendor: str) -> None:
    async def failing() -> AsyncIterator[str]:
        yield HELLO
        await asyncio.sleep(0.1)
        raise BackendStalled("the model has fallen silent")

    async def main(server: Voice, tts: Carrier) -> None:
        with pytest.raises(BackendStalled, match="model"):
            await listen(tts, failing())
        await asyncio.sleep(0.0)
        assert server.cancelled or vendor == "elevenlabs"

    play(vendor, Manners(), main)


def test_what_is_sent_says_voice_language_and_speed() -> None:
    async def run() -> None:
        async with serving(CartesiaVoice(Manners())) as server:
            part = config("cartesia", server.url, speed=4.0)
            tts = cartesia.text_to_speech(part, Persona(voice="v-2", language="de"))
            await listen(tts, said(HOW))
            await tts.close()
            first = server.received[0]
            assert first["voice"] == {"mode": "id", "id": "v-2"}
            assert (first["language"], first["generation_config"]) == ("de", {"speed": 1.5})
            assert server.headers[0]["cartesia-version"] == "2026-08-14"
        async with serving(ElevenLabsVoice(Manners())) as server:
            part = config("elevenlabs", server.url, speed=0.25, voice="a/b")
            tts = elevenlabs.text_to_speech(part, Persona(language="de"))
            await listen(tts, said(HOW))
            await tts.close()
            assert server.received[0]["voice_settings"] == {"speed": 0.7}
            assert server.paths[0].startswith("/v1/text-to-speech/a%2Fb/multi-stream-input?")
            assert "language_code=de" in server.paths[0]

    run_virtual(run())


@BOTH
def test_the_trial_says_how_long_it_took(vendor: str) -> None:
    async def main(server: Voice, tts: Carrier) -> None:
        assert await tts.probe() == "first sound after 0.25 s"
        assert server.texts == ["1."]

    play(vendor, Manners(), main)


@BOTH
def test_settings_that_cannot_work_are_refused_before_anything_is_sent(vendor: str) -> None:
    make = MAKERS[vendor]
    with pytest.raises(BackendRefused, match="no_voice"):
        make(config(vendor, "", voice=""), PLAIN)
    with pytest.raises(BackendRefused, match="no_key"):
        make(config(vendor, "", None), PLAIN)
    with pytest.raises(BackendRefused, match="not_encrypted"):
        make(config(vendor, "ws://voices.example.com"), PLAIN)


def test_a_model_that_cannot_be_streamed_is_refused() -> None:
    with pytest.raises(BackendRefused, match="eleven_flash"):
        elevenlabs.text_to_speech(config("elevenlabs", "", model="eleven_v3"), PLAIN)


def test_a_closed_voice_speaks_no_more() -> None:
    async def main(_: Voice, tts: Carrier) -> None:
        await tts.close()
        with pytest.raises(BackendUnavailable, match="over"):
            await listen(tts, said(HOW))

    play("cartesia", Manners(), main)


def test_sound_that_nobody_takes_is_kept_within_bounds() -> None:
    async def main(_: Voice, tts: Carrier) -> None:
        async with aclosing(tts.speak(said(HELLO))) as pieces:
            await anext(pieces)
            await asyncio.sleep(30.0)
            line = tts._line
            assert line is not None
            assert sum(map(len, line.sound)) < (300.0 + 3.0) * RATE * 2
            with pytest.raises(ProtocolViolation, match="too much sound"):
                [piece async for piece in pieces]

    play("cartesia", Manners(char_s=20.0, pace=1e6, piece=96_000), main)
