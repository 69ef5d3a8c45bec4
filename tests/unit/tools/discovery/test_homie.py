import pytest

from appliance.tools.devices.model import Kind, Range, Thing, Trait, Value
from appliance.tools.discovery.homie import HomieDialect
from tests.discovery import announced, reached, rules, said, things, told, written

LAMP = "homie/5/desk-1"
SHUTTER = "acme/5/a4c138001122"


def lamp() -> dict[str, Thing]:
    return things(HomieDialect().take(said(f"{LAMP}/$description", announced("homie/lamp"))))


def shutter() -> dict[str, Thing]:
    message = said(f"{SHUTTER}/$description", announced("homie/shutter"))
    return things(HomieDialect().take(message))


def test_the_devices_are_exactly_this() -> None:
    assert {name: one.kind for name, one in lamp().items()} == {
        "Desk Lamp": Kind.LIGHT,
        "Desk Lamp Effect": Kind.SELECT,
        "Desk Buttons": Kind.BUTTON,
        "Desk Timer Left": Kind.NUMBER,
        "Desk Timer Until": Kind.SENSOR,
        "Desk Timer Note": Kind.TEXT,
        "Desk Door": Kind.LOCK,
    }
    assert {name: one.kind for name, one in shutter().items()} == {
        "Bedroom Shutter": Kind.COVER,
        "Bedroom Climate Temperature": Kind.SENSOR,
        "Bedroom Climate Setpoint": Kind.NUMBER,
    }


def test_what_is_left_out_has_a_rule() -> None:
    found = HomieDialect().take(said(f"{LAMP}/$description", announced("homie/lamp")))
    assert rules(found) == {
        "Desk Buttons press": "event_only",
        "Desk Timer plan": "homie_datatype",
    }


@pytest.mark.parametrize(
    ("name", "wanted", "sent"),
    [
        ("Desk Lamp", {Trait.POWER: True}, [("light/power/set", "true")]),
        ("Desk Lamp", {Trait.BRIGHTNESS: 50}, [("light/brightness/set", "128")]),
        ("Desk Lamp", {Trait.COLOR: "#ff8000"}, [("light/color/set", "rgb,255,128,0")]),
        ("Desk Lamp Effect", {Trait.OPTION: "rainbow"}, [("light/effect/set", "rainbow")]),
        ("Desk Buttons", {Trait.PRESS: True}, [("buttons/restart/set", "restart")]),
        ("Desk Timer Left", {Trait.VALUE: 90}, [("timer/left/set", "PT90S")]),
        ("Desk Timer Note", {Trait.TEXT: "hello"}, [("timer/note/set", "hello")]),
        ("Desk Door", {Trait.LOCK: "unlocked"}, [("door/locked/set", "false")]),
    ],
)
def test_what_is_wanted_is_set(
    name: str, wanted: dict[Trait, Value], sent: list[tuple[str, str]]
) -> None:
    assert written(lamp()[name], wanted) == [(f"{LAMP}/{topic}", what) for topic, what in sent]


def test_a_command_of_an_event_is_never_late() -> None:
    writer = lamp()["Desk Buttons"].writer
    assert writer is not None
    (sent,) = writer.write({Trait.PRESS: True}, {})
    assert sent.qos == 0


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("rgb,255,0,0", "#ff0000"),
        ("hsv,120,100,50", "#00ff00"),
        ("xyz,0.64,0.33", "#ff0000"),
        ("0,0,255", "#0000ff"),
        ("rgb,1,2", None),
        ("rgb,nan,0,0", None),
        ("", None),
    ],
)
def test_colours_are_read_in_every_space(text: str, value: str | None) -> None:
    found = told(lamp()["Desk Lamp"], said(f"{LAMP}/light/color", text=text))
    assert found.get(Trait.COLOR) == value


