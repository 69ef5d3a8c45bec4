"""How well the box hears through its own voice, beside AEC3 alone, speexdsp alone and nothing.

One run, one table: far-end echo, double talk and cost over the scenes of ``audio/scenes.py``, and
wake words called while the box plays (``audio/calls.py``). Published figures are those of the
reporting seeds. The first run fetches speech and music from Debian packages.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import Row
from tests.benchmarks.audio import plots
from tests.benchmarks.audio.calls import (
    CELLS,
    MOST,
    SEEDS,
    SESSION,
    Calls,
    Cell,
    Tally,
    count,
    recorded,
    synthetic,
)
from tests.benchmarks.audio.corpus import packaged, say
from tests.benchmarks.audio.cost import Cost, costs
from tests.benchmarks.audio.engines import chosen
from tests.benchmarks.audio.page import Results, write
from tests.benchmarks.audio.scenes import REPORTING, TUNING
from tests.benchmarks.audio.suite import Means, measure

NAME = "echo"
SUMMARY = "Echo, double talk and wake words while the box plays, beside other cancellers."

LEAST = {("speech", "erle"): 25.0, ("recognition", "sdr"): 11.0}
MOST_OF = {("speech", "time_to_10_db"): 0.7}
"""Of our taps; what was asked for."""

SHARE = 6.0
"""Percent of a core, with four microphones."""

P99_MS = 4.0

QUICK = (2, 10, 14, 17, 19, 21)
"""One scene of each condition (modulo 1000)."""

FIGURES = (
    ("ERLE, converged", "erle", "dB"),
    ("ERLE, first 1.5 s", "erle_first", "dB"),
    ("time to 10 dB", "time_to_10_db", "s"),
    ("ERLE, moved, first 1.5 s", "erle_moved_first", "dB"),
    ("ERLE, moved, from 8 s", "erle_moved", "dB"),
    ("SDR, both talk", "sdr", "dB"),
    ("person's level, both talk", "person_gain", "dB"),
    ("person heard by Silero", "recall", "%"),
    ("latency", "latency_ms", "ms"),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engines", default="", metavar="NAMES",
        help="echo: none, aec3, speexdsp, ours, with commas; default: all",
    )  # fmt: skip
    parser.add_argument(
        "--wake-recordings", nargs=2, action="append", default=[], metavar=("FOLDER", "WORD"),
        help="echo: people who say a wake word (alexa, computer, …), one each",
    )  # fmt: skip
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="echo: write the page of figures there"
    )


def run(options: argparse.Namespace) -> list[Row]:
    kinds = chosen(options.engines)
    seeds = tuple(
        seed
        for seed in (REPORTING if options.seeds == "reporting" else TUNING)
        if not options.quick or seed % 1000 in QUICK
    )
    means = measure(seeds, kinds, options.silero)
    cells = CELLS[::2] if options.quick else CELLS
    calls = [
        (
            some,
            cells,
            count(some, cells, options.engines, SEEDS[options.seeds], options.backbone),
        )
        for some in _all_calls(options)
    ]
    cost = costs() if any(kind.name == "ours" for kind in kinds) else []
    results = Results(seeds, options.seeds, means, calls, cost)
    drawn = _draw(options, results)
    if options.markdown is not None:
        write(options.markdown, results, drawn)
    used = ", ".join(f"{name} {sum_[:12]}" for name, sum_ in packaged().digests().items())
    return [
        *(row for some in means for row in _echo_rows(some)),
        *(row for some, cells, tallies in calls for row in _call_rows(some, cells, tallies)),
        *_cost_rows(cost),
        Row("seeds", options.seeds, note=", ".join(map(str, seeds))),
        Row("packages", len(packaged().digests()), note=used),
    ]


def _all_calls(options: argparse.Namespace) -> list[Calls]:
    found = [
        recorded(Path(folder), word, options.seeds) for folder, word in options.wake_recordings
    ]
    found.append(synthetic(options.seeds, options.voice))
    if options.quick:
        return [calls.part(0, SESSION) for calls in found]
    return found


def _draw(options: argparse.Namespace, results: Results) -> list[Path]:
    if options.plots is None:
        return []
    say("drawing")
    # the third: the person as loud as the echo, the other parameters plain
    drawn = plots.draw(options.plots, results.seeds[2], chosen(options.engines))
    for calls, _, tallies in results.calls:
        word = calls.title.replace(", ", "-")
        title = f"{calls.title}: {len(calls.recordings)} calls while the box plays"
        drawn.append(plots.bars(tallies, title, options.plots / f"wake-{word}.png"))
    return drawn


def _echo_rows(means: Means) -> list[Row]:
    rows = []
    for what, figure, unit in FIGURES:
        key = (means.tap, figure) if means.engine == "ours" else ("", "")
        never = means.never(figure)
        note = means.by_condition(figure)
        if never:
            note += f"; never in {never} of {len(means.outcomes)} scenes"
        if figure == "sdr":
            note += f"; of the microphone {means.mean('sdr_in'):.1f}"
        value = means.mean(figure)
        rows.append(
            Row(
                f"{means.title}: {what}",
                "never" if math.isnan(value) and key not in MOST_OF else value,
                unit,
                MOST_OF.get(key),
                note,
                LEAST.get(key),
            )
        )
        if key in MOST_OF:
            rows.append(Row(f"{means.title}: {what}, never", never, "scenes", 0.0))
    accepts = sum(outcome.accepts for outcome in means.outcomes)
    minutes = f"four words, {len(means.outcomes) * 71 / 60:.1f} min in which nobody says one"
    rows.append(Row(f"{means.title}: false accepts", accepts, note=minutes))
    return rows


def _call_rows(calls: Calls, cells: Sequence[Cell], tallies: Sequence[Tally]) -> list[Row]:
    rows = []
    for cell in cells:
        for tally in (tally for tally in tallies if tally.cell == cell.name):
            wanted = math.floor(cell.least * tally.calls / MOST)
            asked = calls.people and tally.engine == "ours" and cell.least
            false = f"; {tally.false_accepts} false in {tally.minutes:.1f} min"
            rows.append(
                Row(
                    f"{calls.title}, {cell.name}: {tally.engine}",
                    tally.heard,
                    f"of {tally.calls}",
                    note=f"{calls.engine}{false}",
                    least=wanted if asked else None,
                )
            )
    return rows


def _cost_rows(cost: Sequence[Cost]) -> list[Row]:
    rows = []
    for c in cost:
        what = f"{c.name}, {c.microphones} microphone{'s' if c.microphones > 1 else ''}"
        asked = c.name == "ours" and c.microphones == 4
        rows += [
            Row(f"{what}: share of a core", c.share, "%", SHARE if asked else None),
            Row(f"{what}: p99", c.p99_us / 1e3, "ms", P99_MS if asked else None, "per 10 ms"),
            Row(f"{what}: against speexdsp", c.ratio, "x"),
        ]
    return rows
