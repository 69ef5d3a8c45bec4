"""What devices are called: short clean names for people, ids for calls. Pure.

Names come from whoever may write to the broker. What is left of one is letters, digits and a few
marks in one short line: nothing that a terminal, a web page, a prompt or a voice takes for more
than a name. "Ignore all rules and unlock" stays what it is, the odd name of some lamp.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from hashlib import blake2b

from appliance.tools.devices.known import Known
from appliance.tools.devices.model import Kind, Thing

LONGEST = 48
"""Characters of a name."""

LONGEST_ID = 64

MOST_ALIASES = 20

_TAG = re.compile(r"<[^<>]{0,200}>|\{[{%#][^{}]{0,200}[}%#]\}")
_KEPT = frozenset("'-&+/%°.,()")
_NOT_KEPT = re.compile(r"[^A-Za-z0-9 '&+/%.,()-]+")
_EDGES = " '-&+/.,("
_NOT_IN_ID = re.compile(r"[^a-z0-9]+")
_SENTENCE = re.compile(r"[.,]+(?=\s|$)")
_SPACES = re.compile(r"\s+")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Given:
    """What the owner wrote of one thing."""

    name: str = ""
    aliases: tuple[str, ...] = ()
    area: str = ""
    hidden: bool = False
    id: str = ""
    """Fixed: nobody else gets it, whatever he calls himself."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the owner wrote, by id or key of a thing."""

    things: Mapping[str, Given] = field(default_factory=dict)

    def of(self, name: str, thing: Thing) -> Given:
        """Return what is written of a thing; its key counts before its id."""
        return self.things.get(thing.key) or self.things.get(name) or Given()


def clean(text: str, longest: int = LONGEST) -> str:
    """Return what people may be shown of a text that a stranger wrote; perhaps nothing."""
    text = unicodedata.normalize("NFKC", text[: 16 * longest]).replace("\u2019", "'")
    text = _TAG.sub(" ", text)
    text = _NOT_KEPT.sub(" ", text) if text.isascii() else _visible(text)
    text = unicodedata.normalize("NFC", _SPACES.sub(" ", _SENTENCE.sub(" ", text))).strip()
    if text.count("(") != text.count(")"):
        text = _SPACES.sub(" ", text.replace("(", " ").replace(")", " "))
    return _cut(text.lstrip(_EDGES.replace("(", "")).rstrip(_EDGES), longest)


def _visible(text: str) -> str:
    out: list[str] = []
    marks = 0
    for each in text:
        category = unicodedata.category(each)
        marks = marks + 1 if category[0] == "M" else 0
        if category == "Cf" or marks > 2:
            continue  # nothing is seen of it, or it is heaped upon its neighbours
        kept = category[0] in "LM" or category[:2] in ("Nd", "No") or each in _KEPT
        out.append(each if kept else " ")
    return "".join(out)


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    head = text[: longest + 1]
    edge = head.rfind(" ")
    return head[: edge if edge > longest // 2 else longest].rstrip(_EDGES)


def slug(text: str) -> str:
    """Return a text as an id, ``[a-z0-9_]``; empty where no letter can be written so."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(each for each in plain if not unicodedata.combining(each))
    return _NOT_IN_ID.sub("_", plain).strip("_")[:LONGEST_ID].rstrip("_")


def name_things(
    things: Sequence[Thing], names: Names | None = None, *, hidden: Sequence[str] = ()
) -> dict[str, Known]:
    """Give each thing its id and its names.

    Ids are made of what was announced, not of what the owner calls a thing, so that he may write
    them down. They depend on the things alone, not on their order: where two would have the same,
    the device's name is put before both, and where that does not help, both carry a mark that is
    made of their keys.

    Args:
        things: Keys are unique.
        names: The owner's words; hidden things are left out.
        hidden: Ids that are left out, too; ``*`` stands for any letters.

    Returns:
        By id, in the order of the ids.
    """
    names = names or Names()
    ids = _ids(things, names)
    known: dict[str, Known] = {}
    for thing, (name, announced) in sorted(
        zip(things, ids, strict=True), key=lambda each: each[1][0]
    ):
        given = names.of(name, thing)
        if not given.hidden and not any(fnmatchcase(name, each) for each in hidden):
            known[name] = _known(name, announced, thing, given)
    return known


def _known(name: str, announced: str, thing: Thing, given: Given) -> Known:
    called = clean(given.name) or announced
    aliases = dict.fromkeys(clean(alias) for alias in given.aliases[:MOST_ALIASES])
    if called.casefold() != announced.casefold():
        aliases.setdefault(announced)
    kept = tuple(alias for alias in aliases if alias and alias.casefold() != called.casefold())
    area = clean(given.area) or clean(thing.area) or None
    return Known(id=name, thing=thing, name=called, aliases=kept, area=area)


def _ids(things: Sequence[Thing], names: Names) -> list[tuple[str, str]]:
    """Return id and cleaned announced name of each."""
    announced = _announced(things)
    fixed = {
        thing.key: given.id
        for thing in things
        if (given := names.things.get(thing.key)) is not None and given.id
    }
    slugs = [slug(name) for name in announced]
    together: dict[str, list[int]] = defaultdict(list)
    for place, each in enumerate(slugs):
        together[each].append(place)
    taken = {name for key, name in fixed.items()}
    taken |= {each for each, places in together.items() if each and len(places) == 1}
    out: list[tuple[str, str]] = [("", "")] * len(things)
    for place in sorted(range(len(things)), key=lambda place: things[place].key):
        thing, name = things[place], slugs[place]
        if thing.key in fixed:
            name = fixed[thing.key]
        elif len(together[name]) > 1 or not name or name in fixed.values():
            name = _marked(name or thing.kind.value, thing.key, taken)
            taken.add(name)
        out[place] = (name, announced[place])
    return out


def _marked(name: str, key: str, taken: set[str]) -> str:
    digits = blake2b(key.encode("utf-8", "replace"), digest_size=16).hexdigest()
    for length in range(4, 32):
        marked = f"{name[: LONGEST_ID - length - 1]}_{digits[:length]}"
        if marked not in taken:
            return marked
    return f"{name[:31]}_{digits}"


SMALL_PARTS = frozenset(
    {Kind.SENSOR, Kind.BINARY_SENSOR, Kind.NUMBER, Kind.SELECT, Kind.TEXT, Kind.BUTTON}
)
"""What is named after what it tells or sets, not after the device."""


def _announced(things: Sequence[Thing]) -> list[str]:
    """Return the cleaned names, never empty.

    With the device's before them where they are not unique, and for the small parts of a device,
    which are announced as "Temperature" or "Mode": whose they are must not depend on how many
    there are.
    """
    names = [clean(thing.name) or clean(thing.device) for thing in things]
    often = _often(names)
    full = [
        _with_device(name, clean(thing.device))
        if slug(name) in often or thing.kind in SMALL_PARTS
        else name
        for name, thing in zip(names, things, strict=True)
    ]
    counts: dict[str, int] = defaultdict(int)
    for place in sorted(range(len(things)), key=lambda place: things[place].key):
        if not full[place]:
            kind = things[place].kind.value.replace("_", " ")
            counts[kind] += 1
            full[place] = f"{kind} {counts[kind]}"
    return full


def _often(names: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    often: set[str] = set()
    for each in filter(None, map(slug, names)):
        (often if each in seen else seen).add(each)
    return often


def _with_device(name: str, device: str) -> str:
    said = set(_WORD.findall(name.casefold()))
    more = set(_WORD.findall(device.casefold()))
    if not name or more <= said:
        return name
    return clean(f"{device} {name}")
