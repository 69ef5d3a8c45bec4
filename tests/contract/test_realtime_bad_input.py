"""What a realtime server can do to us: over a real socket, in virtual time.

Each time the same: one turn is said, and either it is answered all the same or the session ends
with an error of ours, in time. Never a crash, never silence without a sign, never a call that was
not asked for.
"""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from appliance.backend.socket.address import Address
from appliance.errors import (
    BackendError,
    BackendRefused,
    BackendStalled,
    BackendUnavailable,
    ProtocolViolation,
    SessionOver,
)
from appliance.events import (
    EndOfTurnFound,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ToolCalled,
)
from appliance.ports import ToolResult
from appliance.units import Seconds, TurnNumber
from tests.realtime_client import PCM, SETTINGS, STALL, TERMS, TURN, Talk, frames, talking, whistle
from tests.realtime_server import Call, Manners, Reply, Script, faults, serving
from tests.realtime_server.plan import sound_of
from tests.realtime_server.script import Plan, Raw, Twist
from tests.virtual_time import run_virtual

TEXT = "The kitchen light is on."
AUDIO = faults.AUDIO
DONE = "response.done"
PATIENCE = 30.0
"""Longer than anything may take; virtual."""


def spoilt(*twists: Twist, **more: float) -> Reply:
    return Reply(TEXT, twists=twists, **more)  # type: ignore[arg-type]


async def one_turn(script: Script) -> Talk:
    """Say one turn; return when its reply or the session has ended."""
    async with (
        serving(script) as server,
        talking(Address(f"{server.url}?model=m", server.headers)) as talk,
    ):
        await talk.say()
        async with asyncio.timeout(PATIENCE):
            await talk.until(lambda: bool(talk.of(ReplyEnded)) or talk.ended is not None)
    return talk


def answered(script: Script) -> Talk:
    """Say one turn that must be answered, to the last sample."""
    talk = run_virtual(one_turn(script))
    assert talk.of(ReplyEnded), talk.ended
    assert [event.turn for event in talk.of(ReplyStarted)] == [TURN]
    assert "".join(event.text for event in talk.of(ReplyText)) == TEXT
    assert not talk.of(ToolCalled)
    assert talk.sound() == sound_of(Reply(TEXT))
    return talk


def lost(script: Script) -> BackendError:
    """Say one turn that cannot be answered; return the error with which the session ended."""
    talk = run_virtual(one_turn(script))
    assert talk.ended is not None, talk.events
    return talk.ended


@pytest.mark.parametrize(
    "twist",
    [
        faults.garbage("response.created"),
        faults.garbage(AUDIO),
        faults.binary(AUDIO),
        faults.unknown_types("response.created"),
        faults.stranger("response.created"),
        faults.stranger(AUDIO),
        faults.stranger(DONE),
        faults.without("rate_limits.updated"),
        faults.without("response.content_part.added"),
        faults.without("conversation.item.added"),
        faults.without("conversation.item.done"),
        faults.without("response.output_item.added"),
        faults.without("response.output_audio.done"),
        faults.twice("response.created"),
        faults.twice("response.output_item.added"),
        faults.twice(DONE),
        faults.changed(DONE, lambda event: {**event, "moon": {"phase": [1]}}),
        faults.changed(AUDIO, lambda event: {**event, "output_index": "one"}),
        faults.padded(AUDIO, 2_000_000),
    ],
)
def test_nonsense_on_the_way_is_passed_over(twist: Twist) -> None:
    answered(Script([spoilt(twist)]))


