"""A small world for the store: a list of two models, and a source that gives from memory."""

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from appliance.errors import ModelError
from appliance.store.manifest import Manifest, ModelName, parse
from appliance.store.models import ModelStore
from appliance.store.sources import Wanted

EAR = b"weights of the ear " * 500
TONGUE = b"weights of the tongue " * 700
LIST = f"""
[packages.near]
kind = "first"
name = "near"
version = "1.0"

[packages.far]
kind = "second"
name = "far"
version = "2.0"

[models.ear]
purpose = "Hears."
licence = {{ code = "MIT", weights = "MIT" }}
provenance = "Nowhere."
default = true

[[models.ear.files]]
name = "ear.onnx"
size = {len(EAR)}
sha256 = "{hashlib.sha256(EAR).hexdigest()}"
sources = [{{ package = "near", path = "in/ear" }}, {{ package = "far", path = "out/ear" }}]

[models.mouth]
purpose = "Speaks."
licence = {{ code = "MIT", weights = "MIT" }}
provenance = "Nowhere."
tests = true

[[models.mouth.files]]
name = "tongue.onnx"
size = {len(TONGUE)}
sha256 = "{hashlib.sha256(TONGUE).hexdigest()}"
sources = [{{ package = "far", path = "out/tongue" }}]

[[models.mouth.files]]
name = "ear.onnx"
size = {len(EAR)}
sha256 = "{hashlib.sha256(EAR).hexdigest()}"
sources = [{{ package = "far", path = "out/ear" }}]
"""


def manifest(text: str = LIST) -> Manifest:
    return parse(text, where="list.toml", kinds=("first", "second"), recipes=("int8-dynamic",))


@dataclass
class Shelf:
    """A source kind that gives what lies on it; a callable in place of bytes is called first."""

    things: dict[str, bytes | Callable[[], IO[bytes]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @contextmanager
    def open(self, wanted: Wanted, scratch: Path) -> Iterator[IO[bytes]]:
        path = wanted.origin.path
        self.asked.append(path)
        thing = self.things.get(path)
        if thing is None:
            raise ModelError(f"{wanted.origin.package.name} has no {path}")
        scratch.mkdir(parents=True, exist_ok=True)
        with io.BytesIO(thing) if isinstance(thing, bytes) else thing() as stream:
            yield stream


def full_shelves() -> tuple[Shelf, Shelf]:
    return Shelf({"in/ear": EAR}), Shelf({"out/ear": EAR, "out/tongue": TONGUE})


def store_at(root: Path, near: Shelf, far: Shelf, **more: Path) -> ModelStore:
    return ModelStore(manifest(), root, sources={"first": near, "second": far}, **more)


def silence(_name: ModelName, _done: int, _total: int) -> None:
    """Take progress and show nothing."""
