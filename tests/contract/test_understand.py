"""Understanding with its real model: the requests to a house, and the coffee maker's manifest."""

from functools import cache
from statistics import fmean

import pytest

from appliance.backend.local.understand import StagedUnderstander
from appliance.backend.local.understand.embedding import Embedder
from appliance.backend.local.understand.types import Call
from appliance.errors import ModelError
from tests.models import model_folder
from tests.requests import DATA, Judged, coffee_maker, house, judge, read

RIGHT_EN = 0.93
"""Floors a little below what is measured (see ``./run bench understand``), so that only a real
loss fails."""

RIGHT_DE = 0.93
WRONG_ACTIONS = 0.02


@cache
def judged() -> tuple[Judged, ...]:
    understander = StagedUnderstander(
        wake_phrases=["hey jarvis"], area="kitchen", minilm_folder=model_folder("minilm")
    )
    tools = house()
    found = []
    for request in read(DATA / "requests" / "home_en.toml"):
        understander.forget()
        found.append(judge(understander, tools, request))
    return tuple(found)


def missed(found: tuple[Judged, ...]) -> list[tuple[str, ...]]:
    return [one.expected.turns for one in found if not one.right]


def test_most_requests_to_a_house_are_understood() -> None:
    assert fmean(one.right for one in judged()) >= RIGHT_EN, missed(judged())


def test_hardly_anything_is_done_that_was_not_asked_for() -> None:
    wrong = [one.expected.turns for one in judged() if one.wrong_action]
    assert len(wrong) / len(judged()) <= WRONG_ACTIONS, wrong


def test_a_plain_request_never_waits_for_the_model() -> None:
    stages = [one.understanding.stage for one in judged() if one.expected.kind == "rooms"]
    assert stages.count("sentences") >= len(stages) - 2


def test_german_is_understood_by_its_words_alone() -> None:
    understander = StagedUnderstander(language="de", wake_phrases=["hey jarvis"])
    tools = house("de")
    found = []
    for request in read(DATA / "requests" / "home_de.toml"):
        understander.forget()
        found.append(judge(understander, tools, request))
    assert fmean(one.right for one in found) >= RIGHT_DE, missed(tuple(found))
    assert not any(one.wrong_action for one in found)


@pytest.mark.parametrize(
    ("said", "arguments"),
    [
        (("Can I have a dark rose double-shot iced coffee with a bit of brown sugar and some "
            "milk?"), {
            "coffee_drink": "iced coffee", "roast": "dark roast", "number_of_shots": "double shot",
            "milk_amount": "some milk", "sugar_amount": "a bit of brown sugar",
        }),
        ("Make me a sixty-nounce ice-moca with milk.", {
            "coffee_drink": "iced mocha", "size": "sixteen ounce", "milk_amount": "milk",
        }),
        ("May I have a 12 ounce medium row smoga?", {
            "coffee_drink": "mocha", "size": "twelve ounce", "roast": "medium roast",
        }),
    ],
)  # fmt: skip
def test_a_tool_known_by_its_manifest_alone_is_understood(
    said: str, arguments: dict[str, object]
) -> None:
    understander = StagedUnderstander(minilm_folder=model_folder("minilm"))
    understanding = understander.understand(said, [coffee_maker()])
    assert understanding.calls == (Call("order_coffee", arguments),)


def test_like_sentences_have_like_vectors() -> None:
    vectors = Embedder(model_folder("minilm")).vectors(
        ["turn on the lamp", "switch the light on", "the capital of a country"]
    )
    assert vectors.shape == (3, 384)
    assert vectors[0] @ vectors[1] > 0.6
    assert vectors[0] @ vectors[2] < 0.3


def test_a_missing_model_is_named() -> None:
    with pytest.raises(ModelError, match=r"model\.onnx|tokenizer\.json"):
        Embedder(DATA / "nowhere").load()
