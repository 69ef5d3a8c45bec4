"""What of a model's text is for the ear: not what it thinks between ``<think>`` tags. Pure."""

import re
from typing import Final

_OPEN: Final = re.compile(r"<(think|thinking|reasoning)>", re.IGNORECASE)
_TAG: Final = re.compile(r"</?(?:think|thinking|reasoning)>", re.IGNORECASE)
_LONGEST_TAG: Final = len("</reasoning>")


class Aloud:
    """Takes a reply piece by piece, cut anywhere; gives what may be spoken of it.

    A closing tag alone is dropped: what came before it may have been spoken already, for some
    servers leave the opening one out (docs/backends/llm.md says what to set there).
    """

    def __init__(self) -> None:
        self._held = ""  # may be the beginning of a tag
        self._depth = 0

    def feed(self, text: str) -> str:
        """Take the next piece; return what of it, and of what was held, may be spoken."""
        text = self._held + text
        cut = text.rfind("<", max(0, len(text) - _LONGEST_TAG + 1))
        begun = cut >= 0 and ">" not in text[cut:] and _may_be_tag(text[cut:])
        self._held = text[cut:] if begun else ""
        return self._spoken(text[:cut] if begun else text)

    def finish(self) -> str:
        """Return what was held."""
        text, self._held = self._held, ""
        return self._spoken(text)

    def _spoken(self, text: str) -> str:
        spoken: list[str] = []
        at = 0
        for tag in _TAG.finditer(text):
            if not self._depth:
                spoken.append(text[at : tag.start()])
            opens = _OPEN.fullmatch(tag[0]) is not None
            self._depth = self._depth + 1 if opens else max(0, self._depth - 1)
            at = tag.end()
        if not self._depth:
            spoken.append(text[at:])
        return "".join(spoken)


def _may_be_tag(text: str) -> bool:
    """Whether more of it could make a tag of this."""
    begun = text.lower()
    names = ("think", "thinking", "reasoning")
    tags = [f"<{slash}{name}>" for name in names for slash in ("", "/")]
    return any(tag.startswith(begun) for tag in tags)
