"""The devices that are found on the broker, and the tools that are made of them."""

import asyncio
import gc
from collections.abc import Callable, Mapping

from appliance.app.ground import Ground, Part
from appliance.tools.devices.household import FoundHousehold
from appliance.tools.devices.model import Dialect, Source
from appliance.tools.devices.names_file import FILE
from appliance.tools.devices.offer import offer
from appliance.tools.discovery.homeassistant.dialect import HomeAssistantDialect
from appliance.tools.discovery.homie import HomieDialect
from appliance.tools.discovery.shelly.dialect import ShellyDialect
from appliance.tools.discovery.tasmota.dialect import TasmotaDialect
from appliance.tools.discovery.zigbee2mqtt.dialect import Zigbee2MqttDialect
from appliance.tools.plan import Planned
from appliance.units import Seconds

LONGEST_OFFER = Seconds(2.0)
SOON = Seconds(0.02)
MANY = 200
"""Things from which on a full look of the garbage collector takes longer than a block of sound."""

DIALECTS: Mapping[Source, Callable[[Ground], tuple[Dialect, ...]]] = {
    Source.ZIGBEE2MQTT: lambda ground: tuple(
        Zigbee2MqttDialect(base) for base in ground.config.devices.zigbee2mqtt
    ),
    Source.TASMOTA: lambda _: (TasmotaDialect(),),
    Source.SHELLY: lambda ground: (ShellyDialect(f"{ground.own.replies}/shelly"),),
    Source.HOMIE: lambda _: (HomieDialect(),),
    Source.HOMEASSISTANT: lambda ground: (
        HomeAssistantDialect(ground.config.devices.homeassistant_prefix),
    ),
}
"""Who reads which convention."""


class Devices(Part):
    """Finds the devices and offers their tools.

    Args:
        ground: Settings, broker, registry.
    """

    def __init__(self, ground: Ground) -> None:
        settings = ground.config.devices
        self._ground = ground
        self.household = FoundHousehold(
            ground.bridge,
            tuple(
                (source, dialect)
                for source, make in DIALECTS.items()
                if source.value in settings.discover
                for dialect in make(ground)
            ),
            most=settings.most,
            hidden=settings.hidden,
            patience=Seconds(settings.confirm_s),
            names=None if ground.folder is None else ground.folder / FILE,
        )
        self._changed = asyncio.Event()
        self._offering = False
        self._frozen = 0
        self.household.on_change(self._changed.set)

    async def prepare(self) -> None:
        """Read the owner's names."""
        await self.household.prepare()

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with the owner's names."""
        return self.household.problems()

    def connection(self, *, up: bool) -> None:
        """Listen anew, or end what is under way."""
        self.household.connection(up=up)

    async def settle(self) -> None:
        """Wait until the devices that are retained are known, and their tools."""
        await self.household.settle()
        try:
            async with asyncio.timeout(LONGEST_OFFER):
                while self._offering or self._changed.is_set():  # noqa: ASYNC110 - no event for both
                    await asyncio.sleep(SOON)
        except TimeoutError:
            return

    async def run(self) -> None:
        """Find, and offer what is found."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.household.run(), name="household")
            while True:
                await self._changed.wait()
                self._offering = True
                self._changed.clear()
                tools = await asyncio.to_thread(self._tools)  # of thousands of things
                self._ground.tools.set_planned("devices", tools)
                self._settle_down(len(self.household.known()))
                self._offering = False

    def _settle_down(self, count: int) -> None:
        """Spare the collector what stays: its looks stop every thread, the sound's too."""
        if count > MANY and count > 1.1 * self._frozen:
            self._frozen = count
            gc.freeze()

    def _tools(self) -> tuple[Planned, ...]:
        devices, device = self._ground.config.devices, self._ground.config.device
        return offer(
            self.household, self._ground.words, most_listed=devices.most_listed, area=device.area
        )
