"""One physical device, announced by its own software and for Home Assistant, is one device."""

import json

from appliance.ports import Message
from appliance.tools.devices.ledger import Ledger, Survey
from appliance.tools.devices.model import Dialect, Kind, Source
from appliance.tools.devices.naming import Names
from appliance.tools.discovery.homeassistant.dialect import HomeAssistantDialect
from appliance.tools.discovery.homie import HomieDialect
from appliance.tools.discovery.tasmota.dialect import TasmotaDialect
from appliance.tools.discovery.zigbee2mqtt.dialect import Zigbee2MqttDialect


def survey(*said: tuple[Source, str, object]) -> Survey:
    dialects: tuple[tuple[Source, Dialect], ...] = (
        (Source.ZIGBEE2MQTT, Zigbee2MqttDialect("zigbee2mqtt")),
        (Source.TASMOTA, TasmotaDialect()),
        (Source.HOMIE, HomieDialect()),
        (Source.HOMEASSISTANT, HomeAssistantDialect("homeassistant")),
    )
    ledger = Ledger(dialects, most=100)
    numbers = {source: number for number, (source, _) in enumerate(dialects)}
    for source, topic, payload in said:
        ledger.take(numbers[source], Message(topic, json.dumps(payload).encode(), retained=True))
    return ledger.survey(Names())


BULB = {
    "ieee_address": "0x00158d0001abcdef",
    "type": "Router",
    "network_address": 29159,
    "supported": True,
    "disabled": False,
    "friendly_name": "reading lamp",
    "interview_completed": True,
    "power_source": "Mains (single phase)",
    "definition": {
        "model": "LED1545G12",
        "vendor": "IKEA",
        "description": "TRADFRI bulb",
        "supports_ota": True,
        "options": [],
        "exposes": [
            {
                "type": "light",
                "features": [
                    {
                        "type": "binary",
                        "name": "state",
                        "property": "state",
                        "access": 7,
                        "value_on": "ON",
                        "value_off": "OFF",
                        "value_toggle": "TOGGLE",
                    },
                    {
                        "type": "numeric",
                        "name": "brightness",
                        "property": "brightness",
                        "access": 7,
                        "value_min": 0,
                        "value_max": 254,
                    },
                ],
            },
            {
                "type": "numeric",
                "name": "linkquality",
                "property": "linkquality",
                "access": 1,
                "unit": "lqi",
                "value_min": 0,
                "value_max": 255,
                "category": "diagnostic",
            },
        ],
    },
}

BULB_FOR_HOME_ASSISTANT = {
    "availability": [
        {"topic": "zigbee2mqtt/bridge/state", "value_template": "{{ value_json.state }}"}
    ],
    "brightness": True,
    "brightness_scale": 254,
    "command_topic": "zigbee2mqtt/reading lamp/set",
    "device": {
        "identifiers": ["zigbee2mqtt_0x00158d0001abcdef"],
        "manufacturer": "IKEA",
        "model": "TRADFRI bulb",
        "name": "reading lamp",
        "via_device": "zigbee2mqtt_bridge_0x00124b0000000000",
    },
    "name": None,
    "object_id": "reading_lamp",
    "origin": {"name": "Zigbee2MQTT", "sw": "2.6.0", "url": "https://www.zigbee2mqtt.io"},
    "schema": "json",
    "state_topic": "zigbee2mqtt/reading lamp",
    "supported_color_modes": ["brightness"],
    "unique_id": "0x00158d0001abcdef_light_zigbee2mqtt",
}


def test_a_lamp_of_zigbee2mqtt() -> None:
    both = survey(
        (
            Source.HOMEASSISTANT,
            "homeassistant/light/0x00158d0001abcdef/light/config",
            BULB_FOR_HOME_ASSISTANT,
        ),
        (Source.ZIGBEE2MQTT, "zigbee2mqtt/bridge/devices", [BULB]),
    )
    lights = {
        name: each.thing.source
        for name, each in both.known.items()
        if each.thing.kind is Kind.LIGHT
    }
    assert lights == {"reading_lamp": Source.ZIGBEE2MQTT}
    assert "seen_better" in {each.rule for each in both.left_out}


PLUG = {
    "ip": "192.0.2.7",
    "dn": "Kettle",
    "fn": ["Kettle", None, None, None, None, None, None, None],
    "hn": "tasmota-AB12CD-4301",
    "mac": "A4CF12AB12CD",
    "md": "Sonoff S31",
    "ty": 0,
    "if": 0,
    "ofln": "Offline",
    "onln": "Online",
    "state": ["OFF", "ON", "TOGGLE", "HOLD"],
    "sw": "15.1.0",
    "t": "tasmota_AB12CD",
    "ft": "%prefix%/%topic%/",
    "tp": ["cmnd", "stat", "tele"],
    "rl": [1, 0, 0, 0, 0, 0, 0, 0],
    "swc": [-1] * 8,
    "swn": [None] * 8,
    "btn": [0] * 8,
    "so": {"4": 0, "11": 0, "13": 0, "17": 0, "20": 0, "30": 0, "68": 0, "73": 0, "82": 0},
    "lk": 0,
    "lt_st": 0,
    "sho": [0, 0, 0, 0],
    "ver": 1,
}

PLUG_FOR_HOME_ASSISTANT = {
    "name": "Kettle",
    "stat_t": "tele/tasmota_AB12CD/STATE",
    "avty_t": "tele/tasmota_AB12CD/LWT",
    "pl_avail": "Online",
    "pl_not_avail": "Offline",
    "cmd_t": "cmnd/tasmota_AB12CD/POWER",
    "val_tpl": "{{value_json.POWER}}",
    "pl_off": "OFF",
    "pl_on": "ON",
    "uniq_id": "AB12CD_RL_1",
    "dev": {"ids": ["AB12CD"], "cns": [["mac", "A4:CF:12:AB:12:CD"]], "name": "Kettle"},
}


def test_a_plug_of_tasmota() -> None:
    both = survey(
        (
            Source.HOMEASSISTANT,
            "homeassistant/switch/AB12CD_RL_1/config",
            PLUG_FOR_HOME_ASSISTANT,
        ),
        (Source.TASMOTA, "tasmota/discovery/A4CF12AB12CD/config", PLUG),
    )
    assert {name: each.thing.source for name, each in both.known.items()} == {
        "kettle": Source.TASMOTA
    }


def test_a_plug_that_claims_the_address_of_another_is_another() -> None:
    liar = {**PLUG, "t": "liar", "dn": "Kettle", "fn": ["Kettle", *[None] * 7]}
    both = survey(
        (
            Source.HOMEASSISTANT,
            "homeassistant/switch/AB12CD_RL_1/config",
            PLUG_FOR_HOME_ASSISTANT,
        ),
        (Source.TASMOTA, "tasmota/discovery/A4CF12AB12CD/config", liar),
    )
    assert {each.thing.source for each in both.known.values()} == {
        Source.TASMOTA,
        Source.HOMEASSISTANT,
    }
    assert len(both.known) == 2
