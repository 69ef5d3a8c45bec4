"""``voice-appliance pin``: the PIN that guards locks and alarms."""

import getpass

import typer

from appliance.cli.exits import Exit
from appliance.cli.terminal import console, errors
from appliance.host.kept import box_folder
from appliance.host.pin_file import PinFile
from appliance.tools.gate import pin

app = typer.Typer(help="The PIN that guards locks and alarms.", no_args_is_help=True)


@app.command("set")
def set_pin() -> None:
    """Set the PIN, or another one: 4 to 10 digits, asked for twice and never shown.

    Only its salted hash is kept, in the state folder of the box (docs/gate.md). A box that is
    running takes it at once.

    Example: sudo voice-appliance pin set
    """
    first = _asked("PIN (4 to 10 digits): ")
    if not pin.fits(first):
        errors.print(f"a PIN has {pin.SHORTEST} to {pin.LONGEST} digits, and nothing else")
        raise typer.Exit(Exit.WRONG)
    if _asked("once more: ") != first:
        errors.print("these were two different ones; nothing is changed")
        raise typer.Exit(Exit.WRONG)
    file = PinFile(box_folder())
    try:
        file.write(pin.hashed(first))
    except OSError as error:
        errors.print(f"{file.path} cannot be written: {error.strerror}", soft_wrap=True)
        raise typer.Exit(Exit.WRONG) from error
    console.print(f"the PIN is set ({file.path})", markup=False, soft_wrap=True)


@app.command()
def clear() -> None:
    """Forget the PIN; what needs one is refused from now on."""
    file = PinFile(box_folder())
    try:
        there = file.clear()
    except OSError as error:
        errors.print(f"{file.path} cannot be removed: {error.strerror}", soft_wrap=True)
        raise typer.Exit(Exit.WRONG) from error
    console.print("the PIN is forgotten" if there else "there was none")


@app.command()
def test() -> None:
    """Ask for the PIN and say whether it is right; exit code 1 if it is not."""
    file = PinFile(box_folder())
    try:
        kept = file.read()
    except (OSError, ValueError) as error:
        errors.print(f"{file.path} cannot be read", soft_wrap=True)
        raise typer.Exit(Exit.WRONG) from error
    if kept is None:
        errors.print(f"no PIN is set ({file.path})", markup=False, soft_wrap=True)
        raise typer.Exit(Exit.WRONG)
    if not pin.same(_asked("PIN: "), kept):
        errors.print("that is not the PIN")
        raise typer.Exit(Exit.WRONG)
    console.print("that is the PIN")


def _asked(prompt: str) -> str:
    try:
        return getpass.getpass(prompt, stream=None).strip()
    except EOFError as error:
        raise typer.Abort from error
