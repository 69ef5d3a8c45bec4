"""Whatever strangers announce or say: nothing raises, all is bounded, nothing unasked is sent."""

import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.ports import Message
from appliance.tools.devices.fit import plain, refusal_of_thing
from appliance.tools.devices.model import (
    Choice,
    Dialect,
    Range,
    Reader,
    Shape,
    Sighting,
    Thing,
    Unwritable,
    Value,
)
from appliance.tools.discovery.homie import HomieDialect
from appliance.tools.discovery.readers import Either
from appliance.tools.discovery.shelly.dialect import ShellyDialect
from appliance.tools.discovery.shelly.rpc import Answered, Notified
from appliance.tools.discovery.tasmota.dialect import TasmotaDialect
from appliance.tools.discovery.tasmota.terms import ShutterState
from appliance.tools.discovery.zigbee2mqtt.dialect import Zigbee2MqttDialect
from tests.discovery import announced

DOCS = Path(__file__).parents[2] / "docs" / "devices.md"
RULES = frozenset(re.findall(r"`([a-z0-9_]+)`", DOCS.read_text(encoding="utf-8")))
SHELLY = "shellyplus2pm-a8032ab12345"
OWN = "voice/kitchen/shelly"

NAMES = st.sampled_from(
    ["lamp", "a/b", "", "+", "#", "$SYS", "x\x00", "é", "\ud800", "5CCF7F1A2B3C", SHELLY, "5"]
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(), NAMES,
    st.sampled_from([math.nan, math.inf, 1e308, -1e308, 5e-324, 2**63, "NaN", "1e999", "ON",
                     "x" * 400]),
)  # fmt: skip
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)

SEEDS: Mapping[str, tuple[Callable[[], Dialect], tuple[tuple[str, str], ...]]] = {
    "zigbee2mqtt": (
        lambda: Zigbee2MqttDialect("zigbee2mqtt"),
        tuple(
            (f"zigbee2mqtt/bridge/{name}", f"zigbee2mqtt/{name}")
            for name in ("devices", "groups", "info")
        ),
    ),
    "homie": (
        HomieDialect,
        (("homie/5/desk-1/$description", "homie/lamp"), ("a/5/b/$description", "homie/shutter")),
    ),
    "tasmota": (
        TasmotaDialect,
        (
            ("tasmota/discovery/5CCF7F1A2B3C/config", "tasmota/plug"),
            ("tasmota/discovery/5CCF7F1A2B3C/sensors", "tasmota/plug_sensors"),
            ("tasmota/discovery/5CCF7F1A2B3D/config", "tasmota/lamp"),
            ("tasmota/discovery/5CCF7F1A2B3E/config", "tasmota/blinds"),
        ),
    ),
}


@st.composite
def mutated(draw: st.DrawFn, seed: object) -> object:
    """Return JSON with one to four of its places changed."""
    changed: Any = json.loads(json.dumps(seed))
    for _ in range(draw(st.integers(1, 4))):
        place = changed
        while True:
            if isinstance(place, dict) and place:
                key: Any = draw(st.sampled_from(sorted(place)))
            elif isinstance(place, list) and place:
                key = draw(st.integers(0, len(place) - 1))
            else:
                break
            if isinstance(place[key], dict | list) and place[key] and draw(st.integers(0, 3)):
                place = place[key]
                continue
            place[key] = draw(JSON)
            break
    return changed


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


ODD: tuple[object, ...] = (
    math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, 10**30, -1, "NaN", "1e999", "\ud800",
    "x" * 400, True, None, [], {"x": math.inf, "y": 1e308, "hue": 1e308, "saturation": "1e308"},
    {"x": 1e-9, "y": 1e-9}, {"hue": "1e999", "saturation": 50}, {"x": "NaN", "y": "1e999"},
    "1e308,1e308,1e308", "hsv,1e308,-1e308,0", "rgb,1e308,1e308,-1e308",
    "xyz,1,0.0001", [1e308, -1e308, 1e308], "PT999999999H999999999M999999999S",
)  # fmt: skip
PAYLOADS = st.one_of(
    JSON.map(as_json),
    st.binary(max_size=60),
    st.sampled_from(
        [b"[" * 50_000, b'{"a":' * 50_000, b"1" * 5_000, b'"\\ud800"', b"online", b"true", b"ON"]
    ),
)


def sample(shape: Shape, drawn: float) -> Value:
    match shape:
        case Range(low, high):
            return min(high, max(low, drawn))
        case Choice(options):
            return options[int(drawn) % len(options)]
        case _:
            known: Mapping[str, Value] = {"Flag": True, "Colour": "#00ff00", "Press": True}
            return known.get(type(shape).__name__, "text \ud800")


def aimed(reader: Reader, value: object) -> bytes:
    """Return a payload that says a value where a reader looks for it."""
    while isinstance(reader, Either):
        reader = reader.ways[0]
    path = getattr(reader, "path", None)
    if path is None:
        return str(value).encode(errors="replace")
    if isinstance(reader, ShutterState):
        value = {"Position": value, "Direction": value}
    for step in reversed(path):
        value = {step: value} if isinstance(step, str) else [value] * (step + 1)
    if isinstance(reader, Notified):
        value = {"src": reader.device, "method": "NotifyStatus", "params": value}
    elif isinstance(reader, Answered):
        value = {"src": reader.device, "result": value}
    return as_json(value)


