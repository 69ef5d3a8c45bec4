"""The real models on this disk, and the recipe that makes one of them."""

import importlib
from pathlib import Path

import pytest

from appliance.store import ModelStore
from appliance.store.disk import digest_of
from appliance.store.recipes import int8_dynamic, tools

STORE = ModelStore.default()


@pytest.mark.parametrize("name", STORE.manifest.for_tests())
def test_every_model_that_the_tests_need_is_here_and_right(name: str) -> None:
    assert STORE.verify(name) == [], "get it by: ./run models --tests"


@pytest.fixture
def small_voice(tmp_path: Path) -> Path:
    """Make a float model with each of the layers that the recipe quantises."""
    onnx = importlib.import_module("onnx")
    numpy = importlib.import_module("numpy")
    draw = numpy.random.default_rng(7)

    def weights(name: str, *shape: int) -> object:
        return onnx.numpy_helper.from_array(draw.normal(size=shape).astype("float32"), name)

    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("Conv", ["x", "c"], ["y"]),
            onnx.helper.make_node("MatMul", ["y", "m"], ["z"]),
        ],
        "voice",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 16, 66])],
        [onnx.helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, [1, 32, 16])],
        initializer=[weights("c", 32, 16, 3), weights("m", 64, 16)],
    )
    path = tmp_path / "float.onnx"
    opsets = [onnx.helper.make_opsetid("", 15)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def test_the_same_ingredient_makes_the_same_bytes(small_voice: Path, tmp_path: Path) -> None:
    once, again = tmp_path / "once.onnx", tmp_path / "again.onnx"

    int8_dynamic(small_voice, once)
    int8_dynamic(small_voice, again)

    assert digest_of(once) == digest_of(again)
    assert once.stat().st_size < 0.6 * small_voice.stat().st_size


def test_the_int8_model_computes_nearly_what_the_float_one_does(
    small_voice: Path, tmp_path: Path
) -> None:
    numpy = importlib.import_module("numpy")
    runtime = importlib.import_module("onnxruntime")
    product = tmp_path / "int8.onnx"
    int8_dynamic(small_voice, product)
    sound = numpy.random.default_rng(8).normal(size=(1, 16, 66)).astype("float32")

    exact, near = (
        runtime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"x": sound})
        for path in (small_voice, product)
    )

    error = numpy.abs(exact[0] - near[0]).max() / numpy.abs(exact[0]).max()
    assert error < 0.05


def test_the_tools_that_a_product_depends_on_are_named() -> None:
    assert "onnxruntime 1." in tools()
    assert "onnx 1." in tools()
    assert "missing" not in tools()
