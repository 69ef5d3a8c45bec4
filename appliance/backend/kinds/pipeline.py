"""The pipeline of three parts as a kind of backend (``backend.kinds.Kind``)."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Final

from appliance.backend.context import NOTHING, Handover
from appliance.backend.kinds.seam import Facts, Means
from appliance.backend.local.hearing import LocalStt
from appliance.backend.local.mind import LocalMind
from appliance.backend.local.parts import Parts
from appliance.backend.local.phrases import Phrases
from appliance.backend.local.speaking import LocalTts
from appliance.backend.local.worker import Worker
from appliance.backend.money import estimate, prices
from appliance.backend.pipeline import choosing
from appliance.backend.pipeline.parts import Mind, Probes, SpeechToText, TextToSpeech
from appliance.backend.pipeline.session import PipelineBackend
from appliance.backend.pipeline.terms import NO_WORDS, Terms, Words
from appliance.backend.pipeline.unfit import unfit
from appliance.config import Config, vendors
from appliance.config.lacking import lacking
from appliance.errors import BackendError, BackendUnavailable, ConfigError
from appliance.units import Seconds

_TOLD: Final = {"stt": "sound", "llm": "text", "tts": "text"}
"""What each stage is given."""


class PipelineKind:
    """Speech to text, a mind, text to speech: each of the box, of the house, or a service."""

    def facts(self, config: Config) -> Facts:
        """Describe it with these settings."""
        stages = tuple(stage for stage, _ in config.pipeline.stages)
        away = [stage for stage in stages if not choosing.stays_in_the_house(config, stage)]
        leaves = (f"{_TOLD[stage]} to {choosing.host(config, stage)}" for stage in away)
        llm = config.pipeline.llm
        return Facts(
            title=" + ".join(choosing.title(config, stage) for stage in stages),
            cloud=bool(away) or _priced(config),
            leaves=tuple(dict.fromkeys(leaves)),
            missing=(*lacking(config, "pipeline"), *choosing.lacking_packages(config)),
            usd_minute=_minute(config),
            sees=llm.vendor != "local" and llm.sees is not False,
        )

    def open(self, means: Means, handover: Handover) -> PipelineBackend:
        """Make a session."""
        return pipeline_session(means, handover)

    async def probe(self, means: Means) -> str:
        """Try every stage that can be tried, one after the other.

        Raises:
            BackendError: One of them will not have us, or cannot be reached.
        """
        config, own = means.config, own_parts(means, NOTHING)
        making: dict[str, Callable[[], SpeechToText | Mind | TextToSpeech]] = {
            "stt": lambda: choosing.speech_to_text(config, own),
            "llm": lambda: choosing.mind(config, own, means.persona),
            "tts": lambda: choosing.text_to_speech(config, own, means.persona),
        }
        told = []
        async with AsyncExitStack() as stack:
            for stage, part in config.pipeline.stages:
                if part.vendor == "local":
                    continue
                made = making[stage]()
                stack.push_async_callback(made.close)
                if isinstance(made, Probes):
                    told.append(f"{stage}: {await made.probe()}")
        return "; ".join(told) or "all of it is on the box"


def _minute(config: Config) -> float | None:
    """Return what a minute costs, about; ``None``: not known."""
    free = config.money.prices_file is None
    paid = {}
    for stage, part in config.pipeline.stages:
        ours = free and bool(part.url) and vendors.is_own_network(vendors.host(part.url))
        if part.vendor != "local" and not ours:
            paid[stage] = choosing.model(config, stage)
    if not paid:
        return 0.0
    if "" in paid.values():
        return None
    try:
        table = prices.read(config.money.prices_file)
    except ConfigError:  # ``check`` tells of it
        return None
    return estimate.pipeline(table, estimate.Stages(**paid))


def pipeline_session(means: Means, handover: Handover = NOTHING) -> PipelineBackend:
    """Return a session of the pipeline; call it on the event loop.

    Args:
        means: What it is made from.
        handover: What the conversation has come to.
    """
    config = means.config
    try:
        trio = choosing.choose(config, own_parts(means, handover), means.persona)
    except BackendError as error:
        trio = unfit(error)
    stages = config.pipeline.stages
    longest = config.speech.longest_s + config.wake.pre_roll_s + 1.0
    terms = Terms(
        longest_turn=Seconds(longest),
        patience=Seconds(config.tools.patience_s),
        connect=Seconds(config.backend.connect_s),
        stall=Seconds(config.backend.stall_s),
        unhurried=frozenset(stage for stage, part in stages if part.vendor == "local"),
    )
    words: Words = NO_WORDS if means.parts is None else means.parts.phrases
    if isinstance(words, Phrases) and not all(
        choosing.stays_in_the_house(config, stage) for stage, _ in stages
    ):
        words = replace(words, alone="")  # others help it
    return PipelineBackend(trio, words, means.catalogue, terms, handover)


def own_parts(means: Means, handover: Handover) -> choosing.Own:
    """Return how the parts of the box are made, with one worker for all of them."""
    own = _Own(means, handover)
    return choosing.Own(own.stt, own.mind, own.tts)


@dataclass(slots=True)
class _Own:
    """Makes the parts of the box."""

    means: Means
    handover: Handover
    _worker: Worker | None = None

    def stt(self) -> LocalStt:
        return LocalStt(*self._models())

    def mind(self) -> LocalMind:
        return LocalMind(*self._models(), self.means.catalogue, self.handover)

    def tts(self) -> LocalTts:
        return LocalTts(*self._models())

    def _models(self) -> tuple[Parts, Worker]:
        parts = self.means.parts
        if parts is None:
            raise BackendUnavailable("the models of the box are not loaded")
        self._worker = self._worker or Worker(parts.in_use)
        return parts, self._worker


def _priced(config: Config) -> bool:
    """Whether servers in the house cost money, too: they were given prices."""
    served = any(part.vendor != "local" for _, part in config.pipeline.stages)
    return served and config.money.prices_file is not None


KIND = PipelineKind()
