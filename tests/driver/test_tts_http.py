"""The voice with OpenAI's interface against a scripted server, over real HTTP in virtual time."""

import asyncio
import io
import wave
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import soundfile

import appliance.backend.web.wire  # noqa: F401 - while the loop runs it would need a thread
from appliance.backend.prompting.persona import PLAIN, Persona
from appliance.backend.tts.openai import OpenAiSpeech, text_to_speech
from appliance.config import Config
from appliance.errors import (
    BackendError,
    BackendRefused,
    BackendStalled,
    BackendUnavailable,
    ProtocolViolation,
)
from appliance.events import Usage
from tests.speech_server import Manners, Refusal, SpeechServer, serving
from tests.tts_servers import KEY, RATE, pcm_of
from tests.virtual_time import run_virtual

HELLO, HOW = "Hello there, dear listener.", "How are you?"


def config(url: str, key: str | None = KEY, /, **part: object) -> Config:
    keys = {} if key is None else {"tts": key}
    return Config.model_validate(
        {"keys": keys, "pipeline": {"tts": {"vendor": "openai", "url": url, **part}}}
    )


async def said(*texts: str, gap: float = 0.0) -> AsyncIterator[str]:
    for text in texts:
        await asyncio.sleep(gap)
        yield text


@dataclass
class Heard:
    pcm: bytes = b""
    used: list[Usage] = field(default_factory=list)
    first_s: float | None = None


async def listen(
    tts: OpenAiSpeech, sentences: AsyncIterator[str], into: Heard | None = None
) -> Heard:
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


def play(
    manners: Manners,
    main: Callable[[SpeechServer, OpenAiSpeech], Coroutine[Any, Any, None]],
    **part: object,
) -> None:
    async def run() -> None:
        async with serving(manners) as server:
            tts = text_to_speech(config(server.url, **part), PLAIN)
            try:
                await main(server, tts)
            finally:
                await tts.close()

    run_virtual(run())


def test_the_first_sentence_is_heard_before_the_second_is_there() -> None:
    async def main(server: SpeechServer, tts: OpenAiSpeech) -> None:
        await tts.warm()
        heard = await listen(tts, said(HELLO, HOW, gap=2.0))
        assert heard.pcm == pcm_of(HELLO) + pcm_of(HOW)
        assert heard.first_s == pytest.approx(2.25, abs=0.01)
        assert server.texts == [HELLO, HOW]
        shape = {"model": "tts-1", "voice": "alloy", "response_format": "pcm", "input": HELLO}
        assert server.asked[0] == shape

    play(Manners(), main)


def test_the_next_sentence_is_asked_for_while_one_is_heard_and_the_order_kept() -> None:
    texts = ["A long sentence, to be heard for a while.", *(f"Number {n}." for n in range(6))]

    async def main(server: SpeechServer, tts: OpenAiSpeech) -> None:
        heard = await listen(tts, said(*texts))
        assert heard.pcm == b"".join(map(pcm_of, texts))
        assert server.most == 2
        assert server.began[1] == server.began[0]
        assert server.texts == texts

    play(Manners(), main)


def test_closing_it_hangs_up_and_the_next_reply_is_only_itself() -> None:
    async def main(server: SpeechServer, tts: OpenAiSpeech) -> None:
        async with aclosing(tts.speak(said(HELLO * 20, HOW))) as pieces:
            async for _ in pieces:
                break
        heard = await listen(tts, said("Good."))
        assert heard.pcm == pcm_of("Good.")
        await asyncio.sleep(5.0)
        assert server.gone == 2
        assert server.running == 0

    play(Manners(), main)


def test_nothing_that_cannot_be_spoken_is_asked_for() -> None:
    async def main(server: SpeechServer, tts: OpenAiSpeech) -> None:
        heard = await listen(tts, said("…", "👍", "", "?!", " — "))
        assert heard == Heard()
        assert not server.asked
        assert (await listen(tts, said("👍", HOW, "!"))).pcm == pcm_of(HOW)

    play(Manners(), main)


