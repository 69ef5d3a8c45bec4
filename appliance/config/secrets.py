"""Finds secrets: systemd's credentials, the environment, or a file that nobody else can read.

The first place that has one wins. A secret is text without the line break at its end; an empty one
counts as none (the unit gives an empty credential where the operator gave nothing).
"""

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

_ASSIGNED = re.compile(r"[A-Za-z_]+_(KEY|TOKEN)=")
_PLACEHOLDER = re.compile(
    r"\.\.\.|…|^<.*>$|^(sk-)?x{3,}$|^(sk-)?\*+$|your[-_]?.*key", re.IGNORECASE
)

LONGEST = 4096
"""Bytes; a password is shorter, and a wrong path (a device, a log) should not be swallowed."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A secret is there but must not be used."""

    reason: str
    """Why and what to do; never what the secret is."""


@dataclass(frozen=True, slots=True)
class Found:
    """A secret and where it came from."""

    value: SecretStr
    source: str


def find(
    name: str, *, env: Mapping[str, str], file: Path | None = None, also: str = ""
) -> Found | Refused | None:
    """Return a secret, or ``None`` if it is nowhere.

    Args:
        name: Such as ``mqtt-password``: the credential of that name, the environment variable
            ``VOICE_APPLIANCE_MQTT_PASSWORD``.
        env: The environment.
        file: A file that holds nothing else; refused if others can read it.
        also: Another environment variable, looked at after that one.
    """
    if folder := env.get("CREDENTIALS_DIRECTORY"):
        credential = Path(folder) / name
        if credential.exists() and (found := _read(credential, f"credential {name}")):
            return found
    own = "VOICE_APPLIANCE_" + name.upper().replace("-", "_")
    for variable in (own, also):
        if value := env.get(variable, "").rstrip("\r\n"):
            return Found(SecretStr(value), f"environment {variable}")
    if file is None:
        return None
    if open_to := _open_to_others(file, 0o077):
        return Refused(f"{file} {open_to}; run: chmod 600 {file}")
    return _read(file, str(file)) or Refused(f"{file} is empty")


def misfit(key: str) -> str:
    """Say what is wrong with a key or token of a web service; nothing: it looks like one.

    Never says what the key is.
    """
    if key[:1] in "'\"" or key[-1:] in "'\"":
        return "stands in quotes; give it without them"
    if key.lower().startswith("bearer "):
        return 'begins with "Bearer"; give what comes after it'
    if any(character.isspace() for character in key):
        return "has a space in it; give the key alone"
    if "…" not in key and not (key.isascii() and key.isprintable()):
        return "has characters in it that no key has; copy it again"
    if _ASSIGNED.match(key):
        return 'begins with the name of a variable; give what comes after the "="'
    if _PLACEHOLDER.search(key):
        return "is a placeholder; give the key itself"
    return ""


def may_hold_secrets(file: Path) -> str:
    """Return nothing if people outside the file's group cannot read it, else what to do."""
    if open_to := _open_to_others(file, 0o007):
        return f"{file} {open_to}; run: chmod o= {file}, or use the credential instead"
    return ""


def _open_to_others(file: Path, mask: int) -> str:
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError:
        return ""  # reading it will say so
    return f"can be read by others (mode {mode:04o})" if mode & mask else ""


def _read(file: Path, source: str) -> Found | Refused | None:
    try:
        with file.open("rb") as opened:
            raw = opened.read(LONGEST + 1)
        text = raw.decode().rstrip("\r\n")
    except OSError as error:
        return Refused(f"{file}: {(error.strerror or type(error).__name__).lower()}")
    except UnicodeDecodeError:
        return Refused(f"{file} is not text")
    if len(raw) > LONGEST or "\n" in text:
        return Refused(f"{file} holds more than one line; put the secret alone into it")
    return Found(SecretStr(text), source) if text else None
