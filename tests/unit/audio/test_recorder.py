"""The debug recorder: what it keeps, what it lets go, and that hearing never waits for it."""

import json
import logging
import os
import shutil
import stat
import threading
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from appliance.audio.recorder import BACKLOG, Recorder
from appliance.audio.recording import WavSink, read
from appliance.errors import RecordingError
from appliance.frames import FRAME_SAMPLES, RATE, Frame, Taps
from appliance.units import SampleIndex


def heard(number: int, *, channels: int = 2, reference: bool = True) -> tuple[Frame, Taps]:
    """Return the frame of that number: each channel holds a value of its own."""
    start = SampleIndex(number * FRAME_SAMPLES)
    raw = np.stack(
        [np.full(FRAME_SAMPLES, 100 * c + number % 100, dtype=np.int16) for c in range(channels)],
        axis=1,
    )

    def tap(value: int) -> Frame:
        return Frame(np.full(FRAME_SAMPLES, value, dtype=np.int16), start)

    known = np.full(FRAME_SAMPLES, 5_000, dtype=np.int16) if reference else None
    return Frame(raw, start, known), Taps(tap(6_000), tap(7_000), tap(8_000))


def record(recorder: Recorder, frames: range, *, channels: int = 2) -> None:
    recorder.start()
    for number in frames:
        recorder.take(*heard(number, channels=channels))
        while recorder.recording and recorder._queue.qsize() > BACKLOG // 2:
            pass
    recorder.close()
    assert not recorder._thread.is_alive()


def sounds(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in {".wav", ".flac"})


