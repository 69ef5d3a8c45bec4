"""Whether a person stops the box, and its own voice does not, beside other cancellers.

Every engine's speech goes through the detector of the box (``SpeechEdges``) as the box uses it:
what it hears while the box plays counts as an interruption, for our chain only while that says
that it hears through its own voice (``turn.barge_in = "auto"``). After each interruption the
detector begins anew, as it does with the next reply. False stops are counted over all playback in
which nobody talks, from its first sample on, through the change of the echo path. An interruption
is any utterance of the person over playback, after 0.25 s of silence; how long it took counts
from where Silero, on the person alone and without an echo, has seen 8 of 10 windows of speech
(AUDIO 1.5's definition, in which an engine may be early), and from the first sound.
"""

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from appliance.detect.endpoint import Tuning
from appliance.detect.speech import WINDOW, Silero, SpeechEdges
from appliance.enhance.chain import Chain
from appliance.events import SpeechStarted
from appliance.frames import FRAME_SAMPLES, FRAME_SECONDS, RATE, Frame
from appliance.units import SampleIndex
from tests.benchmarks import Row
from tests.benchmarks.audio.acoustics import pcm
from tests.benchmarks.audio.corpus import Samples, packaged
from tests.benchmarks.audio.engines import Kind, chosen, through
from tests.benchmarks.audio.scenes import PARTS, Part, Rendered, rendered, scene
from tests.benchmarks.audio.suite import probabilities, spread

NAME = "barge-in"
SUMMARY = "False stops and interruptions while the box plays, beside other cancellers."

SEEDS = tuple(range(23))
"""All scenes of the suite: 16.5 minutes of playback. Reporting seeds; 1000 more for tuning."""

QUICK = (2, 10, 14, 17, 19, 21)
ALONE: tuple[Part, ...] = ("echo", "echo_again", "moved")
WITHIN = 0.3
LATEST = 3.0
"""Seconds after its begin in which an interruption must be heard."""

PAUSE = 0.25
"""Seconds of silence before an utterance that count as the begin of another interruption."""

_SOFT = 1e-3
"""Of the person's loud blocks' power: below, they are silent."""


@dataclass(frozen=True, slots=True)
class Work:
    """What one process does at a time."""

    seed: int
    silero: Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """One engine in one scene."""

    engine: str
    false_stops: int
    played: float
    """Seconds of playback in which nobody talks."""

    after_onset: tuple[float | None, ...]
    """Seconds from each interruption's first sound; ``None``: missed."""

    after_clean: tuple[float | None, ...]
    """The same, from where speech is certain without an echo."""


def run(options: argparse.Namespace) -> list[Row]:
    offset = 0 if options.seeds == "reporting" else 1000
    seeds = [s + offset for s in SEEDS if not options.quick or s in QUICK]
    for material in ("far", "near_it", "near_fr", "near_ru", "near_en", "music"):
        packaged()[material]  # fetched here, once, rather than by each process
    work = [Work(seed, options.silero) for seed in seeds]
    outcomes = [outcome for made in spread(_scene, work, "scene") for outcome in made]
    rows = [Row("seeds", options.seeds, note=f"{seeds[0]} to {seeds[-1]}, {len(seeds)} scenes")]
    for kind in chosen(""):
        rows += _rows(kind.name, [o for o in outcomes if o.engine == kind.name])
    return rows


def _rows(name: str, outcomes: Sequence[Outcome]) -> list[Row]:
    ours = name == "ours"
    minutes = sum(o.played for o in outcomes) / 60
    onset = [delay for o in outcomes for delay in o.after_onset]
    clean = [delay for o in outcomes for delay in o.after_clean]
    missed = sum(delay is None for delay in onset)
    heard = sorted(1000 * delay for delay in onset if delay is not None) or [float("nan")]
    late = [1000 * delay for delay in clean if delay is not None] or [float("nan")]
    return [
        Row(
            f"{name}: false stops",
            sum(o.false_stops for o in outcomes),
            "",
            0 if ours else None,
            note=f"in {minutes:.1f} min of playback",
        ),
        Row(
            f"{name}: within 0.3 s",
            100 * _share(clean),
            "%",
            least=90.0 if ours else None,
            note=f"of {len(clean)} interruptions, from when speech is certain",
        ),
        Row(f"{name}: within 0.3 s of the first sound", 100 * _share(onset), "%"),
        Row(f"{name}: missed", missed, "", 0 if ours else None, note=f"of {len(onset)}"),
        Row(f"{name}: delay, mean", statistics.fmean(late), "ms", note=f"most {max(late):.0f}"),
        Row(
            f"{name}: delay from the first sound, median",
            statistics.median(heard),
            "ms",
            note=f"mean {statistics.fmean(heard):.0f}, most {heard[-1]:.0f}",
        ),
    ]


