"""The list of models: what it says, and how it is refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import ModelError
from appliance.store import default_manifest
from appliance.store.manifest import Origin, Package
from tests.unit.store.shelf import EAR, LIST, TONGUE, manifest


def test_a_model_has_its_files_with_sources_in_order() -> None:
    ear = manifest().get("ear")

    near, far = Package("near", "first", "near", "1.0"), Package("far", "second", "far", "2.0")
    assert ear.files[0].sources == (Origin(near, "in/ear"), Origin(far, "out/ear"))
    assert ear.size() == len(EAR)
    assert manifest().get("mouth").size() == len(EAR) + len(TONGUE)


def test_the_default_models_are_those_marked_and_the_tests_need_more() -> None:
    assert manifest().defaults() == ("ear",)
    assert manifest().for_tests() == ("ear", "mouth")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('kind = "first"', 'kind = "third"', "packages.near.kind: 'third' is none of first, sec"),
        ('kind = "first"', 'kind = "first"\ncolour = "red"', "packages.near.colour: Extra inputs"),
        ('version = "2.0"', "version = 2.0", "packages.far.version: Input should be a valid str"),
        ('package = "near"', 'package = "neer"', "models.ear.ear.onnx.sources: there is no pack"),
        ('name = "tongue.onnx"', 'name = "ear.onnx"', "models.mouth.files: 'ear.onnx' appears tw"),
        (
            'name = "tongue.onnx"',
            'name = "../x"',
            "models.mouth.files.0.name: String should match",
        ),
        ("[models.mouth]", '[models."../x"]', "list.toml: "),
        ('sha256 = "', 'sha256 = "zz', "models.ear.files.0.sha256: String should match"),
        ("default = true", "default = 1", "models.ear.default: Input should be a valid boolean"),
        ("default = true", "default = ", "list.toml: Invalid value (at line 16"),
        ('weights = "MIT"', 'weight = "MIT"', "models.ear.licence.weights: Field required"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(old: str, new: str, problem: str) -> None:
    with pytest.raises(ModelError) as caught:
        manifest(LIST.replace(old, new))

    assert problem in str(caught.value)


def test_all_problems_are_said_at_once() -> None:
    twice = LIST.replace('kind = "first"', 'kind = "a"').replace('kind = "second"', 'kind = "b"')

    with pytest.raises(ModelError) as caught:
        manifest(twice)

    assert len(str(caught.value).splitlines()) == 2


def test_an_unknown_recipe_is_refused() -> None:
    made = f'[models.ear.files.made]\nname = "magic"\nsize = 1\nsha256 = "{64 * "0"}"\n'
    made += 'with_versions = "none"\n[models.mouth]'

    with pytest.raises(ModelError, match=r"ear\.onnx\.made: 'magic' is none of int8-dynamic"):
        manifest(LIST.replace("[models.mouth]", made))


@given(st.integers(0, len(LIST)), st.integers(0, 40), st.text(max_size=12))
def test_a_damaged_list_is_read_or_refused_but_never_breaks(at: int, cut: int, put: str) -> None:
    with contextlib.suppress(ModelError):
        manifest(LIST[:at] + put + LIST[at + cut :])


def test_the_list_that_comes_with_the_appliance_names_what_it_needs() -> None:
    ours = default_manifest()

    assert {"silero-vad", "minilm", "voice-en-joe"} <= set(ours.defaults())
    for model in ours.models.values():
        kinds = [file.sources[0].package.kind for file in model.files]
        assert not model.default or set(kinds) == {"pip"}, "every machine has pip; few have npm"
