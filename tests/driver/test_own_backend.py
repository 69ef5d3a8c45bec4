"""The example of a backend of one's own, in a conversation of several."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path

import pytest

from appliance.backend.choice import Choice
from appliance.backend.context import Handover
from appliance.backend.failover import Failover
from appliance.backend.kinds.find import kind
from appliance.backend.kinds.seam import Means
from appliance.config import Config
from appliance.events import BackendEvent, ReplyAudio, ReplyEnded, ReplyStarted
from appliance.ports import Backend
from appliance.units import TurnNumber
from tests.fakes import LoopClock
from tests.own_backend import install_example, install_module, installed
from tests.sessions import FRAMES, PATIENCE, FakePurse, ScriptedSession, rest
from tests.virtual_time import run_virtual

FIRST, SECOND = TurnNumber(1), TurnNumber(2)

BROKEN = """
class Kind:
    def open(self, means, handover):
        raise RuntimeError

KIND = Kind()
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    with installed(tmp_path / "site") as folder:
        install_example(folder)
        install_module(folder, "bad", BROKEN)
        yield folder


def converse(
    config: Config,
    order: tuple[str, ...],
    play: Callable[[Failover, list[BackendEvent]], Coroutine[object, object, None]],
) -> list[BackendEvent]:
    """Run a conversation of backends that are installed, and a scripted one behind them."""
    means = Means(config, lambda: ())
    made = {name: kind(name) for name in order if name != "local"}

    def opened(name: str, handover: Handover) -> Backend:
        if name == "local":
            return ScriptedSession(name, handover)
        return made[name].open(means, handover)

    async def whole() -> list[BackendEvent]:
        seen: list[BackendEvent] = []
        failover = Failover(
            {name: partial(opened, name) for name in order},
            Choice(order),
            patience=PATIENCE,
            clock=LoopClock(),
            purse=FakePurse(),
            jitter=lambda: 0.0,
        )

        async def follow() -> None:
            async for event in failover.events():
                seen.append(event)  # noqa: PERF401 - looked at while it grows

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(failover.run()), group.create_task(follow())]
            await rest()
            await play(failover, seen)
            for task in tasks:
                task.cancel()
        return seen

    return run_virtual(whole())


async def ask(failover: Failover, turn: TurnNumber) -> None:
    for frame in FRAMES:
        await failover.send_audio(frame)
    await failover.commit_turn(turn)
    await rest()


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("repeats", [1, 3])
def test_it_answers_with_its_own_settings(repeats: int) -> None:
    config = Config.model_validate({"extension": {"parrot": {"repeats": repeats}}})

    async def play(failover: Failover, seen: list[BackendEvent]) -> None:
        for turn in (FIRST, SECOND):
            seen.clear()
            await ask(failover, turn)
            assert [type(event) for event in seen if not isinstance(event, ReplyAudio)][0::2] == [
                ReplyStarted,
                ReplyEnded,
            ]
            sound = [event.pcm for event in seen if isinstance(event, ReplyAudio)]
            assert sound == repeats * [b"".join(frame.samples.tobytes() for frame in FRAMES)]

    converse(config, ("parrot", "local"), play)


@pytest.mark.usefixtures("site")
def test_it_can_be_chosen() -> None:
    async def play(failover: Failover, seen: list[BackendEvent]) -> None:
        failover.prefer("parrot")
        await ask(failover, FIRST)
        assert any(isinstance(event, ReplyAudio) for event in seen)
        assert failover.serving == "parrot"

    converse(Config(), ("local", "parrot"), play)


@pytest.mark.usefixtures("site")
def test_a_broken_one_is_replaced_by_the_next_in_the_same_turn() -> None:
    async def play(failover: Failover, seen: list[BackendEvent]) -> None:
        await ask(failover, FIRST)
        assert failover.serving == "parrot"
        assert [event.turn for event in seen if isinstance(event, ReplyStarted)] == [FIRST]
        assert any(isinstance(event, ReplyAudio) for event in seen)

    converse(Config(), ("bad", "parrot", "local"), play)
