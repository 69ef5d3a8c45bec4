"""Guardrails before any backend: what breaks a rule is cut, said honestly, and never done."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence

import pytest

from appliance import turn
from appliance.backend.guarding import GuardedBackend, Rulebook
from appliance.backend.local import phrases, worker
from appliance.backend.local.parts import Parts
from appliance.backend.local.understand.types import Understanding
from appliance.config.guardrails import GuardRule
from appliance.errors import BackendError, BackendUnavailable
from appliance.events import (
    BackendEvent,
    PlaybackDrained,
    ReplyAudio,
    ReplyCut,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ToolCalled,
    Transcribed,
)
from appliance.units import CallId, ResponseId, SampleRate, Seconds, TurnNumber
from tests.fakes import FakeBackend
from tests.on_device import AtOnce, Ears, Mind, Mouth
from tests.room import Room, scene
from tests.virtual_time import run_virtual

SAY = phrases.load("en")
RULE = GuardRule(name="violence", words=("gun",))
RATE = SampleRate(24_000)
R1, R2 = ResponseId("reply-1"), ResponseId("again-1")
ONE, TWO = TurnNumber(1), TurnNumber(2)
STARTED = ReplyStarted(R1, ONE)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "ThreadPoolExecutor", AtOnce)


def parts(mouth: Mouth) -> Parts:
    return Parts(Ears(), Mind(Understanding("none")), mouth, SAY)


def sound(response: ResponseId, pcm: bytes = b"..") -> ReplyAudio:
    return ReplyAudio(response, pcm, RATE)


class Guarded:
    """A guarded fake, and what comes of what it tells."""

    def __init__(self, *rules: GuardRule, persona: str = "", broken: bool = False) -> None:
        self.inner = FakeBackend()
        self.mouth = Mouth(broken=broken)
        book = Rulebook(rules or (RULE,))
        self.backend = GuardedBackend(self.inner, book, parts(self.mouth), persona=lambda: persona)
        self.told: list[BackendEvent] = []

    async def hears(self, *events: BackendEvent | BackendError) -> list[BackendEvent]:
        """Have the inner backend tell these; return all that is passed on."""
        for event in events:
            self.inner.emit(event)
        self.inner.emit(BackendUnavailable("over"))
        with contextlib.suppress(BackendUnavailable):
            async for event in self.backend.events():
                self.told.append(event)
        return self.told


def play(*events: BackendEvent, rules: Sequence[GuardRule] = (), persona: str = "") -> Guarded:
    async def made() -> Guarded:
        guarded = Guarded(*rules, persona=persona)
        await guarded.hears(*events)
        return guarded

    return run_virtual(made())


def shape(events: Sequence[BackendEvent]) -> list[str]:
    """Return kinds; all that the box says itself in one reply is ``said``."""
    ours = [str(getattr(event, "response", "")).startswith("guard-") for event in events]
    names = [
        "said" if own and isinstance(event, ReplyText | ReplyAudio) else type(event).__name__
        for own, event in zip(ours, events, strict=True)
    ]
    return [name for number, name in enumerate(names) if names[number - 1 : number] != [name]]


def texts(events: Sequence[BackendEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, ReplyText))


def said(events: Sequence[BackendEvent]) -> str:
    """Return what the box said itself, its sentences with a space between them."""
    own = [each for each in events if isinstance(each, ReplyText)]
    return " ".join(each.text for each in own if each.response.startswith("guard-"))


def test_a_reply_within_the_rules_passes_untouched() -> None:
    text = ReplyText(R1, "It has begun.")
    events: list[BackendEvent] = [STARTED, text, sound(R1), ReplyEnded(R1)]
    assert play(*events).told == events


def test_a_reply_is_cut_at_the_word_and_the_sentence_takes_its_place() -> None:
    guarded = play(
        STARTED,
        ReplyText(R1, "You take the "),
        sound(R1),
        ReplyText(R1, "gu"),
        ReplyText(R1, "n and "),
        sound(R1, b"never"),
        ReplyText(R1, "load it"),
        ReplyEnded(R1),
    )
    assert shape(guarded.told) == [
        *("ReplyStarted", "ReplyText", "ReplyAudio", "ReplyText", "ReplyCut"),
        *("ReplyStarted", "said", "ReplyEnded"),
    ]
    assert ReplyCut(R1, "violence") in guarded.told
    assert said(guarded.told) == SAY.blocked
    assert b"never" not in [each.pcm for each in guarded.told if isinstance(each, ReplyAudio)]


def test_a_word_at_the_very_end_is_found() -> None:
    guarded = play(STARTED, ReplyText(R1, "a gun"), ReplyEnded(R1))
    assert any(isinstance(event, ReplyCut) for event in guarded.told)


def test_a_request_is_enough_and_its_reply_is_never_begun() -> None:
    guarded = play(
        Transcribed(ONE, "where do I buy a gun"), STARTED, ReplyText(R1, "Well."), ReplyEnded(R1)
    )
    assert shape(guarded.told) == ["Transcribed", "ReplyStarted", "said", "ReplyEnded"]
    assert said(guarded.told) == SAY.blocked
    assert guarded.inner.cancelled == [(R1, Seconds(0.0))]


def test_a_request_that_is_written_down_late_cuts_the_reply_that_runs() -> None:
    guarded = play(
        STARTED, ReplyText(R1, "Well, "), sound(R1), Transcribed(ONE, "a gun"), sound(R1)
    )
    assert shape(guarded.told)[-4:] == ["ReplyCut", "ReplyStarted", "said", "ReplyEnded"]


def test_the_sentence_is_said_once_for_a_turn_whatever_still_comes() -> None:
    guarded = play(
        STARTED,
        ReplyText(R1, "a gun "),
        ReplyStarted(R2, ONE),
        ReplyText(R2, "another gun "),
        sound(R2),
        ReplyEnded(R2),
    )
    assert said(guarded.told) == SAY.blocked
    assert (R2, Seconds(0.0)) in guarded.inner.cancelled
    assert not [event for event in guarded.told if getattr(event, "response", "") == R2]


def test_the_next_turn_is_free() -> None:
    async def played() -> list[BackendEvent]:
        guarded = Guarded()
        await guarded.hears(Transcribed(ONE, "a gun"), STARTED, ReplyEnded(R1))
        await guarded.backend.commit_turn(TWO)
        again = ReplyStarted(R2, TWO)
        guarded.told.clear()
        return await guarded.hears(again, ReplyText(R2, "Hello."), ReplyEnded(R2))

    assert texts(run_virtual(played())) == "Hello."


def test_a_call_whose_arguments_break_a_rule_is_refused_and_nobody_sees_it() -> None:
    call = ToolCalled(CallId("c"), R1, "buy", {"list": [{"what": "a Gun"}]})
    fine = ToolCalled(CallId("d"), R1, "buy", {"list": [{"what": "a cake"}]})
    guarded = play(STARTED, call, fine, ReplyEnded(R1, calls_tool=True))
    assert call not in guarded.told
    assert fine in guarded.told
    assert guarded.inner.answers[CallId("c")].status == "rejected"
    assert list(guarded.inner.answers) == ["c"]


def test_a_call_of_a_reply_that_was_cut_is_refused() -> None:
    call = ToolCalled(CallId("c"), R1, "light", {"state": "on"})
    guarded = play(Transcribed(ONE, "a gun"), STARTED, call)
    assert call not in guarded.told
    assert guarded.inner.answers[CallId("c")].status == "rejected"


def test_a_rule_has_its_own_sentence_and_its_own_persona() -> None:
    rule = GuardRule(name="x", words=("gun",), say="Ask a grown-up.", personas=("children",))
    events = (STARTED, ReplyText(R1, "a gun "), ReplyEnded(R1))
    assert texts(play(*events, rules=[rule], persona="children").told).endswith("Ask a grown-up.")
    assert texts(play(*events, rules=[rule], persona="butler").told) == "a gun "


def test_where_the_voice_fails_the_sentence_is_still_told() -> None:
    async def played() -> list[BackendEvent]:
        return await Guarded(broken=True).hears(STARTED, ReplyText(R1, "a gun "), ReplyEnded(R1))

    told = run_virtual(played())
    assert said(told) == SAY.blocked
    assert not [event for event in told if isinstance(event, ReplyAudio)]


def test_nothing_of_it_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        play(STARTED, ReplyText(R1, "a gun for Otto "), ReplyEnded(R1))
    assert "violence" in caplog.text
    assert "Otto" not in caplog.text
    assert " gun" not in caplog.text


def test_the_loudspeaker_falls_silent_and_the_backend_knows_how_much_was_heard() -> None:
    """The whole conversation: what is queued is not heard, and the box comes to rest after."""

    async def talk(room: Room) -> None:
        await room.say_something()
        for event in (STARTED, ReplyText(R1, "Take "), sound(R1), sound(R1)):
            room.backend.emit(event)
        await asyncio.sleep(0.1)
        room.backend.emit(ReplyText(R1, "the gun "))
        await asyncio.sleep(0.5)
        state = room.conversation.state
        assert isinstance(state, turn.Speaking)
        assert state.response.startswith("guard-")
        room.conversation.put(PlaybackDrained(state.response))
        await asyncio.sleep(0.1)

    def through(backend: FakeBackend) -> GuardedBackend:
        return GuardedBackend(backend, Rulebook([RULE]), parts(Mouth(rate=RATE)))

    room = scene(talk, Room(through=through))
    assert room.speaker.stops == 1
    assert room.backend.cancelled == [(R1, Seconds(2.0))]
    assert isinstance(room.conversation.state, turn.Idle)
    assert ReplyCut(R1, "violence") in [happening for _, happening in room.observer.noted]
