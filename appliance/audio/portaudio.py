"""PortAudio through PyAudio: the only module that knows them.

PortAudio lists the devices once, when it is initialised: what is plugged in later is seen only by
closing the library and opening it anew.
"""

import contextlib
import ctypes
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
import pyaudio
from numpy.typing import NDArray

from appliance.audio.counters import CardCounters
from appliance.audio.devices import DeviceRecord
from appliance.audio.plans import StreamPlan
from appliance.audio.priority import CARD_PRIORITY, become_realtime, let_sound_in
from appliance.errors import DeviceError
from appliance.units import SampleRate, Seconds

Callback = Callable[[NDArray[np.int16] | None, int, float], bytes]
"""``Exchange.exchange``: takes what was captured, the samples wanted, and the seconds since the
capture; gives what to play."""

OLDEST = 2.0
"""Seconds that captured sound may have waited; what says more knows nothing."""


class SoundStream(Protocol):
    """An opened stream that is not yet running."""

    @property
    def output_latency(self) -> Seconds:
        """From handing a sample over until it is heard, as the driver says."""
        ...

    @property
    def blocks(self) -> int:
        """How often it has called back."""
        ...

    def start(self) -> None:
        """Begin to call back.

        Raises:
            DeviceError: It cannot.
        """
        ...

    def failure(self) -> str | None:
        """Why it calls back no more, as far as the library knows; ``None`` while it does."""
        ...

    def close(self) -> None:
        """End it; no call comes after."""
        ...


class SoundLibrary(Protocol):
    """A sound library that has just looked which devices there are."""

    def devices(self) -> Sequence[DeviceRecord]:
        """Return what was there when it looked."""
        ...

    def open(self, plan: StreamPlan, callback: Callback, counters: CardCounters) -> SoundStream:
        """Open a stream; what the driver loses is counted.

        Raises:
            DeviceError: The device cannot do that, or is gone or busy.
        """
        ...

    def close(self) -> None:
        """Let it go; open streams end."""
        ...


class PortAudio:
    """PortAudio; see ``SoundLibrary``. Takes up to some seconds to make: not on the event loop."""

    def __init__(self) -> None:
        _hush()
        if _alsa_is_unconfigured():
            raise DeviceError("ALSA has no configuration at all (Debian: libasound2-data)")
        self._library = pyaudio.PyAudio()

    def devices(self) -> Sequence[DeviceRecord]:
        """Return what was there when PortAudio was initialised."""
        found = []
        for index in range(self._library.get_device_count()):
            with contextlib.suppress(OSError):  # it went away meanwhile
                info = self._library.get_device_info_by_index(index)
                found.append(
                    DeviceRecord(
                        index=index,
                        name=str(info["name"]),
                        inputs=int(info["maxInputChannels"]),
                        outputs=int(info["maxOutputChannels"]),
                        rate=SampleRate(int(info["defaultSampleRate"])),
                    )
                )
        return found

    def open(
        self, plan: StreamPlan, callback: Callback, counters: CardCounters
    ) -> "PortAudioStream":
        """Open a stream."""
        with _server_source(plan.source):
            return PortAudioStream(self._library, plan, callback, counters)

    def close(self) -> None:
        """End what is open and let PortAudio go."""
        self._library.terminate()


