"""The devices that are found on the broker, and the tools that are made of them."""

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
from appliance.units import Seconds

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
        self.household.on_change(self._offer)

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
        """Wait until the devices that are retained are known."""
        await self.household.settle()

    async def run(self) -> None:
        """Find."""
        await self.household.run()

    def _offer(self) -> None:
        config = self._ground.config
        tools = offer(
            self.household,
            self._ground.words,
            most_listed=config.devices.most_listed,
            area=config.device.area,
        )
        self._ground.tools.set_planned("devices", tools)