def test_what_is_too_long_for_one_request_is_cut() -> None:
    text = "word " * 1_500

    async def main(server: SpeechServer, tts: OpenAiSpeech) -> None:
        await listen(tts, said(text))
        assert [len(each) <= 4_096 for each in server.texts] == [True, True]
        assert "".join(server.texts).split() == text.split()

    play(Manners(pace=1e6, sound=lambda _: b"\0\0"), main)


def test_settings_are_sent_where_they_are_set_and_the_persona_has_the_voice() -> None:
    async def run() -> None:
        async with serving() as server:
            part = {"model": "kokoro", "voice": "af_sky", "speed": 1.1, "instructions": "Whisper."}
            settings = config(server.url, **part)
            for persona, voice in ((PLAIN, "af_sky"), (Persona(voice="bm_lewis"), "bm_lewis")):
                tts = text_to_speech(settings, persona)
                await listen(tts, said(HOW))
                await tts.close()
                wanted = {**part, "voice": voice, "response_format": "pcm", "input": HOW}
                assert server.asked[-1] == wanted
                assert tts.title == "openai kokoro"

    run_virtual(run())


def test_what_it_costs_is_told_sentence_by_sentence() -> None:
    async def main(_: SpeechServer, tts: OpenAiSpeech) -> None:
        heard = await listen(tts, said(HELLO, HOW))
        assert [used.characters for used in heard.used] == [len(HELLO), len(HOW)]
        assert heard.used[0].audio_s == pytest.approx(len(pcm_of(HELLO)) / 2 / RATE)
        assert all(used.free and used.model == "tts-1" for used in heard.used)

    play(Manners(), main)


def wav_of(rate: int, channels: int = 1) -> bytes:
    time = np.arange(rate) / rate
    tone = (np.sin(2 * np.pi * 440 * time) * 8_000).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(np.repeat(tone, channels).tobytes())
    return file.getvalue()


@pytest.mark.parametrize(
    ("rate", "channels"), [(24_000, 1), (22_050, 1), (16_000, 2), (48_000, 2)]
)
def test_a_wav_where_pcm_was_asked_is_heard_at_its_own_rate(rate: int, channels: int) -> None:
    async def main(_: SpeechServer, tts: OpenAiSpeech) -> None:
        heard = await listen(tts, said(HOW))
        samples = np.frombuffer(heard.pcm, "<i2").astype(float)
        assert len(samples) == pytest.approx(RATE, abs=2)
        spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
        assert np.argmax(spectrum) * RATE / len(samples) == pytest.approx(440, abs=2)

    play(Manners(sound=lambda _: wav_of(rate, channels), piece=999), main)


def test_the_rate_that_a_server_states_is_believed() -> None:
    async def main(_: SpeechServer, tts: OpenAiSpeech) -> None:
        heard = await listen(tts, said(HOW))
        assert len(heard.pcm) == pytest.approx(len(pcm_of(HOW)) * 1.5, abs=4)

    play(Manners(kind='audio/pcm; channels=1; rate="16000"', rate=16_000), main)


def mp3(_: str) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(1).normal(0.0, 0.1, RATE)
    soundfile.write(file, noise, RATE, format="MP3")
    return file.getvalue()


ERROR = {"error": {"type": "invalid_request_error", "message": f"No: {KEY}"}}