def _share(delays: Sequence[float | None]) -> float:
    return sum(delay is not None and delay <= WITHIN for delay in delays) / max(len(delays), 1)


# ------------------------------------------------------------------------------ one scene


def _scene(work: Work) -> list[Outcome]:
    sounds = rendered(scene(work.seed), packaged())
    person = pcm(sounds.person[0])
    certain = probabilities(Silero(work.silero), person) > 0.5
    begins = onsets(person)
    return [
        _judged(kind, sounds, begins, certain, SpeechEdges(work.silero, Tuning()))
        for kind in chosen("")
    ]


def _judged(
    kind: Kind,
    sounds: Rendered,
    begins: Sequence[float],
    certain: np.ndarray,
    detector: SpeechEdges,
) -> Outcome:
    speech, believed = _heard(kind, sounds)
    false = 0
    for part in ALONE:
        begin, end = PARTS[part]
        false += len(_stops(detector, speech, believed, begin, end))
    ends = [*begins[1:], PARTS["both"][1]]
    onset: list[float | None] = []
    clean: list[float | None] = []
    for begin, following in zip(begins, ends, strict=True):
        end = min(following, begin + LATEST)
        stops = _stops(detector, speech, believed, begin - 0.1, end)
        stop = stops[0] if stops else None
        onset.append(None if stop is None else stop - begin)
        clean.append(None if stop is None else stop - _certain(certain, begin, end))
    played = sum(PARTS[part][1] - PARTS[part][0] for part in ALONE)
    return Outcome(kind.name, false, played, tuple(onset), tuple(clean))


def _heard(kind: Kind, sounds: Rendered) -> tuple[Samples, np.ndarray]:
    """Return what the detector hears, and for each block whether speech may interrupt."""
    if kind.name != "ours":
        output = next(iter(through(kind, sounds.microphones, sounds.reference).values()))
        return output, np.ones(len(output) // FRAME_SAMPLES, np.bool_)
    chain, raw = Chain(), np.ascontiguousarray(sounds.microphones.T)
    count = len(raw) // FRAME_SAMPLES
    speech, believed = np.zeros(count * FRAME_SAMPLES, np.int16), np.zeros(count, np.bool_)
    for number in range(count):
        block = slice(number * FRAME_SAMPLES, (number + 1) * FRAME_SAMPLES)
        start = SampleIndex(block.start)
        taps = chain.process(Frame(raw[block], start, sounds.reference[block]))
        speech[block] = taps.speech.samples
        believed[number] = chain.converged
    return speech, believed


def _stops(
    detector: SpeechEdges, speech: Samples, believed: np.ndarray, begin: float, end: float
) -> list[float]:
    """Return when the box would have stopped; after each the detector begins anew."""
    stops = []
    detector.reset()
    for number in range(round(begin / FRAME_SECONDS), round(end / FRAME_SECONDS)):
        block = slice(number * FRAME_SAMPLES, (number + 1) * FRAME_SAMPLES)
        edge = detector.process(Frame(speech[block], SampleIndex(block.start)), playing=True)
        if isinstance(edge, SpeechStarted) and believed[number]:
            stops.append((number + 1) * FRAME_SECONDS)
            detector.reset()
    return stops


def onsets(person: Samples) -> list[float]:
    """Return when the person begins to talk over playback, in seconds."""
    count = len(person) // FRAME_SAMPLES
    blocks = person[: count * FRAME_SAMPLES].astype(np.float64).reshape(count, -1)
    powers = np.mean(blocks**2, axis=1)
    first, last = (round(at / FRAME_SECONDS) for at in PARTS["both"])
    talks = powers > _SOFT * np.percentile(powers[first:last], 95)
    found, quiet = [], 0.0
    for number in range(first, last - round(0.6 / FRAME_SECONDS)):
        sustained = talks[number] and talks[number : number + 5].sum() >= 4
        if sustained and quiet >= PAUSE:
            found.append(number * FRAME_SECONDS)
        quiet = 0.0 if talks[number] else quiet + FRAME_SECONDS
    return found


def _certain(speech: np.ndarray, begin: float, end: float) -> float:
    """Return when 8 of 10 windows of the person alone were speech; the end if never."""
    first = round((begin - 0.1) * RATE) // WINDOW
    last = round(end * RATE) // WINDOW
    for window in range(first + 8, last):
        if speech[max(first, window - 10) : window].sum() >= 8:
            return window * WINDOW / RATE
    return end
