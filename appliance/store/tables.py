"""Recipes that leave a model's table of words in a file beside it.

A request looks up a dozen rows of a table of 30 000. onnxruntime maps the file of a constant that
lies outside the model, so that only the rows which are looked up come into memory: 9 of 12 MB
less for MiniLM, 7 of 9 for Moonshine tiny.
"""

import importlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from appliance.errors import ModelError

Make = Callable[[Path, Path], None]
"""Takes the ingredient and where the product goes; the same bytes every time on one machine."""


def without_table(make: Make, file: str) -> Make:
    """Return a recipe for the same model with its table in a file of this name beside it."""

    def made(ingredient: Path, product: Path) -> None:
        onnx, model, table = _made(make, ingredient)
        place = {"location": file, "offset": "0", "length": str(len(table.raw_data))}
        table.ClearField("raw_data")
        table.data_location = onnx.TensorProto.EXTERNAL
        for key, value in place.items():
            table.external_data.add(key=key, value=value)
        product.write_bytes(model.SerializeToString(deterministic=True))

    return made


def table_of(make: Make) -> Make:
    """Return a recipe for the file that ``without_table`` leaves out."""

    def made(ingredient: Path, product: Path) -> None:
        _, _, table = _made(make, ingredient)
        product.write_bytes(table.raw_data)

    return made


def _made(make: Make, ingredient: Path) -> tuple[Any, Any, Any]:
    """Make a model; return the package onnx, the model, and its largest table within it."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.onnx"
        make(ingredient, whole)
        onnx = importlib.import_module("onnx")
        model = onnx.load(whole)
    looked_up = {node.input[0] for node in model.graph.node if node.op_type == "Gather"}
    tables = [table for table in model.graph.initializer if table.name in looked_up]
    table = max(tables, key=lambda table: len(table.raw_data), default=None)
    if table is None or not table.raw_data:
        raise ModelError(f"{ingredient}: what is made of it has no table")
    return onnx, model, table
