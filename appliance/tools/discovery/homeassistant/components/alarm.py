"""Alarm panels; what wants a code is left out: nobody here knows it. Pure."""

from appliance.tools.devices.model import Trait
from appliance.tools.discovery.homeassistant import meanings
from appliance.tools.discovery.homeassistant.entry import Draft
from appliance.tools.discovery.homeassistant.writing import Word

_MODES = ("home", "away", "night", "vacation", "custom_bypass")
_STATES = (
    "disarmed", *(f"armed_{mode}" for mode in _MODES), "triggered", "arming", "pending",
    "disarming",
)  # fmt: skip
_FEATURES = (*(f"arm_{mode}" for mode in _MODES), "trigger")


def build(draft: Draft) -> None:
    """Make the thing."""
    supported = draft.words("supported_features", _FEATURES)
    coded = draft.has("code")
    armable = not (coded and draft.flag("code_arm_required", default=True))
    disarmable = not (coded and draft.flag("code_disarm_required", default=True))
    triggerable = not (coded and draft.flag("code_trigger_required", default=True))
    pairs: list[tuple[str, str]] = []
    if disarmable:
        pairs.append(("disarmed", draft.text("payload_disarm", "DISARM")))
    else:
        draft.leave_out("disarm", "needs_code")
    arming = [
        (f"armed_{mode}", draft.text(f"payload_arm_{mode}", f"ARM_{mode.upper()}"))
        for mode in _MODES
        if f"arm_{mode}" in supported
    ]
    if armable:
        pairs += arming
    elif arming:
        draft.leave_out("arm", "needs_code")
    if "trigger" in supported and triggerable:
        pairs.append(("triggered", draft.text("payload_trigger", "TRIGGER")))
    command = draft.command("command_topic", "command_template")
    write = None
    if command is not None:
        write = Word(command, tuple((value, payload) for value, payload in pairs), "action")
    draft.add_words(
        Trait.ARMED,
        _STATES,
        tuple(value for value, _ in pairs),
        draft.reads("state_topic", "value_template", meanings.OneOf(_STATES)),
        write,
    )
