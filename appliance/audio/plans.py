"""How a chosen device may be opened: the ways to try, the best first."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from appliance.audio.devices import Choice, DeviceRecord
from appliance.frames import RATE
from appliance.units import SampleRate

COMMON_RATES = (SampleRate(48_000), SampleRate(44_100), SampleRate(32_000), SampleRate(96_000))
"""What cards run at that do not run at 16 kHz."""


def any_number(card: str, most: int) -> int:
    """Know nothing of any card; see ``Wish.wanted``."""
    del card, most
    return 0


@dataclass(frozen=True, slots=True)
class Wish:
    """What the configuration says about the card (``appliance.config.model.Audio``)."""

    input: str = ""
    output: str = ""
    rate: SampleRate = SampleRate(0)
    """0: 16 kHz if the card can, else its own."""

    channels: int = 0
    """Of the microphones; 0: one, or as many as ``microphone_channel`` needs."""

    microphone_channel: int = 0
    monitor: str | None = None
    """Which monitor of the sound server to record beside; empty: the default one; ``None``: none.
    """

    wanted: Callable[[str, int], int] = any_number
    """Tells how many of at most so many channels the array of the card of this name needs; 0: any
    number will do. ``channels`` goes before."""


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """One stream to open; input and output then share rate, channels and clock."""

    rate: SampleRate
    channels: int
    input: DeviceRecord | None
    output: DeviceRecord | None
    source: str = ""
    """Name of the sound server's source, where ``input`` is the server; empty: its default."""


def together(choice: Choice, wish: Wish) -> Iterator[StreamPlan]:
    """Yield the ways to open both directions as one stream, if one card has both.

    Two cards have a clock each: one stream of both would lose a block now and then. And a sound
    server that has nothing of ours to play goes on without a word, so a stream of both would play
    as much later ever after: PortAudio hands over one captured block with each that is played,
    and what is captured meanwhile would wait in the server (0.3 to 1.8 s within half a minute on a
    busy machine, measured 2026-11-22).
    """
    if choice.input is None or choice.output is None:
        return
    if choice.input.card is None or choice.input.card != choice.output.card:
        return
    most = min(choice.input.inputs, choice.output.outputs)
    wanted = wish.wanted(choice.input.name, choice.input.inputs)
    if wanted > most and not wish.channels:  # PyAudio opens both directions with as many channels
        return
    for channels in _channels(wish, most, wanted):
        for rate in _rates(wish, choice.input, choice.output):
            yield StreamPlan(rate, channels, choice.input, choice.output)


def input_alone(device: DeviceRecord, wish: Wish, *, source: str = "") -> Iterator[StreamPlan]:
    """Yield the ways to open the microphones alone, or a ``source`` of the sound server."""
    for channels in _channels(wish, device.inputs, wish.wanted(device.name, device.inputs)):
        for rate in _rates(wish, device):
            yield StreamPlan(rate, channels, device, None, source)


def output_alone(device: DeviceRecord, wish: Wish) -> Iterator[StreamPlan]:
    """Yield the ways to open the loudspeaker alone."""
    for channels in dict.fromkeys((1, min(2, device.outputs))):
        for rate in _rates(wish, device):
            yield StreamPlan(rate, channels, None, device)


def _channels(wish: Wish, most: int, wanted: int) -> list[int]:
    """Return the numbers of channels to try: the array's, the fewest, then what cards demand."""
    if wish.channels:
        return [wish.channels] if wish.channels <= most else []
    fewest = wish.microphone_channel + 1
    return [n for n in dict.fromkeys((wanted, fewest, 2, most)) if fewest <= n <= most]


def _rates(wish: Wish, *devices: DeviceRecord) -> list[SampleRate]:
    if wish.rate:
        return [wish.rate]
    return list(dict.fromkeys((RATE, *(device.rate for device in devices), *COMMON_RATES)))
