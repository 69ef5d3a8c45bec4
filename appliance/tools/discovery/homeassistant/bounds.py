"""What a stranger's template may cost, and the values it may handle.

A template handles JSON data and nothing else: there is no object with attributes or methods to get
hold of. Its cost is counted, not timed: each turn of a loop costs what its body holds, each thing
that is handled costs by its size, and what makes numbers or text grow asks beforehand. Pure.
"""

from typing import Any

from appliance.tools.templates import TemplateFailed

MOST_STEPS = 4_000
"""Steps of one rendering; well above what real announcements need (some hundreds)."""

LONGEST_OUTPUT = 16_384
"""Characters that a template, or one filter in it, may make."""

MOST_BITS = 512
"""Bits of a whole number."""

LARGEST_RANGE = 1_000
"""Numbers in one ``range``."""

_CONTAINERS = (list, tuple, dict)


class Undefined:
    """What is not there. Prints as nothing, is not so, and cannot be calculated with."""

    __slots__ = ("name",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, name: str) -> None:
        self.name = name

    def __bool__(self) -> bool:
        """It is not so."""
        return False

    def __eq__(self, other: object) -> bool:
        """One nothing is as good as another."""
        return isinstance(other, Undefined)

    def __repr__(self) -> str:
        """Print as Jinja does."""
        return "Undefined"


class Namespace(dict[str, Any]):
    """What ``namespace()`` makes: the one thing a loop can write to."""

    __slots__ = ()


class Run:
    """One rendering: the variables, and what it may still cost."""

    __slots__ = ("left", "room", "scope")

    def __init__(self, scope: dict[str, Any], steps: int = MOST_STEPS) -> None:
        self.scope = scope
        self.left = steps
        self.room = LONGEST_OUTPUT

    def charge(self, steps: int) -> None:
        """Take steps from what is left.

        Raises:
            TemplateFailed: There are not so many left.
        """
        self.left -= steps
        if self.left < 0:
            raise TemplateFailed("it takes too many steps")

    def weigh(self, value: object) -> None:
        """Charge for handling a value, by its size.

        Raises:
            TemplateFailed: It is too large for what is left.
        """
        if isinstance(value, str):
            if len(value) > 64:
                self.charge(len(value) >> 6)
        elif isinstance(value, _CONTAINERS):
            self.charge(1 + size(value, self.left))
        elif type(value) is int and value.bit_length() > MOST_BITS:
            raise TemplateFailed("a number is too large")


def size(value: object, most: int) -> int:
    """Return how many elements data has, however deep; stops counting above ``most``."""
    count = 0
    waiting: list[Any] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            count += len(one) >> 6
        elif isinstance(one, _CONTAINERS):
            count += len(one)
            if count > most:
                break
            waiting += one.values() if isinstance(one, dict) else one
    return count


def text_of(value: object) -> str:
    """Return how a value is printed; weigh it beforehand."""
    if isinstance(value, str):
        return value
    if isinstance(value, Undefined):
        return ""
    return str(value)


def number_of(value: object) -> int | float:
    """Return a number, also one that is written as text.

    Raises:
        TemplateFailed: It is none.
    """
    if isinstance(value, int | float):
        return value
    if isinstance(value, str) and len(value) <= 64:
        try:
            return float(value)
        except ValueError:
            pass
    raise TemplateFailed("not a number")
