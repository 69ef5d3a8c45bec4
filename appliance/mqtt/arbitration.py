"""Which of several boxes that heard the same call answers it. Pure.

*Claim and cancel.* A box that hears the wake word begins at once and publishes a claim; it waits
for nobody, so a box alone loses no time. A box that hears the word after another's claim has come
withdraws instead of claiming: the first to detect wins. Claims that crossed each other on the way
are compared by what they say themselves (``Claim.rank``), so that every box comes to the same
end, in whatever order, how late or how often they come; the loser withdraws before it answers. Of
all claims to one call the best never withdraws: somebody always answers.

*Clocks differ.* A claim carries its sender's own monotonic clock, which is good for one thing:
the least of (received - sent) that was ever seen of this sender is the difference of the clocks,
and what a claim has more than that it was late on its way. A late one is about another call and
silences nobody; nor does one of a sender whose clock is not known yet. Boxes greet each other when
they connect (``Hello``), so the clocks are known before the first call.

Whoever may write to the topic can silence boxes; but they could as well mute them. A sender that
claims without end is ignored (``MOST_CLAIMS``).
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from appliance.units import Seconds

WINDOW = Seconds(0.7)
"""Claims sent within this time of each other are about the same call. Sound travels 10 ms
to the next room, but a detector in a far corner, or on a busy board, can take half a second more.
Nobody waits for it: it only says how long after another's claim a box withdraws."""

DRIFT = 200e-6
"""How fast two clocks may drift apart: four times what crystals of boards do."""

MOST_CLAIMS = 6
"""Claims of one sender in ``CLAIMS_SPAN``; more are not of people who call."""

CLAIMS_SPAN = Seconds(10.0)

MOST_BOXES = 256
"""Senders that are remembered in a zone; of more, the one heard longest ago is forgotten."""

LARGEST = 1_024
"""Bytes of a message; ours have about 150."""

_MINE_FOR = Seconds(30.0)
"""After so long our own claim can have no rival any more, whatever is late."""


@dataclass(frozen=True, slots=True)
class Hello:
    """A box that greets the others."""

    box: str
    run: str
    """Random, new with each start: the clock begins anew with it."""

    sent: Seconds
    """On the sender's own monotonic clock."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A box that heard its wake word."""

    id: str
    """Random; the same for a message that comes twice."""

    box: str
    run: str
    sent: Seconds
    word: str
    score: float
    """0 to 1."""

    busy: bool = False
    """Whether the box is in a conversation: then it is this one that is meant."""

    @property
    def rank(self) -> tuple[bool, int, str, str]:
        """The smallest wins: the one that is talked with, the clearer call, then by lot.

        Scores come from different microphones and saturate; beyond steps of 0.05 they say nothing.
        """
        return (not self.busy, -round(self.score * 20), self.id, self.box)


@dataclass(frozen=True, slots=True)
class _Peer:
    """Another box."""

    run: str
    offset: float
    """Least of (received - sent), in seconds."""

    seen: Seconds
    claims: tuple[Seconds, ...] = ()


@dataclass(frozen=True, slots=True)
class _Mine:
    """Our own claim."""

    claim: Claim
    at: Seconds
    answered: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """What one box knows of the others and of its own latest call."""

    box: str
    run: str
    peers: Mapping[str, _Peer] = field(default_factory=dict)
    mine: _Mine | None = None
    rival: tuple[Claim, Seconds] | None = None
    """The best fresh claim of another box, and when it was sent, on our clock."""


@dataclass(frozen=True, slots=True)
class Connected:
    """There is a broker now."""


@dataclass(frozen=True, slots=True)
class Called:
    """We heard our wake word."""

    id: str
    """Random, for the claim."""

    word: str
    score: float
    busy: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """Our reply has begun: nothing is withdrawn any more."""


Event = Connected | Called | Answered | Hello | Claim


