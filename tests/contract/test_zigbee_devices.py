"""Every device that Zigbee2MQTT knows becomes usable things, or is left out by a named rule."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from appliance.ports import Message
from appliance.tools.devices.fit import refusal_of_thing
from appliance.tools.devices.model import (
    Choice,
    Colour,
    Feature,
    Flag,
    Kind,
    Range,
    Shape,
    Sighting,
    Value,
    Words,
)
from appliance.tools.discovery.zigbee2mqtt.dialect import Zigbee2MqttDialect
from appliance.tools.discovery.zigbee2mqtt.parts import JsonWriter
from tests.zigbee_devices import bridge_devices, definitions

KNOWN_RULES = {"composite", "list", "event_only", "no_values", "no_exposes"}
Expose = Mapping[str, object]


@pytest.fixture(scope="module")
def devices(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Mapping[str, object]]:
    return definitions(Path(tmp_path_factory.mktemp("zigbee")))


@pytest.fixture(scope="module")
def sightings(devices: Sequence[dict[str, object]]) -> Mapping[str, Sighting]:
    payload = json.dumps(bridge_devices(devices)).encode()
    dialect = Zigbee2MqttDialect("zigbee2mqtt")
    told = dialect.take(Message("zigbee2mqtt/bridge/devices", payload, retained=True))
    return {one.origin.partition("#")[2]: one for one in told}


def leaves(exposes: object) -> Iterator[Expose]:
    """Yield the exposes that carry a value; of a light, its features."""
    assert isinstance(exposes, list)
    for expose in exposes:
        if expose["type"] in ("light", "switch", "fan", "cover", "lock", "climate"):
            yield from expose["features"]
        else:
            yield expose


def sample(shape: Shape, feature: Feature) -> Sequence[Value]:
    match shape:
        case Flag():
            return (True, False)
        case Range(minimum, maximum):
            return (minimum, maximum, (minimum + maximum) / 2)
        case Choice(options):
            return feature.choices or options
        case Colour():
            return ("#ff0000", "#ffffff")
        case Words():
            return ("hello",)
        case _:
            return (True,)


def test_every_device_is_told_of_once(
    devices: Sequence[Mapping[str, object]], sightings: Mapping[str, Sighting]
) -> None:
    empty = sum(1 for one in devices if not one["exposes"])
    assert len(devices) > 4_000
    assert len(sightings) == len(devices) - empty + 1  # the last tells of those that are empty
    assert {one.rule for one in sightings[""].left_out} == {"no_exposes"}
    assert len(sightings[""].left_out) == empty


def test_all_that_can_be_set_is_set_by_a_thing_or_left_out_by_a_known_rule(
    devices: Sequence[Mapping[str, object]], sightings: Mapping[str, Sighting]
) -> None:
    settable = lost = 0
    for number, device in enumerate(devices, start=1):
        if not device["exposes"]:
            continue
        told = sightings[f"0x{number:016x}"]
        said = {
            prop
            for thing in told.things
            if isinstance(thing.writer, JsonWriter)
            for _, prop, _ in thing.writer.says
        }
        rules = Counter(one.rule for one in told.left_out)
        assert set(rules) <= KNOWN_RULES, device["model"]
        for expose in leaves(device["exposes"]):
            access = expose.get("access", 0)
            assert isinstance(access, int)
            if not access & 2:
                continue
            settable += 1
            if expose["property"] not in said:
                lost += 1
                rule = str(expose["type"]) if not expose.get("values") else "no_values"
                rule = rule if rule in ("composite", "list") else "no_values"
                assert rules[rule], (device["model"], expose["property"])
    assert (len(devices), settable, lost) == (4_516, 25_095, 497)  # of the pinned version


def test_every_thing_is_fit_and_says_what_is_wanted(sightings: Mapping[str, Sighting]) -> None:
    kinds: Counter[Kind] = Counter()
    keys: set[str] = set()
    for sighting in sightings.values():
        for thing in sighting.things:
            assert refusal_of_thing(thing) is None, thing.key
            assert thing.key not in keys
            keys.add(thing.key)
            kinds[thing.kind] += 1
            for trait, feature in thing.features.items():
                assert feature.settable or feature.reads, thing.key
                if not feature.settable:
                    continue
                assert thing.writer is not None
                for value in sample(feature.shape, feature):
                    (sent,) = thing.writer.write({trait: value}, {})
                    assert sent.topic.endswith("/set")
                    assert json.loads(sent.payload)
    assert kinds[Kind.LIGHT] > 1_500
    assert kinds[Kind.COVER] > 150
    assert kinds[Kind.LOCK] >= 50
    assert kinds[Kind.CLIMATE] > 250


def test_what_is_set_is_read_again(sightings: Mapping[str, Sighting]) -> None:
    """A device that does what it is told and says so confirms it."""
    for sighting in sightings.values():
        for thing in sighting.things:
            for trait, feature in thing.features.items():
                if not (feature.settable and feature.reads) or thing.writer is None:
                    continue
                for value in sample(feature.shape, feature):
                    (sent,) = thing.writer.write({trait: value}, {})
                    topic = sent.topic.removesuffix("/set")
                    told = [one.read(Message(topic, sent.payload)) for one in feature.reads]
                    if value == "stopped" or isinstance(feature.shape, Colour):
                        assert told[-1] is not None
                    elif isinstance(value, int | float) and not isinstance(value, bool):
                        assert isinstance(told[-1], int | float), (thing.key, trait, sent)
                        assert abs(told[-1] - value) <= max(feature.tolerance, 0.51), thing.key
                    else:
                        assert told[-1] == value, (thing.key, trait)


def test_what_moves_a_valve_is_a_valve_and_a_garage_is_known_as_one(
    devices: Sequence[Mapping[str, object]], sightings: Mapping[str, Sighting]
) -> None:
    numbers = {str(one["model"]): number for number, one in enumerate(devices, start=1)}
    gas = sightings[f"0x{numbers['GCM-300Z']:016x}"].things
    assert [(one.kind, one.device_class) for one in gas if one.main] == [(Kind.VALVE, "gas")]
    garage = sightings[f"0x{numbers['TS0601_garage_door_opener']:016x}"].things
    assert "garage" in {one.device_class for one in garage if one.main}