def check(thing: Thing, payload: bytes, drawn: float) -> None:
    """Read anything and write anything: no more than values and plain topics come of it."""
    assert refusal_of_thing(thing) in (None, "unfit")
    turn = int(abs(drawn)) + len(thing.key)
    for trait, feature in thing.features.items():
        for number, reader in enumerate(feature.reads):
            odd = (ODD[(turn + number + 7 * step) % len(ODD)] for step in range(3))
            for what in (payload, *(aimed(reader, one) for one in (*odd, drawn))):
                value = reader.read(Message(reader.topic, what))
                assert value is None or isinstance(value, bool | int | float | str)
                assert not isinstance(value, float) or math.isfinite(value)
                assert not isinstance(value, str) or len(value) <= 255
        if feature.settable and thing.writer is not None:
            try:
                sent = thing.writer.write({trait: sample(feature.shape, drawn)}, {})
            except Unwritable:
                continue
            assert 0 < len(sent) <= 4
            assert all(plain(one.topic) for one in sent)
    for reader in thing.availability.reads:
        assert reader.read(Message(reader.topic, payload)) in (None, True, False)


def check_all(found: tuple[Sighting, ...], payload: bytes, drawn: float) -> None:
    for sighting in found:
        assert len(sighting.things) <= 2_000
        assert {one.rule for one in sighting.left_out} <= RULES
        for thing in sighting.things[int(abs(drawn)) % 3 :: 3]:  # hundreds of examples
            check(thing, payload, drawn)


@pytest.mark.parametrize("name", sorted(SEEDS))
@given(data=st.data())
def test_any_announcement_is_read_or_left_out(name: str, data: st.DataObject) -> None:
    make, seeds = SEEDS[name]
    dialect = make()
    drawn = data.draw(st.floats(-1e9, 1e9))
    for _ in range(data.draw(st.integers(1, 3))):
        topic, seed = data.draw(st.sampled_from(seeds))
        payload = data.draw(st.one_of(mutated(announced(seed)).map(as_json), PAYLOADS))
        found = dialect.take(Message(topic, payload, retained=True))
        assert not any(one.asks for one in found)
        check_all(found, data.draw(PAYLOADS), drawn)


@given(data=st.data())
def test_a_shelly_may_answer_anything(data: st.DataObject) -> None:
    dialect = ShellyDialect(OWN)
    device = announced(data.draw(st.sampled_from(["shelly/switches", "shelly/lights"])))
    prefix = device["id"]
    asks = dialect.take(Message(f"{prefix}/online", b"true"))[0].asks
    for ask in data.draw(st.permutations(asks)):
        frame = json.loads(ask.payload)
        what = frame["method"].removeprefix("Shelly.Get").lower().removeprefix("device")
        answer = {"id": frame["id"], "src": prefix, "result": device[what]}
        if data.draw(st.booleans()):
            answer = {**answer, "result": data.draw(mutated(device[what]))}
        found = dialect.take(Message(f"{OWN}/{prefix}/rpc", as_json(answer)))
        assert all(one.topic == f"{prefix}/rpc" for each in found for one in each.asks)
        assert sum(len(each.asks) for each in found) <= 3
        check_all(found, data.draw(PAYLOADS), data.draw(st.floats(-1e9, 1e9)))


@given(name=NAMES, more=NAMES, payload=PAYLOADS)
def test_any_topic_of_the_filters_is_taken(name: str, more: str, payload: bytes) -> None:
    for dialect in (
        Zigbee2MqttDialect("zigbee2mqtt"), HomieDialect(), TasmotaDialect(), ShellyDialect(OWN),
    ):  # fmt: skip
        for each in dialect.filters:
            topic = each.replace("+", name, 1).replace("+", more)
            found = dialect.take(Message(topic, payload))
            asked = {one.topic for sighting in found for one in sighting.asks}
            assert asked <= {f"{name}/rpc", f"{name}/{more}/rpc", f"{name}/{more}/{more}/rpc"}
            assert all(plain(one) for one in asked)
            check_all(found, payload, 1.0)


def test_a_megabyte_is_read_once_and_bounded() -> None:
    exposes = [{"type": "numeric", "name": f"n{n}", "property": f"n{n}", "access": 7}
               for n in range(10_000)]  # fmt: skip
    entry = {"ieee_address": "0x1", "friendly_name": "big", "definition": {"exposes": exposes}}
    payload = as_json([entry])
    assert 500_000 < len(payload) < 4_000_000
    found = Zigbee2MqttDialect("z").take(Message("z/bridge/devices", payload))
    assert sum(len(one.things) for one in found) == 400
    nodes = {f"n{n}": {"properties": {"p": {"datatype": "string"}}} for n in range(20_000)}
    description = as_json({"homie": "5.0", "name": "x", "nodes": nodes})
    found = HomieDialect().take(Message("homie/5/x/$description", description))
    assert sum(len(one.things) for one in found) <= 200
    (sighting,) = Zigbee2MqttDialect("z").take(
        Message("z/bridge/devices", as_json([{**entry, "friendly_name": "n" * 1_000_000}]))
    )
    assert [(len(one.name), one.rule) for one in sighting.left_out] == [(255, "bad_topic")]
