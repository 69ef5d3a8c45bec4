from typing import Any

import pytest

from appliance.tools.devices.model import Kind, Range, Thing, Trait, Value
from appliance.tools.discovery.tasmota.dialect import TasmotaDialect
from tests.discovery import announced, reached, rules, said, things, told, written


def topic(config: dict[str, Any]) -> str:
    return f"tasmota/discovery/{config['mac']}/config"


def device(name: str, **changes: object) -> dict[str, Thing]:
    config = {**announced(f"tasmota/{name}"), **changes}
    return things(TasmotaDialect().take(said(topic(config), config)))


def test_a_plug_is_a_switch_with_sensors() -> None:
    dialect, config = TasmotaDialect(), announced("tasmota/plug")
    dialect.take(said(topic(config), config))
    sensors = said(f"tasmota/discovery/{config['mac']}/sensors", announced("tasmota/plug_sensors"))
    found = things(dialect.take(sensors))
    assert {name for name, one in found.items() if one.main} == {
        "Heater plug",
        "Heater plug ENERGY Power 1",
        "Heater plug ENERGY Power 2",
        "Heater plug ENERGY Total",
        "Heater plug ENERGY Today",
        "Heater plug AM2301 Temperature",
        "Heater plug AM2301 Humidity",
    }
    assert found["Heater plug"].kind is Kind.SWITCH
    assert found["Heater plug"].identity == {"mac:5ccf7f1a2b3c"}
    tele = "tele/tasmota_1A2B3C/SENSOR"
    state = {"ENERGY": {"Power": [41.5, 3]}, "AM2301": {"Temperature": "NaN"}}
    power = found["Heater plug ENERGY Power 1"]
    assert told(power, said(tele, state)) == {Trait.READING: 41.5}
    assert told(found["Heater plug AM2301 Temperature"], said(tele, state)) == {}
    answer = said("stat/tasmota_1A2B3C/STATUS10", {"StatusSNS": {"ENERGY": {"Power": [7, 8]}}})
    assert told(power, answer) == {Trait.READING: 7}


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("stat/tasmota_1A2B3C/RESULT", '{"POWER":"ON"}'),
        ("stat/tasmota_1A2B3C/RESULT", '{"POWER1":"ON"}'),
        ("stat/tasmota_1A2B3C/POWER", "ON"),
        ("stat/tasmota_1A2B3C/POWER1", "ON"),
        ("stat/tasmota_1A2B3C/POWER", '{"POWER":"ON"}'),
        ("tele/tasmota_1A2B3C/STATE", '{"Time":"x","POWER":"ON"}'),
    ],
)
def test_a_relay_tells_its_state_in_all_these_ways(where: str, text: str) -> None:
    plug = device("plug")["Heater plug"]
    assert told(plug, said(where, text=text)) == {Trait.POWER: True}


def test_a_relay_is_switched_and_reached() -> None:
    plug = device("plug")["Heater plug"]
    assert written(plug, {Trait.POWER: False}) == [("cmnd/tasmota_1A2B3C/POWER1", "OFF")]
    assert reached(plug, said("tele/tasmota_1A2B3C/LWT", text="Online")) is True
    assert reached(plug, said("tele/tasmota_1A2B3C/LWT", text="Offline")) is False
    own = device("plug", onln="up", ofln="down", state=["aus", "an", "um", "halt"])["Heater plug"]
    assert reached(own, said("tele/tasmota_1A2B3C/LWT", text="up")) is True
    assert written(own, {Trait.POWER: True}) == [("cmnd/tasmota_1A2B3C/POWER1", "an")]
    assert device("plug", dslp=1)["Heater plug"].availability.reads == ()


def test_relays_are_lights_where_the_owner_says_so() -> None:
    options = {**announced("tasmota/plug")["so"], "30": 1}
    assert device("plug", so=options)["Heater plug"].kind is Kind.LIGHT


LAMP_STATE = {"POWER": "ON", "Dimmer": 40, "HSBColor": "0,100,40", "CT": 250, "Color": "1,2,3"}


