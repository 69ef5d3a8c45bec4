from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from appliance.errors import ModelError
from appliance.store.lean import eight_bit

RANDOM = np.random.default_rng(4)
TABLE = RANDOM.integers(-128, 128, (50, 16)).astype(np.int8)
TABLE_SCALE = RANDOM.uniform(0.01, 0.02, (50, 1)).astype(np.float32)
MATRIX = RANDOM.integers(-128, 128, (16, 8)).astype(np.int8)
MATRIX_SCALE = RANDOM.uniform(0.01, 0.02, (1, 8)).astype(np.float32)


def save(path: Path, *, quantized: bool = True) -> Path:
    """Write a model as MiniLM is published: rows of a table, times a matrix."""
    kind = TensorProto.FLOAT
    constants: dict[str, NDArray[Any]] = {
        "t": TABLE,
        "ts": TABLE_SCALE,
        "m": MATRIX,
        "ms": MATRIX_SCALE,
    }
    nodes = [
        helper.make_node("Cast", ["t"], ["t_f"], to=kind),
        helper.make_node("Mul", ["t_f", "ts"], ["table"]),
        helper.make_node("Gather", ["table", "ids"], ["rows"]),
        helper.make_node("Cast", ["m"], ["m_f"], to=kind),
        helper.make_node("Mul", ["m_f", "ms"], ["matrix"]),
        helper.make_node("MatMul", ["rows", "matrix"], ["out"]),
    ]
    if not quantized:
        constants = {"table": TABLE.astype(np.float32), "matrix": MATRIX.astype(np.float32)}
        nodes = [nodes[2], nodes[5]]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("out", kind, ["n", 8])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def run(path: Path, ids: NDArray[np.int64]) -> NDArray[np.float32]:
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    out: NDArray[np.float32] = session.run(None, {"ids": ids})[0]
    return out


def test_result_stays_the_same_but_for_rounding(tmp_path: Path) -> None:
    plain, lean = save(tmp_path / "plain.onnx"), tmp_path / "lean.onnx"
    eight_bit(plain, lean)
    ids = np.arange(50)
    before, after = run(plain, ids), run(lean, ids)
    assert np.abs(before - after).max() < 0.02 * np.abs(before).max()


def test_no_floats_are_made_of_the_weights(tmp_path: Path) -> None:
    lean = tmp_path / "lean.onnx"
    eight_bit(save(tmp_path / "plain.onnx"), lean)
    graph = onnx.load(lean).graph
    (lookup,) = [node for node in graph.node if node.output[0] == "rows.values"]
    assert lookup.input[0] == "t"
    assert "MatMul" not in {node.op_type for node in graph.node}
    read = {name for node in graph.node for name in node.input}
    assert {constant.name for constant in graph.initializer} <= read


def test_the_same_bytes_come_out_every_time(tmp_path: Path) -> None:
    plain = save(tmp_path / "plain.onnx")
    eight_bit(plain, tmp_path / "one.onnx")
    eight_bit(plain, tmp_path / "two.onnx")
    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "two.onnx").read_bytes()


def test_a_model_without_such_weights_is_refused(tmp_path: Path) -> None:
    plain = save(tmp_path / "plain.onnx", quantized=False)
    with pytest.raises(ModelError, match="no weights in eight bits"):
        eight_bit(plain, tmp_path / "lean.onnx")
