"""How well requests are understood, how fast, and what it costs in memory.

Two sets: the requests to a house in ``tests/data/requests``; and, with ``--commands DIR``,
recorded orders to a coffee maker that is nothing but a manifest, through the real speech detector,
trimming and transcription, clean and with kitchen noise (``kitchen.flac`` beside the folder). An
order counts only when the tool and every slot are right; a question back counts as wrong. The
noise is mixed at a ratio to the mean power of the speech, as the detector finds it in the clean
recording.
"""

import argparse
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import psutil
import soundfile
from numpy.typing import NDArray

from appliance.backend.local.stt import Transcriber
from appliance.backend.local.trim import trim
from appliance.backend.local.understand import StagedUnderstander
from appliance.backend.local.understand.types import Understanding
from appliance.detect.endpoint import Tuning
from appliance.detect.speech import SpeechEdges
from appliance.events import SpeechEnded, SpeechStarted
from appliance.frames import FRAME_SAMPLES, RATE, Frame
from appliance.units import SampleIndex
from tests.benchmarks import Row
from tests.requests import DATA, coffee_maker, house, judge, read

NAME = "understand"
SUMMARY = "what requests are taken for, in a house and at a coffee maker; time by stage; memory"

NOISE_DB = (24, 21, 18, 15, 12, 9, 6)
MODELS = Path(__file__).parents[2] / "models" / "files"
PARAMETERS = {
    "coffeeDrink": "coffee_drink",
    "roast": "roast",
    "size": "size",
    "numberOfShots": "number_of_shots",
    "milkAmount": "milk_amount",
    "sugarAmount": "sugar_amount",
}
AROUND = 3 * RATE // 10
"""Samples that a turn has before its first and after its last speech."""

Sound = NDArray[np.int16]


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--commands", type=Path, metavar="DIR", help="recorded orders, labelled")
    parser.add_argument(
        "--transcripts", type=Path, metavar="FILE", help="keep the transcripts of the orders there"
    )


def run(options: argparse.Namespace) -> list[Row]:
    minilm = MODELS / "minilm"
    rows = list(_home(minilm if minilm.is_dir() else None))
    if options.commands is not None:
        rows += _orders(options.commands, options.transcripts, minilm)
    return rows


def _home(minilm: Path | None) -> Iterator[Row]:
    tools = house()
    requests = read(DATA / "requests" / "home_en.toml")
    before = psutil.Process().memory_info().rss
    began = time.perf_counter()
    understander = _understander(minilm)
    understander.understand("", tools)
    yield Row("a new catalogue", 1000 * (time.perf_counter() - began), "ms", note="and the words")
    began = time.perf_counter()
    understander.understand("", [*tools])
    house_again = [*tools[:-1]]
    understander.understand("", house_again)
    took = 1000 * (time.perf_counter() - began)
    yield Row("a changed catalogue", took, "ms", note=f"{len(tools)} tools")
    began = time.perf_counter()
    understander.warm(tools)
    yield Row("the model and the examples", 1000 * (time.perf_counter() - began), "ms")
    judged = [judge(_forgetful(understander), tools, request) for request in requests]
    after = psutil.Process().memory_info().rss
    yield Row("memory added", (after - before) / 1e6, "MB", note="catalogue, words and model")
    for half, name in ((0, "looked at"), (1, "held out")):
        part = judged[half::2]
        share = 100 * statistics.fmean(j.right for j in part)
        yield Row(f"house, {name}", share, "% right", note=f"{len(part)} requests")
    wrong = 100 * statistics.fmean(j.wrong_action for j in judged)
    yield Row("house, wrong actions", wrong, "%", limit=3.0, note="done, but not asked for")
    yield from _times([j.understanding for j in judged])