class PortAudioStream:
    """One callback stream of 10 ms blocks; see ``SoundStream``."""

    def __init__(
        self,
        library: pyaudio.PyAudio,
        plan: StreamPlan,
        callback: Callback,
        counters: CardCounters,
    ) -> None:
        self._callback = callback
        self._counters = counters
        self._channels = plan.channels
        self._records = plan.input is not None
        self._plays = plan.output is not None
        self._error: Exception | None = None
        self.blocks = 0
        """How often it has called back; by the card's thread."""

        try:
            self._stream = library.open(
                rate=plan.rate,
                channels=plan.channels,
                format=pyaudio.paInt16,
                input=plan.input is not None,
                output=plan.output is not None,
                input_device_index=None if plan.input is None else plan.input.index,
                output_device_index=None if plan.output is None else plan.output.index,
                frames_per_buffer=plan.rate // 100,
                start=False,
                stream_callback=self._on_block,
            )
        except (OSError, ValueError) as error:
            raise DeviceError(_reason(error)) from error

    @property
    def output_latency(self) -> Seconds:
        """From handing a sample over until it is heard, as PortAudio says."""
        return Seconds(float(self._stream.get_output_latency()) if self._plays else 0.0)

    def start(self) -> None:
        """Begin to call back."""
        try:
            self._stream.start_stream()
        except OSError as error:
            raise DeviceError(_reason(error)) from error

    def failure(self) -> str | None:
        """Why it calls back no more; ``None`` while PortAudio's thread runs."""
        if self._error is not None:
            return f"{type(self._error).__name__}: {self._error}"
        try:
            return None if self._stream.is_active() else "the stream has ended"
        except OSError as error:
            return _reason(error)

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(OSError):
            self._stream.close()

    def _on_block(
        self, captured: bytes | None, count: int, times: Mapping[str, float], flags: int
    ) -> tuple[bytes | None, int]:
        if not self.blocks:
            become_realtime(CARD_PRIORITY)
            let_sound_in()
        self.blocks += 1
        if flags:
            self._count(flags)
        if captured is not None:
            block = np.frombuffer(captured, dtype=np.int16).reshape(-1, self._channels)
        elif self._records:
            self._counters.blocks_without_input += 1
            block = None
        else:
            block = None
        try:
            wanted = count if self._plays else 0
            return self._callback(block, wanted, _age(times)), pyaudio.paContinue
        except Exception as error:  # noqa: BLE001 - PyAudio would throw it into the main thread
            self._error = error
            return None, pyaudio.paAbort

    def _count(self, flags: int) -> None:
        if flags & pyaudio.paInputOverflow:
            self._counters.input_overflows += 1
        if flags & pyaudio.paOutputUnderflow:
            self._counters.output_underflows += 1


def _age(times: Mapping[str, float]) -> float:
    """Return the seconds since a block began; 0 if the driver does not know."""
    age = times["current_time"] - times["input_buffer_adc_time"]
    return age if 0.0 < age < OLDEST else 0.0


def list_devices() -> Sequence[DeviceRecord]:
    """Look which devices there are now, for ``doctor``.

    Not while a card is open in this process: it would see what was there when that was opened.
    """
    library = PortAudio()
    try:
        return library.devices()
    finally:
        library.close()


@contextlib.contextmanager
def _server_source(name: str) -> Iterator[None]:
    """Let ALSA's ``pulse`` device mean this source of the server's, while it is being opened.

    PortAudio lists that device once, and the plugin has no other way to be told (libpulse reads
    ``PULSE_SOURCE`` whenever it connects; pulseaudio(1)).
    """
    if not name:
        yield
        return
    before = os.environ.get("PULSE_SOURCE")
    os.environ["PULSE_SOURCE"] = name
    try:
        yield
    finally:
        if before is None:
            del os.environ["PULSE_SOURCE"]
        else:
            os.environ["PULSE_SOURCE"] = before


def _reason(error: Exception) -> str:
    """Return the words of PyAudio's error, which comes as ``(number, words)``."""
    return str(error.args[-1]) if error.args else type(error).__name__


_AlsaHandler = ctypes.CFUNCTYPE(
    None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p
)
_ignore_alsa = _AlsaHandler(lambda *_: None)  # kept: libasound goes on using it
_JackHandler = ctypes.CFUNCTYPE(None, ctypes.c_char_p)
_ignore_jack = _JackHandler(lambda _: None)


def _hush() -> None:
    """Keep libasound and libjack from writing to standard error whatever they try in vain.

    PortAudio opens every device that ALSA's configuration names in order to list it; on a desktop
    that makes some thirty lines, none of which is a problem. Errors that matter come back as such.
    """
    os.environ.setdefault("JACK_NO_START_SERVER", "1")
    for library, setter, handler in (
        ("libasound.so.2", "snd_lib_error_set_handler", _ignore_alsa),
        ("libjack.so.0", "jack_set_error_function", _ignore_jack),
        ("libjack.so.0", "jack_set_info_function", _ignore_jack),
    ):
        with contextlib.suppress(OSError, AttributeError):  # not there: nothing to keep quiet
            getattr(ctypes.CDLL(library), setter)(handler)


def _alsa_is_unconfigured() -> bool:
    """Whether PortAudio would end the whole process by an assertion (v19.6, BuildDeviceList)."""
    try:
        alsa = ctypes.CDLL("libasound.so.2")
        alsa.snd_config_update()
        top = ctypes.c_void_p.in_dll(alsa, "snd_config")
        found = ctypes.c_void_p()
        return bool(alsa.snd_config_search(top, b"pcm", ctypes.byref(found)))
    except (OSError, AttributeError, ValueError):  # no libasound: then PortAudio does without, too
        return False
