"""OpenAI's interface for written-down sound, ``/audio/transcriptions``: form and answer. Pure.

After openai 3.52.0 (``types/audio/transcription_create_params.py``), read 2026-11-22.
"""

import io
import wave
from collections.abc import Sequence
from typing import Final

from appliance.backend.socket import reading
from appliance.backend.socket.reading import Message
from appliance.backend.stt.rules import SECTION
from appliance.backend.web.endings import failed_midway
from appliance.config import vendors
from appliance.errors import BackendUnavailable, ProtocolViolation
from appliance.frames import RATE

DONE: Final = "transcript.text.done"

_WHOLE: Final = "whisper-1"
"""The model of OpenAI's that cannot stream."""


def fields(
    model: str, language: str, keywords: Sequence[str], *, stream: bool
) -> dict[str, str | list[str]]:
    """Return the form, but for the sound.

    Args:
        model: Which one.
        language: Of the sound: ``en``.
        keywords: Words that are hard to guess.
        stream: The server can tell its answer as it is made.
    """
    form: dict[str, str | list[str]] = {
        "model": model,
        "language": language,
        "response_format": "json",
    }
    if keywords and model in vendors.GUIDED:
        form["keywords[]"] = list(keywords)
    elif keywords:
        form["prompt"] = ", ".join(keywords)
    if stream and model != _WHOLE:
        form["stream"] = "true"
    return form


def wav(pcm: bytes) -> bytes:
    """Return sound, signed 16-bit little-endian mono at 16 kHz, as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(pcm)
    return file.getvalue()


class Answer:
    """What was said, out of one message, or out of many."""

    def __init__(self) -> None:
        self._text: str | None = None
        self.seconds = 0.0
        """Of sound that is billed, if the server says so."""

    def take(self, message: Message) -> None:
        """Take a message of the answer.

        Raises:
            BackendError: It says that there will be none, or what it says is no answer.
        """
        kind = reading.text_of(message, "type")
        if "error" in message or kind == "error":
            raise failed_midway(message, SECTION)
        if kind not in ("", DONE):
            return  # pieces of what comes whole at the end
        text = message.get("text")
        if not isinstance(text, str):
            raise ProtocolViolation("the server's answer has no text in it")
        self._text = text
        usage = reading.object_of(message, "usage")
        self.seconds = reading.number_of(usage, "seconds")

    @property
    def text(self) -> str:
        """What was said, without spaces around it.

        Raises:
            BackendUnavailable: It did not come to its end.
        """
        if self._text is None:
            raise BackendUnavailable("the server broke off in the middle of its answer")
        return self._text.strip()
