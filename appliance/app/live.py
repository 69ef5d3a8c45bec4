"""The box on its own microphone and loudspeaker, until it is told to end."""

import asyncio
import gc
import json
import logging
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial

from appliance.app.answers import load_minds
from appliance.app.attending import attend
from appliance.app.backends import open_answers
from appliance.app.background import in_background
from appliance.app.box import Box
from appliance.app.detectors import wake_detectors
from appliance.app.ducking import open_ducking
from appliance.app.open_house import open_house
from appliance.app.personas import open_personas
from appliance.app.reference import monitor_wish
from appliance.app.room_memory import RoomMemory
from appliance.app.wake_choice import WakeChoice
from appliance.audio.card import Card, Exchange
from appliance.audio.clock import LoopClock
from appliance.audio.plans import Wish
from appliance.audio.pyaudio_card import PyAudioCard
from appliance.config import Config, Loaded
from appliance.enhance.array.geometry import shipped
from appliance.errors import ConfigError
from appliance.host import systemd
from appliance.host.feed import Feed, socket_path
from appliance.host.kept import Kept, state_folder
from appliance.ports import Clock
from appliance.store import ModelStore
from appliance.timeline import Entry, Timeline, Watcher
from appliance.units import SampleRate

log = logging.getLogger(__name__)


async def live(
    loaded: Loaded, store: ModelStore, *, reload: Callable[[], Loaded], watcher: Watcher
) -> None:
    """Be the appliance until SIGTERM or SIGINT; begin anew with new settings on SIGHUP.

    Args:
        loaded: The settings to begin with.
        store: Has the models.
        reload: Reads the settings again; a ``ConfigError`` keeps the old ones.
        watcher: Is told everything that happens.

    Raises:
        ExceptionGroup: What ended it.
    """
    loop = asyncio.get_running_loop()
    ended, reloaded = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    loop.add_signal_handler(signal.SIGHUP, reloaded.set)
    feed = Feed(socket_path())
    await feed.open()
    watchers = (watcher, lambda entry: feed.send(_line(entry)))
    try:
        while not ended.is_set():
            reloaded.clear()
            async with asyncio.TaskGroup() as group:
                session = group.create_task(_session(loaded, store, watchers), name="session")
                waits = [
                    group.create_task(ended.wait(), name="ended"),
                    group.create_task(reloaded.wait(), name="reloaded"),
                ]
                await asyncio.wait([session, *waits], return_when=asyncio.FIRST_COMPLETED)
                for task in (session, *waits):
                    task.cancel()
            if reloaded.is_set() and not ended.is_set():
                systemd.reloading()
                loaded = await in_background(_again, loaded, reload)
    finally:
        await feed.close()
    systemd.stopping()


def _again(loaded: Loaded, reload: Callable[[], Loaded]) -> Loaded:
    try:
        return reload()
    except ConfigError as error:
        for problem in error.problems:
            log.error("%s", problem, extra={"code": error.code})  # noqa: TRY400 - no trace
        log.warning("the new configuration is wrong; the old one goes on")
        return loaded


async def _session(loaded: Loaded, store: ModelStore, watchers: Sequence[Watcher]) -> None:
    config = loaded.config
    clock = LoopClock()
    timeline = Timeline(start=clock.now())
    for watcher in watchers:
        timeline.watch(watcher)
    kept = Kept(state_folder() / "kept.json")
    await in_background(kept.read)
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(open_house(loaded, timeline, kept=kept))
        minds = await load_minds(config, store, house.tools.catalogue)
        parts = minds.parts
        answers = await stack.enter_async_context(
            open_answers(
                config,
                parts,
                house.tools.catalogue,
                confirmations=house.tools,
                private=kept.facts["private"],
                personas=await open_personas(loaded),
            )
        )
        box = Box(
            config,
            minds.senses,
            tools=house.tools,
            timeline=timeline,
            make_card=partial(_sound_card, config, clock),
        )
        house.serve(box)
        debts = state_folder() / "players.json"
        wake = WakeChoice(config, kept, partial(wake_detectors, store=store), box.wake_on)
        house.wake_with(wake)
        house.duck_with(await stack.enter_async_context(open_ducking(config.ducking, debts)))
        house.speak_with(parts.voice)
        attend(box, answers, house)
        box.muted_outside = kept.facts["muted"]
        box.private_outside = kept.facts["private"]
        memory = RoomMemory(box.front_end.chain, state_folder() / "room.npz")
        if config.echo.remember:
            await in_background(memory.restore)
            stack.push_async_callback(in_background, memory.save)
        await in_background(_settle_down)
        systemd.ready("listening for the wake word")
        watchdog = systemd.Watchdog(box.alive, systemd.watchdog_interval())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(watchdog.run(), name="watchdog")
                if config.echo.remember:
                    group.create_task(memory.run(), name="room")
                group.create_task(wake.run(), name="wake")
                group.create_task(box.run(answers.backend, answers.companion), name="box")
        finally:
            house.leave()


def _settle_down() -> None:
    """Spare the garbage collector all that stays: its full looks stop every thread.

    With models, sentences and tools in memory such a look takes longer than the card has sound.
    """
    gc.unfreeze()  # of a session before this one
    gc.collect()
    gc.freeze()


def _sound_card(
    config: Config, clock: LoopClock, exchange: Exchange, box: Box
) -> tuple[Card, Clock]:
    def tell(event: str, words: str) -> None:
        at = box.timeline.since_start(clock.now())
        box.timeline.say(Entry(event, at, words))

    def found(words: str) -> None:
        box.timeline.sound_began(clock.now())
        tell("sound", words)

    card = PyAudioCard(wish(config), exchange, on_lost=partial(tell, "trouble"), on_found=found)
    return card, clock


def wish(config: Config) -> Wish:
    """Return which sound card the settings want, and how."""
    audio = config.audio
    return Wish(
        input=audio.input,
        output=audio.output,
        rate=SampleRate(audio.rate_hz),
        channels=audio.channels,
        microphone_channel=audio.microphone_channel,
        monitor=monitor_wish(config),
        wanted=partial(_channels_wanted, audio.array),
    )


def _channels_wanted(array: str, card: str, most: int) -> int:
    """Return how many channels the array of a card needs; reads a file: the card's thread."""
    return shipped().wanted(array, card, most)


def _line(entry: Entry) -> str:
    return json.dumps({**entry.as_json(), "shown": entry.text}, ensure_ascii=False)
