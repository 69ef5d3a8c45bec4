"""What services of speech to text are told: addresses, keys, keywords."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from appliance.backend.stt import asking, cartesia, deepgram
from appliance.config import Config
from appliance.errors import BackendRefused


def config(vendor: str = "deepgram", language: str = "en", **stt: object) -> Config:
    return Config.model_validate({
        "device": {"language": language},
        "pipeline": {"stt": {"vendor": vendor, **stt}},
        "keys": {"deepgram": SecretStr("dg"), "cartesia": SecretStr("ca"), "stt": SecretStr("o")},
    })  # fmt: skip


@pytest.mark.parametrize(
    ("url", "there"),
    [
        ("wss://api.deepgram.com", "wss://api.deepgram.com/v1/listen"),
        ("https://api.deepgram.com/", "wss://api.deepgram.com/v1/listen"),
        ("wss://api.eu.deepgram.com/v1", "wss://api.eu.deepgram.com/v1/listen"),
        ("wss://api.eu.deepgram.com/v1/listen", "wss://api.eu.deepgram.com/v1/listen"),
        ("http://gpu.local:8080/deepgram", "ws://gpu.local:8080/deepgram/v1/listen"),
        ("ws://192.168.1.4/prev1", "ws://192.168.1.4/prev1/v1/listen"),
    ],
)
def test_the_path_is_put_behind_what_the_user_wrote(url: str, there: str) -> None:
    assert asking.streaming(url, "/v1/listen", [], {}).url == there


@pytest.mark.parametrize("url", ["ws://api.deepgram.com", "http://1.1.1.1", "ftp://x", "::", ""])
def test_what_is_no_address_or_not_encrypted_is_refused(url: str) -> None:
    with pytest.raises(BackendRefused) as caught:
        asking.streaming(url, "/v1/listen", [], {})
    assert "pipeline.stt.url" in caught.value.advice


def test_parameters_that_the_user_wrote_win() -> None:
    url = "wss://api.deepgram.com/v1/listen?punctuate=false&mip_opt_out=true"
    there = deepgram.address(config(url=url)).url
    assert "punctuate=false" in there
    assert "punctuate=true" not in there
    assert "mip_opt_out=true" in there
    assert "model=nova-3" in there


@pytest.mark.parametrize(
    ("model", "path", "asked", "not_asked"),
    [
        ("", "/v1/listen", "language=nl-BE", "language_hint"),
        ("nova-3-medical", "/v1/listen", "keyterm=Zigbee", "keywords"),
        ("nova-2", "/v1/listen", "keywords=Zigbee", "keyterm"),
        ("flux-general-multi", "/v2/listen", "language_hint=nl", "endpointing"),
        ("flux-general-en", "/v2/listen", "keyterm=Zigbee", "language"),
    ],
)
def test_each_model_of_deepgram_is_asked_in_its_own_way(
    model: str, path: str, asked: str, not_asked: str
) -> None:
    address = deepgram.address(config(language="nl-BE", model=model, keywords=["Zigbee"]))
    assert path in address.url
    assert asked in address.url
    assert not_asked not in address.url


def test_a_key_goes_to_its_vendor_or_to_the_server_that_it_is_for() -> None:
    assert deepgram.address(config()).headers == {"Authorization": "Token dg"}
    own = deepgram.address(config(url="ws://gpu.local"))
    assert own.headers == {"Authorization": "Token o"}
    there = cartesia.address(config("cartesia"))
    assert there.headers["Authorization"] == "Bearer ca"
    assert "dg" not in repr(deepgram.address(config()))


def test_without_a_key_nothing_is_shown() -> None:
    bare = Config.model_validate({"pipeline": {"stt": {"url": "ws://gpu.local"}}})
    assert deepgram.address(bare).headers == {}
    assert "Authorization" not in cartesia.address(bare).headers


@given(st.lists(st.text(min_size=1, max_size=400), max_size=130))
def test_no_more_keywords_than_services_take(words: list[str]) -> None:
    taken = asking.keywords(config(keywords=words))
    assert list(taken) == words[: len(taken)]
    assert len(taken) <= asking.MOST_KEYWORDS
    assert sum(map(len, taken)) <= asking.MOST_CHARACTERS
    if len(words) <= asking.MOST_KEYWORDS and sum(map(len, words)) <= asking.MOST_CHARACTERS:
        assert len(taken) == len(words)
