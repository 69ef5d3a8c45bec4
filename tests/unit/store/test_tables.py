from pathlib import Path
from shutil import copyfile

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from appliance.errors import ModelError
from appliance.store.tables import table_of, without_table

TABLE = np.random.default_rng(3).normal(size=(50, 64)).astype(np.float32)
LAST = np.array([63])


def copied(ingredient: Path, product: Path) -> None:
    copyfile(ingredient, product)


def save(path: Path, *, lookup: bool = True) -> Path:
    """Write a model that looks rows up, and picks the last of their numbers by a small table."""
    value = helper.make_tensor_value_info
    nodes = [helper.make_node("Gather", ["table", "ids"], ["rows"], axis=0)]
    nodes.append(helper.make_node("Gather", ["rows", "last"], ["out"], axis=1))
    constants = [numpy_helper.from_array(TABLE, "table"), numpy_helper.from_array(LAST, "last")]
    if not lookup:
        nodes, constants = [helper.make_node("Identity", ["ids"], ["out"])], []
    kind = TensorProto.FLOAT if lookup else TensorProto.INT64
    inputs, outputs = [value("ids", TensorProto.INT64, ["n"])], [value("out", kind, None)]
    graph = helper.make_graph(nodes, "small", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def run(path: Path, ids: NDArray[np.int64]) -> NDArray[np.float32]:
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    out: NDArray[np.float32] = session.run(None, {"ids": ids})[0]
    return out


def test_a_model_with_its_table_outside_finds_the_same_rows(tmp_path: Path) -> None:
    whole = save(tmp_path / "whole.onnx")
    without_table(copied, "table.bin")(whole, tmp_path / "model.onnx")
    table_of(copied)(whole, tmp_path / "table.bin")
    ids = np.array([0, 49, 7])
    assert np.array_equal(run(tmp_path / "model.onnx", ids), TABLE[ids, 63:])


def test_the_table_is_not_in_the_model_any_more(tmp_path: Path) -> None:
    whole = save(tmp_path / "whole.onnx")
    without_table(copied, "table.bin")(whole, tmp_path / "model.onnx")
    table_of(copied)(whole, tmp_path / "table.bin")
    assert (tmp_path / "table.bin").read_bytes() == TABLE.tobytes()
    assert (tmp_path / "model.onnx").stat().st_size < TABLE.nbytes // 10


def test_the_same_bytes_come_out_every_time(tmp_path: Path) -> None:
    whole = save(tmp_path / "whole.onnx")
    for name in ("one.onnx", "two.onnx"):
        without_table(copied, "table.bin")(whole, tmp_path / name)
    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "two.onnx").read_bytes()


def test_a_model_without_a_table_is_refused(tmp_path: Path) -> None:
    whole = save(tmp_path / "whole.onnx", lookup=False)
    with pytest.raises(ModelError, match="no table"):
        without_table(copied, "table.bin")(whole, tmp_path / "model.onnx")
