"""The pieces that a regular expression is made of; ``regex`` puts them together. Pure.

Each piece is a function that is given what comes after it and returns how to match both; every
character that is looked at is charged.
"""

from collections.abc import Callable

from appliance.tools.discovery.homeassistant.bounds import Run

CharTest = Callable[[str], bool]


class State:
    """One attempt at one place of a text."""

    __slots__ = ("begins", "loops", "run", "spans", "text")

    def __init__(self, text: str, groups: int, loops: int, run: Run) -> None:
        self.text = text
        self.spans: list[tuple[int, int] | None] = [None] * (groups + 1)
        self.begins: list[int] = [-1] * (groups + 1)
        self.loops: list[tuple[int, int]] = [(0, -1)] * loops
        self.run = run


Step = Callable[[State, int], int]
"""Goes on from a place in the text; returns where the whole match ends, or -1."""

Make = Callable[[Step], Step]
"""A piece of a pattern: given what comes after it, how to match both."""


def either_case(test: CharTest) -> CharTest:
    """Match small and capital letters alike."""
    return lambda char: test(char) or test(char.lower()) or test(char.upper())


def is_word(char: str) -> bool:
    """Whether a character is a letter, a digit or a line below."""
    return char.isalnum() or char == "_"


def negated(test: CharTest) -> CharTest:
    """Match what another test does not."""
    return lambda char: not test(char)


def literal(char: str) -> CharTest:
    """Match one character."""
    return lambda other: other == char


CLASSES: dict[str, CharTest] = {
    "d": str.isdecimal, "D": negated(str.isdecimal), "w": is_word, "W": negated(is_word),
    "s": str.isspace, "S": negated(str.isspace),
}  # fmt: skip
CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}


def between(low: str, high: str) -> CharTest:
    """Match a range of characters."""
    return lambda char: low <= char <= high


def accept(_state: State, at: int) -> int:
    """End the match."""
    return at


def single(test: CharTest) -> Make:
    """Match one character by a test."""

    def make(then: Step) -> Step:
        def step(state: State, at: int) -> int:
            state.run.charge(1)
            if at < len(state.text) and test(state.text[at]):
                return then(state, at + 1)
            return -1

        return step

    return make


def many(test: CharTest, least: int, most: int, *, lazy: bool) -> Make:
    """Repeat a single character, without recursion."""

    def make(then: Step) -> Step:
        def step(state: State, at: int) -> int:
            text, run = state.text, state.run
            end = at
            limit = min(len(text), at + most)
            stop = at + least if lazy else limit
            while end < min(stop, limit) and test(text[end]):
                run.charge(1)
                end += 1
            if end - at < least:
                return -1
            while True:
                run.charge(1)
                found = then(state, end)
                if found >= 0:
                    return found
                if lazy:
                    if end >= limit or not test(text[end]):
                        return -1
                    end += 1
                elif end - at <= least:
                    return -1
                else:
                    end -= 1

        return step

    return make


def sequence(pieces: list[Make]) -> Make:
    """Match one piece after another."""

    def make(then: Step) -> Step:
        for piece in reversed(pieces):
            then = piece(then)
        return then

    return make


def either(branches: list[Make]) -> Make:
    """Match the first of several that fits."""
    if len(branches) == 1:
        return branches[0]

    def make(then: Step) -> Step:
        steps = [branch(then) for branch in branches]

        def step(state: State, at: int) -> int:
            state.run.charge(1)
            for one in steps:
                spans = state.spans.copy()
                found = one(state, at)
                if found >= 0:
                    return found
                state.spans = spans
            return -1

        return step

    return make


def group(index: int, body: Make) -> Make:
    """Remember what a part matched."""

    def make(then: Step) -> Step:
        def close(state: State, at: int) -> int:
            state.run.charge(1)
            before = state.spans[index]
            began = state.begins[index]
            state.spans[index] = (began, at)
            found = then(state, at)
            if found < 0:
                state.spans[index] = before
                state.begins[index] = began
            return found

        inner = body(close)

        def step(state: State, at: int) -> int:
            kept = state.begins[index]
            state.begins[index] = at
            found = inner(state, at)
            state.begins[index] = kept
            return found

        return step

    return make


def repeat(slot: int, body: Make, least: int, most: int, *, lazy: bool) -> Make:
    """Repeat a group; the turns so far and where the last began stand in ``State.loops``."""

    def make(then: Step) -> Step:
        def turn(state: State, at: int) -> int:
            kept = state.loops[slot]
            state.loops[slot] = (kept[0] + 1, at)
            found = inner(state, at)
            state.loops[slot] = kept
            return found

        def attempt(state: State, at: int) -> int:
            state.run.charge(1)
            turns = state.loops[slot][0]
            if turns < least:
                return turn(state, at)
            if lazy:
                found = then(state, at)
                return found if found >= 0 or turns >= most else turn(state, at)
            found = turn(state, at) if turns < most else -1
            return found if found >= 0 else then(state, at)

        def again(state: State, at: int) -> int:
            state.run.charge(2)
            turns, began = state.loops[slot]
            if at == began and turns > least:
                return then(state, at)  # further turns would match nothing, for ever
            return attempt(state, at)

        inner = body(again)

        def enter(state: State, at: int) -> int:
            kept = state.loops[slot]
            state.loops[slot] = (0, -1)
            found = attempt(state, at)
            state.loops[slot] = kept
            return found

        return enter

    return make


def place(test: Callable[[str, int], bool]) -> Make:
    """Match a place between characters."""

    def make(then: Step) -> Step:
        def step(state: State, at: int) -> int:
            state.run.charge(1)
            return then(state, at) if test(state.text, at) else -1

        return step

    return make


def ahead(body: Make, *, wanted: bool) -> Make:
    """Look whether something follows, or does not, without taking it."""
    inner = body(accept)

    def make(then: Step) -> Step:
        def step(state: State, at: int) -> int:
            return then(state, at) if (inner(state, at) >= 0) is wanted else -1

        return step

    return make


def _boundary(text: str, at: int) -> bool:
    before = at > 0 and is_word(text[at - 1])
    after = at < len(text) and is_word(text[at])
    return before is not after


PLACES: dict[str, Callable[[str, int], bool]] = {
    "^": lambda _, at: at == 0,
    "$": lambda text, at: at == len(text) or (at == len(text) - 1 and text[at] == "\n"),
    "\\A": lambda _, at: at == 0,
    "\\Z": lambda text, at: at == len(text),
    "\\b": _boundary,
    "\\B": lambda text, at: not _boundary(text, at),
}
