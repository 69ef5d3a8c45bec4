import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from appliance.backend.realtime.address import address, client_secrets
from appliance.config.cloud import Realtime
from appliance.config.section import Provider

KEY = SecretStr("sk-hush")


def test_nothing_said_means_openai() -> None:
    found = address(Realtime(api_key=KEY))
    assert found.url == "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1"
    assert found.headers == {"Authorization": "Bearer sk-hush"}
    assert found.host == "api.openai.com"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://eu.api.openai.com/v1", "wss://eu.api.openai.com/v1/realtime?model=m"),
        ("wss://eu.api.openai.com/v1/realtime", "wss://eu.api.openai.com/v1/realtime?model=m"),
        ("wss://eu.api.openai.com/v1/realtime/", "wss://eu.api.openai.com/v1/realtime?model=m"),
        ("http://gpu.local:8000", "ws://gpu.local:8000/v1/realtime?model=m"),
        ("ws://gpu.local:8000/", "ws://gpu.local:8000/v1/realtime?model=m"),
        ("ws://[fd00::7]:8000/v1", "ws://[fd00::7]:8000/v1/realtime?model=m"),
        ("ws://gpu/a/b", "ws://gpu/a/b/realtime?model=m"),
        ("ws://gpu/realtime?x=1&y=a%20b", "ws://gpu/realtime?x=1&y=a+b&model=m"),
        ("ws://gpu/realtime?model=other", "ws://gpu/realtime?model=other"),
        ("ws://gpu/realtime?call_id=rtc_1", "ws://gpu/realtime?call_id=rtc_1"),
    ],
)
def test_any_address_leads_to_a_socket_and_names_the_model_once(url: str, expected: str) -> None:
    assert address(Realtime(url=url, model="m")).url == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "https://x.openai.azure.com",
            "wss://x.openai.azure.com/openai/v1/realtime?model=mine",
        ),
        (
            "https://x.openai.azure.com/openai",
            "wss://x.openai.azure.com/openai/v1/realtime?model=mine",
        ),
        (
            "https://x.openai.azure.com/openai/v1/",
            "wss://x.openai.azure.com/openai/v1/realtime?model=mine",
        ),
        (
            "wss://x.openai.azure.com/openai/realtime?api-version=2025-04-01&deployment=d",
            "wss://x.openai.azure.com/openai/realtime?api-version=2025-04-01&deployment=d",
        ),
    ],
)
def test_azure_is_shown_its_own_header(url: str, expected: str) -> None:
    found = address(Realtime(url=url, provider="azure", model="mine", api_key=KEY))
    assert found.url == expected
    assert found.headers == {"api-key": "sk-hush"}


@pytest.mark.parametrize(
    "url",
    [
        "https://x.services.ai.azure.com/?api-version=2026-07-15",
        "wss://x.services.ai.azure.com/voice-live/realtime?api-version=2026-07-15",
    ],
)
def test_voice_live_has_a_path_of_its_own(url: str) -> None:
    found = address(Realtime(url=url, provider="azure", dialect="beta", model="m", api_key=KEY))
    assert found.url == (
        "wss://x.services.ai.azure.com/voice-live/realtime?api-version=2026-07-15&model=m"
    )


@pytest.mark.parametrize("key", ["ek_68af", "eyJhbGciOi"])
@pytest.mark.parametrize("provider", ["openai", "azure"])
def test_what_does_not_last_is_shown_as_a_bearer(key: str, provider: Provider) -> None:
    realtime = Realtime(url="https://x.example", provider=provider, api_key=SecretStr(key))
    assert address(realtime).headers == {"Authorization": f"Bearer {key}"}


def test_who_pays_is_told_to_openai_only() -> None:
    realtime = Realtime(organization="org-1", project="proj-1")
    assert address(realtime).headers == {
        "OpenAI-Organization": "org-1",
        "OpenAI-Project": "proj-1",
    }
    azure = realtime.model_copy(update={"provider": "azure", "url": "https://x.example"})
    assert address(azure).headers == {}


@pytest.mark.parametrize(
    ("realtime", "expected"),
    [
        (Realtime(), "https://api.openai.com/v1/realtime/client_secrets"),
        (Realtime(url="ws://gpu:80/v1?a=1"), "http://gpu:80/v1/realtime/client_secrets?a=1"),
        (
            Realtime(url="https://x.openai.azure.com", provider="azure", model="mine"),
            "https://x.openai.azure.com/openai/v1/realtime/client_secrets",
        ),
    ],
)
def test_client_secrets_are_minted_beside_the_socket(realtime: Realtime, expected: str) -> None:
    assert client_secrets(realtime).url == expected


@given(
    st.sampled_from(["", "wss://hush.example/v1?hush=1", "https://x.openai.azure.com/openai/v1"]),
    st.sampled_from(["openai", "azure"]),
    st.sampled_from(["ga", "beta"]),
)
def test_no_address_shows_its_key_or_speaks_of_beta(
    url: str, provider: Provider, dialect: str
) -> None:
    realtime = Realtime.model_validate({"url": url, "provider": provider, "dialect": dialect})
    found = address(realtime.model_copy(update={"api_key": KEY}))
    assert "sk-hush" not in repr(found)
    assert "hush=" not in repr(found)
    assert not any("beta" in name.lower() for name in found.headers)
    assert found.url.startswith("wss://")
