import asyncio
from pathlib import Path

import pytest

from appliance.app.backends import open_answers
from appliance.backend.local.pipeline import Parts
from appliance.config import Config

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


def test_who_says_it_is_believed_whatever_was_kept(state: Path) -> None:
    (state / "kept.json").write_text('{"private": true}')
    assert began_private(told=False) == (False, False)
