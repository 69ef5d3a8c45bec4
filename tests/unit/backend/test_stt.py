from pathlib import Path
from typing import Literal

import pytest

from appliance.backend.local.session import open_session
from appliance.backend.local.stt import choose_size
from appliance.errors import ModelError


@pytest.mark.parametrize(
    ("setting", "gigabytes", "size"),
    [
        ("auto", 1.9, "tiny"),  # what Linux reports on a board sold with 2 GB
        ("auto", 3.8, "base"),
        ("base", 0.5, "base"),
        ("tiny", 16.0, "tiny"),
    ],
)
def test_size_follows_the_memory_unless_it_is_set(
    setting: Literal["auto", "base", "tiny"], gigabytes: float, size: str
) -> None:
    assert choose_size(setting, memory=int(gigabytes * 1e9)) == size


def test_missing_model_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="models fetch"):
        open_session(tmp_path / "step.onnx")


def test_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "step.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(ModelError, match=r"step\.onnx cannot be used"):
        open_session(path)
