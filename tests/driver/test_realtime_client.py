"""The realtime client over a real socket of the loopback, in virtual time."""

import asyncio
import logging
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
import soxr

from appliance.backend.realtime.protocol import RealtimeProtocol
from appliance.backend.socket.address import Address
from appliance.backend.socket.client import Limits, SocketSession
from appliance.backend.socket.rules import Out
from appliance.errors import BackendError, BackendRefused, BackendStalled, BackendUnavailable
from appliance.events import EndOfTurnFound, ReplyAudio, ReplyEnded, ReplyOffered, ReplyStarted
from appliance.ports import Backend, Enclosure
from appliance.units import ResponseId, Seconds, TurnNumber
from tests.realtime_client import (
    CONNECT,
    PCM,
    SETTINGS,
    STALL,
    TERMS,
    Talk,
    frames,
    talking,
    whistle,
)
from tests.realtime_server import KEY, RealtimeServer, Refusal, Reply, Script, faults, serving
from tests.realtime_server.server import BROKEN, BUSY, FORBIDDEN, NO_QUOTA, WRONG_KEY
from tests.virtual_time import run_virtual

SECOND = TurnNumber(2)
PICTURE = Enclosure("What is this?")


def at(server: RealtimeServer) -> Address:
    return Address(f"{server.url}?model=gpt-realtime-2.1", server.headers)


def session() -> SocketSession:
    """Return a session that nobody follows, to nowhere."""
    limits = Limits(connect=CONNECT, stall=STALL)
    return SocketSession(Address("ws://127.0.0.1:9/", {}), RealtimeProtocol(TERMS), limits)


async def speak(backend: SocketSession, seconds: float) -> None:
    for frame in frames(whistle(seconds)):
        await backend.send_audio(frame)


async def flood(backend: SocketSession) -> None:
    """Send more than fits, as fast as it goes, so that no ping is in between."""
    while True:
        await backend.enclose(Enclosure("x" * 1_000_000))


async def flooding(backend: SocketSession) -> None:
    with pytest.raises(BackendUnavailable):
        await flood(backend)


def now() -> float:
    return asyncio.get_running_loop().time()


# What is said arrives.


def test_a_turn_arrives_to_the_sample_and_so_does_the_next() -> None:
    async def scene() -> list[bytes]:
        async with serving() as server, talking(at(server)) as talk:
            await talk.say(whistle(1.0))
            await talk.reply(1)
            await talk.say(whistle(0.33, hertz=1500.0), turn=SECOND)
            await talk.reply(2)
            return server.session.turns

    first, second = (np.frombuffer(turn, "<i2") for turn in run_virtual(scene()))

    for arrived, said in ((first, whistle(1.0)), (second, whistle(0.33, hertz=1500.0))):
        assert len(arrived) == len(said) * 3 // 2
        whole = soxr.resample(said, 16_000, 24_000)
        assert np.corrcoef(arrived, whole)[0, 1] > 0.9999


@pytest.mark.parametrize("late", [0.0, 0.4, 1.5])
def test_nothing_is_lost_while_it_connects(late: float) -> None:
    script = Script(handshake_s=late, created_s=late / 2, updated_s=late / 2)

    async def scene() -> tuple[bytes, list[str]]:
        async with serving(script) as server, talking(at(server)) as talk:
            for frame in frames(whistle(0.2)):
                await talk.backend.send_audio(frame)
            await talk.backend.enclose(PICTURE)
            assert not talk.backend.ready
            for frame in frames(whistle(1.0))[20:]:
                await asyncio.sleep(0.01)
                await talk.backend.send_audio(frame)
            await talk.backend.commit_turn(TurnNumber(1))
            await talk.reply()
            assert talk.backend.ready_s is not None
            assert talk.backend.ready_s == pytest.approx(1.5 * late, abs=0.01)
            return server.session.turns[0], server.session.kinds()

    sound, kinds = run_virtual(scene())

    assert kinds == [
        "session.update",
        "conversation.item.create",
        "input_audio_buffer.commit",
        "response.create",
    ]
    arrived = np.frombuffer(sound, "<i2")
    assert np.corrcoef(arrived, soxr.resample(whistle(1.0), 16_000, 24_000))[0, 1] > 0.9999


