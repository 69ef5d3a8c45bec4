"""``voice-appliance doctor``: what is wrong, and how to mend it."""

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from appliance.app.answers import needed_models
from appliance.app.backends import was_private
from appliance.app.camera import open_camera
from appliance.app.language_model import why_off
from appliance.app.listening import Levels, listen_to_card
from appliance.app.manifest_folders import read_manifests
from appliance.app.manifests import name_clashes
from appliance.app.open_house import probe_broker
from appliance.app.reaching import reach_now
from appliance.cli import cloud
from appliance.cli.exits import Exit
from appliance.cli.house_check import devices
from appliance.cli.sounding import sounded
from appliance.cli.terminal import AsJson, ConfigFile, console
from appliance.config import Config, Loaded, load
from appliance.errors import ApplianceError, ConfigError, PictureError
from appliance.host.health import Check, checks
from appliance.host.journal import set_up_logging
from appliance.host.kept import state_folder
from appliance.store import ModelStore
from appliance.units import Seconds

LISTEN = Seconds(1.5)
TOO_QUIET_DB = -75.0
"""A microphone in the quietest room gives more than this; less is a muted or dead one."""

TOO_CLIPPED = 0.001


def doctor(
    *,
    sound: Annotated[
        bool, typer.Option("--sound", help="Play a sweep and measure loudspeaker and echo.")
    ] = False,
    loud: Annotated[
        bool, typer.Option("--loud", help="With --sound: as loud as the box talks.")
    ] = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Look at everything the box needs: sound, broker, service, money, models, permissions.

    Listens to the microphone for a moment, and looks through the camera once where one is
    configured (nothing is kept), and says what is wrong and how to mend it. Exit code 1 if
    anything is wrong.

    With --sound it plays sweeps and noise for 14 s instead, softly, while the microphones record,
    and measures: delay, clocks, echo level, distortion, each microphone, how well the box cancels
    its own voice. Be quiet meanwhile; nothing is kept.

    Examples: voice-appliance doctor --config ./config.toml

    voice-appliance doctor --sound --json
    """
    set_up_logging(quiet=True)
    well = True
    for check in _looked_at(
        config, _whole if not sound else partial(sounded, loud=loud)
    ):  # each is shown at once: some take seconds
        well = well and check.ok
        if as_json:
            console.print(json.dumps(_plain(check)), markup=False, soft_wrap=True)
        else:
            _show(check)
    if not well:
        raise typer.Exit(Exit.WRONG)


def _looked_at(config: Path | None, look: Callable[[Loaded], Iterator[Check]]) -> Iterator[Check]:
    try:
        loaded = load(config)
    except ConfigError as error:
        for problem in error.problems:
            yield Check("configuration", ok=False, detail=problem)
    else:
        where = str(loaded.path) if loaded.path else "no file: the defaults"
        yield Check("configuration", ok=True, detail=where)
        yield from look(loaded)


def _whole(loaded: Loaded) -> Iterator[Check]:
    config = loaded.config
    for note in loaded.notes:
        yield Check("configuration", ok=True, detail=note, warning=True)
    yield from _tools(loaded)
    yield from _sound(asyncio.run(listen_to_card(config, LISTEN)))
    yield from _camera(config)
    yield from _broker(config)
    yield from devices(loaded)
    yield from cloud.backends(loaded, reach_now, private=was_private())
    yield from cloud.money(config)
    yield from _models(config)
    yield from _programs(config)
    board = config.board
    yield from checks(
        state=state_folder(),
        pins=bool(board.pins),
        spi=f"spidev{board.ring_spi_bus}.{board.ring_spi_device}" if board.ring_leds else "",
    )


def _tools(loaded: Loaded) -> Iterator[Check]:
    found = read_manifests(loaded)
    count = len(found.manifests)
    problems = (*found.problems, *name_clashes(loaded.config, found.manifests))
    yield Check("tool manifests", not problems, f"{count} can be used")
    for problem in problems:
        yield Check("tool manifest", ok=False, detail=str(problem), remedy="docs/manifests.md")


def _sound(levels: Levels) -> Iterator[Check]:
    form = levels.form
    if form is None:
        hint = "plug in a microphone, or name one in [audio]; `arecord -l` lists what Linux sees"
        yield Check("sound card", ok=False, detail=levels.reason, remedy=hint)
        return
    yield Check("sound card", ok=True, detail=levels.reason)
    rate = f"{form.input_rate} Hz, {form.input_channels} channels"
    yield Check("microphone", bool(form.input_name), f"{form.input_name}: {rate}")
    detail = f"{form.output_name}: {form.output_rate} Hz" if form.output_name else "none"
    yield Check("loudspeaker", bool(form.output_name), detail, "name one in [audio] output")
    for channel, level in enumerate(levels.rms_db):
        yield Check(
            f"level, channel {channel}",
            level > TOO_QUIET_DB,
            f"{level:.0f} dB of full scale",
            "nothing comes in: is it muted (`alsamixer`), or is this channel dead?",
        )
    clipped = levels.clipped <= TOO_CLIPPED
    yield Check("clipping", clipped, f"{levels.clipped:.2%}", "turn the input gain down")
    lost = levels.counters
    if lost is not None:
        detail = f"{lost.input_overflows} overflows, {lost.output_underflows} underruns"
        fine = not (lost.input_overflows or lost.output_underflows or lost.ring_overflows)
        yield Check("losses", fine, detail, "something keeps the machine too busy for sound")
    if form.output_name:
        detail = "`voice-appliance doctor --sound` plays a sweep and measures loudspeaker and echo"
        yield Check("echo", ok=True, detail=detail)


def _camera(config: Config) -> Iterator[Check]:
    if not config.camera.device:
        return
    try:
        image = asyncio.run(open_camera(config).look())
    except PictureError as error:
        hint = "until then the assistant says that it cannot look; `v4l2-ctl --list-devices`"
        yield Check("camera", ok=False, detail=str(error), remedy=hint)
    else:
        detail = f"{config.camera.device}: a picture of {len(image.data) / 1e3:.0f} kB"
        yield Check("camera", ok=True, detail=detail)


def _broker(config: Config) -> Iterator[Check]:
    if not config.mqtt.host:
        detail = "none configured: a private one with a simulated kitchen is used"
        yield Check("broker", ok=True, detail=detail)
        return
    try:
        detail = asyncio.run(probe_broker(config))
    except ApplianceError as error:
        yield Check("broker", ok=False, detail=str(error), remedy="look at [mqtt]")
    else:
        yield Check("broker", ok=True, detail=detail)


def _models(config: Config) -> Iterator[Check]:
    store = ModelStore.default()
    for name in needed_models(config):
        try:
            store.folder(name)
        except ApplianceError as error:
            hint = f"voice-appliance models fetch {name}"
            yield Check("model", ok=False, detail=str(error), remedy=hint)
        else:
            yield Check("model", ok=True, detail=name)
    settings = config.local.language_model
    if settings.wanted:
        off = why_off(settings, store)
        detail = f"off: {off}" if off else "on"
        yield Check("language model", ok=True, detail=detail, warning=bool(off))


def _programs(config: Config) -> Iterator[Check]:
    wanted = ("espeak-ng",) if config.mqtt.host else ("espeak-ng", "mosquitto")
    for program in wanted:
        path = shutil.which(program, path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
        yield Check(program, path is not None, path or "missing", f"apt-get install {program}")


def _plain(check: Check) -> dict[str, object]:
    found: dict[str, object] = {"check": check.name, "ok": check.ok, "detail": check.detail}
    if check.ok and check.warning:
        found["warning"] = True
    if check.remedy and (check.warning or not check.ok):
        found["remedy"] = check.remedy
    return found


def _show(check: Check) -> None:
    well = "[yellow]note [/]" if check.warning else "[green]well [/]"
    mark = well if check.ok else "[bold red]wrong[/]"
    console.print(f"{mark} {check.name:<18} {escape(check.detail)}", soft_wrap=True)
    if check.remedy and (check.warning or not check.ok):
        console.print(f"      → {escape(check.remedy)}", style="yellow", soft_wrap=True)
