"""Why a broker cannot be used, in words."""

from appliance.config.model import Mqtt
from appliance.mqtt.failure import Cause, of_loss

HERE = Mqtt(host="192.0.2.10")


def test_name_that_was_taken_over_is_told_with_what_to_do() -> None:
    failure = of_loss(0x8E, "Session taken over", HERE, "voice-appliance-box")
    assert failure.cause is Cause.TAKEN
    assert "came to 192.0.2.10:1883 as `voice-appliance-box`" in failure.text
    assert "device.id" in failure.text


def test_connection_that_ends_otherwise_is_lost() -> None:
    assert of_loss(0x80, "Unspecified error", HERE, "box").cause is Cause.LOST