@pytest.mark.parametrize(
    ("manners", "kind", "words"),
    [
        (Manners(sound=mp3, kind="audio/mpeg"), ProtocolViolation, "MP3"),
        (Manners(sound=lambda _: b"ID3" + bytes(99)), ProtocolViolation, "MP3"),
        (Manners(sound=lambda _: b"<!DOCTYPE html><p>no</p>"), ProtocolViolation, "web page"),
        (Manners(sound=lambda _: b'{"detail": "no such voice"}'), ProtocolViolation, "JSON"),
        (Manners(kind="text/html; charset=utf-8"), ProtocolViolation, "text/html"),
        (Manners(sound=lambda _: b"RIFF\0\0\0\0AVI LIST" + bytes(99)), ProtocolViolation, "WAV"),
        (Manners(sound=lambda _: b""), ProtocolViolation, "no sound"),
        (
            Manners(refusal=Refusal(429, {}, {"Retry-After": "7"})),
            BackendUnavailable,
            "again in 7 s",
        ),
        (
            Manners(refusal=Refusal(429, {"error": {"code": "insufficient_quota"}})),
            BackendRefused,
            "credit",
        ),
        (
            Manners(refusal=Refusal(400, {"error": {**ERROR["error"], "param": "voice"}})),
            BackendRefused,
            "set pipeline.tts.voice",
        ),
        (
            Manners(refusal=Refusal(404, {"error": {"code": "model_not_found"}})),
            BackendRefused,
            "set pipeline.tts.model",
        ),
        (Manners(refusal=Refusal(500, ERROR)), BackendUnavailable, "HTTP 500"),
        (Manners(stops_after=5_000), BackendUnavailable, "in the middle"),
        (Manners(stops_after=5_000, falls_silent=True), BackendStalled, "silent"),
        (Manners(first_s=60.0), BackendStalled, "silent"),
    ],
)
def test_what_goes_wrong_is_said_in_one_line(
    manners: Manners, kind: type[BackendError], words: str
) -> None:
    async def main(server: SpeechServer, tts: OpenAiSpeech) -> None:
        with pytest.raises(kind, match=words) as failed:
            await listen(tts, said(HELLO))
        assert KEY not in repr(failed.value)
        assert "\n" not in str(failed.value)
        assert len(server.asked) == 1  # nothing is asked for twice

    play(manners, main)


def test_a_fault_in_the_second_sentence_comes_after_all_of_the_first() -> None:
    manners = Manners(refusal=Refusal(503, {}, {"Retry-After": "30"}), refuses=1)

    async def main(_: SpeechServer, tts: OpenAiSpeech) -> None:
        heard = Heard()
        with pytest.raises(BackendUnavailable, match="again in 30 s"):
            await listen(tts, said(HELLO, HOW), heard)
        assert heard.pcm == pcm_of(HELLO)

    play(manners, main)


def test_an_error_of_whoever_gives_the_sentences_is_passed_on() -> None:
    async def failing() -> AsyncIterator[str]:
        yield HELLO
        await asyncio.sleep(0.3)
        raise BackendStalled("the model has fallen silent")

    async def main(_: SpeechServer, tts: OpenAiSpeech) -> None:
        with pytest.raises(BackendStalled, match="model"):
            await listen(tts, failing())

    play(Manners(first_s=3.0), main)


@pytest.mark.parametrize("key", [None, "sk-wrong"])
def test_a_wrong_key_is_refused(key: str | None) -> None:
    async def run() -> None:
        async with serving() as server:
            tts = text_to_speech(config(server.url, key), PLAIN)
            with pytest.raises(BackendRefused, match="invalid_api_key"):
                await tts.probe()
            await tts.close()

    run_virtual(run())


@pytest.mark.parametrize(
    ("url", "reason"),
    [("", "no_key"), ("https://api.openai.com/v1", "no_key"), ("ftp://x", "no_address")],
)
def test_settings_that_cannot_work_are_refused_before_anything_is_sent(
    url: str, reason: str
) -> None:
    with pytest.raises(BackendRefused, match=reason):
        text_to_speech(config(url, None), PLAIN)


def test_a_key_is_never_sent_unencrypted_over_the_internet() -> None:
    with pytest.raises(BackendRefused, match="not_encrypted"):
        text_to_speech(config("http://voices.example.com/v1"), PLAIN)


def test_the_trial_says_how_long_it_took() -> None:
    async def main(server: SpeechServer, tts: OpenAiSpeech) -> None:
        assert await tts.probe() == "first sound after 0.25 s"
        assert server.texts == ["1."]

    play(Manners(), main)
