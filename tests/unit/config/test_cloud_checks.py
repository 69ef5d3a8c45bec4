from collections.abc import Mapping
from pathlib import Path

import pytest

from appliance.config import load
from appliance.errors import ConfigError

KEY = {"OPENAI_API_KEY": "sk-test-1234"}
AZURE = "provider = 'azure'\nurl = 'https://x.openai.azure.com/openai/v1/realtime'\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def problems(file: Path, text: str, env: Mapping[str, str] = KEY) -> list[str]:
    file.write_text(text)
    file.chmod(0o600)
    try:
        load(file, env=env, system=file)
    except ConfigError as error:
        return [problem.replace(f"{file.parent}/", "") for problem in error.problems]
    return []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "backend.order = ['realtime']",
        "backend.order = ['local', 'realtime']",
        "[backend]\nstall_s = 4.5",
        "[realtime]\nurl = 'wss://eu.api.openai.com/v1/realtime'",
        "[realtime]\nurl = 'ws://gpu.local:8000/v1/realtime'",
        "[realtime]\nurl = 'http://gpu:8000'",
        "[realtime]\nurl = 'ws://192.168.1.7/v1'",
        "[realtime]\nurl = 'ws://[fd00::7]/v1'",
        "[realtime]\nurl = 'ws://127.0.0.1:4010'",
        f"[realtime]\n{AZURE}model = 'my-deployment'\nreasoning_effort = 'low'",
        f"[realtime]\n{AZURE}transcription = {{ model = 'mine', keywords = ['Zigbee'] }}",
        "[realtime]\nreasoning_effort = 'low'\nparallel_tool_calls = false",
        "[realtime.transcription]\nlanguages = ['en', 'nl']\nkeywords = ['Zigbee']",
        "[realtime.transcription]\nmodel = 'gpt-realtime-whisper'\ndelay = 'low'",
        "[realtime.turn_detection]\nkind = 'server_vad'\nthreshold = 0.4\ncreate_response = true",
        "[realtime.turn_detection]\nkind = 'semantic_vad'\neagerness = 'high'",
        "[realtime.turn_detection]\neagerness = 'auto'\nthreshold = 0.5",
        "[realtime.truncation]\nkind = 'disabled'",
        "[realtime.tracing]\nkind = 'named'\nmetadata = { a = 'b' }",
        (
            "[realtime]\ntool_choice = 'mcp:a/look'\nmcp = [{ label = 'a', url ="
            " 'https://a.example' }]"
        ),
        "[realtime]\ntool_choice = 'set_light'",
        "[[realtime.mcp]]\nlabel = 'a'\ntunnel_id = 't'",
        "[money]\nday_usd = 1.0\nmonth_usd = 1.0",
    ],
)
def test_what_fits_together_passes(file: Path, text: str) -> None:
    assert problems(file, text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[backend]\norder = ['local', 'realtime',\n 'local']",
            '3: backend.order[2]: "local" stands here twice',
        ),
        (
            "[backend]\nstall_s = 5",
            (
                "2: backend.stall_s: 5 leaves no time for another backend to take over;"
                " at most 4.5"
                " (1.5 less than turn.stall_s)"
            ),
        ),
        (
            "[turn]\nstall_s = 5",
            (
                "2: turn.stall_s: 5 ends the turn before another backend can take it"
                " over; at least"
                " 5.5 (1.5 more than backend.stall_s)"
            ),
        ),
        (
            "[realtime]\nprovider = 'azure'\napi_key = '0123'",
            (
                "1: realtime.url: is missing: Azure has an address for each resource, such as"
                " https://NAME.openai.azure.com/openai/v1/realtime"
            ),
        ),
        (
            "[realtime]\ndialect = 'beta'",
            '2: realtime.dialect: OpenAI no longer takes "beta"; write "ga"',
        ),
        (
            "[realtime]\nmodel = 'gpt-realtime-1.5'\nreasoning_effort = 'low'",
            (
                "3: realtime.reasoning_effort: gpt-realtime-1.5 does not take it, only models that"
                " reason (gpt-realtime-2 and later) do; remove this"
            ),
        ),
        (
            "[realtime]\nmodel = 'gpt-realtime-2025-08-28'\nparallel_tool_calls = true",
            (
                "3: realtime.parallel_tool_calls: gpt-realtime-2025-08-28 does not take it, only"
                " models that reason (gpt-realtime-2 and later) do; remove this"
            ),
        ),
        (
            "[realtime.turn_detection]\neagerness = 'low'",
            (
                '2: realtime.turn_detection.eagerness: has no meaning with kind = "device", only'
                ' with "semantic_vad"; remove it, or change the kind'
            ),
        ),
        (
            "[realtime.turn_detection]\nkind = 'semantic_vad'\nidle_timeout_ms = 6000",
            (
                "3: realtime.turn_detection.idle_timeout_ms: has no meaning with kind ="
                ' "semantic_vad", only with "server_vad"; remove it, or change the kind'
            ),
        ),
        (
            "[realtime.turn_detection]\ninterrupt_response = true",
            (
                "2: realtime.turn_detection.interrupt_response: has no meaning with kind ="
                ' "device", only with "server_vad" or "semantic_vad"; remove it, or'
                " change the kind"
            ),
        ),
        (
            "[realtime.truncation]\nkind = 'auto'\nretention_ratio = 0.5",
            (
                '3: realtime.truncation.retention_ratio: has no meaning with kind = "auto", only'
                ' with "retention_ratio"; remove it, or change the kind'
            ),
        ),
        (
            "[realtime.tracing]\nmetadata = { a = 'b' }",
            (
                '2: realtime.tracing.metadata: has no meaning with kind = "off", only'
                ' with "named";'
                " remove it, or change the kind"
            ),
        ),
        (
            "[realtime.transcription]\nlanguages = ['en']\nlanguage = 'en'",
            "2: realtime.transcription.languages: give either language or languages, not both",
        ),
        (
            "[realtime.transcription]\nmodel = 'whisper-1'\nkeywords = ['Zigbee']",
            (
                "3: realtime.transcription.keywords: only gpt-transcribe and gpt-live-transcribe"
                ' take it, not "whisper-1"'
            ),
        ),
        (
            "[realtime.transcription]\ndelay = 'low'",
            (
                "2: realtime.transcription.delay: only gpt-realtime-whisper takes it, not"
                ' "gpt-transcribe"'
            ),
        ),
        (
            "[realtime.transcription]\nmodel = 'gpt-realtime-whisper'\nprompt = 'x'",
            "3: realtime.transcription.prompt: gpt-realtime-whisper takes none; remove this",
        ),
        (
            "[realtime.prompt]\nversion = '2'",
            "2: realtime.prompt.version: belongs to a prompt, but there is no id",
        ),
        (
            "[realtime]\ntool_choice = 'mcp:b/look'",
            "2: realtime.tool_choice: there is no realtime.mcp labelled b",
        ),
        ("[realtime]\ntool_choice = 'mcp'", "2: realtime.tool_choice: write mcp:label/tool"),
        (
            (
                "[[realtime.mcp]]\nlabel = 'a'\nurl = 'https://a.example'\n"
                "[[realtime.mcp]]\nlabel = 'a'\nurl = 'https://b.example'"
            ),
            '5: realtime.mcp[1].label: "a" is taken; choose another name',
        ),
        (
            "[[realtime.mcp]]\nlabel = 'a'\nurl = 'http://a.example'",
            "3: realtime.mcp[0].url: must begin with https://",
        ),
        (
            "[[realtime.mcp]]\nlabel = 'a'",
            (
                "1: realtime.mcp[0]: one way to the server is needed (url, tunnel_id or"
                " connector_id); there is none"
            ),
        ),
        (
            "[[realtime.mcp]]\nlabel = 'a'\nurl = 'https://a.example'\ntunnel_id = 't'",
            (
                "4: realtime.mcp[0].tunnel_id: one way to the server is needed (url, tunnel_id or"
                " connector_id); url and tunnel_id are too many"
            ),
        ),
        (
            (
                "[[realtime.mcp]]\nlabel = 'a'\nurl = 'https://a.example'\n"
                "allowed_tools = ['x']\nfree_tools = ['x', 'y']"
            ),
            '5: realtime.mcp[0].free_tools[1]: "y" is not in allowed_tools',
        ),
        (
            (
                "[[realtime.mcp]]\nlabel = 'a'\nurl = 'https://a.example'\nheaders = { X ="
                ' "a\\nb" }'
            ),
            "4: realtime.mcp[0].headers.X: has a line break or the like in it",
        ),
        (
            "[money]\nday_usd = 2.0\nmonth_usd = 1.0",
            "2: money.day_usd: 2 is more than money.month_usd (1)",
        ),
        (
            "[money]\nprices_file = 'prices.toml'",
            "2: money.prices_file: prices.toml: no such file or directory",
        ),
    ],
)
def test_what_does_not_fit_is_one_line(file: Path, text: str, expected: str) -> None:
    assert problems(file, text) == [f"config.toml:{expected}"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ftp://example.com", "must begin with ws:// or wss:// or http:// or https://"),
        ("api.openai.com/v1", "must begin with"),
        ("wss://a b.example", "has a space or another character in it that no address has"),
        ("wss://bücher.example", "has a space or another character in it that no address has"),
        ("wss://", "names no server after wss://"),
        ("wss://example.com:port", "is no address that can be used"),
        ("wss://[::1", "is no address that can be used"),
        ("wss://user:hush@example.com", "has a key or a password in it"),
        ("wss://example.com/?API-Key=hush", "has a key or a password in it"),
        ("wss://example.com/#x", 'has a part after "#"'),
        ("ws://example.com/v1/realtime", "would send key and speech in the clear; write wss://"),
        ("http://8.8.8.8/v1", "would send key and speech in the clear; write https://"),
    ],
)
def test_an_address_that_will_not_do_is_told_but_not_shown(
    file: Path, url: str, expected: str
) -> None:
    (problem,) = problems(file, f"realtime.url = '{url}'")
    assert problem.startswith(f"config.toml:1: realtime.url: {expected}")
    assert "hush" not in problem