def test_what_waits_for_the_connection_never_leaves_once_it_is_cleared() -> None:
    async def scene() -> tuple[bytes, list[str]]:
        async with serving(Script(updated_s=1.0)) as server, talking(at(server)) as talk:
            await talk.say(whistle(0.5))
            await talk.backend.enclose(PICTURE)
            await talk.backend.clear_turn()
            await talk.say(whistle(0.2), turn=SECOND)
            (reply,) = [await talk.reply()]
            assert reply
            assert [event.turn for event in talk.of(ReplyStarted)] == [SECOND]
            return bytes(server.session.pcm), server.session.kinds()

    sound, kinds = run_virtual(scene())

    assert len(sound) == 2 * 24_000 * 0.2
    assert "conversation.item.create" not in kinds


def test_nothing_of_a_turn_that_was_cleared_is_in_the_next() -> None:
    async def scene() -> list[bytes]:
        async with serving() as server, talking(at(server)) as talk:
            await talk.backend.until_ready()
            await speak(talk.backend, 0.5)
            await talk.backend.clear_turn()
            await talk.say(np.zeros(3_200, dtype=np.int16))
            await talk.reply()
            return server.session.turns

    (turn,) = run_virtual(scene())
    arrived = np.frombuffer(turn, "<i2")
    assert len(arrived) == 4_800
    assert np.abs(arrived).max() <= 1  # dither


def test_half_a_minute_of_sound_can_wait_and_no_more() -> None:
    async def scene() -> None:
        backend = session()
        await speak(backend, 29.5)
        with pytest.raises(BackendUnavailable, match="no more sound can wait"):
            await speak(backend, 1.0)
        await backend.clear_turn()
        await backend.send_audio(frames(whistle(1.0))[0])

    run_virtual(scene())


def test_what_is_asked_from_two_sides_is_sent_in_the_order_of_asking() -> None:
    async def scene() -> list[str]:
        async with serving() as server, talking(at(server)) as talk:
            await talk.backend.until_ready()
            async with asyncio.TaskGroup() as group:
                for number in range(50):
                    enclosure = Enclosure(f"{number}")
                    group.create_task(talk.backend.enclose(enclosure), name=f"{number}")
            await asyncio.sleep(0.1)
            items = server.session.of("conversation.item.create")
            return [event["item"]["content"][0]["text"] for event in items]

    assert run_virtual(scene()) == [f"{number}" for number in range(50)]


def test_a_server_that_finds_the_end_of_the_turn_is_answered_without_more_sound() -> None:
    vad = {"type": "server_vad", "silence_duration_ms": 300, "prefix_padding_ms": 100}
    vad |= {"create_response": False, "interrupt_response": False}
    listens = {"input": {"format": PCM, "turn_detection": vad}}
    terms = replace(TERMS, session={**SETTINGS, "audio": listens}, ends_turns=True)
    quiet = np.zeros(16_000, dtype=np.int16)

    async def scene() -> tuple[int, int]:
        async with serving() as server, talking(at(server), terms=terms) as talk:
            for frame in frames(np.concatenate([whistle(0.6), quiet])):
                await talk.backend.send_audio(frame)
            await talk.until(lambda: bool(talk.of(EndOfTurnFound)))
            assert talk.backend.ends_turns
            before = len(server.session.pcm)
            await talk.backend.commit_turn(TurnNumber(1))
            await talk.reply()
            return before, len(server.session.pcm)

    before, after = run_virtual(scene())
    assert before == after


def test_it_is_a_backend() -> None:
    async def scene() -> None:
        backend: Backend = session()
        assert not backend.ends_turns
        await backend.expect_end()
        await backend.close()

    run_virtual(scene())


# It is not let in.


@pytest.mark.parametrize(
    ("refusal", "kind", "says"),
    [
        (WRONG_KEY, BackendRefused, "invalid_api_key: give a key that is valid"),
        (FORBIDDEN, BackendRefused, "forbidden: this key"),
        (NO_QUOTA, BackendRefused, "insufficient_quota: add credit"),
        (BUSY, BackendUnavailable, "busy (HTTP 429)"),
        (BROKEN, BackendUnavailable, "HTTP 503"),
        (Refusal(404), BackendRefused, "not_found: check realtime.url"),
        (Refusal(405), BackendRefused, "http_405: check realtime.url"),
        (Refusal(200), BackendUnavailable, "HTTP 200"),
    ],
)
def test_a_refused_handshake_says_what_to_do(
    refusal: Refusal, kind: type[BackendError], says: str
) -> None:
    async def scene() -> BackendError:
        async with serving(Script(refusal=refusal)) as server, talking(at(server)) as talk:
            return await talk.end()

    error = run_virtual(scene())

    assert type(error) is kind
    assert says in str(error)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer sk-other"}, {"api-key": ""}])
