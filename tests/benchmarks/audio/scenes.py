"""The scenes: a box that plays while somebody talks, 71 s each, the same for every engine.

What happens when is the same in all (``PARTS``): the box plays alone, somebody talks over it, it
plays alone, it is pushed aside (another echo path, 3 dB louder, in some scenes an alignment that
jumps) and plays on, at last the person talks alone. What differs is who talks, how loud, the
room, the delay, the clocks, the loudspeaker.

Seeds are of two kinds and never mix. ``REPORTING`` scenes are for figures that are published;
nobody looks at them while something is tuned. ``TUNING`` scenes have the same parameters with
other rooms, voices and words.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from appliance.frames import RATE
from tests.benchmarks.audio.acoustics import (
    Placing,
    Room,
    Sound,
    Sounds,
    active_dbfs,
    delayed,
    gain,
    heard,
    levelled,
    on_another_clock,
    pcm,
    placed,
    room,
    talk,
    through_loudspeaker,
)
from tests.benchmarks.audio.corpus import CACHE, Corpus, Samples, drawn

Condition = Literal["base", "drift", "nonlin", "slip", "music", "noise"]

CONDITIONS: tuple[Condition, ...] = ("base", "drift", "nonlin", "slip", "music", "noise")

Part = Literal["lead", "echo", "both", "echo_again", "moved", "person"]

PARTS: dict[Part, tuple[float, float]] = {
    "lead": (0.0, 2.0),
    "echo": (2.0, 22.0),
    "both": (22.0, 37.0),
    "echo_again": (37.0, 45.0),
    "moved": (45.0, 60.0),
    "person": (60.0, 70.0),
}
"""Seconds from and to: noise; playback alone, which a canceller first sees; double talk; playback
alone; playback alone after the echo path changed; the person alone."""

LENGTH = 71.0
"""Seconds."""

REPORTING = (0, 2, 4, 6, 8, 10, 12, 14, 15, 17, 18, 19, 20, 21)
"""Seeds of the published figures. Nothing may be tuned on them."""

TUNING = tuple(seed + 1000 for seed in REPORTING)
"""Seeds of the same conditions with other rooms, voices and words, to tune on."""

FORMAT = 1
"""Of kept scenes; a change of what is rendered wants another number."""

PEOPLE = ("near_it", "near_fr", "near_ru", "near_en")


@dataclass(frozen=True, slots=True)
class Scene:
    """All that makes a scene; equal scenes sound equal."""

    seed: int
    condition: Condition = "base"
    playback: Literal["speech", "music"] = "speech"
    person: str = "near_it"
    """Kind of recording in the corpus."""

    ser_db: float = 0.0
    """The person's level above the echo's at the first microphone, both while active."""

    person_dbfs: float = -32.0
    delay_ms: float = 80.0
    """From the reference to the loudspeaker; no engine is told."""

    drift_ppm: float = 0.0
    """By how much the capture clock is slower than the playback's."""

    headroom_db: float = 12.0
    asymmetry: float = 0.05
    """Of the loudspeaker; see ``through_loudspeaker``."""

    snr_db: float = 25.0
    rt60: float = 0.3
    slip_ms: float = 0.0
    """Jump of the alignment when the path changes, as after an underrun."""

    microphones: int = 1
    distance: float = 1.5
    """Metres to the person."""


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """What a scene sounds like."""

    scene: Scene
    microphones: Samples
    """Shape ``(microphones, n)``: person, echo and noise, as a card gives it."""

    reference: Samples
    """Shape ``(n,)``: what was given to the loudspeaker."""

    person: NDArray[np.float32]
    """Shape ``(microphones, n)``: the person as each microphone hears them."""

    echo: NDArray[np.float32]
    bearing: float
    """Of the person, in degrees from the first microphone, counter-clockwise."""


def span(part: Part, after_begin: float = 0.0, before_end: float = 0.0) -> slice:
    """Return the samples of a part, less seconds at its begin and end."""
    begin, end = PARTS[part]
    return slice(int((begin + after_begin) * RATE), int((end - before_end) * RATE))


def scene(seed: int) -> Scene:
    """Return the scene of a reporting seed (below 1000) or a tuning seed (from 1000)."""
    found = _suite()[seed % 1000]
    return replace(found, seed=seed)


def _suite() -> dict[int, Scene]:
    """All 23 scenes: what is not named here is that of ``Scene``."""
    hard = [Scene(seed, person=PEOPLE[seed % 4], ser_db=-5.0) for seed in range(23)]
    suite = {}
    for seed in range(8):  # four levels, each with two rooms
        level, turn = divmod(seed, 2)
        k = level + turn
        suite[seed] = Scene(
            seed,
            ser_db=(-10.0, -5.0, 0.0, 5.0)[level],
            delay_ms=(20.0, 60.0, 120.0, 200.0)[k % 4],
            person=PEOPLE[k % 4],
            rt60=(0.2, 0.3, 0.45)[k % 3],
        )
    for seed, ppm in zip(range(8, 13), (-100.0, -50.0, 20.0, 50.0, 100.0), strict=True):
        suite[seed] = replace(hard[seed], condition="drift", drift_ppm=ppm)
    for seed, headroom in zip(range(13, 16), (6.0, 4.0, 2.0), strict=True):
        suite[seed] = replace(
            hard[seed], condition="nonlin", headroom_db=headroom, asymmetry=0.15, delay_ms=100.0
        )
    for seed, slip in zip(range(16, 19), (-15.0, 20.0, 60.0), strict=True):
        suite[seed] = replace(hard[seed], condition="slip", slip_ms=slip)
    for seed, ser in zip(range(19, 21), (-5.0, -10.0), strict=True):
        suite[seed] = replace(
            hard[seed], condition="music", playback="music", ser_db=ser, delay_ms=120.0
        )
    for seed, snr in zip(range(21, 23), (10.0, 5.0), strict=True):
        suite[seed] = replace(hard[seed], condition="noise", snr_db=snr)
    return suite


