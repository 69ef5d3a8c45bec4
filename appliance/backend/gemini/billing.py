"""What Gemini Live says it bills, as our ``Usage``. Pure."""

from appliance.backend.socket.reading import Message, number_of, objects_of, text_of
from appliance.events import Usage

_PICTURES = ("IMAGE", "VIDEO", "DOCUMENT")


def of(metadata: Message, model: str) -> Usage | None:
    """Return what ``usageMetadata`` tells; ``None``: nothing was used.

    What is in the sum and in no detail is taken for text, as are thoughts (billed as output) and
    what tools answered (as input). Transcripts are in no count of the vendor's.
    """
    given, cached, made = (
        _details(metadata, key)
        for key in ("promptTokensDetails", "cacheTokensDetails", "responseTokensDetails")
    )
    asked = _count(metadata, "promptTokenCount") + _count(metadata, "toolUsePromptTokenCount")
    answered = _count(metadata, "responseTokenCount")
    images = sum(given.get(kind, 0) for kind in _PICTURES)
    audio = given.get("AUDIO", 0)
    said = made.get("AUDIO", 0)
    usage = Usage(
        model,
        text_in=max(given.get("TEXT", 0), asked - audio - images),
        text_cached=cached.get("TEXT", 0),
        audio_in=audio,
        audio_cached=cached.get("AUDIO", 0),
        image_in=images,
        image_cached=sum(cached.get(kind, 0) for kind in _PICTURES),
        text_out=max(made.get("TEXT", 0), answered - said)
        + _count(metadata, "thoughtsTokenCount"),
        audio_out=said,
    )
    return None if usage == Usage(model) else usage


def _details(metadata: Message, key: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for entry in objects_of(metadata, key):
        kind = text_of(entry, "modality").upper()
        counts[kind] = counts.get(kind, 0) + _count(entry, "tokenCount")
    return counts


def _count(message: Message, key: str) -> int:
    return int(number_of(message, key))
