"""The pipeline as a kind: what it says of itself with any settings, and what it makes of them."""

import sys

import pytest

from appliance.backend.context import NOTHING
from appliance.backend.kinds.find import facts, kind
from appliance.backend.kinds.pipeline import pipeline_session
from appliance.backend.kinds.seam import Facts, Means
from appliance.backend.local import phrases
from appliance.backend.local.parts import Parts
from appliance.backend.local.understand.types import Understanding
from appliance.backend.pipeline.choosing import Own, choose
from appliance.backend.pipeline.parts import Trio
from appliance.config import Config
from appliance.errors import BackendError, BackendRefused, BackendUnavailable
from appliance.units import Seconds
from tests.on_device import LAMP, Ears, Mind, Mouth
from tests.pipeline_parts import FakeMind, FakeStt, FakeTts
from tests.virtual_time import run_virtual

LOCAL = {"vendor": "local"}
KEY = "sk-of-a-test-1234567890"
KEYS = dict.fromkeys(("openai", "anthropic", "deepgram", "cartesia", "elevenlabs"), KEY)
CLAUDE = {"vendor": "anthropic", "model": "claude-haiku-5-5"}


def config(keys: bool = True, **stages: dict[str, str]) -> Config:  # noqa: FBT001, FBT002
    pipeline = {"stt": LOCAL, "llm": LOCAL, "tts": LOCAL, **stages}
    return Config.model_validate({"keys": KEYS if keys else {}, "pipeline": pipeline})


def told(keys: bool = True, **stages: dict[str, str]) -> Facts:  # noqa: FBT001, FBT002
    return facts("pipeline", config(keys, **stages))


def means(settings: Config) -> Means:
    parts = Parts(Ears(), Mind(Understanding("none")), Mouth(), phrases.load("en"))
    return Means(settings, lambda: (LAMP,), parts)


def test_all_of_the_box_costs_nothing_and_nothing_leaves_it() -> None:
    assert told() == Facts(
        "ears of the box + understanding of the box + voice of the box",
        cloud=False,
        usd_minute=0.0,
    )


def test_a_mixture_says_of_each_stage_what_it_is_and_what_leaves_the_house() -> None:
    found = told(stt={"vendor": "deepgram"}, llm=CLAUDE)
    assert found.title == "deepgram nova-3 + anthropic claude-haiku-5-5 + voice of the box"
    assert found.cloud
    assert found.leaves == ("sound to api.deepgram.com", "text to api.anthropic.com")
    assert found.missing == ()
    assert found.sees


def test_one_vendor_of_two_stages_is_told_once() -> None:
    gpt = {"vendor": "openai", "model": "gpt-5.2-mini"}
    assert told(llm=gpt, tts={"vendor": "openai"}).leaves == ("text to api.openai.com",)


def test_servers_in_the_house_are_no_cloud() -> None:
    there = "http://gpu.local:8000/v1"
    openai = {"vendor": "openai", "url": there}
    found = told(keys=False, stt=openai, llm={**openai, "model": "qwen"}, tts=openai)
    assert not found.cloud
    assert found.leaves == ()
    assert found.missing == ()
    assert found.usd_minute == 0.0
    assert "openai qwen at gpu.local" in found.title


def test_what_is_missing_is_said_stage_by_stage() -> None:
    lacks = told(
        keys=False,
        stt={"vendor": "deepgram"},
        llm={"vendor": "openai"},
        tts={"vendor": "cartesia"},
    ).missing
    for what in ("deepgram", "openai", "cartesia", "pipeline.llm.model", "pipeline.tts.voice"):
        assert any(what in text for text in lacks)
    assert KEY not in repr(lacks)


def test_without_the_extra_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "appliance.backend.llm.anthropic", None)
    (lack,) = told(llm=CLAUDE).missing
    assert 'pip install "voice-appliance[cloud]"' in lack
    assert lack.startswith("pipeline.llm")


@pytest.mark.parametrize("stt", ["openai", "deepgram", "cartesia"])
@pytest.mark.parametrize(
    "llm",
    [{"vendor": "openai"}, {"vendor": "openai", "api": "responses"}, {"vendor": "anthropic"}],
)
@pytest.mark.parametrize("tts", ["openai", "cartesia", "elevenlabs"])
def test_any_parts_can_be_made_and_have_titles_of_their_own(
    stt: str, llm: dict[str, str], tts: str
) -> None:
    async def main() -> Trio:
        settings = config(
            stt={"vendor": stt},
            llm={"model": "some-model", **llm},
            tts={"vendor": tts, "voice": "coral"},
        )
        trio = choose(settings, Own(FakeStt, FakeMind, FakeTts))
        for part in (trio.stt, trio.mind, trio.tts):
            await part.close()
        return trio

    trio = run_virtual(main())
    for vendor, part in ((stt, trio.stt), (llm["vendor"], trio.mind), (tts, trio.tts)):
        assert vendor in part.title.lower()
        assert KEY not in repr(part)
    assert trio.tts.rate > 0


def test_a_session_has_the_parts_and_the_patience_of_the_settings() -> None:
    settings = config(llm=CLAUDE)
    facts("pipeline", settings)  # imports what is needed, before the event loop runs
    given = means(settings)

    async def main() -> None:
        session = pipeline_session(given)
        assert session._terms.unhurried == {"stt", "tts"}
        assert session._terms.stall == Seconds(settings.backend.stall_s)
        assert session._trio.mind.title.startswith("anthropic")
        await session.close()

    run_virtual(main())


def test_what_cannot_be_made_is_said_by_the_session() -> None:
    nothing = Means(config(), lambda: ())

    async def main() -> BackendError:
        session = kind("pipeline").open(nothing, NOTHING)
        with pytest.raises(BackendUnavailable) as raised:
            await anext(aiter(session.events()))
        await session.close()
        return raised.value

    assert "models of the box" in str(run_virtual(main()))


def test_a_stage_that_lacks_a_package_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "appliance.backend.llm.anthropic", None)

    given = means(config(llm=CLAUDE))

    async def main() -> None:
        session = kind("pipeline").open(given, NOTHING)
        with pytest.raises(BackendRefused, match="voice-appliance"):
            await anext(aiter(session.events()))
        await session.close()

    run_virtual(main())


def test_nothing_is_reached_to_try_what_is_on_the_box() -> None:
    async def main() -> str:
        return await kind("pipeline").probe(Means(config(), lambda: ()))

    assert run_virtual(main()) == "all of it is on the box"
