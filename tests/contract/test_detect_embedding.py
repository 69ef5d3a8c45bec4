"""Words of one's own: a head that we trained ourselves, over the real backbone."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from appliance.detect.embedding import EMBEDDINGS, STEP, VALUES, Backbone, EmbeddingWake, Head
from appliance.detect.onnx import open_model
from appliance.errors import ModelError
from appliance.events import WakeWordHeard
from appliance.frames import Frame
from appliance.units import SampleIndex, Seconds
from tests.models import model_folder
from tests.recordings import Sound, frames, hiss, quiet, recording

COMPUTER = Head("computer", Path(__file__).parents[1] / "data" / "models" / "computer.onnx")


def backbone() -> Path:
    return model_folder("speech-embedding")


def hear(detector: EmbeddingWake, sound: Sound, start: int = 0) -> list[WakeWordHeard]:
    return [e for frame in frames(sound, start) if (e := detector.process(frame))]


@pytest.mark.parametrize("name", ["computer_103", "computer_125"])
def test_a_word_of_one_s_own_is_heard_once(name: str) -> None:
    sound = np.concatenate([quiet(1.0), recording(name), quiet(0.5)])
    (heard,) = hear(EmbeddingWake(backbone(), [COMPUTER]), sound, start=1_600)
    assert heard.word == "computer"
    assert 1_600 < heard.at <= 1_600 + len(sound)


@pytest.mark.parametrize("name", ["order_latte", "order_mocha", "alexa_031", "kitchen"])
def test_other_speech_and_a_kitchen_are_no_word(name: str) -> None:
    assert hear(EmbeddingWake(backbone(), [COMPUTER]), recording(name)) == []


def test_silence_and_noise_are_no_word() -> None:
    sound = np.concatenate([np.zeros(32_000, np.int16), quiet(2.0), hiss(2.0, level=3_000.0)])
    assert hear(EmbeddingWake(backbone(), [COMPUTER]), sound) == []


def test_a_cold_start_is_a_quiet_room() -> None:
    """What the buffers hold at the start must not differ from what a quiet room puts there."""
    cold, warm = Backbone(backbone()), Backbone(backbone())
    noise = quiet(4.0, seed=5)
    for i in range(0, len(noise) - STEP + 1, STEP):
        warm.step(noise[i : i + STEP])
    head = open_model(COMPUTER.model)
    scores = [head.run(None, {"embeddings": b.embeddings})[0].item() for b in (cold, warm)]
    assert max(scores) < 0.01
    between = np.linalg.norm(cold.embeddings.mean(1) - warm.embeddings.mean(1))
    from_zeros = np.linalg.norm(warm.embeddings.mean(1))
    assert between < 0.2 * from_zeros


def test_the_first_sound_is_heard_as_any_later_one() -> None:
    word = np.concatenate([recording("computer_103"), quiet(0.5)])
    (cold,) = hear(EmbeddingWake(backbone(), [COMPUTER]), word)
    (warm,) = hear(EmbeddingWake(backbone(), [COMPUTER]), np.concatenate([quiet(3.2), word]))
    assert warm.at - cold.at == round(3.2 * 16_000)


def test_the_same_sound_gives_the_same_events() -> None:
    sound = np.concatenate([quiet(0.5), recording("computer_125"), quiet(0.5)])
    first, second = (hear(EmbeddingWake(backbone(), [COMPUTER]), sound) for _ in range(2))
    assert first == second


def test_a_second_word_within_the_refractory_time_is_not_heard() -> None:
    once = np.concatenate([recording("computer_103"), quiet(0.5)])
    for refractory, count in ((Seconds(10.0), 1), (Seconds(1.0), 2)):
        detector = EmbeddingWake(backbone(), [COMPUTER], refractory=refractory)
        assert len(hear(detector, np.concatenate([once, once]))) == count


def test_words_share_one_backbone_and_the_better_score_wins(tmp_path: Path) -> None:
    heads = [
        Head(name, made(tmp_path / f"{name}.onnx", score=score))
        for name, score in (("good", 0.6), ("better", 0.7), ("bad", 0.4))
    ]
    detector = EmbeddingWake(backbone(), [COMPUTER, *heads])
    assert [heard.word for heard in hear(detector, quiet(1.0))] == ["better"]


def test_frames_of_other_lengths_give_the_same_word() -> None:
    sound = np.concatenate([quiet(1.0), recording("computer_103"), quiet(0.5)])
    (expected,) = hear(EmbeddingWake(backbone(), [COMPUTER]), sound)
    detector = EmbeddingWake(backbone(), [COMPUTER])
    cuts = [0, *np.cumsum(np.random.default_rng(0).integers(1, STEP, 200)).tolist()]
    told = [detector.process(Frame(sound[a:b], SampleIndex(a))) for a, b in pairwise(cuts)]
    (heard,) = [event for event in told if event]
    assert heard.score == pytest.approx(expected.score, abs=1e-5)


def made(
    path: Path,
    *,
    score: float,
    scores: int = 1,
    inputs: tuple[int, ...] = (1, EMBEDDINGS, VALUES),
) -> Path:
    """Make a head that gives the same score whatever it hears."""
    value = helper.make_tensor("value", TensorProto.FLOAT, [1, scores], [score] * scores)
    graph = helper.make_graph(
        [helper.make_node("Constant", [], ["score"], value=value)],
        "head",
        [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, list(inputs))],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [1, scores])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def test_a_head_of_another_shape_is_refused_by_name(tmp_path: Path) -> None:
    head = made(tmp_path / "odd.onnx", inputs=(1, 28, 96), score=0.0)
    with pytest.raises(ModelError, match=r"odd\.onnx: takes \[1, 28, 96\]"):
        EmbeddingWake(backbone(), [Head("odd", head)])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda graph: graph.output.append(graph.output[0]), "has one output"),
        (lambda graph: graph.output.pop(), "odd"),
    ],
    ids=["two scores", "none"],
)
def test_a_head_with_other_outputs_is_refused(
    tmp_path: Path, change: Callable[[onnx.GraphProto], object], problem: str
) -> None:
    path = made(tmp_path / "odd.onnx", score=0.0)
    model = onnx.load(path)
    change(model.graph)
    onnx.save(model, path)
    with pytest.raises(ModelError, match=problem):
        EmbeddingWake(backbone(), [Head("odd", path)])


def test_a_head_that_gives_several_scores_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path / "odd.onnx", score=0.0, scores=3)
    with pytest.raises(ModelError, match="gives one score, this gives 3"):
        EmbeddingWake(backbone(), [Head("odd", path)])


@pytest.mark.parametrize("threshold", ["high", "0", "1.5", "nan"])
def test_a_head_with_a_senseless_threshold_is_refused(tmp_path: Path, threshold: str) -> None:
    path = made(tmp_path / "odd.onnx", score=0.0)
    model = onnx.load(path)
    helper.set_model_props(model, {"threshold": threshold})
    onnx.save(model, path)
    with pytest.raises(ModelError, match="not between 0 and 1"):
        EmbeddingWake(backbone(), [Head("odd", path)])


def test_the_parts_of_the_backbone_cannot_be_mistaken(tmp_path: Path) -> None:
    source = backbone()
    (tmp_path / "melspectrogram.onnx").symlink_to(source / "embedding_model.onnx")
    with pytest.raises(ModelError, match=r"melspectrogram\.onnx: takes"):
        Backbone(tmp_path)


def test_a_missing_model_is_named_with_the_way_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.onnx: missing.*models fetch"):
        open_model(tmp_path / "gone.onnx")


@pytest.mark.parametrize("content", [b"", b"not a model", bytes(1_000)])
def test_a_file_that_is_no_model_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"odd\.onnx: not a model"):
        open_model(tmp_path / "odd.onnx")
