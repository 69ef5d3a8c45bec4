"""Files that are made on the machine: from a verified ingredient, noted where they differ."""

import sys
from hashlib import sha256
from pathlib import Path

import pytest

from appliance.errors import ModelError
from appliance.store import ModelStore, recipes
from tests.unit.store.shelf import EAR, LIST, Shelf, manifest, silence

PRODUCT = EAR[::2]
OTHER = EAR[::3]
MADE = f"""
[models.ear.files.made]
name = "int8-dynamic"
size = {len(EAR)}
sha256 = "{sha256(EAR).hexdigest()}"
with_versions = "onnxruntime 1, onnx 1"

[models.mouth]
"""


def made_list(product: bytes = PRODUCT) -> str:
    text = LIST.replace("[models.mouth]", MADE, 1)
    before = f'size = {len(EAR)}\nsha256 = "{sha256(EAR).hexdigest()}"\nsources = [{{ package = "n'
    after = f'size = {len(product)}\nsha256 = "{sha256(product).hexdigest()}"'
    assert before in text
    return text.replace(before, f'{after}\nsources = [{{ package = "n', 1)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Let the recipe write what lies first in this list; the test may change it."""
    products = [PRODUCT]

    def make(ingredient: Path, product: Path) -> None:
        assert ingredient.read_bytes() == EAR
        product.write_bytes(products[0])

    monkeypatch.setitem(recipes.RECIPES, "int8-dynamic", make)
    return products


def store_of(root: Path, text: str) -> tuple[ModelStore, Shelf]:
    near = Shelf({"in/ear": EAR})
    return ModelStore(manifest(text), root, sources={"first": near, "second": Shelf()}), near


def test_a_made_file_is_what_the_list_says(tmp_path: Path, made: list[bytes]) -> None:
    assert made
    store, _ = store_of(tmp_path, made_list())

    store.fetch(["ear"], silence)

    assert (store.folder("ear") / "ear.onnx").read_bytes() == PRODUCT
    assert store.verify("ear") == []


def test_a_product_of_other_tools_is_noted_and_from_then_on_guarded(
    tmp_path: Path, made: list[bytes]
) -> None:
    made[0] = OTHER
    store, _ = store_of(tmp_path, made_list())
    store.fetch(["ear"], silence)
    path = store.folder("ear") / "ear.onnx"
    assert path.read_bytes() == OTHER
    assert store.verify("ear") == []

    path.write_bytes(OTHER[:-1] + b"!")

    with pytest.raises(ModelError, match=r"ear/ear\.onnx has SHA-256"):
        store.folder("ear")


def test_a_note_does_not_outlive_its_ingredient(tmp_path: Path, made: list[bytes]) -> None:
    made[0] = OTHER
    store, _ = store_of(tmp_path, made_list())
    store.fetch(["ear"], silence)
    newer = made_list().replace(MADE, MADE.replace(sha256(EAR).hexdigest(), "0" * 64))

    assert store_of(tmp_path, newer)[0].verify("ear") != []


def test_making_again_does_not_load_again(tmp_path: Path, made: list[bytes]) -> None:
    assert made
    store, near = store_of(tmp_path, made_list())
    store.fetch(["ear"], silence)
    (tmp_path / "ear" / "ear.onnx").unlink()

    store.fetch(["ear"], silence)

    assert near.asked == ["in/ear"]
    assert store.verify("ear") == []


def test_a_recipe_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_ingredient: Path, product: Path) -> None:
        product.write_bytes(b"half")
        raise ModelError("making it needs the package onnx")

    monkeypatch.setitem(recipes.RECIPES, "int8-dynamic", fail)
    store, _ = store_of(tmp_path, made_list())

    with pytest.raises(ModelError, match="needs the package onnx"):
        store.fetch(["ear"], silence)

    assert list((tmp_path / "ear").iterdir()) == []


def test_the_recipe_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime.quantization", None)

    with pytest.raises(ModelError, match=r"needs the package onnx: `\./run models`"):
        recipes.int8_dynamic(tmp_path / "in", tmp_path / "out")


def test_an_ingredient_of_several_files_is_loaded_and_counted_once(
    tmp_path: Path, made: list[bytes]
) -> None:
    assert made
    head, tail = made_list().split("\n[models.mouth]\n")
    entry = head[head.index("[[models.ear.files]]") :]
    twice = f"{head}\n{entry.replace('ear.onnx', 'ear2.onnx', 1)}\n[models.mouth]\n{tail}"
    store, near = store_of(tmp_path, twice)
    told: list[int] = []

    store.fetch(["ear"], lambda _name, _done, total: told.append(total))

    assert near.asked == ["in/ear"]
    assert set(told) == {len(EAR)}
    assert store.verify("ear") == []
