"""The tools of one appliance, by name, and to whom a name belongs."""

from collections.abc import Iterable
from typing import assert_never

from appliance.catalogue import ToolSpec
from appliance.tools.house import House
from appliance.tools.manifest import Manifest
from appliance.tools.plan import Planned
from appliance.tools.ready import BuiltIn, Ready, SlowBuiltIn
from appliance.tools.wording import Wording

Tool = BuiltIn | SlowBuiltIn | Planned | Manifest


class Shelf:
    """Where tools are put and found. Event loop only.

    A name belongs to who came first: built-in tools, then files, then the broker. What comes later
    with the same name is refused, by name. The name of a built-in tool that this box has no use
    for (it has no camera) is kept for it all the same: no manifest ends because one is plugged in.

    Args:
        wording: The phrases of the language.
        house: Listens to the states of manifests; ``None``: there is no broker.
    """

    def __init__(self, wording: Wording, house: House | None) -> None:
        self._wording = wording
        self._house = house
        self._built_in: dict[str, Tool] = {}
        self._planned: dict[str, dict[str, Planned]] = {}
        self._files: dict[str, Manifest] = {}
        self._broker: dict[str, Manifest] = {}
        self._tools: dict[str, Tool] = {}
        self._catalogue: tuple[ToolSpec, ...] = ()

    def catalogue(self) -> tuple[ToolSpec, ...]:
        """Return the tools that can be called now: the same object until they change."""
        return self._catalogue

    def find(self, name: str) -> Tool | None:
        """Return the tool of this name."""
        return self._tools.get(name)

    def source(self, name: str) -> str | None:
        """Say where a tool comes from: ``built in``, a file, or a topic."""
        match self._tools.get(name):
            case None:
                return None
            case BuiltIn() | SlowBuiltIn():
                return "built in"
            case Planned(source=source) | Manifest(source=source):
                return source
            case entry:
                assert_never(entry)

    def add_built_in(self, tools: Iterable[Ready]) -> None:
        """Add the tools that need no house; before any other."""
        self._built_in |= {tool.spec.name: tool for tool in tools}
        self._renew()

    def set_planned(self, source: str, tools: Iterable[Planned]) -> None:
        """Replace the tools of a source whose names are ours (``languages/``)."""
        self._planned[source] = {tool.spec.name: tool for tool in tools}
        self._renew()

    def set_files(self, manifests: Iterable[Manifest]) -> tuple[str, ...]:
        """Replace the manifests of files.

        Returns:
            One line for each that was refused, because its name was taken.
        """
        self._files = {}
        refused: list[str] = []
        for manifest in manifests:
            taken = self._taken(manifest)
            if taken is None:
                self._files[manifest.name] = manifest
            else:
                refused.append(taken)
        self._renew()
        return tuple(refused)

    def set_from_broker(self, name: str, manifest: Manifest | None) -> str | None:
        """Add, replace or (``None``) remove a manifest of the broker.

        Returns:
            Why it was refused, if it was: its name is taken.
        """
        self._broker.pop(name, None)
        refused = None if manifest is None else self._taken(manifest)
        if manifest is not None and refused is None:
            self._broker[name] = manifest
        self._renew()
        return refused

    def _taken(self, manifest: Manifest) -> str | None:
        """Return the line that refuses a manifest whose name is taken."""
        first = self._files.get(manifest.name)
        if manifest.name in self._wording.tools or manifest.name in self._built_in:
            where = "a built-in tool"
        elif first is not None:
            where = first.source
        else:
            return None
        return f"{manifest.source}: name: `{manifest.name}` is taken by {where}"

    def _renew(self) -> None:
        planned = {
            name: tool for source in self._planned.values() for name, tool in source.items()
        }
        tools: dict[str, Tool] = {**self._broker, **self._files, **planned, **self._built_in}
        self._tools = dict(sorted(tools.items()))
        catalogue = tuple(tool.spec for tool in self._tools.values())
        if catalogue != self._catalogue:
            self._catalogue = catalogue
        if self._house is not None:
            self._house.follow(tool for tool in self._tools.values() if isinstance(tool, Manifest))