def render(scene: Scene, corpus: Corpus) -> Rendered:
    """Let a scene happen; some seconds of work."""
    rng = np.random.default_rng(scene.seed)
    length = int(LENGTH * RATE)
    reference = _playback(scene, corpus, rng, length)
    placing = Placing(scene.rt60, scene.microphones, scene.distance)
    here = room(scene.seed + 1000, placing)
    aside = replace(placing, shift=(0.35, -0.2), driver=(0.01, 0.02, -0.075))
    there = room(scene.seed + 1000, aside)
    person = _person(scene, corpus, rng, here)
    noise = drawn(corpus["noise"], rng) / 32768.0
    echo = _echo(scene, reference / 32768.0, here, there)
    floor = _noise(scene, np.resize(noise, length), here, rng)
    return Rendered(
        scene,
        pcm(person + echo + floor),
        reference,
        person.astype(np.float32),
        echo.astype(np.float32),
        here.bearing,
    )


def rendered(
    scene: Scene,
    corpus: Corpus,
    *,
    cache: Path = CACHE,
    making: Callable[[Scene], None] = lambda _: None,
) -> Rendered:
    """Return a scene as kept on disk, else render and keep it (18 MB a microphone).

    Args:
        scene: Which.
        corpus: What it is made of; taken to be the same as last time.
        cache: Folder for all scenes.
        making: Is told where it is not there yet.
    """
    name = hashlib.sha256(f"{FORMAT} {scene}".encode()).hexdigest()[:16]
    kept = cache / "scenes" / f"{scene.condition}{scene.seed}-{name}.npz"
    if kept.is_file():
        with np.load(kept) as parts:
            return Rendered(
                scene,
                parts["microphones"],
                parts["reference"],
                parts["person"],
                parts["echo"],
                float(parts["bearing"]),
            )
    making(scene)
    made = render(scene, corpus)
    kept.parent.mkdir(parents=True, exist_ok=True)
    new = kept.with_suffix(f".{os.getpid()}.npz")  # others may be at it, too
    np.savez(
        new,
        allow_pickle=False,
        microphones=made.microphones,
        reference=made.reference,
        person=made.person,
        echo=made.echo,
        bearing=np.array(made.bearing),
    )
    new.replace(kept)
    return made


def _playback(scene: Scene, corpus: Corpus, rng: np.random.Generator, length: int) -> Samples:
    """What the box plays, from "echo" to "moved", at an active level of -20 dBFS."""
    begin, end = PARTS["echo"][0], PARTS["moved"][1]
    if scene.playback == "speech":
        sound = talk(corpus, "far", end - begin, rng)
    else:
        piece = drawn(corpus["music"], rng) / 32768.0
        first = rng.integers(20 * RATE, len(piece) - 60 * RATE)  # neither intro nor fade-out
        sound = levelled(piece[first : first + int((end - begin) * RATE)], -22.0)
    whole = levelled(placed(length, begin, sound), -20.0)
    return np.asarray(np.round(np.clip(whole, -0.99, 0.99) * 32767.0), dtype=np.int16)


def _person(scene: Scene, corpus: Corpus, rng: np.random.Generator, here: Room) -> Sounds:
    (both, both_end), (alone, alone_end) = PARTS["both"], PARTS["person"]
    over = talk(corpus, scene.person, both_end - both - 1.0, rng, (0.3, 0.9))
    after = talk(corpus, scene.person, alone_end - alone - 0.5, rng, (0.2, 0.6))
    length = int(LENGTH * RATE)
    said = placed(length, both + 0.5, over) + placed(length, alone + 0.3, after)
    images = heard(said, here.talker)
    return images * gain(scene.person_dbfs - active_dbfs(images[0]))


def _echo(scene: Scene, reference: Sound, here: Room, there: Room) -> Sounds:
    """The echo, with another path (in 10 ms) and 3 dB more from "moved" on."""
    driver = through_loudspeaker(reference, scene.headroom_db, scene.asymmetry)
    driver = on_another_clock(driver, scene.drift_ppm)
    late = round(scene.delay_ms * 1e-3 * RATE)
    later = late + round(scene.slip_ms * 1e-3 * RATE)
    before = heard(delayed(driver, late), here.loudspeaker)
    after = heard(delayed(driver, later), there.loudspeaker) * gain(3.0)
    change = PARTS["moved"][0] * RATE
    fade = np.clip((np.arange(len(reference)) - int(change)) / (0.01 * RATE), 0.0, 1.0)
    loud = active_dbfs(before[0][int(PARTS["echo"][0] * RATE) : int(change)])
    level = gain(scene.person_dbfs - scene.ser_db - loud)
    return np.asarray((before * (1.0 - fade) + after * fade) * level)


def _noise(scene: Scene, sound: Sound, here: Room, rng: np.random.Generator) -> Sounds:
    """Noise from one place and, 6 dB below it, a little of its own at each microphone."""
    point = heard(sound, here.noise)
    own = np.stack(
        [
            lfilter([1.0], [1.0, -0.9], rng.standard_normal(len(sound)))
            for _ in range(scene.microphones)
        ]
    )
    mixed = point / np.sqrt(np.mean(point[0] ** 2)) + 0.5 * own / np.std(own)
    level = gain(scene.person_dbfs - scene.snr_db)
    return np.asarray(mixed * level / np.sqrt(np.mean(mixed[0] ** 2)))
