"""The message that asks for a reply. Pure."""

from appliance.backend.realtime import wire
from appliance.backend.realtime.slot import Purpose, Request

_INTERIM = (
    "What was asked for is still being done. Say so now in a few words, in the language of the "
    "conversation; do not say that it is finished, and call no tool."
)


def response_create(request: Request, instructions: str) -> str:
    """Return what asks for a reply.

    Args:
        request: What is asked for; its id comes back where something is wrong with it.
        instructions: Those of the session, which those of one reply take the place of.
    """
    response: dict[str, object] = {"metadata": {"turn": str(request.turn), "request": request.id}}
    if request.purpose is Purpose.INTERIM:
        response["instructions"] = f"{instructions}\n\n{_INTERIM}".strip()
    if not request.tools:
        response["tool_choice"] = "none"
    return wire.create_response(request.id, response)
