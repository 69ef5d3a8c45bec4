"""Vacuums and lawn mowers. Pure."""

from dataclasses import dataclass

from appliance.tools.devices.model import (
    Outgoing,
    Press,
    Range,
    Reader,
    Trait,
    Unwritable,
    Value,
)
from appliance.tools.discovery.homeassistant import meanings
from appliance.tools.discovery.homeassistant.entry import Draft
from appliance.tools.discovery.homeassistant.reading import JsonReader
from appliance.tools.discovery.homeassistant.writing import Command, Text, Word

_CLEANING = ("cleaning", "paused", "docked", "idle", "returning", "error")
_FEATURES = ("start", "stop", "return_home", "status", "battery", "clean_spot")


def build_vacuum(draft: Draft) -> None:
    """Make the thing."""
    supported = draft.words("supported_features", _FEATURES)
    topic = draft.topic("state_topic")
    command = draft.command("command_topic")
    wanted = (
        ("cleaning", "start", "payload_start", "start"),
        ("paused", "pause", "payload_pause", "pause"),
        ("docked", "return_home", "payload_return_to_base", "return_to_base"),
        ("idle", "stop", "payload_stop", "stop"),
    )
    pairs: tuple[tuple[Value, str], ...] = tuple(
        (value, draft.text(key, default))
        for value, feature, key, default in wanted
        if feature in supported
    )
    draft.add_words(
        Trait.CLEANING,
        _CLEANING,
        tuple(str(value) for value, _ in pairs),
        _told(topic, "state", meanings.OneOf(_CLEANING)),
        None if command is None else Word(command, pairs),
    )
    if command is not None and "locate" in supported:
        payload = draft.text("payload_locate", "locate")
        draft.add(Trait.LOCATE, Press(), (), Word(command, ((True, payload),)))
    if "battery" in supported:
        draft.add(
            Trait.BATTERY,
            Range(0, 100, 1, "%"),
            _told(topic, "battery_level", meanings.Percent()),
        )
    speeds = draft.words("fan_speed_list")
    fan = draft.command("set_fan_speed_topic")
    if speeds and "fan_speed" in supported:
        reads = _told(topic, "fan_speed", meanings.OneOf(speeds))
        draft.add_words(Trait.FAN_MODE, speeds, speeds, reads, None if fan is None else Text(fan))


def _told(topic: str | None, key: str, meaning: meanings.Meaning) -> tuple[Reader, ...]:
    return () if topic is None else (JsonReader(topic, ((key,),), meaning),)


@dataclass(frozen=True, slots=True)
class EachItsOwn:
    """A few words, each with a topic of its own."""

    ways: tuple[tuple[str, Command, str], ...]

    def __call__(self, value: Value) -> tuple[Outgoing, ...]:
        """Send the word."""
        for word, command, payload in self.ways:
            if word == value:
                return (command.send(payload),)
        raise Unwritable(f"there is no command for {value!r}")


def build_mower(draft: Draft) -> None:
    """Make the thing."""
    said: dict[str, Value] = {
        "mowing": "cleaning",
        "paused": "paused",
        "docked": "docked",
        "returning": "returning",
        "error": "error",
    }
    reads = draft.reads("activity_state_topic", "activity_value_template", meanings.words(said))
    ways: list[tuple[str, Command, str]] = []
    for value, key, payload in (
        ("cleaning", "start_mowing", "start_mowing"),
        ("paused", "pause", "pause"),
        ("docked", "dock", "dock"),
    ):
        command = draft.command(f"{key}_command_topic", f"{key}_command_template")
        if command is not None:
            ways.append((value, command, payload))
    draft.add_words(
        Trait.CLEANING,
        ("cleaning", "paused", "docked", "returning", "error"),
        tuple(value for value, _, _ in ways),
        reads,
        EachItsOwn(tuple(ways)) if ways else None,
    )
