"""The on-device backend in a conversation that began elsewhere, or goes on; in virtual time."""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import pytest

from appliance.backend.context import NOTHING, Called, Handover, Owed, Said
from appliance.backend.local import phrases, worker
from appliance.backend.local.pipeline import PATIENCE, LocalBackend, Parts
from appliance.backend.local.understand.types import Call, Past, Understanding
from appliance.catalogue import ToolSpec
from appliance.errors import BackendUnavailable
from appliance.events import (
    BackendEvent,
    ReplyAudio,
    ReplyEnded,
    ReplyOffered,
    ReplyStarted,
    ReplyText,
    ToolCalled,
    Transcribed,
)
from appliance.ports import Enclosure, Image, ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber
from tests.on_device import LAMP, OFF, ON, STOP, AtOnce, Ears, Mind, Mouth, frame
from tests.virtual_time import run_virtual

SAY = phrases.load("en")
FIRST, SECOND, THIRD = TurnNumber(1), TurnNumber(2), TurnNumber(3)
NOW = Seconds(0.0)
IS_ON = ToolResult("done", "The light is on.")
IS_OFF = ToolResult("done", "The light is off.")
BROKEN = ToolResult("failed", "The light does not answer.")
CAMERA = ToolSpec("look", "Looks.", {"type": "object"}, sees=True)
NOTICE = Handover(notice=True)

T = TypeVar("T")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "ThreadPoolExecutor", AtOnce)


@dataclass
class Talk:
    """One session, and everything that came of it."""

    backend: LocalBackend
    ears: Ears
    mind: Mind
    mouth: Mouth
    events: list[BackendEvent] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    async def follow(self) -> None:
        with contextlib.suppress(BackendUnavailable):
            async for event in self.backend.events():
                self.events.append(event)
                self.times.append(asyncio.get_running_loop().time())

    async def ask(self, turn: TurnNumber = FIRST, meaning: Understanding | None = None) -> None:
        if meaning is not None:
            self.mind.meaning = meaning
        await self.backend.send_audio(frame())
        await self.backend.commit_turn(turn)
        await settle()

    async def answer(self, *results: ToolResult, begin: int = 0) -> None:
        for call, result in zip(self.calls()[begin:], results, strict=True):
            await self.backend.answer_call(call, result)
        await settle()

    async def cancel(self, number: int, *, heard: float = 0.0) -> None:
        """Silence the reply of this number, counted from 1."""
        response = list(self.of(ReplyStarted))[number - 1].response
        await self.backend.cancel_reply(response, heard=Seconds(heard))
        await settle()

    def of(self, kind: type[T]) -> Iterator[T]:
        return (event for event in self.events if isinstance(event, kind))

    def calls(self) -> list[CallId]:
        return [event.call for event in self.of(ToolCalled)]

    def replies(self) -> list[tuple[int, list[str]]]:
        """Return every reply: its turn and its sentences."""
        texts: dict[ResponseId, list[str]] = {}
        for event in self.of(ReplyText):
            texts.setdefault(event.response, []).append(event.text)
        return [(s.turn, texts.get(s.response, [])) for s in self.of(ReplyStarted)]

    def offers(self) -> int:
        return len(list(self.of(ReplyOffered)))


Story = Callable[[Talk], Awaitable[None]]


def talk(
    story: Story,
    handover: Handover = NOTHING,
    *,
    meaning: Understanding | None = None,
    tools: Sequence[ToolSpec] = (LAMP, STOP),
    patience: Seconds = PATIENCE,
) -> Talk:
    """Tell a story to a session; return what came of it."""
    ears, mind = Ears(), Mind(meaning or Understanding("sentences", (ON,)))
    voice = Mouth()

    async def main() -> Talk:
        parts = Parts(ears, mind, voice, SAY)
        backend = LocalBackend(parts, lambda: tools, handover=handover, patience=patience)
        made = Talk(backend, ears, mind, voice)
        async with asyncio.TaskGroup() as group:
            group.create_task(made.follow(), name="events")
            await settle()
            await story(made)
            await backend.close()
        return made

    return run_virtual(main())


