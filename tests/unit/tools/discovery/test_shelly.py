import json
from typing import Any

import pytest

from appliance.ports import Message
from appliance.tools.devices.model import (
    Answer,
    Kind,
    Outgoing,
    Range,
    Sighting,
    Thing,
    Trait,
    Value,
)
from appliance.tools.discovery.shelly.dialect import ShellyDialect
from tests.discovery import announced, reached, rules, said, things, told, written

OWN = "voice/kitchen/shelly"
METHODS = {
    "Shelly.GetDeviceInfo": "info",
    "Shelly.GetConfig": "config",
    "Shelly.GetStatus": "status",
}


def answer(device: dict[str, Any], ask: Outgoing, **changes: object) -> Message:
    """Return what a device answers."""
    frame = json.loads(ask.payload)
    result = device[METHODS[frame["method"]]]
    told = {"id": frame["id"], "src": device["id"], "dst": frame["src"], "result": result}
    return said(f"{frame['src']}/rpc", {**told, **changes})


def asked(found: tuple[Sighting, ...]) -> list[Outgoing]:
    return [ask for one in found for ask in one.asks]


def met(name: str, prefix: str = "") -> tuple[ShellyDialect, tuple[Sighting, ...]]:
    """Return a dialect that has met a device, and the last that it told."""
    dialect, device = ShellyDialect(OWN), announced(f"shelly/{name}")
    if prefix:
        event = {"src": device["id"], "dst": f"{prefix}/events", "method": "NotifyStatus"}
        found = dialect.take(said(f"{prefix}/events/rpc", {**event, "params": {}}))
    else:
        found = dialect.take(said(f"{device['id']}/online", text="true"))
    for ask in asked(found):
        found = dialect.take(answer(device, ask))
    return dialect, found


def house(name: str) -> dict[str, Thing]:
    return things(met(name)[1])


def test_a_shelly_is_asked_three_questions_and_then_for_its_state() -> None:
    dialect, device = ShellyDialect(OWN), announced("shelly/switches")
    prefix = device["id"]
    found = dialect.take(said(f"{prefix}/online", text="true"))
    asks = asked(found)
    assert {one.topic for one in asks} == {f"{prefix}/rpc"}
    assert [json.loads(one.payload)["method"] for one in asks] == list(METHODS)
    assert {json.loads(one.payload)["src"] for one in asks} == {f"{OWN}/{prefix}"}
    assert dialect.take(answer(device, asks[0])) == ()
    assert dialect.take(answer(device, asks[1])) == ()
    made, state = dialect.take(answer(device, asks[2]))
    assert made.things
    (ask,) = state.asks
    assert json.loads(ask.payload)["method"] == "Shelly.GetStatus"
    light = things([made])["Garage light"]
    assert told(light, answer(device, ask)) == {Trait.POWER: False}  # so its state is known


def test_switches_are_exactly_this() -> None:
    dialect, found = met("switches")
    del dialect
    assert {name: one.kind for name, one in things(found).items() if one.main} == {
        "Garage light": Kind.SWITCH,
        "Garage light power": Kind.SENSOR,
        "Garage light energy": Kind.SENSOR,
        "Garage box 2": Kind.SWITCH,
        "Garage box 2 power": Kind.SENSOR,
        "Garage box 2 energy": Kind.SENSOR,
        "Garage box input 1": Kind.BINARY_SENSOR,
    }
    assert rules(found) == {
        "Garage box input 2": "event_only",
        "Garage box": "shelly_component",
    }


def test_a_switch_is_set_by_a_request_that_can_be_refused() -> None:
    light = house("switches")["Garage light"]
    assert light.writer is not None
    (sent,) = light.writer.write({Trait.POWER: True}, {})
    frame = json.loads(sent.payload)
    assert frame == {
        "id": frame["id"],
        "src": f"{OWN}/shellyplus2pm-a8032ab12345",
        "method": "Switch.Set",
        "params": {"id": 0, "on": True},
    }
    assert sent.topic == "shellyplus2pm-a8032ab12345/rpc"
    assert sent.answer == Answer(f"{OWN}/shellyplus2pm-a8032ab12345/rpc", str(frame["id"]))
    (again,) = light.writer.write({Trait.POWER: True}, {})
    assert json.loads(again.payload)["id"] != frame["id"]


