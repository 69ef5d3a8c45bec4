"""Where manifests come from: folders of TOML files, and retained messages of the broker."""

import errno
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from appliance.errors import ManifestError
from appliance.ports import ActionBus, Message
from appliance.tools.manifest import Manifest
from appliance.tools.parse import LARGEST, parse_json, parse_toml

log = logging.getLogger(__name__)


class Shelf(Protocol):
    """Where the broker's manifests are put."""

    def set_from_broker(self, name: str, manifest: Manifest | None) -> str | None:
        """Add, replace or (``None``) remove one; return why it was refused."""
        ...


def load_folder(folders: Iterable[Path]) -> tuple[tuple[Manifest, ...], tuple[str, ...]]:
    """Read every ``*.toml`` of these folders, in the order of their names.

    A bad file never stops the others; of two with one name the first counts. A folder that is not
    there has no manifests. Blocks while it reads.

    Returns:
        The manifests, and one line for each problem.
    """
    manifests: dict[str, Manifest] = {}
    problems: list[str] = []
    for path in (path for folder in folders for path in sorted(folder.glob("*.toml"))):
        try:
            manifest = parse_toml(_read(path), source=str(path))
        except ManifestError as error:
            problems += str(error).splitlines()
            continue
        except OSError as error:
            problems.append(f"{path}: cannot be read: {error.strerror}")
            continue
        first = manifests.setdefault(manifest.name, manifest)
        if first is not manifest:
            problems.append(f"{path}: name: `{manifest.name}` is taken by {first.source}")
    return tuple(manifests.values()), tuple(problems)


def _read(path: Path) -> bytes:
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise OSError(errno.EINVAL, "not a file")
    with path.open("rb") as file:
        return file.read(LARGEST + 1)


class BrokerManifests:
    """Follows the retained manifests on ``<root>/tools/<name>/config``. Event loop only.

    A message that cannot be used takes away the tool that was there: what is offered is always
    what the broker retains now.

    Args:
        bus: The house's messages.
        root: First level of our own topics.
        shelf: The registry.
    """

    def __init__(self, bus: ActionBus, *, root: str, shelf: Shelf) -> None:
        self._shelf = shelf
        self._problems: dict[str, tuple[str, ...]] = {}
        self._undo: Callable[[], None] = bus.subscribe(f"{root}/tools/+/config", self._on_message)

    def problems(self) -> Sequence[str]:
        """Return one line for each problem of the manifests that the broker retains now."""
        return tuple(line for lines in self._problems.values() for line in lines)

    def close(self) -> None:
        """Follow no longer; the tools stay."""
        self._undo()

    def _on_message(self, message: Message) -> None:
        name = message.topic.split("/")[-2]
        manifest: Manifest | None = None
        problems: tuple[str, ...] = ()
        if message.payload:
            try:
                manifest = parse_json(message.payload, source=message.topic, name=name)
            except ManifestError as error:
                problems = tuple(str(error).splitlines())
        refused = self._shelf.set_from_broker(name, manifest)
        problems = (*problems, refused) if refused else problems
        self._problems.pop(message.topic, None)
        if problems:
            self._problems[message.topic] = problems
            log.warning("manifest refused: %s", "; ".join(problems))
        else:
            log.info("tool %s: %s", name, "removed" if manifest is None else "from the broker")
