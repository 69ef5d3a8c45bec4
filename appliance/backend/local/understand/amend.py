"""The last requests, changed by what is said next: "no, the bedroom", "make it fifty percent"."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from appliance.backend.local.understand.house import House, Tool
from appliance.backend.local.understand.memory import Question
from appliance.backend.local.understand.nearest import MOST_UNEXPLAINED, Nearest
from appliance.backend.local.understand.picking import Picker
from appliance.backend.local.understand.sentences import Request
from appliance.backend.local.understand.slots import AREA, names
from appliance.backend.local.understand.spans import Filled
from appliance.backend.local.understand.text import Tokens


class Amender:
    """Changes requests.

    Args:
        house: What can be asked for.
        nearest: Judges how much of a sentence its values explain.
        picker: Finds which of some things a few words mean.
    """

    def __init__(self, house: House, nearest: Nearest, picker: Picker) -> None:
        self._house = house
        self._nearest = nearest
        self._picker = picker

    def amended(self, requests: tuple[Request, ...], words: Tokens) -> tuple[Request, ...]:
        """Return the requests with the values that the words name; empty if they name none."""
        if not requests or not words:
            return ()
        old = requests[-1]
        tools = [self._house.tools[r.tool] for r in requests if r.tool in self._house.tools]
        for tool in (*dict.fromkeys(t.spec.name for t in reversed(tools)),):
            mine = tuple(r for r in requests if r.tool == tool)
            changed = self._changed(self._house.tools[tool], mine, words)
            if changed:
                return changed
        for tool_ in self._relatives(old):
            changed = self._moved(tool_, old, words)
            if changed:
                return changed
        return ()

    def added(self, requests: tuple[Request, ...], words: Tokens) -> tuple[Request, ...]:
        """Return the last request for other things, if the words name these and nothing strange.

        What else they name goes with it: "and the desk lamp to twenty percent".
        """
        for old in reversed(requests):
            tool = self._house.tools.get(old.tool)
            if tool is None or tool.target_slot is None:
                continue
            filled = tool.filler.fill(words)
            if filled.idle_number or self._nearest.unexplained(tool, filled) > 0:
                continue
            targets = self._targets(tool, filled, (), like=old)
            if targets:
                return (_with(old, filled, targets),)
        return ()

    def without(
        self, requests: tuple[Request, ...], left_out: Sequence[Tokens]
    ) -> tuple[Request, ...]:
        """Return requests for several things without some; empty if one of these is not found.

        Args:
            requests: What was asked for.
            left_out: How each thing, or the room of some, is called.
        """
        found: set[tuple[str, str]] = set()
        for words in left_out:
            named = {
                (request.tool, target)
                for request in requests
                for target in self._named(request, words)
            }
            if not named:
                return ()
            found |= named
        return tuple(
            replace(request, targets=kept)
            for request in requests
            if (kept := tuple(t for t in request.targets if (request.tool, t) not in found))
        )

    def _named(self, request: Request, words: Tokens) -> tuple[str, ...]:
        """Return those of the things of a request that words name, and nothing besides."""
        tool = self._house.tools.get(request.tool)
        if tool is None:
            return ()
        filled = tool.filler.fill(words)
        whole = not filled.idle_number and self._nearest.unexplained(tool, filled) == 0
        targets = self._targets(tool, filled, request.targets) if whole else ()
        return targets or self._picked(tool, request, words)

    def answered(self, question: Question, words: Tokens) -> tuple[Request, ...]:
        """Return the requests with the value that was asked for; empty if the words lack it.

        Where the words still leave several things, it is asked again, about these.
        """
        answered: list[Request] = []
        for request in question.requests:
            tool = self._house.tools.get(request.tool)
            if tool is None:
                continue
            filled = self._filled(tool, words)
            slot = tool.target_slot
            if slot is not None and question.parameter in {None, slot.parameter}:
                targets = self._targets(tool, filled, request.targets) if filled else ()
                if filled and targets:
                    answered.append(_with(request, filled, targets))
                elif question.parameter is not None:  # else anything in the house may be meant
                    picked = self._picked(tool, request, words)
                    undecided = 1 < len(picked) < len(request.targets)
                    if picked:
                        answered.append(replace(request, targets=picked, ambiguous=undecided))
            elif filled is not None and question.parameter in filled.values:
                answered.append(_with(request, filled, request.targets))
        return tuple(answered)

    def _picked(self, tool: Tool, request: Request, words: Tokens) -> tuple[str, ...]:
        return tuple(target.id for target in self._picker.pick(words, tool.about(request)))

    def _filled(self, tool: Tool, words: Tokens) -> Filled | None:
        filled = tool.filler.fill(words)
        if not filled.values or self._nearest.unexplained(tool, filled) > MOST_UNEXPLAINED:
            return None
        return filled

    def _changed(
        self, tool: Tool, mine: tuple[Request, ...], words: Tokens
    ) -> tuple[Request, ...]:
        filled = self._filled(tool, words)
        if filled is None:
            return ()
        slot = tool.target_slot
        names_target = AREA in filled.values or (
            slot is not None and slot.parameter in filled.values
        )
        if not names_target:
            return tuple(_with(request, filled, request.targets) for request in mine)
        targets = self._targets(tool, filled, (), like=mine[-1])
        return (_with(mine[-1], filled, targets),) if targets else ()

    def _targets(
        self, tool: Tool, filled: Filled, among: tuple[str, ...], *, like: Request | None = None
    ) -> tuple[str, ...]:
        """Return the targets that a text names, of those asked about or of the kind before."""
        slot = tool.target_slot
        named = filled.values.get(slot.parameter) if slot is not None else None
        area = filled.values.get(AREA)
        kinds = (
            {t.kind for t in tool.spec.targets if t.id in like.targets}
            if like is not None
            else None
        )
        fit = [
            target
            for target in tool.spec.targets
            if (not among or target.id in among)
            and (named is None or (isinstance(named, tuple) and target.id in named))
            and (area is None or (target.area or "").lower() == area)
            and (named is not None or kinds is None or target.kind in kinds)
        ]
        if named is None and area is None:
            return ()
        return tuple(target.id for target in fit)

    def _relatives(self, old: Request) -> Iterator[Tool]:
        """Yield other tools for the same things, then those for other things of the same kind."""
        before = self._house.tools.get(old.tool)
        if before is None:
            return
        called = {
            name.lower()
            for target in before.spec.targets
            if target.id in old.targets
            for name in names(target)
        }
        kinds = {t.kind for t in before.spec.targets if t.id in old.targets}
        others = [tool for name, tool in self._house.tools.items() if name != old.tool]
        same = [
            tool
            for tool in others
            if called & {n.lower() for t in tool.spec.targets for n in names(t)}
        ]
        yield from same
        yield from (
            tool
            for tool in others
            if tool not in same and kinds & {target.kind for target in tool.spec.targets}
        )

    def _moved(self, tool: Tool, old: Request, words: Tokens) -> tuple[Request, ...]:
        """Carry an old request over to another tool."""
        filled = self._filled(tool, words)
        if filled is None:
            return ()
        before = self._house.tools[old.tool]
        own = {slot.parameter for slot in tool.slots}
        kept = {name: value for name, value in old.arguments.items() if name in own}
        targets = self._targets(tool, filled, ())
        if not targets:
            called = {
                name.lower()
                for target in before.spec.targets
                if target.id in old.targets
                for name in names(target)
            }
            targets = tuple(
                target.id
                for target in tool.spec.targets
                if called & {name.lower() for name in names(target)}
            )
        request = _with(Request(tool.spec.name, kept), filled, targets)
        return (request,) if targets and tool.missing(request) is None else ()


def _with(request: Request, filled: Filled, targets: tuple[str, ...]) -> Request:
    values = {
        name: value
        for name, value in filled.values.items()
        if name != AREA and not _is_target(value)
    }
    return replace(
        request, arguments={**request.arguments, **values}, targets=targets, ambiguous=False
    )


def _is_target(value: object) -> bool:
    return isinstance(value, tuple)  # only a target's slot gives several ids
