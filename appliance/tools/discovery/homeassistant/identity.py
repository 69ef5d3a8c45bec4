"""Which physical device an announcement is of: what names it the world over. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from appliance.tools.discovery.payloads import LONGEST_TEXT, rows, table, text

MOST_IDENTIFIERS = 8

_IEEE = re.compile(r"(?:^|[_-])(0x[0-9a-f]{16})(?:$|[_-])")
_MAC = re.compile(r"(?:^|[_-])((?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}|[0-9a-f]{12})$")
_MAC_CONNECTIONS = ("mac", "bluetooth", "wifi", "ethernet")
_BRIDGE = "zigbee2mqtt_bridge"
"""The coordinator: what is announced of it is the program's, not a device's."""

_NOBODY = ("000000000000", "ffffffffffff")


@dataclass(frozen=True, slots=True)
class Box:
    """The physical device."""

    name: str = ""
    area: str = ""
    model: str = ""
    identity: frozenset[str] = frozenset()


def box_of(raw: object) -> Box:
    """Return what an announcement's ``device`` says."""
    device = table(raw)
    identifiers = [text(one) for one in _several(device.get("identifiers"))]
    found = {name for one in identifiers if one for name in _identities(one)}
    for row in rows(device.get("connections"), MOST_IDENTIFIERS):
        pair = rows(row, 2)
        if len(pair) == 2:
            found.update(_connection(text(pair[0]), text(pair[1])))
    name = text(device.get("name")) or text(device.get("model")) or text(device.get("model_id"))
    return Box(
        name, text(device.get("suggested_area")), text(device.get("model")), frozenset(found)
    )


def _several(raw: object) -> Iterator[object]:
    if isinstance(raw, str):
        yield raw
    else:
        yield from rows(raw, MOST_IDENTIFIERS)


def _identities(identifier: str) -> Iterator[str]:
    lower = identifier.lower()
    ieee = None if lower.startswith(_BRIDGE) else _IEEE.search(lower)
    if ieee is not None:
        yield f"ieee:{ieee[1]}"
        return
    mac = _MAC.search(lower)
    if mac is not None:
        digits = mac[1].replace(":", "").replace("-", "")
        if digits not in _NOBODY:
            yield f"mac:{digits}"
            return
    yield f"homeassistant:{identifier}"[:LONGEST_TEXT]


def _connection(kind: str, value: str) -> Iterator[str]:
    lower = value.lower()
    if kind == "zigbee" or lower.startswith("0x"):
        ieee = _IEEE.search(lower if lower.startswith("0x") else f"0x{lower.replace(':', '')}")
        if ieee is not None:
            yield f"ieee:{ieee[1]}"
    elif kind in _MAC_CONNECTIONS:
        mac = _MAC.search(lower)
        if mac is not None:
            digits = mac[1].replace(":", "").replace("-", "")
            if digits not in _NOBODY:
                yield f"mac:{digits}"
