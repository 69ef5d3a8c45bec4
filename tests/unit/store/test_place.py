"""Where the models are on this machine."""

from pathlib import Path

import pytest

from appliance.errors import ModelError
from appliance.store import ModelStore, place


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Take the checkout away, as on a device."""
    given = tmp_path / "models.toml"
    given.write_text("[packages]\n[models]\n")
    monkeypatch.setattr(place, "_CHECKOUT", tmp_path / "none")
    monkeypatch.setattr(place, "_INSTALLED_LIST", given)
    return given


def test_a_checkout_keeps_its_models_inside() -> None:
    here = place.default_place({})

    assert here.root.parts[-2:] == ("models", "files")
    assert here.scratch == here.root.parent / "downloads"
    assert here.first is None


def test_a_device_has_them_under_usr_share(installed: Path) -> None:
    assert installed.exists()
    assert place.default_place({}).root == Path("/usr/share/voice-appliance/models")
    assert ModelStore.default({}).manifest.models == {}


def test_the_environment_may_choose_the_folder_and_a_folder_to_ask_first() -> None:
    chosen = {"VOICE_APPLIANCE_MODELS": "/m", "VOICE_APPLIANCE_MODELS_FROM": "/stick"}

    here = place.default_place(chosen)

    assert here == place.Place(Path("/m"), Path("/m/.downloads"), Path("/stick"))


def test_a_list_that_is_not_there_is_named(installed: Path) -> None:
    installed.unlink()

    with pytest.raises(ModelError, match=r"models\.toml: No such file .*install"):
        place.default_manifest()
