"""Figures, each made by a command: ``./run bench [names] [options]``.

A benchmark is a module of this package with

* ``NAME``: one word, what is asked for on the command line;
* ``SUMMARY``: one sentence, for ``./run bench --list``;
* ``def run(options: argparse.Namespace) -> list[Row]``: does the measuring;
* optionally ``def add_options(parser: argparse.ArgumentParser) -> None``: its own options, with
  names that do not clash with those of the others.

``python -m tests.benchmarks`` finds the modules, prints one table and, with ``--json FILE``,
writes the same as JSON. A row may carry a limit, the most or the least that its value may be; one
that does not hold makes the exit status 1. A timing is given as a ratio against something measured
in the same run wherever that is possible: the milliseconds of one machine mean little on another.
Modules whose name begins with an underscore help others, and so do packages (``audio``).
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

    least: float | None = None
    """The least that ``value`` may be; only for numbers."""

    @property
    def exceeded(self) -> bool:
        """Whether the value is a number beyond a limit, or none at all."""
        if not isinstance(self.value, int | float):
            return False
        too_much = self.limit is not None and not self.value <= self.limit
        too_little = self.least is not None and not self.value >= self.least
        return too_much or too_little
