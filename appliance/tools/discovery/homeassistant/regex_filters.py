"""The filters of strangers' templates that look for patterns. Pure."""

import re
from typing import Any

from appliance.tools.discovery.homeassistant.bounds import LONGEST_OUTPUT, Run, text_of
from appliance.tools.discovery.homeassistant.regex import pattern
from appliance.tools.templates import TemplateFailed

_GROUP = re.compile(r"\\(?:g<(\d{1,2})>|(\d{1,2})|(\\))")

# ruff: noqa: ANN401 - templates' values


def regex_replace(
    run: Run,
    value: Any = "",
    find: Any = "",
    replace: Any = "",
    ignorecase: Any = False,  # noqa: FBT002 - the filter's own order
) -> str:
    r"""Replace all that is found; ``\1`` in the new text stands for a group."""
    text, new = text_of(value), text_of(replace)
    pieces: list[str] = []
    at = 0
    room = LONGEST_OUTPUT
    for found in pattern(text_of(find), ignorecase=bool(ignorecase)).all(text, run):
        start, end = found.spans[0] or (0, 0)
        filled = _GROUP.sub(
            lambda mark, found=found: (  # type: ignore[misc]
                mark[3] or found.group(int(mark[1] or mark[2]))
            ),
            new,
        )
        run.charge(1 + (len(filled) >> 6))
        room -= len(filled)
        if room < 0:
            raise TemplateFailed("`regex_replace` makes too much text")
        pieces += (text[at:start], filled)
        at = end
    pieces.append(text[at:])
    return "".join(pieces)


def regex_match(run: Run, value: Any, find: Any = "", ignorecase: Any = False) -> bool:  # noqa: FBT002
    """Whether a text begins with what is looked for."""
    return (
        pattern(text_of(find), ignorecase=bool(ignorecase)).match(text_of(value), run) is not None
    )


def regex_search(run: Run, value: Any, find: Any = "", ignorecase: Any = False) -> bool:  # noqa: FBT002
    """Whether a text holds what is looked for."""
    found = pattern(text_of(find), ignorecase=bool(ignorecase)).search(text_of(value), run)
    return found is not None


def regex_findall(run: Run, value: Any, find: Any = "", ignorecase: Any = False) -> list[Any]:  # noqa: FBT002
    """Return all that is found: the whole, its one group, or its groups."""
    made: list[Any] = []
    for found in pattern(text_of(find), ignorecase=bool(ignorecase)).all(text_of(value), run):
        groups = [found.group(index) for index in range(1, len(found.spans))]
        run.charge(1 + len(groups))
        made.append(found.group(0) if not groups else groups[0] if len(groups) == 1 else groups)
    return made
