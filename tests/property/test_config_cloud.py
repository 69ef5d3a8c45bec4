from urllib.parse import urlsplit

from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from appliance.backend.realtime.address import address, client_secrets
from appliance.config import Config, cloud_checks, secrets
from appliance.config.cloud import Realtime

PIECES = st.sampled_from(
    ["ws", "wss", "https", ":", "//", "/", "?", "#", "@", "[", "]", "%", "&", "=", ".", "::1", " ",
     "api.openai.com", "x.local", "10.0.0.1", "realtime", "v1", "model", "key", "8000", "\n", "é"]
)  # fmt: skip
URLS = st.lists(PIECES, max_size=12).map("".join) | st.builds(
    "wss://{}".format, st.lists(PIECES, max_size=8).map("".join)
)


@given(URLS, st.sampled_from(["openai", "azure"]))
@example("wss://[::1%25x]/", "openai")
def test_every_address_is_refused_or_leads_somewhere(url: str, provider: str) -> None:
    realtime = Realtime.model_validate(
        {"url": url, "provider": provider, "api_key": SecretStr("sk-hush")}
    )
    found = [
        each for each in cloud_checks.problems(Config(realtime=realtime)) if "url" in each.key
    ]
    if found or (provider == "azure" and not url):
        return
    socket, web = urlsplit(address(realtime).url), urlsplit(client_secrets(realtime).url)
    assert socket.scheme in ("ws", "wss")
    assert web.scheme in ("http", "https")
    assert socket.hostname == web.hostname
    assert socket.query.count("model=") >= 1 or "call_id" in socket.query


KEYS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", min_size=8)


@given(
    KEYS, st.sampled_from(["'{}'", '"{}', "Bearer {}", " {}", "{} x", "ö{}", "OPENAI_API_KEY={}"])
)
def test_a_key_with_something_around_it_is_told_without_the_key(key: str, shape: str) -> None:
    reason = secrets.misfit(shape.format(key))
    assert reason
    assert key not in reason
