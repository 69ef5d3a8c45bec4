"""The list of models, ``models/models.toml``: which files a model has, and where each comes from.

Pure: text in, values out, all problems at once. A *package* is something that a source kind can
get (``store.sources``); a *file* is taken from the first of its packages that can be had, and is
what its SHA-256 says, whoever delivered it. A file may be *made*: then the package holds its
ingredient, and a recipe (``store.recipes``) turns that into the file on the machine itself.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, NewType

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appliance.errors import ModelError

ModelName = NewType("ModelName", str)
"""Names a model, and its folder."""

Progress = Callable[[ModelName, int, int], None]
"""Is told the model, the bytes done and the bytes in all; called often, by who fetches."""

_NAME = r"^[a-z0-9][a-z0-9.-]*$"
_DIGEST = r"^[0-9a-f]{64}$"


@dataclass(frozen=True, slots=True)
class Package:
    """One versioned package of one source kind."""

    key: str
    """How ``models.toml`` calls it."""

    kind: str
    """Which source kind gets it: ``pip``, ``npm``."""

    name: str
    version: str
    platforms: tuple[str, ...] = ()
    """Which build to ask for, whatever this machine is: weights are the same in all of them."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A file inside a package."""

    package: Package
    path: str
    then: "tuple[Origin, ...]" = ()
    """Where the file goes on: one too large for a package is in several, piece after piece."""

    @property
    def packages(self) -> tuple[Package, ...]:
        """Every package that is needed for it."""
        return (self.package, *(origin.package for origin in self.then))


@dataclass(frozen=True, slots=True)
class Content:
    """What a file must be."""

    size: int
    """Bytes."""

    sha256: str
    """64 hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a file is made from what its sources hold."""

    name: str
    """Key of ``store.recipes.RECIPES``."""

    ingredient: Content
    with_versions: str
    """The tools whose product the file's ``content`` is; others may make other, equal bytes."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model."""

    name: str
    content: Content
    sources: tuple[Origin, ...]
    """In the order in which they are tried."""

    recipe: Recipe | None = None
    """Set when the file is made on the machine."""

    def to_fetch(self) -> Content:
        """Say what its sources hold: the file itself, or its ingredient."""
        return self.content if self.recipe is None else self.recipe.ingredient


@dataclass(frozen=True, slots=True)
class Model:
    """One model: a folder of files."""

    name: ModelName
    purpose: str
    licence_code: str
    licence_weights: str
    provenance: str
    """Where the weights come from, and what is doubtful about that."""

    default: bool
    """Needed by the appliance as it comes."""

    tests: bool
    """Needed by the tests though not by default."""

    files: tuple[ModelFile, ...]

    def size(self) -> int:
        """Add up its files, in bytes."""
        return sum(file.content.size for file in self.files)


@dataclass(frozen=True, slots=True)
class Manifest:
    """Every model that the appliance knows."""

    models: Mapping[ModelName, Model]

    def get(self, name: str) -> Model:
        """Look a model up.

        Raises:
            ModelError: There is none of that name; the message lists the names.
        """
        model = self.models.get(ModelName(name))
        if model is None:
            known = ", ".join(sorted(self.models))
            raise ModelError(f"there is no model {name!r}; models: {known}")
        return model

    def defaults(self) -> tuple[ModelName, ...]:
        """Name the models that the appliance needs as it comes."""
        return tuple(name for name, model in self.models.items() if model.default)

    def for_tests(self) -> tuple[ModelName, ...]:
        """Name the models that the tests need: the default ones and a few more."""
        return tuple(name for name, model in self.models.items() if model.default or model.tests)


# The shape of the file. Pydantic checks each value; ``parse`` checks what refers to what.


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _PackageTable(_Table):
    kind: str
    name: str
    version: str
    platforms: list[str] = []
    parts: int = Field(default=1, ge=1, le=99)


class _SourceTable(_Table):
    package: str
    path: str


class _RecipeTable(_Table):
    name: str
    sha256: str = Field(pattern=_DIGEST)
    size: int = Field(gt=0)
    with_versions: str


class _FileTable(_Table):
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    sha256: str = Field(pattern=_DIGEST)
    size: int = Field(gt=0)
    sources: list[_SourceTable] = Field(min_length=1)
    made: _RecipeTable | None = None


class _LicenceTable(_Table):
    code: str = Field(min_length=1)
    weights: str = Field(min_length=1)


