"""How a loudspeaker bends what it is given: a model of its distortion.

A small loudspeaker and its amplifier distort by 5 to 10 %; a linear filter can take no more out
than the rest, 20 to 25 dB. Before it, a curve without memory (a Hammerstein model: F. Guerin,
G. Faucon, R. Le Bouquin-Jeannes, IEEE Trans. SAP 11(6), 2003) makes of the reference what the
loudspeaker makes of it. The curve is the straight line plus a few shapes; how much of each is
found by recursive least squares from what the filter leaves, since the filter knows how each of
them would sound in the microphone.
"""

import numpy as np
from numpy.typing import NDArray

from appliance.enhance.echo.partitioned import Spectrum
from appliance.enhance.taps.highpass import HighPass
from appliance.enhance.types import Mono
from appliance.frames import FRAME_SAMPLES

_CORNER = 120.0  # Hz: below it a small driver hardly moves, and does not reach its limits
_KNEES = np.array([[0.2], [0.5]], np.float32)  # of full scale: where soft limits begin to bend
SHAPES = 1 + len(_KNEES)
"""How many shapes there are."""

_FORGETTING = 0.992  # a time constant of 10 s of playback, if told every 80 ms
_STEP = 4.0  # what one telling counts
_DOUBT = 1.0  # of a shape: what is counted against it before it has shown that it helps
_MOST = 4.0  # of a shape; a soft limit with a lower knee needs no more


class Loudspeaker:
    """Knows its curve as far as it has been heard."""

    def __init__(self) -> None:
        self._high_pass = HighPass(1, _CORNER)
        self._rows = np.zeros((1 + SHAPES, FRAME_SAMPLES), np.float32)
        # of the shapes and of the straight line, which the filter, not the curve, has to fit
        self._seen = np.zeros((SHAPES + 1, SHAPES + 1))
        self._fits = np.zeros(SHAPES + 1)
        self.amounts = np.zeros(SHAPES, np.float32)
        """Of each shape."""

    def bend(self, reference: Mono) -> NDArray[np.float32]:
        """Return what the loudspeaker makes of 10 ms, then its shapes: ``(1 + SHAPES, 160)``.

        The array is used again for the next.
        """
        sound = self._high_pass.process(reference[np.newaxis])[0]
        rows = self._rows
        np.multiply(sound, sound, out=rows[1])
        np.tanh(sound / _KNEES, out=rows[2:])
        rows[2:] *= _KNEES
        rows[2:] -= sound
        np.add(sound, self.amounts @ rows[1:], out=rows[0])
        return rows

    def learn(self, shapes: Spectrum, straight: Spectrum, left: Spectrum, trust: Mono) -> None:
        """Be told what was left, and how each shape would have sounded in the microphone.

        Args:
            shapes: Echoes of the shapes, ``(SHAPES, bins)``.
            straight: The echo that was taken out, ``(bins,)``.
            left: What was left, ``(bins,)``.
            trust: One over the expected power of what was left, ``(bins,)``.
        """
        echoes = np.concatenate([shapes, straight[np.newaxis]])
        wanted = left + self.amounts @ shapes
        weighed = echoes.conj() * (trust * (_STEP / len(trust)))
        self._seen = _FORGETTING * self._seen + (weighed @ echoes.T).real
        self._fits = _FORGETTING * self._fits + (weighed @ wanted).real
        doubt = _DOUBT * np.eye(SHAPES + 1)
        amounts = np.linalg.solve(self._seen + doubt, self._fits)[:SHAPES]
        if np.isfinite(amounts).all():
            self.amounts = np.clip(amounts, -_MOST, _MOST).astype(np.float32)
        else:
            self.forget()

    def forget(self) -> None:
        """Believe that it is a straight line."""
        self._seen[...] = self._fits[...] = 0
        self.amounts = np.zeros(SHAPES, np.float32)

    def state(self) -> dict[str, NDArray[np.float32]]:
        """Return what was learnt."""
        return {
            "seen": self._seen.astype(np.float32),
            "fits": self._fits.astype(np.float32),
            "amounts": self.amounts.copy(),
        }

    def restore(self, seen: Mono, fits: Mono, amounts: Mono) -> None:
        """Take what ``state`` gave."""
        self._seen, self._fits = seen.astype(np.float64), fits.astype(np.float64)
        self.amounts = amounts.astype(np.float32)
