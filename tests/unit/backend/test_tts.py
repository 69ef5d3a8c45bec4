import json
from pathlib import Path
from typing import Any

import pytest

from appliance.backend.local.tts import VoiceFile
from appliance.errors import ModelError

VOICE: dict[str, Any] = {
    "audio": {"sample_rate": 22_050},
    "espeak": {"voice": "en-us"},
    "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
    "phoneme_id_map": {"_": [0], "^": [1], "$": [2], "a": [14], "\u02c8": [120], ".": [10]},
}


def write(folder: Path, data: object) -> Path:
    path = folder / "voice.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def test_phonemes_become_numbers_with_a_pad_after_each(tmp_path: Path) -> None:
    voice = VoiceFile.read(write(tmp_path, VOICE))
    assert voice.ids("\u02c8a.") == [1, 0, 120, 0, 14, 0, 10, 0, 2]


def test_phoneme_that_the_voice_never_learnt_is_left_out(tmp_path: Path) -> None:
    voice = VoiceFile.read(write(tmp_path, VOICE))
    assert voice.ids("a\u0294a") == voice.ids("aa")


def test_missing_voice_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="models fetch"):
        VoiceFile.read(tmp_path / "voice.json")


@pytest.mark.parametrize("data", [{}, [], VOICE | {"inference": {}}, VOICE | {"audio": None}])
def test_a_file_that_is_not_a_voice_is_refused(tmp_path: Path, data: object) -> None:
    with pytest.raises(ModelError, match="not a Piper voice"):
        VoiceFile.read(write(tmp_path, data))
