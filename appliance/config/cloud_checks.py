"""Checks of the backends' settings that no single one of them can know."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from appliance.config import fields, vendors
from appliance.config.cloud import McpServer, Money, Prompt, Realtime, Transcription
from appliance.config.lacking import BUILT_IN, lacking
from appliance.config.locate import Key
from appliance.config.model import Config
from appliance.config.plugins import known
from appliance.config.problems import Problem

TAKE_OVER_S: Final = 1.5
"""What the next backend may need from the end of a stall to its first sound; for so long the turn
must still be waited for."""

_KEYS_IN_QUERY: Final = frozenset({"key", "api-key", "api_key", "apikey", "token", "access_token"})

_BELONGS: Final = (
    (
        "turn_detection",
        ("server_vad",),
        ("threshold", "prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms"),
    ),
    ("turn_detection", ("semantic_vad",), ("eagerness",)),
    (
        "turn_detection",
        ("server_vad", "semantic_vad"),
        ("create_response", "interrupt_response"),
    ),
    ("truncation", ("retention_ratio",), ("retention_ratio", "post_instructions_tokens")),
    ("tracing", ("named",), ("workflow_name", "group_id", "metadata")),
)
"""In which table, for which kinds, which settings have a meaning."""


def problems(config: Config) -> Iterator[Problem]:
    """Yield what is wrong between the settings of the backends."""
    yield from _order(config)
    yield from _patience(config)
    yield from _address(config.realtime)
    yield from _model(config.realtime)
    yield from _kinds(config.realtime)
    yield from _transcription(config.realtime)
    yield from _prompt(config.realtime.prompt)
    yield from _tool_choice(config.realtime)
    for number, server in enumerate(config.realtime.mcp):
        yield from _server(server, ("realtime", "mcp", number), config.realtime.mcp[:number])
    yield from _money(config.money)


def _order(config: Config) -> Iterator[Problem]:
    order = config.backend.order
    for number, name in enumerate(order):
        if name in order[:number]:
            yield Problem(("backend", "order", number), f'"{name}" stands here twice')
    if "order" not in config.backend.model_fields_set:
        return
    for number, name in enumerate(order):
        if not known(name):
            listed = ", ".join(f'"{each}"' for each in BUILT_IN)
            yield Problem(
                ("backend", "order", number),
                f'"{name}" is no backend here: write one of {listed}, or install the package that'
                " brings it",
            )
        for text in lacking(config, name):
            yield Problem(
                ("backend", "order"), f'names "{name}", but {text}, or take "{name}" out'
            )


def _patience(config: Config) -> Iterator[Problem]:
    """The turn must outlast the wait for the service, or nobody is left to hear the stand-in."""
    if set(config.backends) <= {"local"}:
        return
    stall, turn = config.backend.stall_s, config.turn
    for name, limit in (("reply_s", turn.reply_s), ("stall_s", turn.stall_s)):
        if stall + TAKE_OVER_S <= limit:
            continue
        if name in turn.model_fields_set:
            least = stall + TAKE_OVER_S
            text = f"{limit:g} ends the turn before another backend can take it over"
            yield Problem(
                ("turn", name),
                f"{text}; at least {least:g} ({TAKE_OVER_S:g} more than backend.stall_s)",
            )
        else:
            most = limit - TAKE_OVER_S
            text = f"{stall:g} leaves no time for another backend to take over"
            yield Problem(
                ("backend", "stall_s"),
                f"{text}; at most {most:g} ({TAKE_OVER_S:g} less than turn.{name})",
            )


def _address(realtime: Realtime) -> Iterator[Problem]:
    place: Key = ("realtime", "url")
    if not realtime.url:
        if realtime.provider == "azure":
            text = "is missing: Azure has an address for each resource,"
            example = "https://NAME.openai.azure.com/openai/v1/realtime"
            yield Problem(place, f"{text} such as {example}")
    elif wrong := _wrong_url(realtime.url, ("ws", "wss", "http", "https")):
        yield Problem(place, wrong)
    if realtime.dialect == "beta" and vendors.is_openai(realtime.url, realtime.provider):
        yield Problem(("realtime", "dialect"), 'OpenAI no longer takes "beta"; write "ga"')


def _wrong_url(url: str, schemes: tuple[str, ...]) -> str:
    """Say what is wrong with an address; never shows it, for there may be a key in it."""
    try:
        parts = urlsplit(url)
        queries = parse_qsl(parts.query)
        _ = parts.port
    except ValueError:
        return "is no address that can be used; look at its host and port"
    if not (url.isascii() and url.isprintable()) or " " in url:
        return "has a space or another character in it that no address has"
    if parts.scheme not in schemes:
        return f"must begin with {' or '.join(f'{each}://' for each in schemes)}"
    if not parts.hostname:
        return f"names no server after {parts.scheme}://"
    if parts.username is not None or _KEYS_IN_QUERY & {name.lower() for name, _ in queries}:
        return "has a key or a password in it; give that as a credential"
    if parts.fragment:
        return 'has a part after "#", which no server sees; take it away'
    if parts.scheme in ("ws", "http") and not vendors.is_own_network(vendors.host(url)):
        secure = {"ws": "wss", "http": "https"}[parts.scheme]
        return f"would send key and speech in the clear; write {secure}://"
    return ""


def _model(realtime: Realtime) -> Iterator[Problem]:
    if realtime.provider == "azure" or vendors.reasons(realtime.model) is not False:
        return
    for name in ("reasoning_effort", "parallel_tool_calls"):
        if getattr(realtime, name) is not None:
            yield Problem(
                ("realtime", name),
                f"{realtime.model} does not take it, only models that reason (gpt-realtime-2 and"
                " later) do; remove this",
            )


def _kinds(realtime: Realtime) -> Iterator[Problem]:
    """A setting of a kind that was not chosen would do nothing, and nobody would know."""
    for table, kinds, names in _BELONGS:
        section = getattr(realtime, table)
        if section.kind in kinds:
            continue
        for name in names:
            if getattr(section, name) != fields.default(type(section).model_fields[name]):
                wanted = " or ".join(f'"{kind}"' for kind in kinds)
                yield Problem(
                    ("realtime", table, name),
                    f"has no meaning with kind = {_quoted(section.kind)}, only with {wanted};"
                    " remove it, or change the kind",
                )


def _transcription(realtime: Realtime) -> Iterator[Problem]:
    settings = realtime.transcription
    place: Key = ("realtime", "transcription")
    if settings.languages and settings.language:
        yield Problem((*place, "languages"), "give either language or languages, not both")
    if realtime.provider == "openai":  # elsewhere a name may mean anything
        yield from (Problem((*place, name), text) for name, text in _of_transcriber(settings))


def _of_transcriber(settings: Transcription) -> Iterator[tuple[str, str]]:
    for name in ("languages", "keywords"):
        if getattr(settings, name) and settings.model not in vendors.GUIDED:
            yield (
                name,
                f"only {' and '.join(vendors.GUIDED)} take it, not {_quoted(settings.model)}",
            )
    if settings.delay is not None and settings.model != vendors.PATIENT:
        yield "delay", f"only {vendors.PATIENT} takes it, not {_quoted(settings.model)}"
    if settings.prompt and settings.model == vendors.PATIENT:
        yield "prompt", f"{vendors.PATIENT} takes none; remove this"


def _prompt(prompt: Prompt) -> Iterator[Problem]:
    for name in ("version", "variables"):
        if getattr(prompt, name) and not prompt.id:
            yield Problem(("realtime", "prompt", name), "belongs to a prompt, but there is no id")


def _tool_choice(realtime: Realtime) -> Iterator[Problem]:
    kind, colon, rest = realtime.tool_choice.partition(":")
    label = rest.partition("/")[0]
    if colon and label not in {server.label for server in realtime.mcp}:
        yield Problem(("realtime", "tool_choice"), f"there is no realtime.mcp labelled {label}")
    elif not colon and kind == "mcp":
        yield Problem(("realtime", "tool_choice"), "write mcp:label/tool")


def _server(server: McpServer, place: Key, before: tuple[McpServer, ...]) -> Iterator[Problem]:
    if server.label in {each.label for each in before}:
        yield Problem((*place, "label"), f"{_quoted(server.label)} is taken; choose another name")
    ways = [name for name in ("url", "tunnel_id", "connector_id") if getattr(server, name)]
    if len(ways) != 1:
        found = " and ".join(ways) + " are too many" if ways else "there is none"
        yield Problem(
            (*place, ways[-1]) if ways else place,
            f"one way to the server is needed (url, tunnel_id or connector_id); {found}",
        )
    if server.url and (wrong := _wrong_url(server.url, ("https",))):
        yield Problem((*place, "url"), wrong)
    for number, name in enumerate(server.free_tools):
        if server.allowed_tools and name not in server.allowed_tools:
            yield Problem(
                (*place, "free_tools", number), f"{_quoted(name)} is not in allowed_tools"
            )
    for name, value in server.headers.items():
        if not value.get_secret_value().isprintable():
            yield Problem((*place, "headers", name), "has a line break or the like in it")


def _money(money: Money) -> Iterator[Problem]:
    day, month = money.day_usd, money.month_usd
    if day is not None and month is not None and day > month:
        yield Problem(("money", "day_usd"), f"{day:g} is more than money.month_usd ({month:g})")


def _quoted(text: str) -> str:
    return f'"{text}"'
