"""What of a text can be spoken. Pure."""

from typing import Final

LONGEST: Final = 4_000
"""Characters of one request; OpenAI's limit is 4,096 (SDK 3.52), the others' are higher."""


TRIAL: Final = "1."
"""What is spoken to try a service, and thrown away: of no language, and short."""


def speakable(sentence: str) -> str:
    """Return a sentence without the space around it; empty: there is no word or number in it.

    Services answer punctuation or an emoji alone with an error, silence or a strange sound.
    """
    text = sentence.strip()
    return text if any(letter.isalnum() for letter in text) else ""


def parts(text: str) -> list[str]:
    """Cut what is too long for one request, at a space where there is one."""
    found = []
    while len(text) > LONGEST:
        cut = text.rfind(" ", 1, LONGEST) + 1 or LONGEST
        found.append(text[:cut])
        text = text[cut:]
    return [*found, text]
