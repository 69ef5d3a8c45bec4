"""Looks at the machine: may we use its devices, is it well, and what is it?

Each check is data: what was looked at, whether it is well, and if not how to mend it. They take
milliseconds and are for ``doctor``, not for the event loop.
"""

import ctypes
import grp
import importlib.metadata
import os
import platform
import resource
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

REALTIME_PRIORITY = 10
"""What the sound thread asks for; measured to keep the duplex callback without underruns."""

_LEAST_DISK = 200 * 2**20
_LEAST_MEMORY = 300 * 2**20
_HOT = 80.0
"""Degrees Celsius from which a Raspberry Pi slows its cores down (soft limit 60 on some, 80 on
all: Raspberry Pi documentation, "Frequency management and thermal control")."""

_THROTTLED = {
    0: "under-voltage now",
    1: "clock capped now",
    2: "throttled now",
    3: "at the soft temperature limit now",
    16: "under-voltage since the start",
    17: "clock was capped since the start",
    18: "was throttled since the start",
    19: "was at the soft temperature limit since the start",
}
"""Bits of the firmware's get_throttled (Raspberry Pi documentation, vcgencmd)."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    """What to do about it; empty if it is well or nothing can be done."""

    warning: bool = False
    """It is well, but may not be for long, or is not all that it could be."""


def may_use(path: Path) -> bool:
    """Say whether we may read and write a device."""
    return os.access(path, os.R_OK | os.W_OK)


@dataclass(frozen=True, slots=True)
class Machine:
    """Where to look; other than the real one only in tests."""

    root: Path = Path("/")
    may_use: Callable[[Path], bool] = may_use


def checks(
    *, state: Path, pins: bool = False, spi: str = "", machine: Machine | None = None
) -> list[Check]:
    """Look at everything.

    Args:
        state: The folder that the appliance writes to.
        pins: Whether the configuration names GPIO pins.
        spi: The LED ring's device, such as ``spidev0.0``; empty: none is configured.
        machine: Where to look; the real one if not given.
    """
    here = Machine() if machine is None else machine
    found = [*_versions(here), *_sound(here), _realtime(), _disk(state)]
    if pins:
        found.append(_devices(here, "gpiochip*", name="gpio", group="gpio", hint=_NO_GPIO))
    if spi:
        found.append(_devices(here, spi, name="spi", group="spi", hint=_NO_SPI))
    return [*found, *_memory(here), *_temperature(here), *_throttled(here), *_clock(here)]


_NO_SOUND = "plug in a sound card, or switch on its overlay (dtoverlay=... in config.txt)"
_NO_GPIO = "this machine has no GPIO that Linux knows; set no pins in [board]"
_NO_SPI = "switch SPI on (dtparam=spi=on in config.txt), or set board.ring_leds = 0"


def _versions(machine: Machine) -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check(
        "python",
        sys.version_info[:2] in ((3, 11), (3, 12), (3, 13)),
        version,
        "" if sys.version_info < (3, 14) else "use Python 3.11, 3.12 or 3.13",
    )
    for package in ("voice-appliance", "onnxruntime", "numpy"):
        try:
            yield Check(package, ok=True, detail=importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            yield Check(package, ok=False, detail="not installed", remedy="run: ./run")
    yield Check("kernel", ok=True, detail=f"{platform.release()} {platform.machine()}")
    model = _read(machine.root / "proc/device-tree/model").rstrip("\0\n")
    yield Check("board", ok=True, detail=model or "not a single-board computer")


def _sound(machine: Machine) -> Iterator[Check]:
    folder = machine.root / "dev/snd"
    devices = sorted(folder.glob("pcm*")) if folder.is_dir() else []
    if not devices:
        yield Check("sound", ok=False, detail="no sound card in /dev/snd", remedy=_NO_SOUND)
        return
    yield _devices(machine, "snd/pcm*", name="sound", group="audio", hint=_NO_SOUND)
    for direction, kind in (("c", "microphone"), ("p", "loudspeaker")):
        count = sum(each.name.endswith(direction) for each in devices)
        yield Check(kind, count > 0, f"{count} in /dev/snd", "" if count else _NO_SOUND)


def _devices(machine: Machine, pattern: str, *, name: str, group: str, hint: str) -> Check:
    devices = sorted((machine.root / "dev").glob(pattern))
    if not devices:
        return Check(name, ok=False, detail=f"no /dev/{pattern}", remedy=hint)
    closed = [each for each in devices if not machine.may_use(each)]
    if not closed:
        return Check(name, ok=True, detail=", ".join(each.name for each in devices))
    names = ", ".join(each.name for each in closed)
    user = os.environ.get("USER", "$USER")
    remedy = f"run: sudo usermod -aG {group} {user}, then log in again"
    if not _group_exists(group):
        remedy = f"run: sudo groupadd --system {group}; install systemd/*.rules; {remedy[5:]}"
    return Check(name, ok=False, detail=f"not allowed to use {names}", remedy=remedy)


def _group_exists(group: str) -> bool:
    try:
        grp.getgrnam(group)
    except KeyError:
        return False
    return True


def _realtime() -> Check:
    """Try it: the limit is not the whole truth, for control groups may refuse it as well."""
    refused: list[OSError] = []

    def try_it() -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(REALTIME_PRIORITY))
        except OSError as error:
            refused.append(error)

    thread = threading.Thread(target=try_it, name="real-time check")  # it alone is affected
    thread.start()
    thread.join()
    if not refused:
        return Check("real-time", ok=True, detail="allowed")
    limit, _ = resource.getrlimit(resource.RLIMIT_RTPRIO)
    if limit == resource.RLIM_INFINITY or limit >= REALTIME_PRIORITY:
        detail = f"the limit allows it, but the kernel does not: {refused[0].strerror}"
        return Check("real-time", ok=False, detail=f"{detail}; sound may crackle under load")
    return Check(
        "real-time",
        ok=False,
        detail=f"priority up to {limit}, wanted {REALTIME_PRIORITY}: sound may crackle under load",
        remedy="write '@audio - rtprio 20' into /etc/security/limits.d/audio.conf, log in again",
    )


def _disk(state: Path) -> Check:
    folder = next((each for each in (state, *state.parents) if each.exists()), Path("/"))
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check("disk", ok=False, detail=f"{folder}: {(error.strerror or '').lower()}")
    if not os.access(folder, os.W_OK):
        hint = "give it to the user who runs the box; until then nothing is kept over a restart"
        return Check("disk", ok=False, detail=f"{folder} cannot be written to", remedy=hint)
    if free >= _LEAST_DISK:
        return Check("disk", ok=True, detail=f"{free / 2**20:.0f} MB free in {folder}")
    return Check(
        "disk",
        ok=False,
        detail=f"only {free / 2**20:.0f} MB free in {folder}",
        remedy=f"make {_LEAST_DISK / 2**20:.0f} MB free, or use a larger card",
    )


def _memory(machine: Machine) -> Iterator[Check]:
    for line in _read(machine.root / "proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        if name == "MemAvailable":
            free = int(rest.split()[0]) * 1024
            yield Check(
                "memory",
                free >= _LEAST_MEMORY,
                f"{free / 2**20:.0f} MB available",
                "" if free >= _LEAST_MEMORY else 'set local.transcriber = "tiny", or close others',
            )


def _temperature(machine: Machine) -> Iterator[Check]:
    degrees = [
        int(text) / 1000
        for zone in sorted((machine.root / "sys/class/thermal").glob("thermal_zone*"))
        if (text := _read(zone / "temp").strip()).lstrip("-").isdigit()
    ]
    if degrees:
        hot = max(degrees)
        remedy = "" if hot < _HOT else "give it air or a heat sink; it slows down when hot"
        yield Check("temperature", hot < _HOT, f"{hot:.0f} °C", remedy)


def _throttled(machine: Machine) -> Iterator[Check]:
    text = _read(machine.root / "sys/devices/platform/soc/soc:firmware/get_throttled").strip()
    try:
        bits = int(text, 16)
    except ValueError:
        return  # not a Raspberry Pi, or not its kernel
    seen = [words for bit, words in _THROTTLED.items() if bits >> bit & 1]
    yield Check(
        "power",
        not seen,
        ", ".join(seen) or "enough",
        "use the board's own power supply and a short cable; cool it" if seen else "",
    )


def _clock(machine: Machine) -> Iterator[Check]:
    if (machine.root / "run/systemd/timesync/synchronized").exists():
        yield Check("clock", ok=True, detail="set from the network")
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "adjtimex"):
        return
    # struct timex is 208 bytes on 64-bit Linux; all zero asks only. TIME_ERROR (5): not set
    answer = libc.adjtimex(ctypes.create_string_buffer(512))
    if answer >= 0:
        yield Check(
            "clock",
            answer != 5,
            "set from the network" if answer != 5 else "not set from the network",
            "" if answer != 5 else "run: sudo timedatectl set-ntp true; alarms need the time",
        )


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
