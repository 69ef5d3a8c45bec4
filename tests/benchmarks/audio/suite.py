"""Every engine over every scene, on all cores, and the means of what came out."""

import math
import multiprocessing
import os
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from appliance.detect.speech import WINDOW, Silero
from appliance.detect.wake import MicroWake
from appliance.frames import FRAME_SAMPLES, Frame
from appliance.ports import WakeDetector
from appliance.units import SampleIndex
from tests.benchmarks.audio.acoustics import pcm
from tests.benchmarks.audio.corpus import Samples, packaged, say
from tests.benchmarks.audio.engines import Kind, chosen, through
from tests.benchmarks.audio.metrics import Figures, figures
from tests.benchmarks.audio.scenes import Condition, rendered, scene, span

Task = TypeVar("Task")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One tap of one engine in one scene."""

    engine: str
    tap: str
    seed: int
    condition: Condition
    figures: Figures
    recall: float
    """Percent of the windows of the person's speech in double talk that Silero (0.5) hears."""

    accepts: float
    """Wake words reported in a scene in which nobody says one."""


@dataclass(frozen=True, slots=True)
class Work:
    """What one process does at a time."""

    seed: int
    engines: str
    silero: Path


@dataclass(frozen=True, slots=True, eq=False)
class Means:
    """One tap of one engine over all scenes: means over those that have the figure."""

    engine: str
    tap: str
    outcomes: tuple[Outcome, ...]

    @property
    def title(self) -> str:
        """Name the engine, and the tap if it has several."""
        return (
            self.engine if self.tap in {"microphone", "output"} else f"{self.engine}, {self.tap}"
        )

    def mean(self, figure: str, condition: Condition | None = None) -> float:
        """Return the mean of a figure, ``OWN`` or of ``Figures``; nan where none has it."""
        values = [
            value
            for outcome in self.outcomes
            if condition in {None, outcome.condition}
            and not math.isnan(value := _of(outcome, figure))
        ]
        return statistics.fmean(values) if values else math.nan

    def never(self, figure: str) -> int:
        """Return in how many scenes the figure does not exist."""
        return sum(math.isnan(_of(outcome, figure)) for outcome in self.outcomes)

    def by_condition(self, figure: str, digits: int = 1) -> str:
        """Return the means of each condition in words."""
        conditions = dict.fromkeys(outcome.condition for outcome in self.outcomes)
        return ", ".join(f"{name} {self.mean(figure, name):.{digits}f}" for name in conditions)


def _of(outcome: Outcome, figure: str) -> float:
    return float(getattr(outcome if figure in OWN else outcome.figures, figure))


OWN = frozenset({"recall", "accepts"})
"""Figures of ``Outcome`` itself."""

WORDS = ("hey_jarvis", "alexa", "hey_mycroft", "okay_nabu")


def measure(seeds: Sequence[int], kinds: Sequence[Kind], silero: Path) -> list[Means]:
    """Run all scenes; takes some 15 s a scene and core.

    Args:
        seeds: Of the scenes.
        kinds: Engines.
        silero: The speech model.
    """
    names = ",".join(kind.name for kind in kinds)
    for kind in ("far", "near_it", "near_fr", "near_ru", "near_en", "music"):
        packaged()[kind]  # fetched here, once, rather than by each process
    work = [Work(seed, names, silero) for seed in seeds]
    outcomes = [outcome for made in spread(_scene, work, "scene") for outcome in made]
    outcomes.sort(key=lambda outcome: outcome.seed)
    return [
        Means(
            kind.name,
            tap,
            tuple(o for o in outcomes if (o.engine, o.tap) == (kind.name, tap)),
        )
        for kind in kinds
        for tap in kind.taps
    ]


def spread(do: Callable[[Task], Made], tasks: Sequence[Task], what: str) -> Iterator[Made]:
    """Do tasks on all cores; yield what each made, as it comes; say how far it is."""
    fresh = multiprocessing.get_context("spawn")  # a fork would share the models' threads
    cores = min(os.cpu_count() or 1, len(tasks))
    with ProcessPoolExecutor(cores, mp_context=fresh) as pool:
        futures = [pool.submit(do, task) for task in tasks]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                yield future.result()
                say(f"{what} {done} of {len(tasks)}")
        finally:  # one that failed, or a person who has seen enough, ends it all
            pool.shutdown(wait=False, cancel_futures=True)


def _scene(work: Work) -> list[Outcome]:
    sounds = rendered(scene(work.seed), packaged())
    silero = Silero(work.silero)
    spoken = probabilities(silero, pcm(sounds.person[0])) > 0.5
    outcomes = []
    for kind in chosen(work.engines):
        outputs = through(kind, sounds.microphones, sounds.reference)
        for tap, output in outputs.items():
            heard = probabilities(silero, output) > 0.5
            outcomes.append(
                Outcome(
                    kind.name,
                    tap,
                    work.seed,
                    sounds.scene.condition,
                    figures(sounds, output),
                    recall(spoken, heard),
                    len(reports(MicroWake(WORDS), output)),
                )
            )
    return outcomes


def probabilities(silero: Silero, sound: Samples) -> NDArray[np.float64]:
    """Return Silero's probability for every whole window of 32 ms."""
    silero.reset()
    windows: Iterable[int] = range(0, len(sound) - WINDOW + 1, WINDOW)
    return np.array([silero.probability(sound[i : i + WINDOW]) for i in windows])


def reports(detector: WakeDetector, sound: Samples) -> list[int]:
    """Return where a detector reports its word in a sound."""
    events = []
    for first in range(0, len(sound) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        frame = Frame(sound[first : first + FRAME_SAMPLES], SampleIndex(first))
        if detector.process(frame) is not None:
            events.append(int(frame.end))
    return events


def recall(spoken: NDArray[np.bool_], heard: NDArray[np.bool_]) -> float:
    """Return the percentage of windows of speech in double talk that were heard as such."""
    part = span("both")
    windows = slice(part.start // WINDOW, part.stop // WINDOW)
    said, found = spoken[windows], heard[windows]
    return 100.0 * float(np.mean(found[said])) if said.any() else math.nan
