"""Station 2 of a frame: from raw channels to the two taps that detection hears."""

import numpy as np

from appliance.frames import Frame, Taps


class Chain:
    """The stages of enhancement in order; see ``appliance.ports.Enhancer``.

    So far there is one: the chosen microphone. A canceller will make two taps of it.

    Args:
        channel: Which microphone, counted from 0; the last one if there are fewer.
    """

    def __init__(self, *, channel: int = 0) -> None:
        self._channel = channel
        self.converged = False
        """There is no canceller yet, so the box hears itself."""

        self.bearing: float | None = None
        """One microphone does not know."""

    def process(self, frame: Frame) -> Taps:
        """Take shape ``(n, channels)``; give frames of shape ``(n,)`` with the same start."""
        raw = frame.samples
        channels = raw.shape[1]
        if channels == 1:
            samples = raw[:, 0]
        else:  # models want neighbouring samples to be neighbours
            samples = np.ascontiguousarray(raw[:, min(self._channel, channels - 1)])
        tap = Frame(samples, frame.start)
        return Taps(wake=tap, speech=tap, recognition=tap)