def _times(understandings: list[Understanding]) -> Iterator[Row]:
    stages: dict[str, list[float]] = defaultdict(list)
    for understanding in understandings:
        spent: dict[str, float] = defaultdict(float)
        for stage in understanding.trace:
            spent[stage.stage] += 1000 * stage.took
        for name, took in (*spent.items(), ("whole", sum(spent.values()))):
            stages[name].append(took)
    for name, times in stages.items():
        ninth = statistics.quantiles(times, n=10)[8] if len(times) > 1 else times[0]
        value = f"{statistics.median(times):.1f} / {ninth:.1f}"
        yield Row(f"time, {name}", value, "ms", note=f"median / p90 of {len(times)} requests")


def _orders(folder: Path, kept: Path | None, minilm: Path) -> list[Row]:
    labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    transcripts: dict[str, dict[str, str]] = (
        json.loads(kept.read_text(encoding="utf-8")) if kept is not None and kept.exists() else {}
    )
    tools = [coffee_maker()]
    understander = _understander(minilm)
    rows: list[Row] = []
    for noise in (None, *NOISE_DB):
        condition = "clean" if noise is None else f"{noise} dB"
        known = transcripts.setdefault(condition, {})
        missing = sorted(labels.keys() - known.keys())
        if missing:
            known |= _transcribed(folder, missing, noise)
            if kept is not None:
                kept.write_text(json.dumps(transcripts, indent=1), encoding="utf-8")
        right = [
            _is_right(_forgetful(understander).understand(known[name], tools), labels[name])
            for name in sorted(labels)
        ]
        value = " / ".join(f"{statistics.fmean(part):.3f}" for part in (right[0::2], right[1::2]))
        note = f"looked at / held out, {len(right)} orders"
        rows.append(Row(f"orders, {condition}", value, "right", note=note))
    return rows


def _transcribed(folder: Path, names: list[str], noise: int | None) -> Mapping[str, str]:
    transcriber = Transcriber(MODELS / "moonshine-base")
    edges = SpeechEdges(MODELS / "silero-vad" / "silero_vad.onnx", Tuning())
    kitchen, _ = soundfile.read(folder.parent / "kitchen.flac", dtype="int16")
    written: dict[str, str] = {}
    for name in names:
        sound, rate = soundfile.read(folder / name, dtype="int16")
        if rate != RATE:
            raise SystemExit(f"{name}: {rate} Hz instead of {RATE}")
        if noise is not None:
            speech = _turn(edges, sound)
            start = int(name[:8], 16) % max(1, len(kitchen) - len(sound))
            part = np.resize(kitchen[start:], len(sound)).astype(np.float64)
            power = np.mean(speech.astype(np.float64) ** 2) / 10 ** (noise / 10)
            gain = np.sqrt(power / max(float(np.mean(part**2)), 1.0))
            sound = np.clip(sound + gain * part, -32768, 32767).astype(np.int16)
        turn = _turn(edges, sound)
        written[name] = transcriber.transcribe(trim(turn)) or transcriber.transcribe(turn)
    return written


def _turn(edges: SpeechEdges, sound: Sound) -> Sound:
    """Cut out what is spoken, as the appliance would; all of it where nothing is found."""
    edges.reset()
    first: int | None = None
    last = len(sound)
    for at in range(0, len(sound) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        frame = Frame(sound[at : at + FRAME_SAMPLES], SampleIndex(at))
        match edges.process(frame):
            case SpeechStarted(at=begin):
                first = begin if first is None else first
                last = len(sound)
            case SpeechEnded(at=end):
                last = end
            case _:
                pass
    return sound if first is None else sound[max(first - AROUND, 0) : last + AROUND]


def _is_right(understanding: Understanding, label: Mapping[str, Mapping[str, str]]) -> bool:
    wanted = {PARAMETERS[slot]: value.strip() for slot, value in label["slots"].items()}
    return len(understanding.calls) == 1 and dict(understanding.calls[0].arguments) == wanted


def _understander(minilm: Path | None) -> StagedUnderstander:
    return StagedUnderstander(wake_phrases=["hey jarvis"], area="kitchen", minilm_folder=minilm)


def _forgetful(understander: StagedUnderstander) -> StagedUnderstander:
    understander.forget()
    return understander
