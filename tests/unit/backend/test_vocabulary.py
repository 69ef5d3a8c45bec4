import json
from pathlib import Path

import pytest

from appliance.backend.local import vocabulary
from appliance.errors import ModelError

PIECES = ["<unk>", "<s>", "</s>", "▁turn", "▁on", "ing", "▁caf", "<0xC3>", "<0xA9>", "<<ST_1>>"]


def write_json(folder: Path) -> None:
    numbers = {piece: number for number, piece in enumerate(PIECES)}
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": numbers}}))


def write_binary(folder: Path, *pieces: bytes) -> None:
    data = b"".join(
        (bytes([len(p)]) if len(p) < 128 else bytes([len(p) % 128 + 128, len(p) // 128])) + p
        for p in pieces
    )
    (folder / "tokenizer.bin").write_bytes(data)


def test_tokens_become_text(tmp_path: Path) -> None:
    write_json(tmp_path)
    assert vocabulary.load(tmp_path).text([1, 3, 5, 4, 6, 7, 8, 9, 2]) == "turning on café"


def test_half_a_character_is_left_out(tmp_path: Path) -> None:
    write_json(tmp_path)
    assert vocabulary.load(tmp_path).text([6, 7]) == "caf"


def test_binary_file_is_read(tmp_path: Path) -> None:
    long = "x" * 300
    write_binary(tmp_path, b"<s>", "▁turn".encode(), b"\xc3", b"\xa9", b"", long.encode())
    words = vocabulary.load(tmp_path)
    assert words.text([0, 1, 2, 3, 4, 5]) == f"turné{long}"
    assert len(words) == 6


def test_missing_file_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="models fetch"):
        vocabulary.load(tmp_path)


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"model": {"vocab": {}}}', '{"model": 3}'])
def test_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "tokenizer.json").write_text(text)
    with pytest.raises(ModelError, match="damaged"):
        vocabulary.load(tmp_path)


def test_cut_off_binary_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.bin").write_bytes(b"\x05abc")
    with pytest.raises(ModelError, match="damaged"):
        vocabulary.load(tmp_path)