def test_a_key_that_is_missing_or_wrong_is_refused(headers: Mapping[str, str]) -> None:
    async def scene() -> BackendError:
        async with serving() as server, talking(Address(server.url, headers)) as talk:
            return await talk.end()

    error = run_virtual(scene())

    assert isinstance(error, BackendRefused)
    assert error.reason == "invalid_api_key"


def test_a_key_in_the_header_of_the_other_vendor_is_let_in() -> None:
    async def scene() -> None:
        async with (
            serving() as server,
            talking(Address(server.url, {"api-key": KEY})) as talk,
        ):
            await talk.backend.until_ready()

    run_virtual(scene())


def test_the_key_is_not_carried_to_where_a_server_sends_us() -> None:
    async def scene() -> tuple[BackendError, list[str]]:
        async with serving() as other:
            away = Refusal(307, headers={"Location": other.url})
            async with serving(Script(refusal=away)) as server, talking(at(server)) as talk:
                return await talk.end(), other.paths

    error, paths = run_virtual(scene())

    assert isinstance(error, BackendRefused)
    assert error.reason == "redirect"
    assert not paths


def test_an_address_that_leads_nowhere_does_not_keep_us_from_the_next() -> None:
    async def scene() -> float:
        async with serving() as server:
            loop = asyncio.get_running_loop()
            place = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")

            async def look_up(*_: object, **__: object) -> list[object]:
                return [(*place, (host, server.port)) for host in ("127.0.0.2", "127.0.0.1")]

            with socket.create_server(("127.0.0.2", server.port), backlog=0) as full:
                full.settimeout(0)
                callers = [socket.socket() for _ in range(4)]
                for caller in callers:
                    caller.settimeout(0)
                    caller.connect_ex(full.getsockname())
                loop.getaddrinfo = look_up  # type: ignore[method-assign, assignment]
                url = f"ws://realtime.test:{server.port}/"
                async with talking(Address(url, server.headers)) as talk:
                    await talk.backend.until_ready()
                for caller in callers:
                    caller.close()
            assert talk.backend.ready_s is not None
            return talk.backend.ready_s

    assert run_virtual(scene()) == pytest.approx(0.25, abs=0.01)


def test_nobody_there_is_said_at_once() -> None:
    async def scene() -> BackendError:
        async with serving() as server:
            address = at(server)
        async with talking(address) as talk:
            return await talk.end()

    error = run_virtual(scene())

    assert type(error) is BackendUnavailable
    assert "nobody listens there" in str(error)


@pytest.mark.parametrize("says", [b"220 mail.example.org ESMTP\r\n", b"", b"\x00" * 40])
def test_something_else_there_is_said(says: bytes) -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(says)
        writer.close()

    async def scene() -> BackendError:
        async with await asyncio.start_server(answer, "127.0.0.1") as other:
            port = other.sockets[0].getsockname()[1]
            async with talking(Address(f"ws://127.0.0.1:{port}/", {})) as talk:
                return await talk.end()

    assert "no such server" in str(run_virtual(scene()))


@pytest.mark.parametrize("url", ["nonsense", "http://127.0.0.1:9/", "ws://a..b/", "ws://"])
async def test_an_address_that_is_none_is_refused(url: str) -> None:
    async with talking(Address(url, {})) as talk:  # names are looked up in a thread: real time
        error = await talk.end()

    assert isinstance(error, BackendRefused)
    assert error.reason == "invalid_url"


@pytest.mark.parametrize(
    "script",
    [
        Script(handshake_s=9.0),
        Script(created_s=9.0, updated_s=9.0),
        Script(handshake_s=2.0, updated_s=2.5),
        None,
    ],
)
def test_a_session_that_is_not_ready_in_time_is_given_up(script: Script | None) -> None:
    async def scene() -> tuple[BackendError, float]:
        async with serving(script) as server:
            if script is None:
                server.freeze()
            began = now()
            async with talking(at(server)) as talk:
                return await talk.end(), now() - began

    error, took = run_virtual(scene())

    assert isinstance(error, BackendUnavailable)
    assert took == pytest.approx(CONNECT)


