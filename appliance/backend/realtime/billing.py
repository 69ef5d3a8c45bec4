"""What the service says it bills, as our ``Usage``. Pure."""

from dataclasses import replace

from appliance.backend.socket.reading import Message, number_of, object_of, text_of
from appliance.events import Usage
from appliance.units import Seconds


def of_response(usage: Message, model: str) -> Usage | None:
    """Return what a reply cost; ``None``: nothing was said about it, or nothing was used.

    Servers that count no kinds apart are taken to mean text. What is cached is part of the rest.
    """
    given = object_of(usage, "input_token_details")
    cached = object_of(given, "cached_tokens_details")
    made = object_of(usage, "output_token_details")
    text_cached = _count(cached, "text_tokens")
    if not cached:
        text_cached = min(_count(given, "cached_tokens"), _count(given, "text_tokens"))
    counted = Usage(
        model,
        text_in=_count(given, "text_tokens"),
        text_cached=text_cached,
        audio_in=_count(given, "audio_tokens"),
        audio_cached=_count(cached, "audio_tokens"),
        image_in=_count(given, "image_tokens"),
        image_cached=_count(cached, "image_tokens"),
        text_out=_count(made, "text_tokens"),
        audio_out=_count(made, "audio_tokens"),
    )
    if not counted.text_in + counted.audio_in + counted.image_in:
        counted = replace(counted, text_in=_count(usage, "input_tokens"))
    if not counted.text_out + counted.audio_out:
        counted = replace(counted, text_out=_count(usage, "output_tokens"))
    return None if counted == Usage(model) else counted


def of_transcription(usage: Message, model: str) -> Usage | None:
    """Return what a transcription cost, in tokens or by its length; ``None`` as above."""
    if text_of(usage, "type") == "duration":
        counted = Usage(model, audio_s=Seconds(number_of(usage, "seconds")))
        return None if counted == Usage(model) else counted
    return of_response(usage, model)


def _count(usage: Message, key: str) -> int:
    return int(number_of(usage, key))
