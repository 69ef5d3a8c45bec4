"""A recording that takes the place of a sound card.

It calls the very same exchange, block by block, from a thread of its own. In real time it is paced
by the clock. As fast as the machine can, it walks in lockstep: after each block it waits until the
hearing thread has dealt with it and the event loop has dealt with what that led to, and while the
appliance owes something that is not sound (a reply being made), the sound stands still. So one
recording gives the same events at the same samples on every machine.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from appliance.audio.card import CardFormat, Exchange
from appliance.audio.clock import CardClock
from appliance.audio.recording import Recording
from appliance.errors import RecordingError
from appliance.frames import RATE
from appliance.units import SampleRate, Seconds

log = logging.getLogger(__name__)

BLOCKS_PER_SECOND = 100

SETTLING = 10
"""Rounds of the event loop after a block: a word goes through the inbox of the conversation, its
turn machine and the outbox to the backend, each a task that must first be woken."""

HOLD_POLL = Seconds(0.002)
"""How often a recording that stands still looks whether it may go on."""

STUCK = Seconds(60.0)
"""A hearing thread or an event loop that does not answer for so long will not."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a recording is played."""

    speed: Literal["real", "max"] = "real"
    longest_hold: Seconds = Seconds(30.0)
    """Wall-clock time that the sound stands still at most, each time."""

    longest_tail: Seconds = Seconds(120.0)
    """Quiet that is added at most after the recording while somebody is still busy."""


class RecordedCard:
    """A recording as a sound card; see ``appliance.audio.card.Card``. Made on the event loop.

    Args:
        recording: What the microphones hear.
        exchange: Called for every block of 10 ms.
        hold: Whether the backend still owes something, so that the sound had better stand still
            (only at speed ``max``); event loop.
        at_rest: Whether nothing is going on in the room any more; event loop. After the
            recording quiet follows until this is so.
        sink: Gets what is played, 16-bit mono at ``rate``; its sample k was played while sample k
            of the recording was captured (in time, where the rates differ). Card's thread.
        pace: How fast.
    """

    def __init__(
        self,
        recording: Recording,
        exchange: Exchange,
        *,
        hold: Callable[[], bool] = lambda: False,
        at_rest: Callable[[], bool] = lambda: True,
        sink: Callable[[bytes], None] = lambda _: None,
        pace: Pace = Pace(),
    ) -> None:
        self._recording = recording
        self._exchange = exchange
        self._hold = hold
        self._at_rest = at_rest
        self._sink = sink
        self._pace = pace
        self._rounds = SETTLING if pace.speed == "max" else 0
        self.clock = CardClock()
        """Passes as the recording does."""

        self.rate = output_rate(recording)
        """Of what is played."""

        self.failure: str | None = None
        """Why it ended early; ``None`` as long as all is well."""

        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="recorded-card", daemon=True)
        self._closing = threading.Event()
        self._processed = threading.Event()
        self._settled = threading.Event()
        self._resting = False  # by the event loop
        self._held_until: float | None = None  # by the event loop

    def start(self) -> None:
        """Begin; returns at once."""
        channels = self._recording.samples.shape[1]
        self._exchange.capture.on_processed = self._processed.set
        self._exchange.opened(
            CardFormat(
                input_name="recording",
                input_rate=self._recording.rate,
                input_channels=channels,
                output_name="recording",
                output_rate=SampleRate(self.rate),
                output_channels=1,
                output_latency=Seconds(0.0),
                one_clock=True,
            )
        )
        self._thread.start()

    def close(self) -> None:
        """End it and wait for its thread, 2 s at most; idempotent; not on the event loop."""
        self._closing.set()
        self._processed.set()
        self._settled.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=2.0)

    # ------------------------------------------------------------------- the card's thread

    def _run(self) -> None:
        try:
            self._play()
        except Exception as error:  # whatever it was, the recording is over
            log.exception("recorded card")
            self.failure = f"{type(error).__name__}: {error}"
        finally:
            self._exchange.capture.close()

    def _play(self) -> None:
        samples, rate = self._recording.samples, self._recording.rate
        began = time.monotonic()
        last = self._recording.length + self._pace.longest_tail
        number = 0
        while not self._closing.is_set():
            first, after = _edge(number, rate), _edge(number + 1, rate)
            now = Seconds((number + 1) / BLOCKS_PER_SECOND)
            over = first >= len(samples)
            if over and (self._resting or now > last):
                return
            block = samples[first:after]
            if len(block) < after - first:
                block = np.pad(block, ((0, after - first - len(block)), (0, 0)))
            if self._pace.speed == "real":
                self._closing.wait(max(0.0, began + now - time.monotonic()))
            self.clock.move(now)
            wanted = _edge(number + 1, SampleRate(self.rate)) - _edge(
                number, SampleRate(self.rate)
            )
            if self._pace.speed == "real":
                self._sink(self._exchange.exchange(block, wanted))
            else:
                # In one callback nobody could react between the two halves. Here everybody must
                # have reacted to the first before the second, or what a drained reply leads to
                # would begin a frame earlier or later, as the threads happen to run.
                self._sink(self._exchange.exchange(None, wanted))
                self._wait_for_the_loop()
                self._exchange.exchange(block, 0)
                self._wait_for_hearing(after)
            self._wait_for_the_loop()
            number += 1

    def _wait_for_hearing(self, position: int) -> None:
        while self._exchange.capture.processed < position and not self._closing.is_set():
            if not self._processed.wait(STUCK):
                raise RecordingError(f"the hearing thread has not moved for {STUCK:.0f} s")
            self._processed.clear()

    def _wait_for_the_loop(self) -> None:
        self._settled.clear()
        self._hand_over()
        if not self._settled.wait(STUCK + self._pace.longest_hold) and not self._closing.is_set():
            raise RecordingError(f"the event loop has not answered for {STUCK:.0f} s")

    def _hand_over(self) -> None:
        """Cross from the card's thread to the event loop's."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: ``close`` follows
            self._loop.call_soon_threadsafe(self._settle, self._rounds)

    # ---------------------------------------------------------------------- the event loop

    def _settle(self, rounds: int) -> None:
        """Let everybody who was woken run, then ring what is due, then let the sound go on."""
        if rounds:
            self._loop.call_soon(self._settle, rounds - 1)
        elif self.clock.ring():
            self._loop.call_soon(self._settle, self._rounds)
        elif self._must_hold():
            self._loop.call_later(HOLD_POLL, self._settle, self._rounds)
        else:
            self._resting = self._at_rest()
            self._settled.set()

    def _must_hold(self) -> bool:
        if self._pace.speed == "real" or self._closing.is_set() or not self._hold():
            self._held_until = None
            return False
        now = self._loop.time()
        if self._held_until is None:
            self._held_until = now + self._pace.longest_hold
        return now < self._held_until


def output_rate(recording: Recording) -> SampleRate:
    """Return the rate of what is played: the recording's, unless that is too poor for speech."""
    return max(recording.rate, RATE)


def _edge(number: int, rate: SampleRate) -> int:
    """Return where block ``number`` begins; blocks differ by a sample where 100 divides not."""
    return number * rate // BLOCKS_PER_SECOND