@pytest.mark.parametrize(
    "manners",
    [
        Manners(unsupported=frozenset({"input_audio_buffer.clear"})),
        Manners(created_items=True),
        Manners(output_format=None),
        Manners(usage={}),
        Manners(usage={"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}),
        Manners(usage={"input_token_details": "none"}),
        Manners(word_in_type=True),
        Manners(beta_fields=True),
    ],
)
def test_servers_with_manners_of_their_own_are_understood(manners: Manners) -> None:
    answered(Script([Reply(TEXT)], manners=manners))


def test_old_names_of_events_are_understood() -> None:
    answered(Script([Reply(TEXT)], manners=Manners(beta=True)))


def test_sound_ten_times_faster_than_real_time_comes_whole() -> None:
    answered(Script([Reply(TEXT, pace=10.0)]))


def test_sound_at_another_rate_is_passed_on_with_that_rate() -> None:
    form = {"type": "audio/pcm", "rate": 16_000}

    talk = answered(Script([Reply(TEXT)], manners=Manners(output_format=form)))

    assert {piece.rate for piece in talk.of(ReplyAudio)} == {16_000}


@pytest.mark.parametrize("twist", [faults.half_base64(), faults.odd_bytes()])
def test_half_a_base64_is_not_played_and_the_reply_goes_on(twist: Twist) -> None:
    talk = run_virtual(one_turn(Script([spoilt(twist)])))

    assert talk.of(ReplyEnded), talk.ended
    assert all(len(piece.pcm) % 2 == 0 for piece in talk.of(ReplyAudio))
    assert "".join(event.text for event in talk.of(ReplyText)) == TEXT


@pytest.mark.parametrize("seed", range(12))
def test_events_in_any_order_end_the_reply_or_the_session(seed: int) -> None:
    talk = run_virtual(one_turn(Script([spoilt(faults.shuffled(seed))])))

    assert talk.of(ReplyEnded) or talk.ended is not None
    assert not talk.of(ToolCalled)


def test_nothing_but_nonsense_is_a_protocol_violation() -> None:
    flood = faults.before("response.created", *(Raw("{") for _ in range(40)))

    assert isinstance(lost(Script([spoilt(flood)])), ProtocolViolation)


def test_a_message_too_large_is_a_protocol_violation() -> None:
    huge = faults.padded("response.created", 17 << 20)

    assert isinstance(lost(Script([spoilt(huge)])), ProtocolViolation)


def test_text_that_is_no_text_is_a_protocol_violation() -> None:
    # websockets would not send it: so by hand, a frame of text with a byte that is not UTF-8
    async def scene() -> BackendError:
        async with (
            serving() as server,
            talking(Address(server.url, server.headers)) as talk,
        ):
            await talk.backend.until_ready()
            server.session.socket.transport.write(b"\x81\x01\xff")
            return await talk.end()

    assert isinstance(run_virtual(scene()), ProtocolViolation)


# The connection ends.


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012, 1013, 4000])
@pytest.mark.parametrize("at", ["response.created", AUDIO])
def test_a_closed_connection_is_an_error_with_its_code(code: int, at: str) -> None:
    error = lost(Script([spoilt(faults.close(code, at=at, count=1))]))

    assert type(error) is (SessionOver if code == 1001 else BackendUnavailable)
    assert f"({code})" in str(error)


def test_a_connection_that_is_gone_is_an_error() -> None:
    error = lost(Script([spoilt(faults.abort())]))

    assert type(error) is BackendUnavailable
    assert "(1006)" in str(error)


def test_the_end_of_the_longest_session_is_an_error_that_may_be_tried_again() -> None:
    error = lost(Script([Reply(TEXT, first_event_s=9.0)], session_s=2.0))

    assert type(error) is SessionOver
    assert "(1001)" in str(error)


@pytest.mark.parametrize(
    ("code", "reason"),
    [(1008, "invalid_api_key"), (4000, "invalid_request_error.beta_api_shape_disabled")],
)
def test_a_close_that_says_that_there_is_no_use_is_a_refusal(code: int, reason: str) -> None:
    error = lost(Script([spoilt(faults.close(code, reason, count=1))]))

    assert isinstance(error, BackendRefused)
    assert error.reason == reason.rpartition(".")[2]


@pytest.mark.parametrize("in_type", [False, True])
@pytest.mark.parametrize("code", ["insufficient_quota", "invalid_api_key", "account_deactivated"])
def test_fatal_codes_are_refusals_even_when_we_talk_while_it_closes(
    code: str, *, in_type: bool
) -> None:
    error = lost(Script([spoilt(faults.fatal(code, in_type=in_type))]))

    assert isinstance(error, BackendRefused)
    assert error.reason == code
    assert error.advice


def test_a_server_that_is_full_may_be_tried_again() -> None:
    async def scene() -> BackendError:
        script = Script(manners=Manners(sessions=1))
        async with serving(script) as server:
            address = Address(server.url, server.headers)
            async with talking(address) as first:
                await first.backend.until_ready()
                async with talking(address) as second:
                    return await second.end()

    error = run_virtual(scene())
    assert type(error) is BackendUnavailable
    assert "session_limit_reached" in str(error)


# Silence.


@pytest.mark.parametrize("at", ["response.created", "response.output_item.added", AUDIO, DONE])
def test_silence_is_noticed_by_its_deadline(at: str) -> None:
    async def scene() -> tuple[Talk, float]:
        began = asyncio.get_running_loop().time()
        talk = await one_turn(Script([spoilt(faults.silence(at=at))]))
        return talk, asyncio.get_running_loop().time() - began

    talk, took = run_virtual(scene())

    assert isinstance(talk.ended, BackendStalled) or talk.of(ReplyEnded)
    assert took == pytest.approx(STALL, abs=1.5)