# a key, or none


def test_without_a_key_the_realtime_service_is_simply_not_used(file: Path) -> None:
    file.write_text("")
    loaded = load(file, env={}, system=file)
    assert loaded.config.backends == ("local",)
    assert load(file, env=KEY, system=file).config.backends == ("realtime", "local")


def test_a_server_of_ones_own_needs_no_key(file: Path) -> None:
    file.write_text("realtime.url = 'ws://gpu.local:8000'\nbackend.order = ['realtime']\n")
    assert load(file, env={}, system=file).config.backends == ("realtime",)


@pytest.mark.parametrize("order", ["'realtime', 'local'", "'realtime'"])
def test_who_asks_for_realtime_is_told_how_to_give_a_key(file: Path, order: str) -> None:
    (problem,) = problems(file, f"backend.order = [{order}]", {})
    assert problem == (
        'config.toml:1: backend.order: names "realtime", but there is no key for it: give the'
        " credential realtime-api-key or realtime.api_key_file (docs/configuration.md, Secrets),"
        ' or take "realtime" out'
    )


def test_patience_matters_only_with_something_to_be_patient_with(file: Path) -> None:
    text = "[turn]\nreply_s = 2\nstall_s = 2"
    assert problems(file, text, {}) == []
    assert len(problems(file, text, KEY)) == 2