def test_states_come_by_notification_and_by_status_topic_but_not_from_others() -> None:
    light, prefix = house("switches")["Garage light"], "shellyplus2pm-a8032ab12345"
    event = {"src": prefix, "dst": f"{prefix}/events", "method": "NotifyStatus",
             "params": {"ts": 1.0, "switch:0": {"id": 0, "output": True}}}  # fmt: skip
    topic = f"{prefix}/events/rpc"
    assert told(light, said(topic, event)) == {Trait.POWER: True}
    assert told(light, said(topic, {**event, "method": "NotifyFullStatus"})) == {Trait.POWER: True}
    assert told(light, said(topic, {**event, "src": "shellyplus2pm-a8032ab12399"})) == {}
    assert told(light, said(topic, {**event, "method": "NotifyEvent"})) == {}
    state = said(f"{prefix}/status/switch:0", {"id": 0, "output": False})
    assert told(light, state) == {Trait.POWER: False}
    assert reached(light, said(f"{prefix}/online", text="true")) is True
    assert reached(light, said(f"{prefix}/online", text="false")) is False


def test_a_cover_goes_where_it_should() -> None:
    blind = house("cover")["Kitchen blind"]
    assert blind.kind is Kind.COVER
    orders: list[dict[Trait, Value]] = [
        {Trait.OPENING: "open"},
        {Trait.OPENING: "stopped"},
        {Trait.POSITION: 30, Trait.TILT: 50},
        {Trait.OPENING: "closed", Trait.POSITION: 30},
    ]
    frames = [json.loads(sent) for wanted in orders for _, sent in written(blind, wanted)]
    assert [(one["method"], one["params"]) for one in frames] == [
        ("Cover.Open", {"id": 0}),
        ("Cover.Stop", {"id": 0}),
        ("Cover.GoToPosition", {"id": 0, "pos": 30, "slat_pos": 50}),
        ("Cover.GoToPosition", {"id": 0, "pos": 30}),
    ]
    state = {"state": "opening", "current_pos": 41}
    assert told(blind, said("shellyplus2pm-a8032ab12346/status/cover:0", state)) == {
        Trait.OPENING: "opening",
        Trait.POSITION: 41,
    }


def test_lamps_sensors_and_thermostats() -> None:
    found = house("lights")
    assert {name: one.kind for name, one in found.items() if one.main} == {
        "Shelf": Kind.LIGHT,
        "Desk": Kind.LIGHT,
        "Lamp": Kind.LIGHT,
        "shellyplusrgbwpm-b0b21c0a0b0c": Kind.CLIMATE,
        "shellyplusrgbwpm-b0b21c0a0b0c temperature": Kind.SENSOR,
        "shellyplusrgbwpm-b0b21c0a0b0c humidity": Kind.SENSOR,
        "shellyplusrgbwpm-b0b21c0a0b0c smoke": Kind.BINARY_SENSOR,
        "shellyplusrgbwpm-b0b21c0a0b0c flood": Kind.BINARY_SENSOR,
        "shellyplusrgbwpm-b0b21c0a0b0c power": Kind.SENSOR,
    }
    ((_, payload),) = written(
        found["Shelf"], {Trait.POWER: True, Trait.COLOR: "#0000ff", Trait.BRIGHTNESS: 10}
    )
    frame = json.loads(payload)
    assert (frame["method"], frame["params"]) == (
        "RGB.Set",
        {"id": 0, "on": True, "rgb": [0, 0, 255], "brightness": 10},
    )
    shape = found["Desk"].features[Trait.COLOR_TEMPERATURE].shape
    assert shape == Range(2700, 6500, 1, "K")
    climate = found["shellyplusrgbwpm-b0b21c0a0b0c"]
    ((_, payload),) = written(climate, {Trait.TEMPERATURE: 20.5, Trait.MODE: "off"})
    assert json.loads(payload)["params"] == {
        "id": 0,
        "config": {"target_C": 20.5, "enable": False},
    }


