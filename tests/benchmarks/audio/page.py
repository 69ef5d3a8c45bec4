"""The page of figures, as Markdown; whoever runs the benchmark gets the same page."""

import math
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.benchmarks.audio.calls import Calls, Cell, Tally
from tests.benchmarks.audio.corpus import packaged
from tests.benchmarks.audio.cost import Cost
from tests.benchmarks.audio.suite import Means

HEAD = """# Hearing through its own voice: figures

Written by `./run bench echo --plots docs/figures --markdown docs/echo-figures.md`; do not edit.
{where}.
Scenes: {which}.
Nothing was tuned on those of the reporting seeds; those for tuning (`--seeds tuning`) have other
rooms, voices and words.

## Echo

{count} scenes of 71 s (`tests/benchmarks/audio/scenes.py`): a room of 0.2 to 0.45 s, a loudspeaker
7 cm from the microphone that distorts, a delay of 20 to 200 ms that nobody is told, in some clocks
that differ by up to 100 ppm, kitchen noise, music. The person is 10 dB softer to 5 dB louder than
the echo at the microphone. Every engine begins knowing nothing. Simulated rooms are kinder than
real ones: nothing rattles, nobody moves.

ERLE: by how many dB the echo is softer behind the engine than at the microphone; converged: from
10 s of playback on. Moved: the box is pushed aside and plays 3 dB louder (in some scenes the delay
jumps, too). SDR: the person's speech over all else while both talk, but for what a filter of 8 ms
explains. Heard: how much of the person's speech Silero hears while both talk. False accepts: of
four wake words in {minutes:.1f} minutes in which nobody says one. Latency: of the person's speech.
"""

COLUMNS = (
    ("ERLE converged, dB", "erle", 1),
    ("ERLE first 1.5 s, dB", "erle_first", 1),
    ("time to 10 dB, s", "time_to_10_db", 1),
    ("ERLE moved, first 1.5 s, dB", "erle_moved_first", 1),
    ("ERLE moved, from 8 s, dB", "erle_moved", 1),
    ("SDR both talk, dB", "sdr", 1),
    ("person's level, dB", "person_gain", 1),
    ("heard, %", "recall", 0),
    ("latency, ms", "latency_ms", 0),
)

CALLS = """2 m away, reverberation of 0.35 s, a delay of 90 ms; SER is the call's level over the
echo's. How many calls were heard, and false accepts where there were any. Every ten calls engines
begin anew, 8 s before the first.
"""

LICENCES = """The speech and music are from Debian packages (Asterisk's core sounds and hold music,
CC-BY-SA 3.0; PocketSphinx' test data, BSD), fetched when the benchmark first runs. They are
material for measuring and not part of this project."""


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """All that one run has measured."""

    seeds: tuple[int, ...]
    kind_of_seeds: str
    means: Sequence[Means]
    calls: Sequence[tuple[Calls, Sequence[Cell], Sequence[Tally]]]
    costs: Sequence[Cost]


def write(file: Path, results: Results, plots: Sequence[Path]) -> None:
    """Write the page; plots are linked from where the page lies."""
    pictures = {plot.stem: _picture(plot, file) for plot in plots}
    seeds = ", ".join(str(seed) for seed in results.seeds)
    parts = [
        HEAD.format(
            where=_where(),
            which=f"{results.kind_of_seeds} seeds {seeds}",
            count=len(results.seeds),
            minutes=len(results.seeds) * 71.0 / 60.0,
        ),
        _table(
            ["", *(title for title, _, _ in COLUMNS), "false accepts"],
            [_figures(means) for means in results.means],
        ),
        pictures.pop("echo-erle", ""),
        "ERLE converged / SDR while both talk, by what is hard about a scene:\n",
        _conditions(results.means),
        pictures.pop("echo-spectrograms", ""),
        "\n## Wake word while the box plays\n",
        CALLS,
        *(_calls(calls, cells, tallies) for calls, cells, tallies in results.calls),
        *pictures.values(),
        "\n## Cost per 10 ms\n",
        _table(
            ["", "microphones", "mean, µs", "p99, µs", "share of a core, %", "against speexdsp"],
            [
                [c.name, f"{c.microphones}", f"{c.mean_us:.0f}", f"{c.p99_us:.0f}",
                 f"{c.share:.1f}", f"{c.ratio:.2f}"]
                for c in results.costs
            ],
        ),
        "\n## What was played\n",
        LICENCES + "\n",
        *(f"- `{name}`: SHA-256 `{digest}`" for name, digest in packaged().digests().items()),
    ]  # fmt: skip
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(part for part in parts if part) + "\n", encoding="utf-8")


def _where() -> str:
    day = datetime.now().astimezone().date().isoformat()
    machine = f"{os.cpu_count()} cores of {platform.machine()}"
    return f"{day}, {machine}, Python {platform.python_version()}"


def _picture(plot: Path, page: Path) -> str:
    target = os.path.relpath(plot.resolve(), page.resolve().parent)
    return f"\n![{plot.stem.replace('-', ' ')}]({target})\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def _shown(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def _figures(means: Means) -> list[str]:
    cells = [means.title]
    for _, figure, digits in COLUMNS:
        never = means.never(figure)
        more = f" ({never} never)" if never and figure == "time_to_10_db" else ""
        cells.append(_shown(means.mean(figure), digits) + more)
    return [*cells, f"{sum(outcome.accepts for outcome in means.outcomes):.0f}"]


def _conditions(all_means: Sequence[Means]) -> str:
    conditions = list(
        dict.fromkeys(outcome.condition for means in all_means for outcome in means.outcomes)
    )
    rows = [
        [
            means.title,
            *(
                f"{means.mean('erle', name):.1f} / {means.mean('sdr', name):.1f}"
                for name in conditions
            ),
        ]
        for means in all_means
    ]
    return _table(["", *conditions], rows)


def _calls(calls: Calls, cells: Sequence[Cell], tallies: Sequence[Tally]) -> str:
    def cell(engine: str, name: str) -> str:
        tally = next(t for t in tallies if (t.engine, t.cell) == (engine, name))
        false = f" ({tally.false_accepts} false)" if tally.false_accepts else ""
        return f"{tally.heard}/{tally.calls}{false}"

    engines = dict.fromkeys(tally.engine for tally in tallies)
    rows = [[engine, *(cell(engine, c.name) for c in cells)] for engine in engines]
    title = f"{calls.title}: {len(calls.recordings)} voices, listened for by {calls.engine}:\n"
    return f"\n{title}\n" + _table(["", *(c.name for c in cells)], rows)
