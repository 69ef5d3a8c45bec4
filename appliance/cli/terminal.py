"""The terminal, and the options that several words share."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from appliance.app.answers import needed_models
from appliance.config import Config
from appliance.store import ModelName, ModelStore

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="Configuration; else $VOICE_APPLIANCE_CONFIG, else the system's."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log decisions, too.")]


def fetch(store: ModelStore, names: list[str]) -> None:
    """Get what is missing of these models, with a bar for each.

    Raises:
        ModelError: Something could not be had.
    """
    bars: dict[ModelName, TaskID] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    progress = Progress(*columns, console=errors)

    def show(name: ModelName, done: int, total: int) -> None:
        progress.start()
        if name not in bars:
            bars[name] = progress.add_task(f"model {name}", total=total)
        progress.update(bars[name], completed=done)

    try:
        store.fetch(names, show)
    finally:
        if bars:  # else it would leave an empty line
            progress.stop()


def models_for(config: Config) -> ModelStore:
    """Return the store, with all that these settings need; what is missing is fetched.

    Raises:
        ModelError: Something is missing and cannot be had.
    """
    store = ModelStore.default()
    fetch(store, list(needed_models(config)))
    return store
