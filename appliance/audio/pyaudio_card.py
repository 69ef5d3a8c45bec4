"""A real sound card: opened, watched, and opened again when it was unplugged.

A thread of our own opens and watches; PortAudio's threads call back. What is unplugged shows as a
stream that errs, ends, or falls silent (a USB device that vanishes often just stops calling), and
each of them is mended in the same way: close everything, let PortAudio look again, open anew.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.audio.card import CardFormat, Exchange, Report
from appliance.audio.devices import NONE, Choice, choose
from appliance.audio.monitor import MonitorInput
from appliance.audio.plans import StreamPlan, Wish, input_alone, output_alone, together
from appliance.audio.portaudio import PortAudio, SoundLibrary, SoundStream
from appliance.errors import DeviceError
from appliance.units import SampleRate, Seconds

log = logging.getLogger(__name__)

CARDS = Path("/proc/asound/cards")
"""Changes when ALSA sees a card come or go."""


_WORKED = Seconds(5.0)
"""A card that was open for so long is tried again at once; one that fails at once is not."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the card may be quiet and how often it is looked for."""

    silent: Seconds = Seconds(2.0)
    """Without a block for so long a stream is dead: many times any buffer."""

    begin: Seconds = Seconds(5.0)
    """As ``silent``, before the first block: a sound server may have 2 s queued already."""

    look: Seconds = Seconds(0.25)
    """Between two looks at a running stream."""

    first: Seconds = Seconds(1.0)
    """Wait before the first new attempt; doubles from there."""

    longest: Seconds = Seconds(10.0)


