"""The language model of the box, where the settings want one and the machine can carry it."""

import logging
import os
from pathlib import Path

from appliance.backend.local.llm.model import LanguageModel, Tuning, is_installed
from appliance.config.language_model import LanguageModel as Settings
from appliance.errors import ModelError
from appliance.store import ModelStore
from appliance.units import Seconds

log = logging.getLogger(__name__)

NEEDS = 3_500_000_000
"""Bytes of memory that the system must see: a board of 4 GB shows 3.7 to 3.9."""

FILE = "model.gguf"


def load_language_model(settings: Settings, store: ModelStore) -> LanguageModel | None:
    """Begin to load the model and return it; ``None``, with a line in the log, if it stays off.

    It loads on a thread of its own: until it has, requests go without it.
    """
    if not settings.wanted:
        return None
    off = why_off(settings, store)
    if off:
        log.warning("the language model stays off: %s", off)
        return None
    return LanguageModel(file_of(settings, store), tuning(settings))


def why_off(settings: Settings, store: ModelStore, *, memory: int | None = None) -> str:
    """Say why a model that is wanted cannot be used here, and what helps; empty: it can.

    Args:
        settings: Which.
        store: Has it, or not.
        memory: Bytes of this machine, if they are known.
    """
    have = memory_here() if memory is None else memory
    if not is_installed():
        return 'the extra "llm" is not installed: pip install "voice-appliance[llm]"'
    if have < NEEDS:
        return f"it needs 4 GB of memory; this machine has {have / 1e9:.1f} GB"
    try:
        file_of(settings, store)
    except ModelError as error:
        return str(error)
    return ""


def file_of(settings: Settings, store: ModelStore) -> Path:
    """Return the model's file.

    Raises:
        ModelError: It is missing or changed; the message says how to get it.
    """
    return settings.file or store.folder(settings.model) / FILE


def tuning(settings: Settings) -> Tuning:
    """Return how the model is run here.

    By itself it takes half of the cores: its threads wait for each other at every layer, so one
    that has to share its core with hearing holds up all of them.
    """
    return Tuning(
        threads=settings.threads or max(1, (os.cpu_count() or 1) // 2),
        context=settings.context,
        patience=Seconds(settings.patience_s),
    )


def memory_here() -> int:
    """Return the memory of this machine, in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
