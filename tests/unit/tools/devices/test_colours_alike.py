import pytest

from appliance.tools.devices.awaiting import already
from appliance.tools.devices.colors import COLORS
from appliance.tools.devices.model import Colour, Feature, Trait
from appliance.tools.discovery.codecs import Codec, HueColour, RgbList, XyColour
from appliance.tools.discovery.homie_values import ColorText
from appliance.tools.discovery.readers import InJson

READ = InJson("lamp", ("color",), XyColour())
FEATURES = {Trait.COLOR: Feature(Colour(), settable=True, reads=(READ,))}


@pytest.mark.parametrize("color", [*COLORS.values(), "#800080", "#a52a2a", "#f5f5dc"])
@pytest.mark.parametrize(
    "codec",
    [XyColour(), HueColour(), RgbList(), *(ColorText((c,)) for c in ("rgb", "hsv", "xyz"))],
)
def test_a_colour_that_a_lamp_tells_in_its_own_way_is_the_one_that_was_asked_for(
    color: str, codec: Codec
) -> None:
    known = codec.read(codec.write(color))
    assert known is not None
    assert already({Trait.COLOR: color}, FEATURES, {Trait.COLOR: known})
    other = "#0000ff" if color != "#0000ff" else "#ff0000"
    assert not already({Trait.COLOR: other}, FEATURES, {Trait.COLOR: known})
