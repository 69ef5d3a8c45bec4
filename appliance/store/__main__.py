"""``python -m appliance.store fetch [NAME…]``: what ``./run`` uses to set models up.

``voice-appliance models`` is the command for people; this one needs nothing but the standard
library's terminal, and is quick when there is nothing to do.
"""

import sys
from collections.abc import Sequence

from appliance.errors import ModelError
from appliance.store import ModelName, ModelStore


def main(arguments: Sequence[str]) -> int:
    """Fetch the named models, else the default ones, or with ``--tests`` those of the tests.

    Returns:
        0; 1 if something could not be had; 2 for a wrong call.
    """
    match list(arguments):
        case ["fetch", "--tests"]:
            wanted = None
        case ["fetch", *names] if not any(name.startswith("-") for name in names):
            wanted = names
        case _:
            _write("usage: python -m appliance.store fetch [--tests | NAME…]\n")
            return 2
    try:
        store = ModelStore.default()
        if wanted is None:
            wanted = list(store.manifest.for_tests())
        store.fetch(wanted or store.manifest.defaults(), _Line().show)
    except ModelError as error:
        _write(f"run: {error}\n")
        return 1
    return 0


class _Line:
    """A line of progress per model, rewritten in place on a terminal."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._shown = (ModelName(""), -1)

    def show(self, name: ModelName, done: int, total: int) -> None:
        """Show a model's progress; on no terminal only its beginning and end."""
        percent = 100 * done // total
        if (name, percent) == self._shown or not (self._live or percent in {0, 100}):
            return
        self._shown = (name, percent)
        text = f"model {name}: {done / 1e6:.1f} of {total / 1e6:.1f} MB ({percent} %)"
        _write(f"\r{text}" if self._live else f"{text}\n")
        if self._live and percent == 100:
            _write("\n")


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
