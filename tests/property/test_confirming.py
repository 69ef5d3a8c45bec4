"""Confirmations under every order of events: what people, the house and who answers may do."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance import turn
from appliance.backend.local import worker
from appliance.backend.local.consent import Kind
from appliance.events import (
    BackendLost,
    EndOfTurnFound,
    MuteSwitched,
    ReplyEnded,
    ReplyOffered,
    ReplyStarted,
    SpeechEnded,
    SpeechStarted,
)
from appliance.ports import Word
from appliance.units import ResponseId, SampleIndex, Seconds, TurnNumber
from tests.confirming import AGAIN, ASK_PIN, PIN, QUESTION, Talk, talk
from tests.fakes import FakeBackend
from tests.on_device import AtOnce, frame

SECRET = 99
"""The sound of whoever speaks while a PIN is awaited."""

SAYINGS = ("yes", "no", "1 2 3 4", "9 9 9 9", "", "turn on the light", "front door")


async def speaks(room: Talk, *, text: str, wake: bool) -> None:
    """Say something; its sound is marked if a PIN is awaited when it begins."""
    if wake:
        room.wake()
        await asyncio.sleep(0.3)
    asked = room.gate.open()
    room.ears.text = text
    room.conversation.put(SpeechStarted(SampleIndex(50_000)))
    for _ in range(3):
        room.conversation.hear(frame(SECRET if asked is not None and asked.pin else 1), ())
    await asyncio.sleep(0.4)
    room.conversation.put(SpeechEnded(SampleIndex(60_000)))
    await asyncio.sleep(0.05)


async def replies(room: Talk, *calls: str) -> None:
    room.reply(room.inner.committed[-1] if room.inner.committed else TurnNumber(0), *calls)
    await asyncio.sleep(0.05)


async def begins(room: Talk) -> None:
    response = ResponseId(f"begun-{len(room.inner.asked)}-{asyncio.get_running_loop().time()}")
    number = room.inner.committed[-1] if room.inner.committed else TurnNumber(0)
    room.inner.emit(ReplyStarted(response, number))
    await asyncio.sleep(0.5)
    room.inner.emit(ReplyEnded(response))


async def phones(room: Talk, *, yes: bool) -> None:
    asked = room.gate.open()
    if asked is not None and not (asked.pin and yes):
        await room.gate.settle(asked.id, Word(yes=yes, by="phone"))


async def passes(_: Talk, seconds: float) -> None:
    await asyncio.sleep(seconds)


async def does(room: Talk, what: Callable[[Talk], object]) -> None:
    what(room)
    await asyncio.sleep(0.05)


Action = Callable[[Talk], Awaitable[None]]


def unmute(room: Talk) -> None:
    room.conversation.put(MuteSwitched(muted=False))


ACTIONS: dict[str, Action] = {
    **{f"says {text!r}": partial(speaks, text=text, wake=False) for text in SAYINGS},
    **{f"calls, says {text!r}": partial(speaks, text=text, wake=True) for text in SAYINGS},
    "unlock": lambda r: replies(r, "unlock"),
    "open safe": lambda r: replies(r, "open_safe"),
    "two calls": lambda r: replies(r, "light", "open_safe"),
    "silence": replies,
    "long reply": begins,
    "lost": lambda r: does(r, lambda room: room.inner.emit(BackendLost("backend.stalled"))),
    "offer": lambda r: does(r, lambda room: room.inner.emit(ReplyOffered())),
    "end found": lambda r: does(r, lambda room: room.inner.emit(EndOfTurnFound())),
    "button": lambda r: does(r, lambda room: room.backend.press()),
    "stop": lambda r: does(r, Talk.stop),
    "mute": lambda r: does(r, Talk.mute),
    "unmute": lambda r: does(r, unmute),
    "phone yes": lambda r: phones(r, yes=True),
    "phone no": lambda r: phones(r, yes=False),
    "0.1 s": lambda r: passes(r, 0.1),
    "3 s": lambda r: passes(r, 3.0),
    "12 s": lambda r: passes(r, 12.0),
    "25 s": lambda r: passes(r, 25.0),
}


def check(room: Talk) -> None:
    """See that whatever happened, nothing happened that must not."""
    assert SECRET not in {int(heard.samples[0]) for heard in room.inner.heard}
    pins = {challenge.id for challenge in room.gate.opened if challenge.pin}
    counted = Counter(
        challenge
        for challenge, word in room.gate.words
        if word.by != "phone" and not (challenge in pins and word.yes and word.pin is None)
    )
    assert not counted or max(counted.values()) == 1
    put = [text for text in room.said if text in {QUESTION, AGAIN} or text in ASK_PIN]
    agreed = [word for _, word in room.gate.words if word.yes and word.by != "phone"]
    assert len(agreed) <= len(put)
    assert set(room.read) <= {kind.value for kind in Kind} | {"yes, by the button"}
    assert not room.leaks("1 2 3 4")
    assert not room.leaks(PIN)


@given(
    story=st.lists(st.sampled_from(sorted(ACTIONS)), max_size=14),
    slow=st.sampled_from([0.0, 4.0, 30.0]),
    hears_through=st.booleans(),
    finds_ends=st.booleans(),
)
def test_nothing_leaves_nothing_is_settled_twice_and_the_box_comes_home(
    story: list[str],
    slow: float,
    hears_through: bool,  # noqa: FBT001
    finds_ends: bool,  # noqa: FBT001
) -> None:
    def made() -> Talk:
        timing = turn.Timing(barge_in="speech" if hears_through else "auto")
        return Talk(FakeBackend(finds_ends=finds_ends), timing=timing)

    async def play(room: Talk) -> None:
        room.gate.takes = Seconds(slow)
        await room.request()
        for name in ("unlock", *story):
            await ACTIONS[name](room)
        unmute(room)
        await asyncio.sleep(120.0)
        assert isinstance(room.conversation.state, turn.Idle)
        before = len(room.inner.committed)
        room.wake()
        await asyncio.sleep(3.0)
        room.inner.emit(EndOfTurnFound())
        await speaks(room, text="what time is it", wake=False)
        await asyncio.sleep(10.0)
        assert len(room.inner.committed) == before + 1
        check(room)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "ThreadPoolExecutor", AtOnce)
        talk(play, made)
