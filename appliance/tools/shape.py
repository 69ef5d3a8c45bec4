"""The shape of a manifest: which keys there are and what kind of value each takes. Pure.

``appliance.tools.parse`` checks what no single value can know.
"""

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from difflib import get_close_matches
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from appliance.catalogue import Risk

Key = tuple[str | int, ...]
Scalar = str | int | float | bool

MOST_TARGETS = 500
LONGEST_TIMEOUT_S = 120.0

_Word = Annotated[str, Field(min_length=1, max_length=200)]
_Source = Annotated[str, Field(max_length=8_192)]
_Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")]
_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class Table(BaseModel):
    """One table of a manifest; a key that nobody knows is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class TargetTable(Table):
    """A thing that the tool acts on."""

    id: _Id
    name: _Word
    aliases: Annotated[list[_Word], Field(max_length=50)] = []
    area: _Word | None = None
    kind: Annotated[str, Field(max_length=64)] = ""
    vars: Annotated[dict[_Name, Scalar], Field(max_length=50)] = {}


class IntentTable(Table):
    """A ready-made intent that is a call of this tool."""

    intent: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,64}$")]
    arguments: dict[str, Scalar] = {}
    slots: dict[str, str] = {}


class CommandTable(Table):
    """The message that does it."""

    topic: _Source
    payload: _Source = ""
    qos: Literal[0, 1] = 1


class MatchTable(Table):
    """What a message must say."""

    equals: _Source | None = None
    fields: Annotated[dict[_Word, _Source], Field(max_length=50)] = {}
    tolerance: Annotated[float, Field(ge=0.0)] = 0.0
    expression: _Source | None = None


class ConfirmTable(MatchTable):
    """The state that shows it is done."""

    topic: _Source
    already: Literal["skip", "send"] = "skip"


class ResponseTable(MatchTable):
    """The answer to the request."""

    topic: _Source | None = None
    correlation: _Word | None = None


class SayTable(Table):
    """What is said at the end."""

    done: _Source | None = None
    unchanged: _Source | None = None
    unconfirmed: _Source | None = None
    failed: _Source | None = None


class ManifestTable(Table):
    """The whole file."""

    name: _Name
    description: Annotated[str, Field(min_length=1, max_length=1_000)]
    examples: Annotated[list[_Word], Field(max_length=200)] = []
    parameters: dict[str, object] = {}
    targets: Annotated[list[TargetTable], Field(max_length=MOST_TARGETS)] = []
    target_parameter: str | None = None
    intents: Annotated[list[IntentTable], Field(max_length=100)] = []
    command: CommandTable
    confirm: ConfirmTable | None = None
    response: ResponseTable | None = None
    timeout_s: Annotated[float, Field(gt=0.0, le=LONGEST_TIMEOUT_S)] = 3.0
    risk: Literal["free", "confirm", "pin", "never"] = Risk.FREE.value
    say: SayTable = SayTable()
    closes: bool = False


def read(table: Mapping[str, object]) -> tuple[ManifestTable | None, list[tuple[Key, str]]]:
    """Check the shape of a whole manifest.

    Returns:
        The table, unless it is unusable; and what is wrong. Keys that nobody knows are left out of
        the table, so that what else is wrong can be found, too.
    """
    try:
        return ManifestTable.model_validate(table), []
    except ValidationError as error:
        findings = list(_findings(error))
        unknown = [
            detail["loc"] for detail in error.errors() if detail["type"] == "extra_forbidden"
        ]
    try:
        return ManifestTable.model_validate(_without(table, unknown)), findings
    except ValidationError:
        return None, findings


def _without(table: Mapping[str, object], keys: Iterable[Key]) -> Mapping[str, object]:
    whole = deepcopy(dict(table))
    for *path, last in keys:
        inner: Any = whole
        for part in path:
            inner = inner[part]
        del inner[last]
    return whole


def hint(word: object, known: tuple[str, ...]) -> str:
    """Return " (did you mean `x`?)" if a known word is close, else nothing."""
    near = get_close_matches(str(word).lower(), known, n=1, cutoff=0.6)
    return f" (did you mean `{near[0]}`?)" if near else ""


def _findings(error: ValidationError) -> Iterator[tuple[Key, str]]:
    seen: set[Key] = set()
    for detail in error.errors(include_url=False, include_input=False):
        key = _key(detail["loc"])
        if key not in seen:  # a value that may be one of several kinds fails once for each
            seen.add(key)
            yield key, _text(key, detail)


def _key(loc: Key) -> Key:
    """Leave out what pydantic adds: the kinds of a union, the mark of a dictionary's key."""
    kinds = {kind.__name__ for kind in get_args(Scalar)}
    return tuple(
        part
        for place, part in enumerate(loc)
        if not (part == "[key]" or (place == len(loc) - 1 and place > 1 and part in kinds))
    )


def _text(key: Key, detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            known = _keys_beside(key)
            listed = hint(key[-1], known) or f"; there are: {', '.join(known)}"
            return f"there is no such key{listed}"
        case "literal_error":
            return f"must be {context['expected']}"
        case "string_pattern_mismatch":
            return f"does not fit {context['pattern']}"
        case _:
            message = detail["msg"].removeprefix("Input ").removeprefix("should ")
            for python, plain in (("dictionary", "table"), ("valid string", "text")):
                message = message.replace(python, plain)
            return f"must {message}"


_TABLES: Mapping[str, type[Table]] = {
    "targets": TargetTable,
    "intents": IntentTable,
    "command": CommandTable,
    "confirm": ConfirmTable,
    "response": ResponseTable,
    "say": SayTable,
}


def _keys_beside(key: Key) -> tuple[str, ...]:
    table = _TABLES.get(str(key[0]), ManifestTable) if len(key) > 1 else ManifestTable
    return tuple(table.model_fields)