async def settle() -> None:
    """Let everybody do what can be done without time passing."""
    for _ in range(200):
        await asyncio.sleep(0)


# ------------------------------------------------------------------------------ the sign


def test_the_first_words_after_another_backend_say_so_once() -> None:
    async def story(t: Talk) -> None:
        await t.ask(FIRST)
        await t.ask(SECOND)

    found = talk(story, NOTICE, meaning=Understanding("sentences", say="Which light?"))
    assert found.replies() == [(1, [SAY.alone, "Which light?"]), (2, ["Which light?"])]


def test_the_sign_is_heard_before_anything_else_is_worked_out() -> None:
    async def story(t: Talk) -> None:
        await t.ask()
        await t.answer(IS_ON)

    found = talk(story, NOTICE)
    kinds = list(dict.fromkeys(type(event).__name__ for event in found.events))
    assert kinds[:4] == ["ReplyStarted", "ReplyText", "ReplyAudio", "Transcribed"]
    assert found.replies() == [(1, [SAY.alone]), (1, ["The light is on."])]
    assert [event.calls_tool for event in found.of(ReplyEnded)] == [True, False]


def test_who_was_not_understood_after_the_sign_gets_no_lecture() -> None:
    async def story(t: Talk) -> None:
        await t.ask(FIRST)
        await t.ask(SECOND)

    lecture = Understanding("none", say="Sorry, I did not understand. You can ask me for lights.")
    found = talk(story, NOTICE, meaning=lecture)
    assert found.replies() == [(1, [SAY.alone, SAY.cannot_answer]), (2, found.replies()[1][1])]
    assert len(found.replies()[1][1]) == 2
    assert len(SAY.cannot_answer.split()) <= 4


def test_nothing_at_all_is_no_reason_for_a_sign() -> None:
    async def story(t: Talk) -> None:
        await t.backend.commit_turn(FIRST)
        await settle()
        await t.ask(SECOND, Understanding("sentences", say="Yes."))

    assert talk(story, NOTICE).replies() == [(1, []), (2, [SAY.alone, "Yes."])]


def test_a_sign_that_nobody_heard_is_given_again() -> None:
    async def story(t: Talk) -> None:
        await t.ask(FIRST)
        await t.cancel(1)
        await t.ask(SECOND)
        await t.cancel(2, heard=0.4)
        await t.ask(THIRD)

    found = talk(story, NOTICE, meaning=Understanding("sentences", say="Yes."))
    signed = [SAY.alone, "Yes."]
    assert found.replies() == [(1, signed), (2, signed), (3, ["Yes."])]


# -------------------------------------------------------------- what another backend called


def owed(*results: ToolResult | None, tool: str = "light", notice: bool = False) -> Handover:
    calls = tuple(Called(CallId(f"far-{n}"), tool, {}, r) for n, r in enumerate(results, start=1))
    return Handover(owed=Owed(FIRST, calls), notice=notice)


async def nothing(_: Talk) -> None:
    pass


def test_what_another_backend_did_is_reported_at_once_and_never_done_again() -> None:
    found = talk(nothing, owed(IS_ON, IS_OFF))
    assert found.replies() == [(1, ["The light is on.", "The light is off."])]
    assert found.calls() == []
    assert found.mind.asked == []


def test_missing_answers_are_waited_for_and_reported_with_the_others() -> None:
    async def story(t: Talk) -> None:
        assert t.events == []
        await t.backend.answer_call(CallId("far-2"), IS_OFF)
        await settle()

    found = talk(story, owed(IS_ON, None, notice=True))
    assert found.replies() == [(1, [SAY.alone, "The light is on.", "The light is off."])]


def test_an_answer_before_anybody_listens_counts() -> None:
    async def main() -> list[BackendEvent]:
        parts = Parts(Ears(), Mind(Understanding("none")), Mouth(), SAY)
        backend = LocalBackend(parts, lambda: (LAMP,), handover=owed(None))
        await backend.answer_call(CallId("far-1"), IS_ON)
        events: list[BackendEvent] = []
        async for event in backend.events():
            events.append(event)
            if isinstance(event, ReplyEnded):
                break
        await backend.close()
        return events

    assert ReplyStarted(ResponseId("local-1"), FIRST) in run_virtual(main())