def test_fifteen_seconds_of_silence_are_too_many() -> None:
    assert isinstance(lost(Script([spoilt(faults.stall(15.0, count=1))])), BackendStalled)


def test_first_response_of_a_server_that_has_just_started_may_not_take_longer() -> None:
    script = Script([Reply(TEXT)], manners=Manners(first_response_s=15.0))

    assert isinstance(lost(script), BackendStalled)


def test_settings_that_are_never_answered_are_given_up_in_time() -> None:
    error = lost(Script(manners=Manners(no_ack=True)))

    assert isinstance(error, BackendStalled)


def test_three_seconds_of_silence_are_waited_for() -> None:
    answered(Script([spoilt(faults.stall(3.0, count=2), first_event_s=3.0, first_audio_s=3.0)]))


def test_an_error_in_the_middle_with_nothing_after_it_ends_the_reply_or_the_session() -> None:
    talk = run_virtual(one_turn(Script([spoilt(faults.error_without_done())])))

    assert talk.ended is not None or talk.of(ReplyEnded)
    assert talk.of(ReplyAudio)


# Calls.


def calls_of(*calls: Call) -> Talk:
    """Have a turn answered by calls and their answers by a text."""

    async def scene() -> Talk:
        script = Script([Reply("", calls=calls), Reply(TEXT), Reply(TEXT)])
        async with (
            serving(script) as server,
            talking(Address(server.url, server.headers)) as talk,
        ):
            await talk.say()
            seen = 0
            async with asyncio.timeout(PATIENCE):
                while talk.ended is None and not talk.of(ReplyText):
                    for call in talk.of(ToolCalled)[seen:]:
                        seen += 1
                        await talk.backend.answer_call(call.call, ToolResult("done"))
                    await talk.more()
            outputs = server.session.outputs
        assert set(outputs) == {f"call_{number + 1}" for number in range(len(calls))}
        return talk

    talk = run_virtual(scene())
    assert talk.of(ReplyText), talk.ended
    return talk


@pytest.mark.parametrize(
    "arguments", ['{"state": "on"', "on", "[]", "null", '{"state": NaN', "[" * 20_000]
)
def test_broken_arguments_are_no_call_and_the_model_is_told(arguments: str) -> None:
    assert not calls_of(Call("set_light", arguments)).of(ToolCalled)


def test_giant_arguments_are_no_call_and_the_model_is_told() -> None:
    giant = '{"state": "' + "x" * 3_000_000 + '"}'

    assert not calls_of(Call("set_light", giant)).of(ToolCalled)


def test_a_good_call_beside_a_broken_one_is_carried_out_once() -> None:
    talk = calls_of(Call("set_light", "{"), Call("set_light", '{"state": "on"}'))

    assert [call.arguments for call in talk.of(ToolCalled)] == [{"state": "on"}]


def test_a_call_told_three_times_is_one_call() -> None:
    def again(plan: Plan) -> Plan:
        return faults.twice("response.output_item.done")(
            faults.twice("response.function_call_arguments.done")(faults.twice(DONE)(plan))
        )

    async def scene() -> Talk:
        calling = Reply("", calls=(Call("set_light", '{"state": "on"}'),), twists=(again,))
        async with (
            serving(Script([calling, Reply(TEXT)])) as server,
            talking(Address(server.url, server.headers)) as talk,
        ):
            await talk.say()
            await talk.until(lambda: bool(talk.of(ToolCalled)))
            await talk.backend.answer_call(talk.of(ToolCalled)[0].call, ToolResult("done"))
            await talk.until(lambda: bool(talk.of(ReplyText)))
        return talk

    assert len(run_virtual(scene()).of(ToolCalled)) == 1


def test_calls_of_a_reply_that_was_talked_over_are_not_made() -> None:
    async def scene() -> Talk:
        reply = Reply(TEXT, calls=(Call("set_light", '{"state": "on"}'),), pace=1.0)
        async with (
            serving(Script([reply, Reply("Yes?")])) as server,
            talking(Address(server.url, server.headers)) as talk,
        ):
            await talk.say()
            await talk.until(lambda: len(talk.of(ReplyAudio)) == 3)
            response = talk.of(ReplyStarted)[0].response
            await talk.backend.cancel_reply(response, heard=Seconds(0.12))
            await talk.say(turn=TurnNumber(2))
            await talk.until(lambda: len(talk.of(ReplyStarted)) == 2)
            await talk.until(
                lambda: talk.of(ReplyEnded)[-1:] != [] and len(talk.of(ReplyText)) > 3
            )
            session = server.session
        (truncated,) = session.of("conversation.item.truncate")
        assert truncated["audio_end_ms"] == 120
        return talk

    assert not run_virtual(scene()).of(ToolCalled)


# Talked over, by servers with manners of their own.


