"""Trains a wake word of one's own: a small head over the speech-embedding backbone.

    python -m tests.examples.train_wake_word --positives FOLDER --negatives FOLDER [FOLDER ...] \\
        --noise FILE --out computer.onnx

Every positive recording holds the word once, spoken by somebody; a negative one never holds it.
The more negatives, the fewer false alarms. Needs ``onnx`` (dependency group ``setup``); takes a
minute or two.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
import soundfile
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from appliance.detect.embedding import EMBEDDINGS, STEP, VALUES, Backbone
from appliance.detect.speech import WINDOW, Silero

HIDDEN = 16
"""Keeps the file at 100 kB."""

Windows = NDArray[np.float32]
"""Shape ``(n, EMBEDDINGS * VALUES)``."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Trains a wake word head.")
    parser.add_argument("--positives", type=Path, required=True)
    parser.add_argument("--negatives", type=Path, nargs="+", required=True)
    parser.add_argument("--noise", type=Path, required=True)
    parser.add_argument("--models", type=Path, default=Path("models/files"))
    parser.add_argument("--held-out", type=int, default=34, help="positives left for the test")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    backbone = Backbone(options.models / "speech-embedding")
    silero = Silero(options.models / "silero-vad" / "silero_vad.onnx")
    noise = _read(options.noise).astype(np.float64)
    files = sorted(options.positives.iterdir())
    taught, tested = files[: -options.held_out], files[-options.held_out :]
    yes = np.concatenate(list(_words(taught, backbone, silero, noise)))
    negatives = [file for folder in options.negatives for file in sorted(folder.glob("*.flac"))]
    no = np.concatenate(list(_others([*negatives, options.noise], backbone, noise)))
    print(f"{len(yes)} windows with the word, {len(no)} without")
    layers = _train(yes, no)
    _save(layers, options.out)
    for threshold in (0.5, 0.9, 0.99):
        heard = sum(
            bool((_score(layers, window) > threshold).any())
            for window in _words(tested, backbone, silero, noise, loudness=(None,))
        )
        alarms = int((_score(layers, no) > threshold).sum())
        print(f"above {threshold}: {heard} of {len(tested)} held out, {alarms} training windows")


def _read(path: Path) -> NDArray[np.int16]:
    sound, rate = soundfile.read(path, dtype="int16")
    if rate != 16_000 or sound.ndim != 1:
        raise SystemExit(f"{path}: 16 kHz and one channel are wanted")
    return np.asarray(sound)


def _words(
    files: Sequence[Path],
    backbone: Backbone,
    silero: Silero,
    noise: NDArray[np.float64],
    loudness: Sequence[float | None] = (None, 15.0, 8.0),
) -> Iterator[Windows]:
    """Yield, per file and loudness, the windows in which the word has just ended."""
    for i, file in enumerate(files):
        word = _read(file)
        end = _end_of_speech(word, silero)
        for snr_db in loudness:
            rng = np.random.default_rng(i)
            sound = np.concatenate([np.zeros(2 * 16_000 + i * 97 % STEP), word, np.zeros(12_800)])
            ended = len(sound) - 12_800 - len(word) + end
            sound += _noise(noise, len(sound), snr_db, word, rng)
            steps = _embed(_pcm(sound * rng.uniform(0.3, 1.0)), backbone)
            first = (ended + 800) // STEP
            yield steps[first : first + 3]


def _others(
    files: Sequence[Path], backbone: Backbone, noise: NDArray[np.float64]
) -> Iterator[Windows]:
    for i, file in enumerate(files):
        sound = _read(file).astype(np.float64)
        rng = np.random.default_rng(i)
        snr_db = (None, 15.0, 8.0)[i % 3]
        yield _embed(_pcm(sound + _noise(noise, len(sound), snr_db, sound, rng)), backbone)


