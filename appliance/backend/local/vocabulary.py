"""Moonshine's words: token numbers → text."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from appliance.errors import ModelError

END = 2
"""The token that ends a transcript."""

BEGIN = 1
"""The token that a transcript starts from."""

_SPACE = "\u2581"  # SentencePiece's visible blank
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_SPECIAL = re.compile(r"<[^<>]*>|<<[^<>]*>>")


class Vocabulary:
    """The pieces of text behind the tokens.

    Args:
        pieces: One for each token number, in UTF-8; empty for one that says nothing. A single
            byte may be a part of a character.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = tuple(pieces)

    def __len__(self) -> int:
        """Return how many tokens there are."""
        return len(self._pieces)

    def text(self, tokens: Iterable[int]) -> str:
        """Join tokens; what is no character is left out."""
        joined = b"".join(self._pieces[token] for token in tokens)
        return joined.decode(errors="ignore").replace(_SPACE, " ").strip()


def load(folder: Path) -> Vocabulary:
    """Read ``tokenizer.bin``, or ``tokenizer.json`` where that is all there is.

    Raises:
        ModelError: Neither is there, or it is damaged.
    """
    binary, readable = folder / "tokenizer.bin", folder / "tokenizer.json"
    try:
        if binary.is_file():
            return Vocabulary(_from_binary(binary.read_bytes()))
        return Vocabulary(_from_json(json.loads(readable.read_bytes())))
    except FileNotFoundError as error:
        raise ModelError(f"{folder} has no tokenizer; `./run models fetch` gets it") from error
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise ModelError(f"the tokenizer in {folder} is damaged: {error}") from error


def _from_binary(data: bytes) -> list[bytes]:
    """Read pieces, each after its length: one byte below 128, else two, low seven bits first."""
    pieces: list[bytes] = []
    at = 0
    while at < len(data):
        length = data[at]
        at += 1
        if length >= 128:
            length += (data[at] << 7) - 128
            at += 1
        piece = data[at : at + length]
        if len(piece) < length:
            raise ValueError("it ends within a piece")
        pieces.append(b"" if _SPECIAL.fullmatch(piece.decode(errors="ignore")) else piece)
        at += length
    return pieces


def _from_json(data: dict[str, dict[str, dict[str, int]]]) -> list[bytes]:
    numbers = data["model"]["vocab"]
    pieces = [b""] * (max(numbers.values()) + 1)
    for piece, number in numbers.items():
        if byte := _BYTE.fullmatch(piece):
            pieces[number] = bytes.fromhex(byte[1])
        elif not _SPECIAL.fullmatch(piece):
            pieces[number] = piece.encode()
    return pieces