@pytest.mark.parametrize(
    "manners",
    [
        Manners(),
        Manners(silent_truncate=True),
        Manners(late_deltas=5),
        Manners(cancelled_event=True),
        Manners(word_in_type=True),
        Manners(created_items=True),
        Manners(beta=True),
    ],
)
@pytest.mark.parametrize("heard_s", [0.0, 0.25, 9.0])
def test_a_reply_that_is_talked_over_is_followed_by_the_next(
    manners: Manners, heard_s: float
) -> None:
    async def scene() -> Talk:
        script = Script([Reply(TEXT, pace=1.0), Reply("Yes?")], manners=manners)
        async with (
            serving(script) as server,
            talking(Address(server.url, server.headers)) as talk,
        ):
            await talk.say()
            await talk.until(lambda: len(talk.of(ReplyAudio)) == 4)
            await talk.backend.cancel_reply(
                talk.of(ReplyStarted)[0].response, heard=Seconds(heard_s)
            )
            count = len(talk.of(ReplyAudio))
            await talk.say(turn=TurnNumber(2))
            await talk.until(lambda: len(talk.of(ReplyStarted)) == 2)
            second = talk.of(ReplyStarted)[1]
            await talk.until(
                lambda: (
                    talk.of(ReplyEnded)[-1:] != []
                    and talk.of(ReplyEnded)[-1].response == second.response
                )
            )
            later = {piece.response for piece in talk.of(ReplyAudio)[count:]}
            assert later == {second.response}, "late sound of a cancelled reply"
            assert second.turn == TurnNumber(2)
            session = server.session
            await asyncio.sleep(1.0)
        if not heard_s:
            assert session.of("conversation.item.delete")
        for event in session.of("conversation.item.truncate"):
            assert event["audio_end_ms"] <= 400, "never more than was sent"
        return talk

    run_virtual(scene())


@pytest.mark.parametrize("done_first", [False, True])
def test_a_server_that_ends_its_reply_by_itself_when_one_talks(*, done_first: bool) -> None:
    vad = {"type": "server_vad", "silence_duration_ms": 300, "prefix_padding_ms": 100}
    vad |= {"create_response": True, "interrupt_response": True}
    listens = {"input": {"format": PCM, "turn_detection": vad}}
    terms = replace(
        TERMS, session={**SETTINGS, "audio": listens}, ends_turns=True, auto_response=True
    )
    quiet = np.zeros(12_000, dtype=np.int16)

    async def speak(talk: Talk, turn: TurnNumber) -> None:
        before = len(talk.of(EndOfTurnFound))
        for frame in frames(np.concatenate([whistle(0.5), quiet])):
            await talk.backend.send_audio(frame)
        await talk.until(lambda: len(talk.of(EndOfTurnFound)) > before)
        await talk.backend.commit_turn(turn)

    async def scene() -> Talk:
        manners = Manners(done_before_speech_started=done_first)
        script = Script([Reply(TEXT, pace=1.0), Reply("Yes?")], manners=manners)
        async with (
            serving(script) as server,
            talking(Address(server.url, server.headers), terms=terms) as talk,
        ):
            await speak(talk, TURN)
            await talk.until(lambda: len(talk.of(ReplyAudio)) == 3)
            await talk.backend.cancel_reply(talk.of(ReplyStarted)[0].response, heard=Seconds(0.1))
            await speak(talk, TurnNumber(2))
            await talk.until(
                lambda: len(talk.of(ReplyStarted)) == 2 and len(talk.of(ReplyEnded)) >= 1
            )
            await talk.until(
                lambda: talk.of(ReplyEnded)[-1].response == talk.of(ReplyStarted)[1].response
            )
        return talk

    talk = run_virtual(scene())
    assert [event.turn for event in talk.of(ReplyStarted)] == [TURN, TurnNumber(2)]


def test_a_server_that_answers_by_itself_when_a_call_is_answered() -> None:
    async def scene() -> Talk:
        script = Script(
            [Reply("", calls=(Call("set_light", '{"state": "on"}'),)), Reply(TEXT), Reply(TEXT)],
            manners=Manners(takes_response=True),
        )
        async with (
            serving(script) as server,
            talking(Address(server.url, server.headers)) as talk,
        ):
            await talk.say()
            await talk.until(lambda: bool(talk.of(ToolCalled)))
            await talk.backend.answer_call(talk.of(ToolCalled)[0].call, ToolResult("done"))
            await talk.until(lambda: any(not event.calls_tool for event in talk.of(ReplyEnded)))
            await asyncio.sleep(5.0)
        return talk

    talk = run_virtual(scene())
    assert "".join(event.text for event in talk.of(ReplyText)).startswith(TEXT)