def _noise(
    noise: NDArray[np.float64],
    length: int,
    snr_db: float | None,
    speech: NDArray[np.float64] | NDArray[np.int16],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    if snr_db is None:
        return rng.normal(0.0, 3.0, length)
    piece = np.roll(noise, int(rng.integers(len(noise))))
    piece = np.resize(piece, length)
    level = np.sqrt(np.mean(speech.astype(np.float64) ** 2) / np.mean(piece**2))
    return np.asarray(piece * level * 10 ** (-snr_db / 20))


def _pcm(sound: NDArray[np.float64]) -> NDArray[np.int16]:
    return np.clip(sound, -32768, 32767).astype(np.int16)


def _end_of_speech(sound: NDArray[np.int16], silero: Silero) -> int:
    silero.reset()
    starts = range(0, len(sound) - WINDOW + 1, WINDOW)
    spoken = [i for i in starts if silero.probability(sound[i : i + WINDOW]) > 0.5]
    return spoken[-1] + WINDOW if spoken else len(sound)


def _embed(sound: NDArray[np.int16], backbone: Backbone) -> Windows:
    """Return what a head sees after every step."""
    windows = []
    for i in range(0, len(sound) - STEP + 1, STEP):
        backbone.step(sound[i : i + STEP])
        windows.append(backbone.embeddings.reshape(-1).copy())
    return np.array(windows, dtype=np.float32)


Layers = tuple[Windows, Windows, Windows, Windows]


def _train(yes: Windows, no: Windows) -> Layers:
    """Fit one hidden layer by Adam; the scaling of the input is folded into its weights."""
    rng = np.random.default_rng(0)
    x = np.concatenate([yes, no])
    y = np.concatenate([np.ones(len(yes)), np.zeros(len(no))])
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-3
    x = (x - mean) / scale
    weight = np.where(y > 0.5, 0.3 * len(no) / len(yes), 1.0)
    p = [rng.normal(0, 0.02, (x.shape[1], HIDDEN)), np.zeros(HIDDEN),
         rng.normal(0, 0.3, (HIDDEN, 1)), np.zeros(1)]  # fmt: skip
    m, v = [np.zeros_like(a) for a in p], [np.zeros_like(a) for a in p]
    for step in range(1, 1501):
        batch = rng.integers(len(x), size=512)
        noisy = x[batch] + rng.normal(0, 0.3, (512, x.shape[1]))
        hidden = np.maximum(noisy @ p[0] + p[1], 0.0)
        score = 1 / (1 + np.exp(-(hidden @ p[2] + p[3])[:, 0]))
        error = ((score - y[batch]) * weight[batch] / 512)[:, np.newaxis]
        back = (error @ p[2].T) * (hidden > 0)
        slopes = [noisy.T @ back + 1e-3 * p[0], back.sum(0), hidden.T @ error, error.sum(0)]
        for i, slope in enumerate(slopes):
            m[i] = 0.9 * m[i] + 0.1 * slope
            v[i] = 0.999 * v[i] + 0.001 * slope**2
            mended = (m[i] / (1 - 0.9**step)) / (np.sqrt(v[i] / (1 - 0.999**step)) + 1e-8)
            p[i] -= 2e-3 * mended
    first = p[0] / scale[:, np.newaxis]
    layers = (first, p[1] - mean @ first, p[2], p[3])
    a, b, c, d = (layer.astype(np.float32) for layer in layers)
    return a, b, c, d


def _score(layers: Layers, windows: Windows) -> Windows:
    a, b, c, d = layers
    return np.asarray(1 / (1 + np.exp(-(np.maximum(windows @ a + b, 0.0) @ c + d)[:, 0])))


def _save(layers: Layers, path: Path) -> None:
    names = ("a", "b", "c", "d")
    shape = numpy_helper.from_array(np.array([-1, EMBEDDINGS * VALUES]), "shape")
    weights = [numpy_helper.from_array(w, n) for w, n in zip(layers, names, strict=True)]
    nodes = [
        helper.make_node("Reshape", ["embeddings", "shape"], ["flat"]),
        helper.make_node("Gemm", ["flat", "a", "b"], ["sum"]),
        helper.make_node("Relu", ["sum"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "c", "d"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["score"]),
    ]
    graph = helper.make_graph(
        nodes,
        "head",
        [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, [1, EMBEDDINGS, VALUES])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [1, 1])],
        [shape, *weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"threshold": "0.9"})
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


if __name__ == "__main__":
    main()
