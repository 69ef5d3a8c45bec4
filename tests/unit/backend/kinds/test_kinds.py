"""Kinds of backends: what they say of themselves, and what those of others may do."""

from pathlib import Path

import pytest

from appliance.backend.context import NOTHING
from appliance.backend.kinds.brought import BroughtKind, BroughtSession
from appliance.backend.kinds.find import facts, kind, names
from appliance.backend.kinds.seam import Facts, Means
from appliance.backend.money import estimate
from appliance.backend.money.prices import built_in
from appliance.config import Config
from appliance.config.vendors import is_in_the_house
from appliance.errors import BackendRefused, BackendUnavailable, ConfigError
from appliance.events import Usage
from appliance.units import TurnNumber
from tests.own_backend import install_module, installed, write_metadata
from tests.virtual_time import run_virtual


def realtime(**settings: object) -> Facts:
    return facts("realtime", Config.model_validate({"realtime": settings}))


def test_ours_cannot_be_replaced(tmp_path: Path) -> None:
    with installed(tmp_path / "site") as site:
        write_metadata(site, "evil", {"local": "no_such_module:KIND", "extra": "sys:path"})
        assert names().count("local") == 1
        assert "extra" in names()
        assert facts("local", Config()).title == "the box itself"
    assert "extra" not in names()


def test_one_that_is_not_there_lacks_itself() -> None:
    with pytest.raises(ConfigError, match="there is no backend nobody"):
        kind("nobody")
    assert facts("nobody", Config()).missing == ("there is no backend nobody",)


@pytest.mark.parametrize(
    ("url", "cloud"),
    [
        ("", True),
        ("wss://api.openai.com/v1/realtime", True),
        ("wss://box.example.org/v1/realtime", True),
        ("ws://192.168.1.20/v1/realtime", False),
        ("ws://127.0.0.1:8765/v1/realtime", False),
        ("ws://gpu.local:8000/v1/realtime", False),
        ("ws://[fd00::1]/v1/realtime", False),
        ("ws://gpu:8000/v1/realtime", True),
    ],
)
def test_a_server_of_the_house_is_no_cloud(url: str, *, cloud: bool) -> None:
    found = realtime(url=url, api_key="sk-of-the-house-1234567890")
    assert found.cloud == cloud
    assert bool(found.leaves) == cloud
    assert found.missing == ()


def test_remote_tools_leave_the_house_whoever_calls_them() -> None:
    mcp = [{"label": "weather", "url": "https://mcp.example.org/mcp", "allowed_tools": ["x"]}]
    found = realtime(url="ws://gpu.local:8000/v1/realtime", mcp=mcp)
    assert found.cloud
    assert found.leaves == ("what its tools are asked, to weather",)


@pytest.mark.parametrize(
    ("url", "inside"),
    [
        ("http://gpu.local:8000/v1", True),
        ("http://GPU.Home.Arpa./v1", True),
        ("http://box.lan", True),
        ("http://localhost:1", True),
        ("http://10.1.2.3", True),
        ("http://172.16.0.1", True),
        ("http://172.32.0.1", False),
        ("http://169.254.1.1", True),
        ("http://192.0.2.1", False),  # private to the standard library, not to anybody's house
        ("http://100.64.0.1", False),
        ("http://[fe80::1]", True),
        ("http://[2001:db8::1]", False),
        ("http://gpu", False),
        ("http://gpu.internal", False),
        ("http://gpu.local.example.org", False),
        ("http://local", False),
        ("", False),
        ("http://[", False),
    ],
)
def test_what_is_in_the_house_is_so_for_certain(url: str, *, inside: bool) -> None:
    assert is_in_the_house(url) == inside


def test_what_a_minute_costs_is_reckoned_from_the_prices() -> None:
    table = built_in()
    # 300 tokens in at 32, 600 out at 64, half a minute of transcription at 0.0045
    found = estimate.speech_to_speech(table, "gpt-realtime-2.1", "gpt-transcribe")
    assert found == pytest.approx(0.0096 + 0.0384 + 0.00225, abs=2e-6)
    assert estimate.speech_to_speech(table, "our-deployment") is None
    assert estimate.speech_to_speech(table, "gpt-realtime-2.1", "who-knows") is None
    assert estimate.by_time(table, "gpt-transcribe") == pytest.approx(0.0045)
    assert estimate.by_time(table, "gpt-realtime-2.1") is None
    assert realtime(api_key="sk-of-the-house-1234567890").usd_minute == found


def test_a_server_of_the_own_network_is_free_unless_there_are_prices_for_it(
    tmp_path: Path,
) -> None:
    own = {"url": "ws://gpu:8000/v1/realtime", "model": "ours", "transcription": {"model": ""}}
    assert realtime(**own).usd_minute == 0.0
    prices = tmp_path / "own.toml"
    prices.write_text(
        '[models.ours]\naudio_in = 10\naudio_out = 20\nsource = "power"\ndate = 2026-12-01\n'
    )
    tables = {"realtime": own, "money": {"prices_file": str(prices)}}
    config = Config.model_validate(tables)
    assert facts("realtime", config).usd_minute == pytest.approx(0.015)
    prices.write_text("nonsense")
    assert facts("realtime", config).usd_minute is None


