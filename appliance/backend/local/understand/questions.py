"""What is asked back where a value is missing. Pure."""

import re
from collections.abc import Sequence

from appliance.backend.local.understand.language import Language
from appliance.backend.local.understand.slots import Kind, Slot
from appliance.backend.local.understand.text import phrase, starts_with

MOST_OPTIONS = 4
"""Values that a question lists; nobody remembers more of them."""

_FIRST_PART = re.compile(r"[^,;:.!?]*")


def ask_for(slot: Slot, language: Language, among: Sequence[str] = ()) -> str:
    """Return the question for the value of a parameter: "On or off?", "How long?", "Which light?".

    Args:
        slot: For the parameter.
        language: In which it is asked.
        among: The names of the things that may be meant; few of them are named in the question.

    A title or description that begins like a question is one: "How bright, in percent." asks "How
    bright?".
    """
    say = language.say
    if slot.kind is Kind.TARGET:
        if 1 < len(among) <= MOST_OPTIONS and len(set(among)) == len(among):
            return say.which_of.format(thing=slot.thing, names=_listed(among, language))
        return say.which.format(thing=slot.thing)
    options = slot.options
    if 1 < len(options) <= MOST_OPTIONS:
        return _sentence(_listed(options, language))
    asked = tuple(phrase(text) for text in language.guards.questions)
    for text in (slot.thing, slot.about):
        first = _FIRST_PART.match(text.strip())
        if first and starts_with(phrase(first[0]), asked):
            return _sentence(first[0])
    return say.what.format(thing=slot.thing)


def _listed(options: Sequence[str], language: Language) -> str:
    return f"{', '.join(options[:-1])} {language.say.either} {options[-1]}"


def _sentence(text: str) -> str:
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}?"
