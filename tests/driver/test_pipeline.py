"""The pipeline with scripted parts, in virtual time: what it says, and when."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from appliance.backend.context import Called, Handover, Owed, Said
from appliance.backend.pipeline.answering import MOST_CALLS, MOST_ROUNDS
from appliance.backend.pipeline.parts import Answered, Asked, Calls, Found, Says, Trio
from appliance.backend.pipeline.session import PipelineBackend
from appliance.errors import (
    BackendRefused,
    BackendStalled,
    BackendUnavailable,
    ModelError,
    ProtocolViolation,
)
from appliance.events import (
    BackendEvent,
    ReplyAudio,
    ReplyEnded,
    ReplyOffered,
    ReplyStarted,
    ReplyText,
    StageTook,
    ToolCalled,
    Transcribed,
    Understood,
    Usage,
    Used,
)
from appliance.ports import Enclosure, Image, ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber
from tests.pipeline_parts import (
    CAMERA,
    FIRST,
    LAMP,
    SECOND,
    TERMS,
    THIRD,
    FakeMind,
    FakeStt,
    FakeTts,
    Sentences,
    Step,
    Talk,
    Wait,
    frame,
    now,
    settle,
    talk,
    trio,
)
from tests.virtual_time import run_virtual

IS_ON = ToolResult("done", "The light is on.")
IS_OFF = ToolResult("done", "The light is off.")
BROKEN = ToolResult("failed", "The light does not answer.")
ONE, TWO = ResponseId("pipeline-1"), ResponseId("pipeline-2")
ON = Calls("light", {"state": "on"})
OFF = Calls("light", {"state": "off"})


async def asked(t: Talk) -> None:
    await t.ask()
    await t.ended()


# ------------------------------------------------------------------------------- one turn


def test_a_greeting_is_written_down_thought_about_and_spoken_sentence_by_sentence() -> None:
    found = talk(asked, trio([Says("Hel"), Says("lo. How"), Says(" are you?")]))
    shape = [
        type(event) for event in found.events if not isinstance(event, ReplyAudio | StageTook)
    ]
    assert shape == [Transcribed, ReplyStarted, ReplyText, ReplyText, ReplyEnded]
    assert found.heard() == ["turn on the light"]
    assert found.said() == found.tts.said == ["Hello.", "How are you?"]
    assert found.sound() == pytest.approx(0.2 * (2 + 3))
    assert found.events[-1] == ReplyEnded(ONE, stay=True)
    assert found.mind.talks[0].asked == Asked("turn on the light")


def test_the_first_sound_comes_while_the_mind_still_writes() -> None:
    thoughts: list[Step] = [Says("The first sentence. T"), Wait(3.0), Says("he second one.")]
    found = talk(asked, trio(thoughts))
    begun = found.at(Transcribed)
    assert found.at(ReplyAudio) - begun == pytest.approx(0.1 + 0.02)  # the voice's own time
    assert found.at(ReplyEnded) - begun > 3.0
    assert found.tts.begun == 1  # one voice for all of it


def test_the_first_clause_of_a_long_sentence_is_spoken_before_the_sentence_ends() -> None:
    thoughts: list[Step] = [
        Says("There are three lights on at the moment, namely the one in the"),
        Wait(0.5),
    ]
    thoughts += [Says(" kitchen, the one in the hall"), Wait(2.0), Says(" and mine.")]
    found = talk(asked, trio(thoughts))
    assert found.said()[0] == "There are three lights on at the moment,"
    assert found.at(ReplyText) - found.at(Transcribed) == pytest.approx(0.5)


def test_what_is_said_is_recognised_while_it_is_said() -> None:
    async def story(t: Talk) -> None:
        await t.ask()
        assert t.stt.heard_at == pytest.approx([0.0, 0.01, 0.02, 0.03, 0.04])
        await t.backend.expect_end()  # of the next one: nothing was said of it
        await t.ended()

    found = talk(story)
    (turn,) = found.stt.turns
    assert (turn.frames, turn.expected, turn.finished) == (5, 0, False)


def test_what_can_be_done_ahead_is_told_to_the_recognition() -> None:
    async def story(t: Talk) -> None:
        await t.backend.send_audio(frame())
        await t.backend.expect_end()
        await t.backend.commit_turn(FIRST, as_expected=True)
        await t.ended()

    (turn,) = talk(story).stt.turns
    assert (turn.expected, turn.finished) == (1, True)


def test_a_mind_that_writes_fast_waits_for_the_voice() -> None:
    async def story(t: Talk) -> None:
        await t.ask()
        await t.until(lambda: bool(t.of(ReplyAudio)))
        assert len(t.mind.given) < 10
        await t.ended()
        assert len(t.said()) == 100

    talk(story, trio([Says(f"Number {n}. ") for n in range(100)]))


def test_sound_beyond_the_longest_turn_is_left_out() -> None:
    async def story(t: Talk) -> None:
        for _ in range(500):
            await t.backend.send_audio(frame())
        await t.backend.commit_turn(FIRST)
        await t.ask(SECOND)
        await t.ended()

    found = talk(story, terms=replace(TERMS, longest_turn=Seconds(1.0)))
    assert [turn.frames for turn in found.stt.turns] == [100, 5]


def test_a_turn_that_came_to_nothing_is_forgotten_but_paid_for() -> None:
    async def story(t: Talk) -> None:
        await t.backend.send_audio(frame())
        await t.backend.clear_turn()
        await settle()

    found = talk(story, trio(stt=FakeStt(usage=Usage("ears", audio_s=Seconds(1.0)))))
    assert found.stt.turns[0].dropped
    assert found.events == [Used(Usage("ears", audio_s=Seconds(1.0)))]


def test_noise_gets_a_reply_that_says_nothing() -> None:
    async def story(t: Talk) -> None:
        await t.ask(text="")
        await t.ended()

    found = talk(story)
    assert found.events[-2:] == [ReplyStarted(ONE, FIRST), ReplyEnded(ONE, stay=False)]
    assert found.mind.talks == []


def test_a_mind_that_says_nothing_ends_the_reply_silently() -> None:
    found = talk(asked, trio([]))
    assert found.events[-2:] == [ReplyStarted(ONE, FIRST), ReplyEnded(ONE, stay=False)]
    assert found.tts.begun == 0


def test_how_it_was_understood_is_told_and_whether_the_user_may_stay() -> None:
    found = talk(
        asked, trio([Wait(0.25), Found("staged", "nothing", stay=False), Says("Pardon?")])
    )
    (understood,) = found.of(Understood)
    assert (understood.stage, understood.summary) == ("staged", "nothing")
    assert understood.took == pytest.approx(0.25)
    assert found.events[-1] == ReplyEnded(ONE, stay=False)


# --------------------------------------------------------------------- what it takes and costs


def test_every_stage_tells_its_title_and_time_and_what_it_cost() -> None:
    parts = trio(
        [Wait(0.3), Says("Hello there. "), Usage("mind", text_in=9, text_out=3), Wait(0.2)],
        stt=FakeStt(usage=Usage("ears", audio_s=Seconds(0.05))),
        tts=FakeTts(usage=Usage("voice", characters=12)),
    )
    found = talk(asked, parts)
    took = {event.stage: event for event in found.of(StageTook)}
    assert [event.turn for event in took.values()] == [FIRST] * 3
    assert {s: e.title for s, e in took.items()} == {
        "stt": "fake ears",
        "llm": "fake mind",
        "tts": "fake voice",
    }
    times = {stage: (event.first, event.took) for stage, event in took.items()}
    assert times["stt"] == pytest.approx((0.1, 0.1))
    assert times["llm"] == pytest.approx((0.3, 0.5))
    assert times["tts"] == pytest.approx((0.12, 0.1 + 3 * 0.02))
    used = found.of(Used)
    assert {event.usage.model for event in used} == {"ears", "mind", "voice"}
    assert {event.turn for event in used} == {FIRST}


def test_who_does_not_ask_for_stages_is_not_told() -> None:
    assert talk(asked, terms=replace(TERMS, stages=False)).stages() == []


# ------------------------------------------------------------------------------------- calls


def test_calls_are_made_at_once_and_their_results_go_back_to_the_mind() -> None:
    async def story(t: Talk) -> None:
        await t.ask()
        first, second = await t.called(2)
        await t.backend.answer_call(second, IS_OFF)
        await t.backend.answer_call(first, IS_ON)
        await t.ended(2)

    found = talk(story, trio([Says("Let me see. "), ON, OFF, Wait(1.0)], [Says("Both done.")]))
    first, second = found.of(ToolCalled)
    assert (first.response, first.tool, first.arguments) == (ONE, "light", {"state": "on"})
    assert found.at(ToolCalled) - found.at(Transcribed) == pytest.approx(0.0)
    assert found.of(ReplyEnded) == [ReplyEnded(ONE, calls_tool=True), ReplyEnded(TWO)]
    assert found.replies() == [(1, ["Let me see."]), (1, ["Both done."])]
    told = found.mind.talks[1]
    assert told.asked == Asked("turn on the light")
    assert told.said == "Let me see."
    assert not told.late
    assert [(a.call, a.result) for a in told.results] == [
        (first.call, IS_ON),
        (second.call, IS_OFF),
    ]
    assert told.lines == ()


def test_the_mind_may_call_again_and_is_told_all_results() -> None:
    async def story(t: Talk) -> None:
        await t.ask()
        for number in (1, 2):
            await t.called(number)
            await t.answer(IS_ON)
        await t.ended(3)

    found = talk(story, trio([ON], [OFF], [Says("Done.")]))
    assert [len(told.results) for told in found.mind.talks] == [0, 1, 2]
    assert found.replies() == [(1, []), (1, []), (1, ["Done."])]


def test_rounds_of_calls_have_an_end() -> None:
    async def story(t: Talk) -> None:
        await t.ask()
        for number in range(1, MOST_ROUNDS + 1):
            await t.called(number)
            await t.answer(IS_ON)
        await t.ended(MOST_ROUNDS + 1)
        await asyncio.sleep(60.0)

    found = talk(story, trio([Says("Again."), ON]))
    assert len(found.of(ToolCalled)) == MOST_ROUNDS
    assert found.mind.tools[-1] == ()
    assert found.replies()[-1] == (1, ["Again."])
    assert found.events[-1] == ReplyEnded(found.of(ReplyEnded)[-1].response)


def test_a_mind_that_repeats_itself_is_not_heeded() -> None:
    async def story(t: Talk) -> None:
        await asked(t)

    assert len(talk(story, trio([ON] * 100)).of(ToolCalled)) == MOST_CALLS


def test_a_closing_call_ends_the_conversation() -> None:
    async def story(t: Talk) -> None:
        await t.ask()
        await t.called()
        await t.answer(ToolResult("done"))
        await t.ended(2)

    found = talk(story, trio([Calls("stop", {})], [Says("Bye.")]))
    assert found.events[-1] == ReplyEnded(TWO, stay=False)


def test_a_slow_tool_is_excused_and_its_result_offered_and_told_once() -> None:
    async def story(t: Talk) -> None:
        await t.ask()
        await t.called()
        await t.ended(2)
        await asyncio.sleep(60.0)
        await t.answer(IS_ON)
        await settle()
        assert t.offers() == 1
        await t.backend.take_reply(SECOND)
        await t.ended(3)
        await t.backend.take_reply(THIRD)
        await t.ended(4)

    found = talk(story, trio([ON], [Says("By the way, it is on.")]))
    assert found.replies() == [
        (1, []),
        (1, ["One moment."]),
        (2, ["By the way, it is on."]),
        (3, []),
    ]
    late = found.mind.talks[1]
    assert late.late
    assert late.asked is None
    assert [a.result for a in late.results] == [IS_ON]
    assert [line.text for line in late.lines if isinstance(line, Said)] == [
        "turn on the light",
        "One moment.",
    ]
    assert not [line for line in late.lines if isinstance(line, Called)]
    assert len(found.mind.talks) == 2


def test_tools_that_show_pictures_are_only_for_a_mind_that_sees() -> None:
    for sees in (False, True):
        found = talk(asked, trio(mind=FakeMind(sees=sees)), tools=(LAMP, CAMERA))
        assert (CAMERA in found.mind.tools[0]) == sees


def test_words_before_a_call_are_spoken_though_the_mind_goes_on_writing() -> None:
    found = talk(asked, trio([Says("Let me see."), ON, Wait(3.0)]))
    assert found.at(ReplyText) == found.at(ToolCalled)


def test_a_picture_is_shown_to_a_mind_that_sees() -> None:
    picture = Image(b"x", "image/png")

    async def story(t: Talk) -> None:
        await t.backend.enclose(Enclosure("what is this", picture, "in the hall"))
        await t.backend.commit_turn(FIRST)
        await t.ended()

    seen = talk(story, trio(mind=FakeMind(sees=True)))
    assert seen.mind.talks[0].asked == Asked("what is this", picture, "in the hall")
    blind = talk(story)
    assert blind.said() == ["I am blind."]
    assert blind.events[-1] == ReplyEnded(ONE, stay=False)


# -------------------------------------------------------------------------------- barge-in


@pytest.mark.parametrize("delay", [0.01, 0.3, 0.7, 1.5])
def test_who_speaks_again_ends_whatever_was_being_done(delay: float) -> None:
    """While it is written down, thought about, first spoken, and spoken while thought about."""

    async def story(t: Talk) -> None:
        await t.ask(FIRST, "first")
        await asyncio.sleep(delay)
        if t.of(ReplyStarted):
            await t.cancel(heard=0.1)
        t.mind.scripts = [[Says("Second.")]]
        count = len(t.events)
        before = now()
        await t.ask(SECOND, "second")
        await t.until(lambda: any(e.turn == SECOND for e in t.of(ReplyStarted)))
        assert now() - before < 0.3
        await t.ended(1)
        assert not [
            e
            for e in t.events[count:]
            if isinstance(e, ReplyText | ReplyAudio | ReplyEnded) and e.response == ONE
        ]

    found = talk(story, trio([Wait(0.4), Says("One. Two. T"), Wait(2.0), Says("hree.")]))
    assert [event.text for event in found.of(Transcribed)][-1] == "second"
    assert found.replies()[-1] == (2, ["Second."])
    assert found.mind.stopped == (delay > 0.1)
    assert found.tts.stopped == (delay > 0.6)
    # what was said is known all the same
    lines = found.mind.talks[-1].lines
    assert next(line.text for line in lines if isinstance(line, Said)) == "first"


def test_a_cancelled_reply_ends_mind_and_voice_at_once_and_is_known_as_far_as_heard() -> None:
    async def story(t: Talk) -> None:
        await t.ask(FIRST)
        await t.until(lambda: t.sound() > 0.9)
        count = len(t.events)
        await t.cancel(heard=0.5)
        await settle()
        assert (t.mind.stopped, t.tts.stopped) == (1, 1)
        await asyncio.sleep(5.0)
        assert len(t.events) == count
        await t.ask(SECOND)
        await t.until(lambda: len(t.mind.talks) == 2)

    found = talk(story, trio([Says("One two three four five six. S"), Wait(9.0)], [Says("Yes.")]))
    user, assistant = found.mind.talks[1].lines
    assert isinstance(user, Said)
    assert isinstance(assistant, Said)
    assert "One two three four five six.".startswith(assistant.text.rstrip("…"))
    assert 0 < len(assistant.text) < 20


def test_calls_of_a_cancelled_reply_are_told_only_if_they_went_wrong() -> None:
    for result, offers in ((IS_ON, 0), (BROKEN, 1)):

        async def story(t: Talk, result: ToolResult = result, offers: int = offers) -> None:
            await t.ask()
            await t.called()
            await t.cancel(heard=0.1)
            await t.answer(result)
            await asyncio.sleep(1.0)
            assert t.offers() == offers
            assert len(t.of(ReplyStarted)) == 1

        talk(story, trio([Says("I am at it. "), ON, Wait(5.0)]))


def test_a_call_that_nobody_has_seen_yet_is_not_made_any_more() -> None:
    async def main() -> list[BackendEvent]:
        backend = PipelineBackend(trio([ON, OFF]), Sentences(), lambda: (LAMP,), TERMS)
        await backend.send_audio(frame())
        await backend.commit_turn(FIRST)
        events: list[BackendEvent] = []
        async with asyncio.timeout(9.0):
            async for event in backend.events():
                events.append(event)
                if isinstance(event, ToolCalled):
                    await backend.cancel_reply(event.response, heard=Seconds(0.0))
                    await backend.answer_call(event.call, BROKEN)
                if isinstance(event, ReplyOffered):
                    break  # the report is complete without the second call
        await backend.close()
        return events

    events = run_virtual(main())
    assert sum(isinstance(event, ToolCalled) for event in events) == 1
    assert isinstance(events[-1], ReplyOffered)


def test_a_report_that_was_overtaken_before_it_began_is_offered_and_told_once() -> None:
    async def story(t: Talk) -> None:
        await t.ask(FIRST)
        await t.called()
        await t.answer(IS_ON)
        await t.until(lambda: len(t.mind.talks) == 2)  # it thinks about the result
        await t.ask(SECOND)
        await t.ended(2)
        assert t.offers() == 1
        await t.backend.take_reply(THIRD)
        await t.until(lambda: len(t.mind.talks) == 4)
        await t.backend.commit_turn(TurnNumber(4))  # and once more, before it began
        await t.ended(3)
        assert t.offers() == 2
        await t.backend.take_reply(TurnNumber(5))
        await t.ended(4)

    slowly: list[Step] = [Wait(1.0), Says("It is on.")]
    found = talk(story, trio([ON], slowly, [Says("Yes.")], slowly, [Wait(1.0), Says("It is on.")]))
    assert found.replies() == [(1, []), (2, ["Yes."]), (4, []), (5, ["It is on."])]
    assert [len(told.results) for told in found.mind.talks] == [0, 1, 0, 1, 1]


def test_closing_ends_everything_at_once() -> None:
    for delay in (0.0, 0.05, 0.3, 0.7):

        async def story(t: Talk, delay: float = delay) -> None:
            await t.ask()
            await asyncio.sleep(delay)
            before = now()
            await t.backend.close()
            await settle()
            assert now() == before
            assert isinstance(t.error, BackendUnavailable)

        found = talk(story, trio([Wait(0.4), Says("One. T"), Wait(9.0)]))
        assert (found.stt.closed, found.mind.closed, found.tts.closed) == (1, 1, 1)
        assert found.of(ReplyEnded) == []


@pytest.mark.parametrize("after", [ReplyStarted, ReplyAudio, ToolCalled])
def test_whoever_stops_iterating_leaves_nobody_at_work(after: type[BackendEvent]) -> None:
    async def main() -> None:
        parts = trio([Says("One. T"), ON, Wait(9.0)])
        backend = PipelineBackend(parts, Sentences(), lambda: (LAMP,), TERMS)
        await backend.send_audio(frame())
        await backend.commit_turn(FIRST)
        events = backend.events()
        async for event in events:
            if isinstance(event, after):
                break
        await events.aclose()
        assert len(asyncio.all_tasks()) == 1
        await backend.close()

    run_virtual(main())


@dataclass
class WarmTts(FakeTts):
    """Connects ahead."""

    warmed: list[float] = field(default_factory=list)

    async def warm(self) -> None:
        self.warmed.append(now())
        await asyncio.sleep(0.3)
        if len(self.warmed) == 1:
            raise BackendUnavailable("no")  # against the rules, and does no harm


def test_parts_connect_while_the_user_speaks() -> None:
    async def story(t: Talk) -> None:
        for number in (1, 2):
            await t.ask(TurnNumber(number))
            await t.ended(number)
        await t.ask(THIRD)  # whose connecting ends with the session

    tts = WarmTts()
    found = talk(story, trio(tts=tts))
    assert len(tts.warmed) == 3
    assert tts.warmed[0] == 0.0
    assert found.replies()[:2] == [(1, ["Yes."]), (2, ["Yes."])]


# --------------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize("stage", ["ears", "stt", "llm", "llm later", "tts", "tts later"])
@pytest.mark.parametrize(
    "error", [BackendRefused("invalid_api_key", "set it"), ProtocolViolation("nonsense")]
)
def test_the_error_of_any_part_is_that_of_the_session(stage: str, error: BackendRefused) -> None:
    parts = {
        "ears": trio(stt=FakeStt(deaf=error)),
        "stt": trio(stt=FakeStt(error=error)),
        "llm": trio([error]),
        "llm later": trio([Says("One. T"), Wait(1.0), error]),
        "tts": trio(tts=FakeTts(error=error)),
        "tts later": trio([Says("One. Two. Three.")], tts=FakeTts(error=error, after=1)),
    }[stage]

    async def story(t: Talk) -> None:
        if stage == "ears":
            with pytest.raises(type(error)):
                await t.ask()
            return
        await t.ask()
        await t.until(lambda: t.error is not None)
        assert t.error is error
        with pytest.raises(BackendUnavailable):
            await t.ask(SECOND)

    found = talk(story, parts)
    assert ReplyEnded not in {type(event) for event in found.events}


def test_what_no_part_should_raise_ends_the_session_and_tells_no_secret(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story(t: Talk) -> None:
        await t.ask()
        await t.until(lambda: t.error is not None)

    found = talk(story, trio([ValueError("my secret")]))
    assert isinstance(found.error, BackendUnavailable)
    assert "ValueError in FakeMind.think" in str(found.error)
    assert "secret" not in caplog.text + str(found.error)


@pytest.mark.parametrize("stage", ["stt", "llm"])
def test_a_model_of_the_box_that_fails_is_spoken_of_and_the_session_goes_on(stage: str) -> None:
    async def story(t: Talk) -> None:
        await t.ask(FIRST)
        await t.ended(1)
        t.stt.error, t.mind.scripts = None, [[Says("Yes.")]]
        await t.ask(SECOND)
        await t.ended(2)

    broken = ModelError("no")
    parts = trio(stt=FakeStt(error=broken)) if stage == "stt" else trio([broken])
    found = talk(story, parts)
    assert found.replies() == [(1, ["Sorry."]), (2, ["Yes."])]
    assert [event.stay for event in found.of(ReplyEnded)] == [False, True]


@pytest.mark.parametrize(
    ("parts", "after", "title"),
    [
        (lambda: trio(stt=FakeStt(takes=99.0)), 4.0, "fake ears"),
        (lambda: trio([Wait(99.0), Says("x")]), 0.1 + 4.0, "fake mind"),
        (lambda: trio([Says("One. T"), Wait(99.0)]), 0.1 + 4.0, "fake mind"),
        (lambda: trio(tts=FakeTts(first=99.0)), 0.1 + 3.0, "fake voice"),
        (lambda: trio(tts=FakeTts(speed=0.01)), 0.1 + 3.0, "fake voice"),
    ],
)
def test_whoever_gives_nothing_for_too_long_has_stalled(
    parts: Callable[[], Trio], after: float, title: str
) -> None:
    async def story(t: Talk) -> None:
        await t.ask()
        begun = now()
        await t.until(lambda: t.error is not None)
        assert now() - begun == pytest.approx(after, abs=0.3)

    found = talk(story, parts())
    assert isinstance(found.error, BackendStalled)
    assert title in str(found.error)


def test_what_is_on_the_box_may_take_its_time() -> None:
    slow = trio([Wait(9.0), Says("One.")], stt=FakeStt(takes=9.0), tts=FakeTts(first=9.0))
    patient = replace(TERMS, unhurried=frozenset({"stt", "llm", "tts"}))
    assert talk(asked, slow, terms=patient).said() == ["One."]


def test_a_voice_that_waits_for_the_mind_has_not_stalled() -> None:
    slowly: list[Step] = [each for letter in "wo. T" for each in (Says(letter), Wait(3.0))]
    found = talk(asked, trio([Says("One. T"), *slowly, Says("hree.")]))
    assert found.said() == ["One.", "Two.", "Three."]


def test_a_mind_that_waits_for_the_voice_has_not_stalled() -> None:
    slow = FakeTts(speed=0.1)  # ten times slower than it is spoken
    found = talk(asked, trio([Says("Quite long. ")] * 9, tts=slow))
    assert len(found.said()) == 9


# --------------------------------------------------------------- what went on before, and memory


def test_the_mind_is_told_what_went_on_before_and_here() -> None:
    before = (Said("user", "hello"), Said("assistant", "Hi."))

    async def story(t: Talk) -> None:
        await t.ask(FIRST, "light on")
        await t.called()
        await t.answer(IS_ON)
        await t.ended(2)
        await t.ask(SECOND, "and off")
        await t.ended(3)

    found = talk(story, trio([ON], [Says("It is on.")], [Says("Fine.")]), Handover(before))
    first, second, third = found.mind.talks
    assert first.lines == second.lines == before
    said = [line.text for line in third.lines if isinstance(line, Said)]
    assert said == ["hello", "Hi.", "light on", "It is on."]
    (called,) = [line for line in third.lines if isinstance(line, Called)]
    assert (called.tool, called.result) == ("light", IS_ON)
    assert third.asked == Asked("and off")


def test_memory_has_an_end() -> None:
    async def story(t: Talk) -> None:
        for number in range(1, 60):
            await t.ask(TurnNumber(number), f"number {number}")
            await t.ended(number)

    before = tuple(Said("user", f"before {n}") for n in range(30))
    lines = talk(story, handover=Handover(before)).mind.talks[-1].lines
    assert len(lines) <= 32
    assert [line.text for line in lines if isinstance(line, Said)][-2:] == ["number 58", "Yes."]


def test_the_sign_is_given_once_before_anything_is_written_down() -> None:
    async def story(t: Talk) -> None:
        await t.ask(FIRST)
        await t.ended(1)
        await t.ask(SECOND)
        await t.ended(2)

    found = talk(story, handover=Handover(notice=True))
    assert found.replies() == [(1, ["Offline.", "Yes."]), (2, ["Yes."])]
    assert found.at(ReplyAudio) < found.at(Transcribed)
    assert [told.signed for told in found.mind.talks] == [True, False]
    assert found.tts.begun == 2


def test_what_another_backend_called_is_told_and_not_called_again() -> None:
    far = (
        Called(CallId("far-1"), "light", {}, IS_ON),
        Called(CallId("far-2"), "light", {}),
    )

    async def story(t: Talk) -> None:
        assert t.mind.talks == []
        await t.backend.answer_call(CallId("far-2"), IS_OFF)
        await t.ended(1)

    said = (Said("user", "both"),)
    found = talk(story, trio([Says("Done.")]), Handover(said, Owed(FIRST, far)))
    assert found.replies() == [(1, ["Done."])]
    (told,) = found.mind.talks
    assert told.asked is None
    assert told.lines == said
    assert told.results == tuple(
        Answered(c.call, c.tool, c.arguments, r) for c, r in zip(far, (IS_ON, IS_OFF), strict=True)
    )
