"""Sound of a service as whole samples of one rate, however it is cut and wrapped. Pure.

PCM is asked for, but servers with OpenAI's interface also send WAV, of their own rate, and some
MP3, or a page that says what is wrong: each shows in its first bytes. WAV is read for what it is.
"""

import re
import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

from appliance.errors import ProtocolViolation
from appliance.units import SampleRate

QUALITY: Final = "HQ"
"""What was not made at our rate is already late; it should at least sound well."""

LONGEST_HEADER: Final = 65_536
"""Bytes before the sound of a WAV file; what has more is none."""

RATES: Final = range(4_000, 192_001)
"""Samples per second that are believed."""

_MAGIC: Final = (
    (b"ID3", "MP3"),
    (b"OggS", "Ogg"),
    (b"fLaC", "FLAC"),
    (b"\x1aE\xdf\xa3", "WebM"),
    (b"<!DOCTYPE", "a web page"),
    (b"<!doctype", "a web page"),
    (b"<html", "a web page"),
)
_JSON: Final = re.compile(rb'\s*\{\s*"[ -~]{8}')
_BIT_RATES: Final = (  # thousands a second by their number, of MPEG 1 and 2, layer 3
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
_MPEG_RATES: Final = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000)}
_UNKNOWN_LENGTH: Final = 0x7FFF_F000
"""Sizes from here on, and 0, are what is written where the length is not known yet."""


@dataclass(frozen=True, slots=True)
class _Form:
    """How samples are written."""

    rate: int
    channels: int = 1
    real: bool = False
    """32-bit floating point, not 16-bit integers."""

    @property
    def width(self) -> int:
        """Bytes of one sample of all channels."""
        return (4 if self.real else 2) * self.channels


