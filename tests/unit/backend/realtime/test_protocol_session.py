"""A session from its settings to its end; what a server may say that is no good."""

import json

import pytest

from appliance.backend.context import Called, Owed
from appliance.backend.realtime import dialect
from appliance.backend.realtime.protocol import RateLimit, RealtimeProtocol
from appliance.errors import (
    BackendRefused,
    BackendStalled,
    BackendUnavailable,
    ProtocolViolation,
)
from appliance.events import ReplyAudio, ReplyStarted
from appliance.ports import ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber
from tests.realtime_peer import SERVER_EVENTS, SESSION, Peer, pcm, ready, sample, terms

FIRST = TurnNumber(1)


def opening(owed: Owed | None = None) -> Peer:
    item = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "Good evening."}],
    }
    peer = Peer(RealtimeProtocol(terms(), history=[item], owed=owed))
    peer.take(peer.protocol.opened(peer.now))
    return peer


def test_the_settings_go_first_then_what_was_said_before() -> None:
    peer = opening()

    assert [message["type"] for message in peer.sent] == [
        "session.update",
        "conversation.item.create",
    ]
    assert peer.sent[0]["session"] == SESSION


@pytest.mark.parametrize("proof", ["session.updated", "input_audio_buffer.committed"])
def test_it_is_ready_once_the_server_shows_that_it_took_the_settings(proof: str) -> None:
    peer = opening()
    shown = []
    for kind in ("session.created", proof):
        peer.say(kind, session={})
        shown.append(peer.protocol.ready)

    assert shown == [False, True]
    assert peer.protocol.deadline() is None


def test_a_server_that_never_takes_the_settings_has_stalled() -> None:
    peer = opening()
    with pytest.raises(BackendStalled):
        peer.wait(3.0)


def test_settings_that_the_server_refuses_need_a_change_of_the_configuration() -> None:
    peer = opening()
    error = {
        "type": "invalid_request_error",
        "code": "invalid_value",
        "param": "session.audio.output.voice",
        "event_id": peer.sent[0]["event_id"],
    }
    with pytest.raises(BackendRefused, match=r"session\.audio\.output\.voice"):
        peer.say("error", error=error)


@pytest.mark.parametrize(
    "code",
    [
        "insufficient_quota",
        "credit_balance_exhausted",
        "invalid_api_key",
        "account_deactivated",
        "billing_hard_limit_reached",
        "beta_api_shape_disabled",
    ],
)
@pytest.mark.parametrize("field", ["code", "type"])
def test_a_fatal_code_says_what_to_do_wherever_it_stands(code: str, field: str) -> None:
    with pytest.raises(BackendRefused) as refused:
        ready().say("error", error={"message": "sk-secret", field: code})
    assert refused.value.reason == code
    assert refused.value.advice
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("code", ["session_expired", "session_limit_reached"])
def test_a_session_that_is_over_may_be_followed_by_another(code: str) -> None:
    with pytest.raises(BackendUnavailable) as gone:
        ready().fail(code)
    assert not isinstance(gone.value, BackendRefused)


def test_other_errors_leave_the_session_open(caplog: pytest.LogCaptureFixture) -> None:
    peer = ready()
    peer.fail("unknown_or_invalid_event")
    peer.say("error", error={"code": ["what"], "type": {"is": "this"}})
    peer.say("error", error=None)

    assert peer.protocol.idle
    assert "secret" not in caplog.text


@pytest.mark.parametrize("nonsense", ["{", "[1]", '"text"', "{}", '{"type": 7}', b'{"type": "x"}'])
def test_nonsense_is_tolerated_until_there_is_nothing_else(nonsense: str | bytes) -> None:
    peer = ready()
    for _ in range(20):
        peer.protocol.receive(nonsense, peer.now)
    peer.say("session.updated", session={})
    for _ in range(20):
        peer.protocol.receive(nonsense, peer.now)
    with pytest.raises(ProtocolViolation):
        peer.protocol.receive(nonsense, peer.now)


def test_json_that_is_out_of_bounds_is_nonsense() -> None:
    peer = ready()
    for text in ("[" * 100_000, '{"type": "error", "n": ' + "9" * 5000 + "}", "x" * 33_000_000):
        assert peer.protocol.receive(text, peer.now).events == ()


@pytest.mark.parametrize("kind", sorted(SERVER_EVENTS))
def test_every_event_of_the_api_is_handled_or_knowingly_ignored(kind: str) -> None:
    known = ready().protocol.handled
    assert (kind in known) != (kind in dialect.IGNORED)


