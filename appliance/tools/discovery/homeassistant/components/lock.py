"""Locks. Pure."""

from appliance.tools.devices.model import Trait
from appliance.tools.discovery.homeassistant import meanings
from appliance.tools.discovery.homeassistant.entry import Draft
from appliance.tools.discovery.homeassistant.writing import Word

_STATES = ("locked", "unlocked", "open", "locking", "unlocking", "opening", "jammed")


def build(draft: Draft) -> None:
    """Make the thing; one that wants a code can only be read."""
    said = {
        draft.text("state_locked", "LOCKED"): "locked",
        draft.text("state_unlocked", "UNLOCKED"): "unlocked",
        draft.text("state_locking", "LOCKING"): "locking",
        draft.text("state_unlocking", "UNLOCKING"): "unlocking",
        draft.text("state_jammed", "JAMMED"): "jammed",
        "OPEN": "open",
        "OPENING": "opening",
    }
    command = draft.command("command_topic", "command_template")
    if draft.has("code_format"):
        draft.leave_out("lock and unlock", "needs_code")
        command = None
    payloads = {
        "locked": draft.nullable("payload_lock", "LOCK"),
        "unlocked": draft.nullable("payload_unlock", "UNLOCK"),
        "open": draft.nullable("payload_open", None),
    }
    pairs = tuple((value, payload) for value, payload in payloads.items() if payload is not None)
    draft.add_words(
        Trait.LOCK,
        _STATES,
        tuple(value for value, _ in pairs),
        draft.reads("state_topic", "value_template", meanings.words(said)),
        None if command is None else Word(command, pairs),
    )
