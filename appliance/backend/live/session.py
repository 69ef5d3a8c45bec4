"""What a Live session is to be like: the object of ``session.start``. Pure.

Field by field as in the types of openai-python 3.52, ``types/live``. The server refuses what it
does not know, and only the settings of the model behind can be changed later.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from appliance.backend.context import NOTHING, Handover
from appliance.backend.live import history
from appliance.backend.prompting.instructions import instructions
from appliance.backend.prompting.persona import PLAIN, Persona
from appliance.backend.prompting.schema import callable_tools, function
from appliance.catalogue import ToolSpec
from appliance.config import Config

Fields = dict[str, object]

MOST_TOOLS: Final = 128

DELEGATING: Final = """\
# How you get things done
- You hear and speak; another model behind you has the tools. Hand everything to it that has to \
be done, looked up or known for certain about this home; answer small talk and general knowledge \
yourself.
- Never say that something was done before the answer from behind says so.
- What you hear is one room. If nobody speaks to you, say nothing."""
"""Told to the voice model only: it sees no tools, and decides when to delegate."""

BEHIND: Final = """\
# How you are heard
- What you write is spoken by the voice of the box: one or two short sentences."""
"""Told to the model behind only."""

_CUSTOM_VOICE: Final = "voice_"


def session_object(
    config: Config,
    tools: Sequence[ToolSpec],
    *,
    now: datetime | None = None,
    handover: Handover = NOTHING,
    persona: Persona = PLAIN,
) -> Fields:
    """Return the ``session`` of a ``session.start``, complete.

    Args:
        config: The settings, checked.
        tools: What the model behind may call.
        now: Local time, told to the models; ``None``: it is not told.
        handover: What the conversation has come to.
        persona: Who it is now.
    """
    live = config.live
    text = instructions(
        config,
        tools={tool.name for tool in tools},
        now=now,
        own=live.instructions,
        persona=persona,
    )
    session: Fields = {
        "model": live.model,
        "instructions": f"{text}\n\n{DELEGATING}",
        "audio": {
            "format": {"type": "audio/pcm", "rate": live.rate},
            "output": {"voice": _voice(persona.voice or live.voice or "marin")},
        },
        "delegation": {"type": "responses", "responses": _behind(config, text, tools)},
        "store": False,
    }
    if said := history.told(handover):
        session["input"] = said
    return session


def tool_objects(tools: Sequence[ToolSpec]) -> list[Fields]:
    """Return the tools as the model behind sees them."""
    return [{"type": "function", **function(tool)} for tool in callable_tools(tools)][:MOST_TOOLS]


def _behind(config: Config, text: str, tools: Sequence[ToolSpec]) -> Fields:
    live = config.live
    behind: Fields = {
        "model": live.delegate_model,
        "instructions": f"{text}\n\n{BEHIND}",
        "tools": tool_objects(tools),
    }
    if live.delegate_effort is not None:
        behind["reasoning"] = {"effort": live.delegate_effort}
    return behind


def _voice(voice: str) -> str | Fields:
    return {"id": voice} if voice.startswith(_CUSTOM_VOICE) else voice
