"""``voice-appliance run``: the appliance itself."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from appliance.app.live import live
from appliance.app.replay import Playing
from appliance.audio.devices import choose
from appliance.audio.portaudio import PortAudio
from appliance.audio.recording import WavSink
from appliance.cli.replay import play_to_box, room
from appliance.cli.show import json_lines, lines_for_people
from appliance.cli.terminal import AsJson, ConfigFile, Verbose, console, errors, models_for
from appliance.config import Config, load
from appliance.errors import DeviceError
from appliance.host.journal import dump_stacks_on_signal, set_up_logging
from appliance.timeline import Entry

REPLY = Path("out/reply.wav")


def run(
    *,
    config: ConfigFile = None,
    as_json: AsJson = False,
    recorded: Annotated[
        bool, typer.Option("--recorded-room", help="Play the recorded room, microphone or not.")
    ] = False,
    reply: Annotated[
        Path, typer.Option(help="Where the recorded room's replies are written (WAV).")
    ] = REPLY,
    verbose: Verbose = False,
) -> None:
    """Be the voice appliance: listen, understand, do, and say so.

    Without a configured broker it brings a private one with a simulated kitchen. On a machine
    without sound devices it plays a recorded room through the very same path.

    Example: voice-appliance run --config ./config.toml
    """
    service = "NOTIFY_SOCKET" in os.environ
    set_up_logging(verbose=verbose, quiet=not service)
    dump_stacks_on_signal()
    loaded = load(config)
    store = models_for(loaded.config)
    # what is said must not get into the journal
    watcher = ignore if service else json_lines() if as_json else lines_for_people(console)
    reason = "you asked for it" if recorded else None if service else no_sound(loaded.config)
    if reason is None:
        errors.print("Say “hey jarvis”, then what you want. Ctrl-C ends.", style="dim")
        asyncio.run(live(loaded, store, reload=lambda: load(config), watcher=watcher))
        return
    errors.print(f"A recorded room is played ({reason}).", style="dim", soft_wrap=True)
    playing = Playing(room(), speed="real")
    with WavSink(reply, playing.rate) as sink:
        playing = replace(playing, sink=sink.write)
        asyncio.run(play_to_box(loaded, store, playing, watcher, simulated=False))
    errors.print(f"What the box said is in {reply}.", style="dim", soft_wrap=True)


def ignore(_: Entry) -> None:
    """Watch nothing: `voice-appliance listen` does, on a socket."""


def no_sound(config: Config) -> str | None:
    """Return why this machine cannot listen, or ``None`` if it can.

    A microphone that is named in the settings but not there is waited for, not replaced.
    """
    if config.audio.input:
        return None
    try:
        library = PortAudio()
        try:
            choice = choose(library.devices(), input_name="", output_name=config.audio.output)
        finally:
            library.close()
    except DeviceError as error:
        return str(error)
    return None if choice.input is not None else "there is no microphone on this machine"
