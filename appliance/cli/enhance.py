"""``voice-appliance enhance``: any recording through the canceller and the array of the box."""

import json
import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from appliance.app.enhancing import (
    Material,
    Second,
    array_of,
    enhance,
    make_chain,
    prepare,
    read_session,
    with_array,
)
from appliance.audio.recording import WavSink, read
from appliance.cli.terminal import AsJson, ConfigFile, console, errors
from appliance.config import Config, load
from appliance.enhance.array.geometry import Array
from appliance.errors import ConfigError, RecordingError
from appliance.frames import RATE, Taps
from appliance.host.journal import set_up_logging
from appliance.units import Seconds

MOST_LINES = 60
"""Of the report; of a longer recording each line is several seconds."""

WIDEST_BAR = 24
FULL_BAR_DB = 48.0

GOOD_DB = 10.0
"""From here on the box's own voice is no longer taken for a person's."""


def enhance_recording(  # noqa: PLR0913 - one parameter for each option
    *,
    mic: Annotated[
        Path, typer.Option(help="What the microphones heard: WAV, FLAC; any rate, 1-8 channels.")
    ],
    far: Annotated[
        Path | None, typer.Option(help="What the loudspeaker played meanwhile; any rate.")
    ] = None,
    wake: Annotated[Path | None, typer.Option(help="Write what the wake word hears.")] = None,
    speech: Annotated[
        Path | None, typer.Option(help="Write what the detection of speech hears.")
    ] = None,
    recognition: Annotated[
        Path | None, typer.Option(help="Write what recognition and the backends hear.")
    ] = None,
    array: Annotated[
        str | None, typer.Option(help="The microphone array; else as [audio] array says.")
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Show what became of the echo, second by second.")
    ] = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Put a recording through the echo canceller and the microphone array of the box.

    It is the very chain that runs in the box. --far is what was played: it may begin a little
    earlier or later, be shorter or longer; without it the array's own reference channel serves, if
    there is one. A file of the box's debug recorder brings what was played with it. The outputs
    are mono, 16 kHz, WAV.

    Examples: voice-appliance enhance --mic mic.wav --far played.wav --report

    voice-appliance enhance --mic six.wav --array respeaker-usb-6 --wake w.wav --speech s.wav
    """
    set_up_logging(quiet=True)
    outputs = {"--wake": wake, "--speech": speech, "--recognition": recognition}
    if not (report or as_json or any(outputs.values())):
        raise ConfigError(
            ("nothing to do: add --report, or an output (--wake, --speech, --recognition)",)
        )
    _check_places(mic, far, outputs)
    settings = load(config).config
    if array is not None:
        settings = with_array(settings, array)
    session = read_session(mic)
    played = session.played if far is None else read(far)
    board = array_of(settings, session.heard.samples.shape[1])
    material = prepare(session.heard, played, board)
    if not as_json:
        for note in material.notes:
            errors.print(f"note: {note}", markup=False, soft_wrap=True, style="dim")
    told = _through(settings, material, board, outputs, each=_tell if as_json else None)
    if as_json:
        print_json({"summary": summary(material, told)})
    elif report:
        show(material, told)
    else:
        _say_written(outputs)


def _tell(second: Second) -> None:
    print_json(_plain(second))


def _through(
    settings: Config,
    material: Material,
    board: Array,
    outputs: dict[str, Path | None],
    *,
    each: Callable[[Second], None] | None,
) -> list[Second]:
    told: list[Second] = []
    with ExitStack() as stack:
        take = _writers(stack, outputs)
        progress = stack.enter_context(_progress(material))
        bar = progress.add_task("enhancing", total=float(material.length))
        for second in enhance(material, make_chain(settings), board, take):
            progress.update(bar, completed=float(second.at))
            told.append(second)
            if each is not None:
                each(second)
    return told


def _check_places(mic: Path, far: Path | None, outputs: dict[str, Path | None]) -> None:
    taken = {path.resolve(): flag for flag, path in (("--mic", mic), ("--far", far)) if path}
    for flag, path in outputs.items():
        if path is None:
            continue
        other = taken.setdefault(path.resolve(), flag)
        if other != flag:
            raise RecordingError(f"{path}: is {other} as well; name another {flag}")


def _writers(stack: ExitStack, outputs: dict[str, Path | None]) -> Callable[[Taps], None]:
    wake, speech, recognition = (
        None if path is None else stack.enter_context(WavSink(path, RATE))
        for path in outputs.values()
    )

    def take(taps: Taps) -> None:
        if wake is not None:
            wake.write(taps.wake.samples)
        if speech is not None:
            speech.write(taps.speech.samples)
        if recognition is not None:
            recognition.write(taps.recognition.samples)

    return take


def _progress(material: Material) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    short = material.length < Seconds(20.0)
    return Progress(*columns, console=errors, transient=True, disable=short)


def _say_written(outputs: dict[str, Path | None]) -> None:
    for flag, path in outputs.items():
        if path is not None:
            console.print(f"{flag[2:]}: {path}", markup=False, soft_wrap=True)


# ----------------------------------------------------------------------------- what became of it


def summary(material: Material, told: Sequence[Second]) -> dict[str, object]:
    """Return the whole in a few numbers; ``None`` where there is nothing to say."""
    last = told[-1].report
    playing = [second for second in told if second.playing]
    settled = playing[len(playing) // 2 :]
    first = next((s.at - 1 for s in playing), None)
    good = next((s.at for s in playing if s.erle_db(s.wake_db) >= GOOD_DB), None)
    converged = next((s.at for s in told if s.report.converged), None)
    return {
        "length_s": round(material.length, 2),
        "playing_s": len(playing),
        "erle_wake_db": _middle([s.erle_db(s.wake_db) for s in settled]),
        "erle_speech_db": _middle([s.erle_db(s.speech_db) for s in settled]),
        "seconds_to_10_db": None if good is None or first is None else round(good - first, 1),
        "converged_at_s": None if converged is None else round(converged, 1),
        "delay_ms": None if last.delay is None else round(1000 * last.delay, 1),
        "drift_ppm": round(last.drift_ppm, 1) + 0.0,
        "bearing_deg": None if last.bearing is None else round(last.bearing),
        "beaming": last.beaming,
        "far_moved_s": None if material.shifted is None else round(material.shifted, 3),
        "microphones": {str(m.channel): m.state for m in last.microphones},
        "notes": list(material.notes),
    }


def show(material: Material, told: Sequence[Second]) -> None:
    """Print the report for people."""
    step = max(1, math.ceil(len(told) / MOST_LINES))
    console.print("[dim]   from  mic dB  softer on the wake tap      speech  delay     drift[/]")
    for at in range(0, len(told), step):
        console.print(_line(told[at : at + step]), soft_wrap=True)
    whole = summary(material, told)
    console.print()
    for words in _sentences(whole):
        console.print(words, markup=False, soft_wrap=True)


def _line(part: Sequence[Second]) -> str:
    begin, last = part[0].at - 1, part[-1].report
    level = max(second.microphone_db for second in part)
    played = [second for second in part if second.playing]
    head = f"{max(0.0, begin):6.0f} s  {level:6.0f}"
    if not played:
        return f"[dim]{head}  nothing is played[/]" + _bearing(part)
    wake = _middle([s.erle_db(s.wake_db) for s in played]) or 0.0
    speech = _middle([s.erle_db(s.speech_db) for s in played]) or 0.0
    width = round(WIDEST_BAR * min(1.0, max(0.0, wake / FULL_BAR_DB)))
    colour = "green" if wake >= GOOD_DB else "yellow"
    bar = f"[{colour}]{'█' * width}[/]{' ' * (WIDEST_BAR - width)}"
    delay = "   none" if last.delay is None else f"{1000 * last.delay:4.0f} ms"
    drift = f"{round(last.drift_ppm):+6d} ppm"
    sign = " converged" if last.converged else ""
    return f"{head}  {bar} {wake:3.0f}  {speech:4.0f} dB  {delay} {drift}{sign}{_bearing(part)}"


def _bearing(part: Sequence[Second]) -> str:
    known = part[-1].report.bearing
    return "" if known is None else f"  from {known:.0f}°"


def _sentences(whole: dict[str, object]) -> list[str]:
    told = []
    if not whole["playing_s"]:
        told.append("nothing was played, as far as is known: there was no echo to cancel")
    else:
        told.append(
            f"echo: softer by {whole['erle_wake_db']} dB on the wake tap, "
            f"{whole['erle_speech_db']} dB on the speech tap (median of the later half)"
        )
        soon = whole["seconds_to_10_db"]
        told.append(
            "10 dB were never reached" if soon is None else f"10 dB were reached within {soon} s"
        )
        delay = whole["delay_ms"]
        told.append("delay: not found" if delay is None else f"delay: {delay} ms")
        told.append(f"drift: {whole['drift_ppm']} ppm")
    if whole["bearing_deg"] is not None:
        told.append(f"the latest talker: {whole['bearing_deg']}°")
    microphones = whole["microphones"]
    if isinstance(microphones, dict) and microphones:
        states = ", ".join(f"{channel} {state}" for channel, state in microphones.items())
        told.append(f"microphones: {states}")
    return told


def _plain(second: Second) -> dict[str, object]:
    known = asdict(second.report)
    del known["microphones"]
    return {
        "at_s": round(second.at, 2),
        "playing": second.playing,
        "microphone_db": round(second.microphone_db, 1),
        "wake_db": round(second.wake_db, 1),
        "speech_db": round(second.speech_db, 1),
        "recognition_db": round(second.recognition_db, 1),
        "chain": known,
    }


def print_json(found: dict[str, object]) -> None:
    """Print one object as one line."""
    console.print(json.dumps(found), markup=False, soft_wrap=True)


def _middle(numbers: Sequence[float]) -> float | None:
    if not numbers:
        return None
    ordered = sorted(numbers)
    return round(ordered[len(ordered) // 2], 1)
