"""The monitor of a sound server as the reference: opened, watched, opened again.

It is a stream beside the card's and may come and go without it: hearing never waits for it.
"""

import logging
from collections.abc import Sequence

from appliance.audio.card import Exchange
from appliance.audio.counters import CardCounters
from appliance.audio.devices import DeviceRecord
from appliance.audio.plans import StreamPlan, Wish, input_alone
from appliance.audio.portaudio import SoundLibrary, SoundStream
from appliance.errors import DeviceError
from appliance.units import SampleRate, Seconds

log = logging.getLogger(__name__)

SERVER = "pulse"
"""ALSA's way to PulseAudio, or to PipeWire in its place, which lets one name the source."""

DEFAULT = "@DEFAULT_MONITOR@"
"""PulseAudio's and PipeWire's name of the default loudspeaker's monitor."""


def choose_monitor(devices: Sequence[DeviceRecord], name: str) -> tuple[DeviceRecord, str]:
    """Choose what to record, and the sound server's source where the device is the server.

    Args:
        devices: What there is.
        name: Part of a device's name, or the server's own name of a source; empty: the default
            loudspeaker's monitor, or else what calls itself a monitor.

    Raises:
        DeviceError: There is no such thing.
    """
    able = [device for device in devices if device.inputs]
    servers = [device for device in able if device.name == SERVER]
    wanted = (name or "monitor").casefold()
    fitting = [(d, "") for d in able if wanted in d.name.casefold()]
    served = [(server, name or DEFAULT) for server in servers]
    found = [*fitting, *served] if name else [*served, *fitting]
    if not found:
        raise DeviceError(
            f"no monitor has {name!r} in its name"
            if name
            else "there is no sound server's monitor"
        )
    return found[0]


class MonitorInput:
    """The stream of the monitor. Used by the thread that watches the card.

    Args:
        name: Which; see ``choose_monitor``.
        exchange: Its ``monitor`` is called with every block.
        silent: Without a block for so long it is opened anew.
        first: Wait before the first new attempt; doubles from there up to ``silent``.
    """

    def __init__(self, name: str, exchange: Exchange, *, silent: Seconds, first: Seconds) -> None:
        self._name = name
        self._exchange = exchange
        self._silent = silent
        self._first = first
        self._counters = CardCounters()  # what it loses is not lost by the microphones
        self._library: SoundLibrary | None = None
        self._rate = SampleRate(0)
        self._stream: SoundStream | None = None
        self._blocks = 0
        self._since = 0.0
        self._wait = first
        self._warned = False

    def begin(self, library: SoundLibrary, rate: SampleRate, now: float) -> None:
        """Open it beside a card that was opened at ``rate``; ``end`` before ``library`` closes."""
        self._library = library
        self._rate = rate
        self._wait = self._first
        self._open(library, now)

    def look(self, now: float) -> None:
        """Open it anew if it failed or fell silent."""
        if self._library is None:
            return
        if self._stream is None:
            if now - self._since >= self._wait:
                self._wait = Seconds(min(2 * self._wait, self._silent))
                self._open(self._library, now)
            return
        if self._stream.blocks != self._blocks:
            self._blocks = self._stream.blocks
            self._since = now
            self._wait = self._first
        failure = self._stream.failure()
        if failure is None and now - self._since > self._silent:
            failure = f"no sound from it for {now - self._since:.0f} s"
        if failure is not None:
            self._close(now)
            self._warn(failure)

    def end(self) -> None:
        """Close it; idempotent."""
        self._close(0.0)
        self._library = None

    def _open(self, library: SoundLibrary, now: float) -> None:
        self._since = now
        self._blocks = 0
        try:
            device, source = choose_monitor(library.devices(), self._name)
            self._stream, plan = self._opened(library, device, source)
            self._exchange.monitor_opened(plan.rate)
            self._stream.start()
        except DeviceError as error:
            self._close(now)
            self._warn(str(error))
            return
        self._warned = False
        log.info("monitor: %s %s, %d Hz", device.name, source, plan.rate)

    def _opened(
        self, library: SoundLibrary, device: DeviceRecord, source: str
    ) -> tuple[SoundStream, StreamPlan]:
        """Open the first way that works: one channel, the card's rate, if it can be.

        Raises:
            DeviceError: None does.
        """
        reason = DeviceError(f"{device.name!r} cannot be opened")
        for rate in (self._rate, SampleRate(0)):
            for plan in input_alone(device, Wish(rate=rate), source=source):
                try:
                    return library.open(plan, self._exchange.monitor, self._counters), plan
                except DeviceError as error:
                    reason = error
        raise reason

    def _close(self, now: float) -> None:
        stream, self._stream = self._stream, None
        self._since = now
        if stream is not None:
            stream.close()

    def _warn(self, reason: str) -> None:
        if not self._warned:
            self._warned = True
            log.warning("monitor: %s; what other programs play is not known meanwhile", reason)
