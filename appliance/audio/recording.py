"""Sound files: what people have is read, WAV and FLAC written; soundfile is known only here."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from appliance.errors import RecordingError
from appliance.units import SampleRate, Seconds

LONGEST = Seconds(2 * 3600.0)
"""Longer recordings do not fit into the memory of the smallest board."""

MOST_CHANNELS = 8
SLOWEST = SampleRate(4_000)
FASTEST = SampleRate(384_000)
_PIECE = 1 << 18
"""Frames read at once; conversion needs some times as much memory."""

_FLOATING = frozenset({"FLOAT", "DOUBLE", "VORBIS", "OPUS", "MPEG_LAYER_III"})
"""Kept as numbers from -1 to 1, which soundfile does not scale when it is asked for integers."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A sound file in memory."""

    samples: NDArray[np.int16] = field(repr=False)
    """Shape ``(n, channels)``, at least one sample."""

    rate: SampleRate

    @property
    def length(self) -> Seconds:
        """How long it plays."""
        return Seconds(len(self.samples) / self.rate)

    def channel(self, number: int) -> "Recording":
        """Return one channel of it, counted from 0.

        Raises:
            RecordingError: It has fewer.
        """
        channels = self.samples.shape[1]
        if not 0 <= number < channels:
            raise RecordingError(f"the recording has {channels} channels; there is no {number}")
        return Recording(np.ascontiguousarray(self.samples[:, [number]]), self.rate)


def read(path: Path, *, most_channels: int = MOST_CHANNELS) -> Recording:
    """Read WAV, FLAC or what else libsndfile knows: any rate, 1 to 8 channels, any sample format.

    Blocks for as long as it takes; not on the event loop.

    Args:
        path: The file.
        most_channels: More are refused.

    Raises:
        RecordingError: It is not there, no sound, empty, too long, or damaged; in one line.
    """
    if not path.is_file():
        raise RecordingError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    try:
        with path.open("rb") as raw:  # libsndfile only says "System error"
            if not raw.read(1):
                raise RecordingError(f"{path}: there is no sound in it (the file is empty)")
        with soundfile.SoundFile(path) as file:
            _check(path, file, most_channels)
            pieces = _pieces(file)
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        words = getattr(error, "strerror", None) or getattr(error, "error_string", error)
        words = str(words).strip().rstrip(".")
        raise RecordingError(f"{path}: cannot be read as sound: {words}") from error
    if not pieces:
        raise RecordingError(f"{path}: there is no sound in it (0 samples)")
    return Recording(np.concatenate(pieces), SampleRate(file.samplerate))


def _check(path: Path, file: soundfile.SoundFile, most: int) -> None:
    if file.channels > most:
        raise RecordingError(f"{path}: {file.channels} channels; at most {most} work")
    if not SLOWEST <= file.samplerate <= FASTEST:
        raise RecordingError(
            f"{path}: {file.samplerate} Hz; it must be between {SLOWEST} and {FASTEST} Hz"
        )
    if file.frames > LONGEST * file.samplerate:
        hours = file.frames / file.samplerate / 3600
        raise RecordingError(f"{path}: {hours:.1f} h long; at most {LONGEST / 3600:.0f} h work")


def _pieces(file: soundfile.SoundFile) -> list[NDArray[np.int16]]:
    """Read to the end; a file that says it has more than there is gives what there is."""
    pieces: list[NDArray[np.int16]] = []
    dtype = "float32" if file.subtype in _FLOATING else "int16"
    while len(piece := file.read(_PIECE, dtype=dtype, always_2d=True)):
        if dtype == "float32":
            whole = np.nan_to_num(piece, nan=0.0, posinf=1.0, neginf=-1.0) * 32_768.0
            piece = np.clip(np.rint(whole), -32_768, 32_767).astype(np.int16)
        pieces.append(piece)
    return pieces


class WavSink:
    """A WAV file, or FLAC where asked, 16-bit, written as sound comes; its folder is made too.

    Args:
        path: Of the file; what is there is lost.
        rate: Of the sound.
        channels: 1 to 8 for FLAC.
        kind: What the file is, whatever its name.

    Raises:
        RecordingError: It cannot be made or written, in one line; from every method.
    """

    def __init__(
        self,
        path: Path,
        rate: SampleRate,
        *,
        channels: int = 1,
        kind: Literal["wav", "flac"] = "wav",
    ) -> None:
        self._path = path
        self._channels = channels
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("ab").close()  # libsndfile only says "System error"
            self._file = soundfile.SoundFile(
                path,
                "w",
                samplerate=rate,
                channels=channels,
                format=kind.upper(),
                subtype="PCM_16",
            )
        except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
            raise self._failed(error) from error

    def write(self, sound: bytes | NDArray[np.int16]) -> None:
        """Append interleaved samples, or an array of shape ``(n,)`` or ``(n, channels)``."""
        block = np.frombuffer(sound, dtype=np.int16) if isinstance(sound, bytes) else sound
        try:
            self._file.write(block.reshape(-1, self._channels))
        except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Complete the file; idempotent."""
        try:
            self._file.close()
        except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
            raise self._failed(error) from error

    def __enter__(self) -> Self:
        """Return the sink."""
        return self

    def __exit__(self, *_: object) -> None:
        """Complete the file."""
        self.close()

    def _failed(self, error: Exception) -> RecordingError:
        if isinstance(error, OSError) and error.strerror:
            words = f"{error.strerror}; name another place"
        else:
            words = str(getattr(error, "error_string", error)).strip().rstrip(".")
            words = words.replace("System error", "the system refuses; is the disk full?")
        return RecordingError(f"{self._path}: cannot be written: {words}")


def write_wav(path: Path, samples: NDArray[np.int16], rate: SampleRate) -> None:
    """Write an array of shape ``(n,)`` or ``(n, channels)`` as WAV.

    Raises:
        RecordingError: It cannot be written.
    """
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    with WavSink(path, rate, channels=channels) as sink:
        sink.write(samples)
