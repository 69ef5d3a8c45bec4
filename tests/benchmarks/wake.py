"""How well the ready-made wake words are heard, how soon, and how often without reason.

Synthetic voices in a synthetic room compare the words with one another; recordings of people
(``--positives FOLDER WORD``, ``--negatives FOLDER``) say how good a word is. A voice says each
word alone, and again with a request right behind it, without a gap. After a word alone the
endpointer looks for speech from the detection on: what it finds would end the turn of somebody
who only called.
"""

import argparse
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.detect.endpoint import Tuning
from appliance.detect.speech import SpeechEdges
from appliance.detect.wake import MicroWake
from appliance.frames import FRAME_SAMPLES, RATE, Frame
from appliance.units import SampleIndex
from tests.benchmarks import Row
from tests.benchmarks._voices import Voice, in_room, noise, pcm, read, trimmed, voices

NAME = "wake"
SUMMARY = "Wake words: recall over many voices, delay, false alarms."

WORDS = {
    "hey_jarvis": "hey jarvis",
    "alexa": "alexa",
    "hey_mycroft": "hey mycroft",
    "okay_nabu": "okay naboo",
}
"""How a synthetic voice must be asked for it."""

REQUEST = "turn on the kitchen light"

BEFORE = 1.0
"""Seconds of room noise before a word."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One voice, one word. Delays are seconds from the word's end; ``None``: not heard."""

    family: str
    alone: float | None
    followed: float | None
    """A request follows without a gap."""

    in_one_breath: bool
    """Heard where the voice says word and request as one sentence."""

    mistaken: bool
    """The word alone was taken for the beginning of a request."""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--positives", nargs=2, action="append", default=[], metavar=("FOLDER", "WORD"),
        help="wake: recordings of a word, one each",
    )  # fmt: skip
    parser.add_argument(
        "--negatives", type=Path, action="append", default=[], metavar="FOLDER",
        help="wake: recordings without a wake word",
    )  # fmt: skip
    parser.add_argument(
        "--voice", type=Path, default=Path("models/files/voice-en-joe"), metavar="FOLDER",
        help="wake: a Piper voice that joins the others",
    )  # fmt: skip
    parser.add_argument("--sensitivity", type=float, default=0.5, help="wake: 0 to 1")


def run(options: argparse.Namespace) -> list[Row]:
    everybody = list(voices(options.voice))
    rows: list[Row] = []
    for word in WORDS:
        rows += _synthetic(word, everybody, options.silero, options.sensitivity)
    for folder, word in options.positives:
        rows.append(_human(word, sorted(Path(folder).iterdir()), options.sensitivity))
    if options.negatives:
        rows += _false_alarms(options.negatives, options.sensitivity)
    return rows


def _synthetic(
    word: str, everybody: Sequence[Voice], silero: Path, sensitivity: float
) -> list[Row]:
    speech = SpeechEdges(silero, Tuning())
    trials = [
        _trial(word, voice, seed, speech, sensitivity) for seed, voice in enumerate(everybody)
    ]
    alone = [trial.alone for trial in trials if trial.alone is not None]
    followed = [trial.followed for trial in trials if trial.followed is not None]
    mistaken = sum(trial.mistaken for trial in trials)
    return [
        _recall(f"{word}: heard", trials, lambda trial: trial.alone is not None),
        _recall(f"{word}: request follows", trials, lambda trial: trial.followed is not None),
        _recall(f"{word}: in one breath", trials, lambda trial: trial.in_one_breath),
        Row(f"{word}: delay, median", *_delay(alone)),
        Row(f"{word}: delay, request follows", *_delay(followed)),
        Row(f"{word}: alone, taken for a request", mistaken, note=f"of {len(alone)} heard"),
    ]


def _recall(what: str, trials: Sequence[Trial], heard: Callable[[Trial], bool]) -> Row:
    families = sorted({trial.family for trial in trials})
    groups = {name: [heard(t) for t in trials if t.family == name] for name in families}
    note = ", ".join(f"{name} {sum(group)}/{len(group)}" for name, group in groups.items())
    return Row(what, 100 * sum(map(heard, trials)) / len(trials), "%", note=note)


def _delay(delays: Sequence[float]) -> tuple[float, str, None, str]:
    if not delays:
        return float("nan"), "ms", None, ""
    note = f"after the word's end; {1000 * min(delays):.0f} to {1000 * max(delays):.0f} ms"
    return 1000 * statistics.median(delays), "ms", None, note


def _trial(word: str, voice: Voice, seed: int, speech: SpeechEdges, sensitivity: float) -> Trial:
    call, request = trimmed(voice.speak(WORDS[word])), trimmed(voice.speak(REQUEST))
    sentence = trimmed(voice.speak(f"{WORDS[word]} {REQUEST}"))
    ended = round(BEFORE * RATE) + len(call)
    lone, joined, whole = (
        in_room(sound, seed, before=BEFORE, after=2.0)
        for sound in (call, np.concatenate([call, request]), sentence)
    )
    alone, followed, breath = (
        _listen(MicroWake([word], sensitivity=sensitivity), sound)
        for sound in (lone, joined, whole)
    )
    speech.reset()
    after = _frames(lone[alone[0] :], 0) if alone else ()
    return Trial(
        voice.family,
        alone=(alone[0] - ended) / RATE if alone else None,
        followed=(followed[0] - ended) / RATE if followed else None,
        in_one_breath=bool(breath),
        mistaken=any(speech.process(frame) is not None for frame in after),
    )


def _frames(sound: NDArray[np.int16], begin: int) -> Iterator[Frame]:
    for i in range(0, len(sound) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        yield Frame(sound[i : i + FRAME_SAMPLES], SampleIndex(begin + i))


def _listen(detector: MicroWake, sound: NDArray[np.int16], begin: int = 0) -> list[int]:
    events = (detector.process(frame) for frame in _frames(sound, begin))
    return [heard.at for heard in events if heard is not None]


def _human(word: str, files: Sequence[Path], sensitivity: float) -> Row:
    heard = 0
    for seed, file in enumerate(files):
        quiet = pcm(noise(RATE, seed) * 1e-4)
        sound = np.concatenate([quiet, read(file), quiet])
        heard += bool(_listen(MicroWake([word], sensitivity=sensitivity), sound))
    note = f"{heard}/{len(files)} recordings"
    return Row(f"{word}: heard, people", 100 * heard / len(files), "%", note=note)


def _false_alarms(folders: Sequence[Path], sensitivity: float) -> list[Row]:
    files = [file for folder in folders for file in sorted(folder.iterdir())]
    detectors = {word: MicroWake([word], sensitivity=sensitivity) for word in WORDS}
    alarms = dict.fromkeys(WORDS, 0)
    length = 0
    for file in files:
        if file.suffix not in {".flac", ".wav"}:
            continue
        sound = read(file)
        for word, detector in detectors.items():
            alarms[word] += len(_listen(detector, sound, begin=length))
        length += len(sound) // FRAME_SAMPLES * FRAME_SAMPLES
    hours = length / RATE / 3600
    note = f"in {hours:.2f} h of people who do not say it"
    return [
        Row(f"{word}: false alarms", count / hours, "/h", note=f"{count} {note}")
        for word, count in alarms.items()
    ]
