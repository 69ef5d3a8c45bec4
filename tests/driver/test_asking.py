"""One question and its answer, with fakes, in virtual time."""

import asyncio
from collections.abc import Coroutine

import pytest

from appliance.app.asking import PATIENCE, ask
from appliance.errors import BackendError, BackendStalled, BackendUnavailable
from appliance.events import (
    BackendEvent,
    BackendLost,
    CallAnswered,
    Happening,
    ReplyEnded,
    ReplyOffered,
    ReplyStarted,
    ReplyText,
    ToolCalled,
    Usage,
    Used,
)
from appliance.ports import Enclosure, Image, ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber
from tests.fakes import FakeBackend, FakeTools
from tests.virtual_time import run_virtual

ONE = TurnNumber(1)
TWO = TurnNumber(2)
QUESTION = Enclosure("turn on the lamp", Image(b"\xff\xd8\xff", "image/jpeg"))


def reply(name: str, *, turn: TurnNumber = ONE, calls: tuple[str, ...] = ()) -> list[BackendEvent]:
    response = ResponseId(name)
    called = [ToolCalled(CallId(call), response, "lamp", {}) for call in calls]
    end = ReplyEnded(response, calls_tool=bool(calls))
    return [ReplyStarted(response, turn), ReplyText(response, name), *called, end]


class Scripted(FakeBackend):
    """Says what is planned for each thing that it is told."""

    def __init__(self, plans: dict[str, list[BackendEvent]]) -> None:
        super().__init__()
        self.plans = plans

    def play(self, cause: str) -> None:
        for event in self.plans.pop(cause, ()):
            self.emit(event)

    async def commit_turn(self, turn: TurnNumber, *, as_expected: bool = False) -> None:
        await super().commit_turn(turn, as_expected=as_expected)
        assert self.enclosed == [QUESTION]
        self.play("commit")

    async def answer_call(self, call: CallId, result: ToolResult) -> None:
        await super().answer_call(call, result)
        self.play(call)

    async def take_reply(self, turn: TurnNumber) -> None:
        await super().take_reply(turn)
        self.play("take")


def told(
    backend: FakeBackend,
    tools: FakeTools | None = None,
    companion: Coroutine[object, object, None] | None = None,
) -> list[Happening]:
    happened: list[Happening] = []
    asking = ask(QUESTION, backend, tools or FakeTools(), happened.append, companion=companion)
    run_virtual(asking)
    return happened


def texts(happened: list[Happening]) -> list[str]:
    return [event.text for event in happened if isinstance(event, ReplyText)]


def test_a_plain_answer_ends_with_its_reply() -> None:
    assert texts(told(Scripted({"commit": reply("hello")}))) == ["hello"]


def test_calls_are_carried_out_answered_once_and_the_last_reply_is_waited_for() -> None:
    backend = Scripted({"commit": reply("r1", calls=("a", "b")), "b": reply("r2")})
    tools = FakeTools(takes=Seconds(0.5))
    happened = told(backend, tools)
    assert [call.call for call in tools.calls] == ["a", "b"]
    assert set(backend.answers) == {"a", "b"}
    assert sum(isinstance(event, CallAnswered) for event in happened) == 2
    assert texts(happened)[-1] == "r2"


def test_a_reply_that_says_it_takes_longer_is_not_the_last() -> None:
    class Slow(Scripted):
        async def answer_call(self, call: CallId, result: ToolResult) -> None:
            await super().answer_call(call, result)
            asyncio.get_running_loop().call_later(1.0, self.emit, ReplyOffered())

    backend = Slow({"commit": reply("r1", calls=("a",)), "take": reply("late", turn=TWO)})
    loop_says = reply("one moment")

    class Tools(FakeTools):
        async def run(self, call: ToolCalled) -> ToolResult:
            await asyncio.sleep(4)
            for event in loop_says:
                backend.emit(event)
            return await super().run(call)

    happened = told(backend, Tools(takes=Seconds(10)))
    assert texts(happened) == ["r1", "one moment", "late"]
    assert backend.taken == [TWO]


def test_other_news_between_a_late_answer_and_its_offer_is_not_the_end() -> None:
    class Slow(Scripted):
        async def answer_call(self, call: CallId, result: ToolResult) -> None:
            await super().answer_call(call, result)
            loop = asyncio.get_running_loop()
            loop.call_later(0.5, self.emit, Used(Usage("a-model")))
            loop.call_later(1.0, self.emit, ReplyOffered())

    first = [*reply("r1", calls=("a",)), *reply("one moment")]
    backend = Slow({"commit": first, "take": reply("late", turn=TWO)})
    happened = told(backend, FakeTools(takes=Seconds(5)))
    assert texts(happened) == ["r1", "one moment", "late"]


def test_an_offer_that_comes_while_it_still_speaks_is_taken_afterwards() -> None:
    first = reply("r1")
    first.insert(2, ReplyOffered())
    backend = Scripted({"commit": first, "take": reply("late", turn=TWO)})
    assert texts(told(backend)) == ["r1", "late"]


def test_an_answer_that_never_comes_is_an_error_in_the_end() -> None:
    async def scene() -> None:
        with pytest.raises(ExceptionGroup) as raised:
            await ask(QUESTION, FakeBackend(), FakeTools(), lambda _: None)
        assert asyncio.get_running_loop().time() == PATIENCE
        assert raised.group_contains(BackendStalled)

    run_virtual(scene())


def test_a_backend_that_goes_away_ends_it() -> None:
    backend = FakeBackend()
    backend.emit(BackendUnavailable("gone"))
    with pytest.raises(ExceptionGroup) as raised:
        told(backend)
    assert raised.group_contains(BackendUnavailable, match="gone")


def test_a_turn_that_nobody_can_answer_is_the_end_though_the_session_goes_on() -> None:
    backend = Scripted({"commit": [BackendLost("backend.refused")]})
    with pytest.raises(ExceptionGroup) as raised:
        told(backend)
    assert raised.group_contains(BackendUnavailable, match=r"nobody can answer \(backend.refused")


def test_a_backend_that_cannot_see_ends_it_before_anything_is_asked() -> None:
    class Blind(FakeBackend):
        async def enclose(self, _: Enclosure) -> None:
            raise BackendError("it cannot see")

    backend = Blind()
    with pytest.raises(ExceptionGroup) as raised:
        told(backend)
    assert raised.group_contains(BackendError, match="cannot see")
    assert backend.committed == []


def test_what_runs_beside_it_ends_with_it() -> None:
    ended: list[str] = []

    async def beside() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("beside")

    backend = Scripted({"commit": reply("hello")})
    assert texts(told(backend, companion=beside())) == ["hello"]
    assert ended == ["beside"]
