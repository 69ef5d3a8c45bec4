"""``voice-appliance models``: what is on disk, whether it is right, and how to get it."""

from typing import Annotated

import typer
from rich.table import Table

from appliance.cli.exits import Exit
from appliance.cli.terminal import console, errors, fetch
from appliance.store import ModelStore

app = typer.Typer(help="The models on disk.", no_args_is_help=True)

Names = Annotated[list[str] | None, typer.Argument(help="Models; all that are needed if none.")]


@app.command("list")
def list_models() -> None:
    """List the models: what each is for, its licence, and whether it is there."""
    table = Table("model", "purpose", "weights", "MB", "state")
    for status in ModelStore.default().status():
        model = status.model
        state = str(status.problems[0]) if status.problems else "there"
        table.add_row(
            model.name, model.purpose, model.licence_weights, f"{model.size() / 1e6:.1f}", state
        )
    console.print(table)


@app.command("fetch")
def fetch_models(names: Names = None) -> None:
    """Get models: those named, or all that are needed. What is there and right stays.

    Example: voice-appliance models fetch moonshine-tiny
    """
    store = ModelStore.default()
    fetch(store, names or list(store.manifest.defaults()))
    console.print(f"models: complete, in {store.root}", soft_wrap=True)


@app.command("verify")
def verify(names: Names = None) -> None:
    """Read every byte of the models and compare it with what it should be.

    Exit code 1 if anything is missing or changed; `models fetch` gets it again.
    """
    store = ModelStore.default()
    wrong = 0
    for name in names or list(store.manifest.defaults()):
        problems = store.verify(name)
        wrong += len(problems)
        for problem in problems:
            errors.print(f"[red]{name}[/]: {problem}", soft_wrap=True)
        if not problems:
            console.print(f"{name}: well")
    if wrong:
        raise typer.Exit(Exit.WRONG)
