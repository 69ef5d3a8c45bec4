"""The parts of a house, one line each."""

from collections.abc import Callable

from appliance.app.devices import Devices
from appliance.app.gate import GatePart
from appliance.app.ground import Ground, Part
from appliance.app.home_assistant import HomeAssistantDevice
from appliance.app.mcp_server import McpServer
from appliance.app.mcp_tools import McpTools
from appliance.app.rivals import Rivals
from appliance.app.rooms import Rooms
from appliance.app.timers import Timers

MAKERS: tuple[Callable[[Ground], Part], ...] = (
    GatePart,
    Devices,
    HomeAssistantDevice,
    Rivals,
    Rooms,
    McpTools,
    McpServer,
    Timers,
)
"""In the order in which they are told of things."""


def parts_of(ground: Ground) -> tuple[Part, ...]:
    """Make them."""
    return tuple(make(ground) for make in MAKERS)
