"""Whole conversations with everything real but the sound card, the models and the house.

The turn machine, the conversation, the failover and the realtime client are the product's, put
together as ``appliance.app.backends`` does; the realtime server is the scripted one on a real
socket; the on-device backend is the real one with played models. All in virtual time.

Every frame is noise of its own, and so is every reply, so that what arrives anywhere can be told
from everything else: see ``Sounds``.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from appliance import turn
from appliance.backend.choice import Choice
from appliance.backend.context import Handover
from appliance.backend.failover import Failover
from appliance.backend.kinds.realtime import realtime_session
from appliance.backend.local import phrases
from appliance.backend.local.pipeline import LocalBackend, Parts
from appliance.backend.local.understand.types import Call, Past, Understanding
from appliance.backend.roster import Patience
from appliance.backend.socket.client import SocketSession
from appliance.catalogue import ToolSpec
from appliance.config import Config
from appliance.conversation import Box, Conversation
from appliance.events import (
    PlaybackDrained,
    ReplyStarted,
    SpeechPaused,
    ToolCalled,
    TurnEvent,
)
from appliance.frames import FRAME_SAMPLES, Frame
from appliance.ports import Cue, ToolResult
from appliance.units import CallId, ResponseId, SampleIndex, SampleRate, Seconds, TurnNumber
from tests.fakes import FakeEar, FakeObserver, LoopClock
from tests.on_device import Mouth
from tests.realtime_server.session import APPEND, Session
from tests.sessions import FakePurse

Samples = NDArray[np.int16]

REFUSED = 25_000
"""The level of what is heard while the microphone is closed: it must be found nowhere."""

LOUD = 1_500
"""More than any quiet sample."""

NEAR = 40
"""How far two ways of resampling the same may be apart; it is dithered."""

MARKED = 2_000
"""Bytes of sound that are unlike all others."""

ACT = ToolSpec("act", "Does what is asked.", {"type": "object"})
SAY = phrases.load("en")


@dataclass
class Sounds:
    """All that was ever heard, turn by turn."""

    heard: dict[TurnNumber, list[Frame]] = field(default_factory=dict)
    committed: set[TurnNumber] = field(default_factory=set)
    pauses: set[tuple[TurnNumber, int]] = field(default_factory=set)
    """After how many frames of which turn the end was expected."""

    cleared_at: dict[TurnNumber, float] = field(default_factory=dict)
    """When a turn was taken back before it was over."""

    _at_24: dict[TurnNumber, tuple[int, Samples]] = field(default_factory=dict)
    position: int = 0

    def next_frame(self, number: TurnNumber | None, *, quiet: bool = False) -> Frame:
        """Return the next 10 ms, of this turn or of none."""
        at = SampleIndex(self.position)
        self.position += FRAME_SAMPLES
        if number is None:
            return Frame(np.full(FRAME_SAMPLES, REFUSED, np.int16), at)
        noise = np.random.default_rng(self.position).normal(
            0, 60 if quiet else 2_500, FRAME_SAMPLES
        )
        frame = Frame(noise.clip(-12_000, 12_000).astype(np.int16), at)
        self.heard.setdefault(number, []).append(frame)
        return frame

    def at_24(self, number: TurnNumber) -> Samples:
        """Return a turn as a realtime server should get it."""
        frames = self.heard[number]
        known = self._at_24.get(number)
        if known is None or known[0] != len(frames):
            whole = np.concatenate([frame.samples for frame in frames])
            known = len(frames), soxr.resample(whole, 16_000, 24_000, quality="MQ")
            self._at_24[number] = known
        return known[1]

    def whole(self, pcm: bytes) -> TurnNumber | None:
        """Return the committed turn that a sound at 24 kHz is."""
        found = self.part(pcm)
        same = found is not None and len(self.at_24(found)) == len(pcm) // 2
        return found if same and found in self.committed else None

    def part(self, pcm: bytes) -> TurnNumber | None:
        """Return the turn with which a sound at 24 kHz begins as this does."""
        sound = np.frombuffer(pcm, np.int16).astype(np.int32)
        for number in reversed(self.heard):
            turn = self.at_24(number)[: len(sound)]
            same = len(turn) == len(sound) and _near(turn, sound)
            if same:
                return number
        return None

    def find(self, pcm: bytes) -> "Piece | None":
        """Return which piece of which turn a sound at 24 kHz is; nothing loud: of none."""
        sound = np.frombuffer(pcm, np.int16).astype(np.int32)
        loud = np.flatnonzero(np.abs(sound) > LOUD)
        for number in reversed(self.heard) if len(loud) else ():
            turn = self.at_24(number).astype(np.int32)
            at = np.arange(max(0, len(turn) - len(sound) + 1)) + loud[0]
            for step in range(min(48, len(sound) - int(loud[0]))):
                at = at[np.abs(turn[at + step] - sound[loud[0] + step]) < NEAR]
            for begin in at - loud[0]:
                if _near(turn[begin : begin + len(sound)], sound):
                    return Piece(number, int(begin), int(begin) + len(sound))
        return None

    def misses(self, number: TurnNumber, pieces: Sequence["Piece"]) -> bool:
        """Whether something loud of a turn is in none of the pieces."""
        turn = np.abs(self.at_24(number).astype(np.int32))
        for piece in pieces:
            turn[piece.begin : piece.end] = 0
        return bool(turn.max(initial=0) > LOUD)


@dataclass(frozen=True)
class Piece:
    """A part of a turn, in samples at 24 kHz."""

    turn: TurnNumber
    begin: int
    end: int


def _near(one: NDArray[Any], other: NDArray[np.int32]) -> bool:
    settled = max(0, len(other) - 480)  # the end of what goes on is not the end of what does not
    return not settled or int(np.abs(one.astype(np.int32) - other)[:settled].max()) < NEAR


class Tapped(Failover):
    """Writes down what the conversation asks of it."""

    room: "ChaosRoom"

    async def commit_turn(self, turn: TurnNumber, *, as_expected: bool = False) -> None:
        self.room.sounds.committed.add(turn)
        await super().commit_turn(turn, as_expected=as_expected)

    async def cancel_reply(self, response: ResponseId, *, heard: Seconds) -> None:
        self.room.check_heard(response, heard)
        await super().cancel_reply(response, heard=heard)

    async def answer_call(self, call: CallId, result: ToolResult) -> None:
        self.room.answered[call] += 1
        await super().answer_call(call, result)


@dataclass
class Loudspeaker:
    """Plays in virtual time, one reply behind the other, each with its own ledger."""

    put: Any = None
    played: dict[ResponseId, bytearray] = field(default_factory=dict)
    """What was given to it."""

    heard_to: dict[ResponseId, float] = field(default_factory=dict)
    """How much of what was stopped came out."""

    stopped: set[ResponseId] = field(default_factory=set)
    _until: float = 0.0
    _queue: list[tuple[ResponseId, float, float]] = field(default_factory=list)
    _timers: list[asyncio.TimerHandle] = field(default_factory=list)

    def play(self, response: ResponseId, pcm: bytes, rate: SampleRate) -> None:
        assert response not in self.stopped, "what was silenced is played on"
        self.played.setdefault(response, bytearray()).extend(pcm)
        begin = max(asyncio.get_running_loop().time(), self._until)
        self._until = begin + len(pcm) / 2 / rate
        self._queue.append((response, begin, self._until))

    def finish(self, response: ResponseId) -> None:
        loop = asyncio.get_running_loop()
        when = max(self._until, loop.time())
        self._timers.append(loop.call_at(when, self._drained, response))

    def _drained(self, response: ResponseId) -> None:
        self._queue = [piece for piece in self._queue if piece[0] != response]
        self.put(PlaybackDrained(response))

    def heard(self, response: ResponseId) -> Seconds:
        now = asyncio.get_running_loop().time()
        pieces = [piece for piece in self._queue if piece[0] == response]
        return Seconds(sum(max(0.0, min(now, end) - begin) for _, begin, end in pieces))

    def stop(self) -> Seconds:
        self.stopped.update(piece[0] for piece in self._queue)
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._queue.clear()
        self._until = asyncio.get_running_loop().time()
        return Seconds(0.0)


@dataclass
class Lights:
    """Remembers in which turn which sign was shown."""

    room: Any = None
    shown: list[tuple[float, TurnNumber, Cue]] = field(default_factory=list)

    def show(self, cue: Cue) -> None:
        now = asyncio.get_running_loop().time()
        self.shown.append((now, self.room.conversation.state.turn, cue))

    def failed(self, number: TurnNumber) -> bool:
        """Whether a turn was said to have failed."""
        return any(turn == number and cue is Cue.FAILED for _, turn, cue in self.shown)


@dataclass
class Actions:
    """Runs calls, each in the time that the story says."""

    takes: Sequence[float]
    ran: list[tuple[object, object]] = field(default_factory=list)
    silenced: set[ResponseId] = field(default_factory=set)

    def catalogue(self) -> Sequence[ToolSpec]:
        return (ACT,)

    async def run(self, call: ToolCalled) -> ToolResult:
        assert call.tool == "act", "nobody asked for that"
        assert call.response not in self.silenced, "a call of a reply that was silenced"
        self.ran.append((call.arguments.get("turn"), call.arguments.get("n")))
        await asyncio.sleep(self.takes[len(self.ran) % len(self.takes)])
        return ToolResult("done", "It is done.")


@dataclass
class Ears:
    """Hears the number of the turn in its sound."""

    sounds: Sounds
    problems: list[str] = field(default_factory=list)

    def transcribe(self, samples: Samples) -> str:
        count = len(samples) // FRAME_SAMPLES
        for number, frames in self.sounds.heard.items():
            complete = len(frames) == count or (number, count) in self.sounds.pauses
            if complete and np.array_equal(
                np.concatenate([frame.samples for frame in frames[:count]]), samples
            ):
                return f"turn {number}"
        self.problems.append("sound lost, doubled or out of order on the device")
        return "turn 0"


@dataclass
class Mind:
    """Calls what the story says."""

    calls: Sequence[int]

    def understand(self, text: str, catalogue: Sequence[ToolSpec]) -> Understanding:
        del catalogue
        number = int(text.removeprefix("turn "))
        count = self.calls[number % len(self.calls)]
        if not count:
            return Understanding("none", say="I did not understand.")
        wanted = [Call("act", {"turn": number, "n": n}) for n in range(count)]
        return Understanding("sentences", tuple(wanted))

    def remember(self, past: Sequence[Past], catalogue: Sequence[ToolSpec]) -> None:
        del past, catalogue


class ChaosRoom:
    """One box.

    Args:
        config: With a realtime backend.
        calls: How many tools a turn calls, by its number.
        takes: How long they take.
        timing: Of the turn machine.
    """

    def __init__(
        self, config: Config, *, calls: Sequence[int], takes: Sequence[float], timing: turn.Timing
    ) -> None:
        self.sounds = Sounds()
        self.ear = FakeEar(through=True)
        self.speaker = Loudspeaker()
        self.lights = Lights(self)
        self.observer = FakeObserver()
        self.tools = Actions(takes)
        self.answered: Counter[CallId] = Counter()
        self.purse = FakePurse()
        self.taken_back: set[TurnNumber] = set()
        self.opened: list[str] = []
        box = Box(self.ear, self.speaker, self.lights, LoopClock(), self.observer)
        self.conversation = Conversation(box, tools=self.tools, timing=timing)
        self.speaker.put = self.conversation.put
        self._config = config
        self.ears = Ears(self.sounds)
        self._parts = Parts(self.ears, Mind(calls), Mouth(), SAY, trim=lambda sound: sound)
        backend = config.backend
        self.failover = Tapped(
            {"realtime": self._open_realtime, "local": self._open_local},
            Choice(("realtime", "local"), frozenset({"realtime"})),
            patience=Patience(
                try_for=Seconds(2 * backend.connect_s + backend.stall_s),
                idle_close=Seconds(20.0),
                recycle=Seconds(60.0),
            ),
            clock=LoopClock(),
            purse=self.purse,
            jitter=lambda: 0.5,
        )
        self.failover.room = self

    def _open_realtime(self, handover: Handover) -> SocketSession:
        self.opened.append("realtime")
        return realtime_session(self._config, self.tools.catalogue, handover)

    def _open_local(self, handover: Handover) -> LocalBackend:
        self.opened.append("local")
        return LocalBackend(self._parts, self.tools.catalogue, handover=handover)

    def check_heard(self, response: ResponseId, heard: Seconds) -> None:
        """Take note that a reply is not wanted any more."""
        assert heard >= 0.0
        self.tools.silenced.add(response)

    # What people do.

    def hear(self, *, quiet: bool = False) -> None:
        """Let 10 ms pass; they belong to the turn if the microphone is open."""
        state = self.conversation.state
        number = state.turn if isinstance(state, turn.Listening) else None
        self.conversation.hear(self.sounds.next_frame(number, quiet=quiet), ())
        self.ear.at = SampleIndex(self.sounds.position)

    def put(self, event: TurnEvent) -> None:
        """Let somebody do something; what it broke off is not owed any more."""
        before = self.conversation.state
        self.conversation.put(event)
        after = self.conversation.state
        rests = isinstance(after, turn.Idle | turn.Muted)
        owed = isinstance(before, turn.Waiting | turn.Speaking)
        if owed and (rests or after.turn != before.turn):
            self.taken_back.add(before.turn)
        same = isinstance(after, turn.Listening | turn.Waiting) and after.turn == before.turn
        if isinstance(before, turn.Listening) and not same:
            self.sounds.cleared_at[before.turn] = asyncio.get_running_loop().time()
        if isinstance(event, SpeechPaused) and isinstance(after, turn.Listening):
            self.sounds.pauses.add((after.turn, len(self.sounds.heard.get(after.turn, ()))))

    # What must be so.

    def voices(self) -> dict[TurnNumber, list[ResponseId]]:
        """Return the replies to each turn of which something was played."""
        found: dict[TurnNumber, list[ResponseId]] = {}
        for _, event in self.observer.noted:
            if isinstance(event, ReplyStarted) and self.speaker.played.get(event.response):
                found.setdefault(event.turn, []).append(event.response)
        return found

    def check_turns(self) -> None:
        """No turn ends in silence without a sign."""
        voices = self.voices()
        for number in self.sounds.committed - self.taken_back:
            after = TurnNumber(number + 1)  # a late reply may be told at once instead
            told = voices.get(number) or (after not in self.sounds.heard and voices.get(after))
            assert told or self.lights.failed(number), f"turn {number}: silence"

    def check_calls(self) -> None:
        """What is asked for is done at most once, and every call has its one answer."""
        assert not self.ears.problems, self.ears.problems
        assert len(set(self.tools.ran)) == len(self.tools.ran), "an action ran twice"
        published = [e.call for _, e in self.observer.noted if isinstance(e, ToolCalled)]
        assert len(set(published)) == len(published)
        assert self.answered == Counter(published), "a call without its one answer"

    def check_server(self, session: Session, *, prompt: bool) -> None:
        """What a server got are whole turns, once each, and beginnings of others.

        Args:
            session: Its side.
            prompt: It took at once what came.
        """
        got: list[TurnNumber] = []
        for pcm in session.turns:
            number = self.sounds.whole(pcm)
            assert number is not None, "a turn is not as it was said"
            got.append(number)
        assert len(set(got)) == len(got), "a turn was told twice"
        begin = end = 0
        last = 0.0
        for event, at in zip(session.received, session.received_at, strict=True):
            match event["type"]:
                case kind if kind == APPEND:
                    end += event["bytes"]
                    last = at
                case "input_audio_buffer.commit" | "input_audio_buffer.clear":
                    self._check_part(bytes(session.pcm[begin:end]), last if prompt else 0.0)
                    begin = end
                case _:
                    pass
        self._check_part(bytes(session.pcm[begin:]), last if prompt else 0.0)

    def check_listening_server(self, session: Session, asked: set[TurnNumber]) -> None:
        """What a server that finds the ends itself took are pieces of turns, each once."""
        taken: dict[TurnNumber, list[Piece]] = {}
        for pcm in session.turns:
            piece = self.sounds.find(pcm)
            loud = np.abs(np.frombuffer(pcm, np.int16)).max(initial=0) > LOUD
            assert piece is not None or not loud, "a turn is not as it was said"
            if piece is not None:
                taken.setdefault(piece.turn, []).append(piece)
        for number, pieces in taken.items():
            pieces.sort(key=lambda piece: piece.begin)
            apart = all(one.end <= two.begin for one, two in pairwise(pieces))
            assert apart, "a turn was told twice"
            if number in asked & self.sounds.committed - self.taken_back:
                assert not self.sounds.misses(number, pieces), "something of a turn is missing"
        assert np.abs(np.frombuffer(session.pcm, np.int16)).max(initial=0) < REFUSED - 5_000

    def _check_part(self, pcm: bytes, until: float) -> None:
        loud = np.frombuffer(pcm, np.int16)
        assert not len(loud) or np.abs(loud[240:-240].astype(np.int32)).max(initial=0) < REFUSED
        if len(pcm) > MARKED:
            number = self.sounds.part(pcm)
            assert number is not None, "sound that belongs to no turn"
            cleared = self.sounds.cleared_at.get(number, until)
            assert until <= cleared + 0.01, "sound of a turn that was taken back left later"
