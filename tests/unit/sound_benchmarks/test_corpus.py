"""The corpus with packages made here, and where none can be had."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from appliance.frames import RATE
from tests.benchmarks.audio.corpus import SOURCES, CorpusError, PackagedCorpus, ffmpeg

FOLDER = SOURCES["far"].folder
PACKAGE = SOURCES["far"].package


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603


def package(folder: Path) -> Path:
    """Make a package with a short prompt and two long ones, one of them louder."""
    sounds = folder / "tree" / FOLDER
    control = folder / "tree" / "DEBIAN" / "control"
    for name, seconds, level in (("one", 0.5, 0.1), ("b", 4.0, 0.1), ("a", 3.0, 0.4)):
        sounds.mkdir(parents=True, exist_ok=True)
        tone = level * np.sin(2 * np.pi * 500 * np.arange(round(seconds * RATE)) / RATE)
        soundfile.write(folder / "tone.wav", tone, RATE)
        run(ffmpeg(), "-v", "error", "-i", folder / "tone.wav", sounds / f"{name}.g722")
    control.parent.mkdir()
    fields = {"Package": PACKAGE, "Version": "1.0", "Architecture": "all"}
    fields |= {"Maintainer": "nobody <nobody@example.org>", "Description": "tones"}
    control.write_text("".join(f"{key}: {value}\n" for key, value in fields.items()))
    made = folder / f"{PACKAGE}_1.0_all.deb"
    run("dpkg-deb", "-b", folder / "tree", made)
    return made


def apt_get(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program in place of apt-get."""
    program = folder / "apt-get"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_recordings_come_out_of_the_package_in_order_without_the_short_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apt_get(tmp_path, f'cp "{package(tmp_path)}" .', monkeypatch)
    told: list[str] = []
    corpus = PackagedCorpus(tmp_path / "cache", told.append)

    lengths = [round(len(sound) / RATE) for sound in corpus["far"]]
    peaks = [int(np.abs(sound).max()) for sound in corpus["far"]]

    assert lengths == [3, 4]
    assert peaks[0] > 3 * peaks[1]
    assert [PACKAGE in line for line in told] == [True, True]
    assert list(corpus.digests()) == [f"{PACKAGE}_1.0_all.deb"]


def test_what_was_decoded_once_needs_no_package_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apt_get(tmp_path, f'cp "{package(tmp_path)}" .', monkeypatch)
    first = PackagedCorpus(tmp_path / "cache", lambda _: None)["far"]
    apt_get(tmp_path, "exit 1", monkeypatch)
    again = PackagedCorpus(tmp_path / "cache", lambda _: None)["far"]

    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


def test_no_network_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt_get(tmp_path, "echo 'E: no route to host' >&2; exit 100", monkeypatch)
    corpus = PackagedCorpus(tmp_path / "cache", lambda _: None)

    with pytest.raises(CorpusError, match=rf"{PACKAGE}.* failed: E: no route to host$"):
        corpus["far"]


def test_no_apt_get_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    corpus = PackagedCorpus(tmp_path / "cache", lambda _: None)

    with pytest.raises(CorpusError, match=rf"{PACKAGE}, but there is no apt-get"):
        corpus["far"]


def test_the_kitchen_needs_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (kitchen,) = PackagedCorpus(tmp_path / "cache", lambda _: None)["noise"]

    assert len(kitchen) > 2 * RATE
