"""Streaming speech to text against scripted servers of its vendors, in virtual time."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr

from appliance.backend.pipeline.parts import Probes, Recognition, SpeechToText
from appliance.backend.stt import cartesia, deepgram
from appliance.config import Config
from appliance.errors import (
    BackendError,
    BackendRefused,
    BackendStalled,
    BackendUnavailable,
    ProtocolViolation,
)
from appliance.events import Usage
from appliance.frames import FRAME_SAMPLES, RATE
from tests.stt_servers import (
    BUSY,
    KEY,
    NO_CREDIT,
    NO_MODEL,
    NOT_ALLOWED,
    Refusal,
    Sound,
    SttServer,
    Ways,
    cartesia_error,
    frames,
    serving,
    silence,
    spoken,
)
from tests.virtual_time import run_virtual

T = TypeVar("T")

NOVA, FLUX, INK = "nova-3", "flux-general-en", "ink-2"
MODELS = pytest.mark.parametrize("model", [NOVA, FLUX, INK])
REUSED = pytest.mark.parametrize("model", [NOVA, INK])

TRAILING_S = 0.7
STALL_S = 4.0
SAID = "turn on the light in the kitchen"


def config(server: SttServer, model: str, **stt: object) -> Config:
    vendor = "cartesia" if model == INK else "deepgram"
    return Config.model_validate({
        "pipeline": {"stt": {"vendor": vendor, "url": server.url, "model": model, **stt}},
        "keys": {"stt": SecretStr(KEY)},
    })  # fmt: skip


def made(settings: Config) -> SpeechToText:
    if settings.pipeline.stt.vendor == "cartesia":
        return cartesia.speech_to_text(settings)
    return deepgram.speech_to_text(settings)


@asynccontextmanager
async def opened(
    model: str, ways: Ways | None = None, **stt: object
) -> AsyncIterator[tuple[SttServer, SpeechToText]]:
    async with serving(ways) as server:
        service = made(config(server, model, **stt))
        try:
            yield server, service
        finally:
            await service.close()


async def hear(turn: Recognition, sound: Sound) -> None:
    """Let it hear sound as fast as it is made."""
    for frame in frames(sound):
        await turn.hear(frame)
        await asyncio.sleep(len(frame.samples) / RATE)


async def say(service: SpeechToText, text: str, *, trailing_s: float = TRAILING_S) -> str:
    """Have a turn as the box has it."""
    turn = service.listen()
    await hear(turn, spoken(text))
    turn.expect_end()
    await hear(turn, silence(trailing_s))
    return await turn.finish(as_expected=True)


def now() -> float:
    return asyncio.get_running_loop().time()


def fails(scene: Callable[[], Coroutine[Any, Any, T]]) -> BackendError:
    with pytest.raises(BackendError) as caught:
        run_virtual(scene())
    return caught.value


# What was said.


@MODELS
def test_a_turn_is_written_down_and_is_there_when_the_box_is_certain(model: str) -> None:
    async def scene() -> None:
        async with opened(model) as (server, service):
            turn = service.listen()
            await hear(turn, spoken(SAID))
            turn.expect_end()
            await hear(turn, silence(TRAILING_S))
            certain = now()
            assert await turn.finish(as_expected=True) == SAID
            assert now() == certain
            assert service.title.endswith(model)
            assert len(server.calls) == 1

    run_virtual(scene())


@MODELS
def test_the_sound_goes_out_while_the_user_speaks(model: str) -> None:
    async def scene() -> None:
        async with opened(model) as (server, service):
            turn = service.listen()
            sound = spoken(SAID)
            await hear(turn, sound)
            await asyncio.sleep(0.01)
            (call,) = server.calls
            assert len(call.sound) >= len(sound) - 1280
            assert (call.sound == sound[: len(call.sound)]).all()
            assert set(call.pieces) == {2560}
            await turn.drop()

    run_virtual(scene())


@MODELS
def test_more_speech_after_a_pause_is_of_the_same_turn(model: str) -> None:
    async def scene() -> None:
        async with opened(model) as (_, service):
            turn = service.listen()
            await hear(turn, spoken("turn on"))
            turn.expect_end()
            await hear(turn, silence(0.4))
            await hear(turn, spoken("the light please"))
            turn.expect_end()
            await hear(turn, silence(TRAILING_S))
            assert await turn.finish(as_expected=True) == "turn on the light please"

    run_virtual(scene())


@MODELS
@pytest.mark.parametrize("expected", [False, True])
def test_what_came_after_the_pause_is_not_lost_where_it_ends_otherwise(
    model: str, *, expected: bool
) -> None:
    async def scene() -> None:
        async with opened(model) as (_, service):
            turn = service.listen()
            await hear(turn, spoken("turn on"))
            if expected:
                turn.expect_end()
            await hear(turn, spoken("the light"))
            assert await turn.finish(as_expected=False) == "turn on the light"

    run_virtual(scene())


@MODELS
def test_an_end_that_nobody_expected_is_an_end(model: str) -> None:
    async def scene() -> None:
        async with opened(model) as (_, service):
            turn = service.listen()
            await hear(turn, spoken("turn on"))
            assert await turn.finish(as_expected=True) == "turn on"

    run_virtual(scene())


@MODELS
def test_a_long_turn_of_many_segments(model: str) -> None:
    text = " ".join(f"word{number}" for number in range(80))

    async def scene() -> None:
        async with opened(model, Ways(turn_s=0.5)) as (_, service):
            assert await say(service, text) == text

    run_virtual(scene())


def test_what_flux_takes_for_many_turns_is_one() -> None:
    async def scene() -> None:
        async with opened(FLUX, Ways(turn_s=0.3)) as (_, service):
            turn = service.listen()
            for words in ("turn on", "the light", "please"):
                await hear(turn, spoken(words))
                turn.expect_end()
                await hear(turn, silence(0.6))
            assert await turn.finish(as_expected=True) == "turn on the light please"

    run_virtual(scene())


def test_flux_has_written_all_once_it_hangs_up_as_it_was_asked_to() -> None:
    async def scene() -> None:
        async with opened(FLUX, Ways(short_s=1.5)) as (server, service):
            turn = service.listen()
            await hear(turn, spoken(SAID))
            assert await turn.finish(as_expected=False) == SAID
            assert "CloseStream" in server.calls[0].texts[0]

    run_virtual(scene())


@MODELS
@pytest.mark.parametrize("answers", [True, False])
def test_silence_is_nothing_said(model: str, *, answers: bool) -> None:
    async def scene() -> None:
        async with opened(model, Ways(answers_flush=answers)) as (_, service):
            turn = service.listen()
            await hear(turn, silence(1.0))
            turn.expect_end()
            await hear(turn, silence(TRAILING_S))
            began = now()
            assert await turn.finish(as_expected=True) == ""
            assert now() - began < 0.5  # what it may need more passed while it was silent

    run_virtual(scene())


@MODELS
def test_a_turn_of_no_sound_asks_nobody(model: str) -> None:
    async def scene() -> None:
        async with opened(model) as (server, service):
            turn = service.listen()
            turn.expect_end()
            assert await turn.finish(as_expected=True) == ""
            assert turn.usage is None
            await turn.drop()
            assert not server.calls

    run_virtual(scene())


def test_deepgram_is_made_to_answer_where_it_says_nothing_to_a_finalize() -> None:
    """After the last segment came just before the end, it has nothing more to say."""

    async def scene() -> None:
        said = spoken("one two three")
        ways = Ways(window_s=len(said) / RATE - 0.03, answers_flush=False)
        async with opened(NOVA, ways) as (server, service):
            turn = service.listen()
            await hear(turn, said)
            began = now()
            assert await turn.finish(as_expected=False) == "one two three"
            assert now() - began < 1.5
            assert await say(service, "and more") == "and more"
            assert len(server.calls) <= 2

    run_virtual(scene())


@MODELS
def test_words_of_the_house_language_and_rate_are_asked_for(model: str) -> None:
    async def scene() -> list[tuple[str, str]]:
        async with opened(model, keywords=["Zigbee", "living room"]) as (server, service):
            await say(service, "one")
            return server.calls[0].query

    query = run_virtual(scene())
    assert [value for name, value in query if name == "keyterm"] == ["Zigbee", "living room"]
    assert dict(query)["sample_rate"] == "16000"
    assert dict(query)["model"] == model
    assert dict(query).get("language", "en") == "en"
    assert ("language" in dict(query)) == (model != FLUX)


# The connection.


@REUSED
def test_the_next_turn_goes_over_the_same_connection(model: str) -> None:
    async def scene() -> None:
        async with opened(model) as (server, service):
            for text in ("turn on the light", "and the heating", "thank you"):
                assert await say(service, text) == text
                await asyncio.sleep(3.0)
            assert len(server.calls) == 1

    run_virtual(scene())


def test_flux_serves_one_turn_with_each_connection() -> None:
    async def scene() -> None:
        async with opened(FLUX) as (server, service):
            for text in ("turn on the light", "and the heating"):
                assert await say(service, text) == text
                await asyncio.sleep(1.0)
            assert [call.closed for call in server.calls] == [True, True]

    run_virtual(scene())


def test_deepgram_is_kept_awake_between_turns_and_left_when_nobody_speaks() -> None:
    async def scene() -> None:
        async with opened(NOVA) as (server, service):
            await say(service, "one")
            await asyncio.sleep(30.0)
            (call,) = server.calls
            awake = [text for text in call.texts if "KeepAlive" in text]
            assert 30.0 / 10.0 < len(awake) < 30.0 / 3.0
            left = [call.closed]
            await asyncio.sleep(60.0)
            assert [*left, call.closed] == [False, True]
            assert await say(service, "two") == "two"

    run_virtual(scene())


@MODELS
def test_a_dropped_turn_is_not_heard_in_the_next(model: str) -> None:
    async def scene() -> None:
        async with opened(model, Ways(takes_s=0.3)) as (_, service):
            turn = service.listen()
            await hear(turn, spoken("never mind that"))
            await turn.drop()
            await turn.drop()
            assert turn.usage is not None
            assert await turn.finish(as_expected=False) == ""
            assert await say(service, "the light") == "the light"

    run_virtual(scene())


@REUSED
def test_the_sound_of_two_turns_is_kept_apart(model: str) -> None:
    async def scene() -> list[str]:
        async with opened(model) as (server, service):
            turn = service.listen()
            await hear(turn, spoken("never mind"))
            await turn.drop()
            await asyncio.sleep(0.5)
            return server.calls[0].texts

    (line,) = run_virtual(scene())
    assert "inalize" in line


@REUSED
def test_a_turn_that_begins_at_once_after_another_has_only_its_own_words(model: str) -> None:
    async def scene() -> None:
        async with opened(model, Ways(answers_flush=False)) as (_, service):
            for number in range(4):
                text = f"one{number} two{number}"
                assert await say(service, text, trailing_s=0.2) == text

    run_virtual(scene())


@REUSED
def test_a_turn_while_another_is_still_written_down(model: str) -> None:
    async def scene() -> None:
        async with opened(model, Ways(takes_s=1.0)) as (_, service), asyncio.TaskGroup() as group:
            first = service.listen()
            await hear(first, spoken("turn on"))
            writing = group.create_task(first.finish(as_expected=False))
            await asyncio.sleep(0)
            assert await say(service, "the light") == "the light"
            assert await writing == "turn on"

    run_virtual(scene())


@REUSED
def test_a_server_that_hangs_up_between_turns_is_dialled_again(model: str) -> None:
    async def scene() -> None:
        async with opened(model) as (server, service):
            assert await say(service, "one") == "one"
            await server.hang_up()
            await asyncio.sleep(0.1)
            assert await say(service, "two") == "two"
            assert len(server.calls) == 2

    run_virtual(scene())


@MODELS
def test_what_is_said_before_the_connection_is_open_is_not_lost(model: str) -> None:
    async def scene() -> None:
        async with opened(model, Ways(slow_door_s=1.5)) as (_, service):
            assert await say(service, "turn on") == "turn on"

    run_virtual(scene())


def test_a_door_that_opens_late_leaves_time_for_the_transcript() -> None:
    async def scene() -> None:
        async with opened(INK, Ways(slow_door_s=2.8, takes_s=2.0)) as (_, service):
            turn = service.listen()
            await hear(turn, spoken("on"))
            assert await turn.finish(as_expected=False) == "on"

    run_virtual(scene())


@MODELS
def test_usage_is_the_length_of_the_sound(model: str) -> None:
    async def scene() -> Usage | None:
        async with opened(model) as (_, service):
            turn = service.listen()
            await hear(turn, silence(2.0))
            await turn.finish(as_expected=False)
            return turn.usage

    usage = run_virtual(scene())
    assert usage is not None
    assert usage == Usage(model, audio_s=usage.audio_s, free=True)
    assert usage.audio_s == pytest.approx(2.0)


@MODELS
def test_a_turn_that_never_ends_costs_no_more_than_the_longest(model: str) -> None:
    async def scene() -> None:
        async with opened(model) as (server, service):
            turn = service.listen()
            for frame in frames(silence(120.0)):
                await turn.hear(frame)
                await asyncio.sleep(0)
            await turn.finish(as_expected=False)
            assert turn.usage is not None
            assert turn.usage.audio_s < 40.0
            assert server.calls[0].length < 40.0

    run_virtual(scene())


@MODELS
def test_close_ends_everything_and_may_come_twice(model: str) -> None:
    async def scene() -> None:
        async with serving(Ways(slow_door_s=1.0)) as server:
            service = made(config(server, model))
            await service.close()
            turn = service.listen()
            await hear(turn, spoken("one"))
            await service.close()
            await service.close()
            with pytest.raises(BackendUnavailable):
                await turn.finish(as_expected=False)
            assert len(asyncio.all_tasks()) <= 3

    run_virtual(scene())


# Bad input.


@MODELS
@pytest.mark.parametrize(
    ("refusal", "kind", "told"),
    [
        (NO_CREDIT, BackendRefused, "credit"),
        (NOT_ALLOWED, BackendRefused, "key"),
        (NO_MODEL, BackendRefused, "pipeline.stt.model"),
        (BUSY, BackendUnavailable, "again in 7 s"),
    ],
)
def test_a_service_that_will_not_have_us_says_why(
    model: str, refusal: Refusal, kind: type[BackendError], told: str
) -> None:
    async def scene() -> None:
        async with opened(model, Ways(refusal=refusal)) as (_, service):
            await say(service, SAID)

    error = fails(scene)
    assert type(error) is kind
    assert told in str(error)
    assert "\n" not in str(error)


@MODELS
@pytest.mark.parametrize("key", [None, SecretStr("another")])
def test_a_wrong_key(model: str, key: SecretStr | None) -> None:
    async def scene() -> None:
        async with serving() as server:
            settings = config(server, model)
            settings = settings.model_copy(
                update={"keys": settings.keys.model_copy(update={"stt": key})}
            )
            service = made(settings)
            try:
                await say(service, SAID)
            finally:
                await service.close()

    error = fails(scene)
    assert isinstance(error, BackendRefused)
    assert "give a key" in error.advice
    assert "another" not in str(error)


@MODELS
def test_a_stream_that_stops_in_the_middle(model: str) -> None:
    async def scene() -> None:
        async with opened(model, Ways(stops_after_s=0.8)) as (_, service):
            await say(service, SAID)

    assert type(fails(scene)) is BackendUnavailable


@MODELS
def test_a_service_that_says_nothing_is_waited_for_no_longer_than_it_may(model: str) -> None:
    async def scene() -> float:
        async with opened(model, Ways(mute=True, takes_s=99.0)) as (_, service):
            turn = service.listen()
            await hear(turn, spoken(SAID))
            turn.expect_end()
            began = now()
            with pytest.raises(BackendStalled):
                await turn.finish(as_expected=True)
            return now() - began

    assert run_virtual(scene()) == pytest.approx(STALL_S, abs=0.05)


@MODELS
def test_nobody_there_is_noticed_in_the_middle_of_the_turn(model: str) -> None:
    async def scene() -> None:
        async with serving() as server:
            await server.stop()
            service = made(config(server, model))
            try:
                await hear(service.listen(), spoken(SAID))
            finally:
                await service.close()

    assert "nobody listens" in str(fails(scene))


@MODELS
def test_a_door_that_never_opens(model: str) -> None:
    async def scene() -> None:
        async with opened(model, Ways(slow_door_s=60.0)) as (_, service):
            await say(service, SAID)

    assert "no connection in time" in str(fails(scene))


@MODELS
def test_nonsense_between_the_words_changes_nothing(model: str) -> None:
    junk = ("", "{", "[]", "null", '{"type":[]}', '{"type":"new"}', b"\x00", "{" * 500)

    async def scene() -> None:
        async with opened(model, Ways(junk=junk)) as (_, service):
            assert await say(service, SAID) == SAID

    run_virtual(scene())


@MODELS
def test_frames_that_cannot_be_read(model: str) -> None:
    async def scene() -> None:
        async with opened(model) as (server, service):
            turn = service.listen()
            await hear(turn, spoken("one two three"))
            server.calls[0]._socket.transport.write(b"\x83\x7e\xff\xff")  # no such frame
            await hear(turn, spoken("four five six"))
            await turn.finish(as_expected=False)

    assert isinstance(fails(scene), ProtocolViolation)


@pytest.mark.parametrize(
    ("said", "kind", "told"),
    [
        (cartesia_error(400, "model_not_found"), BackendRefused, "pipeline.stt.model"),
        (cartesia_error(402, "quota_exceeded"), BackendRefused, "credit"),
        (cartesia_error(401, "unauthorized"), BackendRefused, "give a key"),
        (cartesia_error(429, "concurrency_limited"), BackendUnavailable, "busy"),
        (cartesia_error(500, "internal"), BackendUnavailable, "500"),
        ({"type": "error"}, BackendUnavailable, "broke off"),
    ],
)
def test_cartesia_complains_within_the_stream(
    said: dict[str, object], kind: type[BackendError], told: str
) -> None:
    async def scene() -> None:
        async with opened(INK, Ways(complaint=said)) as (_, service):
            await say(service, SAID)

    error = fails(scene)
    assert type(error) is kind
    assert told in str(error)


@pytest.mark.parametrize(
    ("model", "said", "told"),
    [
        (FLUX, {"type": "Error", "sequence_id": 1, "code": "INTERNAL_SERVER_ERROR",
                "description": "a secret"}, "INTERNAL_SERVER_ERROR"),
        (NOVA, {"type": "Error", "variant": "SchemaError", "description": "a secret"},
         "SchemaError"),
        (FLUX, {"type": "Error", "code": "my key is x"}, "an error"),
    ],
)  # fmt: skip
def test_deepgram_complains_within_the_stream(
    model: str, said: dict[str, object], told: str
) -> None:
    async def scene() -> None:
        async with opened(model, Ways(complaint=said)) as (_, service):
            await say(service, SAID)

    error = fails(scene)
    assert type(error) is BackendUnavailable
    assert told in str(error)
    assert "secret" not in str(error)


def test_nothing_that_was_said_and_no_key_is_in_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def scene() -> None:
        for model in (NOVA, FLUX, INK):
            async with opened(model) as (_, service):
                await say(service, SAID)
                assert KEY not in repr(service)

    run_virtual(scene())
    assert "kitchen" not in caplog.text
    assert KEY not in caplog.text


@MODELS
def test_a_probe_opens_a_connection_and_says_so(model: str) -> None:
    async def scene() -> str:
        async with serving() as server:
            settings = config(server, model)
            service = made(settings)
            assert isinstance(service, Probes)
            told = await service.probe()
            await asyncio.sleep(0.1)
            assert [call.closed for call in server.calls] == [True]
            assert not server.calls[0].pieces
            return told

    assert "open after" in run_virtual(scene())


def test_a_probe_tells_what_is_wrong() -> None:
    async def scene() -> None:
        async with serving(Ways(refusal=NO_CREDIT)) as server:
            await deepgram.speech_to_text(config(server, NOVA)).probe()

    assert isinstance(fails(scene), BackendRefused)


def test_the_frames_are_those_of_the_box() -> None:
    assert len(next(frames(silence(1.0))).samples) == FRAME_SAMPLES
