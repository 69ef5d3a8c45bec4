"""``voice-appliance check`` and ``config``: the settings, judged and shown."""

from appliance.app.manifest_folders import Found, read_manifests
from appliance.app.manifests import name_clashes
from appliance.app.spending import read_tariff
from appliance.cli.terminal import ConfigFile, console
from appliance.config import load
from appliance.config.show import show


def check(*, config: ConfigFile = None) -> None:
    """Say everything that is wrong with the configuration and the tool manifests.

    Every problem at once, each with its file, line and key. Exit code 2 if there is any. What is
    not wrong but should be known (a model that ends, say) is a note.

    Example: voice-appliance check --config ./config.toml
    """
    loaded = load(config)
    found = read_manifests(loaded)
    clashes = name_clashes(loaded.config, found.manifests)
    Found(found.manifests, (*found.problems, *clashes)).complain()
    read_tariff(loaded.config)
    for note in loaded.notes:
        console.print(f"note: {note}", markup=False, soft_wrap=True)
    where = str(loaded.path) if loaded.path else "no file: the defaults"
    console.print(f"configuration: well ({where}); {len(found.manifests)} tool manifests: well")


def config(*, config: ConfigFile = None) -> None:
    """Show the configuration in effect, and where each value was set; secrets are masked.

    Example: voice-appliance config > config.toml
    """
    console.print(show(load(config)), markup=False, soft_wrap=True, end="")
