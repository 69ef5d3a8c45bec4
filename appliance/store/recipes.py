"""How a file is made, on this machine, from the one that a package holds.

Recipes run at set-up only; what they need (the dependency group ``setup``) is not needed to talk.
"""

import importlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from appliance.errors import ModelError
from appliance.store import lean, moonshine
from appliance.store.tables import Make, table_of, without_table


def int8_dynamic(ingredient: Path, product: Path) -> None:
    """Quantise an ONNX model: weights of matrix products and convolutions to 8 bits.

    Activations are quantised as they come ("dynamic"), so no calibration data is needed. For the
    Piper voice this takes 63 MB to 19 MB and a quarter off the time to speak.

    Raises:
        ModelError: The tools of set-up are not installed.
    """
    try:
        quantization = importlib.import_module("onnxruntime.quantization")
    except ImportError as error:
        raise ModelError(
            "making it needs the package onnx: `./run models` installs it (dependency group setup)"
        ) from error
    with _quiet():
        quantization.quantize_dynamic(
            ingredient,
            product,
            op_types_to_quantize=["MatMul", "Gemm", "Conv"],
            weight_type=quantization.QuantType.QUInt8,
        )


RECIPES: Mapping[str, Make] = {
    "int8-dynamic": int8_dynamic,
    "minilm-eight-bit": without_table(lean.eight_bit, "words.bin"),
    "minilm-words": table_of(lean.eight_bit),
    "moonshine-cross": moonshine.cross,
    "moonshine-encoder": moonshine.encoder,
    "moonshine-step": without_table(moonshine.step, "tokens.bin"),
    "moonshine-tokens": table_of(moonshine.step),
}
"""Every recipe that ``models.toml`` may name."""


def tools() -> str:
    """Name the versions on which a product's bytes may depend."""
    return ", ".join(f"{package} {_version(package)}" for package in ("onnxruntime", "onnx"))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


@contextmanager
def _quiet() -> Iterator[None]:
    # It advises pre-processing through the root logger, and so would configure our logging.
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