class PyAudioCard:
    """The sound card; see ``appliance.audio.card.Card``. Made on the event loop.

    Args:
        wish: Which one, and how.
        exchange: Called every 10 ms, on PortAudio's thread.
        on_lost: Told why there is no sound, once per reason; on the event loop.
        on_found: Told what was opened and why that; on the event loop.
        library: Makes the sound library anew for every attempt.
        patience: When to give up on a stream and try again.
    """

    def __init__(
        self,
        wish: Wish,
        exchange: Exchange,
        *,
        on_lost: Report,
        on_found: Report,
        library: Callable[[], SoundLibrary] = PortAudio,
        patience: Patience = Patience(),
    ) -> None:
        self._wish = wish
        self._exchange = exchange
        self._on_lost = on_lost
        self._on_found = on_found
        self._library = library
        self._patience = patience
        self._monitor = (
            None
            if wish.monitor is None
            else MonitorInput(
                wish.monitor, exchange, silent=patience.longest, first=patience.first
            )
        )
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="sound-card", daemon=True)
        self._closing = threading.Event()
        self._told = ""  # why it is lost, as it was told last; empty while it is not
        self._opened_before = False
        self.form: CardFormat | None = None
        """How it is open now; ``None`` while it is not."""

    def start(self) -> None:
        """Begin to look for the card and to exchange sound; returns at once."""
        self._thread.start()

    def close(self) -> None:
        """End it and wait for its thread, 2 s at most; idempotent; not on the event loop."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=2.0)

    # ---------------------------------------------------------------- the watching thread

    def _run(self) -> None:
        patience = self._patience
        wait = patience.first
        while not self._closing.is_set():
            began = time.monotonic()
            try:
                self._be_open()
            except DeviceError as error:
                self._tell_lost(str(error))
            except Exception as error:  # whatever it was, the next attempt may go well
                log.exception("sound card")
                self._tell_lost(f"{type(error).__name__}: {error}")
            if time.monotonic() - began > _WORKED:  # an xrun too many, or a plug that was pulled
                self._closing.wait(patience.look)
                wait = patience.first
            else:
                self._closing.wait(wait)
                wait = Seconds(min(2 * wait, patience.longest))

    def _be_open(self) -> None:
        """Open the card and stay as long as it works.

        Raises:
            DeviceError: It cannot be opened, or has failed.
        """
        library = self._library()
        streams: list[SoundStream] = []
        try:
            choice = choose(
                library.devices(), input_name=self._wish.input, output_name=self._wish.output
            )
            plans = self._open(library, choice, streams)
            form = self._begin(choice, plans, streams)
            if self._monitor is not None and form.input_channels:
                self._monitor.begin(library, form.input_rate, time.monotonic())
            self._watch(choice, streams)
        finally:
            was_open, self.form = self.form is not None, None
            if self._monitor is not None:
                self._monitor.end()
            for stream in streams:
                stream.close()
            library.close()
            if was_open:
                self._exchange.lost()

    def _open(
        self, library: SoundLibrary, choice: Choice, streams: list[SoundStream]
    ) -> list[StreamPlan]:
        """Open one stream for both directions or, where the devices do not fit, one for each."""
        tried: list[str] = []
        for plan in together(choice, self._wish):
            if self._try(library, plan, streams, tried):
                return [plan]
        opened: list[StreamPlan] = []
        if choice.input is not None:
            plans = input_alone(choice.input, self._wish)
            plan_in = next((p for p in plans if self._try(library, p, streams, tried)), None)
            if plan_in is None:
                raise DeviceError(f"{choice.input.name!r} cannot be opened: {_summary(tried)}")
            opened.append(plan_in)
        if choice.output is not None:
            plans = output_alone(choice.output, self._wish)
            plan_out = next((p for p in plans if self._try(library, p, streams, tried)), None)
            if plan_out is not None:
                opened.append(plan_out)
            elif choice.input is None:
                raise DeviceError(f"{choice.output.name!r} cannot be opened: {_summary(tried)}")
            else:
                log.warning("loudspeaker %s cannot be opened: %s", choice.output.name, tried[-1])
        return opened

    def _try(
        self,
        library: SoundLibrary,
        plan: StreamPlan,
        streams: list[SoundStream],
        tried: list[str],
    ) -> bool:
        try:
            streams.append(library.open(plan, self._exchange.exchange, self._exchange.counters))
        except DeviceError as error:
            tried.append(f"{error} ({plan.rate} Hz, {plan.channels} channels)")
            return False
        return True

    def _begin(
        self, choice: Choice, plans: Sequence[StreamPlan], streams: Sequence[SoundStream]
    ) -> CardFormat:
        form = _format_of(plans, streams)
        self._exchange.opened(form)
        self.form = form
        for stream in streams:
            stream.start()
        self._exchange.counters.reconnects += self._opened_before
        self._opened_before = True
        self._told = ""
        log.info("sound card: %s; %s", choice.reason, form)
        self._tell(self._on_found, choice.reason)
        return form

    def _watch(self, choice: Choice, streams: Sequence[SoundStream]) -> None:
        """Return when the card is to be opened anew or to be closed.

        Raises:
            DeviceError: A stream has failed.
        """
        incomplete = choice.output is None and self._wish.output != NONE
        patience = self._patience
        cards = _cards()
        now = time.monotonic()
        seen = [(stream.blocks, now) for stream in streams]
        while not self._closing.wait(patience.look):
            now = time.monotonic()
            for number, stream in enumerate(streams):
                if (failure := stream.failure()) is not None:
                    raise DeviceError(f"the sound card failed: {failure}")
                blocks, since = seen[number]
                if stream.blocks != blocks:
                    seen[number] = (stream.blocks, now)
                elif now - since > (patience.silent if blocks else patience.begin):
                    raise DeviceError(f"no sound from the card for {now - since:.0f} s")
            if self._monitor is not None:
                self._monitor.look(now)
            if incomplete and _cards() != cards:
                return

    def _tell_lost(self, reason: str) -> None:
        if reason != self._told:
            self._told = reason
            log.warning("sound card: %s", reason)
            self._tell(self._on_lost, reason)

    def _tell(self, report: Report, words: str) -> None:
        """Cross from the watching thread to the event loop's."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(report, words)


def _format_of(plans: Sequence[StreamPlan], streams: Sequence[SoundStream]) -> CardFormat:
    source = next((plan for plan in plans if plan.input is not None), None)
    sink = next((plan for plan in plans if plan.output is not None), None)
    return CardFormat(
        input_name="" if source is None or source.input is None else source.input.name,
        input_rate=SampleRate(0) if source is None else source.rate,
        input_channels=0 if source is None else source.channels,
        output_name="" if sink is None or sink.output is None else sink.output.name,
        output_rate=SampleRate(0) if sink is None else sink.rate,
        output_channels=0 if sink is None else sink.channels,
        output_latency=Seconds(max(stream.output_latency for stream in streams)),
        one_clock=len(plans) == 1,
    )


def _summary(tried: Sequence[str]) -> str:
    """Return the attempts in one line: the first is the most wanted one."""
    return "; ".join(tried[:2]) + ("" if len(tried) <= 2 else f" and {len(tried) - 2} more ways")


def _cards() -> str:
    try:
        return CARDS.read_text(encoding="utf-8")
    except OSError:  # no ALSA
        return ""
