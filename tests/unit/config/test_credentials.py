from collections.abc import Mapping
from pathlib import Path

import pytest

from appliance.config import Loaded, load
from appliance.errors import ConfigError

AZURE = "[realtime]\nprovider = 'azure'\nurl = 'https://x.openai.azure.com/openai/v1/realtime'\n"
LAN = "[realtime]\nurl = 'ws://gpu.local:8000'\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def read(file: Path, text: str, env: Mapping[str, str]) -> Loaded:
    file.write_text(text)
    file.chmod(0o600)
    return load(file, env=env, system=file)


def key(file: Path, text: str, env: Mapping[str, str]) -> str | None:
    secret = read(file, text, env).config.realtime.api_key
    return None if secret is None else secret.get_secret_value()


def problems(file: Path, text: str, env: Mapping[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(file, text, env)
    return [problem.replace(f"{file.parent}/", "") for problem in caught.value.problems]


def test_the_first_place_that_has_a_key_wins(file: Path) -> None:
    folder = file.parent
    (folder / "realtime-api-key").write_text("sk-credential\n")
    (folder / "secret").write_text("sk-file\n")
    (folder / "secret").chmod(0o600)
    text = "[realtime]\napi_key = 'sk-written'\napi_key_file = 'secret'\n"
    env = {
        "CREDENTIALS_DIRECTORY": str(folder),
        "VOICE_APPLIANCE_REALTIME_API_KEY": "sk-own",
        "OPENAI_API_KEY": "sk-openai",
    }
    found = [key(file, text, env)]
    for gone in list(env):
        del env[gone]
        found.append(key(file, text, env))
    found.append(key(file, text.replace("api_key_file = 'secret'\n", ""), env))
    assert found == ["sk-credential", "sk-own", "sk-openai", "sk-file", "sk-written"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "sk-openai"),
        ("[realtime]\nurl = 'wss://eu.api.openai.com/v1/realtime'\n", "sk-openai"),
        (LAN, None),
        (AZURE, None),
        ("[realtime]\nurl = 'wss://api.openai.com.example/v1'\n", None),
        ("[realtime]\nurl = 'wss://notopenai.com/v1'\n", None),
        ("[realtime]\nurl = 'wss://example.com/api.openai.com'\n", None),
        ("[realtime]\nprovider = 'azure'\nurl = 'https://api.openai.com/v1'\n", None),
    ],
)
def test_the_key_of_openai_goes_to_openai_only(
    file: Path, text: str, expected: str | None
) -> None:
    assert key(file, text, {"OPENAI_API_KEY": "sk-openai"}) == expected


def test_a_key_of_ones_own_goes_where_it_is_told(file: Path) -> None:
    assert key(file, AZURE, {"VOICE_APPLIANCE_REALTIME_API_KEY": "0123abcd"}) == "0123abcd"


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        ("'hush-1234'", "stands in quotes; give it without them"),
        ('"hush-1234', "stands in quotes; give it without them"),
        ("Bearer hush-1234", 'begins with "Bearer"; give what comes after it'),
        ("hush 1234", "has a space in it; give the key alone"),
        ("hush-1234\t", "has a space in it; give the key alone"),
        ("hush-1234ä", "has characters in it that no key has; copy it again"),
        ("hush-\x001234", "has characters in it that no key has; copy it again"),
        (
            "OPENAI_API_KEY=hush-1234",
            'begins with the name of a variable; give what comes after the "="',
        ),
        ("hush-...", "is a placeholder; give the key itself"),
        ("hush-…", "is a placeholder; give the key itself"),
        ("<hush>", "is a placeholder; give the key itself"),
        ("sk-xxxxxxxx", "is a placeholder; give the key itself"),
        ("your-hush-key-here", "is a placeholder; give the key itself"),
    ],
)
def test_a_malformed_key_is_told_but_not_shown(file: Path, secret: str, reason: str) -> None:
    (problem,) = problems(file, "", {"OPENAI_API_KEY": secret})
    assert problem == (
        f"config.toml: realtime.api_key: the key of the environment OPENAI_API_KEY {reason}"
    )


def test_a_malformed_key_that_nobody_uses_does_no_harm(file: Path) -> None:
    assert key(file, "backend.order = ['local']", {"OPENAI_API_KEY": "'hush'"}) == "'hush'"


def test_a_key_that_looks_like_one_passes(file: Path) -> None:
    for secret in ("sk-proj-Ab_1-2x", "ek_0123456789abcdef", "0123456789abcdef", "x", "a=b=="):
        assert key(file, "", {"OPENAI_API_KEY": secret}) == secret


def test_a_tool_servers_token_is_a_credential_of_its_own(file: Path) -> None:
    text = (
        "[[realtime.mcp]]\nlabel = 'house-weather'\nurl = 'https://a.example'\n"
        "[[realtime.mcp]]\nlabel = 'b'\nurl = 'https://b.example'\nauthorization = 'written'\n"
    )
    (file.parent / "mcp-house-weather").write_text("token\n")
    loaded = read(file, text, {"CREDENTIALS_DIRECTORY": str(file.parent)})
    tokens = [server.authorization for server in loaded.config.realtime.mcp]
    assert [token and token.get_secret_value() for token in tokens] == ["token", "written"]
    assert loaded.sources["realtime.mcp[0].authorization"] == "credential mcp-house-weather"

    (problem,) = problems(file, text, {"VOICE_APPLIANCE_MCP_B": "Bearer hush"})
    assert problem == (
        "config.toml:7: realtime.mcp[1].authorization: the key of the environment"
        ' VOICE_APPLIANCE_MCP_B begins with "Bearer"; give what comes after it'
    )


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[realtime]\napi_key = 'hush'\n", "2: realtime.api_key"),
        (
            "[[realtime.mcp]]\nlabel = 'a'\nurl = 'https://a.example'\nauthorization = 'hush'\n",
            "4: realtime.mcp[0].authorization",
        ),
        (
            "[[realtime.mcp]]\nlabel = 'a'\nurl = 'https://a.example'\nheaders.X = 'hush'\n",
            "4: realtime.mcp[0].headers.X",
        ),
    ],
)
def test_a_key_in_a_file_for_all_to_read_is_refused(file: Path, text: str, place: str) -> None:
    file.write_text(text)
    file.chmod(0o644)
    with pytest.raises(ConfigError) as caught:
        load(file, env={}, system=file)
    (problem,) = caught.value.problems
    assert problem.startswith(f"{file.parent}/config.toml:{place}: the file holds a key, but")
    assert "hush" not in problem


def test_a_key_file_is_private(file: Path) -> None:
    secret = file.parent / "secret"
    secret.write_text("sk-hush\n")
    secret.chmod(0o644)
    (problem,) = problems(file, "realtime.api_key_file = 'secret'", {})
    assert problem == (
        "config.toml:1: realtime.api_key_file: secret can be read by others (mode 0644);"
        " run: chmod 600 secret"
    )


def test_no_repr_tells_a_key(file: Path) -> None:
    text = (
        "[[realtime.mcp]]\nlabel = 'a'\nurl = 'https://a.example'\nauthorization = 'hush'\n"
        "headers = { X = 'hush' }\n"
    )
    loaded = read(file, text, {"OPENAI_API_KEY": "sk-hush"})
    assert "hush" not in repr(loaded) + str(loaded.config.model_dump())