@pytest.mark.parametrize("kind", sorted(SERVER_EVENTS))
def test_every_event_of_the_api_is_taken_with_all_its_fields(kind: str) -> None:
    peer = ready(ends_turns=True, auto_response=True)
    peer.say("input_audio_buffer.committed", item_id="text")
    peer.say("response.created", response={"id": "text"})
    peer.take(peer.protocol.commit(FIRST, peer.now))

    peer.take(peer.protocol.receive(json.dumps(sample(kind)), peer.now))


def test_nothing_is_ignored_that_the_api_does_not_know() -> None:
    assert set(SERVER_EVENTS) >= dialect.IGNORED


def test_unknown_events_and_fields_change_nothing() -> None:
    peer = ready()
    peer.say("response.mood.changed", mood="sunny", response_id="resp_1")
    peer.say("session.updated", session={"temperature": 0.8, "modalities": ["audio"]}, new=1)
    assert peer.events == []
    assert peer.protocol.idle


def test_a_server_of_the_beta_is_understood() -> None:
    peer = ready()
    peer.take(peer.protocol.commit(FIRST, peer.now))
    peer.begin("resp_1", echo=False)

    peer.say("response.audio.delta", response_id="resp_1", item_id="item_1", delta=pcm(10))
    peer.say("response.audio_transcript.delta", response_id="resp_1", item_id="i", delta="Yes")

    assert peer.events[0] == ReplyStarted(ResponseId("resp_1"), FIRST)
    assert [type(event).__name__ for event in peer.events[1:]] == ["ReplyAudio", "ReplyText"]


@pytest.mark.parametrize(
    ("form", "rate"),
    [
        ({"type": "audio/pcm", "rate": 16_000}, 16_000),
        ({"type": "audio/pcm"}, 24_000),
        ({"type": "audio/pcm", "rate": "fast"}, 24_000),
        ({"type": "audio/pcm", "rate": 1}, 24_000),
        (None, 24_000),
    ],
)
def test_sound_has_the_rate_that_the_server_announced(form: object, rate: int) -> None:
    peer = ready()
    peer.say("session.updated", session={"audio": {"output": {"format": form}}})
    peer.take(peer.protocol.commit(FIRST, peer.now))
    peer.begin("resp_1")
    (audio,) = peer.sound("resp_1", 10)
    assert isinstance(audio, ReplyAudio)
    assert audio.rate == rate


def test_sound_that_would_be_played_as_noise_is_refused() -> None:
    with pytest.raises(BackendRefused):
        ready().say(
            "session.updated", session={"audio": {"output": {"format": {"type": "audio/pcmu"}}}}
        )


def test_an_error_that_repeats_does_not_fill_the_journal(caplog: pytest.LogCaptureFixture) -> None:
    peer = ready()
    for _ in range(50):
        peer.fail("server_error")
    assert len([record for record in caplog.records if "server_error" in record.message]) == 1


def test_rate_limits_are_kept_for_who_wants_to_see_them() -> None:
    peer = ready()
    limit = {"name": "tokens", "limit": 40_000, "remaining": 39_000, "reset_seconds": 1.5}
    peer.say("rate_limits.updated", rate_limits=[limit, None, {"name": 5, "limit": "many"}])
    assert peer.protocol.rate_limits == (
        RateLimit("tokens", 40_000, 39_000, Seconds(1.5)),
        RateLimit("", 0, 0, Seconds(0.0)),
    )


def test_new_tools_replace_the_old_ones() -> None:
    peer = ready()
    tool = {"type": "function", "name": "set_light", "parameters": {"type": "object"}}
    peer.take(peer.protocol.retool([tool]))
    assert peer.sent[-1]["session"] == {"type": "realtime", "tools": [tool]}


def called(call: str, result: ToolResult | None = None) -> Called:
    return Called(CallId(call), "set_light", {}, result)


def test_a_turn_whose_calls_are_all_answered_is_reported_on_at_once() -> None:
    peer = opening(Owed(TurnNumber(7), (called("call_1", ToolResult("done")),)))
    assert peer.sent[-1]["type"] == "response.create"
    peer.say("session.updated", session={})
    assert peer.begin("resp_1") == [ReplyStarted(ResponseId("resp_1"), TurnNumber(7))]


def test_a_turn_with_calls_still_at_work_waits_for_their_answers() -> None:
    peer = opening(Owed(TurnNumber(7), (called("call_1", ToolResult("done")), called("call_2"))))
    peer.say("session.updated", session={})
    assert peer.new("response.create") == []

    peer.take(peer.protocol.answer(CallId("call_2"), ToolResult("done"), peer.now))

    assert peer.sent[-2]["item"]["call_id"] == "call_2"
    assert peer.begin("resp_1") == [ReplyStarted(ResponseId("resp_1"), TurnNumber(7))]


def test_a_turn_that_had_come_to_nothing_waits_for_its_commit() -> None:
    peer = opening(Owed(TurnNumber(7)))
    assert peer.new("response.create") == []
