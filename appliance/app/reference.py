"""Where it is known from what the loudspeaker plays, as the settings and the array say."""

from collections.abc import Callable

from appliance.audio.card import CardFormat
from appliance.audio.reference import Loopback, Monitor, Own, Source, Unknown
from appliance.config import Config
from appliance.enhance.array.geometry import Array, choose


def reference_source(config: Config) -> Callable[[CardFormat], Source]:
    """Return what says, for a card that was opened, where its reference comes from."""

    def source(form: CardFormat) -> Source:
        if config.echo.cancel == "off":
            return Unknown()
        array = choose(config.audio.array, form.input_name, form.input_channels)
        return _source(config, array, form.input_channels)

    return source


def monitor_wish(config: Config) -> str | None:
    """Return which monitor is to be opened beside the card; see ``Wish.monitor``."""
    echo = config.echo
    return echo.monitor if echo.cancel != "off" and echo.reference == "monitor" else None


def _source(config: Config, array: Array, channels: int) -> Source:
    echo = config.echo
    channel = array.reference_channel
    if echo.reference_channel is not None:
        channel = echo.reference_channel
    match echo.reference:
        case "monitor":
            return Monitor()
        case "channel" if channel is not None:
            return Loopback(channel)
        case "auto" if channel is not None and channel < channels:
            return Loopback(channel)
        case _:
            return Own()
