"""Speech, music and kitchen noise at 16 kHz for the benchmarks of sound.

Speech and music are in Debian packages that are made for telephone exchanges: studio voices in
four languages (Asterisk's core sounds, CC-BY-SA 3.0), hold music (Asterisk's opsound, CC-BY-SA
3.0), five sentences of an audiobook (PocketSphinx' test data, BSD). They are fetched with
``apt-get download``, which needs no root and installs nothing, unpacked and decoded once, and kept
beside this file, where git does not look. They are material for measuring and are never shipped.
The noise is the kitchen of the tests.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import imageio_ffmpeg  # type: ignore[import-untyped]
import numpy as np
import soundfile
from numpy.typing import NDArray

from appliance.frames import RATE

Samples = NDArray[np.int16]
"""Shape ``(n,)`` at ``RATE``."""

Corpus = Mapping[str, Sequence[Samples]]
"""Recordings by kind: ``far``, ``near_it``, ``near_fr``, ``near_ru``, ``near_en``, ``music``,
``noise``. Scenes choose by number, so order counts."""

CACHE = Path(__file__).parent / ".cache"
"""Packages as fetched, recordings as decoded, scenes as rendered; may be deleted at any time."""

KITCHEN = Path(__file__).parents[2] / "data" / "audio" / "kitchen.flac"

LEAST_BYTES = 16 * 1024
"""Shorter prompts ("one", "two", …) are left out: 2 s of G.722."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where recordings of one kind lie in a package."""

    package: str
    folder: str
    pattern: str
    least_bytes: int = 0


SOURCES = {
    "far": Source(
        "asterisk-core-sounds-en-g722",
        "usr/share/asterisk/sounds/en_US_f_Allison",
        "*.g722",
        LEAST_BYTES,
    ),
    "near_it": Source(
        "asterisk-core-sounds-it-g722",
        "usr/share/asterisk/sounds/it_IT_m_Carlo",
        "*.g722",
        LEAST_BYTES,
    ),
    "near_fr": Source(
        "asterisk-core-sounds-fr-g722",
        "usr/share/asterisk/sounds/fr_CA_f_June",
        "*.g722",
        LEAST_BYTES,
    ),
    "near_ru": Source(
        "asterisk-core-sounds-ru-g722",
        "usr/share/asterisk/sounds/ru_RU_f_IvrvoiceRU",
        "*.g722",
        LEAST_BYTES,
    ),
    "near_en": Source(
        "pocketsphinx-testdata", "usr/share/pocketsphinx/test/data/librivox", "*.wav"
    ),
    "music": Source("asterisk-moh-opsound-g722", "usr/share/asterisk/moh", "*.g722"),
}


class CorpusError(Exception):
    """The recordings cannot be had on this machine."""


def drawn(recordings: Sequence[Samples], rng: np.random.Generator) -> Samples:
    """Return a recording chosen by chance."""
    return recordings[int(rng.integers(len(recordings)))]


def say(text: str) -> None:
    """Tell whoever waits what is going on."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


class PackagedCorpus(Mapping[str, Sequence[Samples]]):
    """The recordings of the packages, each kind fetched when it is first asked for.

    Args:
        cache: Folder that keeps what was fetched and decoded.
        tell: Is told of everything that takes longer than a moment.
    """

    def __init__(self, cache: Path = CACHE, tell: Callable[[str], None] = say) -> None:
        self._cache = cache
        self._tell = tell
        self._loaded: dict[str, tuple[Samples, ...]] = {}

    def __getitem__(self, kind: str) -> tuple[Samples, ...]:
        """Return the recordings of a kind, in order of their names.

        Raises:
            CorpusError: There is no network, no ``apt-get`` or no such package.
        """
        if kind not in self._loaded:
            self._loaded[kind] = _kitchen() if kind == "noise" else self._packaged(kind)
        return self._loaded[kind]

    def __iter__(self) -> Iterator[str]:
        """Yield the kinds."""
        return iter((*SOURCES, "noise"))

    def __len__(self) -> int:
        """Return the number of kinds."""
        return len(SOURCES) + 1

    def digests(self) -> dict[str, str]:
        """Return SHA-256 of the packages fetched so far, by file name."""
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted((self._cache / "packages").glob("*.deb"))
        }

    def _packaged(self, kind: str) -> tuple[Samples, ...]:
        kept = self._cache / f"{kind}.npz"
        if not kept.is_file():
            recordings = self._decoded(SOURCES[kind])
            self._cache.mkdir(parents=True, exist_ok=True)
            new = kept.with_suffix(f".{os.getpid()}.npz")
            named = {f"{i:04d}": sound for i, sound in enumerate(recordings)}
            np.savez(new, allow_pickle=False, **named)
            new.replace(kept)
        with np.load(kept) as archive:
            return tuple(archive[name] for name in sorted(archive.files))

    def _decoded(self, source: Source) -> list[Samples]:
        folder = self._unpacked(source.package) / source.folder
        files = [
            file
            for file in folder.glob(source.pattern)
            if file.stat().st_size > source.least_bytes
        ]
        if not files:
            raise CorpusError(f"{source.package} has no {source.pattern} in {source.folder}")
        self._tell(f"corpus: decoding {len(files)} recordings of {source.package}")
        return [_decode(file) for file in sorted(files, key=lambda file: f"{file.stem}.wav")]

    def _unpacked(self, package: str) -> Path:
        unpacked = self._cache / "unpacked" / package
        if not unpacked.is_dir():
            archive = self._fetched(package)
            new = unpacked.with_name(f"{package}.new")
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(parents=True)
            _run(["dpkg-deb", "-x", str(archive), str(new)], package)
            new.replace(unpacked)
        return unpacked

    def _fetched(self, package: str) -> Path:
        folder = self._cache / "packages"
        folder.mkdir(parents=True, exist_ok=True)
        if not list(folder.glob(f"{package}_*.deb")):
            self._tell(f"corpus: fetching the Debian package {package} (not installed, only read)")
            _run(["apt-get", "-q", "download", package], package, folder)
        found = sorted(folder.glob(f"{package}_*.deb"))
        if not found:
            raise CorpusError(f"apt-get download {package} left no file in {folder}")
        return found[-1]


@cache
def packaged() -> PackagedCorpus:
    """Return the one corpus of this process."""
    return PackagedCorpus()


def _run(command: list[str], package: str, folder: Path | None = None) -> None:
    needed = f"the benchmarks of sound need the recordings of the Debian package {package}"
    try:
        done = subprocess.run(  # noqa: S603
            command, cwd=folder, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise CorpusError(f"{needed}, but there is no {command[0]} on this machine") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it did not say why"])[-1]
        raise CorpusError(f"{needed}, but {' '.join(command[:3])} failed: {last}")


def ffmpeg() -> str:
    """Return the program that decodes G.722."""
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def _decode(file: Path) -> Samples:
    if file.suffix == ".wav":
        return _read(file)
    command = [ffmpeg(), "-nostdin", "-v", "error", "-f", "g722"]
    command += ["-i", str(file), "-ar", str(RATE), "-ac", "1", "-f", "s16le", "-"]
    done = subprocess.run(command, check=True, capture_output=True)  # noqa: S603
    return np.frombuffer(done.stdout, dtype="<i2").astype(np.int16)


def _read(file: Path) -> Samples:
    sound, rate = soundfile.read(file, dtype="int16", always_2d=True)
    if rate != RATE:
        raise CorpusError(f"{file.name} has {rate} samples a second, not {RATE}")
    return np.ascontiguousarray(sound[:, 0])


def _kitchen() -> tuple[Samples, ...]:
    return (_read(KITCHEN),)
