"""The store: what it finds, fetches, refuses and says."""

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from appliance.errors import ModelError
from appliance.store import ModelName
from appliance.store.check import Problem
from tests.unit.store.shelf import (
    EAR,
    TONGUE,
    Shelf,
    full_shelves,
    silence,
    store_at,
)


def failing_with(error: Exception) -> Callable[[], IO[bytes]]:
    class Broken(io.BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            raise error

    return Broken


def test_a_fetched_model_has_its_files_in_its_folder(tmp_path: Path) -> None:
    store = store_at(tmp_path, *full_shelves())

    store.fetch(["mouth"], silence)

    folder = store.folder("mouth")
    assert folder == tmp_path / "mouth"
    assert (folder / "tongue.onnx").read_bytes() == TONGUE
    assert (folder / "ear.onnx").read_bytes() == EAR


def test_a_missing_model_is_named_with_the_command_that_gets_it(tmp_path: Path) -> None:
    store = store_at(tmp_path, *full_shelves())

    with pytest.raises(ModelError, match=r"ear/ear.onnx is missing.* models fetch ear"):
        store.folder("ear")


def test_an_unknown_model_is_refused_with_the_known_names(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model 'nose'; models: ear, mouth"):
        store_at(tmp_path, *full_shelves()).folder("nose")


def test_what_is_right_is_not_fetched_again(tmp_path: Path) -> None:
    first, second = full_shelves()
    store = store_at(tmp_path, first, second)
    store.fetch(["ear", "mouth"], silence)
    told: list[str] = []

    store.fetch(["ear", "mouth"], lambda name, _done, _total: told.append(name))

    assert first.asked == ["in/ear"]
    assert second.asked == ["out/tongue", "out/ear"]
    assert told == []


@pytest.mark.parametrize("wrong", [EAR[:-1], EAR + b"!", EAR[:-1] + b"!", b""])
def test_a_changed_file_is_refused_by_name_and_fetched_again(tmp_path: Path, wrong: bytes) -> None:
    store = store_at(tmp_path, *full_shelves())
    store.fetch(["ear"], silence)
    (tmp_path / "ear" / "ear.onnx").write_bytes(wrong)

    with pytest.raises(ModelError, match=r"ear/ear\.onnx"):
        store.folder("ear")
    store.fetch(["ear"], silence)

    assert (store.folder("ear") / "ear.onnx").read_bytes() == EAR


def test_damage_that_left_size_and_time_alone_is_found_by_verify(tmp_path: Path) -> None:
    store = store_at(tmp_path, *full_shelves())
    store.fetch(["ear"], silence)
    path = store.folder("ear") / "ear.onnx"
    before = path.stat()
    path.write_bytes(EAR[:-1] + b"!")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert [str(problem)[:21] for problem in store.verify("ear")] == ["ear/ear.onnx has SHA-"]
    with pytest.raises(ModelError, match=r"ear/ear\.onnx has SHA-256"):
        store.folder("ear")
    store.fetch(["ear"], silence)

    assert store.verify("ear") == []


def test_the_next_source_is_tried_when_one_fails(tmp_path: Path) -> None:
    first, second = full_shelves()
    first.things["in/ear"] = failing_with(ConnectionResetError("reset"))
    store = store_at(tmp_path, first, second)

    store.fetch(["ear"], silence)

    assert (store.folder("ear") / "ear.onnx").read_bytes() == EAR
    assert second.asked == ["out/ear"]


def test_when_all_sources_fail_each_reason_is_given(tmp_path: Path) -> None:
    first = Shelf({"in/ear": failing_with(ConnectionResetError("the line is dead"))})
    store = store_at(tmp_path, first, Shelf())

    with pytest.raises(ModelError) as caught:
        store.fetch(["ear"], silence)

    assert "ear/ear.onnx could not be had" in str(caught.value)
    assert "the line is dead" in str(caught.value)
    assert "far has no out/ear" in str(caught.value)
    assert not (tmp_path / "ear" / "ear.onnx").exists()


@pytest.mark.parametrize("wrong", [EAR[:-1], EAR + b"!", EAR[:-1] + b"!"])
def test_a_source_that_gives_something_else_is_not_believed(tmp_path: Path, wrong: bytes) -> None:
    store = store_at(tmp_path, Shelf({"in/ear": wrong}), Shelf())

    with pytest.raises(ModelError, match=r"ear\.onnx: "):
        store.fetch(["ear"], silence)

    assert [path.name for path in (tmp_path / "ear").iterdir()] == []


def test_what_was_kept_of_a_download_is_dropped_when_it_proves_wrong(tmp_path: Path) -> None:
    first, second = full_shelves()
    kept = tmp_path / "scratch" / "near-1.0"
    kept.mkdir(parents=True)
    (kept / "000000").write_bytes(b"rubbish")

    def read_kept_or_fresh() -> IO[bytes]:
        rubbish = kept / "000000"
        return io.BytesIO(rubbish.read_bytes() if rubbish.exists() else EAR)

    first.things["in/ear"] = read_kept_or_fresh
    store = store_at(tmp_path / "models", first, second, scratch=tmp_path / "scratch")

    store.fetch(["ear"], silence)

    assert first.asked == ["in/ear", "in/ear"]
    assert second.asked == []


def test_what_was_kept_survives_a_broken_line_and_goes_when_all_is_safe(tmp_path: Path) -> None:
    first, second = full_shelves()
    first.things["in/ear"] = failing_with(TimeoutError("slow"))
    second.things["out/ear"] = failing_with(TimeoutError("slow"))
    kept = tmp_path / "scratch" / "near-1.0"
    kept.mkdir(parents=True)
    store = store_at(tmp_path / "models", first, second, scratch=tmp_path / "scratch")

    with pytest.raises(ModelError, match="slow"):
        store.fetch(["ear"], silence)
    assert kept.exists()

    first.things["in/ear"] = EAR
    store.fetch(["ear"], silence)
    assert not kept.exists()


def test_files_that_came_stay_when_a_later_one_fails(tmp_path: Path) -> None:
    first, second = full_shelves()
    second.things["out/ear"] = failing_with(TimeoutError("slow"))
    store = store_at(tmp_path, first, second)
    with pytest.raises(ModelError, match="slow"):
        store.fetch(["mouth"], silence)

    second.things["out/ear"] = EAR
    second.asked.clear()
    store.fetch(["mouth"], silence)

    assert second.asked == ["out/ear"]
    assert store.verify("mouth") == []


def test_progress_counts_up_to_the_whole_of_each_model(tmp_path: Path) -> None:
    told: list[tuple[ModelName, int, int]] = []
    store = store_at(tmp_path, *full_shelves())

    store.fetch(["mouth"], lambda *step: told.append(step))

    whole = len(EAR) + len(TONGUE)
    assert told[0] == ("mouth", 0, whole)
    assert told[-1] == ("mouth", whole, whole)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert ("mouth", len(TONGUE), whole) in told


def test_a_folder_with_models_is_asked_before_the_sources(tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    (stick / "ear").mkdir(parents=True)
    (stick / "ear" / "ear.onnx").write_bytes(EAR)
    first, second = full_shelves()
    store = store_at(tmp_path / "models", first, second, first=stick)

    store.fetch(["ear", "mouth"], silence)

    assert first.asked == []
    assert second.asked == ["out/tongue", "out/ear"]


def test_a_folder_with_the_wrong_file_falls_back_to_the_sources(tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    (stick / "ear").mkdir(parents=True)
    (stick / "ear" / "ear.onnx").write_bytes(b"something else")
    store = store_at(tmp_path / "models", *full_shelves(), first=stick)

    store.fetch(["ear"], silence)

    assert store.verify("ear") == []


def test_a_full_disk_is_named_and_ends_the_fetching(tmp_path: Path) -> None:
    first, second = full_shelves()
    first.things["in/ear"] = failing_with(OSError(errno.ENOSPC, "No space left on device"))
    store = store_at(tmp_path, first, second)

    with pytest.raises(ModelError, match=r"the disk is full: make room .*VOICE_APPLIANCE_MODELS"):
        store.fetch(["ear"], silence)

    assert second.asked == []


def test_too_little_room_is_said_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = full_shelves()

    class Usage:
        free = 1 << 20

    monkeypatch.setattr("appliance.store.models.disk_usage", lambda _path: Usage)

    with pytest.raises(ModelError, match=r"needs 64 MiB and has 1 MiB"):
        store_at(tmp_path, first, second).fetch(["ear"], silence)

    assert first.asked == []


def test_no_permission_is_named(tmp_path: Path) -> None:
    first, second = full_shelves()
    first.things["in/ear"] = failing_with(PermissionError(errno.EACCES, "Permission denied"))

    with pytest.raises(ModelError, match=r"no permission to write .*VOICE_APPLIANCE_MODELS"):
        store_at(tmp_path, first, second).fetch(["ear"], silence)


def test_a_record_that_is_rubbish_only_costs_a_look(tmp_path: Path) -> None:
    store = store_at(tmp_path, *full_shelves())
    store.fetch(["ear"], silence)
    (tmp_path / "ear" / ".record.json").write_text('{"checked": 5')

    assert store.folder("ear") == tmp_path / "ear"


def test_status_lists_every_model_with_what_is_wrong(tmp_path: Path) -> None:
    store = store_at(tmp_path, *full_shelves())
    store.fetch(["ear"], silence)

    assert [(s.model.name, s.problems) for s in store.status()] == [
        ("ear", ()),
        (
            "mouth",
            (
                Problem(ModelName("mouth"), "tongue.onnx", "is missing"),
                Problem(ModelName("mouth"), "ear.onnx", "is missing"),
            ),
        ),
    ]