def test_states_are_read() -> None:
    desk = lamp()
    assert told(desk["Desk Lamp"], said(f"{LAMP}/light/power", text="true")) == {Trait.POWER: True}
    assert told(desk["Desk Lamp"], said(f"{LAMP}/light/power", text="TRUE")) == {}
    assert told(desk["Desk Timer Left"], said(f"{LAMP}/timer/left", text="PT1H1M1S")) == {
        Trait.VALUE: 3661
    }
    assert told(desk["Desk Timer Left"], said(f"{LAMP}/timer/left", text="PT")) == {}
    bedroom = shutter()
    position = said(f"{SHUTTER}/shutter/position", text="40")
    assert told(bedroom["Bedroom Shutter"], position) == {Trait.POSITION: 40}
    warm = said(f"{SHUTTER}/climate/temperature", text="20.50")
    assert told(bedroom["Bedroom Climate Temperature"], warm) == {Trait.READING: 20.5}
    setpoint = bedroom["Bedroom Climate Setpoint"].features[Trait.VALUE]
    assert setpoint.shape == Range(5, 30, 0.5, "°C")


def test_a_shutter_opens() -> None:
    found = shutter()["Bedroom Shutter"]
    assert written(found, {Trait.OPENING: "open"}) == [(f"{SHUTTER}/shutter/state/set", "open")]
    assert found.features[Trait.OPENING].choices == ("open", "closed", "stopped")
    assert found.identity == {"homie:acme/a4c138001122", "mac:a4c138001122"}


def test_a_child_is_reached_with_its_root() -> None:
    desk = lamp()["Desk Lamp"]
    assert [one.topic for one in desk.availability.reads] == [
        f"{LAMP}/$state",
        "homie/5/bridge-1/$state",
    ]
    assert desk.availability.mode == "all"
    for state, can in {"ready": True, "sleeping": True, "init": False, "lost": False}.items():
        assert reached(desk, said(f"{LAMP}/$state", text=state)) is can
    assert reached(desk, said(f"{LAMP}/$state", text="?")) is None


def test_a_device_appears_changes_and_vanishes() -> None:
    dialect = HomieDialect()
    description = announced("homie/lamp")
    assert dialect.take(said(f"{LAMP}/$state", text="init")) == ()
    assert things(dialect.take(said(f"{LAMP}/$description", description)))
    assert dialect.take(said(f"{LAMP}/$state", text="ready")) == ()
    assert dialect.take(said(f"{LAMP}/$state", text="lost")) == ()  # offline, not gone
    description["name"] = "Bench"
    assert "Bench Lamp" in things(dialect.take(said(f"{LAMP}/$description", description)))
    (gone,) = dialect.take(said(f"{LAMP}/$state", text=""))
    assert (gone.origin, gone.things) == (LAMP, ())
    (back,) = dialect.take(said(f"{LAMP}/$state", text="ready"))
    assert back.things
    (gone,) = dialect.take(said(f"{LAMP}/$description", text=""))
    assert gone.things == ()


@pytest.mark.parametrize(
    ("topic", "payload", "rule"),
    [
        ("homie/old-one/$homie", "4.0.0", "homie_too_old"),
        ("homie/5/Bad_Id/$description", '{"homie":"5.0"}', "bad_topic"),
        ("homie/5/six/$description", '{"homie":"6.0"}', "homie_version"),
        ("homie/5/broken/$description", "{", "bad_payload"),
    ],
)
def test_what_is_no_homie_5_is_left_out(topic: str, payload: str, rule: str) -> None:
    (found,) = HomieDialect().take(said(topic, text=payload))
    assert [one.rule for one in found.left_out] == [rule]
    assert not found.things


def test_a_property_that_is_no_topic_or_has_no_format_is_left_out() -> None:
    properties: dict[str, dict[str, object]] = {
        "a/b": {"datatype": "boolean", "settable": True},
        "$x": {"datatype": "boolean", "settable": True},
        "e": {"datatype": "enum", "settable": True},
        "n": {"datatype": "float", "format": "9:1"},
        "c": {"datatype": "color", "format": "cmyk"},
    }
    description = {"homie": "5.0", "name": "X", "nodes": {"n": {"properties": properties}}}
    found = HomieDialect().take(said(f"{LAMP}/$description", description))
    assert not things(found)
    assert sorted(rules(found).values()) == ["bad_format"] * 3 + ["bad_topic"] * 2