def test_a_closing_call_of_another_backend_ends_the_conversation_here() -> None:
    def stays(tool: str) -> list[bool]:
        return [event.stay for event in talk(nothing, owed(IS_ON, tool=tool)).of(ReplyEnded)]

    assert stays("stop") == [False]
    assert stays("light") == [True]


def test_patience_with_what_another_backend_called_ends_too() -> None:
    async def story(t: Talk) -> None:
        await asyncio.sleep(PATIENCE)
        await settle()
        await t.backend.answer_call(CallId("far-1"), IS_ON)
        await settle()
        await t.backend.take_reply(SECOND)
        await settle()

    found = talk(story, owed(None, notice=True))
    assert found.replies() == [(1, [SAY.alone, SAY.working]), (2, ["The light is on."])]


def test_what_another_backend_called_is_offered_when_the_user_goes_on() -> None:
    async def story(t: Talk) -> None:
        await t.ask(SECOND, Understanding("sentences", say="Yes."))
        await t.backend.answer_call(CallId("far-1"), IS_ON)
        await settle()

    found = talk(story, owed(None))
    assert found.replies() == [(2, ["Yes."])]
    assert found.offers() == 1


def test_a_turn_that_is_owed_without_calls_is_simply_answered() -> None:
    async def story(t: Talk) -> None:
        await t.ask(FIRST)

    found = talk(story, Handover(owed=Owed(FIRST)))
    assert len(found.calls()) == 1


# --------------------------------------------------------------------- what went on before


def test_what_was_done_before_reaches_understanding_in_turns_with_its_age() -> None:
    on, off = dict(ON.arguments), dict(OFF.arguments)
    lines = (
        Said("user", "both lights on", Seconds(10.0)),
        Called(CallId("a"), "light", on, IS_ON, Seconds(11.0)),
        Called(CallId("b"), "light", on, IS_ON, Seconds(12.0)),
        Said("assistant", "They are on.", Seconds(13.0)),
        Said("user", "off again", Seconds(20.0)),
        Called(CallId("c"), "light", off, BROKEN, Seconds(21.0)),
        Said("user", "hm", Seconds(22.0)),
    )
    found = talk(nothing, Handover(lines, at=Seconds(25.0)), tools=(LAMP, STOP, CAMERA))
    assert found.mind.past == [
        (Past((ON, ON), Seconds(14.0), 2), Past((OFF,), Seconds(4.0), 1)),
    ]
    assert found.mind.tools == (LAMP, STOP)
    assert found.events == []


def test_what_is_owed_has_been_done_too() -> None:
    found = talk(nothing, owed(IS_ON))
    assert found.mind.past == [(Past((Call("light", {}),)),)]


def test_without_a_past_understanding_is_told_of_none() -> None:
    assert talk(nothing, Handover((Said("user", "hello"),))).mind.past == []


# ------------------------------------------------------------------------- what is enclosed


def test_text_is_understood_as_if_it_had_been_said() -> None:
    async def story(t: Talk) -> None:
        await t.backend.enclose(Enclosure("  light on "))
        await t.backend.commit_turn(FIRST)
        await settle()

    found = talk(story)
    assert found.events[0] == Transcribed(FIRST, "light on")
    assert found.mind.asked[0][0] == "light on"
    assert found.ears.heard == []
    assert len(found.calls()) == 1


def test_text_comes_behind_what_is_said_and_only_in_its_turn() -> None:
    async def story(t: Talk) -> None:
        await t.backend.enclose(Enclosure("never mind"))
        await t.backend.clear_turn()
        await t.backend.enclose(Enclosure("in the"))
        await t.backend.enclose(Enclosure("hall"))
        await t.ask(FIRST)
        await t.ask(SECOND)

    asked = [text for text, _ in talk(story).mind.asked]
    assert asked == ["turn on the light in the hall", "turn on the light"]


