"""Who the box is in a conversation. Pure."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Persona:
    """What one instruction set of the prompt library asks for; what is empty stays as it is."""

    name: str = ""
    """Its name in the library; empty: none was chosen."""

    instructions: str = field(default="", repr=False)
    """Who it is and how it talks, complete: variables are filled in."""

    voice: str = ""
    """The voice, as the vendor of the backend that serves names it."""

    language: str = ""
    """The code of the language that it speaks."""


PLAIN = Persona()
"""As the settings of each backend say."""
