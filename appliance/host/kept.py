"""The few facts that outlive the program: whether it is muted or private, and how loud it is.

One small JSON file, written anew and renamed, so that a pulled plug leaves the old facts or
the new ones. A disk that refuses costs the memory, never the box.
"""

import json
import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypedDict

from platformdirs import user_state_path

from appliance.host.flushed import replace_document

log = logging.getLogger(__name__)

SYSTEM = Path("/var/lib/voice-appliance")
"""Where the service keeps its state (``StateDirectory=`` of the unit)."""

Volume = Literal["volume", "chime_volume", "alarm_volume"]
_VOLUMES: tuple[Volume, ...] = ("volume", "chime_volume", "alarm_volume")


class Facts(TypedDict):
    """What is kept."""

    muted: bool
    """Somebody asked from outside, and nobody has taken it back."""

    private: bool
    """Somebody asked that nothing leave the house, and nobody has taken it back."""

    backend: str
    """Who somebody chose to answer, and nobody has taken back; empty: nobody."""

    volume: int
    """0 to 100."""

    chime_volume: int
    """0 to 100."""

    alarm_volume: int
    """0 to 100."""

    wake_word: str
    """The wake word that somebody chose, and nobody has taken back."""

    wake_sensitivity: float
    """What was chosen with it, 0 to 1."""

    wake_over: str
    """The settings over which it was chosen; empty: it never was."""


FIRST: Facts = {
    "muted": False,
    "private": False,
    "backend": "",
    "volume": 100,
    "chime_volume": 100,
    "alarm_volume": 100,
    "wake_word": "",
    "wake_sensitivity": 0.5,
    "wake_over": "",
}


def state_folder() -> Path:
    """Return the folder that this appliance writes to: systemd's, or the user's."""
    given = os.environ.get("STATE_DIRECTORY")
    return Path(given) if given else user_state_path("voice-appliance")


def box_folder() -> Path:
    """Return the folder of the box of this machine, for a command beside it.

    That of the service where it is installed, whoever asks; else as ``state_folder``.
    """
    given = os.environ.get("STATE_DIRECTORY")
    return SYSTEM if not given and SYSTEM.is_dir() else state_folder()


class Kept:
    """The facts, and their file. ``read`` blocks for a moment; ``keep`` does not.

    Args:
        path: The file; its folder is made when it is needed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.facts: Facts = {**FIRST}

    def read(self) -> None:
        """Read the file; what cannot be read, or is no fact, counts as never kept."""
        try:
            found = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            log.warning("%s cannot be read: %s", self._path, error)
            return
        if not isinstance(found, dict):
            return
        self._remember_asked(found)
        for name in _VOLUMES:
            if isinstance(volume := found.get(name), int) and 0 <= volume <= 100:
                self.facts[name] = volume
        word, over = found.get("wake_word"), found.get("wake_over")
        sensitivity = found.get("wake_sensitivity")
        if not (isinstance(word, str) and isinstance(over, str)):
            return
        if isinstance(sensitivity, int | float) and 0.0 <= sensitivity <= 1.0:
            self._remember_wake(word, float(sensitivity), over)

    def _remember_asked(self, found: Mapping[str, object]) -> None:
        if isinstance(muted := found.get("muted"), bool):
            self.facts["muted"] = muted
        if isinstance(private := found.get("private"), bool):
            self.facts["private"] = private
        if isinstance(backend := found.get("backend"), str):
            self.facts["backend"] = backend

    def _remember_wake(self, word: str, sensitivity: float, over: str) -> None:
        self.facts["wake_word"], self.facts["wake_over"] = word, over
        self.facts["wake_sensitivity"] = sensitivity

    def keep(
        self,
        *,
        muted: bool | None = None,
        private: bool | None = None,
        volumes: Mapping[Volume, int] | None = None,
        wake: tuple[str, float, str] | None = None,
        backend: str | None = None,
    ) -> None:
        """Remember what is given; written on a thread of its own, the latest facts win.

        ``wake``: word, sensitivity, and the settings over which they were chosen.
        """
        before = {**self.facts}
        if muted is not None:
            self.facts["muted"] = muted
        if private is not None:
            self.facts["private"] = private
        if backend is not None:
            self.facts["backend"] = backend
        for name, volume in (volumes or {}).items():
            self.facts[name] = volume
        if wake is not None:
            self._remember_wake(*wake)
        if self.facts != before:
            threading.Thread(target=self._write, name="kept", daemon=True).start()

    def _write(self) -> None:
        with self._lock:
            try:
                replace_document(self._path, self.facts)
            except OSError as error:
                log.warning("%s cannot be written: %s", self._path, error)
