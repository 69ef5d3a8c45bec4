"""Runs the benchmarks: ``python -m tests.benchmarks [names] [options]``; see the package."""

import argparse
import json
import os
import pkgutil
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from rich.console import Console
from rich.table import Table

import tests.benchmarks
from tests.benchmarks import Row


class Benchmark(Protocol):
    """What a module of this package offers."""

    NAME: str
    SUMMARY: str

    def run(self, options: argparse.Namespace) -> list[Row]: ...


def main(arguments: Sequence[str]) -> int:
    found = _discover()
    options = _parse(arguments, found)
    console = Console(width=None if sys.stdout.isatty() else 140)
    if options.list:
        for name, benchmark in found.items():
            console.print(f"[bold]{name}[/bold]  {benchmark.SUMMARY}")
        return 0
    machine = _machine()
    console.print(", ".join(f"{key} {value}" for key, value in machine.items()))
    results: dict[str, list[Row]] = {}
    for name in options.names or found:
        console.print(f"[dim]{name}: {found[name].SUMMARY}[/dim]")
        results[name] = found[name].run(options)
    console.print(_table(results))
    if options.json is not None:
        rows = {name: [asdict(row) for row in rows] for name, rows in results.items()}
        text = json.dumps({"machine": machine, "results": rows}, indent=2)
        options.json.write_text(text + "\n", encoding="utf-8")
    return int(any(row.exceeded for rows in results.values() for row in rows))


def _discover() -> dict[str, Benchmark]:
    found = pkgutil.iter_modules(tests.benchmarks.__path__)
    names = [module.name for module in found if not module.ispkg and module.name[0] != "_"]
    modules = [import_module(f"tests.benchmarks.{name}") for name in names]
    return {module.NAME: cast("Benchmark", module) for module in modules}


def _parse(arguments: Sequence[str], found: dict[str, Benchmark]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench", description="Measures the appliance.")
    parser.add_argument("names", nargs="*", help=f"which: {', '.join(found)}; none: all")
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    _add_shared(parser)
    for benchmark in found.values():
        if hasattr(benchmark, "add_options"):
            benchmark.add_options(parser)
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in found]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(found)}")
    return options


def _add_shared(parser: argparse.ArgumentParser) -> None:
    """Add what several benchmarks of sound understand in the same way."""
    parser.add_argument(
        "--quick", action="store_true", help="sound: fewer scenes, for a look in between"
    )
    parser.add_argument(
        "--seeds", choices=("reporting", "tuning"), default="reporting",
        help="sound: the scenes of the published figures, or those to tune on",
    )  # fmt: skip
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="sound: draw PNGs there")


def _machine() -> dict[str, str]:
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        "date": datetime.now().astimezone().date().isoformat(),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in {"model name", "Model"}:
            return value.strip()
    return platform.machine()


def _table(results: dict[str, list[Row]]) -> Table:
    table = Table()
    for column in ("benchmark", "what", "value", "unit", "limit", "note"):
        table.add_column(column, justify="right" if column in {"value", "limit"} else "left")
    for name, rows in results.items():
        for row in rows:
            style = "bold red" if row.exceeded else ""
            table.add_row(
                name, row.what, _shown(row.value), row.unit, _limits(row), row.note, style=style
            )
        table.add_section()
    return table


def _limits(row: Row) -> str:
    limits = [(row.least, "≥"), (row.limit, "≤")]
    return ", ".join(f"{sign} {limit:g}" for limit, sign in limits if limit is not None)


def _shown(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
