"""The part of ``voice-appliance doctor --sound`` that plays."""

import asyncio
from collections.abc import Iterator

from rich.progress import BarColumn, Progress, TextColumn

from appliance.app.enhancing import array_of, make_chain
from appliance.app.sounding import LOUD_DB, QUIET_DB, sound_out
from appliance.app.sweeping import Taken, box_runs, play_and_record
from appliance.audio.sweep import Programme, programme
from appliance.cli.terminal import errors
from appliance.config import Config, Loaded
from appliance.errors import DeviceError
from appliance.host.health import Check


def sounded(loaded: Loaded, *, loud: bool) -> Iterator[Check]:
    """Play, record, measure and judge.

    Args:
        loaded: The settings.
        loud: As loud as the box talks; else so that nobody minds.
    """
    config = loaded.config
    if box_runs():
        hint = "stop it first: `systemctl stop voice-appliance`, or Ctrl-C where it runs"
        yield Check("sound card", ok=False, detail="the box is running and has it", remedy=hint)
        return
    played = programme(LOUD_DB if loud else QUIET_DB)
    try:
        taken = _taken(config, played)
        if not taken.lossless:
            errors.print("sound was lost on the way: once more", style="dim")
            taken = _taken(config, played)
    except DeviceError as error:
        hint = "is another program using it (`fuser -v /dev/snd/*`)? `doctor` says what is there"
        yield Check("sound card", ok=False, detail=str(error), remedy=hint)
        return
    form = taken.form
    yield Check("sound card", ok=True, detail=taken.reason)
    if not form.input_channels or not form.output_channels:
        what = "loudspeaker" if form.input_channels else "microphone"
        hint = f"name one in [audio] {'output' if form.input_channels else 'input'}"
        yield Check(what, ok=False, detail="none: there is no echo to measure", remedy=hint)
        return
    array = array_of(config, form.input_channels, form.input_name)
    yield Check("array", ok=True, detail=f"{array.name}: {array.why}")
    yield from sound_out(config, taken, played, array, make_chain(config, form.input_name))


def _taken(config: Config, played: Programme) -> Taken:
    columns = (TextColumn("{task.description}"), BarColumn())
    with Progress(*columns, console=errors, transient=True) as progress:
        bar = progress.add_task("be quiet: measuring", total=float(played.length))
        return asyncio.run(
            play_and_record(config, played, lambda at: progress.update(bar, completed=at))
        )
