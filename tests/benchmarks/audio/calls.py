"""People who call the box while it plays: recordings of a wake word in a room with its echo.

Ten calls make a session of about a minute in one room: 2 m away, reverberation of 0.35 s, a
driver with 8 dB of headroom, a delay of 90 ms that no engine is told, kitchen noise 25 dB below
the calls. Each engine begins a session knowing nothing; playback begins 8 s before the first call.
A call is heard if a detector reports it between its begin and a second after its end; any other
report is a false accept.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from appliance.detect.embedding import EmbeddingWake, Head
from appliance.detect.wake import MicroWake
from appliance.frames import FRAME_SAMPLES, RATE
from appliance.ports import WakeDetector
from tests.benchmarks._voices import read, trimmed, voices
from tests.benchmarks.audio.acoustics import (
    SPOKEN_DBFS,
    Placing,
    Sound,
    active_dbfs,
    delayed,
    gain,
    heard,
    levelled,
    pcm,
    room,
    talk,
    through_loudspeaker,
)
from tests.benchmarks.audio.corpus import Corpus, Samples, drawn, packaged
from tests.benchmarks.audio.engines import chosen, through
from tests.benchmarks.audio.suite import reports, spread

Playback = Literal["", "speech", "music"]

PLACING = Placing(rt60=0.35, distance=2.0)
HEADROOM_DB = 8.0
ASYMMETRY = 0.05
DELAY = 0.09
CALL_DBFS = -32.0
SNR_DB = 25.0
LEAD = 8.0
"""Seconds of playback before the first call."""

PAUSE = (1.5, 2.5)
"""Seconds between calls; with the recordings' own silence longer than a detector's rest."""

GRACE = 1.0
"""Seconds after a call in which a report still counts."""

SESSION = 10
"""Calls."""

MOST = 40
"""Recordings of a word."""

SEEDS = {"reporting": 100, "tuning": 1100}
"""Of the first session; the others follow."""

COMPUTER = Path(__file__).parents[2] / "data" / "models" / "computer.onnx"


@dataclass(frozen=True, slots=True)
class Cell:
    """One situation in which all recordings are played."""

    name: str
    playback: Playback
    ser_db: float
    least: int
    """How many of forty people must be heard."""


CELLS = (
    Cell("no playback", "", 0.0, 0),
    Cell("speech, SER 0 dB", "speech", 0.0, 39),
    Cell("speech, SER -5 dB", "speech", -5.0, 38),
    Cell("speech, SER -10 dB", "speech", -10.0, 35),
    Cell("music, SER -5 dB", "music", -5.0, 38),
)


@dataclass(frozen=True, slots=True, eq=False)
class Calls:
    """Recordings of one word."""

    title: str
    detector: str
    """Name of a MicroWake word, or ``computer``: the tests' own head."""

    recordings: tuple[Sound, ...]
    people: bool
    """Recorded, rather than synthetic."""

    @property
    def engine(self) -> str:
        """Name what listens for it."""
        return "EmbeddingWake" if self.detector == "computer" else "MicroWake"

    def part(self, begin: int, end: int) -> "Calls":
        """Return some of the recordings."""
        return replace(self, recordings=self.recordings[begin:end])


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """Some calls in one room."""

    microphones: Samples
    reference: Samples
    begins: tuple[int, ...]
    ends: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """How one engine did in one situation."""

    engine: str
    cell: str
    heard: int
    calls: int
    false_accepts: int
    minutes: float
    """Of sound outside of calls."""

    def __add__(self, other: "Tally") -> "Tally":
        """Count both."""
        return Tally(
            self.engine,
            self.cell,
            self.heard + other.heard,
            self.calls + other.calls,
            self.false_accepts + other.false_accepts,
            self.minutes + other.minutes,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """One session for all engines, for one process."""

    seed: int
    cell: Cell
    calls: Calls
    engines: str
    backbone: Path


def session(seed: int, cell: Cell, said: Sequence[Sound], corpus: Corpus) -> Session:
    """Let people call, one after the other."""
    rng = np.random.default_rng(seed)
    begins, ends, pieces = [], [], [np.zeros(round(LEAD * RATE))]
    at = len(pieces[0])
    for call in said:
        pause = np.zeros(round(rng.uniform(*PAUSE) * RATE))
        begins.append(at)
        ends.append(at + len(call))
        pieces += [levelled(call, SPOKEN_DBFS), pause]
        at += len(call) + len(pause)
    length = -(-at // FRAME_SAMPLES) * FRAME_SAMPLES
    here = room(seed, PLACING)
    source = np.concatenate([*pieces, np.zeros(length - at)])
    image = heard(source, here.talker)
    image *= gain(CALL_DBFS - active_dbfs(image[0]))
    floor = heard(np.resize(corpus["noise"][0] / 32768.0, length), here.noise)
    floor *= gain(CALL_DBFS - SNR_DB) / np.sqrt(np.mean(floor[0] ** 2))
    reference = _playback(cell.playback, length, corpus, rng)
    mixed = image + floor
    if reference.any():
        driver = through_loudspeaker(reference / 32768.0, HEADROOM_DB, ASYMMETRY)
        echo = heard(delayed(driver, round(DELAY * RATE)), here.loudspeaker)
        mixed += echo * gain(CALL_DBFS - cell.ser_db - active_dbfs(echo[0]))
    return Session(pcm(mixed), reference, tuple(begins), tuple(ends))


def _playback(kind: Playback, length: int, corpus: Corpus, rng: np.random.Generator) -> Samples:
    if not kind:
        return np.zeros(length, dtype=np.int16)
    if kind == "speech":
        sound = talk(corpus, "far", length / RATE, rng)
    else:
        piece = drawn(corpus["music"], rng) / 32768.0
        first = int(rng.integers(20 * RATE, len(piece) // 2))
        sound = np.take(piece, np.arange(first, first + length), mode="wrap")
    sound = np.pad(sound, (0, length - len(sound)))
    return pcm(np.clip(levelled(sound, -20.0), -0.99, 0.99))


def recorded(folder: Path, word: str, seeds: str) -> Calls:
    """Take the recordings of people in a folder: the first 40 to report, the next 40 to tune.

    Where the tests' own head for "computer" hears, the first hundred were its lessons: those
    after them are for reports, and some of the lessons for tuning.
    """
    files = [file for file in sorted(folder.iterdir()) if file.suffix in {".flac", ".wav"}]
    first = 0 if seeds == "reporting" else MOST
    if word == "computer" and seeds == "reporting":
        first = 100
    chosen_files = files[first : first + MOST]
    return Calls(
        f"{word}, people", word, tuple(read(file) / 32768.0 for file in chosen_files), people=True
    )


def synthetic(seeds: str, piper: Path) -> Calls:
    """Have forty synthetic voices say "computer"; every other one is for tuning.

    The ready-made words know hardly half of these voices even where nothing plays.
    """
    some = list(voices(piper))[0 if seeds == "reporting" else 1 :: 2][:MOST]
    said = tuple(trimmed(voice.speak("computer")) for voice in some)
    return Calls("computer, synthetic", "computer", said, people=False)


def count(
    calls: Calls, cells: Sequence[Cell], engines: str, seed: int, backbone: Path
) -> list[Tally]:
    """Play all recordings in every cell to every engine."""
    parts = range(0, len(calls.recordings), SESSION)
    work = [
        Work(
            seed + i,
            cell,
            calls.part(part, part + SESSION),
            engines,
            backbone,
        )
        for cell in cells
        for i, part in enumerate(parts)
    ]
    sums: dict[tuple[str, str], Tally] = {}
    for made in spread(_session, work, f"{calls.title}: session"):
        for tally in made:
            key = (tally.engine, tally.cell)
            sums[key] = sums[key] + tally if key in sums else tally
    return [sums[kind.name, cell.name] for cell in cells for kind in chosen(engines)]


def _session(work: Work) -> list[Tally]:
    scene = session(work.seed, work.cell, work.calls.recordings, packaged())
    make = detector(work.calls.detector, work.backbone)
    return [
        judge(
            kind.name,
            work.cell.name,
            scene,
            reports(
                make(), through(kind, scene.microphones, scene.reference)[kind.taps[kind.wake]]
            ),
        )
        for kind in chosen(work.engines)
    ]


def detector(word: str, backbone: Path) -> Callable[[], WakeDetector]:
    """Return how to make the box's detector of a word, at its usual sensitivity."""
    if word == "computer":
        return lambda: EmbeddingWake(backbone, [Head(word, COMPUTER)])
    return lambda: MicroWake([word])


def judge(engine: str, cell: str, scene: Session, found: Sequence[int]) -> Tally:
    """Count the calls that were reported, and the reports that were none."""
    grace = round(GRACE * RATE)
    windows = [(a, b + grace) for a, b in zip(scene.begins, scene.ends, strict=True)]
    met = sum(any(a <= at <= b for at in found) for a, b in windows)
    strays = sum(not any(a <= at <= b for a, b in windows) for at in found)
    outside = len(scene.reference) - sum(b - a for a, b in windows)
    return Tally(engine, cell, met, len(windows), strays, outside / RATE / 60.0)
