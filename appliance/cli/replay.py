"""``voice-appliance replay``: the whole path on a recording."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from appliance.app.answers import load_minds
from appliance.app.backends import open_answers
from appliance.app.open_house import open_house
from appliance.app.personas import open_personas
from appliance.app.replay import Playing
from appliance.app.replay import replay as play
from appliance.audio.recording import Recording, WavSink, read
from appliance.cli.show import json_lines, lines_for_people
from appliance.cli.terminal import AsJson, ConfigFile, Verbose, console, errors, models_for
from appliance.config import Loaded, load
from appliance.errors import RecordingError
from appliance.host.journal import set_up_logging
from appliance.store import ModelStore
from appliance.timeline import Entry, Timeline, Watcher

SIGNS = frozenset({"wake", "speech", "transcript"})
"""Events that show that something was heard."""

FAINTEST = 33
"""-60 dB of full scale: no speech, whatever is amplified."""

LOUDEST = 32_700
TOO_CLIPPED = 0.02


class Speed(StrEnum):
    """How fast a recording is played."""

    REAL = "real"
    MAX = "max"


def replay(  # noqa: PLR0913 - one parameter for each option
    file: Annotated[Path, typer.Argument(help="WAV or FLAC: any rate, 1 to 8 channels.")],
    *,
    config: ConfigFile = None,
    as_json: AsJson = False,
    reply: Annotated[Path | None, typer.Option(help="Write what the box says here (WAV).")] = None,
    no_wake: Annotated[
        bool, typer.Option("--no-wake", help="The recording begins with the request itself.")
    ] = False,
    speed: Annotated[Speed, typer.Option(help="In real time, or as fast as it goes.")] = Speed.MAX,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Use the simulated kitchen, not your broker.")
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Play a recording to the box and tell what it hears, understands, does and says.

    The whole path runs: wake word, speech, models, broker, loudspeaker; one line an event with its
    time in the recording and its wall-clock cost. What is asked for is really done: on your broker
    if one is configured, else (or with --simulated) in a simulated kitchen.

    Example: voice-appliance replay request.wav --reply reply.wav --json
    """
    set_up_logging(verbose=verbose, quiet=True)
    loaded = load(config)
    recording = read(file)
    store = models_for(loaded.config)
    watcher = json_lines() if as_json else lines_for_people(console)
    happened: list[str] = []

    def watch(entry: Entry) -> None:
        happened.append(entry.event)
        watcher(entry)

    with ExitStack() as stack:
        playing = Playing(recording, speed=speed.value, wake=not no_wake)
        if reply is not None:
            if reply.exists() and reply.samefile(file):
                raise RecordingError(f"{reply}: is the recording itself; name another --reply")
            sink = stack.enter_context(WavSink(reply, playing.rate))
            playing = replace(playing, sink=sink.write)
        asyncio.run(play_to_box(loaded, store, playing, watch, simulated=simulated))
    if not SIGNS & set(happened):
        wake = loaded.config.wake
        words = [*wake.words, *(word.name for word in wake.custom)]
        errors.print(why_nothing(recording, [] if no_wake else words), soft_wrap=True)
    if reply is not None and not as_json:
        console.print(f"what the box said is in {reply}", soft_wrap=True)


def why_nothing(recording: Recording, words: Sequence[str]) -> str:
    """Say why nothing in a recording was meant for the box, in one line.

    Args:
        recording: What was played.
        words: The wake words that were waited for; empty: none was needed.
    """
    sound = np.abs(recording.samples.astype(np.int32))
    if sound.max() < FAINTEST:
        return "the recording is silent"
    if np.mean(sound >= LOUDEST) > TOO_CLIPPED:
        return "nothing was understood: much of the recording is clipped; record it less loud"
    if words:
        named = ", ".join(words)
        return f"no wake word was heard ({named}); if the request comes first, add --no-wake"
    return "no speech was heard"


async def play_to_box(
    loaded: Loaded, store: ModelStore, playing: Playing, watcher: Watcher, *, simulated: bool
) -> None:
    """Load everything, play, and close everything again."""
    timeline = Timeline()
    timeline.watch(watcher)
    config = loaded.config
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(open_house(loaded, timeline, simulated=simulated))
        async with asyncio.TaskGroup() as group:
            group.create_task(house.settle(), name="house")
            minds = await load_minds(config, store, house.tools.catalogue)
        if not house.connected:
            errors.print(f"the house cannot be reached: {house.trouble}", soft_wrap=True)
        answers = await stack.enter_async_context(
            open_answers(
                config,
                minds.parts,
                house.tools.catalogue,
                confirmations=house.tools,
                personas=await open_personas(loaded),
            )
        )
        await play(
            config, playing, senses=minds.senses, answers=answers, house=house, timeline=timeline
        )


def room() -> Recording:
    """Return the recorded room that comes with the package."""
    return read(Path(__file__).parents[1] / "demo" / "room.flac")
