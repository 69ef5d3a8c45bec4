"""Where the list of models and the models themselves are on this machine."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from appliance.errors import ModelError
from appliance.store.manifest import Manifest, parse
from appliance.store.recipes import RECIPES
from appliance.store.sources import kinds

_CHECKOUT = Path(__file__).parents[2] / "models"
_INSTALLED_LIST = Path(sys.prefix) / "share" / "voice-appliance" / "models" / "models.toml"
_INSTALLED_MODELS = Path("/usr/share/voice-appliance/models")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a store keeps things."""

    root: Path
    """The models."""

    scratch: Path
    """Downloads, until their files are safe."""

    first: Path | None
    """A folder with models that is asked before the network."""


def default_manifest() -> Manifest:
    """Read the list that came with this program.

    Raises:
        ModelError: It is not there, or wrong.
    """
    path = _CHECKOUT / "models.toml"
    if not path.is_file():
        path = _INSTALLED_LIST
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}; install the appliance again") from error
    return parse(text, where=path.name, kinds=tuple(kinds()), recipes=tuple(RECIPES))


def default_place(environment: Mapping[str, str]) -> Place:
    """Find the models of this machine.

    They are where ``VOICE_APPLIANCE_MODELS`` says, else in a checkout's ``models/files``, else in
    ``/usr/share/voice-appliance/models``. ``VOICE_APPLIANCE_MODELS_FROM`` names a folder with
    models (another machine's, or a USB stick's) that is asked before the network.
    """
    chosen = environment.get("VOICE_APPLIANCE_MODELS")
    given = environment.get("VOICE_APPLIANCE_MODELS_FROM")
    first = Path(given) if given else None
    if chosen:
        return Place(Path(chosen), Path(chosen) / ".downloads", first)
    if (_CHECKOUT / "models.toml").is_file():
        return Place(_CHECKOUT / "files", _CHECKOUT / "downloads", first)
    return Place(_INSTALLED_MODELS, _INSTALLED_MODELS / ".downloads", first)
