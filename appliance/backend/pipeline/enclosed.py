"""What belongs to a turn beside its sound. Pure."""

from dataclasses import dataclass, field

from appliance.ports import Enclosure, Image

LONGEST_TEXT = 1_000
"""Characters that may be enclosed; what comes after them is left out."""

LONGEST_NOTE = 4_000
"""Characters of notes."""


@dataclass(frozen=True, slots=True)
class Enclosed:
    """All that was enclosed with a turn."""

    text: str = field(default="", repr=False)
    image: Image | None = None
    """The latest."""

    note: str = field(default="", repr=False)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to answer in it."""
        return not self.text and self.image is None

    def add(self, enclosure: Enclosure) -> "Enclosed":
        """Return this and one more."""
        text = " ".join(filter(None, (self.text, enclosure.text.strip())))
        note = "\n".join(filter(None, (self.note, enclosure.note.strip())))
        image = enclosure.image or self.image
        return Enclosed(text[:LONGEST_TEXT], image, note[:LONGEST_NOTE])

    def read(self, transcript: str) -> str:
        """Return the request: what was said, then what was written."""
        return " ".join(filter(None, (transcript, self.text)))


NOTHING = Enclosed()
