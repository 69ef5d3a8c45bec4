"""The debug recorder: all that is heard, in one folder, for reports of what went wrong.

It holds speech, so it is off unless a folder is configured, it says in the log that it is on, its
files are for their owner alone, and it keeps the latest minutes only.

    hearing-000041.flac    one channel each: the microphones, the reference, the three taps
    hearing-000041.json    what they are, what was lost, and what the box knew, second by second

A thread of its own writes; the hearing thread only hands frames over. A pulled plug loses at most
the file that is being written. A full disk ends the recording, and nothing else.
"""

import contextlib
import json
import logging
import math
import os
import re
import shutil
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from appliance.audio.recording import WavSink
from appliance.errors import RecordingError
from appliance.frames import FRAME_SAMPLES, RATE, Frame, Taps
from appliance.units import SampleIndex, Seconds

log = logging.getLogger(__name__)

Facts = Callable[[], Mapping[str, object]]
"""Gives what the box knows now, as JSON can hold it: numbers and states, never words."""

PIECE = Seconds(60.0)
"""Of each file, or half of all that is kept if that is less."""

BACKLOG = 500
"""Frames (5 s) that may wait while the disk is busy; more are left out and counted."""

TOGETHER = 100
"""Frames that are written at once, and after which the box is asked what it knows."""

MOST_FLAC = 8
"""Channels that FLAC can hold (RFC 9639, 9.1.3); more become WAV."""

SPARE = 256 * 2**20
"""Bytes that must stay free on the disk: others need it, too."""

_OURS = re.compile(r"hearing-(\d{6})\.(flac|wav|json)(\.part)?")