def test_a_lamp_has_what_its_channels_have() -> None:
    lamp = device("lamp")["Strip"]
    assert lamp.kind is Kind.LIGHT
    assert lamp.features[Trait.COLOR_TEMPERATURE].shape == Range(2000, 6536, 1, "K")
    assert told(lamp, said("stat/strip/RESULT", LAMP_STATE)) == {
        Trait.POWER: True,
        Trait.BRIGHTNESS: 40,
        Trait.COLOR: "#ff0000",
        Trait.COLOR_TEMPERATURE: 4000,
    }
    wanted: dict[Trait, Value] = {Trait.POWER: True, Trait.BRIGHTNESS: 30, Trait.COLOR: "#00ff00"}
    assert written(lamp, wanted) == [
        ("cmnd/strip/Dimmer", "30"),
        ("cmnd/strip/Color2", "0,255,0"),
        ("cmnd/strip/POWER1", "ON"),
    ]
    assert written(lamp, {Trait.COLOR_TEMPERATURE: 2700}) == [("cmnd/strip/CT", "370")]


@pytest.mark.parametrize(
    ("kind", "traits"),
    [
        (0, {Trait.POWER}),
        (1, {Trait.POWER, Trait.BRIGHTNESS}),
        (2, {Trait.POWER, Trait.BRIGHTNESS, Trait.COLOR_TEMPERATURE}),
        (3, {Trait.POWER, Trait.BRIGHTNESS, Trait.COLOR}),
        (4, {Trait.POWER, Trait.BRIGHTNESS, Trait.COLOR}),
    ],
)
def test_the_kind_of_a_light_says_what_it_can(kind: int, traits: set[Trait]) -> None:
    assert set(device("lamp", lt_st=kind)["Strip"].features) == traits


def test_a_lamp_in_two_parts() -> None:
    parts = device("lamp", lk=0, rl=[2, 2, 0, 0, 0, 0, 0, 0])
    colour, white = parts["Strip"], parts["Strip 2"]
    assert Trait.COLOR in colour.features
    assert Trait.COLOR_TEMPERATURE in white.features
    assert written(colour, {Trait.COLOR: "#ff0000"}) == [("cmnd/strip/Color2", "255,0,0=")]
    assert written(white, {Trait.BRIGHTNESS: 20}) == [("cmnd/strip/Dimmer2", "20")]
    assert told(white, said("tele/strip/STATE", {"POWER2": "OFF", "Dimmer2": 7})) == {
        Trait.POWER: False,
        Trait.BRIGHTNESS: 7,
    }


def test_channels_of_their_own_and_reduced_colour_temperatures() -> None:
    options = announced("tasmota/lamp")["so"]
    channels = device("lamp", rl=[2, 2, 0], so={**options, "68": 1})
    assert written(channels["Strip 2"], {Trait.BRIGHTNESS: 9}) == [("cmnd/strip/Channel2", "9")]
    assert Trait.COLOR not in channels["Strip"].features
    narrow = device("lamp", so={**options, "82": 1})["Strip"]
    assert narrow.features[Trait.COLOR_TEMPERATURE].shape == Range(2632, 5000, 1, "K")
    assert written(device("lamp", ty=1)["Strip"], {Trait.BRIGHTNESS: 9}) == [
        ("cmnd/strip/Dimmer3", "9")
    ]


def test_answers_by_the_commands_name() -> None:
    options = {**announced("tasmota/lamp")["so"], "4": 1}
    lamp = device("lamp", so=options)["Strip"]
    assert told(lamp, said("stat/strip/DIMMER", {"POWER": "ON", "Dimmer": 12})) == {
        Trait.BRIGHTNESS: 12
    }