class _ModelTable(_Table):
    purpose: str = Field(min_length=1)
    licence: _LicenceTable
    provenance: str = Field(min_length=1)
    default: bool = False
    tests: bool = False
    files: list[_FileTable] = Field(min_length=1)


class _ManifestTable(_Table):
    packages: dict[str, _PackageTable]
    models: dict[Annotated[str, Field(pattern=_NAME)], _ModelTable]


def parse(text: str, *, where: str, kinds: Sequence[str], recipes: Sequence[str]) -> Manifest:
    """Read the list of models.

    Args:
        text: TOML.
        where: The name of the file, for messages.
        kinds: The source kinds that exist.
        recipes: The recipes that exist.

    Raises:
        ModelError: Something is wrong with it; one line per problem, each with its place.
    """
    try:
        table = _ManifestTable.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{where}: {error}") from error
    except ValidationError as error:
        lines = (f"{where}: {_place(item['loc'])}: {item['msg']}" for item in error.errors())
        raise ModelError("\n".join(lines)) from error
    problems = _contradictions(table, kinds=kinds, recipes=recipes)
    if problems:
        raise ModelError("\n".join(f"{where}: {problem}" for problem in problems))
    packages = {key: _packages(key, package) for key, package in table.packages.items()}
    return Manifest(
        {ModelName(name): _model(name, model, packages) for name, model in table.models.items()}
    )


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)


def _contradictions(
    table: _ManifestTable, *, kinds: Sequence[str], recipes: Sequence[str]
) -> list[str]:
    problems = [
        f"packages.{key}.kind: {package.kind!r} is none of {', '.join(kinds)}"
        for key, package in table.packages.items()
        if package.kind not in kinds
    ]
    problems += [
        f"packages.{key}.name: has no {{n}} for the number of the part"
        for key, package in table.packages.items()
        if package.parts > 1 and package.name == _nth(package.name, 1)
    ]
    for name, model in table.models.items():
        place = f"models.{name}"
        names = [file.name for file in model.files]
        problems += [
            f"{place}.files: {repeated!r} appears twice"
            for repeated in sorted({n for n in names if names.count(n) > 1})
        ]
        for file in model.files:
            problems += [
                f"{place}.{file.name}.sources: there is no package {source.package!r}"
                for source in file.sources
                if source.package not in table.packages
            ]
            if file.made is not None and file.made.name not in recipes:
                known = ", ".join(recipes)
                problems.append(f"{place}.{file.name}.made: {file.made.name!r} is none of {known}")
    return problems


def _packages(key: str, table: _PackageTable) -> tuple[Package, ...]:
    """Return one package, or each of its parts."""
    platforms = tuple(table.platforms)
    if table.parts == 1:
        return (Package(key, table.kind, table.name, table.version, platforms),)
    return tuple(
        Package(f"{key}-{n}", table.kind, _nth(table.name, n), table.version, platforms)
        for n in range(1, table.parts + 1)
    )


def _nth(text: str, number: int) -> str:
    """Put the number of a part into a name or a path: ``{n}``, or ``{nn}`` with two digits."""
    return text.replace("{nn}", f"{number:02}").replace("{n}", str(number))


def _origin(table: _SourceTable, parts: tuple[Package, ...]) -> Origin:
    if len(parts) == 1:
        return Origin(parts[0], table.path)
    first, *rest = (Origin(part, _nth(table.path, n)) for n, part in enumerate(parts, 1))
    return Origin(first.package, first.path, tuple(rest))


def _model(name: str, table: _ModelTable, packages: Mapping[str, tuple[Package, ...]]) -> Model:
    return Model(
        name=ModelName(name),
        purpose=table.purpose,
        licence_code=table.licence.code,
        licence_weights=table.licence.weights,
        provenance=table.provenance,
        default=table.default,
        tests=table.tests,
        files=tuple(_file(file, packages) for file in table.files),
    )


def _file(table: _FileTable, packages: Mapping[str, tuple[Package, ...]]) -> ModelFile:
    made = table.made
    return ModelFile(
        name=table.name,
        content=Content(table.size, table.sha256),
        sources=tuple(_origin(source, packages[source.package]) for source in table.sources),
        recipe=None if made is None else _recipe(made),
    )


def _recipe(table: _RecipeTable) -> Recipe:
    ingredient = Content(table.size, table.sha256)
    return Recipe(table.name, ingredient, with_versions=table.with_versions)
