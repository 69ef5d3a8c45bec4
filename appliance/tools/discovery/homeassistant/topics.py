"""Topics of announcements: ``<prefix>/<component>/[<node>/]<object>/config``. Pure."""

import re
from dataclasses import dataclass

_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")


@dataclass(frozen=True, slots=True)
class Announced:
    """What a topic says: a component, or ``device``, and its ids."""

    component: str
    node: str
    object: str

    @property
    def id(self) -> str:
        """Both ids in one."""
        return f"{self.node}/{self.object}" if self.node else self.object


def filters_of(prefix: str) -> tuple[str, str]:
    """Return the filters of announcements under a prefix."""
    return f"{prefix}/+/+/config", f"{prefix}/+/+/+/config"


def announced(prefix: str, topic: str) -> Announced | None:
    """Return what a topic says; ``None``: its ids are not such as may stand there."""
    if not topic.startswith(f"{prefix}/"):
        return None
    levels = topic[len(prefix) + 1 :].split("/")
    if len(levels) not in (3, 4) or levels[-1] != "config":
        return None
    if not all(_ID.fullmatch(level) for level in levels[:-1]):
        return None
    node = levels[1] if len(levels) == 4 else ""
    return Announced(levels[0], node, levels[-2])