def pipeline(**stages: object) -> Facts:
    keys = {"openai": "sk-of-the-house-1234567890", "deepgram": "dg-of-the-house-1234567890"}
    return facts("pipeline", Config.model_validate({"pipeline": stages, "keys": keys}))


def test_what_a_minute_of_a_pipeline_costs_is_that_of_its_parts() -> None:
    llm = {"model": "gpt-5.6-luna"}
    # 4 turns of 2,000 tokens at 0.20, 75 words of 4/3 tokens at 1.20, in millionths of a dollar
    text = 4 * 2_000 * 0.20e-6 + 100 * 1.20e-6
    assert pipeline(llm=llm).usd_minute == pytest.approx(text, abs=2e-6)
    heard = {"vendor": "openai"}  # half a minute of gpt-transcribe
    assert pipeline(llm=llm, stt=heard).usd_minute == pytest.approx(text + 0.00225, abs=3e-6)
    said = {"vendor": "openai", "model": "tts-1"}  # 75 words of 6 characters at 15
    found = pipeline(llm=llm, tts=said).usd_minute
    assert found == pytest.approx(text + 450 * 15e-6, abs=3e-6)


def test_a_part_in_the_house_is_free_and_one_without_a_price_is_not_guessed() -> None:
    own = {"url": "http://gpu.local:8000/v1", "model": "ours"}
    assert pipeline(llm=own).usd_minute == 0.0
    assert not pipeline(llm=own).cloud
    assert pipeline(llm={"model": "who-knows"}).usd_minute is None
    assert pipeline(llm={"model": ""}).usd_minute is None
    assert pipeline(llm=own, stt={"vendor": "openai"}).usd_minute == pytest.approx(0.00225)


BROKEN = """
class Session:
    ends_turns = property(lambda self: 1 / 0)
    async def events(self):
        {events}
        yield
    async def send_audio(self, frame):
        raise KeyError("xyzzy")
    async def commit_turn(self, turn, *, as_expected=False):
        raise BackendRefused("no", "set it")
    async def close(self):
        raise OSError("xyzzy")

from appliance.errors import BackendRefused

class Kind:
    def facts(self, config):
        raise ValueError("xyzzy")
    def open(self, means, handover):
        {open}
    async def probe(self, means):
        raise ValueError("xyzzy")

KIND = Kind()
"""


@pytest.fixture
def means() -> Means:
    return Means(Config(), lambda: ())


def test_what_others_raise_ends_their_session_only(
    tmp_path: Path, means: Means, caplog: pytest.LogCaptureFixture
) -> None:
    text = BROKEN.format(open="return Session()", events='raise RuntimeError("xyzzy")')

    async def play(found: BroughtKind) -> None:
        session = found.open(means, NOTHING)
        assert not session.ends_turns
        with pytest.raises(BackendUnavailable, match="bad fails: RuntimeError"):
            async for _ in session.events():
                pass
        with pytest.raises(BackendUnavailable, match="bad fails: KeyError"):
            await session.send_audio(None)  # type: ignore[arg-type]
        with pytest.raises(BackendUnavailable, match="bad fails: AttributeError"):
            await session.clear_turn()
        with pytest.raises(BackendRefused, match="set it"):
            await session.commit_turn(TurnNumber(1))
        with pytest.raises(BackendUnavailable, match="bad fails: OSError"):
            await session.close()
        with pytest.raises(BackendUnavailable, match="bad fails: ValueError"):
            await found.probe(means)

    with installed(tmp_path / "site") as site:
        install_module(site, "bad", text)
        found = kind("bad")
        assert isinstance(found, BroughtKind)
        run_virtual(play(found))
    assert "bad_module.py:" in caplog.text  # where, for who wrote it
    assert "xyzzy" not in caplog.text  # what they say may be anything


def test_a_session_that_cannot_be_made_fails_as_one_that_cannot_connect(
    tmp_path: Path, means: Means
) -> None:
    async def play(found: BroughtKind) -> None:
        session = found.open(means, NOTHING)
        assert isinstance(session, BroughtSession)
        assert not session.ready
        with pytest.raises(BackendUnavailable, match="bad fails: ZeroDivisionError"):
            async for _ in session.events():
                pass
        await session.close()

    with installed(tmp_path / "site") as site:
        install_module(site, "bad", BROKEN.format(open="1 / 0", events="pass"))
        found = kind("bad")
        assert isinstance(found, BroughtKind)
        run_virtual(play(found))


def test_used_for_free_is_counted_and_not_paid() -> None:
    assert Usage("m", free=True) != Usage("m")