# The network goes.


def test_a_dead_connection_is_noticed_while_nothing_is_said() -> None:
    async def scene() -> tuple[BackendError, float]:
        async with serving() as server, talking(at(server)) as talk:
            await talk.backend.until_ready()
            await asyncio.sleep(20.0)
            server.freeze()
            began = now()
            return await talk.end(), now() - began

    error, took = run_virtual(scene())

    assert isinstance(error, BackendStalled)
    assert took <= STALL + 0.2


def test_a_dead_connection_that_fills_up_is_noticed_by_who_sends() -> None:
    async def scene() -> tuple[BackendError, float]:
        async with serving() as server, talking(at(server)) as talk:
            await talk.backend.until_ready()
            server.freeze()
            began = now()
            await flooding(talk.backend)
            return await talk.end(), now() - began

    error, took = run_virtual(scene())

    assert isinstance(error, BackendStalled)
    assert took <= STALL + 0.2


def test_a_deadline_that_others_bring_nearer_is_kept() -> None:
    silent = Reply(twists=(faults.silence(at="response.created"),))

    async def scene() -> tuple[BackendError, float]:
        async with serving(Script([silent])) as server, talking(at(server)) as talk:
            await talk.backend.until_ready()
            await asyncio.sleep(100.0)  # nothing to wait for, and so no deadline
            began = now()
            await talk.say()
            return await talk.end(), now() - began

    error, took = run_virtual(scene())

    assert isinstance(error, BackendStalled)
    assert took == pytest.approx(STALL, abs=0.1)


class Telling(RealtimeProtocol):
    """Makes something happen when it is told something."""

    def retool(self, tools: Sequence[Mapping[str, object]]) -> Out:  # noqa: ARG002 - of the rules
        return Out(events=(ReplyOffered(),))


def test_what_a_command_makes_happen_is_told_at_once() -> None:
    async def scene() -> float:
        async with serving() as server:
            limits = Limits(connect=CONNECT, stall=STALL)
            talk = Talk(SocketSession(at(server), Telling(TERMS), limits))
            async with asyncio.TaskGroup() as group:
                group.create_task(talk.follow(), name="follow")
                await talk.backend.until_ready()
                await asyncio.sleep(0.5)
                began = now()
                await talk.backend.retool(())
                await talk.backend.retool(())
                await talk.until(lambda: len(talk.of(ReplyOffered)) == 2)
                took = now() - began
                await talk.backend.close()
        return took

    assert run_virtual(scene()) == 0.0


async def test_who_waits_may_be_woken_again_while_it_wakes() -> None:
    async with serving() as server:
        limits = Limits(connect=CONNECT, stall=STALL)
        talk = Talk(SocketSession(at(server), Telling(TERMS), limits))
        async with asyncio.TaskGroup() as group:
            group.create_task(talk.follow(), name="follow")
            await talk.backend.until_ready()
            await asyncio.sleep(0.05)
            for number in range(1, 200):
                await talk.backend.retool(())
                if number % 3:
                    await asyncio.sleep(0)
            await talk.until(lambda: len(talk.of(ReplyOffered)) == 199)
            await talk.backend.close()


def test_a_server_that_was_killed_is_noticed_at_once() -> None:
    async def scene() -> tuple[BackendError, float]:
        slow = Reply(first_event_s=2.0)
        async with serving(Script([slow])) as server, talking(at(server)) as talk:
            await talk.say()
            await asyncio.sleep(1.0)
            server.kill()
            began = now()
            return await talk.end(), now() - began

    error, took = run_virtual(scene())

    assert type(error) is BackendUnavailable
    assert took < 0.1


# It is closed.


def test_closing_says_goodbye_and_ends_everything() -> None:
    async def scene() -> None:
        async with serving() as server, talking(at(server)) as talk:
            await talk.backend.until_ready()
            await talk.backend.close()
            await talk.backend.close()
            error = await talk.end()
            assert "closed" in str(error)
            assert server.session.socket.close_code == 1000
            assert not talk.backend.ready
            with pytest.raises(BackendUnavailable):
                await talk.backend.send_audio(frames(whistle(0.01))[0])
            with pytest.raises(BackendUnavailable):
                await talk.backend.clear_turn()
            with pytest.raises(BackendUnavailable):
                await talk.backend.cancel_reply(ResponseId("r"), heard=Seconds(0.0))

    run_virtual(scene())


