"""Hypothesis plays the house: every rule at the head of ``turn/machine.py``."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from appliance import turn
from appliance.events import (
    BackendLost,
    ButtonPressed,
    DeadlineReached,
    MuteSwitched,
    PlaybackDrained,
    PlaybackStarted,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    SpeechEnded,
    SpeechPaused,
    SpeechStarted,
    StopAsked,
    ToolCalled,
    TurnEvent,
    WakeWordHeard,
)
from appliance.units import CallId, ResponseId, SampleIndex, SampleRate, Seconds, TurnNumber

RATE = SampleRate(22_050)
ANYWHERE = SampleIndex(16_000)


class House(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.timing = turn.Timing()
        self.state: turn.State = turn.START
        self.now = 0.0
        self.mic_open = False
        self.committed: list[TurnNumber] = []
        self.replies: dict[ResponseId, TurnNumber] = {}
        self.calls = 0

    @rule(interrupts=st.booleans(), follow_up=st.sampled_from([0.0, 4.0]))
    @precondition(lambda self: self.state == turn.START)
    def set_up(self, interrupts: bool, follow_up: float) -> None:  # noqa: FBT001
        self.timing = turn.Timing(speech_interrupts=interrupts, follow_up=Seconds(follow_up))

    @rule(seconds=st.floats(0.0, 3.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self._keep_deadline()

    @rule()
    def nothing_happens_for_long(self) -> None:
        for _ in range(8):  # no chain of patience is longer
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
                StopAsked(),
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

    @rule(late=st.booleans())
    @precondition(lambda self: self.committed)
    def backend_starts_a_reply(self, late: bool) -> None:  # noqa: FBT001
        number = self.committed[0] if late else self.committed[-1]
        response = ResponseId(f"reply-{len(self.replies)}")
        self.replies[response] = number
        self.happens(ReplyStarted(response, number))

    @rule(late=st.booleans(), kind=st.sampled_from(["audio", "end", "tool", "started", "drained"]))
    @precondition(lambda self: self.replies)
    def reply_goes_on(self, late: bool, kind: str) -> None:  # noqa: FBT001
        response = list(self.replies)[0 if late else -1]
        match kind:
            case "audio":
                self.happens(ReplyAudio(response, b"..", RATE))
            case "end":
                self.happens(ReplyEnded(response))
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
        now = Seconds(self.now)
        taken = turn.step(before, event, now=now, timing=self.timing)
        self.state = taken.state
        for effect in taken.effects:
            self._check(effect, before)
        if isinstance(taken.state, turn.Speaking) and not isinstance(before, turn.Speaking):
            assert self.replies[taken.state.response] == taken.state.turn == before.turn
        return taken.effects

    def _check(self, effect: turn.Effect, before: turn.State) -> None:
        match effect:
            case turn.Listen():
                self.mic_open = True
            case turn.Rest() | turn.Watch():
                self.mic_open = False
            case turn.ExpectEnd():
                assert isinstance(before, turn.Listening)
            case turn.CommitTurn(turn=number):
                assert isinstance(before, turn.Listening)
                assert before.speech_heard
                assert number not in self.committed
                self.committed.append(number)
            case turn.Play(response=response) | turn.Finish(response=response):
                assert isinstance(before, turn.Speaking)
                assert before.response == response
                assert self.replies[response] == self.state.turn
            case turn.RunTool(call=call):
                assert isinstance(before, turn.Speaking)
                assert call.response == before.response
            case _:
                pass

    @invariant()
    def mic_is_open_only_while_listening(self) -> None:
        assert self.mic_open == isinstance(self.state, turn.Listening)

    @invariant()
    def it_always_comes_home(self) -> None:
        at_home = isinstance(self.state, turn.Idle | turn.Muted)
        assert (turn.deadline(self.state) is None) == at_home


TestTurnMachine = House.TestCase
