"""``docs/licences.md`` names everything that the appliance stands on."""

import re
import tomllib

import pytest

from appliance.store import default_manifest
from tests import licences

PAGE = licences.PAGE.read_text(encoding="utf-8")
RENEW = "write it anew: python -m tests.licences"


def test_every_locked_package_is_named_with_its_versions() -> None:
    lock = tomllib.loads((licences.ROOT / "uv.lock").read_text(encoding="utf-8"))
    locked: dict[str, list[str]] = {}
    for package in lock["package"]:
        locked.setdefault(package["name"], []).append(package["version"])
    del locked[licences.PROJECT]

    named = dict(re.findall(r"^\| ([^ |]+) \| ([0-9][^|]*) \|", PAGE, re.MULTILINE))
    assert named == {name: " / ".join(versions) for name, versions in locked.items()}, RENEW


def test_every_model_is_named_with_its_licence() -> None:
    for name, model in default_manifest().models.items():
        assert f"### {name}\n" in PAGE, RENEW
        assert f"Weights: {model.licence_weights}." in PAGE, RENEW


@pytest.mark.parametrize("name", licences.runtime_packages())
def test_every_debian_package_at_run_time_is_named(name: str) -> None:
    assert f"| {name} | " in PAGE, RENEW


def test_every_package_has_a_licence() -> None:
    for packages in licences.closures().values():
        for name in packages:
            assert licences.licence(name).strip()


def test_what_talks_is_free_of_the_gpl() -> None:
    sections = list(licences.closures().values())
    for name in (*sections[0], *sections[1]):
        assert not re.search(r"(?<!L)GPL|GNU General", licences.licence(name)), name
