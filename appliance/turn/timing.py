"""The patience of the turn machine, and the moment at which it takes a step."""

from dataclasses import dataclass
from typing import Literal, assert_never

from appliance.units import Seconds


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the machine waits, and what it lets happen."""

    first_word: Seconds = Seconds(5.0)
    """Silence after the wake word before we give up."""

    prompt: Seconds = Seconds(0.6)
    """Silence after the wake word before a short sound invites the request. Who speaks on without
    a pause is noticed within 0.3 s (wake word latency and ``speech.shortest_s``) and is never
    talked over by the sound."""

    longest_turn: Seconds = Seconds(31.0)
    """Guards against an endpointer that never ends a turn; it should do so a second earlier."""

    reply: Seconds = Seconds(12.0)
    """From the end of the user's turn to the first piece of the reply."""

    after_tools: Seconds = Seconds(14.5)
    """From the end of a reply that called tools to the first piece of the next: the patience with
    tools (2.5 s), after which the backend says that they still work, and then ``reply``."""

    backend_end: Seconds = Seconds(9.0)
    """From the end of the speech, as heard here, until a backend that finds the end of the turn
    itself must have done so. The slowest way of finding it takes 8 s (``semantic_vad`` with
    eagerness ``low``); a second is the network's."""

    stall: Seconds = Seconds(6.0)
    """Longest gap inside a reply before it is given up."""

    longest_reply: Seconds = Seconds(900.0)
    """From the last piece sent to the last piece played. A service sends faster than real time: of
    a long story all but the first seconds is still to be played when the last piece comes."""

    follow_up: Seconds = Seconds(4.0)
    """After a reply, how long the user may go on without the wake word; 0 turns it off."""

    pre_roll: Seconds = Seconds(0.2)
    """Sound from before a wake word's detection that belongs to the request. Measured 2026-11-21
    on 20 requests by six synthetic voices that went on without a pause, transcribed by Moonshine
    base: word for word right at a lead of 0.0 s 2, 0.1 s 6, 0.2 s 16, 0.3 s 9, 0.45 s 1, and
    never with the whole wake word in front ("Hey Jarvis, said the thermostat ...")."""

    button_lead: Seconds = Seconds(0.2)
    """People speak while they press."""

    barge_in_lead: Seconds = Seconds(0.3)
    """Sound before the first noticed speech: the onset of the first syllable."""

    wake_word_tail: Seconds = Seconds(2.0)
    """From a wake word until the silence after it can no longer be what a backend takes for the
    end of a turn: half a second of silence, a second to connect, and the network. Of a request
    that the device does not hear, the end hardly comes sooner."""

    echo_guard: Seconds = Seconds(0.3)
    """After a reply, how long the room rings with it and is not listened to."""

    barge_in: Literal["auto", "wake_word", "speech"] = "auto"
    """What interrupts a reply besides the wake word: speech never, always, or (``auto``) while the
    box hears through its own voice."""

    most_broken_off: int = 4
    """Replies in a row that speech may break off. People seldom cut in more than twice before they
    hear an answer out; a box that hears its own echo does it every time."""

    most_turns: int = 20
    """Turns in a row without a call. "Twenty questions" can be played to the end; a television
    that keeps up a conversation with the box costs at most so much."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a step is taken, and what is true of the world just then."""

    now: Seconds
    timing: Timing = Timing()
    hears_through: bool = False
    """The box's own voice is cancelled so well that speech is a person's."""

    backend_ends_turns: bool = False
    """The backend that serves finds the end of a turn itself."""

    def after(self, patience: Seconds) -> Seconds:
        """Return when so much time will have passed."""
        return Seconds(self.now + patience)

    @property
    def speech_is_a_persons(self) -> bool:
        """Whether speech heard during a reply, or right after, is not the reply itself."""
        match self.timing.barge_in:
            case "speech":
                return True
            case "auto" | "wake_word":
                return self.hears_through
            case barge_in:
                assert_never(barge_in)
