"""The tool manifests of a configuration, read from their folders."""

from dataclasses import dataclass
from pathlib import Path

from appliance.config import Loaded
from appliance.demo.kitchen import MANIFESTS
from appliance.errors import ConfigError
from appliance.tools.manifest import Manifest
from appliance.tools.sources import load_folder


@dataclass(frozen=True, slots=True)
class Found:
    """The tool manifests of a configuration."""

    manifests: tuple[Manifest, ...]
    problems: tuple[str, ...]
    """One line each."""

    def complain(self) -> None:
        """Say every problem at once.

        Raises:
            ConfigError: There is any.
        """
        if self.problems:
            raise ConfigError(self.problems)


def manifest_folders(loaded: Loaded, *, simulated: bool = False) -> tuple[Path, ...]:
    """Return where manifests are looked for, in order; reads where the configuration lies.

    Where there is no broker, the simulated kitchen's come last.
    """
    folders = list(loaded.config.tools.folders)
    if loaded.path is not None:
        folders.insert(0, loaded.path.resolve().parent / "tools.d")
    if simulated or not loaded.config.mqtt.host:
        folders.append(MANIFESTS)
    return tuple(folders)


def read_manifests(loaded: Loaded, *, simulated: bool = False) -> Found:
    """Read the manifests of ``tools.d`` beside the configuration and of the folders it names."""
    missing = [folder for folder in loaded.config.tools.folders if not folder.is_dir()]
    manifests, problems = load_folder(manifest_folders(loaded, simulated=simulated))
    gone = [f"tools.folders: {folder} is not a folder" for folder in missing]
    return Found(manifests, (*gone, *problems))
