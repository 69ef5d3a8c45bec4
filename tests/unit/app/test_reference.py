import pytest

from appliance.app.reference import monitor_wish, reference_source
from appliance.audio.card import CardFormat
from appliance.audio.reference import Loopback, Monitor, Own, Source, Unknown
from appliance.config import Config
from appliance.units import SampleRate, Seconds


def card(name: str, channels: int) -> CardFormat:
    rate = SampleRate(16_000)
    return CardFormat(name, rate, channels, "loudspeaker", rate, 2, Seconds(0.03), one_clock=True)


RESPEAKER = card("ReSpeaker 4 Mic Array (UAC1.0): USB Audio (hw:1,0)", 6)
SINGLE = card("USB PnP Sound Device: Audio (hw:2,0)", 1)


def settings(**echo: object) -> Config:
    return Config.model_validate({"echo": echo})


@pytest.mark.parametrize(
    ("echo", "form", "source"),
    [
        ({}, SINGLE, Own()),
        ({}, RESPEAKER, Loopback(5)),
        ({"reference": "own"}, RESPEAKER, Own()),
        ({"reference": "channel"}, RESPEAKER, Loopback(5)),
        ({"reference": "channel", "reference_channel": 3}, RESPEAKER, Loopback(3)),
        ({"reference": "channel", "reference_channel": 3}, SINGLE, Loopback(3)),
        ({"reference_channel": 3}, SINGLE, Own()),
        ({"reference": "channel"}, SINGLE, Own()),
        ({"reference": "monitor"}, RESPEAKER, Monitor()),
        ({"cancel": "off"}, RESPEAKER, Unknown()),
    ],
)
def test_reference_comes_from_where_settings_and_array_say(
    echo: dict[str, object], form: CardFormat, source: Source
) -> None:
    assert reference_source(settings(**echo))(form) == source


def test_monitor_is_opened_only_where_it_is_the_reference() -> None:
    assert monitor_wish(settings()) is None
    assert monitor_wish(settings(reference="own", monitor="usb")) is None
    assert monitor_wish(settings(reference="monitor")) == ""
    assert monitor_wish(settings(reference="monitor", monitor="usb")) == "usb"
    assert monitor_wish(settings(reference="monitor", cancel="off")) is None
