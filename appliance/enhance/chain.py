"""Station 2 of a frame: from raw channels to the taps that detection and backends hear.

    channels -> microphones -> high pass -> canceller -> beam -+- gentle suppressor -> wake
                                  ^                            +- strong suppressor -> speech
    reference -> alignment -------+                            +- noise, gain ------> recognition

Nothing of the canceller runs while the box is silent and the room has fallen silent, so nothing
is learnt from silence, and a box at rest costs what it did without one. Where nobody knows what
is played, or the board cancels it itself, the taps are what the array gives.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.ma  # medians and quantiles load it at their first call: 90 ms
from numpy.typing import NDArray

from appliance.config.sound import Echo
from appliance.enhance.array.geometry import GENERIC, Array, generic
from appliance.enhance.memory import Learnt, pack, unpack
from appliance.enhance.station import Station, Tapped
from appliance.enhance.taps.playing import Playing
from appliance.enhance.types import FULL_SCALE, Block, Mono, Report
from appliance.frames import FRAME_SAMPLES, Frame, Taps

_SCALE = np.float32(1 / FULL_SCALE)
Sound = NDArray[np.int16]


class Chain:
    """The stages of enhancement in order; see ``appliance.ports.Enhancer``.

    Args:
        choose: Returns the array of a card that gives so many channels.
        echo: What keeps the box from hearing itself.
        channel: Which microphone, counted from 0, if they are no array; the last one if there are
            fewer.
        board: Tells whether a board that cancels the echo itself has converged; without it that
            is believed.

    Raises:
        ModelError: A model of the settings, or a library, is missing or unfit.
    """

    def __init__(
        self,
        choose: Callable[[int], Array] = generic,
        echo: Echo | None = None,
        *,
        channel: int = 0,
        board: Callable[[], bool] | None = None,
    ) -> None:
        self._choose = choose
        self._echo = Echo() if echo is None else echo
        self._channel = channel
        self._board = board
        self._channels = 0
        self._array = generic(1)
        self._learnt: Learnt = {}
        self._playing = Playing()
        self._station: Station | None = None
        self.converged = False
        """Whether the box's own voice is as good as gone from the speech tap."""

        self.bearing: float | None = None
        """Where the latest talker stands; see ``appliance.ports.Enhancer``."""

        if self._echo.residual_model is not None:  # say now what cannot be used
            Station(self._array, self._echo, cancels=True)

    def process(self, frame: Frame) -> Taps:
        """Take shape ``(n, channels)``; give frames of shape ``(n,)`` with the same start.

        Frames have 160 samples; a shorter one ends the sound.
        """
        channels = frame.samples.shape[1]
        if channels != self._channels:
            self._meet(channels)
        reference = self._reference(frame)
        station = self._station
        if station is None or (reference is not None and not station.cancels):
            if not self._needed(reference):
                return self._untouched(frame, reference)
            station = self._station = self._open(cancels=reference is not None)
        tapped = station.process(_block(frame.samples, self._array), _mono(reference))
        self.converged, self.bearing = station.converged, station.bearing
        return _taps(tapped, frame)

    def report(self) -> Report:
        """Return what is known now; any thread."""
        station = self._station
        return Report(converged=self.converged) if station is None else station.report()

    def state(self) -> bytes:
        """Return all that was learnt of the room, for ``restore``; may be empty. Any thread."""
        station = self._station
        return b"" if station is None else pack(station.state())

    def restore(self, state: bytes) -> None:
        """Take what ``state`` gave at an earlier start; before the first frame.

        What does not fit (another array, another version, damaged) is ignored, and logged.
        """
        self._learnt = unpack(state)

    def _meet(self, channels: int) -> None:
        """Set up for a card that gives so many channels."""
        array = self._choose(channels)
        here = tuple(number for number in array.microphones if number < channels)
        if array.cancels and array.processed_channel is not None:
            here = (min(array.processed_channel, channels - 1),)
        elif array.name == GENERIC or not here:
            here = (min(self._channel, channels - 1),)
        if here != array.microphones:
            array = replace(array, microphones=here, positions=None, beam=False)
        self._channels, self._array, self._station = channels, array, None
        self.converged, self.bearing = False, None

    def _reference(self, frame: Frame) -> Sound | None:
        if self._echo.cancel == "off":
            return None
        if frame.reference is not None:
            return frame.reference
        looped = self._array.reference_channel
        wanted = self._echo.reference in {"auto", "channel"}
        if looped is None or not wanted or looped >= self._channels:
            return None
        return frame.samples[:, looped]

    def _needed(self, reference: Sound | None) -> bool:
        if self._echo.noise_suppression != "off" or self._echo.automatic_gain:
            return True
        if self._array.cancels:
            return False
        return reference is not None or len(self._array.microphones) > 1

    def _open(self, *, cancels: bool) -> Station:
        station = Station(self._array, self._echo, cancels=cancels and not self._array.cancels)
        if station.cancels and self._learnt:
            station.restore(self._learnt)
            self._learnt = {}
        return station

    def _untouched(self, frame: Frame, reference: Sound | None) -> Taps:
        if self._array.cancels:
            self.converged = True if self._board is None else self._board()
        self._playing.process(None if reference is None else _mono(reference))
        channel = self._array.microphones[0]
        samples = frame.samples
        if samples.shape[1] == 1:
            sound = samples[:, 0]
        else:  # models want neighbouring samples to be neighbours
            sound = np.ascontiguousarray(samples[:, channel])
        tap = Frame(sound, frame.start)
        return Taps(tap, tap, tap, playing=self._playing.heard(None))


def _block(samples: Sound, array: Array) -> Block:
    """Return the array's microphones, one a row; a short end of a sound is filled up."""
    block: Block = samples.T[list(array.microphones)].astype(np.float32)
    block *= _SCALE
    missing = FRAME_SAMPLES - block.shape[1]
    if missing > 0:
        block = np.pad(block, ((0, 0), (0, missing)))
    return block[:, :FRAME_SAMPLES]


def _mono(reference: Sound | None) -> Mono:
    """Return 10 ms of it, whatever its length."""
    mono: Mono = np.zeros(FRAME_SAMPLES, np.float32)
    if reference is not None:
        given = reference.reshape(-1)[:FRAME_SAMPLES]
        np.multiply(given, _SCALE, out=mono[: len(given)])
    return mono


def _taps(tapped: Tapped, frame: Frame) -> Taps:
    sounds = (tapped.wake, tapped.speech, tapped.recognition)
    rows = _sixteen(np.stack(sounds))[:, : len(frame.samples)]
    made: dict[int, Frame] = {}  # taps that are the same remain the same
    wake, speech, recognition = (
        made.setdefault(id(sound), Frame(row, frame.start))
        for sound, row in zip(sounds, rows, strict=True)
    )
    return Taps(wake, speech, recognition, playing=tapped.playing)


def _sixteen(sounds: Block) -> NDArray[np.int16]:
    scaled = sounds * np.float32(FULL_SCALE)
    if not np.isfinite(scaled.sum()):
        np.nan_to_num(scaled, copy=False)
    np.rint(scaled, out=scaled)
    np.maximum(scaled, -32_768, out=scaled)
    np.minimum(scaled, 32_767, out=scaled)
    return scaled.astype(np.int16)
