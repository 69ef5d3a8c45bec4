"""The reference, shifted so that its echo stands still where the canceller looks for it.

Three things move an echo against its reference, and each has its own remedy:

- *The buffers' delay*, up to 0.5 s: at the first lock the reference is delayed so that it leads
  its echo by 10 ms. Later it is moved only where the echo would begin before it, or so late that
  a 300 ms filter loses its room: a moved filter has to learn again.
- *A slip* (an underrun): the reference follows it exactly, and the canceller never knows.
  Measured 2026-11-21 on speexdsp, 300 ms: a slip of 20 ms without it costs 4 to 6 s until 15 dB
  are back, followed within 0.4 s it costs 1 s.
- *Two clocks*: the reference is read faster or slower by the drift.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from appliance.enhance.echo.delay import HOP_SECONDS, LONGEST, DelayTracker, Found
from appliance.enhance.echo.drift import LENGTH, DriftTracker, Path, hear, shift
from appliance.enhance.echo.line import LEAD, Line
from appliance.enhance.types import Block, Mono
from appliance.frames import FRAME_SAMPLES, RATE, samples
from appliance.units import Seconds

State = dict[str, NDArray[np.float32]]

_MARGIN = samples(0.010)  # of the reference before its echo: softer arrivals, and mistakes
_TOO_EARLY = samples(0.002)
_TOO_LATE = samples(0.100)  # of 0.3 s; two thirds are left for the room
_WORTH = samples(0.005)
_SLIP = samples(0.0015)  # nobody carries a box that far (0.5 m) within the echo's memory
_SLIP_ALIKE = 0.25  # likeness of the path before and after it
_FOLLOWED = 4.0  # ppm; 0.06 samples a second are nothing to a filter that adapts
_LET_GO = 2.0
_CERTAIN = 3.0  # standard errors
_LOUDEST = np.float32(4.0)  # full scale is 1
_PATIENCE = 40  # hops (1.6 s of playback) without an echo: another microphone


class Alignment:
    """Finds delay, slips and drift, and gives the aligned reference; see the module.

    Args:
        microphones: How many channels the blocks have; one of them is listened to, another if
            it has no sound, is not usable or has no echo.
    """

    def __init__(self, microphones: int) -> None:
        self._microphones = microphones
        self._listens = 0
        self._since = 0
        self._tracker = DelayTracker()
        self._drift = DriftTracker()
        self._line = Line()
        self._position = 0.0  # what the reference is delayed by
        self._expected: Found | None = None  # where the echo is, as far as anything was done for
        self._follows = False
        self._weighed: Found | None = None
        self._kept: Path | None = None  # the echo path, before a slip
        self._moved = 0.0  # samples by which the line was read faster since
        self.slid = 0
        """By how many samples later the aligned reference comes from this block on, against an
        echo that stands: for ``Canceller.slide``. 0 with a slip that is followed."""

    @property
    def delay(self) -> Seconds | None:
        """From the reference to the strongest arrival of its echo; ``None``: not found yet."""
        expected = self._expected
        return None if expected is None else Seconds(max(expected.peak, 0.0) / RATE)

    @property
    def drift_ppm(self) -> float:
        """By how much faster the echo comes than the reference."""
        return self._drift.ppm

    @property
    def confidence(self) -> float:
        """How clearly the echo is seen where it was found, 0 to 1; chance gives 0."""
        return min(max((self._tracker.height - 1.0) / 4.0, 0.0), 1.0)

    def process(
        self, block: Block, reference: Mono, usable: NDArray[np.bool_] | None = None
    ) -> Mono:
        """Take the next 10 ms of all microphones and of the reference; give it aligned.

        Args:
            block: What the microphones hear.
            reference: What is played, 0 to 0.5 s before it is heard.
            usable: Shape ``(microphones,)``: which are worth listening to; default: all.
        """
        self.slid = 0
        played = _finite(reference)
        self._line.write(played)
        heard = _finite(block[self._choose(block, usable)])
        if self._tracker.process(heard, played):
            self._decide()
        step = self._step()
        aligned = self._line.read(self._position, step)
        self._advance(step)
        return aligned

    def state(self) -> State:
        """Give what was learnt; ``{}``: nothing yet."""
        expected = self._expected
        if expected is None:
            return {}
        places = [expected.peak, expected.start, self._position]
        state = {
            "delay": np.clip(places, 0, LONGEST).astype(np.float32),
            "drift": np.array([self._drift.ppm], np.float32),
        }
        if self._kept is not None:
            lags = np.fft.irfft(self._kept.spectrum)[:LENGTH]
            begin = self._kept.begin - self._moved
            state["path"] = np.append(lags, begin).astype(np.float32)
        return state

    def restore(self, state: Mapping[str, NDArray[np.float32]]) -> bool:
        """Go on where an earlier run has ended; ``False``: this is not its state."""
        if not {"delay", "drift"} <= state.keys():
            return False
        delay, drift, path = state["delay"], state["drift"], state.get("path")
        if delay.shape != (3,) or drift.shape != (1,) or not np.isfinite(drift).all():
            return False
        if not (delay >= 0).all() or not (delay <= LONGEST).all():  # neither with NaN
            return False
        whole = path is not None and path.shape == (LENGTH + 1,) and bool(np.isfinite(path).all())
        self._position = float(delay[2])
        self._expected = Found(float(delay[0]), float(delay[1]))
        self._tracker.found = self._weighed = self._expected
        self._kept = None
        if path is not None and whole:
            self._keep(Path.of(path[:LENGTH], float(path[LENGTH]), -np.inf))
        self._drift.restore(float(drift[0]))
        return True

    def _choose(self, block: Block, usable: NDArray[np.bool_] | None) -> int:
        """Tell which microphone is listened to now."""
        now = self._listens
        fine: NDArray[np.bool_] = np.any(block, axis=1)
        if usable is not None:
            fine = fine & usable
        if fine[now] or not fine.any():
            if self._tracker.hops - self._since < _PATIENCE or self._seen():
                return now
            self._since = self._tracker.hops
        others = [(now + step) % self._microphones for step in range(1, self._microphones)]
        for other in others:
            if fine[other]:
                self._listens = other
                self._since = self._tracker.hops
                self._tracker.forget()
                self._drift.forget()
                break
        return self._listens

    def _seen(self) -> bool:
        """Tell whether an echo is seen; while it is, other microphones need not be tried."""
        if self._tracker.found is not None and self._tracker.height > 1.5:
            self._since = self._tracker.hops
            return True
        return False

    def _decide(self) -> None:
        """Weigh what the tracker has just found."""
        found = self._tracker.found
        if found is None or found is self._weighed:
            return  # what was found before a pause is no news after it
        self._weighed = found
        expected = self._expected
        if expected is None:
            self._place(found)
        elif abs(found.peak - expected.peak) > _SLIP:
            self._slip(expected, found)
        else:
            self._drift.process(self._tracker)
            if self._drift.latest is not None:
                self._keep(self._drift.latest)
            self._expected = found
            self._fit(found)

    def _place(self, found: Found) -> None:
        """Put the reference 10 ms before the echo, if that is worth it."""
        self._expected = found
        place = float(max(round(found.start) - _MARGIN, 0))
        if abs(place - self._position) > _WORTH:
            self.slid = round(place - self._position)
            self._position = place

    def _slip(self, expected: Found, found: Found) -> None:
        """Follow the reference's slip, if the whole echo has moved, not only its peak."""
        self._expected = found
        later = found.peak - expected.peak
        new = hear(self._tracker)
        alike = True
        if self._kept is not None and new is not None:
            fit = shift(self._kept, new, later - self._moved, _SLIP)
            alike = fit.likeness > _SLIP_ALIKE
            later = fit.samples + self._moved if alike else later
        if alike:
            self._drift.settle(later, self._tracker.moment * HOP_SECONDS)
            old, self._position = self._position, max(self._position + later, 0.0)
            self.slid = round(self._position - old - later)
        else:
            self._drift.forget()
        if new is not None:
            self._keep(new)
        self._fit(found)

    def _keep(self, path: Path) -> None:
        if path is not self._kept:
            self._kept, self._moved = path, 0.0

    def _fit(self, found: Found) -> None:
        """Move the reference only if the echo would leave the canceller's reach.

        The peak is asked, not the start: that is less certain, and each move costs a filter.
        """
        ahead = found.peak - self._position
        if (self._position > 0 and ahead < _TOO_EARLY) or ahead > _MARGIN + _TOO_LATE:
            self._place(found)

    def _step(self) -> float:
        """Tell how fast the reference is to be read."""
        ppm, sigma = self._drift.ppm, self._drift.sigma
        if self._follows:
            self._follows = abs(ppm) > _LET_GO
        else:
            self._follows = abs(ppm) > max(_FOLLOWED, _CERTAIN * sigma)
        return 1 + ppm * 1e-6 if self._follows else 1.0

    def _advance(self, step: float) -> None:
        """Move on with the clocks: what is read faster is less late with the next block."""
        gained = FRAME_SAMPLES * (step - 1)
        if self._position - gained < LEAD or self._position - gained > self._line.longest:
            return
        self._position -= gained
        self._moved += gained
        if self._expected is not None:
            found = self._expected
            self._expected = Found(found.peak - gained, found.start - gained)


def _finite(sound: Mono) -> Mono:
    """Give a sound as it is if it may be one, else without what no converter gives."""
    if np.abs(sound).max() <= _LOUDEST:  # false with NaN
        return sound
    return np.clip(np.nan_to_num(sound), -_LOUDEST, _LOUDEST)
