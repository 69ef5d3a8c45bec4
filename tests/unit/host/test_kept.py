"""What outlives the program."""

import threading
from pathlib import Path

import pytest

from appliance.host.kept import FIRST, Kept


def written() -> None:
    for thread in threading.enumerate():
        if thread.name == "kept":
            thread.join()


def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "kept.json"
    Kept(path).keep(
        muted=True,
        private=True,
        volumes={"volume": 30, "alarm_volume": 80},
        wake=("alexa", 0.8, "as it was"),
    )
    written()
    again = Kept(path)
    again.read()
    assert again.facts == {
        **FIRST,
        "muted": True,
        "private": True,
        "volume": 30,
        "alarm_volume": 80,
        "wake_word": "alexa",
        "wake_sensitivity": 0.8,
        "wake_over": "as it was",
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        '{"muted": "yes", "private": 1, "volume": 900, "chime_volume": -1}',
        '{"wake_word": "alexa", "wake_over": "", "wake_sensitivity": 7}',
        '{"wake_word": 1, "wake_over": "", "wake_sensitivity": 0.3}',
        '{"wake_word": "alexa", "wake_over": "", "wake_sensitivity": NaN}',
        "{",
    ],
)
def test_file_that_holds_no_facts_counts_as_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kept.json"
    path.write_text(text)
    kept = Kept(path)
    kept.read()
    assert kept.facts == FIRST


def test_disk_that_refuses_costs_only_the_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    kept = Kept(tmp_path / "file" / "kept.json")
    kept.keep(muted=True)
    written()
    assert kept.facts["muted"]
    assert "cannot be written" in caplog.text
