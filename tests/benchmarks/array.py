"""How well the beam of four microphones hears, beside the best of them and delay-and-sum.

Signal to noise in dB over the best single microphone; each part is sent through the very filters
that were learnt from the sum (everything counts from the talker's first word, while it is still
being learnt). Then the bearing, the cost, and whether the echo is better cancelled before or
behind the beam. Published figures are those of the reporting seeds.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import thread_time_ns

import numpy as np

from appliance.enhance.array.beam import DELAY, Beam
from appliance.enhance.array.learner import WINDOW
from appliance.enhance.types import FULL_SCALE, Block, Mono
from appliance.frames import FRAME_SAMPLES
from tests.benchmarks import Row
from tests.benchmarks._array_scenes import (
    JUDGED,
    NOISES,
    REVERBERATION,
    ArrayScene,
    Heard,
    Sounds,
    board,
    heard,
)
from tests.benchmarks.audio.corpus import packaged, say
from tests.benchmarks.audio.metrics import db, figures, sdr
from tests.benchmarks.audio.scenes import rendered
from tests.benchmarks.audio.scenes import scene as echo_scene
from tests.benchmarks.audio.speexdsp import SpeexCanceller

NAME = "array"
SUMMARY = "A beam of four microphones beside the best of them; the talker's bearing; cost."

SCENES = 3
"""Of each reverberation and noise."""

GAIN, LOSS = 3.0, -0.3
"""Asked for: at least so much in diffuse noise at 0.25 s, never less anywhere."""

ECHO_SEEDS = (2, 10)
MEDIAN = {
    (0.25, "diffuse"): 8, (0.25, "music"): 6, (0.25, "speech"): 6,
    (0.5, "diffuse"): 21, (0.5, "music"): 14, (0.5, "speech"): 13,
}  # fmt: skip
"""Degrees by which SRP-PHAT over 0.32 s erred, in the research."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one scene, in dB over the best microphone where it says nothing else."""

    beam: float
    sum_: float
    sdr: float
    """Against the person without the room's tail: more than at the first microphone."""

    off_by: Sounds
    """Degrees, of every block with talk and a bearing."""

    used: float
    """Share of the blocks in which the beam was used."""

    beam_us: Sounds
    speex_us: Sounds


def run(options: argparse.Namespace) -> list[Row]:
    offset = 0 if options.seeds == "reporting" else 1000
    count = 1 if options.quick else SCENES
    rows, worst, all_of = [], 99.0, []
    for rt60 in REVERBERATION:
        for noise in NOISES:
            say(f"array: {noise}, {rt60} s")
            cell = [ArrayScene(rt60, noise, number, offset) for number in range(count)]
            outcomes = [_measure(heard(scene, packaged())) for scene in cell]
            all_of += outcomes
            worst = min(worst, *(outcome.beam for outcome in outcomes))
            rows += _cell(rt60, noise, outcomes)
    rows.append(Row("beam, worst scene", round(worst, 2), "dB", least=LOSS))
    rows += _cost(all_of)
    if not options.quick:
        rows += _orders([seed + offset for seed in ECHO_SEEDS])
    return [*rows, Row("seeds", options.seeds, note="number * 7 + 100 * RT60, + 1000 for tuning")]


def _cell(rt60: float, noise: str, outcomes: Sequence[Outcome]) -> list[Row]:
    gains = [outcome.beam for outcome in outcomes]
    name = f"{noise}, {rt60} s"
    least = GAIN if (rt60, noise) == (0.25, "diffuse") else LOSS
    sums = np.mean([outcome.sum_ for outcome in outcomes])
    clearer = np.mean([outcome.sdr for outcome in outcomes])
    used = np.mean([outcome.used for outcome in outcomes])
    note = f"each {', '.join(f'{gain:+.1f}' for gain in gains)}; delay and sum {sums:+.1f}"
    off = np.concatenate([outcome.off_by for outcome in outcomes])
    near = f"{np.mean(off <= 15) * 100:.0f} % within 15°; SRP-PHAT alone {MEDIAN[rt60, noise]}°"
    return [
        Row(f"beam, {name}", round(float(np.mean(gains)), 2), "dB", least=least, note=note),
        Row(f"SDR, {name}", round(float(clearer), 2), "dB", note=f"beam used {used:.0%}"),
        Row(f"bearing off, {name}", round(float(np.median(off)), 1), "°", note=near),
    ]


