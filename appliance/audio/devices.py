"""Which sound device to listen to and which to play on: plain records in, a choice out.

Names are those of PortAudio over ALSA: ``USB Audio: - (hw:2,0)`` is hardware, ``pulse`` or
``default`` are ways through a sound server or a mixer. Opened by nobody here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.errors import DeviceError
from appliance.units import SampleRate

NONE = "none"
"""Configured instead of a name: do without."""

SERVERS = ("pipewire", "pulse")
"""Names of the ways through a sound server. Where one runs it owns the cards, and they would be
busy if we opened them past it."""

_DUMB = re.compile(
    r"hdmi|displayport|\bape\b|monitor|loopback|\bdummy\b|\bspdif\b|iec958", re.IGNORECASE
)
"""What is there but hears or plays nothing: HDMI without a screen, the crossbar of a Jetson
(``NVIDIA Jetson Orin Nano APE: - (hw:1,0)``, 20 of them), copies of what is played."""

_HARDWARE = re.compile(r"\(hw:(\d+),\d+\)")


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """One device as the sound library lists it."""

    index: int
    name: str
    inputs: int
    """Most input channels; 0: it does not record."""

    outputs: int
    """Most output channels; 0: it does not play."""

    rate: SampleRate
    """What it would rather run at."""

    @property
    def card(self) -> str | None:
        """The hardware it belongs to, if the name says so."""
        found = _HARDWARE.search(self.name)
        return None if found is None else found.group(1)


@dataclass(frozen=True, slots=True)
class Choice:
    """What to open, and why in a sentence for people."""

    input: DeviceRecord | None
    output: DeviceRecord | None
    reason: str


def choose(devices: Sequence[DeviceRecord], *, input_name: str, output_name: str) -> Choice:
    """Choose by part of a name, or sensibly where the name is empty, or not at all for ``none``.

    Raises:
        DeviceError: Nothing fits a name, or there is nothing to listen to.
    """
    source, why_source = _choose_input(devices, input_name)
    sink, why_sink = _choose_output(devices, output_name, source)
    if source is None and sink is None:
        raise DeviceError("both the microphone and the loudspeaker are configured as none")
    return Choice(source, sink, f"{why_source}; {why_sink}")


def _choose_input(devices: Sequence[DeviceRecord], name: str) -> tuple[DeviceRecord | None, str]:
    able = [device for device in devices if device.inputs]
    if name == NONE:
        return None, "no microphone, as configured"
    if name:
        device = _named(able, name, "microphone")
        return device, f"microphone {device.name!r}, as configured"
    ranked = _ranked(able, devices)
    if not ranked:
        raise DeviceError("no microphone: no sound device records, or only dummies do")
    device, why = ranked[0]
    return device, f"microphone {device.name!r} ({why})"


def _choose_output(
    devices: Sequence[DeviceRecord], name: str, source: DeviceRecord | None
) -> tuple[DeviceRecord | None, str]:
    able = [device for device in devices if device.outputs]
    if name == NONE:
        return None, "no loudspeaker, as configured"
    if name:
        device = _named(able, name, "loudspeaker")
        return device, f"loudspeaker {device.name!r}, as configured"
    if source is not None and not _DUMB.search(source.name):
        for device in able:
            if device == source or (device.card is not None and device.card == source.card):
                return device, f"loudspeaker {device.name!r} (on the microphone's card)"
    ranked = _ranked(able, devices)
    if not ranked:
        hint = ", only HDMI or dummies; name one in audio.output to use it" if able else ""
        return None, f"no loudspeaker{hint}"
    device, why = ranked[0]
    return device, f"loudspeaker {device.name!r} ({why})"


def _named(able: Sequence[DeviceRecord], name: str, what: str) -> DeviceRecord:
    wanted = name.casefold()
    fitting = [device for device in able if wanted in device.name.casefold()]
    if not fitting:
        there = ", ".join(repr(device.name) for device in able) or "none at all"
        raise DeviceError(f"no {what} has {name!r} in its name; there are: {there}")
    # "pulse" means the device of that name, not one that merely mentions it
    return min(fitting, key=lambda device: device.name.casefold() != wanted)


def _ranked(
    able: Sequence[DeviceRecord], devices: Sequence[DeviceRecord]
) -> list[tuple[DeviceRecord, str]]:
    """Return the usable ones, best first, each with the reason; the order of the list decides."""
    served = any(d.name in SERVERS and d.inputs and d.outputs for d in devices)
    ranks: list[tuple[int, DeviceRecord, str]] = []
    for device in able:
        if _DUMB.search(device.name):
            continue
        if served and device.name in SERVERS:
            ranks.append((SERVERS.index(device.name), device, "the sound server"))
        elif device.card is not None:
            both = _plays_and_records(device, devices)
            ranks.append((10, device, "a card with both") if both else (11, device, "a card"))
        elif device.name == "default":
            ranks.append((20, device, "the system's default"))
    ranks.sort(key=lambda rank: rank[0])
    return [(device, why) for _, device, why in ranks]


def _plays_and_records(device: DeviceRecord, devices: Sequence[DeviceRecord]) -> bool:
    same = [other for other in devices if other.card == device.card]
    return any(d.inputs for d in same) and any(d.outputs for d in same)
