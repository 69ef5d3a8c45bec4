"""The two halves of DTLN-aec, in the smallest networks that have their shape."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from appliance.enhance.taps.neural import FILES, HOP, WINDOW, NeuralSuppressor
from appliance.errors import ModelError
from appliance.frames import FRAME_SAMPLES

BINS = WINDOW // 2 + 1


def network(path: Path, size: int, operation: str, given: tuple[str, str]) -> None:
    """Write a network that makes one sound of two, and counts its steps in its state."""
    shape, state = [1, 1, size], [1, 2, 4, 2]
    one = helper.make_tensor("one", TensorProto.FLOAT, [], [1.0])
    value = helper.make_tensor_value_info
    float32 = TensorProto.FLOAT
    graph = helper.make_graph(
        [
            helper.make_node(operation, list(given), ["out"]),
            helper.make_node("Add", ["state", "one"], ["state_out"]),
        ],
        "half",
        [
            value("sound", float32, shape),
            value("state", float32, state),
            value("reference", float32, shape),
        ],
        [value("out", float32, shape), value("state_out", float32, state)],
        [one],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A mask of 1 wherever anything is heard, and a second half that takes the reference off."""
    network(tmp_path / FILES[0], BINS, "Div", ("sound", "sound"))
    network(tmp_path / FILES[1], WINDOW, "Sub", ("sound", "reference"))
    return tmp_path


def test_sound_comes_out_less_the_reference_and_late_by_its_window(folder: Path) -> None:
    suppressor = NeuralSuppressor(folder)
    rng = np.random.default_rng(2)
    sound = (0.01 * rng.standard_normal(100 * FRAME_SAMPLES)).astype(np.float32)
    reference = (0.01 * rng.standard_normal(100 * FRAME_SAMPLES)).astype(np.float32)
    blocks = zip(np.split(sound, 100), np.split(reference, 100), strict=True)
    out = np.concatenate([suppressor.process(*block) for block in blocks])
    assert out.shape == sound.shape
    late = WINDOW - HOP + HOP
    overlaps = WINDOW // HOP  # windows add up; the real second half divides them among each other
    expected = overlaps * (sound - reference)[:-late]
    assert np.allclose(out[late:][WINDOW:], expected[WINDOW:], atol=1e-5)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"{name}: missing"):
        NeuralSuppressor(folder)


def test_halves_in_the_wrong_order_are_refused_by_name(folder: Path) -> None:
    network(folder / FILES[0], WINDOW, "Sub", ("sound", "reference"))
    with pytest.raises(ModelError, match=rf"{FILES[0]}: not a half of DTLN-aec"):
        NeuralSuppressor(folder)


def test_what_is_no_model_is_refused_by_name(folder: Path) -> None:
    (folder / FILES[1]).write_bytes(b"weights")
    with pytest.raises(ModelError, match=rf"{FILES[1]}: not a model"):
        NeuralSuppressor(folder)


def test_a_network_that_gives_no_numbers_gives_finite_sound(folder: Path) -> None:
    network(folder / FILES[1], WINDOW, "Div", ("sound", "reference"))
    suppressor = NeuralSuppressor(folder)
    silence = np.zeros(FRAME_SAMPLES, np.float32)
    assert all(np.isfinite(suppressor.process(silence, silence)).all() for _ in range(10))
