"""What the chain costs per 10 ms, beside speexdsp in the same loop.

Time is that of the thread's own processor (what others do meanwhile does not count), in one
process, the engines taking turns frame by frame, so that their ratio means something on a machine
that is busy or throttled, too.
"""

import statistics
from dataclasses import dataclass, replace
from time import thread_time_ns

import numpy as np

from appliance.frames import FRAME_SAMPLES, FRAME_SECONDS, RATE
from tests.benchmarks.audio.corpus import packaged
from tests.benchmarks.audio.engines import Engine, Ours, Speex
from tests.benchmarks.audio.scenes import rendered, scene

WARM_UP = 100
"""Frames that do not count: models load, caches fill."""

BEGIN, END = 18.0, 42.0
"""Seconds of the scene: playback alone, double talk, playback alone."""

SEED = 1002
"""Of the scene; what it costs, not how good it is, so one for tuning will do."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one engine."""

    name: str
    microphones: int
    mean_us: float
    p99_us: float
    ratio: float
    """Mean against speexdsp's with one microphone."""

    @property
    def share(self) -> float:
        """Percent of a core."""
        return self.mean_us / (FRAME_SECONDS * 1e6) * 100.0


def costs(seconds: float = END - BEGIN) -> list[Cost]:
    """Measure speexdsp and the chain with one and with four microphones."""
    sounds = rendered(replace(scene(SEED), microphones=4), packaged())
    runners: list[tuple[str, int, Engine]] = [
        ("speexdsp alone", 1, Speex()),
        ("ours", 1, Ours()),
        ("ours", 4, Ours(4)),
    ]
    spent: list[list[int]] = [[] for _ in runners]
    first = round(BEGIN * RATE)
    for at in range(first, first + round(seconds * RATE), FRAME_SAMPLES):
        block = slice(at, at + FRAME_SAMPLES)
        for times, (_, microphones, engine) in zip(spent, runners, strict=True):
            heard, played = sounds.microphones[:microphones, block], sounds.reference[block]
            begin = thread_time_ns()
            engine.process(heard, played)
            times.append(thread_time_ns() - begin)
    means = [statistics.fmean(times[WARM_UP:]) / 1e3 for times in spent]
    return [
        Cost(
            name,
            microphones,
            mean,
            float(np.percentile(times[WARM_UP:], 99)) / 1e3,
            mean / means[0],
        )
        for (name, microphones, _), times, mean in zip(runners, spent, means, strict=True)
    ]