def _measure(sounds: Heard) -> Outcome:
    beam, both = Beam(board()), (sounds.person + sounds.noise).astype(np.float32)
    speex, silence = SpeexCanceller(1), np.zeros(FRAME_SAMPLES, np.float32)
    histories = np.zeros((2, 4, WINDOW), np.float32)
    parts: list[list[Mono]] = [[], []]
    off, used, mine, theirs = [], [], [], []
    for at in range(0, both.shape[1] - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        now = slice(at, at + FRAME_SAMPLES)
        begin = thread_time_ns()
        beam.process(both[:, now])
        middle = thread_time_ns()
        speex.process(both[:1, now], silence)
        mine.append((middle - begin) / 1e3)
        theirs.append((thread_time_ns() - middle) / 1e3)
        used.append(beam.beaming)
        former = beam._former
        assert former is not None
        for history, sound, part in zip(
            histories, (sounds.person, sounds.noise), parts, strict=True
        ):
            history[:, :-FRAME_SAMPLES] = history[:, FRAME_SAMPLES:].copy()
            history[:, -FRAME_SAMPLES:] = sound[:, now]
            part.append(former.apply(np.fft.rfft(history, axis=1).astype(np.complex64)))
        if former.learner.talk > 0.5 and beam.bearing is not None:
            off.append(abs((beam.bearing - sounds.bearing + 180.0) % 360.0 - 180.0))
    person, noise = (np.concatenate(part)[DELAY:].astype(np.float64) for part in parts)
    best = max(_snr(sounds.person[m], sounds.noise[m]) for m in range(4))
    early = sounds.early[JUDGED]
    return Outcome(
        _snr(person, noise) - best,
        _snr(_summed(sounds.person, sounds.bearing), _summed(sounds.noise, sounds.bearing)) - best,
        sdr((person + noise)[JUDGED], early) - sdr(both[0, JUDGED].astype(np.float64), early),
        np.array(off),
        float(np.mean(used)),
        np.array(mine),
        np.array(theirs),
    )


def _snr(person: Sounds, noise: Sounds) -> float:
    return db(float(np.mean(person[JUDGED] ** 2))) - db(float(np.mean(noise[JUDGED] ** 2)))


def _summed(sounds: Sounds, bearing: float) -> Sounds:
    """Delay and sum, with the true bearing."""
    places = np.asarray(board().positions)
    toward = np.array([np.cos(np.radians(bearing)), np.sin(np.radians(bearing)), 0.0])
    spectra = np.fft.rfft(sounds, axis=1)
    frequencies = np.fft.rfftfreq(sounds.shape[1], 1 / 16_000)
    turned = spectra * np.exp(-2j * np.pi * frequencies * (places @ toward / 343.0)[:, None])
    return np.asarray(np.fft.irfft(turned, sounds.shape[1], axis=1).mean(axis=0))


def _cost(outcomes: Sequence[Outcome]) -> list[Row]:
    ours = np.concatenate([outcome.beam_us[100:] for outcome in outcomes])
    speex = np.concatenate([outcome.speex_us[100:] for outcome in outcomes])
    note = f"beam and bearing, 4 microphones: mean {ours.mean():.0f}, median {np.median(ours):.0f}"
    note += f", p99 {np.percentile(ours, 99):.0f} us per 10 ms of this thread's own time"
    ratio = float(np.median(ours) / np.median(speex))
    return [Row("cost beside speexdsp with one microphone", round(ratio, 2), "x", note=note)]


def _orders(seeds: Sequence[int]) -> list[Row]:
    """Cancel the echo before the beam or behind it, on four microphones."""
    rows = []
    for seed in seeds:
        say(f"array: echo before or behind the beam, seed {seed}")
        sounds = rendered(replace(echo_scene(seed), microphones=4), packaged())
        microphones = sounds.microphones.astype(np.float32) / np.float32(FULL_SCALE)
        reference = sounds.reference.astype(np.float32) / np.float32(FULL_SCALE)
        for name in ("first microphone", "before the beam", "behind the beam"):
            output = _ordered(name, microphones, reference)
            result = figures(sounds, np.clip(output * FULL_SCALE, -32768, 32767).astype(np.int16))
            note = (
                f"SDR in double talk {result.sdr:.1f} dB, first 1.5 s {result.erle_first:.1f} dB"
            )
            rows.append(Row(f"echo {name}, seed {seed}", round(result.erle, 1), "dB", note=note))
    return rows


def _ordered(name: str, microphones: Block, reference: Mono) -> Mono:
    beam, out = Beam(board()), list[Mono]()
    canceller = SpeexCanceller(1 if name == "behind the beam" else 4)
    playing = 0
    for at in range(0, len(reference) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        now = slice(at, at + FRAME_SAMPLES)
        played, block = reference[now], microphones[:, now]
        playing = 50 if np.abs(played).max() > 1e-3 else max(0, playing - 1)
        if name == "behind the beam":
            mono = beam.process(block, hold=playing > 0)
            out.append(canceller.process(mono[None], played)[0])
            continue
        left = canceller.process(block, played)
        out.append(left[0] if name == "first microphone" else beam.process(left, hold=playing > 0))
    return np.concatenate(out)
