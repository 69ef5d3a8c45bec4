"""How events look on the wire of a server with manners of its own. Pure."""

import json

from tests.realtime_server.script import Event, Manners

BETA_NAMES = {
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "conversation.item.added": "conversation.item.created",
}
_BETA_PARTS = {"output_text": "text", "output_audio": "audio"}


def on_the_wire(event: Event, manners: Manners) -> Event | None:
    """Return the event as this server sends it, or nothing if it does not."""
    kind = event["type"]
    if kind == "conversation.item.done" and (manners.created_items or manners.beta):
        return None
    if kind == "conversation.item.added" and manners.created_items:
        return {**event, "type": "conversation.item.created"}
    if kind == "error" and manners.word_in_type:
        error = event["error"]
        return {**event, "error": {**error, "type": error["code"] or error["type"], "code": None}}
    if manners.beta:
        text = json.dumps({**event, "type": BETA_NAMES.get(kind, kind)})
        event = json.loads(text, object_hook=_beta)
    return event


def _beta(part: Event) -> Event:
    return (
        {**part, "type": _BETA_PARTS.get(part["type"], part["type"])} if "type" in part else part
    )


def effective(session: Event, manners: Manners) -> Event:
    """Return the session as ``session.updated`` shows it."""
    audio = session["audio"]
    output = {**audio["output"], "format": manners.output_format}
    if manners.output_format is not None:
        output["format"] = dict(manners.output_format)
    shown = {**session, "audio": {**audio, "output": output}}
    if manners.beta_fields or manners.beta:
        shown |= {"modalities": ["text", "audio"], "temperature": 0.8}
    if manners.beta:
        shown |= {"voice": "alloy", "input_audio_format": "pcm16"}
        shown |= {"output_audio_format": "pcm16"}
        del shown["audio"], shown["type"]
    return shown
