"""What a Live server can do to us: over a real socket, in virtual time.

Each time the same: one turn is said, and either it is answered all the same or the session ends
with one clear error of ours, in time. Never a crash, never silence without a sign, never a call
that was not asked for.
"""

import asyncio
from typing import Any

import pytest

from appliance.errors import (
    BackendError,
    BackendRefused,
    BackendStalled,
    BackendUnavailable,
    ProtocolViolation,
)
from appliance.events import ReplyAudio, ReplyEnded, ReplyStarted, ReplyText, ToolCalled, Used
from tests.live_client import talking
from tests.live_server import Spoilt, serving, sound_at
from tests.realtime_client import TURN, Talk
from tests.realtime_server import Call, Refusal, Reply, Script
from tests.realtime_server.server import BROKEN, BUSY, FORBIDDEN, NO_QUOTA, WRONG_KEY
from tests.virtual_time import run_virtual

REPLY = Reply("The kitchen light is on.")
PATIENCE = 60.0
TEXT = Script(replies=[REPLY])


def refusing(code: str, param: str = "", message: str = "") -> dict[str, Any]:
    return {"code": code, "type": "invalid_request_error", "message": message, "param": param}


def said(script: Script, spoilt: Spoilt | None = None) -> Talk:
    """Say one turn; return when its reply or the session has ended."""

    async def main() -> Talk:
        async with serving(script, spoilt=spoilt) as server, talking(server) as talk:
            await talk.say()
            async with asyncio.timeout(PATIENCE):
                await talk.until(
                    lambda: bool(talk.of(ReplyEnded)) or talk.ended is not None, within=PATIENCE
                )
            return talk

    return run_virtual(main())


def lost(script: Script, spoilt: Spoilt | None = None) -> BackendError:
    talk = said(script, spoilt)
    assert talk.ended is not None, talk.events
    assert not talk.of(ToolCalled)
    return talk.ended


@pytest.mark.parametrize(
    ("refusal", "kind", "words"),
    [
        (WRONG_KEY, BackendRefused, "invalid_api_key"),
        (FORBIDDEN, BackendRefused, "live.model"),
        (NO_QUOTA, BackendRefused, "insufficient_quota"),
        (Refusal(404), BackendRefused, "live.url"),
        (BUSY, BackendUnavailable, "busy (HTTP 429); it says to wait 2 s"),
        (BROKEN, BackendUnavailable, "503"),
    ],
)
def test_a_handshake_that_is_refused(
    refusal: Refusal, kind: type[BackendError], words: str
) -> None:
    error = lost(Script(refusal=refusal))

    assert isinstance(error, kind)
    assert words in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (refusing("model_not_found", "session.model"), "live.model"),
        (refusing("invalid_value", "session.audio.output.voice"), "live.voice"),
        (refusing("invalid_value", "session.delegation.responses.model"), "live.delegate_model"),
        (refusing("unknown_parameter", "session.whatever"), "session.whatever"),
        (refusing("invalid_value", "Hallo\nWelt"), "the settings"),
        (refusing("insufficient_quota"), "credit"),
        (refusing("invalid_api_key"), "key"),
    ],
)
def test_a_session_that_is_not_begun_says_which_setting_is_wrong(
    problem: dict[str, Any], words: str
) -> None:
    error = lost(TEXT, Spoilt(start_error=problem))

    assert isinstance(error, BackendRefused)
    assert words in str(error)
    assert "\n" not in str(error)


def test_a_rate_limit_says_how_long_to_wait_and_quotes_nothing_else() -> None:
    message = "Rate limit of org-secret reached. Please try again in 7.5s."
    error = lost(TEXT, Spoilt(start_error=refusing("rate_limit_exceeded", "", message)))

    assert type(error) is BackendUnavailable
    assert "7.5 s" in str(error)
    assert "secret" not in str(error)


def test_a_session_that_never_starts() -> None:
    assert isinstance(lost(TEXT, Spoilt(never_starts=True)), BackendStalled)


def test_a_sound_that_we_cannot_play() -> None:
    form = {"type": "audio/pcmu", "rate": 8_000}
    error = lost(TEXT, Spoilt(form=form))

    assert isinstance(error, BackendRefused)
    assert "live.rate" in str(error)


