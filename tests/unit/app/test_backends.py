import asyncio
from pathlib import Path

import pytest

from appliance.app.backends import ALONE, Answering, answering, open_answers
from appliance.backend.local.pipeline import Parts
from appliance.config import Config
from tests.own_backend import install_example, install_module, installed

WITH_A_KEY = {"realtime": {"api_key": "sk-of-the-house-1234567890"}}


class NoParts:
    """The models of a backend that is never asked."""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setattr("appliance.app.spending.SYSTEM", tmp_path / "system")
    return tmp_path


def began_private(*, told: bool | None) -> tuple[bool, bool]:
    """Return whether a conversation that is opened so is private, and stays in the house."""
    config = Config.model_validate(WITH_A_KEY)
    parts: Parts = NoParts()  # type: ignore[assignment]  # nobody answers here

    async def opened() -> tuple[bool, bool]:
        async with open_answers(config, parts, lambda: (), private=told) as answers:
            assert answers.failover is not None
            return answers.private, answers.failover.serving == "local"

    return asyncio.run(opened())


@pytest.mark.parametrize(("kept", "private"), [("true", True), ("false", False)])
def test_whoever_opens_a_conversation_cannot_forget_the_privacy_mode_that_was_kept(
    state: Path,
    kept: str,
    private: bool,  # noqa: FBT001
) -> None:
    (state / "kept.json").write_text(f'{{"private": {kept}}}')
    assert began_private(told=None) == (private, private)


@pytest.mark.parametrize(
    ("kept", "serving"), [("local", "local"), ("realtime", "realtime"), ("gemini", "realtime")]
)
def test_whoever_opens_a_conversation_begins_with_whom_somebody_chose(
    state: Path, kept: str, serving: str
) -> None:
    (state / "kept.json").write_text(f'{{"backend": "{kept}"}}')
    config = Config.model_validate(WITH_A_KEY)
    parts: Parts = NoParts()  # type: ignore[assignment]  # nobody answers here

    async def opened() -> None:
        async with open_answers(config, parts, lambda: ()) as answers:
            assert answers.failover is not None
            assert answers.failover.serving == serving
            why = "chosen" if kept == serving else "configured"
            assert answers.failover.reason == why

    asyncio.run(opened())


def test_what_lacks_something_or_is_broken_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with installed(tmp_path / "site") as site:
        install_module(site, "bad", "raise RuntimeError('xyzzy')")
        install_example(site)
        wrong = {"parrot": {"repeats": 9}}
        order = {"order": ["bad", "parrot", "realtime", "local"]}
        config = Config.model_validate({"backend": order, "extension": wrong})
        assert answering(config) == ALONE
        told = [record.message for record in caplog.records if record.levelname == "WARNING"]
        assert [line.split(":")[0] for line in told] == [
            "backend bad is left out",
            "backend parrot is left out",
        ]
        right = Config.model_validate({"backend": order, **WITH_A_KEY})
        assert answering(right) == Answering(
            ("parrot", "realtime", "local"), frozenset({"realtime"}), sees=True
        )
    assert "xyzzy" not in caplog.text


def test_who_says_it_is_believed_whatever_was_kept(state: Path) -> None:
    (state / "kept.json").write_text('{"private": true}')
    assert began_private(told=False) == (False, False)
