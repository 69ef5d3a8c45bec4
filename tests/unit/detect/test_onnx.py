import gc
import weakref
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from appliance.detect.onnx import open_model
from appliance.errors import ModelError


def save(path: Path, operator: str) -> Path:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node(operator, ["x"], ["y"])],
        "small",
        [value("x", TensorProto.FLOAT, [1])],
        [value("y", TensorProto.FLOAT, [1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def test_a_file_is_in_memory_once_however_many_ask_for_it(tmp_path: Path) -> None:
    path = save(tmp_path / "small.onnx", "Neg")
    assert open_model(path) is open_model(path)


def test_a_file_that_changed_is_opened_anew(tmp_path: Path) -> None:
    path = save(tmp_path / "small.onnx", "Neg")
    before = open_model(path)
    save(path, "Sigmoid")
    assert open_model(path) is not before


def test_a_model_goes_with_its_last_user(tmp_path: Path) -> None:
    seen = weakref.ref(open_model(save(tmp_path / "small.onnx", "Neg")))
    gc.collect()
    assert seen() is None


def test_what_is_no_model_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "small.onnx"
    with pytest.raises(ModelError, match=r"small\.onnx: missing"):
        open_model(path)
    path.write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"small\.onnx: not a model"):
        open_model(path)