def test_a_rate_that_the_server_chose_is_the_rate_that_is_played() -> None:
    talk = said(TEXT, Spoilt(form={"type": "audio/pcm", "rate": 24_000}))

    assert {piece.rate for piece in talk.of(ReplyAudio)} == {24_000}


def test_a_voice_that_never_comes() -> None:
    error = lost(TEXT, Spoilt(mute=True))

    assert isinstance(error, BackendStalled)
    assert "no reply began" in str(error)


@pytest.mark.parametrize(
    ("spoilt", "kind", "words"),
    [
        (Spoilt(after=5, stop=True), BackendStalled, "did not go on"),
        (Spoilt(after=5, close=(1011, "")), BackendUnavailable, "1011"),
        (Spoilt(after=5, close=(1001, "")), BackendUnavailable, "1001"),
        (Spoilt(after=5, closed="expired"), BackendUnavailable, "longest duration"),
        (Spoilt(after=5, closed="content"), BackendUnavailable, "what was said"),
        (Spoilt(after=5, closed="connection_lost"), BackendUnavailable, "lost the connection"),
        (Spoilt(after=5, closed="remote_hangup"), BackendUnavailable, "hung up"),
        (Spoilt(after=5, closed="who knows"), BackendUnavailable, "ended the session"),
        (Spoilt(after=5, error=refusing("insufficient_quota")), BackendRefused, "quota"),
        (Spoilt(after=5, junk=("{",) * 30), ProtocolViolation, "no events"),
    ],
)
def test_a_stream_that_ends_in_the_middle(
    spoilt: Spoilt, kind: type[BackendError], words: str
) -> None:
    talk = said(TEXT, spoilt)

    assert isinstance(talk.ended, kind)
    assert words in str(talk.ended)
    assert talk.of(ReplyStarted)
    assert not talk.of(ReplyEnded)


def test_the_last_bill_is_taken_when_the_service_ends_the_session() -> None:
    talk = said(TEXT, Spoilt(after=13, closed="expired"))

    total = sum(each.usage.audio_s for each in talk.of(Used))
    assert total == pytest.approx(2.4, abs=0.5)
    assert total != round(total)


@pytest.mark.parametrize(
    "junk",
    [
        "{}",
        "[]",
        "null",
        '"session.closed"',
        b"\x00\xff",
        '{"type": 7}',
        '{"type": "session.output_audio.delta", "delta": "!!"}',
        '{"type": "session.output_audio.delta", "delta": "AAAA"}',
        '{"type": "session.output_audio.delta"}',
        '{"type": "session.output_transcript.delta", "delta": 5}',
        '{"type": "session.input_transcript.delta", "delta": null}',
        '{"type": "session.usage.updated", "usage": {"seconds": "many"}}',
        '{"type": "session.delegation.created", "delegation": []}',
        '{"type": "response.event", "event": {"type": "response.output_item.done"}}',
        '{"type": "response.event", "delegation_id": 4, "event": []}',
        '{"type": "decision.event"}',
        '{"type": "error", "error": "no"}',
        '{"type": "info", "code": "x", "message": "y"}',
    ],
)
def test_a_malformed_frame_changes_nothing(junk: str | bytes) -> None:
    talk = said(TEXT, Spoilt(after=2, junk=(junk,)))

    assert talk.of(ReplyEnded), talk.ended
    assert "".join(each.text for each in talk.of(ReplyText)) == REPLY.text
    assert talk.sound()[:20_000] == sound_at(REPLY, 16_000)[:20_000]
    assert [each.turn for each in talk.of(ReplyStarted)] == [TURN]


@pytest.mark.parametrize(
    ("failure", "kind", "words"),
    [
        ({"code": "server_error", "message": "x"}, BackendUnavailable, "busy"),
        ({"code": "what", "message": "try again in 300 ms"}, BackendUnavailable, "(what)"),
        (
            {"code": "rate_limit_exceeded", "message": "Please try again in 300ms."},
            BackendUnavailable,
            "0.3 s",
        ),
        ({"code": "insufficient_quota", "message": "x"}, BackendRefused, "credit"),
    ],
)
def test_a_model_behind_that_fails(
    failure: dict[str, Any], kind: type[BackendError], words: str
) -> None:
    script = Script(replies=[Reply("", calls=(Call("set_light"),))])
    error = lost(script, Spoilt(work_fails=failure))

    assert isinstance(error, kind)
    assert words in str(error)
