"""Figures, each made by a command: ``./run bench [names] [options]``.

A benchmark is a module of this package with

* ``NAME``: one word, what is asked for on the command line;
* ``SUMMARY``: one sentence, for ``./run bench --list``;
* ``def run(options: argparse.Namespace) -> list[Row]``: does the measuring;
* optionally ``def add_options(parser: argparse.ArgumentParser) -> None``: its own options, with
  names that do not clash with those of the others.

``python -m tests.benchmarks`` finds the modules, prints one table and, with ``--json FILE``,
writes the same as JSON. A row may carry a limit; one that is exceeded makes the exit status 1. A
timing is given as a ratio against something measured in the same run wherever that is possible:
the milliseconds of one machine mean little on another. Modules whose name begins with an
underscore help others.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One figure."""

    what: str
    """What was measured, in plain words."""

    value: float | str
    unit: str = ""
    limit: float | None = None
    """The most that ``value`` may be; only for numbers."""

    note: str = ""
    """What one must know to read it: how many, which data, which mode."""

    @property
    def exceeded(self) -> bool:
        """Whether the value is a number beyond its limit."""
        return (
            self.limit is not None and isinstance(self.value, int | float)
        ) and not self.value <= self.limit
