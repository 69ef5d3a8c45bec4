"""Who the box is now: the prompt library of its folder, and the wake word that called it last."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from appliance.app.folder_watch import changes
from appliance.backend.prompting.library import LARGEST, Library, Written, gather
from appliance.backend.prompting.persona import Persona
from appliance.config import Config, Loaded
from appliance.events import ButtonPressed, Happening, ListenAsked, TextAsked, WakeWordHeard
from appliance.units import Seconds

log = logging.getLogger(__name__)

LOOK_EVERY = Seconds(2.0)
"""Between two looks at the files."""


def prompts_folder(loaded: Loaded) -> Path | None:
    """Return where the library is; ``None``: nowhere, for there is no configuration file."""
    if loaded.config.prompts.folder is not None:
        return loaded.config.prompts.folder
    return None if loaded.path is None else loaded.path.resolve().parent / "prompts.d"


def read_library(loaded: Loaded) -> Library:
    """Read the library; blocks for a moment."""
    config = loaded.config
    folder = prompts_folder(loaded)
    files = [] if folder is None else [_read(path) for path in sorted(folder.glob("*.toml"))]
    settings = config.prompts
    library = gather(
        [file for file in files if isinstance(file, Written)],
        {**_own(config), **settings.variables},
        use=settings.use,
        words={*config.wake.words, *(each.name for each in config.wake.custom)},
    )
    problems = [file for file in files if isinstance(file, str)]
    if settings.folder is not None and not settings.folder.is_dir():
        problems.insert(0, f"prompts.folder: {settings.folder} is not a folder")
    return Library(library.prompts, library.use, (*problems, *library.problems))


class Personas:
    """Keeps the library, and who the box is (``ports.Observer``). Event loop only.

    Args:
        loaded: The settings, and where they lie.
        library: As it was read at the start.
    """

    def __init__(self, loaded: Loaded, library: Library) -> None:
        self._loaded = loaded
        self._library = library
        self._word = ""
        self.on_change: list[Callable[[], None]] = []
        """Are called when the next turn should begin with another persona, or another text."""

    @property
    def name(self) -> str:
        """Who the box is; empty: nobody in particular."""
        prompt = self._library.called(self._word)
        return "" if prompt is None else prompt.name

    def of(self, backend: str) -> Persona:
        """Return who the box is where this backend answers."""
        return self._library.persona(self._word, backend)

    def note(self, happening: Happening, at: Seconds) -> None:  # noqa: ARG002 - as every observer
        """Take note of how the box was called."""
        match happening:
            case WakeWordHeard(word=word):
                self._call(word)
            case ButtonPressed() | ListenAsked() | TextAsked():
                self._call("")
            case _:
                pass

    async def watch(self) -> None:
        """Read the files anew each time they have changed, until cancelled."""
        async for _ in changes(self._folders, lambda: LOOK_EVERY):
            self.take(await asyncio.to_thread(read_library, self._loaded))

    def take(self, library: Library) -> None:
        """Have another library from now on."""
        for problem in library.problems:
            log.warning("%s", problem)
        before, self._library = self._library.called(self._word), library
        log.info("the prompts have changed: read anew")
        if library.called(self._word) != before:
            self._tell()

    def _call(self, word: str) -> None:
        before = self._library.called(self._word)
        self._word = word
        if self._library.called(word) != before:
            self._tell()

    def _tell(self) -> None:
        for told in self.on_change:
            told()

    def _folders(self) -> tuple[Path, ...]:
        folder = prompts_folder(self._loaded)
        return () if folder is None else (folder,)


async def open_personas(loaded: Loaded) -> Personas:
    """Read the library and return who the box is; what is wrong with it goes into the log."""
    library = await asyncio.to_thread(read_library, loaded)
    for problem in library.problems:
        log.warning("%s", problem)
    return Personas(loaded, library)


def _own(config: Config) -> dict[str, str]:
    """Return the variables that the box knows by itself."""
    device = config.device
    area = device.area or ""
    return {"name": device.name, "area": area, "language": device.language}


def _read(path: Path) -> Written | str:
    try:
        with path.open("rb") as opened:
            data = opened.read(LARGEST + 1)
    except OSError as error:
        return f"{path}: {(error.strerror or type(error).__name__).lower()}"
    return Written(path.stem, str(path), data)
