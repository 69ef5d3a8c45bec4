"""The stages for one array, in order; see ``appliance.enhance.chain``."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.config.sound import Echo
from appliance.enhance.array.beam import Beam
from appliance.enhance.array.geometry import Array
from appliance.enhance.array.health import Health
from appliance.enhance.echo.alignment import Alignment
from appliance.enhance.echo.kalman import KalmanCanceller
from appliance.enhance.memory import Learnt, named, part
from appliance.enhance.taps.convergence import Convergence
from appliance.enhance.taps.gentle import GentleSuppressor
from appliance.enhance.taps.highpass import HighPass
from appliance.enhance.taps.neural import NeuralSuppressor
from appliance.enhance.taps.playing import Playing
from appliance.enhance.taps.webrtc import AutomaticGain, NoiseSuppression, WebRtcSuppressor
from appliance.enhance.types import Block, Microphone, Mono, Report, Suppressor

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Tapped:
    """The three taps of 10 ms."""

    wake: Mono
    speech: Mono
    recognition: Mono
    playing: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Cancelled:
    """One microphone's 10 ms around the canceller."""

    left: Block
    echo: Block
    reference: Mono


class Station:
    """All stages for one array.

    Args:
        array: Its microphones are the rows of the blocks.
        echo: The settings.
        cancels: Whether there is a reference, and an echo to be cancelled.

    Raises:
        ModelError: A model of the settings, or a library, is missing or unfit.
    """

    def __init__(self, array: Array, echo: Echo, *, cancels: bool) -> None:
        microphones = len(array.microphones)
        self._array, self._settings = array, echo
        self.cancels = cancels
        self._high_pass = HighPass(microphones)
        self._health = Health(microphones)
        self._beam = Beam(array)
        self._playing = Playing()
        self._playing_now = False
        self._convergence = Convergence()
        if cancels:
            self._alignment = Alignment(microphones)
            self._canceller = KalmanCanceller(microphones)
        self._gentle = GentleSuppressor()
        self._strong = self._suppressor()
        strength = echo.noise_suppression
        self._noise = None if strength == "off" else NoiseSuppression(strength)
        self._gain = AutomaticGain() if echo.automatic_gain else None

    @property
    def converged(self) -> bool:
        """Whether the box's own voice is as good as gone from the speech tap."""
        return self._convergence.converged

    @property
    def bearing(self) -> float | None:
        """Where the latest talker stands; ``None``: not known."""
        return self._beam.bearing

    def process(self, block: Block, reference: Mono) -> Tapped:
        """Take 10 ms of the array's microphones and of what is played (0 where unknown)."""
        self._playing.process(reference)
        aligned = reference
        sound = self._high_pass.process(self._health.process(block))
        if self.cancels:  # in pauses, too: the clocks go on
            aligned = self._align(sound, reference)
        if not self.cancels or not self._playing.remembered:
            self._playing_now = False
            mono = self._mono(sound)
            # at rest a single microphone is heard as it is: nothing asks for less of it
            plain = mono if len(block) > 1 else block[0]
            return Tapped(self._gently(mono, None), plain, self._recognition(plain), playing=False)
        cancelled = self._cancel(sound, aligned)
        self._playing_now = self._playing.heard(self._alignment.delay)
        mono = self._mono(cancelled.left)
        row = self._beam.reference
        if self._playing_now:
            self._convergence.process(
                sound[row], cancelled.left[row], cancelled.echo[row], cancelled.reference
            )
        gentle = self._gently(mono, cancelled.echo[row])
        return Tapped(
            wake=gentle,
            speech=self._strong.process(gentle, cancelled.reference),
            recognition=self._recognition(mono),
            playing=self._playing_now,
        )

    def report(self) -> Report:
        """Return what is known now; any thread."""
        alignment = self._alignment if self.cancels else None
        return Report(
            playing=self._playing_now,
            delay=None if alignment is None else alignment.delay,
            drift_ppm=0.0 if alignment is None else alignment.drift_ppm,
            erle_db=self._convergence.erle_db,
            converged=self.converged,
            bearing=self.bearing,
            beaming=self._beam.beaming,
            microphones=tuple(
                Microphone(channel, state)
                for channel, state in zip(
                    self._array.microphones, self._health.verdict.states, strict=True
                )
            ),
        )

    def state(self) -> Learnt:
        """Return what was learnt of the room."""
        if not self.cancels:
            return {}
        return {
            **named("alignment", self._alignment.state()),
            **named("canceller", self._canceller.state()),
        }

    def restore(self, learnt: Mapping[str, NDArray[np.float32]]) -> bool:
        """Take what ``state`` gave; return whether it fitted."""
        if not self.cancels:
            return False
        aligned = self._alignment.restore(part(learnt, "alignment"))
        taken = aligned and self._canceller.restore(part(learnt, "canceller"))
        self._convergence = Convergence(restored=taken)
        return taken

    def _align(self, sound: Block, reference: Mono) -> Mono:
        usable = np.zeros(len(sound), np.bool_)
        usable[list(self._health.verdict.usable)] = True
        aligned = self._alignment.process(sound, reference, usable)
        if self._alignment.slid:
            self._canceller.slide(self._alignment.slid)
            # What the suppressor finds in the residual is no delay that it could lock to again.
            # Measured 2026-11-21 with speexdsp: 57 false stops in 23 tuning scenes without this.
            self._strong = self._suppressor()
        return aligned

    def _cancel(self, sound: Block, aligned: Mono) -> _Cancelled:
        left, echo = self._canceller.process(sound, aligned), self._canceller.echo
        if not np.isfinite(left.sum()):
            log.warning("echo: the canceller gave no numbers and starts anew")
            self._canceller = KalmanCanceller(len(sound))
            left, echo = sound, np.zeros_like(sound)
        return _Cancelled(left, echo, aligned)

    def _suppressor(self) -> Suppressor:
        model = self._settings.residual_model
        return WebRtcSuppressor() if model is None else NeuralSuppressor(model)

    def _mono(self, sound: Block) -> Mono:
        usable = self._health.verdict.usable if len(sound) > 1 else None
        return self._beam.process(sound, usable=usable, hold=self._playing_now)

    def _gently(self, mono: Mono, echo: Mono | None) -> Mono:
        return self._gentle.process(mono, echo) if self.cancels else mono

    def _recognition(self, mono: Mono) -> Mono:
        if self._noise is not None:
            mono = self._noise.process(mono)
        return mono if self._gain is None else self._gain.process(mono)
