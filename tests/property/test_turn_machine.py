"""Hypothesis plays the house: every rule at the head of ``turn/machine.py``."""

from typing import Literal

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from appliance import turn
from appliance.events import (
    BackendChanged,
    BackendLost,
    ButtonPressed,
    DeadlineReached,
    EndOfTurnFound,
    ListenAsked,
    MuteSwitched,
    PlaybackDrained,
    PlaybackStarted,
    ReplyAudio,
    ReplyCut,
    ReplyEnded,
    ReplyOffered,
    ReplyStarted,
    SpeechEnded,
    SpeechPaused,
    SpeechStarted,
    StopAsked,
    TextAsked,
    ToolCalled,
    TurnEvent,
    WakeWordHeard,
)
from appliance.units import CallId, ResponseId, SampleIndex, SampleRate, Seconds, TurnNumber

RATE = SampleRate(22_050)
CALLS = (WakeWordHeard, ButtonPressed, ListenAsked)
ANYWHERE = SampleIndex(16_000)


class House(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.timing = turn.Timing()
        self.state: turn.State = turn.START
        self.now = 0.0
        self.mic_open = False
        self.hears_through = True
        self.backend_ends_turns = False
        self.begun: list[TurnNumber] = []
        """Turns that were committed or taken, in order."""

        self.offers = 0
        self.uncalled = 0
        """Turns begun since somebody called."""

        self.broken_off = 0
        """Replies that speech broke off since one was heard to its end, or somebody called."""

        self.replies: dict[ResponseId, TurnNumber] = {}
        self.calls = 0
        self.written = False
        """Somebody wrote, and nobody has called since."""

    @rule(
        barge_in=st.sampled_from(["auto", "wake_word", "speech"]),
        follow_up=st.sampled_from([0.0, 4.0]),
        most_turns=st.integers(1, 5),
        most_broken_off=st.integers(1, 3),
    )
    @precondition(lambda self: self.state == turn.START)
    def set_up(
        self,
        barge_in: Literal["auto", "wake_word", "speech"],
        follow_up: float,
        most_turns: int,
        most_broken_off: int,
    ) -> None:
        self.timing = turn.Timing(
            barge_in=barge_in,
            follow_up=Seconds(follow_up),
            most_turns=most_turns,
            most_broken_off=most_broken_off,
        )

    @rule(hears_through=st.booleans())
    def canceller_converges_or_diverges(self, hears_through: bool) -> None:  # noqa: FBT001
        self.hears_through = hears_through

    @rule(ends_turns=st.booleans(), told=st.booleans())
    def another_backend_serves(self, ends_turns: bool, told: bool) -> None:  # noqa: FBT001
        self.backend_ends_turns = ends_turns
        if told:  # news may come late, or never
            self.happens(BackendChanged("local", "backend.stalled"))
            if not ends_turns and isinstance(self.state, turn.Listening):
                assert self.state.end_by is None

    @rule(seconds=st.floats(0.0, 3.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self._keep_deadline()

    @rule()
    def nothing_happens_for_long(self) -> None:
        for _ in range(10):  # no chain of patience is longer
            if (when := turn.deadline(self.state)) is None:
                break
            self.now = max(self.now, when)
            self.happens(DeadlineReached())
        assert isinstance(self.state, turn.Idle | turn.Muted)

    @rule()
    def somebody_asks_a_whole_question(self) -> None:
        """Chance alone would seldom get past ``Listening``."""
        self.happens(WakeWordHeard("computer", 0.9, ANYWHERE))
        self.happens(SpeechStarted(ANYWHERE))
        self.happens(SpeechEnded(ANYWHERE))

    @rule(edge=st.sampled_from([SpeechStarted, SpeechPaused, SpeechEnded]))
    def speech_edge(self, edge: type[SpeechStarted | SpeechPaused | SpeechEnded]) -> None:
        self.happens(edge(ANYWHERE))

    @rule(
        event=st.sampled_from(
            [
                WakeWordHeard("computer", 0.9, ANYWHERE),
                ButtonPressed(),
                ListenAsked(),
                TextAsked("what is the time"),
                StopAsked(),
                EndOfTurnFound(),
                BackendLost("gone"),
                MuteSwitched(muted=False),
            ]
        )
    )
    def somebody_does_something(self, event: TurnEvent) -> None:
        self.happens(event)

    @rule()
    def somebody_mutes(self) -> None:
        self.happens(MuteSwitched(muted=True))
        assert isinstance(self.state, turn.Muted)

    @rule()
    def a_guardrail_cuts_the_reply(self) -> None:
        """Of the reply that is spoken; it falls silent, and its place is free for the rest."""
        before = self.state
        if isinstance(before, turn.Speaking):
            effects = self.happens(ReplyCut(before.response, "a rule"))
            assert turn.Interrupt(before.response) in effects
            assert isinstance(self.state, turn.Waiting)
            assert self.state.turn == before.turn
        self.happens(ReplyCut(ResponseId("of nobody"), "a rule"))

    @rule()
    def tool_answers_late(self) -> None:
        self.offers += 1
        before = self.state
        effects = self.happens(ReplyOffered())
        if any(isinstance(effect, turn.TakeReply) for effect in effects):
            match before:
                case turn.Idle():
                    pass
                case turn.Listening():
                    assert before.follow_up
                    assert not before.speech_heard
                case _:
                    raise AssertionError(before)

    @rule(times=st.integers(1, 8), talked_over=st.sampled_from(["never", "once", "always"]))
    def something_in_the_room_answers_every_reply(self, times: int, talked_over: str) -> None:
        """A television, or the box's own echo; chance alone would seldom get so far."""
        for time in range(times):
            if isinstance(self.state, turn.Listening):
                self.happens(SpeechStarted(ANYWHERE))
                self.happens(SpeechEnded(ANYWHERE))
                self.happens(EndOfTurnFound())
            if isinstance(self.state, turn.Waiting):
                response = ResponseId(f"reply-{len(self.replies)}")
                self.replies[response] = self.state.turn
                self.happens(ReplyStarted(response, self.state.turn))
                self.happens(ReplyAudio(response, b"..", RATE))
            if talked_over == "always" or (talked_over == "once" and time == 0):
                self.happens(SpeechStarted(ANYWHERE))
            if isinstance(self.state, turn.Speaking):
                response = self.state.response
                self.happens(ReplyEnded(response))
                self.happens(PlaybackDrained(response))
                assert not isinstance(self.state, turn.Speaking)

    @rule(late=st.booleans())
    @precondition(lambda self: self.begun)
    def backend_starts_a_reply(self, late: bool) -> None:  # noqa: FBT001
        number = self.begun[0] if late else self.begun[-1]
        response = ResponseId(f"reply-{len(self.replies)}")
        self.replies[response] = number
        self.happens(ReplyStarted(response, number))

    @rule(
        late=st.booleans(),
        kind=st.sampled_from(["audio", "end", "failover", "tool", "started", "drained"]),
    )
    @precondition(lambda self: self.replies)
    def reply_goes_on(self, late: bool, kind: str) -> None:  # noqa: FBT001
        response = list(self.replies)[0 if late else -1]
        match kind:
            case "audio":
                self.happens(ReplyAudio(response, b"..", RATE))
            case "end":
                self.happens(ReplyEnded(response))
            case "failover":
                self.happens(ReplyEnded(response, calls_tool=True))
            case "tool":
                self.calls += 1
                call = ToolCalled(CallId(f"call-{self.calls}"), response, "tool", {})
                effects = self.happens(call)
                dealt_with = [e for e in effects if isinstance(e, turn.RunTool | turn.DropTool)]
                assert [e.call for e in dealt_with] == [call]
            case "started":
                self.happens(PlaybackStarted(response))
            case _:
                self.happens(PlaybackDrained(response))

    def _keep_deadline(self) -> None:
        when = turn.deadline(self.state)
        if when is not None and when <= self.now:
            self.happens(DeadlineReached())

    def happens(self, event: TurnEvent) -> tuple[turn.Effect, ...]:
        before = self.state
        moment = turn.Moment(
            Seconds(self.now),
            self.timing,
            hears_through=self.hears_through,
            backend_ends_turns=self.backend_ends_turns,
        )
        taken = turn.step(before, event, moment)
        self.state = taken.state
        written = isinstance(event, TextAsked) and isinstance(before, turn.Idle)
        if isinstance(event, CALLS) or written:
            self.uncalled = self.broken_off = 0
        self.written = written or (self.written and not isinstance(event, CALLS))
        if isinstance(before, turn.Speaking):
            self._count_the_broken_off(event, before)
        if isinstance(event, StopAsked | BackendLost):
            self.offers = 0
        for effect in taken.effects:
            self._check(effect, before, event)
        if isinstance(taken.state, turn.Speaking) and not isinstance(before, turn.Speaking):
            assert self.replies[taken.state.response] == taken.state.turn == before.turn
        return taken.effects

    def _check(self, effect: turn.Effect, before: turn.State, event: TurnEvent) -> None:
        match effect:
            case turn.Rest() | turn.Watch():
                self.mic_open = False
            case turn.ExpectEnd():
                assert isinstance(before, turn.Listening)
            case turn.CommitTurn(turn=number):
                if isinstance(before, turn.Idle):
                    assert isinstance(event, TextAsked)
                    self._begin(number)
                    return
                assert isinstance(before, turn.Listening)
                unheard = isinstance(event, EndOfTurnFound) and not before.follow_up
                assert before.speech_heard or unheard
                self._begin(number)
            case turn.TakeReply(turn=number):
                assert self.offers > 0
                self.offers = 0  # newer offers replace older ones
                self._begin(number)
            case turn.Listen(since=since) if isinstance(before, turn.Speaking):
                called = isinstance(event, CALLS)
                assert called or not self.written
                assert called or self.uncalled < self.timing.most_turns
                assert called or self.broken_off <= self.timing.most_broken_off
                interrupted = since is not None and not called
                assert not interrupted or self.timing.barge_in != "wake_word"
                assert not interrupted or self.timing.barge_in == "speech" or self.hears_through
                self.mic_open = True
            case turn.Listen():
                self.mic_open = True
            case turn.Play(response=response) | turn.Finish(response=response):
                assert isinstance(before, turn.Speaking)
                assert before.response == response
                assert self.replies[response] == self.state.turn
            case turn.RunTool(call=call):
                assert isinstance(before, turn.Speaking)
                assert call.response == before.response
            case _:
                pass

    def _begin(self, number: TurnNumber) -> None:
        assert not self.begun or number > self.begun[-1]
        self.begun.append(number)
        self.uncalled += 1

    def _count_the_broken_off(self, event: TurnEvent, before: turn.Speaking) -> None:
        match event:
            case SpeechStarted() if isinstance(self.state, turn.Listening):
                self.broken_off += 1
            case PlaybackDrained() if not isinstance(self.state, turn.Speaking | turn.Waiting):
                if self.broken_off >= self.timing.most_broken_off:  # for good, until a call
                    assert isinstance(self.state, turn.Idle)
                elif before.sounding:
                    self.broken_off = 0
            case _:
                pass

    @invariant()
    def nobody_is_conversed_with_for_ever_without_a_call(self) -> None:
        assert self.uncalled <= self.timing.most_turns

    @invariant()
    def box_that_hears_itself_stops_listening_to_itself(self) -> None:
        assert self.broken_off <= self.timing.most_broken_off

    @invariant()
    def late_reply_that_is_remembered_was_offered(self) -> None:
        assert not self.state.past.offered or self.offers > 0

    @invariant()
    def late_reply_is_told_at_rest_at_the_latest(self) -> None:
        if isinstance(self.state, turn.Idle) and self.state.past.offered:
            assert self.state.past.turns >= self.timing.most_turns

    @invariant()
    def mic_is_open_only_while_listening(self) -> None:
        assert self.mic_open == isinstance(self.state, turn.Listening)

    @invariant()
    def mic_never_opens_for_what_was_written(self) -> None:
        assert not (self.written and self.mic_open)

    @invariant()
    def it_always_comes_home(self) -> None:
        at_home = isinstance(self.state, turn.Idle | turn.Muted)
        assert (turn.deadline(self.state) is None) == at_home


TestTurnMachine = House.TestCase
