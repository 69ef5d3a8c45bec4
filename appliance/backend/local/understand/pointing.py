"""What "it" is: the things of the last requests, put into the sentence by name.

The sentence is then read like any other, so that whatever can be said of a thing by its name can
be said of "it", in every language.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

from appliance.backend.local.understand.back import Back, Pointer
from appliance.backend.local.understand.house import House, Tool
from appliance.backend.local.understand.language import Step
from appliance.backend.local.understand.reading import Reading, Scene
from appliance.backend.local.understand.sentences import Request
from appliance.backend.local.understand.slots import Kind, Slot
from appliance.backend.local.understand.text import Tokens


class Reads(Protocol):
    """Reads a sentence with nothing left open."""

    def __call__(self, words: Tokens, scene: Scene) -> Reading | None:
        """Return what it asks for, or ``None``."""
        ...


class Pointing:
    """Finds what words point back to.

    Args:
        back: Finds the words.
    """

    def __init__(self, back: Back) -> None:
        self._back = back

    def points(self, words: Tokens) -> bool:
        """Tell whether something is only pointed at."""
        return self._back.pointer(words) is not None

    def pointed(self, words: Tokens, scene: Scene, read: Reads) -> Reading | None:
        """Return what a sentence asks of the things before that it can be asked of.

        "it" is the last of them, "them" are all of the last turn.
        """
        pointer = self._back.pointer(words)
        if pointer is None:
            return None
        for requests in scene.before:
            found: list[Request] = []
            for request in reversed(requests):
                asked = self._asked(words, pointer, request, scene, read)
                if asked is not None:
                    found.insert(0, asked)
                    if not pointer.several:
                        break
            if found:
                return Reading(tuple(found), "nearest")
        return None

    def _asked(
        self, words: Tokens, pointer: Pointer, before: Request, scene: Scene, read: Reads
    ) -> Request | None:
        """Return what is asked of the things of one request; one stands for all in reading."""
        called = _called(before, scene.house)
        if not called:
            return None
        reading = read(self._back.named(words, pointer, called[0]), scene)
        if reading is None or len(reading.requests) != 1:
            return None
        (request,) = reading.requests
        tool = scene.house.tools[request.tool]
        mine = {name.lower() for name in called}
        fit = tuple(target.id for target in tool.spec.targets if target.name.lower() in mine)
        if request.tool == before.tool:
            fit = before.targets
        if not set(fit) & set(request.targets):
            return None
        whole = replace(request, targets=fit, ambiguous=False)
        return whole if tool.missing(whole) is None and tool.calls(whole) else None

    def unknown(self, words: Tokens, scene: Scene, read: Reads) -> tuple[Reading, str] | None:
        """Return what a sentence could ask of some thing, and the word that does not say which."""
        pointer = self._back.pointer(words)
        if pointer is None:
            return None
        requests: list[Request] = []
        for tool in scene.house.tools.values():
            if not tool.spec.targets:
                continue
            reading = read(self._back.named(words, pointer, tool.spec.targets[0].name), scene)
            if reading is None or any(r.tool != tool.spec.name for r in reading.requests):
                continue
            every = tuple(target.id for target in tool.spec.targets)
            requests.extend(
                replace(request, targets=every, ambiguous=True) for request in reading.requests[:1]
            )
        word = " ".join(words[pointer.start : pointer.end])
        return (Reading(tuple(requests), "nearest"), word) if requests else None

    def stepped(self, words: Tokens, scene: Scene) -> Reading | None:
        """Return what "brighter" asks: of the thing that is named, or of the last that can be.

        Where the value that it had is not known, that lacks.
        """
        step = self._back.step(words)
        if step is not None:
            steps = (_step(scene, before, step) for before in _newest(scene))
        else:
            steps = (_step(scene, *found) for found in self._named_steps(words, scene))
        return next((reading for reading in steps if reading is not None), None)

    def _named_steps(self, words: Tokens, scene: Scene) -> Iterator[tuple[Request, Step]]:
        """Yield the things that "make the desk lamp brighter" may be about, and by how much."""
        for tool in scene.house.tools.values():
            target = tool.target_slot
            if target is None or not self._back.steps(words):
                continue
            filled = tool.filler.fill(words)
            ids = filled.values.get(target.parameter)
            step = self._back.step(filled.rest)
            if step is None or not isinstance(ids, tuple) or len(ids) > 1:
                continue
            if filled.values.keys() == {target.parameter}:
                yield Request(tool.spec.name, {}, ids), step

    def repeats(self, words: Tokens) -> bool:
        """Tell whether the last request is wanted once more."""
        return self._back.repeats(words)


def _called(request: Request, house: House) -> tuple[str, ...]:
    """Return the names of what a request acts on."""
    tool = house.tools.get(request.tool)
    if tool is None:
        return ()
    return tuple(target.name for target in tool.spec.targets if target.id in request.targets)


def _newest(scene: Scene) -> Iterator[Request]:
    for requests in scene.before:
        yield from reversed(requests)


def _step(scene: Scene, before: Request, step: Step) -> Reading | None:
    """Return a step from the value that a thing had last; its value, if not known, lacks."""
    tool = scene.house.tools.get(before.tool)
    slot = _stepped_slot(tool, step, before) if tool is not None else None
    if slot is None:
        return None
    value = _last_value(scene, before, slot)
    if value is None:
        return Reading((Request(before.tool, {}, before.targets),), "nearest", lacks=slot)
    value = max(slot.minimum, min(slot.maximum, value + step.by))
    number = slot.number(value, None, fraction=False)
    return Reading((Request(before.tool, {slot.parameter: number}, before.targets),), "nearest")


def _stepped_slot(tool: Tool, step: Step, before: Request) -> Slot | None:
    """Return the number that a step changes, if the things acted on have one."""
    acted = [target for target in tool.spec.targets if target.id in before.targets]
    if not acted or any(target.kind != step.kind for target in acted):
        return None
    return next((s for s in tool.slots if s.kind is Kind.NUMBER and s.unit == step.unit), None)


def _last_value(scene: Scene, of: Request, slot: Slot) -> float | None:
    """Return the value that the same things were last set to."""
    for request in _newest(scene):
        value = request.arguments.get(slot.parameter)
        same = request.tool == of.tool and set(of.targets) <= set(request.targets)
        if same and isinstance(value, int | float):
            return float(value)
    return None
