"""Keeps what Tasmota devices announced, and tells what has changed."""

from dataclasses import dataclass, field
from typing import Final

from appliance.ports import Message
from appliance.tools.devices.model import LeftOut, Sighting
from appliance.tools.discovery.payloads import json_of
from appliance.tools.discovery.tasmota.announced import MAC, announced
from appliance.tools.discovery.tasmota.measured import contacts, measured
from appliance.tools.discovery.tasmota.outputs import outputs

MOST_DEVICES: Final = 5_000
LONGEST: Final = 65_536
_PREFIX: Final = "tasmota/discovery/"


@dataclass
class TasmotaDialect:
    """Implements ``devices.model.Dialect``."""

    _settings: dict[str, object] = field(default_factory=dict, repr=False)
    _sensors: dict[str, object] = field(default_factory=dict, repr=False)
    _told: dict[str, Sighting] = field(default_factory=dict, repr=False)

    @property
    def filters(self) -> tuple[str, ...]:
        """Its settings, and its sensors."""
        return (f"{_PREFIX}+/config", f"{_PREFIX}+/sensors")

    def take(self, message: Message) -> tuple[Sighting, ...]:
        """Take one of them: an empty one takes it away."""
        mac, _, what = message.topic.removeprefix(_PREFIX).partition("/")
        kept = {"config": self._settings, "sensors": self._sensors}.get(what)
        if kept is None or not message.topic.startswith(_PREFIX):
            return ()
        if not message.payload:
            kept.pop(mac, None)
        elif mac in kept or len(kept) < MOST_DEVICES:
            kept[mac] = json_of(message.payload, LONGEST)
        else:
            return ()
        return self._changed(mac)

    def _changed(self, mac: str) -> tuple[Sighting, ...]:
        origin = f"{_PREFIX}{mac}"
        sighting = self._sighting(mac, origin)
        if self._told.get(mac, Sighting(origin)) == sighting:
            return ()
        if sighting == Sighting(origin):
            del self._told[mac]
        else:
            self._told[mac] = sighting
        return (sighting,)

    def _sighting(self, mac: str, origin: str) -> Sighting:
        if mac not in self._settings:
            return Sighting(origin)
        if MAC.fullmatch(mac) is None:
            return Sighting(origin, left_out=(LeftOut(mac[:60], "bad_id"),))
        device = announced(mac, self._settings[mac])
        if isinstance(device, str):
            return Sighting(origin, left_out=(LeftOut(mac, device),))
        found = [
            outputs(device),
            contacts(device),
            measured(device, self._sensors.get(mac)),
        ]
        things = {one.key: one for made, _ in found for one in made}
        lost = tuple(one for _, missed in found for one in missed)
        return Sighting(origin, tuple(things.values()), lost)
