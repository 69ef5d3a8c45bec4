"""Plays the measuring programme through the configured card and records all of it meanwhile."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from appliance.app.live import wish
from appliance.app.reference import reference_source
from appliance.audio.capture import Capture
from appliance.audio.card import CardFormat, Exchange
from appliance.audio.counters import CardCounters
from appliance.audio.playback import Playback
from appliance.audio.pyaudio_card import PyAudioCard
from appliance.audio.sweep import Programme
from appliance.config import Config
from appliance.enhance.array.geometry import shipped
from appliance.errors import DeviceError
from appliance.events import PlaybackDrained, PlaybackStarted
from appliance.frames import RATE, Frame
from appliance.host.feed import running_socket
from appliance.units import ResponseId, Seconds

OPENS = Seconds(10.0)
"""A sound system that says nothing for so long does not answer."""

SETTLES = Seconds(0.5)
"""Cards click when they begin."""

FADES = Seconds(0.5)
"""After the programme the room is listened to for so long: an echo is never later."""

SPARE = Seconds(8.0)
"""By which playing may take longer than what is played: servers have seconds of buffers."""

_MEASURING = ResponseId("measuring")


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """What was recorded, gaps filled with silence."""

    form: CardFormat
    reason: str
    """What was chosen, and why."""

    samples: NDArray[np.int16] = field(repr=False)
    """Shape ``(n, channels)``, at ``RATE``."""

    reference: NDArray[np.int16] | None = field(repr=False)
    """Shape ``(n,)``; ``None``: the box does not know what is played."""

    counters: CardCounters

    @property
    def lossless(self) -> bool:
        """Whether no sound was lost on its way."""
        lost = self.counters
        return not (lost.input_overflows or lost.output_underflows or lost.ring_overflows)


def box_runs() -> bool:
    """Whether a box runs here; it has the card, and would talk into the measurement."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(running_socket()))
        except OSError:
            return False
    return True


async def play_and_record(
    config: Config, played: Programme, passed: Callable[[Seconds], None] = lambda _: None
) -> Taken:
    """Open the configured card, play, record, and close it again, whatever happens.

    Args:
        config: Says which card, and how.
        played: What to play; sound of about ``played.length`` is recorded.
        passed: Told now and then how much has been played.

    Raises:
        DeviceError: The card cannot be opened, or failed meanwhile.
    """
    await asyncio.to_thread(shipped)  # the list of boards, which is looked into below
    drained = asyncio.Event()

    def report(event: PlaybackStarted | PlaybackDrained) -> None:
        if isinstance(event, PlaybackDrained):
            drained.set()

    counters = CardCounters()
    capture, playback = Capture(counters), Playback(report, counters)
    exchange = Exchange(capture, playback, counters, source=reference_source(config))
    told: asyncio.Queue[str] = asyncio.Queue()
    card = PyAudioCard(wish(config), exchange, on_lost=told.put_nowait, on_found=told.put_nowait)
    card.start()
    form, reason = None, ""
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(asyncio.to_thread(list, capture.frames()), name="record")
        try:
            reason = await _opened(told)
            form = card.form
            if form is not None and form.input_channels and form.output_channels:
                await asyncio.sleep(SETTLES)
                playback.play(_MEASURING, played.samples.tobytes(), RATE)
                playback.finish(_MEASURING)
                await _until(drained, played.length, passed)
                await asyncio.sleep(FADES)
        finally:
            await asyncio.to_thread(card.close)
            capture.close()
    if form is None:
        raise DeviceError(reason)
    if not told.empty():
        raise DeviceError(f"the card was lost meanwhile: {told.get_nowait()}")
    samples, reference = _joined(reading.result(), form.input_channels)
    return Taken(form, reason, samples, reference, counters)


async def _opened(told: asyncio.Queue[str]) -> str:
    try:
        async with asyncio.timeout(OPENS):
            return await told.get()
    except TimeoutError:
        return "the sound system does not answer"


async def _until(
    drained: asyncio.Event, length: Seconds, passed: Callable[[Seconds], None]
) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    with contextlib.suppress(TimeoutError):  # what was recorded shows that nothing was played
        async with asyncio.timeout(length + SPARE):
            while not drained.is_set():
                passed(Seconds(min(loop.time() - began, length)))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await drained.wait()


def _joined(
    frames: list[Frame], channels: int
) -> tuple[NDArray[np.int16], NDArray[np.int16] | None]:
    """Lay the frames where they belong; what was lost between them is silence."""
    count = frames[-1].end - frames[0].start if frames else 0
    samples = np.zeros((count, channels), dtype=np.int16)
    known = np.zeros(count, dtype=np.int16)
    referenced = False
    for frame in frames:
        place = frame.start - frames[0].start
        samples[place : place + len(frame.samples)] = frame.samples
        if frame.reference is not None:
            referenced = True
            known[place : place + len(frame.reference)] = frame.reference
    return samples, known if referenced else None