@dataclass(slots=True)
class _Page:
    """What the JSON file beside one file of sound says."""

    channels: tuple[str, ...]
    start: SampleIndex
    began: str
    end: SampleIndex = SampleIndex(0)
    samples: int = 0
    referenced: bool = False
    missing: int = 0
    jumps: list[dict[str, int]] = field(default_factory=list)
    facts: list[Mapping[str, object]] = field(default_factory=list)

    def text(self) -> str:
        return json.dumps(
            {
                "rate": RATE,
                "channels": self.channels,
                "start": self.start,
                "began": self.began,
                "samples": self.samples,
                "reference_known": self.referenced,
                "frames_left_out": self.missing,
                "jumps": self.jumps,
                "facts": self.facts,
            },
            indent=1,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Heard:
    raw: Frame
    taps: Taps
    missing: int
    facts: Mapping[str, object] | None


class Recorder:
    """Writes what is heard; see the head of this module. Makes nothing before it is started.

    Args:
        folder: Where the files go; it is made if need be.
        minutes: The latest so many are kept.
        facts: Asked once a second, on the hearing thread.
        spare: Bytes that must stay free on the disk.
    """

    def __init__(
        self, folder: Path, *, minutes: float, facts: Facts = dict, spare: int = SPARE
    ) -> None:
        self._folder = folder
        self._minutes = minutes
        self._facts = facts
        self._spare = spare
        piece = min(PIECE, 60 * minutes / 2)
        self._frames = max(TOGETHER, round(piece * RATE / FRAME_SAMPLES))
        self._files = math.ceil(60 * minutes * RATE / FRAME_SAMPLES / self._frames)
        self._queue: SimpleQueue[_Heard | None] = SimpleQueue()
        self._missing = 0  # by the hearing thread
        self._taken = 0  # by the hearing thread
        self._page: _Page | None = None  # what follows, by the writing thread
        self._sink: WavSink | None = None
        self._path = folder
        self._number = 0
        self._waiting: deque[NDArray[np.int16]] = deque()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self.recording = False
        """Whether it takes what is heard; it ends by itself when the disk is full or fails."""

    def start(self) -> None:
        """Begin; returns at once."""
        log.warning(
            "debug recorder: all that is heard is written to %s, the latest %g minutes are kept",
            self._folder,
            self._minutes,
        )
        self.recording = True
        self._thread.start()

    def take(self, raw: Frame, taps: Taps) -> None:
        """Take a frame and what was made of it; hearing thread; never waits, never raises."""
        if not self.recording:
            return
        if self._queue.qsize() >= BACKLOG:
            self._missing += 1
            return
        facts = self._facts() if self._taken % TOGETHER == 0 else None
        self._taken += 1
        self._queue.put(_Heard(raw, taps, self._missing, facts))
        self._missing = 0

    def close(self) -> None:
        """Complete the last file, within 2 s; idempotent; not on the event loop."""
        self.recording = False
        self._queue.put(None)
        if self._thread.ident is not None:
            self._thread.join(timeout=2.0)

    # ---------------------------------------------------------------- the writing thread

    def _run(self) -> None:
        try:
            self._begin()
            while (heard := self._queue.get()) is not None:
                self._add(heard)
            self._complete()
        except (RecordingError, OSError) as error:
            log.warning("debug recorder: it ends here, hearing goes on: %s", error)
        except Exception:  # whatever it was, hearing must go on
            log.exception("debug recorder: it ends here, hearing goes on")
        finally:
            self.recording = False
            if self._sink is not None:
                with contextlib.suppress(RecordingError):
                    self._sink.close()

    def _begin(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in self._folder.glob("hearing-*.part"):  # the plug was pulled
            if _OURS.fullmatch(path.name):
                path.unlink()
        self._number = max(self._numbers(), default=0)

    def _numbers(self) -> set[int]:
        names = (_OURS.fullmatch(path.name) for path in self._folder.iterdir())
        return {int(name.group(1)) for name in names if name is not None}

    def _add(self, heard: _Heard) -> None:
        raw, taps = heard.raw, heard.taps
        channels = _names(raw.samples.shape[1])
        page = self._page
        if page is not None and page.channels != channels:  # another card
            self._complete()
            page = None
        if page is None:
            page = self._open(channels, raw.start)
        if raw.start != page.end:
            page.jumps.append({"at": page.samples, "by": raw.start - page.end})
        page.end = raw.end
        page.samples += len(raw.samples)
        page.missing += heard.missing
        page.referenced |= raw.reference is not None
        if heard.facts is not None:
            page.facts.append(heard.facts)
        self._waiting.append(_row(raw, taps))
        if len(self._waiting) >= TOGETHER:
            self._flush()
        if page.samples >= self._frames * FRAME_SAMPLES:
            self._complete()

    def _open(self, channels: tuple[str, ...], start: SampleIndex) -> _Page:
        """Begin the next file, if the disk has room for it.

        Raises:
            RecordingError: It has not, or the file cannot be made.
        """
        expected = 2 * len(channels) * self._frames * FRAME_SAMPLES
        if shutil.disk_usage(self._folder).free < self._spare + expected:
            raise RecordingError(f"{self._folder}: the disk is nearly full")
        self._number += 1
        kind: Literal["flac", "wav"] = "flac" if len(channels) <= MOST_FLAC else "wav"
        self._path = self._folder / f"hearing-{self._number:06d}.{kind}"
        part = _private(self._path)
        self._sink = WavSink(part, RATE, channels=len(channels), kind=kind)
        page = _Page(channels, start, datetime.now(UTC).isoformat(timespec="seconds"), end=start)
        self._page = page
        return page

    def _flush(self) -> None:
        if self._sink is not None and self._waiting:
            self._sink.write(np.concatenate(tuple(self._waiting)))
        self._waiting.clear()

    def _complete(self) -> None:
        """Close the file, give it its name, write what it is, and delete what is too old."""
        page, sink = self._page, self._sink
        if page is None or sink is None:
            return
        self._flush()
        sink.close()
        self._page = self._sink = None
        facts = self._path.with_suffix(".json")
        part = _private(facts)
        part.write_text(page.text() + "\n", encoding="utf-8")
        for path in (facts, self._path):
            _name(path)
        keep = sorted(self._numbers())[-self._files :]
        for path in list(self._folder.iterdir()):
            name = _OURS.fullmatch(path.name)
            if name is not None and int(name.group(1)) < keep[0]:
                path.unlink(missing_ok=True)


def _names(microphones: int) -> tuple[str, ...]:
    return (
        *(f"microphone {number}" for number in range(microphones)),
        "reference",
        "wake",
        "speech",
        "recognition",
    )


def _row(raw: Frame, taps: Taps) -> NDArray[np.int16]:
    """Return all channels side by side, shape ``(n, microphones + 4)``."""
    count = len(raw.samples)
    reference = np.zeros(count, dtype=np.int16) if raw.reference is None else raw.reference
    made = (taps.wake.samples, taps.speech.samples, taps.recognition.samples)
    return np.column_stack((raw.samples, reference, *made))


def _private(path: Path) -> Path:
    """Make an empty file beside ``path`` that is its owner's alone; return its path."""
    part = path.with_name(path.name + ".part")
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    return part


def _name(path: Path) -> None:
    """Give a file that was written beside ``path`` its name, for good."""
    part = path.with_name(path.name + ".part")
    with part.open("rb") as written:
        os.fsync(written.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
