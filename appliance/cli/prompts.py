"""``voice-appliance prompts``: the library of who the assistant is (docs/prompts.md)."""

import json
from typing import Annotated

import typer
from rich.table import Table

from appliance.app.personas import prompts_folder, read_library
from appliance.backend.prompting.library import Library
from appliance.cli.exits import Exit
from appliance.cli.terminal import ConfigFile, console, errors
from appliance.config import load

app = typer.Typer(help="Who the assistant is: named instruction sets.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command("list")
def list_prompts(*, config: ConfigFile = None, as_json: Json = False) -> None:
    """List the instruction sets: who each is, which wake word calls it, which one counts."""
    loaded = load(config)
    library = read_library(loaded)
    if as_json:
        told = [
            {
                "name": each.name,
                "description": each.description,
                "wake_words": list(each.wake_words),
                "language": each.language,
                "voices": dict(each.voices),
                "used": each.name == library.use,
            }
            for each in library.prompts.values()
        ]
        typer.echo(json.dumps(told, ensure_ascii=False))
    elif not library.prompts and not library.problems:
        folder = prompts_folder(loaded)
        where = "prompts.d beside a configuration file" if folder is None else str(folder)
        console.print(f"none yet; each is a file in {where} (docs/prompts.md)", soft_wrap=True)
    else:
        table = Table("name", "what it is for", "called by", "language", "voices")
        for each in library.prompts.values():
            used = " (used)" if each.name == library.use else ""
            voices = ", ".join(f"{name}: {voice}" for name, voice in each.voices.items())
            words = ", ".join(each.wake_words)
            table.add_row(each.name + used, each.description, words, each.language, voices)
        console.print(table)
    _complain(library)


@app.command()
def show(name: str, *, config: ConfigFile = None) -> None:
    """Show what a model is told, with the variables filled in."""
    library = read_library(load(config))
    prompt = library.prompts.get(name)
    if prompt is None:
        errors.print(f"there is no {name!r}; there are: {', '.join(library.prompts) or 'none'}")
        _complain(library)
        raise typer.Exit(Exit.WRONG)
    typer.echo(prompt.instructions)


@app.command()
def check(*, config: ConfigFile = None) -> None:
    """Find every mistake in the files, each with its line."""
    library = read_library(load(config))
    _complain(library)
    console.print(f"{len(library.prompts)} can be used")


def _complain(library: Library) -> None:
    for problem in library.problems:
        errors.print(problem, style="red", markup=False, soft_wrap=True)
    if library.problems:
        raise typer.Exit(Exit.WRONG)