def test_endless_text_has_an_end() -> None:
    async def story(t: Talk) -> None:
        for _ in range(3):
            await t.backend.enclose(Enclosure("light " * 10_000))
        await t.backend.commit_turn(FIRST)
        await settle()

    assert len(talk(story).mind.asked[0][0]) <= 1_000


def test_a_picture_is_answered_and_nothing_is_done() -> None:
    async def story(t: Talk) -> None:
        picture = Image(b"", "image/jpeg")
        await t.backend.enclose(Enclosure("turn on the light", picture))
        await t.backend.commit_turn(FIRST)
        await settle()
        await t.ask(SECOND)

    found = talk(story)
    assert found.replies()[0] == (1, [SAY.cannot_see])
    assert [called.response for called in found.of(ToolCalled)] == [ResponseId("local-2")]


def test_tools_that_show_pictures_are_not_offered() -> None:
    async def story(t: Talk) -> None:
        await t.ask()

    assert talk(story, tools=(CAMERA, LAMP)).mind.asked == [("turn on the light", (LAMP,))]


# ---------------------------------------------------------------------- answers that take long


def test_who_waits_long_is_told_so_and_gets_the_answer_later() -> None:
    async def story(t: Talk) -> None:
        await t.ask()
        await asyncio.sleep(PATIENCE - 0.1)
        assert t.replies() == [(1, [])]
        await asyncio.sleep(0.2)
        assert t.replies() == [(1, []), (1, [SAY.working])]
        assert t.events[-1] == ReplyEnded(ResponseId("local-2"), calls_tool=False, stay=True)
        await asyncio.sleep(60.0)
        await t.answer(IS_ON)
        assert t.offers() == 1
        await t.backend.take_reply(SECOND)
        await settle()

    found = talk(story)
    assert found.replies() == [(1, []), (1, [SAY.working]), (2, ["The light is on."])]
    assert found.events[-1] == ReplyEnded(ResponseId("local-3"), stay=True)
    told = next(n for n, event in enumerate(found.events) if isinstance(event, ReplyText))
    assert found.times[told] == pytest.approx(PATIENCE)


@pytest.mark.parametrize(("patience", "waits"), [(PATIENCE, PATIENCE - 0.1), (math.inf, 300.0)])
def test_who_waits_less_than_that_gets_the_answer_only(patience: float, waits: float) -> None:
    async def story(t: Talk) -> None:
        await t.ask()
        await asyncio.sleep(waits)
        await t.answer(IS_ON)
        await asyncio.sleep(60.0)

    found = talk(story, patience=Seconds(patience))
    assert found.replies() == [(1, []), (1, ["The light is on."])]
    assert found.offers() == 0


def test_answers_that_come_late_together_are_told_together() -> None:
    async def story(t: Talk) -> None:
        await t.ask(FIRST, Understanding("sentences", (ON,), say="I missed the rest."))
        await t.ask(SECOND, Understanding("sentences", (OFF,)))
        await t.ask(THIRD, Understanding("sentences", say="Yes."))
        await t.answer(IS_ON, IS_OFF)
        assert t.offers() == 2
        await t.backend.take_reply(TurnNumber(4))
        await settle()
        await t.backend.take_reply(TurnNumber(5))
        await settle()

    told = ["The light is on.", "The light is off.", "I missed the rest."]
    assert talk(story).replies()[2:] == [(3, ["Yes."]), (4, told), (5, [])]


def test_a_turn_in_between_does_not_lose_what_was_to_be_told() -> None:
    async def story(t: Talk) -> None:
        await t.ask(FIRST)
        await t.backend.answer_call(t.calls()[0], IS_ON)
        await t.ask(SECOND, Understanding("sentences", say="Yes."))  # before the report began
        assert t.offers() == 1
        await t.backend.take_reply(THIRD)
        await t.ask(TurnNumber(4))  # before it began again
        assert t.offers() == 2
        await t.backend.take_reply(TurnNumber(5))
        await settle()

    assert talk(story).replies()[-1] == (5, ["The light is on."])