class Decoder:
    """Takes bytes, gives signed 16-bit little-endian mono; a sample is never split.

    Args:
        rate: Of what it gives, and of what comes without a header.
    """

    def __init__(self, rate: SampleRate) -> None:
        self._rate = rate
        self._plain = _Form(rate)
        self._form: _Form | None = None  # not known yet
        self._left: int | None = None  # bytes of sound that are still to come; None: all of them
        self._bytes = bytearray()
        self._stream: soxr.ResampleStream | None = None

    def believe(self, rate: int) -> None:
        """Take what comes without a header as of this rate; before its first byte."""
        if rate in RATES:
            self._plain = _Form(rate)

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; return the samples that are whole.

        Raises:
            ProtocolViolation: It is no PCM, nor WAV that can be read.
        """
        self._bytes += data
        if self._form is None and not self._recognize():
            return b""
        return self._convert()

    def finish(self) -> bytes:
        """Return the rest; half a sample is dropped.

        Raises:
            ProtocolViolation: What came is no sound.
        """
        if self._form is None:
            if self._bytes[:4] == b"RIFF":
                raise ProtocolViolation("its sound is a WAV header without sound")
            self._begin(self._plain)
        rest = self._convert()
        if self._stream is not None:
            rest += _pcm(self._stream.resample_chunk(np.zeros(0, np.int16), last=True))
            self._stream = None
        return rest

    def _recognize(self) -> bool:
        """Find out what it is; ``False``: more of it is needed."""
        head = bytes(self._bytes[:16])
        if any(magic.startswith(head) and len(head) < len(magic) for magic, _ in _MAGIC):
            return False
        named = next((name for magic, name in _MAGIC if head.startswith(magic)), None)
        if named is None and _JSON.match(self._bytes):
            named = "a message in JSON"
        if named is not None:
            raise ProtocolViolation(f"its sound is {named}, not PCM")
        if b"RIFF".startswith(head[:4]):
            return len(head) >= 4 and self._read_header()
        return self._is_no_mpeg()

    def _is_no_mpeg(self) -> bool:
        """Begin with PCM, unless two frames of MP3 follow one another."""
        length = _frame_length(bytes(self._bytes[:4]))
        if length is None:
            self._begin(self._plain)
            return True
        if len(self._bytes) < length + 4:
            return False
        if _frame_length(bytes(self._bytes[length : length + 4])) is not None:
            raise ProtocolViolation("its sound is MP3, not PCM")
        self._begin(self._plain)
        return True

    def _read_header(self) -> bool:
        """Read the header of a WAV file, up to its sound."""
        if len(self._bytes) > LONGEST_HEADER:
            raise ProtocolViolation("its sound is a WAV file without a beginning")
        if len(self._bytes) >= 12 and self._bytes[8:12] != b"WAVE":
            raise ProtocolViolation("its sound is no WAV file, and no PCM")
        at, form = 12, None
        while at + 8 <= len(self._bytes):
            name, size = struct.unpack_from("<4sI", self._bytes, at)
            if name == b"data":
                if form is None:
                    raise ProtocolViolation("its WAV does not say what it is")
                del self._bytes[: at + 8]
                self._left = size if 0 < size < _UNKNOWN_LENGTH else None
                self._begin(form)
                return True
            if name == b"fmt " and at + 8 + min(size, 40) <= len(self._bytes):
                form = _read_form(bytes(self._bytes[at + 8 : at + 8 + min(size, 40)]))
            at += 8 + size + size % 2
        return False

    def _begin(self, form: _Form) -> None:
        self._form = form
        if form.rate != self._rate:
            self._stream = soxr.ResampleStream(
                form.rate, self._rate, 1, dtype="int16", quality=QUALITY
            )

    def _convert(self) -> bytes:
        form = self._form or self._plain
        there = len(self._bytes) if self._left is None else min(len(self._bytes), self._left)
        whole = there - there % form.width
        if self._left is not None:
            self._left -= whole
        data = bytes(self._bytes[:whole])
        del self._bytes[:whole]
        if self._left is not None and self._left < form.width:
            self._left = 0
            self._bytes.clear()  # what stands behind the sound
        if not data:
            return b""
        if form == _Form(self._rate):
            return data
        mono = _mono(data, form)
        return _pcm(mono if self._stream is None else self._stream.resample_chunk(mono))


def _read_form(chunk: bytes) -> _Form:
    if len(chunk) < 16:
        raise ProtocolViolation("its WAV does not say what it is")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == 0xFFFE and len(chunk) >= 26:  # extensible: the true one begins the GUID
        (tag,) = struct.unpack_from("<H", chunk, 24)
    if (tag, bits) not in ((1, 16), (3, 32)) or not 1 <= channels <= 8 or rate not in RATES:
        shown = f"{bits} bits, {channels} channels, {rate} Hz, form {tag}"
        raise ProtocolViolation(f"its WAV cannot be used: {shown}")
    return _Form(rate, channels, real=tag == 3)


def _mono(data: bytes, form: _Form) -> NDArray[np.int16]:
    samples: NDArray[np.float32]
    mixed: NDArray[np.int16]
    if form.real:
        samples = np.nan_to_num(np.frombuffer(data, "<f4"), posinf=1.0, neginf=-1.0)
        samples = np.clip(samples, -1.0, 1.0) * np.float32(32_767.0)
    elif form.channels == 1:
        return np.frombuffer(data, "<i2").astype(np.int16)
    else:
        samples = np.frombuffer(data, "<i2").astype(np.float32)
    mixed = np.rint(samples.reshape(-1, form.channels).mean(axis=1)).astype(np.int16)
    return mixed


def _pcm(samples: NDArray[np.int16]) -> bytes:
    return samples.astype("<i2", copy=False).tobytes()


def _frame_length(header: bytes) -> int | None:
    """Return the bytes of a frame of MP3 that begins so; ``None``: none does."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:  # layer 3
        return None
    version, number = header[1] >> 3 & 3, header[2] >> 4
    rate_number = header[2] >> 2 & 3
    if version not in _MPEG_RATES or not 0 < number < 15 or rate_number == 3:
        return None
    rate = _MPEG_RATES[version][rate_number]
    bit_rate = _BIT_RATES[0 if version == 3 else 1][number] * 1_000
    return (144 if version == 3 else 72) * bit_rate // rate + (header[2] >> 1 & 1)
