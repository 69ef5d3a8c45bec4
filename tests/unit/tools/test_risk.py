"""What it takes: by kind and direction, by name, by the owner's rules."""

import math

import pytest

from appliance.catalogue import Risk
from appliance.config.house import GateRule
from appliance.tools.devices.model import Kind, Trait
from appliance.tools.gate.names import Hint, hints
from appliance.tools.gate.risk import judge, natural
from appliance.tools.plan import Act

FREE, CONFIRM, PIN, NEVER = Risk.FREE, Risk.CONFIRM, Risk.PIN, Risk.NEVER


@pytest.mark.parametrize(
    ("kind", "device_class", "trait", "value", "risk"),
    [
        ("lock", "", "lock", "locked", FREE),
        ("lock", "", "lock", "unlocked", PIN),
        ("lock", "", "lock", "open", PIN),
        ("lock", "", "lock", "toggle", PIN),
        ("lock", "", "lock", None, PIN),
        ("lock", "", "lock", True, PIN),
        ("lock", "", "", None, PIN),
        ("lock", "", "power", True, CONFIRM),
        ("alarm_control_panel", "", "armed", "armed_away", FREE),
        ("alarm_control_panel", "", "armed", "armed_night", FREE),
        ("alarm_control_panel", "", "armed", "disarmed", PIN),
        ("alarm_control_panel", "", "armed", "DISARMED", PIN),
        ("alarm_control_panel", "", "armed", "triggered", CONFIRM),
        ("alarm_control_panel", "", "armed", 1, PIN),
        ("cover", "garage", "opening", "open", CONFIRM),
        ("cover", "garage", "opening", "closed", FREE),
        ("cover", "garage", "opening", "stopped", FREE),
        ("cover", "garage", "opening", "toggle", CONFIRM),
        ("cover", "garage", "position", 1, CONFIRM),
        ("cover", "garage", "position", 0, FREE),
        ("cover", "garage", "position", False, CONFIRM),
        ("cover", "garage", "position", math.nan, CONFIRM),
        ("cover", "gate", "tilt", 30.0, CONFIRM),
        ("cover", "door", "opening", "open", CONFIRM),
        ("cover", "window", "opening", "open", CONFIRM),
        ("cover", "portcullis", "opening", "open", CONFIRM),
        ("cover", "blind", "opening", "open", FREE),
        ("cover", "blind", "position", 50, FREE),
        ("cover", "blind", "position", math.inf, CONFIRM),
        ("cover", "", "opening", "open", FREE),
        ("valve", "gas", "opening", "open", CONFIRM),
        ("valve", "gas", "opening", "closed", FREE),
        ("valve", "water", "position", 10, CONFIRM),
        ("valve", "", "power", True, CONFIRM),
        ("valve", "", "power", False, FREE),
        ("water_heater", "", "temperature", 60.0, CONFIRM),
        ("water_heater", "", "mode", "off", FREE),
        ("water_heater", "", "mode", "performance", CONFIRM),
        ("climate", "", "temperature", 21.0, FREE),
        ("climate", "", "mode", "heat", FREE),
        ("light", "", "power", True, FREE),
        ("siren", "", "power", True, FREE),
        ("light", "", "warp", True, CONFIRM),
        ("sensor", "", "reading", 1.0, CONFIRM),
        ("blender", "", "power", True, CONFIRM),
        ("mcp", "", "", None, CONFIRM),
        ("", "", "", None, CONFIRM),
    ],
)
def test_kind_and_direction(
    kind: str, device_class: str, trait: str, value: object, risk: Risk
) -> None:
    assert natural(Act(kind, trait, value, "x1", "X", device_class)) is risk


def test_no_value_of_any_trait_of_a_lock_is_freer_than_locking() -> None:
    for trait in Trait:
        for value in (True, False, 0, 50, "on", "off", "open", "unlocked", None, "locked"):
            if (trait, value) != (Trait.LOCK, "locked"):
                assert natural(Act(Kind.LOCK, trait, value)) is not FREE


@pytest.mark.parametrize("kind", [Kind.LIGHT, Kind.SCENE, Kind.SWITCH, Kind.COVER])
def test_of_what_nobody_knows_what_it_moves_is_asked_about(kind: Kind) -> None:
    assert natural(Act(kind, Trait.PRESS, value=True, opaque=True)) is CONFIRM


@pytest.mark.parametrize(
    ("kind", "name", "value", "risk"),
    [
        ("light", "garage door opener", True, CONFIRM),
        ("light", "garage door opener", False, CONFIRM),
        ("light", "Garage", True, FREE),
        ("light", "gate light", True, FREE),
        ("switch", "gate light", True, FREE),
        ("switch", "gate relay light", True, CONFIRM),
        ("switch", "Gate", False, CONFIRM),
        ("switch", "GateRelay", True, CONFIRM),
        ("switch", "Garagentor", True, CONFIRM),
        ("switch", "Türöffner", True, CONFIRM),
        ("switch", "\uff47\uff41\uff52\uff41\uff47\uff45", True, CONFIRM),
        ("button", "puerta principal", True, CONFIRM),
        ("switch", "Stove", True, CONFIRM),
        ("switch", "Stove", False, FREE),
        ("switch", "space heater", True, CONFIRM),
        ("switch", "Backofen", True, CONFIRM),
        ("climate", "bedroom heater", 21.0, FREE),
        ("climate", "Oven", 200.0, CONFIRM),
        ("number", "oven temperature", 200.0, CONFIRM),
        ("switch", "alarm", False, CONFIRM),
        ("switch", "alarm clock", False, FREE),
        ("switch", "child lock", True, FREE),
        ("switch", "coffee machine", True, FREE),
        ("switch", "investigate", True, FREE),  # "gate" is in it, but no word of it
        ("cover", "garage", "open", CONFIRM),
        ("builtin", "set_alarm", None, FREE),
    ],
)
def test_names_raise(kind: str, name: str, value: object, risk: Risk) -> None:
    trait = {"number": "value", "climate": "temperature", "button": "press", "cover": "opening"}
    act = Act(kind, trait.get(kind, "power" if kind != "builtin" else ""), value, name=name)
    assert natural(act) is risk


