"""What a language model behind the deterministic stages adds, and what it costs.

Runs with every model that is fetched (``voice-appliance models fetch qwen2.5-coder-1.5b``). The
requests are in ``tests/data/requests/model_en.toml``: written before the prompt, every second one
held out. Accuracy is counted without the patience of a box, so that it does not depend on the
machine; how many answers came within it is said beside it.
"""

import argparse
import os
import statistics
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from appliance.backend.local.llm.model import LanguageModel, Took, Tuning
from appliance.backend.local.llm.offer import offered
from appliance.backend.local.llm.prompt import prompt
from appliance.backend.local.llm.stage import WithModel
from appliance.backend.local.understand import StagedUnderstander
from appliance.backend.local.understand.types import Call, Understander
from appliance.units import Seconds
from tests.benchmarks import Row
from tests.requests import DATA, house

NAME = "language-model"
SUMMARY = "requests that only a language model may understand: right, wrong, nothing; time, memory"

MODELS = Path(__file__).parents[2] / "models" / "files"
NAMES = ("qwen2.5-coder-1.5b", "smollm2-135m")
PATIENCE = Seconds(8.0)
"""Of a box, by default."""

FOREVER = Seconds(600.0)
_HOUSE = house()
HALVES = {"looked-at": 0, "held-out": 1}


@dataclass(frozen=True, slots=True)
class Request:
    """One request, and every answer that is right."""

    say: str
    right: tuple[tuple[Call, ...], ...]


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--language-model", metavar="NAME", help="only this one of those fetched")
    parser.add_argument("--half", choices=tuple(HALVES), help="only this half of the requests")
    parser.add_argument("--threads", type=int, default=0, help="of the language model; 0: half")
    parser.add_argument("--show", action="store_true", help="print what came of each request")


def run(options: argparse.Namespace) -> list[Row]:
    rows = list(_row("without", [_judge(_staged(), r) for r in requests(options.half)]))
    for name in NAMES:
        file = MODELS / name / "model.gguf"
        if file.is_file() and options.language_model in (None, name):
            rows += _with_model(name, file, options)
    return rows


def requests(half: str | None = None) -> tuple[Request, ...]:
    """Read the requests, all or one half of them."""
    text = (DATA / "requests" / "model_en.toml").read_text(encoding="utf-8")
    read = tuple(
        Request(entry["say"], tuple(tuple(map(_call, calls)) for calls in entry["right"]))
        for entry in tomllib.loads(text)["request"]
    )
    return read if half is None else read[HALVES[half] :: 2]


def _call(entry: Mapping[str, object]) -> Call:
    arguments = dict(entry)
    return Call(str(arguments.pop("tool")), arguments)


def _with_model(name: str, file: Path, options: argparse.Namespace) -> Iterator[Row]:
    threads = options.threads or max(1, (os.cpu_count() or 1) // 2)
    some = offered(_HOUSE, area="kitchen")
    told = prompt(some, area="kitchen")
    process = psutil.Process()
    before = process.memory_info().rss
    began = time.perf_counter()
    model = LanguageModel(file, Tuning(threads=threads, patience=FOREVER))
    try:
        if not model.wait(FOREVER):
            raise SystemExit(f"{file} cannot be loaded")
        yield Row(f"{name}: load", time.perf_counter() - began, "s", note=f"{threads} threads")
        began = time.perf_counter()
        model.prepare(told)
        while not model.ready(told):
            time.sleep(0.05)
        note = f"{len(told.system)} characters; once, and when the tools change"
        yield Row(f"{name}: reading the prompt", time.perf_counter() - began, "s", note=note)
        stage = WithModel(_staged(), model, area="kitchen")
        judged: list[tuple[Request, str]] = []
        took: list[Took] = []
        for request in requests(options.half):
            before_it = model.last
            judged.append(_judge(stage, request, show=options.show))
            if model.last is not None and model.last is not before_it:
                took.append(model.last)
        yield from _row(name, judged)
        yield from _times(name, took)
        yield Row(f"{name}: memory", (process.memory_info().rss - before) / 1e6, "MB", note="more")
    finally:
        model.close()


def _row(name: str, judged: Sequence[tuple[Request, str]]) -> Iterator[Row]:
    for kind, wanted in (("indirect requests", True), ("off-topic", False)):
        part = [verdict for request, verdict in judged if bool(request.right) is wanted]
        counts = {word: part.count(word) for word in ("right", "wrong", "nothing")}
        value = " / ".join(map(str, counts.values()))
        yield Row(f"{name}: {kind}", value, f"of {len(part)}", note=" / ".join(counts))


def _times(name: str, took: Sequence[Took]) -> Iterator[Row]:
    if not took:
        return
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    for what, times in (
        ("first token, prompt cached", [one.first for one in took]),
        ("whole answer", [one.whole for one in took]),
    ):
        ninth = statistics.quantiles(times, n=10)[8] if len(times) > 1 else times[0]
        value = f"{statistics.median(times):.2f} / {ninth:.2f}"
        yield Row(f"{name}: {what}", value, "s", note=f"median / p90 of {len(times)}; {load}")
    share = 100 * statistics.fmean(one.whole <= PATIENCE for one in took)
    yield Row(f"{name}: within {PATIENCE:g} s", share, "%")
    cached = statistics.fmean(one.cached for one in took)
    new = statistics.fmean(one.prompt for one in took)
    yield Row(f"{name}: tokens of the prompt", f"{cached:.0f} + {new:.0f}", "", note="kept + new")


def _judge(
    understander: Understander, request: Request, *, show: bool = False
) -> tuple[Request, str]:
    if isinstance(understander, StagedUnderstander | WithModel):
        understander.forget()
    made = understander.understand(request.say, _HOUSE).calls
    verdict = _verdict(made, request.right)
    if show:
        calls = "; ".join(f"{call.tool} {dict(call.arguments)}" for call in made)
        print(f"{verdict:8} {request.say}  →  {calls}", flush=True)
    return request, verdict


def _verdict(made: Sequence[Call], right: Sequence[Sequence[Call]]) -> str:
    if not made:
        return "nothing" if right else "right"
    return "right" if any(_same(made, wanted) for wanted in right) else "wrong"


def _same(made: Sequence[Call], wanted: Sequence[Call]) -> bool:
    left = list(wanted)
    for call in made:
        fitting = next((one for one in left if _fits(call, one)), None)
        if fitting is None:
            return False
        left.remove(fitting)
    return not left


def _fits(call: Call, wanted: Call) -> bool:
    return (
        call.tool == wanted.tool
        and call.arguments.keys() == wanted.arguments.keys()
        and all(value in ("*", call.arguments[key]) for key, value in wanted.arguments.items())
    )


def _staged() -> StagedUnderstander:
    minilm = MODELS / "minilm"
    return StagedUnderstander(
        wake_phrases=["hey jarvis"],
        area="kitchen",
        minilm_folder=minilm if minilm.is_dir() else None,
    )
