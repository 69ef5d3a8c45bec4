"""The on-device backend with fakes for its models: order, ends and interruptions."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest

from appliance import frames
from appliance.backend.local import phrases, warm
from appliance.backend.local.pipeline import LocalBackend, Parts
from appliance.backend.local.understand.types import Call, Understanding
from appliance.catalogue import ToolSpec
from appliance.errors import BackendUnavailable
from appliance.events import (
    BackendEvent,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ToolCalled,
    Transcribed,
    Understood,
)
from appliance.frames import FRAME_SAMPLES
from appliance.ports import Backend, Enclosure, ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber
from tests.on_device import LAMP, OFF, ON, RATE, STOP, Ears, Mind, Mouth, frame

ENGLISH = phrases.load("en")
FIRST, SECOND = TurnNumber(1), TurnNumber(2)
ONE, TWO = ResponseId("local-1"), ResponseId("local-2")


@dataclass
class Session:
    backend: LocalBackend
    ears: Ears
    mind: Mind
    mouth: Mouth
    events: list[BackendEvent] = field(default_factory=list)
    ended: BackendUnavailable | None = None

    async def follow(self) -> None:
        try:
            async for event in self.backend.events():
                self.events.append(event)
        except BackendUnavailable as error:
            self.ended = error

    async def ask(self, turn: TurnNumber = FIRST) -> None:
        await self.backend.send_audio(frame())
        await self.backend.commit_turn(turn)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5.0):
            while not condition():  # noqa: ASYNC110 - it may be about a thread
                await asyncio.sleep(0.001)

    async def replies(self, count: int = 1) -> None:
        await self.until(lambda: len(self.of(ReplyEnded)) >= count)

    async def settled(self) -> None:
        """Wait until the worker and the iteration have nothing left to do."""
        await self.backend._worker.do("nothing", int)
        for _ in range(5):
            await asyncio.sleep(0)

    def of(self, *kinds: type[BackendEvent]) -> list[BackendEvent]:
        return [event for event in self.events if isinstance(event, kinds)]

    def shape(self) -> list[str]:
        """Return the kinds of events, one for each run of the same kind."""
        names = [type(event).__name__ for event in self.events]
        return [name for i, name in enumerate(names) if names[i - 1 : i] != [name]]

    def calls(self) -> list[CallId]:
        return [event.call for event in self.events if isinstance(event, ToolCalled)]

    def text(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, ReplyText)]


@asynccontextmanager
async def session(
    meaning: Understanding | None = None,
    *,
    tools: Sequence[ToolSpec] = (LAMP, STOP),
    longest: float = 30.0,
    mouth: Mouth | None = None,
) -> AsyncIterator[Session]:
    ears, mind = Ears(), Mind(meaning or Understanding("sentences", (ON,)))
    voice = mouth or Mouth()
    parts = Parts(ears, mind, voice, ENGLISH)
    backend = LocalBackend(parts, lambda: tools, longest_turn=Seconds(longest))
    made = Session(backend, ears, mind, voice)
    async with asyncio.TaskGroup() as group:
        group.create_task(made.follow(), name="events")
        yield made
        await backend.close()
    assert made.ended is not None


def test_it_is_a_backend() -> None:
    parts = Parts(Ears(), Mind(Understanding("none")), Mouth(), ENGLISH)
    backend: Backend = LocalBackend(parts, lambda: ())
    asyncio.run(backend.close())


def test_warming_up_keeps_the_words_that_somebody_waits_for() -> None:
    mouth = Mouth()
    warm.speak(mouth, ENGLISH)
    assert mouth.kept == [ENGLISH.failed, ENGLISH.alone, ENGLISH.working]


def test_warming_up_hears_although_nothing_is_left_of_silence() -> None:
    ears = Ears()
    warm.hear(ears, lambda sound: sound[:0])
    assert [len(sound) for sound in ears.heard] == [0, frames.RATE]


async def test_a_request_becomes_calls_and_their_answers_a_reply() -> None:
    async with session(Understanding("sentences", (ON, OFF))) as s:
        await s.ask()
        await s.replies()
        first, second = s.calls()
        assert s.events[0] == Transcribed(FIRST, s.ears.text, took=s.events[0].took)  # type: ignore[union-attr]
        understood = s.events[1]
        assert isinstance(understood, Understood)
        assert understood.stage == "sentences"
        assert understood.summary == "light(state=on); light(state=off)"
        assert s.events[2:] == [
            ReplyStarted(ONE, FIRST),
            ToolCalled(first, ONE, "light", {"state": "on"}),
            ToolCalled(second, ONE, "light", {"state": "off"}),
            ReplyEnded(ONE, calls_tool=True),
        ]

        await s.backend.answer_call(second, ToolResult("done", "The hall is dark."))
        await s.settled()
        assert len(s.of(ReplyStarted)) == 1  # one is still owed

        await s.backend.answer_call(first, ToolResult("done", "The light is on."))
        await s.replies(2)
        assert s.of(ReplyStarted)[1:] == [ReplyStarted(TWO, FIRST)]
        assert s.text() == ["The light is on.", "The hall is dark."]
        assert s.events[-1] == ReplyEnded(TWO, calls_tool=False, stay=True)


async def test_transcript_and_tools_reach_understanding() -> None:
    async with session() as s:
        await s.ask()
        await s.replies()
        assert s.mind.asked == [("turn on the light", (LAMP, STOP))]


async def test_pieces_are_short_and_together_the_sentences_in_order() -> None:
    say = "One is a rather long sentence to speak. Two is the same."
    async with session(Understanding("sentences", say=say)) as s:
        await s.ask()
        await s.replies()
        pieces = [event for event in s.events if isinstance(event, ReplyAudio)]
        assert {piece.rate for piece in pieces} == {RATE}
        assert max(len(piece.pcm) for piece in pieces) <= 2 * 0.2 * RATE
        sound = np.frombuffer(b"".join(piece.pcm for piece in pieces), "<i2")
        spoken = [value for i, value in enumerate(sound) if i == 0 or value != sound[i - 1]]
        assert spoken == [1, 0, 2]  # a pause between them, none after them
        assert np.count_nonzero(sound == 0) == round(0.18 * RATE)


async def test_first_sentence_is_sent_before_the_second_is_made() -> None:
    mouth = Mouth(gate=threading.Semaphore(1))
    async with session(Understanding("sentences", say="One. Two."), mouth=mouth) as s:
        await s.ask()
        await s.until(lambda: len(s.of(ReplyAudio)) > 0)
        assert mouth.said == ["One."]
        assert mouth.gate is not None
        mouth.gate.release()
        await s.replies()
        assert mouth.said == ["One.", "Two."]


async def test_units_are_spoken_but_the_text_keeps_them() -> None:
    async with session(Understanding("sentences", say="It is 21 °C.")) as s:
        await s.ask()
        await s.replies()
        assert s.text() == ["It is 21 °C."]
        assert s.mouth.said == ["It is 21 degrees."]


async def test_what_was_written_down_ahead_is_used_when_nothing_more_was_said() -> None:
    async with session() as talk:
        await talk.backend.send_audio(frame())
        await talk.backend.expect_end()
        await talk.until(talk.ears.at_work.is_set)
        await talk.backend.send_audio(frame(0))  # the silence that makes it certain
        await talk.backend.commit_turn(FIRST, as_expected=True)
        await talk.replies()
    assert len(talk.ears.heard) == 1
    assert talk.mind.asked[0][0] == "turn on the light"


async def test_what_was_written_down_ahead_is_thrown_away_when_more_was_said() -> None:
    async with session() as talk:
        await talk.backend.send_audio(frame(1))
        await talk.backend.expect_end()
        await talk.until(talk.ears.at_work.is_set)
        await talk.backend.send_audio(frame(2))
        await talk.backend.commit_turn(FIRST)
        await talk.replies()
    assert len(talk.ears.heard[-1]) == 2 * FRAME_SAMPLES
    assert len(talk.of(Transcribed)) == 1


async def test_work_ahead_that_fails_is_done_again_in_the_usual_way() -> None:
    async with session() as talk:
        talk.ears.text = "broken"
        await talk.backend.send_audio(frame())
        await talk.backend.expect_end()
        await talk.until(talk.ears.at_work.is_set)
        await talk.settled()
        talk.ears.text = "turn on the light"
        await talk.backend.commit_turn(FIRST, as_expected=True)
        await talk.replies()
    assert talk.mind.asked[0][0] == "turn on the light"


async def test_closing_while_working_ahead_ends_the_session_and_hangs_nobody() -> None:
    async with session() as talk:
        talk.ears.gate.clear()
        await talk.backend.send_audio(frame())
        await talk.backend.expect_end()
        await talk.until(talk.ears.at_work.is_set)
        await talk.backend.expect_end()  # this one waits behind it
        await talk.backend.commit_turn(FIRST, as_expected=True)
        await talk.backend.close()
        talk.ears.gate.set()


async def test_closing_while_a_step_waits_ends_the_session_in_the_usual_way() -> None:
    async with session() as talk:
        talk.ears.gate.clear()
        await talk.backend.send_audio(frame())
        await talk.backend.expect_end()
        await talk.until(talk.ears.at_work.is_set)
        await talk.ask()  # behind it
        await asyncio.sleep(0.01)
        await talk.backend.close()
        talk.ears.gate.set()


async def test_whoever_iterates_can_be_cancelled_while_a_step_waits() -> None:
    async with session() as talk:
        talk.ears.gate.clear()
        await talk.backend.send_audio(frame())
        await talk.backend.expect_end()
        await talk.until(talk.ears.at_work.is_set)
        backend = LocalBackend(talk.backend._parts, lambda: ())
        await backend.send_audio(frame())
        await backend.expect_end()
        await backend.expect_end()
        await backend.commit_turn(FIRST, as_expected=True)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await anext(aiter(backend.events()))
        await backend.close()
        talk.ears.gate.set()


async def test_two_sessions_never_use_their_parts_at_once() -> None:
    async with session() as old:
        old.ears.gate.clear()
        await old.ask()
        await old.until(old.ears.at_work.is_set)
        await old.backend.close()
        new = LocalBackend(old.backend._parts, lambda: (LAMP,))
        await new.send_audio(frame())
        await new.expect_end()
        await asyncio.sleep(0.02)
        assert len(old.ears.heard) == 1
        old.ears.gate.set()
        await old.until(lambda: len(old.ears.heard) == 2)
        await new.close()


async def test_noise_gets_a_reply_that_says_nothing() -> None:
    async with session() as s:
        s.ears.text = ""
        await s.ask()
        await s.replies()
        assert s.shape() == ["Transcribed", "ReplyStarted", "ReplyEnded"]
        assert s.events[-1] == ReplyEnded(ONE, stay=False)
        assert s.mind.asked == []


async def test_a_turn_without_any_sound_gets_a_reply_that_says_nothing() -> None:
    async with session() as s:
        await s.backend.commit_turn(FIRST)
        await s.replies()
        assert s.shape() == ["Transcribed", "ReplyStarted", "ReplyEnded"]
        assert s.ears.heard == []


async def test_an_empty_transcript_is_tried_once_more_with_other_ends() -> None:
    async with session() as s:
        s.ears.text = ""
        await s.ask()
        await s.replies()
        assert len(s.ears.heard) == 2


@pytest.mark.parametrize(
    ("meaning", "tools", "said", "stay"),
    [
        (Understanding("none"), (LAMP,), ENGLISH.not_understood, False),
        (Understanding("none", say="Pardon?"), (LAMP,), "Pardon?", False),
        (Understanding("none"), (), ENGLISH.no_tools, False),
        (Understanding("sentences", say="Which light?"), (LAMP,), "Which light?", True),
    ],
)
async def test_without_calls_it_says_why(
    meaning: Understanding, tools: Sequence[ToolSpec], said: str, *, stay: bool
) -> None:
    async with session(meaning, tools=tools) as s:
        await s.ask()
        await s.replies()
        assert s.text() == [said]
        assert s.events[-1] == ReplyEnded(ONE, stay=stay)


async def test_a_closing_tool_ends_the_conversation() -> None:
    async with session(Understanding("sentences", (Call("stop", {}),))) as s:
        await s.ask()
        await s.replies()
        await s.backend.answer_call(s.calls()[0], ToolResult("done"))
        await s.replies(2)
        assert s.events[-1] == ReplyEnded(TWO, stay=False)


async def test_an_answer_counts_once_and_a_strange_one_not_at_all() -> None:
    async with session(Understanding("sentences", (ON, OFF))) as s:
        await s.ask()
        await s.replies()
        first, second = s.calls()
        await s.backend.answer_call(CallId("strange"), ToolResult("done", "Strange."))
        await s.backend.answer_call(first, ToolResult("done", "First."))
        await s.backend.answer_call(first, ToolResult("failed", "Again."))
        await s.backend.answer_call(second, ToolResult("done", "Second."))
        await s.replies(2)
        await s.backend.answer_call(second, ToolResult("done", "Late."))
        await s.settled()
        assert s.text() == ["First.", "Second."]
        assert len(s.of(ReplyStarted)) == 2


async def test_a_cancelled_reply_falls_silent_and_makes_no_more_sentences() -> None:
    mouth = Mouth(gate=threading.Semaphore(1))
    async with session(Understanding("sentences", say="One. Two. Three."), mouth=mouth) as s:
        await s.ask()
        await s.until(lambda: len(s.of(ReplyText)) == 2 and mouth.begun == 2)  # being made
        before = s.of(ReplyAudio)
        for _ in range(2):  # idempotent
            await s.backend.cancel_reply(ONE, heard=Seconds(0.1))
        assert mouth.gate is not None
        mouth.gate.release(5)
        await s.settled()
        assert mouth.said == ["One.", "Two."]
        assert s.of(ReplyAudio) == before
        assert s.of(ReplyEnded) == []


async def test_nothing_is_said_about_the_calls_of_a_cancelled_reply() -> None:
    async with session() as s:
        await s.ask()
        await s.replies()
        await s.backend.cancel_reply(ONE, heard=Seconds(0.0))
        await s.backend.answer_call(s.calls()[0], ToolResult("done", "The light is on."))
        await s.settled()
        assert s.text() == []


async def test_a_new_turn_replaces_one_that_is_still_being_worked_on() -> None:
    async with session(Understanding("sentences", say="Yes.")) as s:
        s.ears.gate.clear()
        await s.ask(FIRST)
        await s.until(s.ears.at_work.is_set)
        await s.ask(SECOND)
        s.ears.gate.set()
        await s.replies()
        await s.settled()
        assert {event.turn for event in s.events if isinstance(event, Transcribed)} == {SECOND}
        assert [event.turn for event in s.events if isinstance(event, ReplyStarted)] == [SECOND]


async def test_a_new_turn_silences_what_is_said_about_an_older_one() -> None:
    async with session() as s:
        await s.ask(FIRST)
        await s.replies()
        (owed,) = s.calls()
        s.mind.meaning = Understanding("none", say="Pardon?")
        await s.ask(SECOND)
        await s.backend.answer_call(owed, ToolResult("done", "The light is on."))
        await s.replies(2)
        await s.settled()
        assert s.text() == ["Pardon?"]


async def test_a_turn_holds_what_was_sent_since_the_last_one() -> None:
    async with session() as s:
        await s.backend.send_audio(frame(1))
        await s.backend.clear_turn()
        await s.backend.send_audio(frame(2))
        await s.backend.send_audio(frame(3))
        await s.backend.commit_turn(FIRST)
        await s.replies()
        await s.ask(SECOND)
        await s.replies(2)
        first, second = s.ears.heard
        assert list(np.unique(first)) == [2, 3]
        assert len(first) == 2 * FRAME_SAMPLES
        assert len(second) == FRAME_SAMPLES


async def test_sound_beyond_the_longest_turn_is_left_out() -> None:
    async with session(longest=1.0) as s:
        for _ in range(500):
            await s.backend.send_audio(frame())
        await s.backend.commit_turn(FIRST)
        await s.replies()
        assert len(s.ears.heard[0]) == 16_000


@pytest.mark.parametrize("broken", ["ears", "mind"])
async def test_a_broken_model_is_spoken_of_but_not_what_was_said(
    broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with session() as s:
        if broken == "ears":
            s.ears.text = "broken"
        else:
            s.mind.meaning = Understanding("broken")
        await s.ask()
        await s.replies()
        assert s.text() == [ENGLISH.failed]
        assert s.events[-1] == ReplyEnded(ONE, stay=False)
        warnings = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
        assert len(warnings) == 1
        assert "light" not in caplog.text

        s.ears.text, s.mind.meaning = "again", Understanding("sentences", say="Yes.")
        await s.ask(SECOND)  # the session has survived
        await s.replies(2)
        assert s.text() == [ENGLISH.failed, "Yes."]


async def test_a_broken_voice_still_ends_the_reply() -> None:
    async with session(Understanding("sentences", say="One. Two."), mouth=Mouth(broken=True)) as s:
        await s.ask()
        await s.replies()
        assert s.of(ReplyAudio) == []


async def test_after_the_end_everything_says_so() -> None:
    async with session() as s:
        await s.backend.close()
        await s.backend.close()  # idempotent
        b = s.backend
        for attempt in (
            b.send_audio(frame()),
            b.commit_turn(FIRST),
            b.clear_turn(),
            b.cancel_reply(ONE, heard=Seconds(0.0)),
            b.answer_call(CallId("x"), ToolResult("done")),
            b.enclose(Enclosure("x")),
            b.take_reply(FIRST),
        ):
            with pytest.raises(BackendUnavailable):
                await attempt


async def test_closing_does_not_wait_for_the_worker_and_says_no_more() -> None:
    async with session(Understanding("sentences", say="Yes.")) as s:
        s.ears.gate.clear()
        await s.ask()
        await s.until(s.ears.at_work.is_set)
        await s.backend.close()
        s.ears.gate.set()
    assert s.events == []


async def test_what_was_not_understood_is_said_after_what_was_done() -> None:
    meant = Understanding("sentences", (ON,), say="I did not understand the rest.")
    async with session(meant) as s:
        await s.ask()
        await s.replies()
        await s.backend.answer_call(s.calls()[0], ToolResult("done", "The light is on."))
        await s.replies(2)
        assert s.text() == ["The light is on.", "I did not understand the rest."]
