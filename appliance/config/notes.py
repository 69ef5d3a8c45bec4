"""Says what is not wrong with the settings but should be known: what ends, what does nothing."""

from collections.abc import Iterator

from appliance.config import vendors
from appliance.config.model import Config
from appliance.config.problems import Problem

_BLIND = {"local", "elevenlabs"}
"""Backends that cannot be shown pictures."""


def notes(config: Config) -> list[Problem]:
    """Return what to tell whoever keeps the box; none of it keeps it from starting."""
    return [
        *_order(config),
        *_unused(config),
        *_pipeline(config),
        *_ending(config),
        *(_realtime(config) if "realtime" in config.backends else ()),
        *_cap(config),
    ]


def _order(config: Config) -> Iterator[Problem]:
    if "local" not in config.backend.order:
        yield Problem(
            ("backend", "order"),
            'without "local" nothing answers while the network or the service is away',
        )
    if config.camera.device and set(config.backends) <= _BLIND:
        yield Problem(("camera", "device"), "is not used: no backend of the order can see")


def _unused(config: Config) -> Iterator[Problem]:
    """Say which settings are those of a backend that nobody asks."""
    order = config.backend.order
    for name in ("live", "pipeline", "elevenlabs", "gemini"):
        if name in config.model_fields_set and name not in order:
            yield Problem((name,), f'is not used: backend.order does not name "{name}"')
    for name in config.extension:
        if name not in order:
            yield Problem(
                ("extension", name), f'is not used: backend.order does not name "{name}"'
            )


def _pipeline(config: Config) -> Iterator[Problem]:
    """Say where a pipeline with a part in the house sends what people say out of it."""
    if "pipeline" not in config.backends:
        return
    stages = config.pipeline.stages
    inside = [
        stage
        for stage, part in stages
        if part.vendor == "local" or vendors.is_in_the_house(part.url)
    ]
    if len(inside) == len(stages):
        return
    for stage, part in stages:
        if inside and stage not in inside:
            what = "what people say" if stage == "stt" else "the text of it"
            where = vendors.host(part.url) if part.url else part.vendor
            yield Problem(
                ("pipeline", stage, "vendor"),
                f"{what} leaves the house, to {where}: privacy mode bars the whole pipeline",
            )


def _ending(config: Config) -> Iterator[Problem]:
    """Say which models of the pipeline OpenAI will switch off."""
    if "pipeline" not in config.backends:
        return
    stt, tts = config.pipeline.stt, config.pipeline.tts
    after = "gpt-transcribe takes its place"
    none = "all of OpenAI's voices over HTTP do: choose another vendor by then"
    for part, model, then in (
        (stt, stt.model, after),
        (tts, tts.model or vendors.SPEAKING, none),
    ):
        ours = part.vendor == "openai" and (not part.url or vendors.is_openai(part.url, "openai"))
        if ours and (day := vendors.ENDING.get(model)):
            stage = "stt" if part is stt else "tts"
            yield Problem(("pipeline", stage, "model"), f"{model} ends on {day}; {then}")


def _cap(config: Config) -> Iterator[Problem]:
    if config.money.day_usd is None and config.money.month_usd is None and _costs(config):
        yield Problem(
            ("money", "month_usd"),
            "no cap is set: the spending is counted but nothing ends it",
        )


def _costs(config: Config) -> bool:
    """Whether a vendor that is known here asks for money."""
    for name in config.backends:
        match name:
            case "realtime" if vendors.is_openai(config.realtime.url, config.realtime.provider):
                return True
            case "live" | "gemini" | "elevenlabs":
                return True
            case "pipeline" if any(
                part.vendor != "local" and not part.url for _, part in config.pipeline.stages
            ):
                return True
            case _:
                pass
    return False


def _realtime(config: Config) -> Iterator[Problem]:
    realtime = config.realtime
    ours = vendors.is_openai(realtime.url, realtime.provider)
    if ours and (day := vendors.ENDING.get(realtime.model)):
        better = "gpt-realtime-2.1-mini" if "mini" in realtime.model else "gpt-realtime-2.1"
        yield Problem(
            ("realtime", "model"),
            f"{realtime.model} ends on {day}; {better} takes its place",
        )
    transcriber = realtime.transcription.model
    if ours and (day := vendors.ENDING.get(transcriber)):
        yield Problem(
            ("realtime", "transcription", "model"),
            f"{transcriber} ends on {day}; gpt-transcribe takes its place",
        )
    if realtime.prompt.id:
        yield Problem(
            ("realtime", "prompt", "id"),
            "OpenAI ends its stored prompts on 2026-11-30; write the text into"
            " realtime.instructions",
        )
    if (
        realtime.provider == "azure"
        and realtime.dialect == "ga"
        and "api-version=" in realtime.url
    ):
        yield Problem(
            ("realtime", "url"),
            'Azure addresses with "api-version" speak the older dialect: if nothing answers, set'
            ' realtime.dialect = "beta"',
        )
    if realtime.mcp and realtime.dialect == "beta":
        yield Problem(("realtime", "mcp"), 'is not used: with dialect = "beta" none are called')
