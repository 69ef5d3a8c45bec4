"""Whether the files of a model are there and are what they must be."""

from dataclasses import dataclass, replace
from pathlib import Path

from appliance.store import record
from appliance.store.disk import difference, digest_of
from appliance.store.manifest import Content, Model, ModelFile, ModelName
from appliance.store.record import Checked, Made, Record


@dataclass(frozen=True, slots=True)
class Problem:
    """One file that is not what it must be."""

    model: ModelName
    file: str
    what: str
    """As in "silero_vad.onnx `is missing`"."""

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.model}/{self.file} {self.what}"


def problems(model: Model, folder: Path, *, thorough: bool) -> list[Problem]:
    """Compare a model's folder with what it must be; remember what was found right.

    Args:
        model: What it must be.
        folder: Where it lies.
        thorough: Read every file. Otherwise only those that do not look, by size and time of
            change, as they did when they were last read: at most a few milliseconds.
    """
    memory = record.load(folder)
    found = []
    checked = dict(memory.checked)
    for file in model.files:
        path = folder / file.name
        want = expected(file, memory)
        known = None if thorough else checked.get(file.name)
        what = _problem(path, want, known)
        if what is None:
            checked[file.name] = _look(path, want)
        else:
            checked.pop(file.name, None)
            found.append(Problem(model.name, file.name, what))
    if checked != memory.checked:
        record.save(folder, replace(memory, checked=checked))
    return found


def remember(folder: Path, file: ModelFile, made: Made | None) -> None:
    """Note that a file has just been put there and is right."""
    memory = record.load(folder)
    kept = {name: value for name, value in memory.made.items() if name != file.name}
    memory = Record(memory.checked, kept if made is None else {**kept, file.name: made})
    checked = {**memory.checked, file.name: _look(folder / file.name, expected(file, memory))}
    record.save(folder, replace(memory, checked=checked))


def expected(file: ModelFile, memory: Record) -> Content:
    """Say what a file must be here.

    A made file is what the list says, or what this machine itself made of the same ingredient by
    the same recipe.
    """
    made = memory.made.get(file.name)
    if (
        file.recipe is None
        or made is None
        or (made.ingredient, made.recipe) != (file.recipe.ingredient.sha256, file.recipe.name)
    ):
        return file.content
    return made.content


def _problem(path: Path, want: Content, known: Checked | None) -> str | None:
    try:
        size = path.stat().st_size
        if size != want.size:
            return difference(Content(size, ""), want)
        if known == _look(path, want):
            return None
        return difference(digest_of(path), want)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _look(path: Path, content: Content) -> Checked:
    seen = path.stat()
    return Checked(content.sha256, seen.st_size, seen.st_mtime_ns)