@dataclass(frozen=True, slots=True)
class Publish:
    """Tell the zone."""

    message: Hello | Claim


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Be silent: another box answers."""

    to: str
    """Its id."""


Effect = Publish | Withdraw


@dataclass(frozen=True, slots=True)
class Step:
    """What became of an event."""

    state: State
    effects: tuple[Effect, ...] = ()


def step(state: State, event: Event, now: Seconds) -> Step:
    """Take one event.

    Args:
        state: The state before.
        event: What happened.
        now: On our own monotonic clock.
    """
    match event:
        case Connected():
            return Step(state, (Publish(Hello(state.box, state.run, now)),))
        case Called():
            return _called(state, event, now)
        case Answered():
            if state.mine is None:
                return Step(state)
            return Step(replace(state, mine=replace(state.mine, answered=True)))
        case Hello():
            return _greeted(state, event, now)
        case Claim():
            return _claimed(state, event, now)
        case _:
            assert_never(event)


def _called(state: State, called: Called, now: Seconds) -> Step:
    claim = Claim(
        called.id, state.box, state.run, now, called.word, round(called.score, 3), busy=called.busy
    )
    if state.rival is not None:
        rival, sent = state.rival
        if now - sent <= WINDOW and (rival.busy or not claim.busy):
            return Step(replace(state, mine=None), (Withdraw(rival.box),))
    return Step(replace(state, mine=_Mine(claim, now)), (Publish(claim),))


def _greeted(state: State, hello: Hello, now: Seconds) -> Step:
    if hello.box == state.box:
        return Step(state)
    known = state.peers.get(hello.box)
    after = _learn(state, hello, now)
    if known is not None and known.run == hello.run:
        return Step(after)
    return Step(after, (Publish(Hello(state.box, state.run, now)),))


def _claimed(state: State, claim: Claim, now: Seconds) -> Step:
    if claim.box == state.box:
        return Step(state)
    known = state.peers.get(claim.box)
    after = _learn(state, claim, now)
    if known is None or known.run != claim.run:
        return Step(after)  # perhaps a late one: better two answers than none
    after, flooding = _count(after, claim.box, now)
    if flooding:
        return Step(after)
    sent = Seconds(claim.sent + after.peers[claim.box].offset)  # on our clock, however late it is
    mine = after.mine
    if mine is not None and now - mine.at <= _MINE_FOR and abs(sent - mine.at) <= WINDOW:
        if mine.answered or mine.claim.rank < claim.rank:
            return Step(after)
        return Step(
            replace(after, mine=None, rival=_better(after, claim, sent)), (Withdraw(claim.box),)
        )
    return Step(replace(after, rival=_better(after, claim, sent)))


def _better(state: State, claim: Claim, sent: Seconds) -> tuple[Claim, Seconds]:
    """Return the claim to yield to: the better of two about one call, else the later call's."""
    if state.rival is None:
        return claim, sent
    other, at = state.rival
    if abs(sent - at) > WINDOW:
        return (claim, sent) if sent > at else (other, at)
    return (claim, sent) if claim.rank < other.rank else (other, at)


def _learn(state: State, message: Hello | Claim, now: Seconds) -> State:
    """Learn a sender's clock."""
    offset = now - message.sent
    peer = state.peers.get(message.box)
    if peer is None or peer.run != message.run:
        peer = _Peer(message.run, offset, now)
    else:
        crept = peer.offset + DRIFT * max(0.0, now - peer.seen)
        peer = replace(peer, offset=min(crept, offset), seen=now)
    peers = {**state.peers, message.box: peer}
    if len(peers) > MOST_BOXES:
        del peers[min(peers, key=lambda box: peers[box].seen)]
    return replace(state, peers=peers)


def _count(state: State, box: str, now: Seconds) -> tuple[State, bool]:
    """Count a claim; say whether its sender claims without end."""
    peer = state.peers[box]
    recent = (*(at for at in peer.claims if now - at < CLAIMS_SPAN), now)[-MOST_CLAIMS - 1 :]
    peers = {**state.peers, box: replace(peer, claims=recent)}
    return replace(state, peers=peers), len(recent) > MOST_CLAIMS


def write(message: Hello | Claim) -> bytes:
    """Return a message as it is published."""
    table: dict[str, object] = {
        "type": "hello",
        "box": message.box,
        "run": message.run,
        "sent": round(message.sent, 4),
    }
    if isinstance(message, Claim):
        table |= {
            "type": "claim",
            "id": message.id,
            "word": message.word,
            "score": round(message.score, 3),
            "busy": message.busy,
        }
    return json.dumps(table, separators=(",", ":")).encode()


def read(payload: bytes) -> Hello | Claim | None:
    """Read a message; ``None``: it is none of ours."""
    if len(payload) > LARGEST:
        return None
    try:
        table = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(table, dict):
        return None
    box, run, sent = _text(table, "box"), _text(table, "run"), _number(table, "sent")
    if box is None or run is None or sent is None:
        return None
    if table.get("type") == "hello":
        return Hello(box, run, Seconds(sent))
    name, word, score = _text(table, "id"), _text(table, "word"), _number(table, "score")
    busy = table.get("busy", False)
    if table.get("type") != "claim" or name is None or word is None or score is None:
        return None
    if not 0.0 <= score <= 1.0 or not isinstance(busy, bool):
        return None
    return Claim(name, box, run, Seconds(sent), word, score, busy=busy)


def _text(table: Mapping[str, object], key: str) -> str | None:
    value = table.get(key)
    return value if isinstance(value, str) and 0 < len(value) <= 64 else None


def _number(table: Mapping[str, object], key: str) -> float | None:
    value = table.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e12 and math.isfinite(value) else None
