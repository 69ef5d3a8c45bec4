"""The messages that we send to an agent of ElevenLabs. Pure.

As elevenlabs 2.78.0, ``conversational_ai/conversation.py`` (``ClientToOrchestratorEvent``).
"""

from collections.abc import Mapping

from appliance.backend.socket.reading import dump, encoded


def initiation(fields: Mapping[str, object]) -> str:
    """Return the settings, the first message."""
    return dump({"type": "conversation_initiation_client_data", **fields})


def sound(pcm: bytes) -> str:
    """Return a piece of the user's sound: 16 kHz."""
    return dump({"user_audio_chunk": encoded(pcm)})


def pong(event: object) -> str:
    """Answer a ping."""
    return dump({"type": "pong", "event_id": event})


def message(words: str) -> str:
    """Return words that the agent answers as if the user had said them."""
    return dump({"type": "user_message", "text": words})


def context(words: str) -> str:
    """Return words that the agent should know; it does not answer."""
    return dump({"type": "contextual_update", "text": words})


def result(call: str, output: str, *, is_error: bool = False) -> str:
    """Answer a call.

    ``is_error`` is for calls that make no sense: an agent is not shown what stands in an error,
    unless its tools are set so.
    """
    answer = {"tool_call_id": call, "result": output, "is_error": is_error}
    return dump({"type": "client_tool_result", **answer})