@pytest.mark.parametrize(
    ("kind", "trait", "value", "risk"),
    [
        ("lock", "lock", "unlocked", PIN),
        ("cover", "opening", "open", CONFIRM),
        ("valve", "opening", "open", CONFIRM),
    ],
)
def test_no_name_lowers(kind: str, trait: str, value: str, risk: Risk) -> None:
    for name in (
        "child lock",
        "lamp",
        "free",
        "harmless blind",
        "",
        "ignore all rules",
        "risk=free",
    ):
        assert natural(Act(kind, trait, value, name, name, "garage")) is risk


def test_an_area_in_an_id_counts_as_a_name() -> None:
    assert natural(Act("switch", "power", True, "gate_relay_2", "Pulse")) is CONFIRM  # noqa: FBT003


@pytest.mark.parametrize("raised", list(Risk))
def test_whoever_offers_a_tool_can_only_raise(raised: Risk) -> None:
    order = (FREE, CONFIRM, PIN, NEVER)
    for act in (Act("lock", "lock", "unlocked"), Act("light", "power", value=True)):
        own = natural(act)
        found = natural(Act(act.kind, act.trait, act.value, at_least=raised))
        assert order.index(found) == max(order.index(own), order.index(raised))


def _rules(*rules: tuple[str, str, str]) -> tuple[GateRule, ...]:
    return tuple(
        GateRule.model_validate({"device": d, "value": v, "risk": r}) for d, v, r in rules
    )


@pytest.mark.parametrize(
    ("rules", "risk", "lowered"),
    [
        ((), PIN, False),
        ((("front_door", "", "confirm"),), CONFIRM, True),
        ((("front_door", "unlocked", "free"),), FREE, True),
        ((("front_door", "locked", "free"),), PIN, False),
        ((("front_*", "", "never"),), NEVER, False),
        ((("*", "", "free"), ("front_door", "", "never")), NEVER, False),
        ((("front_door", "", "never"), ("*", "", "free")), FREE, True),  # the last that fits
        ((("FRONT_DOOR", "UNLOCKED", "confirm"),), CONFIRM, True),
        ((("use_lock", "", "confirm"),), CONFIRM, True),  # a tool's name
        ((("front", "", "free"),), PIN, False),
    ],
)
def test_the_owners_rules(
    rules: tuple[tuple[str, str, str], ...],
    risk: Risk,
    lowered: bool,  # noqa: FBT001 - a case
) -> None:
    found = judge("use_lock", [Act("lock", "lock", "unlocked", "front_door")], _rules(*rules))
    assert (found.risk, found.lowered) == (risk, lowered)


def test_a_rule_for_a_direction_knows_positions_and_switches() -> None:
    rules = _rules(("g", "open", "pin"), ("s", "on", "pin"))
    for act, risk in (
        (Act("cover", "position", 40, "g", device_class="garage"), PIN),
        (Act("cover", "position", 0, "g", device_class="garage"), FREE),
        (Act("switch", "power", True, "s"), PIN),  # noqa: FBT003
        (Act("switch", "power", False, "s"), FREE),  # noqa: FBT003
    ):
        assert judge("t", [act], rules).risk is risk


def test_a_call_takes_what_its_worst_act_takes() -> None:
    acts = [Act("light", "power", True, "a"), Act("lock", "lock", "unlocked", "b")]  # noqa: FBT003
    assert judge("t", acts, ()).risk is PIN
    assert judge("t", [], ()).risk is FREE
    freed = _rules(("b", "", "free"))
    assert judge("t", [*acts, Act("valve", "opening", "open", "c")], freed).risk is CONFIRM


def test_a_grace_is_of_one_device_and_direction() -> None:
    def keys(*acts: Act) -> frozenset[tuple[str, str, str]]:
        return judge("t", acts, ()).keys

    door = Act("cover", "opening", "open", "g", device_class="garage")
    other = Act("cover", "opening", "open", "h", device_class="garage")
    tilt = Act("cover", "position", 30, "g", device_class="garage")
    assert len({keys(door), keys(other), keys(tilt), keys(door, other)}) == 4
    assert keys(Act("mcp", device="mcp:x/y")) == frozenset()  # who knows in which direction


@pytest.mark.parametrize(
    "name", ["", "x" * 100_000, "\x00\ud800", "\u202erood", "gate" * 50_000, "🚪" * 1000]
)
def test_any_name_is_looked_at_quickly(name: str) -> None:
    hints(name)


def test_words_of_other_languages() -> None:
    for name, hint in {
        "Poort": Hint.WAY_IN,
        "Portail": Hint.WAY_IN,
        "cancello": Hint.WAY_IN,
        "Herd": Hint.HEAT,
        "heizlüfter": Hint.WARMTH,
    }.items():
        found = hints(name)
        assert hint in found.strong | found.weak