def test_all_channels_the_reference_and_the_taps_are_kept_with_what_the_box_knew(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "room"
    recorder = Recorder(folder, minutes=1, facts=lambda: {"erle_db": 21.5}, spare=0)

    record(recorder, range(250))

    (sound,) = sounds(folder)
    kept = read(sound)
    assert sound.name == "hearing-000001.flac"
    assert kept.rate == RATE
    assert kept.samples.shape == (250 * FRAME_SAMPLES, 6)
    assert kept.samples[3 * FRAME_SAMPLES].tolist() == [3, 103, 5_000, 6_000, 7_000, 8_000]
    page = json.loads(sound.with_suffix(".json").read_text())
    assert page["channels"] == [
        "microphone 0", "microphone 1", "reference", "wake", "speech", "recognition",
    ]  # fmt: skip
    assert page["rate"] == RATE
    assert page["samples"] == 250 * FRAME_SAMPLES
    assert page["facts"] == [{"erle_db": 21.5}] * 3
    assert page["reference_known"] is True
    assert page["frames_left_out"] == 0
    assert page["jumps"] == []


def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "room"
    before = os.umask(0)
    try:
        record(Recorder(folder, minutes=1, spare=0), range(10))
    finally:
        os.umask(before)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {"hearing-000001.flac": 0o600, "hearing-000001.json": 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_latest_minutes_are_kept_and_nothing_else_is_touched(tmp_path: Path) -> None:
    other = tmp_path / "hearing-notes.txt"
    other.write_text("mine")
    recorder = Recorder(tmp_path, minutes=0.1, spare=0)  # two files of 3 s

    record(recorder, range(2_000))

    assert [path.name for path in sounds(tmp_path)] == [
        "hearing-000006.flac",
        "hearing-000007.flac",
    ]
    assert len(list(tmp_path.iterdir())) == 5
    assert other.read_text() == "mine"
    assert json.loads((tmp_path / "hearing-000006.json").read_text())["start"] == 1_500 * 160


def test_next_start_goes_on_after_what_is_there_and_clears_what_a_pulled_plug_left(
    tmp_path: Path,
) -> None:
    record(Recorder(tmp_path, minutes=0.1, spare=0), range(400))
    (tmp_path / "hearing-000003.flac.part").write_bytes(b"half")

    record(Recorder(tmp_path, minutes=0.1, spare=0), range(100))

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "hearing-000002.flac",
        "hearing-000002.json",
        "hearing-000003.flac",
        "hearing-000003.json",
    ]


def test_more_channels_than_flac_can_hold_become_wav(tmp_path: Path) -> None:
    record(Recorder(tmp_path, minutes=1, spare=0), range(10), channels=8)

    (sound,) = sounds(tmp_path)
    assert sound.suffix == ".wav"
    assert read_raw(sound) == 12


def read_raw(path: Path) -> int:
    return int.from_bytes(path.read_bytes()[22:24], "little")


def test_another_card_gets_another_file_and_lost_time_is_noted(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, minutes=1, spare=0)
    recorder.start()
    for number in (0, 1, 2, 10, 11):
        recorder.take(*heard(number))
    for number in (30, 31):
        recorder.take(*heard(number, channels=1, reference=False))
    recorder.close()

    pages = [json.loads(p.with_suffix(".json").read_text()) for p in sounds(tmp_path)]
    assert [len(page["channels"]) for page in pages] == [6, 5]
    assert pages[0]["jumps"] == [{"at": 3 * FRAME_SAMPLES, "by": 7 * FRAME_SAMPLES}]
    assert pages[1]["start"] == 30 * FRAME_SAMPLES
    assert pages[1]["reference_known"] is False


def test_disk_that_is_nearly_full_ends_it_with_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - as shutil's
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 10**6))
    recorder = Recorder(tmp_path, minutes=1)

    with caplog.at_level(logging.WARNING):
        record(recorder, range(300))

    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert "all that is heard is written" in told[0]
    assert "nearly full" in told[1]
    assert not recorder.recording
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("when", ["write", "close"])
def test_disk_that_fills_while_it_writes_ends_it_and_hearing_goes_on(
    when: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> None:
        raise RecordingError("the disk is full")

    monkeypatch.setattr(WavSink, when, fail)
    recorder = Recorder(tmp_path, minutes=1, spare=0)

    with caplog.at_level(logging.WARNING):
        record(recorder, range(300))
    recorder.take(*heard(301))

    assert "the disk is full" in caplog.text
    assert sum("it ends here" in r.getMessage() for r in caplog.records) == 1
    assert recorder._queue.qsize() <= 300


def test_folder_that_cannot_be_made_ends_it_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    recorder = Recorder(tmp_path / "file" / "room", minutes=1)

    with caplog.at_level(logging.WARNING):
        record(recorder, range(5))

    assert "it ends here" in caplog.text


def test_disk_that_is_slow_costs_frames_that_are_counted_and_never_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = threading.Event()
    write = WavSink.write

    def waiting(
        sink: WavSink, sound: "bytes | np.ndarray[tuple[int, ...], np.dtype[np.int16]]"
    ) -> None:
        slow.wait(5)
        write(sink, sound)

    monkeypatch.setattr(WavSink, "write", waiting)
    recorder = Recorder(tmp_path, minutes=1, spare=0)
    recorder.start()
    for number in range(BACKLOG + 1_000):
        recorder.take(*heard(number))
    waited = recorder._queue.qsize()
    slow.set()
    while recorder._queue.qsize():
        pass
    for number in range(5):
        recorder.take(*heard(BACKLOG + 1_000 + number))
    recorder.close()

    (sound,) = sounds(tmp_path)
    page = json.loads(sound.with_suffix(".json").read_text())
    assert waited == BACKLOG
    assert page["frames_left_out"] > 0
    assert page["frames_left_out"] + page["samples"] // FRAME_SAMPLES == BACKLOG + 1_005
    assert sum(jump["by"] for jump in page["jumps"]) == page["frames_left_out"] * FRAME_SAMPLES


def test_recorder_that_was_not_started_takes_nothing_and_closes(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "never", minutes=1)

    recorder.take(*heard(0))
    recorder.close()
    recorder.close()

    assert not (tmp_path / "never").exists()
