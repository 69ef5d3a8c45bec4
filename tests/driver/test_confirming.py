"""The box asks for a confirmation, and hears the answer, itself; in virtual time."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import pytest

from appliance import turn
from appliance.app.asking import ask
from appliance.backend.local import worker
from appliance.events import (
    BackendLost,
    EndOfTurnFound,
    Happening,
    ReplyOffered,
    ReplyText,
    Transcribed,
)
from appliance.ports import Cue, Enclosure, ToolResult, Word
from appliance.units import CallId, ResponseId, Seconds, TurnNumber
from tests.confirming import (
    AGAIN,
    ASK_PIN,
    LAPSED,
    LEFT,
    PIN,
    QUESTION,
    UNLOCKED,
    Talk,
    english,
    talk,
)
from tests.fakes import FakeBackend
from tests.on_device import AtOnce
from tests.virtual_time import run_virtual

SECOND = TurnNumber(2)
LISTENER = partial(Talk, timing=turn.Timing(barge_in="speech"))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "ThreadPoolExecutor", AtOnce)


def words(room: Talk) -> list[Word]:
    return [word for _, word in room.gate.words]


def ends_turns(room: Talk) -> bool:
    return room.backend.ends_turns


def asked_for_pin(room: Talk) -> list[str]:
    return [s for s in room.said if s in ASK_PIN]


def test_question_follows_the_silent_reply_and_a_yes_does_what_was_asked_for() -> None:
    async def story(room: Talk) -> None:
        await room.ask_for("unlock")
        assert room.said == [QUESTION]
        await room.heard_out()
        await room.speak("Yes, please.")
        assert words(room) == [Word(yes=True)]
        assert room.said == [QUESTION, UNLOCKED]
        await asyncio.sleep(20.0)
        assert room.state is turn.Idle

    room = talk(story)
    assert len(room.gate.done) == 1
    assert room.inner.committed == [1]
    assert room.handed_on == 20
    assert Cue.FAILED not in room.indicator.shown


def test_model_is_told_that_the_box_asks_and_not_in_words_that_it_could_say() -> None:
    async def story(room: Talk) -> None:
        await room.ask_for("unlock")

    (answer,) = talk(story).inner.answers.values()
    assert (answer.status, answer.say) == ("asked", "")


def test_what_the_model_still_says_comes_before_the_question() -> None:
    async def story(room: Talk) -> None:
        await room.ask_for("light", "unlock", report="The light is on.")

    assert talk(story).said == ["The light is on.", QUESTION]


def test_question_waits_three_seconds_for_a_reply_and_then_has_the_word() -> None:
    async def story(room: Talk) -> None:
        await room.ask_for("unlock", report=None)
        await asyncio.sleep(2.5)
        assert room.said == []
        await asyncio.sleep(0.5)
        assert room.said == [QUESTION]
        room.reply(TurnNumber(1), text="Let me see.", sound=bytes(48_000))
        await room.heard_out()
        await room.speak("yes")
        await asyncio.sleep(10.0)

    room = talk(story)
    assert room.said == [QUESTION, UNLOCKED]
    assert room.inner.cancelled[0] == (ResponseId("inner-2"), 0.0)


@pytest.mark.parametrize("spoken", ["1 2 3 4", "Twelve thirty-four.", "one two three four"])
def test_pin_opens_and_is_told_to_nobody(spoken: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")

    async def story(room: Talk) -> None:
        await room.ask_for("open_safe")
        await room.heard_out()
        await room.speak(spoken)
        await asyncio.sleep(20.0)
        await room.request()  # what the inner backend is told later

    room = talk(story)
    assert words(room) == [Word(yes=True, pin=PIN)]
    assert len(room.gate.done) == 1
    assert room.read == ["PIN"]
    assert room.leaks() == room.leaks(spoken) == []
    assert not any(isinstance(happening, Transcribed) for _, happening in room.observer.noted)
    assert not re.search(rf"(?<![\d.]){PIN}(?!\d)", caplog.text)
    assert spoken not in caplog.text
    assert not any(PIN in told.note for told in room.inner.enclosed)
    assert room.handed_on == 40  # the first request and the last


def test_wrong_pin_is_asked_for_again() -> None:
    async def story(room: Talk) -> None:
        await room.ask_for("open_safe")
        await room.heard_out()
        await room.speak("9 9 9 9")
        assert room.gate.done == []
        await room.heard_out()
        await room.speak("1234")

    room = talk(story)
    assert len(room.gate.done) == 1
    assert [word.pin for word in words(room)] == ["9999", PIN]
    assert len({challenge for challenge, _ in room.gate.words}) == 2
    assert "".join(room.said).count(AGAIN.split(".")[0]) == 1
    assert room.handed_on == 20


@pytest.mark.parametrize("tool", ["unlock", "open_safe"])
@pytest.mark.parametrize(
    ("answer", "told"), [("No.", LEFT), ("", "I heard no answer, so I leave it.")]
)
def test_no_and_nothing_leave_it_and_say_so(tool: str, answer: str, told: str) -> None:
    async def story(room: Talk) -> None:
        await room.ask_for(tool)
        await room.heard_out()
        await room.speak(answer)
        await asyncio.sleep(20.0)

    room = talk(story)
    assert room.gate.done == []
    assert words(room) == [Word(yes=False)]
    assert room.said[-1] == told
    assert room.inner.committed == [1]
    assert room.handed_on == 20


def test_something_else_is_a_no_and_goes_on_as_the_turn_that_it_is() -> None:
    async def story(room: Talk) -> None:
        await room.ask_for("unlock")
        await room.heard_out()
        await room.speak("Turn on the kitchen light.", frames=7)
        assert room.inner.committed == [1, 2]
        room.reply(SECOND, text="The light is on.", sound=bytes(4_800))
        await asyncio.sleep(1.0)

    room = talk(story)
    assert words(room) == [Word(yes=False)]
    assert room.said == [QUESTION, "The light is on."]
    assert room.handed_on == 27
    assert room.inner.asked[-8:] == ["send_audio"] * 7 + ["commit_turn"]


def test_something_else_where_the_pin_is_asked_for_is_handed_on_to_nobody() -> None:
    async def story(room: Talk) -> None:
        await room.ask_for("open_safe")
        await room.heard_out()
        await room.speak("It is the birthday of my mother.")
        await room.heard_out()

    room = talk(story)
    assert words(room) == [Word(yes=True)]
    assert room.gate.done == []
    assert len(asked_for_pin(room)) == 4  # two sentences, twice
    assert (room.handed_on, room.inner.committed) == (20, [1])


def test_yes_is_no_pin() -> None:
    async def story(room: Talk) -> None:
        await room.ask_for("open_safe")
        await room.heard_out()
        await room.speak("yes")

    assert talk(story).gate.done == []


def test_who_talks_over_the_question_answers_it() -> None:
    async def story(room: Talk) -> None:
        await room.ask_for("unlock")
        assert room.state is turn.Speaking
        await room.speak("yes")
        await asyncio.sleep(1.0)

    room = talk(story, LISTENER)
    assert room.said == [QUESTION, UNLOCKED]
    assert len(room.gate.done) == 1
    assert room.inner.cancelled == []  # it knows nothing of the box's own reply


def test_question_that_the_box_hears_itself_say_is_no_answer() -> None:
    async def story(room: Talk) -> None:
        await room.ask_for("unlock")
        await room.speak("Unlock the front door.")

    room = talk(story, LISTENER)
    assert words(room) == [Word(yes=False)]
    assert room.gate.done == []


def test_backend_does_not_end_the_turn_in_which_an_answer_is_awaited() -> None:
    async def story(room: Talk) -> None:
        assert ends_turns(room)
        await room.request()  # its end is the backend's business
        await asyncio.sleep(1.0)
        room.inner.emit(EndOfTurnFound())
        await asyncio.sleep(0.1)
        room.reply(TurnNumber(1), "unlock")
        await asyncio.sleep(0.1)
        room.reply(TurnNumber(1))
        await room.heard_out()
        assert not ends_turns(room)
        await room.speak("yes")
        assert len(room.gate.done) == 1
        await asyncio.sleep(5.0)
        assert ends_turns(room)

    talk(story, lambda: Talk(FakeBackend(finds_ends=True)))


def test_button_says_yes_and_only_where_no_pin_is_wanted() -> None:
    async def story(room: Talk) -> None:
        assert not room.backend.press()  # there is nothing to confirm: it calls
        await room.ask_for("unlock", report=None)
        assert not room.backend.press()  # nobody knows yet what would be confirmed
        await asyncio.sleep(4.0)
        assert room.backend.press()
        assert room.backend.press()  # bounced
        await asyncio.sleep(10.0)
        assert not room.backend.press()
        assert room.said == [QUESTION, UNLOCKED]
        await room.ask_for("open_safe")
        assert not room.backend.press()

    room = talk(story)
    assert words(room) == [Word(yes=True, by="button")]
    assert len(room.gate.done) == 1


def test_button_that_may_not_confirm_is_a_button() -> None:
    async def story(room: Talk) -> None:
        await room.ask_for("unlock")
        assert not room.backend.press()

    assert words(talk(story, partial(Talk, button=False))) == []


@pytest.mark.parametrize("how", [Talk.stop, Talk.mute])
def test_stop_and_mute_are_a_no_without_a_word(how: Callable[[Talk], None]) -> None:
    async def story(room: Talk) -> None:
        await room.ask_for("unlock")
        await room.heard_out()
        how(room)
        await asyncio.sleep(30.0)

    room = talk(story)
    assert words(room) == [Word(yes=False)]
    assert room.said == [QUESTION]


def test_nobody_answers_in_time() -> None:
    async def story(room: Talk) -> None:
        await room.ask_for("open_safe")
        await asyncio.sleep(30.0)
        assert room.state is turn.Idle
        await room.request("1234")  # far too late: an ordinary turn

    room = talk(story)
    assert words(room) == []
    assert room.said[-1] == LAPSED
    assert len(room.inner.committed) == 2  # the first request and the last words


def test_answer_that_comes_too_late_is_told_so_and_a_pin_stays_here() -> None:
    async def story(room: Talk) -> None:
        await room.ask_for("open_safe")
        await asyncio.sleep(18.7)
        room.wake()
        await asyncio.sleep(0.5)
        await room.speak("1234")  # its time ends while it is said
        await asyncio.sleep(0.5)
        assert room.said[-1] == LAPSED

    room = talk(story)
    assert room.gate.done == []
    assert room.handed_on == 20


def test_what_a_phone_has_confirmed_is_told_when_nobody_talks() -> None:
    async def story(room: Talk) -> None:
        await room.ask_for("unlock")
        await room.heard_out()
        await room.gate.settle(room.gate.opened[0].id, Word(yes=True, by="phone"))
        await asyncio.sleep(5.0)
        assert room.said == [QUESTION, UNLOCKED]
        await asyncio.sleep(10.0)
        await room.request()

    room = talk(story)
    assert len(room.gate.done) == 1
    assert len(room.inner.committed) == 2
    assert len(room.gate.words) == 1


def test_what_a_phone_has_confirmed_while_somebody_answers_is_the_reply() -> None:
    async def story(room: Talk) -> None:
        await room.ask_for("unlock")
        await room.heard_out()
        async with asyncio.TaskGroup() as group:
            group.create_task(room.speak("yes"))
            await asyncio.sleep(0.2)
            await room.gate.settle(room.gate.opened[0].id, Word(yes=True, by="phone"))
        await asyncio.sleep(3.0)

    room = talk(story)
    assert room.said == [QUESTION, UNLOCKED]
    assert len(room.gate.words) == 1


def test_question_needs_nobody_else_to_answer() -> None:
    async def story(room: Talk) -> None:
        await room.ask_for("unlock", report=None)
        room.inner.emit(BackendLost("backend.unavailable"))
        await asyncio.sleep(0.1)
        assert room.said == [QUESTION]
        await room.heard_out()
        room.inner.emit(BackendLost("backend.unavailable"))
        await asyncio.sleep(0.1)
        await room.speak("yes")

    room = talk(story)
    assert len(room.gate.done) == 1
    assert Cue.FAILED not in room.indicator.shown


def test_what_takes_long_is_waited_for_and_the_user_is_told_so() -> None:
    async def story(room: Talk) -> None:
        room.gate.takes = Seconds(8.0)
        await room.ask_for("unlock")
        await room.heard_out()
        await room.speak("yes")
        await asyncio.sleep(3.0)
        assert room.said == [QUESTION, "One moment."]
        await asyncio.sleep(6.0)

    assert talk(story).said == [QUESTION, "One moment.", UNLOCKED]


def test_what_takes_longer_than_anybody_waits_is_told_all_the_same() -> None:
    async def story(room: Talk) -> None:
        room.gate.takes = Seconds(25.0)
        await room.ask_for("unlock")
        await room.heard_out()
        await room.speak("yes")
        await asyncio.sleep(40.0)

    assert talk(story).said == [QUESTION, "One moment.", UNLOCKED]


def test_pin_that_is_said_again_while_it_is_checked_stays_here() -> None:
    async def story(room: Talk) -> None:
        room.gate.takes = Seconds(5.0)
        await room.ask_for("open_safe")
        await room.heard_out()
        await room.speak("1234")
        await room.request("1234")
        await asyncio.sleep(10.0)

    room = talk(story)
    assert len(room.gate.done) == 1
    assert len(room.gate.words) == 1
    assert room.handed_on == 20


def test_question_that_comes_when_the_user_has_gone_on_is_put_at_the_next_pause() -> None:
    async def story(room: Talk) -> None:
        await room.request()
        room.reply(TurnNumber(1), "light")
        room.reply(TurnNumber(1), text="One moment.")  # and the call goes on
        await asyncio.sleep(0.3)
        asked = room.gate.ask(QUESTION, pin=False)
        await room.backend.answer_call(CallId("late"), asked)
        await asyncio.sleep(1.0)
        assert room.said == ["One moment.", QUESTION]
        await room.heard_out()
        await room.speak("yes")
        assert len(room.gate.done) == 1

    talk(story)


def test_pin_before_the_question_confirms_nothing_and_stays_here() -> None:
    async def story(room: Talk) -> None:
        await room.ask_for("open_safe", report=None)
        room.wake()
        await asyncio.sleep(0.3)
        await room.speak("1234")
        await asyncio.sleep(1.0)

    room = talk(story)
    assert room.gate.done == []
    assert words(room) == [Word(yes=False)]
    assert room.said == [LEFT]
    assert room.handed_on == 20


def test_model_learns_the_outcome_with_the_next_turn() -> None:
    async def story(room: Talk) -> None:
        await room.ask_for("unlock")
        await room.heard_out()
        await room.speak("yes")
        await asyncio.sleep(10.0)
        await room.request()
        await room.request()

    (told,) = talk(story).inner.enclosed
    assert (told.text, told.image) == ("", None)
    assert "confirmed" in told.note
    assert UNLOCKED in told.note


@dataclass
class Amending(FakeBackend):
    """Remembers calls for the sessions that follow, as a failover does."""

    amended: list[tuple[CallId, str]] = field(default_factory=list)

    def amend(self, call: CallId, result: ToolResult) -> None:
        self.amended.append((call, result.say))


def test_sessions_that_follow_learn_how_the_call_ended_after_all() -> None:
    async def story(room: Talk) -> None:
        await room.ask_for("open_safe")
        await room.heard_out()
        await room.speak("9 9 9 9")
        await room.heard_out()
        await room.speak("1 2 3 4")

    inner = Amending()
    talk(story, lambda: Talk(inner))
    assert inner.amended == [(CallId("inner-1-open_safe"), UNLOCKED)]


def test_late_reply_of_the_inner_backend_waits_until_the_answer_is_there() -> None:
    async def story(room: Talk) -> None:
        await room.ask_for("unlock")
        await room.heard_out()
        room.inner.replies.append([bytes(4_800)])
        room.inner.emit(ReplyOffered())
        await asyncio.sleep(0.5)
        assert room.inner.taken == []
        await room.speak("yes")
        await asyncio.sleep(10.0)
        assert len(room.inner.taken) == 1

    talk(story)


def test_command_that_asks_for_something_guarded_prints_the_question_and_ends() -> None:
    said: list[str] = []

    def tell(event: Happening) -> None:
        if isinstance(event, ReplyText):
            said.append(event.text)

    async def main() -> float:
        room = Talk()

        async def answer() -> None:
            await asyncio.sleep(0.1)
            room.reply(TurnNumber(1), "unlock")
            await asyncio.sleep(0.1)
            room.reply(TurnNumber(1), text="I asked.")

        async with asyncio.TaskGroup() as group:
            group.create_task(answer())
            asked = Enclosure("unlock the front door")
            beside = room.backend.run()
            await ask(asked, room.backend, room.tools, tell, companion=beside)
        await room.backend.close()
        return asyncio.get_running_loop().time()

    english()
    assert run_virtual(main()) < 1.0
    assert said == ["I asked.", QUESTION]


def test_calls_of_every_other_kind_are_none_of_its_business() -> None:
    async def story(room: Talk) -> None:
        await room.ask_for("light", report="The light is on.")
        await asyncio.sleep(10.0)
        await room.request()
        room.reply(SECOND, text="It is four.")
        await asyncio.sleep(0.1)

    room = talk(story)
    assert room.said == ["The light is on.", "It is four."]
    assert room.inner.committed == [1, 2]
    assert room.handed_on == 40
    assert list(room.inner.answers.values()) == [ToolResult("done")]
