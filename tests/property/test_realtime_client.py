"""Whole conversations with hostile servers, over a real socket, in virtual time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from appliance.backend.socket.address import Address
from appliance.errors import BackendError
from appliance.events import (
    BackendEvent,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ToolCalled,
)
from appliance.ports import ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber
from tests.realtime_client import Talk, talking, whistle
from tests.realtime_server import Call, Manners, RealtimeServer, Reply, Script, faults, serving
from tests.realtime_server.script import Twist
from tests.virtual_time import run_virtual

PATIENCE = 60.0
"""No turn may be without an answer or an end for so long; virtual."""

GOOD = Call("set_light", '{"state": "on"}')
PLACES = st.sampled_from(
    ["response.created", "response.output_item.added", faults.AUDIO, "response.done"]
)
TWISTS: st.SearchStrategy[Twist] = st.one_of(
    st.builds(faults.garbage, PLACES),
    st.builds(faults.binary, PLACES),
    st.builds(faults.unknown_types, PLACES),
    st.builds(faults.stranger, PLACES),
    st.builds(faults.shuffled, st.integers(0, 99)),
    st.builds(faults.without, PLACES),
    st.builds(faults.twice, PLACES),
    st.builds(faults.half_base64),
    st.builds(faults.odd_bytes),
    st.builds(faults.error_without_done),
    st.builds(faults.abort, at=PLACES, count=st.integers(1, 3)),
    st.builds(faults.silence, at=PLACES, count=st.integers(1, 3)),
    st.builds(faults.stall, st.sampled_from([1.0, 3.0, 15.0]), at=PLACES),
    st.builds(
        faults.close, st.sampled_from([1000, 1001, 1008, 1011, 4000]), at=PLACES, count=st.just(1)
    ),
)
REPLIES = st.builds(
    Reply,
    text=st.sampled_from(["", "Done.", "The kitchen light is on."]),
    calls=st.lists(
        st.sampled_from([GOOD, Call("set_light", "{"), Call("no_such_tool")]), max_size=2
    ).map(tuple),
    first_event_s=st.sampled_from([0.0, 0.3]),
    pace=st.sampled_from([1.0, 10.0, 100.0]),
    twists=st.one_of(st.just(()), st.lists(TWISTS, min_size=1, max_size=2).map(tuple)),
)
MANNERS = st.sampled_from(
    [
        Manners(),
        Manners(silent_truncate=True, created_items=True, no_argument_deltas=True),
        Manners(late_deltas=4, cancelled_event=True),
        Manners(word_in_type=True, output_format=None),
        Manners(beta=True),
        Manners(takes_response=True),
    ]
)


@dataclass(frozen=True)
class Act:
    """What the user and the world do in one turn."""

    over_after: float | None
    """The reply is talked over, so long after the turn."""

    answers: bool
    accident: str
    accident_after: float


ACTS = st.builds(
    Act,
    over_after=st.one_of(st.none(), st.sampled_from([0.0, 0.05, 0.4, 1.2])),
    answers=st.booleans(),
    accident=st.sampled_from(["", "", "", "kill", "freeze", "slow", "blink"]),
    accident_after=st.sampled_from([0.0, 0.1, 0.5]),
)


class Story:
    """One conversation, and what must hold in it."""

    def __init__(self, server: RealtimeServer, talk: Talk) -> None:
        self._server = server
        self._talk = talk
        self._answered: set[CallId] = set()
        self.cancelled: dict[ResponseId, int] = {}

    async def turn(self, number: TurnNumber, act: Act) -> None:
        talk, loop = self._talk, asyncio.get_running_loop()
        await talk.say(whistle(0.2), turn=number)
        if act.accident:
            loop.call_later(act.accident_after, self._befall, act.accident)
        if act.over_after is not None:
            await asyncio.sleep(act.over_after)
            if talk.ended is None and (started := talk.of(ReplyStarted)):
                response = started[-1].response
                await talk.backend.cancel_reply(response, heard=Seconds(0.1))
                self.cancelled.setdefault(response, len(talk.events))
            return
        async with asyncio.timeout(PATIENCE):
            while talk.ended is None and not self._is_over(number):
                if act.answers:
                    await self._answer()
                await talk.more()

    def _befall(self, accident: str) -> None:
        server = self._server
        match accident:
            case "kill":
                server.kill()
            case "freeze":
                server.freeze()
            case "slow":
                server.slow(3.0)
            case _:
                server.freeze()
                asyncio.get_running_loop().call_later(1.0, server.thaw)

    def _is_over(self, number: TurnNumber) -> bool:
        mine = {event.response for event in self._talk.of(ReplyStarted) if event.turn == number}
        return any(event.response in mine for event in self._talk.of(ReplyEnded))

    async def _answer(self) -> None:
        for call in self._talk.of(ToolCalled):
            if call.call not in self._answered and self._talk.ended is None:
                self._answered.add(call.call)
                await self._talk.backend.answer_call(call.call, ToolResult("done"))


def check(events: Sequence[BackendEvent], cancelled: dict[ResponseId, int]) -> None:
    """Check the promises of ``ports.Backend`` on what came out."""
    going: set[ResponseId] = set()
    known: set[ResponseId] = set()
    calls: set[CallId] = set()
    for place, event in enumerate(events):
        match event:
            case ReplyStarted(response=response):
                assert response not in known, "a reply starts once"
                known.add(response)
                going.add(response)
            case ReplyEnded(response=response):
                assert response in going, "a reply ends once, after it has started"
                going.discard(response)
            case ReplyText(response=response) | ReplyAudio(response=response):
                assert response in going
                assert place < cancelled.get(response, len(events)), "silenced is silenced"
            case ToolCalled(response=response, call=call, tool=tool):
                assert response in going
                assert call not in calls, "a call is made once"
                assert place < cancelled.get(response, len(events))
                assert tool in {"set_light", "no_such_tool"}, "nobody asked for it"
                calls.add(call)
            case _:
                pass
        if isinstance(event, ReplyAudio):
            assert event.pcm
            assert len(event.pcm) % 2 == 0


@given(st.lists(REPLIES, max_size=5), st.lists(ACTS, min_size=1, max_size=3), MANNERS)
def test_every_turn_is_answered_or_the_session_ends_with_an_error_of_ours(
    replies: list[Reply], acts: list[Act], manners: Manners
) -> None:
    async def scene() -> None:
        async with (
            serving(Script(replies, manners=manners)) as server,
            talking(Address(server.url, server.headers)) as talk,
        ):
            story = Story(server, talk)
            try:
                for number, act in enumerate(acts, start=1):
                    await story.turn(TurnNumber(number), act)
            except BackendError:
                await talk.end()
            check(talk.events, story.cancelled)

    run_virtual(scene())