def test_closing_does_not_wait_for_a_server_that_is_stuck() -> None:
    async def scene() -> float:
        async with serving() as server, talking(at(server)) as talk:
            await talk.backend.until_ready()
            server.freeze()
            began = now()
            await talk.backend.close()
            await talk.end()
            return now() - began

    assert run_virtual(scene()) <= 0.1


def test_closing_frees_who_is_stuck_in_sending() -> None:
    async def scene() -> float:
        async with serving() as server, talking(at(server)) as talk:
            await talk.backend.until_ready()
            server.freeze()

            async with asyncio.TaskGroup() as group:
                group.create_task(flooding(talk.backend), name="flood")
                await asyncio.sleep(1.0)
                began = now()
                await talk.backend.close()
            return now() - began

    assert run_virtual(scene()) == 0.0


def test_closing_before_and_while_it_connects() -> None:
    async def scene() -> None:
        early = session()
        await early.close()
        with pytest.raises(BackendUnavailable):
            await anext(aiter(early.events()))
        async with serving(Script(handshake_s=2.0)) as server, talking(at(server)) as talk:
            await asyncio.sleep(1.0)
            began = now()
            await talk.backend.close()
            assert "closed" in str(await talk.end())
            assert now() == began

    run_virtual(scene())


@pytest.mark.parametrize("moment", range(40))
def test_closing_at_any_moment_leaves_no_connection(moment: int) -> None:
    async def scene() -> None:
        async with serving() as server, talking(at(server)) as talk:
            for _ in range(moment):
                await asyncio.sleep(0)
            await talk.backend.close()
            await talk.end()
            await asyncio.sleep(1.0)
            assert all(session.socket.close_code for session in server.sessions)

    run_virtual(scene())


def test_who_waits_for_a_session_that_never_gets_ready_is_told() -> None:
    async def wait(backend: SocketSession) -> None:
        with pytest.raises(BackendUnavailable):
            await backend.until_ready()

    async def scene() -> None:
        async with serving(Script(refusal=WRONG_KEY)) as server, talking(at(server)) as talk:
            await wait(talk.backend)
        closed = session()
        async with asyncio.TaskGroup() as group:
            group.create_task(wait(closed), name="wait")
            await asyncio.sleep(1.0)
            await closed.close()

    run_virtual(scene())


def test_a_session_that_ended_keeps_its_reason() -> None:
    fatal = Reply(twists=(faults.fatal("insufficient_quota"),))

    async def scene() -> None:
        async with serving(Script([fatal])) as server, talking(at(server)) as talk:
            await talk.say()
            error = await talk.end()
            assert isinstance(error, BackendRefused)
            with pytest.raises(BackendUnavailable) as caught:
                await talk.say(turn=SECOND)
            assert caught.value.__cause__ is error
            await talk.backend.close()

    run_virtual(scene())


# Secrets.


def test_neither_key_nor_speech_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        script = Script([Reply("The safe is behind the clock.")], heard=["open the safe"])
        async with serving(script) as server, talking(at(server)) as talk:
            await talk.backend.enclose(Enclosure("a safe thing"))
            await talk.say()
            await talk.reply()
        async with serving() as server:
            wrong = Address(server.url, {"Authorization": "Bearer sk-wrong"})
            async with talking(wrong) as talk:
                await talk.end()

    with caplog.at_level(logging.DEBUG):
        run_virtual(scene())

    assert "realtime: ready" in caplog.text
    for secret in (KEY, "sk-wrong", "safe", "Bearer", "AAAA"):
        assert secret not in caplog.text


def test_replies_are_told_as_they_come() -> None:
    async def scene() -> list[float]:
        steps: list[float] = []
        paced = Reply("Seven words are said in this sentence.", pace=1.0, first_audio_s=0.5)
        async with serving(Script([paced])) as server, talking(at(server)) as talk:
            await talk.say()
            began = now()
            while not talk.of(ReplyEnded):
                count = len(talk.of(ReplyAudio))
                await talk.until(
                    lambda: len(talk.of(ReplyAudio)) > count or bool(talk.of(ReplyEnded))  # noqa: B023 - awaited at once
                )
                steps.append(now() - began)
        return steps[:-1]

    steps = run_virtual(scene())
    assert steps == pytest.approx([0.5 + 0.1 * number for number in range(len(steps))])
