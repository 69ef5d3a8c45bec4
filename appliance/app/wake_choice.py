"""Which wake word the box listens for, and how easily it hears it: chosen while it runs."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from appliance.app.background import in_background
from appliance.config import Config
from appliance.config.model import READY_WORDS
from appliance.errors import ModelError
from appliance.host.kept import Kept
from appliance.ports import WakeDetector

log = logging.getLogger(__name__)

CONFIGURED = "as configured"
"""The choice of all words of the settings, where they are not just one."""

Loader = Callable[[Config], Sequence[WakeDetector]]
"""Loads the detectors of some settings; blocks. Raises ``ModelError``."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is listened for."""

    word: str
    sensitivity: float


def options(config: Config) -> tuple[str, ...]:
    """Return the words that can be chosen: those of the settings, and the ready-made ones."""
    own = [custom.name for custom in config.wake.custom]
    every = (configured(config), *config.wake.words, *own, *READY_WORDS)
    return tuple(dict.fromkeys(every))


def configured(config: Config) -> str:
    """Return the choice that means what the settings say."""
    words = (*config.wake.words, *(custom.name for custom in config.wake.custom))
    return words[0] if len(words) == 1 else CONFIGURED


def chosen(config: Config, choice: Choice) -> Config:
    """Return the settings with a choice made."""
    wake = config.wake
    changes: dict[str, object] = {"sensitivity": choice.sensitivity}
    if choice.word != configured(config):
        custom = tuple(each for each in wake.custom if each.name == choice.word)
        changes |= {"custom": custom, "words": () if custom else (choice.word,)}
    return config.model_copy(update={"wake": wake.model_copy(update=changes)})


class WakeChoice:
    """Chooses, and remembers what was chosen for as long as the settings stay as they are.

    Event loop only. Detectors are loaded on a thread and exchanged between two frames, so that no
    sound is lost and nothing else begins anew.

    Args:
        config: The settings.
        kept: Where a choice outlives us.
        load: Loads detectors.
        listen: Has the box listen with others.
    """

    def __init__(
        self,
        config: Config,
        kept: Kept,
        load: Loader,
        listen: Callable[[Sequence[WakeDetector]], None],
    ) -> None:
        self._config = config
        self._kept = kept
        self._load = load
        self._listen = listen
        self._over = f"{'|'.join(options(config))}|{configured(config)}|{config.wake.sensitivity}"
        self._now = self._wanted = Choice(configured(config), config.wake.sensitivity)
        self._asked = asyncio.Event()
        self.told: list[Callable[[Choice], None]] = []
        """Are told what is listened for, when that changes."""

        facts = kept.facts
        if facts["wake_over"] == self._over and facts["wake_word"] in options(config):
            self._want(Choice(facts["wake_word"], facts["wake_sensitivity"]))

    @property
    def now(self) -> Choice:
        """What is listened for."""
        return self._now

    def set_word(self, word: str) -> bool:
        """Listen for this word soon; return whether it can be chosen."""
        if word not in options(self._config):
            return False
        self._want(Choice(word, self._wanted.sensitivity))
        return True

    def set_sensitivity(self, sensitivity: float) -> None:
        """Hear it more easily soon, or less: 0 to 1."""
        self._want(Choice(self._wanted.word, sensitivity))

    async def run(self) -> None:
        """Load what is asked for, the latest if there are several, until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            wanted = self._wanted
            if wanted == self._now:
                continue
            try:
                detectors = await in_background(self._loaded, wanted)
            except ModelError as error:
                log.warning("wake word %s: %s; the old one goes on", wanted.word, error)
                if self._wanted == wanted:
                    self._wanted = self._now
            else:
                self._listen(detectors)
                self._now = wanted
                self._keep(wanted)
                log.info("listening for %s at %.2f", wanted.word, wanted.sensitivity)
            for tell in self.told:
                tell(self._now)

    def _loaded(self, choice: Choice) -> Sequence[WakeDetector]:
        return self._load(chosen(self._config, choice))

    def _want(self, choice: Choice) -> None:
        self._wanted = choice
        self._asked.set()

    def _keep(self, choice: Choice) -> None:
        self._kept.keep(wake=(choice.word, choice.sensitivity, self._over))
