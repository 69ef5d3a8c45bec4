"""Which values of a tool's parameters were said in so many words. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from appliance.backend.local.understand.numbers import Quantity
from appliance.backend.local.understand.slots import Kind, Slot
from appliance.backend.local.understand.text import Tokens, contains

Heard = Mapping[str, Mapping[str, tuple[object, ...]]]
"""By tool and parameter: the values that were said; only where there are any."""


def heard(
    tools: Mapping[str, Iterable[Slot]], words: Tokens, quantities: Sequence[Quantity]
) -> Heard:
    """Return what was said of each tool's parameters.

    Args:
        tools: The slots of each, by name.
        words: The request.
        quantities: The numbers in it.
    """
    said = {
        name: {
            slot.parameter: values
            for slot in slots
            if (values := tuple(dict.fromkeys(_values(slot, words, quantities))))
        }
        for name, slots in tools.items()
    }
    return {name: values for name, values in said.items() if values}


def _values(slot: Slot, words: Tokens, quantities: Sequence[Quantity]) -> Iterable[object]:
    match slot.kind:
        case Kind.NUMBER:
            taken = [slot.number(q.value, q.unit, fraction=q.fraction) for q in quantities]
        case Kind.DURATION:
            taken = [slot.duration(q.value) for q in quantities if q.unit == "second"]
        case Kind.CHOICE | Kind.COLOUR:
            return [form.value for form in slot.forms if contains(words, [form.words])]
        case _:
            return ()
    return [value for value in taken if value is not None]