@pytest.mark.parametrize(
    ("result", "offers"),
    [
        (IS_ON, 0),
        (ToolResult("unchanged", "It was on."), 0),
        (ToolResult("rejected", data={"cancelled": True}), 0),
        (BROKEN, 1),
        (ToolResult("unconfirmed", "Nothing has confirmed it."), 1),
    ],
)
def test_of_what_was_talked_over_only_failures_are_told(result: ToolResult, offers: int) -> None:
    async def story(t: Talk) -> None:
        await t.ask(FIRST, Understanding("sentences", (ON, OFF), say="I missed the rest."))
        await t.cancel(1, heard=0.2)
        await t.answer(IS_OFF, result)
        await t.backend.take_reply(SECOND)
        await settle()

    found = talk(story)
    assert found.offers() == offers
    assert found.replies()[1:] == [(2, [result.say] if offers else [])]


@pytest.mark.parametrize(("result", "offers"), [(IS_ON, 0), (BROKEN, 1)])
def test_of_a_report_that_nobody_heard_failures_are_told_once_more(
    result: ToolResult, offers: int
) -> None:
    async def story(t: Talk) -> None:
        await t.ask(FIRST)
        await t.answer(result)
        await t.cancel(2)
        assert t.offers() == offers
        await t.backend.take_reply(SECOND)
        await settle()
        await t.cancel(3)
        assert t.offers() == offers  # but not for ever

    talk(story)


def test_a_report_that_was_heard_in_part_is_not_told_again() -> None:
    async def story(t: Talk) -> None:
        await t.ask(FIRST)
        await t.answer(BROKEN)
        await t.cancel(2, heard=0.1)

    assert talk(story).offers() == 0


@pytest.mark.parametrize(("heard", "offers"), [(0.0, 0), (0.3, 1)])
def test_who_stopped_it_before_it_asked_for_patience_is_left_in_peace(
    heard: float, offers: int
) -> None:
    async def story(t: Talk) -> None:
        await t.ask(FIRST)
        await asyncio.sleep(PATIENCE)
        await settle()
        await t.cancel(2, heard=heard)
        await t.answer(IS_ON)

    assert talk(story).offers() == offers


def test_nobody_is_asked_for_patience_with_what_nobody_waits_for() -> None:
    async def cancelled(t: Talk) -> None:
        await t.ask(FIRST)
        await t.cancel(1, heard=0.1)
        await asyncio.sleep(60.0)

    async def overtaken(t: Talk) -> None:
        await t.ask(FIRST)
        await t.ask(SECOND, Understanding("sentences", say="Yes."))
        await asyncio.sleep(60.0)

    assert talk(cancelled).replies() == [(1, [])]
    assert talk(overtaken).replies() == [(1, []), (2, ["Yes."])]


def test_what_is_not_taken_does_not_pile_up() -> None:
    async def story(t: Talk) -> None:
        for number in range(1, 21):
            await t.ask(TurnNumber(number))
            await t.ask(TurnNumber(100 + number), Understanding("sentences", (ON,)))
            say = [ToolResult("done", f"Number {n}.") for n in (2 * number - 1, 2 * number)]
            await t.cancel(len(t.replies()), heard=0.0)
            await t.answer(*say, begin=2 * number - 2)
        await t.backend.take_reply(TurnNumber(1_000))
        await settle()

    last = talk(story).replies()[-1][1]
    assert last == [f"Number {n}." for n in range(25, 41, 2)]


def test_taking_what_is_not_there_gives_a_silent_reply() -> None:
    async def story(t: Talk) -> None:
        await t.backend.take_reply(FIRST)
        await settle()

    assert talk(story, NOTICE).events == [
        ReplyStarted(ResponseId("local-1"), FIRST),
        ReplyEnded(ResponseId("local-1"), stay=False),
    ]


def test_sound_is_made_for_every_word_that_is_told() -> None:
    async def story(t: Talk) -> None:
        await t.ask()
        await asyncio.sleep(PATIENCE)
        await settle()

    found = talk(story, NOTICE)
    assert found.mouth.said == [SAY.alone, SAY.working]
    assert {event.response for event in found.of(ReplyAudio)} == {"local-1", "local-2"}
