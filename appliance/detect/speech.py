"""Finds the edges of speech: ``webrtcvad`` decides when Silero is worth asking.

``webrtcvad`` costs 2 µs a frame and misses next to no speech, but takes kitchen noise for it;
Silero (ONNX) tells them apart, and costs some seventy times as much. So Silero runs only while
``webrtcvad`` has lately heard something like a voice; otherwise its probability is taken as 0.
"""

from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import webrtcvad
from numpy.typing import NDArray

from appliance.detect.endpoint import Edge, Endpointer, Tuning
from appliance.detect.onnx import fits, open_model
from appliance.errors import ModelError
from appliance.frames import FRAME_SAMPLES, RATE, Frame
from appliance.units import SampleIndex

WINDOW = 512
"""Samples that Silero judges at a time (32 ms), fixed by the model at 16 kHz."""

CONTEXT = 64
"""Samples of the window before that the model wants in front (silero_vad.onnx, v5 and later)."""

GATE_MODE = 2
"""How readily webrtcvad says no, 0 to 3. On 39 spoken orders (2026-11-21) no edge differed by more
than one window from ungated Silero's in quiet, where two thirds of the windows were saved; in
kitchen noise of 24 and 12 dB 1 in 50 did by more than two, with mode 3 1 in 20."""

HANGOVER = RATE // 2
"""Sound after webrtcvad's last yes in which Silero is still asked. With 0.3 s, 2 of 74 orders at
6 dB ended early."""

LOOK_BACK = 16
"""Windows before webrtcvad's first yes that Silero is asked about after all (0.5 s): the soft
beginning of a first word."""


class Silero:
    """The speech probability of one window after the other.

    Raises:
        ModelError: The file is missing or is another model.
    """

    def __init__(self, path: Path) -> None:
        self._session = open_model(path)
        inputs = {node.name: node.shape for node in self._session.get_inputs()}
        if set(inputs) != {"input", "state", "sr"} or not fits(inputs["state"], (2, 1, 128)):
            raise ModelError(f"{path}: not a Silero model of version 5 or 6: inputs {inputs}")
        self._rate = np.array(RATE, dtype=np.int64)
        self._sound = np.zeros((1, CONTEXT + WINDOW), dtype=np.float32)
        self._state = np.zeros((2, 1, 128), dtype=np.float32)

    def reset(self) -> None:
        """Forget what was heard."""
        self._sound[:] = 0.0
        self._state = np.zeros((2, 1, 128), dtype=np.float32)

    def probability(self, window: NDArray[np.int16]) -> float:
        """Return the probability, 0 to 1, that these ``WINDOW`` samples are speech."""
        sound = self._sound
        sound[0, :CONTEXT] = sound[0, WINDOW:]
        np.multiply(window, 1.0 / 32768.0, out=sound[0, CONTEXT:])
        output, self._state = self._session.run(
            None, {"input": sound, "state": self._state, "sr": self._rate}
        )
        return float(output[0, 0])


class SpeechEdges:
    """Tells where speech starts and ends; a ``SpeechDetector``.

    Args:
        model: ``silero_vad.onnx``.
        tuning: When speech counts as begun and as ended.
        gated: Whether ``webrtcvad`` decides when Silero is asked; ``False`` for comparisons.

    Raises:
        ModelError: The file is missing or is another model.
    """

    def __init__(self, model: Path, tuning: Tuning, *, gated: bool = True) -> None:
        self._silero = Silero(model)
        self._tuning = tuning
        self._gated = gated
        self._window = np.zeros(WINDOW, dtype=np.int16)
        self.asked = 0
        """Windows that Silero was asked about, for figures."""
        self.reset()

    def reset(self) -> None:
        """Forget what was heard: the next frame need not follow the last one."""
        self._silero.reset()
        self._gate = webrtcvad.Vad(GATE_MODE)
        self._open_until = SampleIndex(-1)
        self._skipped: deque[_Window] = deque()
        self._edges: deque[Edge] = deque()
        self._filled = 0
        self._playing = False
        self._endpointer: Endpointer | None = None

    def process(self, frame: Frame, *, playing: bool = False) -> Edge | None:
        """Take the next frame, of at most ``WINDOW`` samples; return the edge it completes."""
        self._playing = playing
        if self._endpointer is None:
            self._endpointer = Endpointer(self._tuning, frame.start)
        sound = frame.samples
        if not self._gated or self._sounds_like_voice(sound):
            self._open_until = SampleIndex(frame.end + HANGOVER)
        taken = min(len(sound), WINDOW - self._filled)
        self._window[self._filled : self._filled + taken] = sound[:taken]
        self._filled += taken
        if self._filled == WINDOW:
            self._take(self._endpointer, SampleIndex(frame.start + taken))
            self._filled = len(sound) - taken
            self._window[: self._filled] = sound[taken:]
        return self._edges.popleft() if self._edges else None

    def _sounds_like_voice(self, sound: NDArray[np.int16]) -> bool:
        # webrtcvad takes 10, 20 or 30 ms; the short rest of a recording is left out
        return len(sound) == FRAME_SAMPLES and self._gate.is_speech(sound.tobytes(), RATE)

    def _take(self, endpointer: Endpointer, end: SampleIndex) -> None:
        if end > self._open_until:
            self._skip(endpointer, end)
            return
        if self._skipped:
            self._catch_up(endpointer)
        self._feed(endpointer, self._ask(self._window), end)

    def _skip(self, endpointer: Endpointer, end: SampleIndex) -> None:
        # Before speech nothing hangs on the last windows, and they may yet be asked about; within
        # it they are the silence that ends it, and cannot wait.
        fed = endpointer.speaking
        if fed:
            self._feed(endpointer, 0.0, end)
        self._skipped.append(_Window(self._window.copy(), end, fed=fed))
        if len(self._skipped) > LOOK_BACK:
            oldest = self._skipped.popleft()
            if not oldest.fed:
                self._feed(endpointer, 0.0, oldest.end)

    def _catch_up(self, endpointer: Endpointer) -> None:
        self._silero.reset()
        for window in self._skipped:
            probability = self._ask(window.sound)
            if not window.fed:
                self._feed(endpointer, probability, window.end)
        self._skipped.clear()

    def _ask(self, window: NDArray[np.int16]) -> float:
        self.asked += 1
        return self._silero.probability(window)

    def _feed(self, endpointer: Endpointer, probability: float, end: SampleIndex) -> None:
        edge = endpointer.feed(probability, end, playing=self._playing)
        if edge is not None:
            self._edges.append(edge)


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """Sound that Silero was not asked about."""

    sound: NDArray[np.int16]
    end: SampleIndex
    fed: bool
    """The endpointer has already been told that it is silence."""
