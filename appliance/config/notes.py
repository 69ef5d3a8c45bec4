"""Says what is not wrong with the settings but should be known: what ends, what does nothing."""

from collections.abc import Iterator

from appliance.config import vendors
from appliance.config.model import Config
from appliance.config.problems import Problem


def notes(config: Config) -> list[Problem]:
    """Return what to tell whoever keeps the box; none of it keeps it from starting."""
    return [*_order(config), *(_realtime(config) if "realtime" in config.backends else ())]


def _order(config: Config) -> Iterator[Problem]:
    if "local" not in config.backend.order:
        yield Problem(
            ("backend", "order"),
            'without "local" nothing answers while the network or the service is away',
        )
    if config.camera.device and "realtime" not in config.backends:
        yield Problem(("camera", "device"), "is not used: only the realtime service can see")


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
    if config.money.day_usd is None and config.money.month_usd is None and ours:
        yield Problem(
            ("money", "month_usd"),
            "no cap is set: the spending is counted but nothing ends it",
        )