def test_shutters_and_what_is_left_over() -> None:
    found = device("blinds")
    assert {name: one.kind for name, one in found.items()} == {
        "Left blind": Kind.COVER,
        "Right blind": Kind.COVER,
        "Blinds 5": Kind.SWITCH,
        "Blinds Switch1": Kind.BINARY_SENSOR,
    }
    left, right = found["Left blind"], found["Right blind"]
    command = "home/blinds/cmnd"
    assert written(left, {Trait.OPENING: "open"}) == [(f"{command}/ShutterOpen1", "")]
    assert written(left, {Trait.OPENING: "stopped"}) == [(f"{command}/ShutterStop1", "")]
    assert written(left, {Trait.TILT: 50}) == [(f"{command}/ShutterTilt1", "0")]
    assert written(right, {Trait.POSITION: 30}) == [(f"{command}/ShutterPosition2", "70")]
    state = {"Shutter1": {"Position": 30, "Direction": 1, "Tilt": 90},
             "Shutter2": {"Position": 100, "Direction": 0}}  # fmt: skip
    sensor = "home/blinds/tele/SENSOR"
    assert told(left, said(sensor, state)) == {
        Trait.OPENING: "opening",
        Trait.POSITION: 30,
        Trait.TILT: 100,
    }
    closed = {Trait.OPENING: "closed", Trait.POSITION: 0}  # it counts upside down
    assert told(right, said(sensor, state)) == closed
    assert told(right, said("home/blinds/stat/STATUS10", {"StatusSNS": state})) == closed
    contact = found["Blinds Switch1"]
    for where, what in (
        ("stat/RESULT", {"Switch1": {"Action": "ON"}}),
        ("stat/SWITCH1", {"STATE": "ON"}),
        ("tele/SENSOR", {"Switch1": "ON"}),
    ):
        assert told(contact, said(f"home/blinds/{where}", what)) == {Trait.READING: True}
    config = {**announced("tasmota/blinds"), "rl": [3, 1]}
    lost = rules(TasmotaDialect().take(said(topic(config), config)))
    assert lost == {"Left blind": "half_a_shutter", "Blinds Switch2": "event_only"}


def test_a_fan_has_a_light() -> None:
    found = device("fan")
    assert {name: one.kind for name, one in found.items()} == {
        "Bedroom fan fan": Kind.FAN,
        "Fan light": Kind.LIGHT,
    }
    fan = found["Bedroom fan fan"]
    assert written(fan, {Trait.SPEED: 60}) == [("cmnd/fan/FanSpeed", "2")]
    assert written(fan, {Trait.POWER: True}) == [("cmnd/fan/FanSpeed", "2")]
    assert written(fan, {Trait.POWER: False}) == [("cmnd/fan/FanSpeed", "0")]
    assert told(fan, said("stat/fan/RESULT", {"FanSpeed": 3})) == {
        Trait.POWER: True,
        Trait.SPEED: 100,
    }


def test_devices_change_and_vanish() -> None:
    dialect, config = TasmotaDialect(), announced("tasmota/plug")
    assert things(dialect.take(said(topic(config), config)))
    assert dialect.take(said(topic(config), config)) == ()
    config["fn"][0] = "Boiler"
    assert "Boiler" in things(dialect.take(said(topic(config), config)))
    (gone,) = dialect.take(said(topic(config), text=""))
    assert gone.things == ()
    assert dialect.take(said(topic(config), text="")) == ()


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"mac": "5CCF7F1A2B99"}, "mac_mismatch"),
        ({"t": "a/+/b"}, "bad_topic"),
        ({"t": "x" * 300}, "bad_topic"),
        ({"ft": "no/prefix"}, "bad_topic"),
        ({"ft": "$SYS/%prefix%/%topic%/"}, "bad_topic"),
        ({"tp": ["a", "a", "b"]}, "bad_topic"),
        ({"tp": "cmnd"}, "bad_topic"),
    ],
)
def test_a_device_that_answers_for_others_is_left_out(
    changes: dict[str, object], rule: str
) -> None:
    config = announced("tasmota/plug")
    found = TasmotaDialect().take(said(topic(config), {**config, **changes}))
    assert not things(found)
    assert list(rules(found).values()) == [rule]


def test_no_json_is_left_out() -> None:
    (found,) = TasmotaDialect().take(said("tasmota/discovery/5CCF7F1A2B3C/config", text="{"))
    assert [one.rule for one in found.left_out] == ["bad_payload"]
    (found,) = TasmotaDialect().take(said("tasmota/discovery/x y/config", {"a": 1}))
    assert [one.rule for one in found.left_out] == ["bad_id"]