def test_a_prefix_of_the_owners_is_known_by_what_it_sends() -> None:
    dialect = ShellyDialect(OWN)
    assert dialect.take(said("house/cellar/pump/online", text="true")) == ()
    found = met("switches", "house/cellar/pump")[1]
    assert written(things(found)["Garage light"], {Trait.POWER: True})[0][0] == (
        "house/cellar/pump/rpc"
    )


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("lamp/online", "true"),
        ("lamp/events/rpc", '{"src":"somebody","method":"NotifyStatus"}'),
        ("lamp/events/rpc", '{"src":"shelly-zz"}'),
        ("lamp/events/rpc", "{"),
        (f"{OWN}/events/rpc", '{"src":"shellyplus1-a8032ab12345"}'),
        ("shellyplus1-a8032ab12345/online", "false"),
        ("$SYS/shellyplus1-a8032ab12345/online", "true"),
    ],
)
def test_what_does_not_look_like_a_shelly_is_asked_nothing(topic: str, payload: str) -> None:
    assert ShellyDialect(OWN).take(said(topic, text=payload)) == ()


def test_another_does_not_answer_in_its_place() -> None:
    dialect, device = ShellyDialect(OWN), announced("shelly/switches")
    asks = asked(dialect.take(said(f"{device['id']}/online", text="true")))
    other = "shellyplus2pm-a8032ab12399"
    for ask in asks:
        assert dialect.take(answer(device, ask, src=other)) == ()
        assert dialect.take(said(f"{OWN}/{other}/rpc", json.loads(answer(device, ask).payload)))\
            == ()  # fmt: skip
    device["info"]["mac"] = "A8032AB12399"
    *_, found = [dialect.take(answer(device, ask)) for ask in asks]
    assert rules(found) == {device["id"]: "mac_mismatch"}


def test_a_refusal_is_told() -> None:
    dialect, device = ShellyDialect(OWN), announced("shelly/switches")
    ask = asked(dialect.take(said(f"{device['id']}/online", text="true")))[0]
    error = {"id": json.loads(ask.payload)["id"], "src": device["id"], "error": {"code": 401}}
    found = dialect.take(said(f"{OWN}/{device['id']}/rpc", error))
    assert rules(found) == {device["id"]: "shelly_refused"}


def test_new_settings_are_asked_for_and_a_name_changes() -> None:
    dialect, _ = met("switches")
    device = announced("shelly/switches")
    event = {"src": device["id"], "method": "NotifyStatus", "params": {"sys": {"cfg_rev": 13}}}
    topic = f"{device['id']}/events/rpc"
    found = dialect.take(said(topic, event))
    assert things(found)  # what is known stays meanwhile
    assert dialect.take(said(topic, event)) == ()
    device["config"]["switch:0"]["name"] = "Ceiling"
    told_at_last = [dialect.take(answer(device, ask)) for ask in asked(found)]
    assert any("Ceiling" in things(one) for one in told_at_last)
    (gone,) = dialect.take(said(f"{device['id']}/online", text=""))
    assert gone.things == ()


def test_another_shelly_takes_the_prefix_of_one_that_is_away() -> None:
    dialect, _ = met("switches", "pump")
    event = {"src": "shellyplus1-a8032ab12399", "method": "NotifyStatus", "params": {}}
    assert dialect.take(said("pump/events/rpc", event)) == ()
    dialect.take(said("pump/online", text="false"))
    assert len(asked(dialect.take(said("pump/events/rpc", event)))) == 3


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("shellies/announce", '{"id":"shelly1-AABBCC","model":"SHSW-1"}'),
        ("shellies/shelly1-AABBCC/online", "true"),
    ],
)
def test_first_generations_are_left_out(topic: str, payload: str) -> None:
    found = ShellyDialect(OWN).take(said(topic, text=payload))
    assert rules(found) == {"shelly1-AABBCC": "shelly_gen1"}
