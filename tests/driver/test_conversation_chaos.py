"""Chaos: hundreds of conversations while the realtime server dies, freezes, crawls and lies.

Everything is real but the sound card, the models and the house (``tests.chaos``). Whatever
happens at whatever moment: no sound is lost, doubled or sent while the microphone is closed; an
action is carried out at most once, every call has its one answer, and none of a reply that was
silenced is carried out; the user is never left in silence without a sign; the box comes to rest,
leaves no task behind, and answers the next question.

One story again: ``pytest tests/driver/test_conversation_chaos.py -k "befalls and [17]"``; others:
``CHAOS_SEEDS=300:2000 pytest …``.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Literal

import numpy as np
import pytest
from pydantic import SecretStr

from appliance import turn
from appliance.backend.local import worker
from appliance.config import Config
from appliance.config.cloud import Realtime, TurnDetection
from appliance.events import (
    MuteSwitched,
    ReplyEnded,
    SpeechEnded,
    SpeechPaused,
    SpeechStarted,
    StopAsked,
    WakeWordHeard,
)
from appliance.units import ResponseId, SampleIndex, Seconds, TurnNumber
from tests.chaos import ChaosRoom
from tests.on_device import AtOnce
from tests.realtime_server import (
    KEY,
    Ask,
    Call,
    Manners,
    RealtimeServer,
    Refusal,
    Reply,
    Script,
    faults,
    serving,
)
from tests.realtime_server.script import Abort, Close, Raw, Send, Twist
from tests.realtime_server.session import GoneError
from tests.virtual_time import run_virtual

WORST_OUTAGE_S = 200.0
LONGEST_TURN_S = 120.0
"""No turn may keep the box from rest for so long."""

BUSY = "conversation_already_has_active_response"
PLACES = ["response.created", "response.output_item.added", faults.AUDIO, "response.done"]


def _seeds() -> range:
    first, _, last = os.environ.get("CHAOS_SEEDS", "0:300").partition(":")
    return range(int(first), int(last))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "ThreadPoolExecutor", AtOnce)


@dataclass(frozen=True)
class Accident:
    """What befalls the server, and how long after the beginning of an act."""

    kind: str
    after: float
    lasts: float | None
    """``None``: until the end of the story."""


@dataclass(frozen=True)
class Act:
    """One turn of the user, what becomes of it, and what happens meanwhile."""

    frames: int
    pause_at: int | None
    """A pause for thought after so many frames."""

    broken_off: str
    """What the user does before the answer is over; empty: nothing."""

    broken_off_after: float
    rest: float
    accidents: tuple[Accident, ...]


Detection = Literal["device", "server", "server answers"]
"""Who finds the end of a turn, and whether the server then answers by itself."""


@dataclass(frozen=True)
class Story:
    acts: tuple[Act, ...]
    calls: tuple[int, ...]
    takes: tuple[float, ...]
    spoken_calls: bool
    manners: Manners
    follow_up: float
    detection: Detection
    session_s: float | None
    twisted: float
    """The share of replies that are spoilt."""

    handshake_s: float


def some_twist(dice: Random) -> Twist:
    at = dice.choice(PLACES)
    make: list[Callable[[], Twist]] = [
        partial(faults.garbage, at),
        partial(faults.binary, at),
        partial(faults.unknown_types, at),
        partial(faults.stranger, at),
        partial(faults.shuffled, dice.randrange(100)),
        partial(faults.without, at),
        partial(faults.twice, at),
        faults.half_base64,
        faults.odd_bytes,
        partial(faults.error_without_done, count=dice.randint(1, 3)),
        partial(faults.abort, at=at, count=1),
        partial(faults.silence, at=at, count=1),
        partial(faults.stall, dice.choice([1.0, 3.0, 15.0]), at=at),
        partial(faults.close, dice.choice([1000, 1001, 1008, 1011, 4000]), at=at, count=1),
        partial(faults.fatal, "insufficient_quota", at=at),
    ]
    return dice.choice(make)()


def some_accident(dice: Random) -> Accident:
    kinds = ["kill", "freeze", "slow", "blink", "refuse", "busy", "close", "abort", "garbage"]
    kinds += ["kill", "freeze", "error", "quota"]
    lasts = dice.choice([None, 0.3, 1.0, 2.0, 6.0, 20.0])
    return Accident(
        dice.choice(kinds), dice.choice([dice.uniform(0, 1), dice.uniform(0, 6)]), lasts
    )


def some_act(dice: Random) -> Act:
    frames = dice.choice([20, 40, 90])
    broken_off = dice.choice([*[""] * 5, "speech", "speech", "wake", "stop", "mute", "never mind"])
    return Act(
        frames,
        dice.choice([None, None, frames // 2]),
        broken_off,
        dice.choice([0.0, 0.1, 0.5, 1.5, 3.0, 5.0]),
        dice.choice([0.0, 0.5, 2.0, 10.0, 30.0]),
        tuple(some_accident(dice) for _ in range(dice.choice([0, 0, 1, 1, 2]))),
    )


def some_story(seed: int, detection: Detection = "device") -> Story:
    dice = Random(seed)  # noqa: S311 - the same story every time
    manners = [Manners()] * 4
    manners += [Manners(late_deltas=4, cancelled_event=True), Manners(created_items=True)]
    manners += [Manners(cancel_s=0.8)] * 2
    return Story(
        tuple(some_act(dice) for _ in range(dice.randint(2, 5))),
        tuple(dice.choice([0, 0, 1, 1, 2]) for _ in range(5)),
        tuple(dice.choice([0.0, 0.3, 2.0, 8.0]) for _ in range(3)),
        dice.random() < 0.5,
        dice.choice(manners),
        dice.choice([0.0, 3.0]),
        detection,
        dice.choice([None, None, None, 4.0, 15.0]),
        dice.choice([0.0, 0.0, 0.2, 0.5]),
        dice.choice([0.05, 0.05, 1.2]),
    )


class Play:
    """One story, told once."""

    def __init__(self, story: Story, server: RealtimeServer, dice: Random) -> None:
        self.story = story
        self.server = server
        self.dice = dice
        self.healed = False
        self.dead = False
        self.reviving = asyncio.Lock()
        self.replies: list[tuple[bytes, bool]] = []  # what they sound like; whether untouched
        self.asked: set[TurnNumber] = set()
        detection = TurnDetection(
            kind="device" if self.by_device else "server_vad",
            create_response=story.detection == "server answers",
        )
        realtime = Realtime(url=server.url, api_key=SecretStr(KEY), turn_detection=detection)
        timing = turn.Timing(follow_up=Seconds(story.follow_up), barge_in="speech")
        self.room = ChaosRoom(
            Config(realtime=realtime), calls=story.calls, takes=story.takes, timing=timing
        )
        self.group: asyncio.TaskGroup

    @property
    def by_device(self) -> bool:
        return self.story.detection == "device"

    # The server.

    def script(self, refusal: Refusal | None = None) -> Script:
        story = self.story
        return Script(
            otherwise=self.reply,
            manners=story.manners,
            refusal=refusal,
            session_s=None if self.healed else story.session_s,
            handshake_s=0.05 if self.healed else self.story.handshake_s,
            transcript_s=0.4,
        )

    def reply(self, ask: Ask) -> Reply:
        sounds, room = self.room.sounds, self.room
        said = self.said(ask.pcm)
        metadata = ask.response.get("metadata")
        if metadata is None:
            assert self.story.detection == "server answers"
            number = said or TurnNumber(0)
        else:
            number = TurnNumber(int(metadata["turn"]))
        self.asked.add(number)
        acted = any(turn == number for turn, _ in room.tools.ran)
        assert said == number or acted or number not in sounds.committed, "not what was said"
        spoken = not self.story.spoken_calls
        calls: tuple[Call, ...] = ()
        if said == number and not ask.outputs and ask.response.get("tool_choice") != "none":
            count = self.story.calls[number % len(self.story.calls)]
            arguments = [json.dumps({"turn": number, "n": n}) for n in range(count)]
            calls = tuple(Call("act", text) for text in arguments)
        twisted = not self.healed and self.dice.random() < self.story.twisted
        twists = (some_twist(self.dice),) if twisted else ()
        length = self.dice.choice([0.3, 1.0, 2.5])
        noise = np.random.default_rng(len(self.replies)).integers(
            -9_000, 9_000, int(length * 24e3)
        )
        pcm = b"" if calls and not spoken else noise.astype("<i2").tobytes()
        self.replies.append((pcm, not twists))
        return Reply(
            "Of course." if pcm else "",
            pcm=pcm,
            calls=calls,
            first_event_s=self.dice.choice([0.0, 0.2, 0.8]),
            pace=self.dice.choice([1.0, 3.0, 50.0]),
            twists=twists,
        )

    def said(self, pcm: bytes) -> TurnNumber | None:
        """Return the turn that the server has heard last."""
        if self.by_device or not pcm:
            return self.room.sounds.whole(pcm) if pcm else None
        piece = self.room.sounds.find(pcm)
        return None if piece is None else piece.turn

    async def befall(self, accident: Accident) -> None:
        await asyncio.sleep(accident.after)
        if self.healed or self.dead:
            return
        server, over = (
            self.server,
            asyncio.sleep(1e6 if accident.lasts is None else accident.lasts),
        )
        match accident.kind:
            case "kill":
                self.dead = True
                server.kill()
                await over
                await self.revive()
                return
            case "freeze":
                server.freeze()
                await over
                server.thaw()
                return
            case "blink":
                over.close()
                server.freeze()
                await asyncio.sleep(1.0)
                server.thaw()
                return
            case "slow":
                server.slow(self.dice.choice([2.0, 5.0, 30.0]))
                await over
                server.slow(1.0)
                return
            case "refuse":
                server.become(self.script(Refusal(503, "server_error")))
                await over
                server.become(self.script())
                return
            case "busy":
                server.become(self.script(Refusal(429, code="insufficient_quota")))
                await over
                server.become(self.script())
                return
            case _:
                over.close()
        if server.sessions:
            with contextlib.suppress(GoneError):
                await server.session.push(*self.pushed(accident.kind))

    def pushed(self, kind: str) -> list[Send | Raw | Close | Abort]:
        error = {"type": "server_error", "code": "server_error", "message": "no", "param": None}
        match kind:
            case "close":
                return [Close(self.dice.choice([1000, 1001, 1008, 1011, 4000]))]
            case "abort":
                return [Abort()]
            case "garbage":
                return [Raw('{"type": "resp'), Raw("[]"), Raw(b"\x00\xff"), Raw('{"type": 7}')]
            case "quota":
                quota = {**error, "code": "insufficient_quota"}
                return [Send({"type": "error", "error": quota}), Close(1008, "quota")]
            case _:
                return [Send({"type": "error", "error": error})]

    async def revive(self) -> None:
        async with self.reviving:
            if self.dead:
                await self.server.revive()
                self.dead = False

    # The people.

    async def tell(self) -> None:
        for act in self.story.acts:
            for accident in act.accidents:
                self.group.create_task(self.befall(accident), name=f"accident.{accident.kind}")
            await self.act(act)
            await asyncio.sleep(act.rest)

    async def act(self, act: Act) -> None:
        put = self.room.put
        put(WakeWordHeard("computer", 0.9, SampleIndex(self.room.sounds.position)))
        await asyncio.sleep(0.15)
        never_mind = act.broken_off == "never mind"
        await self.speak(act, finish=not never_mind)
        if never_mind:
            put(StopAsked() if self.dice.random() < 0.5 else MuteSwitched(muted=True))
            await self.sound(5)
            put(MuteSwitched(muted=False))
            return
        if not act.broken_off:
            await self.until_quiet()
            return
        await asyncio.sleep(act.broken_off_after)
        match act.broken_off:
            case "speech":
                await self.speak(act, finish=True)
                await self.until_quiet()
            case "stop":
                put(StopAsked())
                await self.sound(5)
            case "mute":
                put(MuteSwitched(muted=True))
                await self.sound(10)
                await asyncio.sleep(self.dice.choice([0.1, 5.0]))
                put(MuteSwitched(muted=False))
            case _:  # the wake word of the next act
                pass

    async def speak(self, act: Act, *, finish: bool) -> None:
        put, sounds = self.room.put, self.room.sounds
        put(SpeechStarted(SampleIndex(sounds.position)))
        for number in range(act.frames):
            await self.sound(1)
            if number == act.pause_at:
                put(SpeechPaused(SampleIndex(sounds.position)))
        if finish:
            end = SampleIndex(sounds.position)
            put(SpeechPaused(end))
            await self.sound(20, quiet=not self.by_device)
            put(SpeechEnded(end))
            if not self.by_device:
                await self.sound(60, quiet=True)

    async def sound(self, frames: int, *, quiet: bool = False) -> None:
        for _ in range(frames):
            await asyncio.sleep(0.01)
            self.room.hear(quiet=quiet)

    async def until_quiet(self) -> None:
        async with asyncio.timeout(LONGEST_TURN_S):
            while not isinstance(self.room.conversation.state, turn.Idle):  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    async def heal(self) -> None:
        self.healed = True
        self.server.thaw()
        self.server.slow(1.0)
        await self.revive()
        self.server.become(self.script())
        await asyncio.sleep(30.0)  # who is at the door is still answered as before
        self.room.failover.configured()

    # What must be so in the end.

    def check(self) -> None:
        room = self.room
        room.check_turns()
        room.check_calls()
        for session in self.server.sessions:
            if self.by_device:
                room.check_server(session, prompt=self.prompt)
            else:
                # a late server ends a turn in which the user has gone on: what follows is dropped
                room.check_listening_server(session, self.asked if self.prompt else set())
        self.check_played()
        self.check_refusals()
        spoilt = bool(self.story.twisted)  # a reply may have no sound that can be played
        for number in set() if spoilt else room.sounds.committed - room.taken_back:
            assert room.voices().get(number), f"turn {number} was not answered"

    @property
    def prompt(self) -> bool:
        """Whether the server always took at once what came."""
        kinds = {accident.kind for act in self.story.acts for accident in act.accidents}
        return not kinds & {"slow", "freeze", "blink"}

    def check_refusals(self) -> None:
        """One response at a time is asked for, but where the server was slow to end the last."""
        if self.story.twisted or not self.prompt:
            return
        for session in self.server.sessions:
            assert BUSY not in session.refusals

    def check_played(self) -> None:
        """What was played are whole replies, or their beginnings where they were cut short."""
        noted = [event for _, event in self.room.observer.noted]
        ended = {e.response for e in noted if isinstance(e, ReplyEnded) and not e.calls_tool}
        for response, pcm in self.room.speaker.played.items():
            if not response.startswith("realtime"):
                continue
            whole, untouched = self.known(bytes(pcm))
            if untouched and response in ended - self.room.tools.silenced:
                assert len(whole) == len(pcm), "the end of a reply is missing"

    def known(self, pcm: bytes) -> tuple[bytes, bool]:
        for whole, untouched in self.replies:
            if whole.startswith(pcm):
                return whole, untouched
        if any(not untouched for _, untouched in self.replies):
            return pcm, False
        raise AssertionError("what was played was never said")


async def told(seed: int, story: Story) -> Play:
    async with serving(Script()) as server:
        play = Play(story, server, Random(seed))  # noqa: S311 - the same story every time
        server.become(play.script())
        room = play.room
        async with asyncio.TaskGroup() as box:
            tasks = [
                box.create_task(room.failover.run(), name="failover"),
                box.create_task(room.conversation.run(room.failover), name="conversation"),
            ]
            async with asyncio.TaskGroup() as play.group:
                accidents = play.group.create_task(play.tell(), name="tell")
                await asyncio.wait([accidents])
                await play.until_quiet()
                await play.heal()
                for task in asyncio.all_tasks():
                    if task.get_name().startswith("accident."):
                        task.cancel()
            await asyncio.sleep(WORST_OUTAGE_S)
            await play.until_quiet()
            assert not room.failover.busy
            await last_question(play)
            for task in tasks:
                task.cancel()
        play.check()
        left = {task.get_name().partition(".")[0] for task in asyncio.all_tasks()}
        assert not left & {"backend", "conversation", "failover", "tool"}, left
    assert len(asyncio.all_tasks()) == 1
    return play


async def last_question(play: Play) -> None:
    room = play.room
    assert room.failover.serving == "realtime"
    await play.act(Act(40, None, "", 0.0, 0.0, ()))
    await asyncio.sleep(30.0)
    assert isinstance(room.conversation.state, turn.Idle)
    last = max(room.sounds.committed)
    voices = room.voices().get(last, [ResponseId("nobody")])
    assert all(voice.startswith("realtime") for voice in voices), voices
    outputs = play.server.session.outputs
    calls = [
        item for item in play.server.session.items.values() if item.get("type") == "function_call"
    ]
    assert {call["call_id"] for call in calls} <= set(outputs), "a call was never answered"


@pytest.mark.parametrize("seed", _seeds())
def test_whatever_befalls_the_server_nothing_is_lost_doubled_or_left_behind(seed: int) -> None:
    play(seed, some_story(seed))


@pytest.mark.parametrize("detection", ["server", "server answers"])
@pytest.mark.parametrize("seed", _seeds()[::5])
def test_nor_is_it_where_the_server_finds_the_end_of_a_turn(
    seed: int, detection: Detection
) -> None:
    play(seed, some_story(seed, detection))


@pytest.mark.parametrize("seed", _seeds()[::30])
def test_a_server_that_is_slow_to_end_a_reply_is_asked_for_the_next_when_it_has(seed: int) -> None:
    acts = tuple(Act(20, None, "speech", 0.5, 0.0, ()) for _ in range(6))
    calm = replace(some_story(seed), session_s=None, twisted=0.0, calls=(0,), handshake_s=0.05)
    play(seed, replace(calm, acts=acts, manners=Manners(cancel_s=0.8)))


def play(seed: int, story: Story) -> None:
    try:
        run_virtual(told(seed, story))
    except BaseException as error:
        error.add_note(f"seed {seed}: {story}")
        raise
