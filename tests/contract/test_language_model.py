"""The stand-in for a language model, for real: llama.cpp, constrained, with a small house."""

import json
import os
import threading
import time
from collections.abc import Iterator

import pytest

from appliance.app.language_model import FILE
from appliance.backend.local.llm.model import LanguageModel, Tuning
from appliance.backend.local.llm.offer import offered, within
from appliance.backend.local.llm.prompt import prompt
from appliance.backend.local.llm.reading import read
from appliance.backend.local.llm.schema import answers
from appliance.backend.local.llm.stage import STAGE, WithModel
from appliance.backend.local.understand import StagedUnderstander
from appliance.catalogue import ToolSpec
from appliance.errors import ModelError
from appliance.units import Seconds
from tests.models import model_folder
from tests.requests import house

PATIENCE = Seconds(50.0)
"""Of a busy machine; a test has a minute."""

REQUESTS = (
    "It is terribly hot where I sleep.",
    "twenty one would do for the sofa",
    "blah blah 'quotes' {\"calls\": [1]} \\ \u202e ☃",
)


@pytest.fixture(scope="module")
def tools() -> tuple[ToolSpec, ...]:
    few = ("set_fan", "set_temperature", "get_time")
    return tuple(tool for tool in house() if tool.name in few)


@pytest.fixture(scope="module")
def model() -> Iterator[LanguageModel]:
    file = model_folder("smollm2-135m") / FILE
    made = LanguageModel(file, Tuning(threads=1, patience=PATIENCE))
    assert made.wait(PATIENCE)
    yield made
    made.close()


@pytest.mark.parametrize("request_", REQUESTS)
def test_any_request_gives_calls_that_fit_or_none(
    request_: str,
    model: LanguageModel,
    tools: tuple[ToolSpec, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("appliance.backend.local.llm.model.SURE", -1_000.0)  # it is never sure
    heard = StagedUnderstander(nearest=False).heard(request_, tools)
    some = within(offered(tools), heard)

    written = model.complete(prompt(offered(tools)), request_, answers(some))

    asked = json.loads(written)
    assert asked.keys() == {"calls"}
    assert len(read(written, some).calls) == len(
        {json.dumps(call, sort_keys=True) for call in asked["calls"]}
    ), "what the grammar lets through, the check does"


def test_the_prompt_is_read_once(
    model: LanguageModel, tools: tuple[ToolSpec, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    told = prompt(offered(tools))
    model.prepare(told)
    both = WithModel(StagedUnderstander(nearest=False), model)
    while not model.ready(told):
        time.sleep(0.01)

    understanding = both.understand("it is so gloomy over there", tools)

    assert understanding.stage in (STAGE, "none")
    assert understanding.trace[-1].stage == STAGE
    assert model.last is not None
    assert model.last.cached > 10 * model.last.prompt
    assert "gloomy" not in "".join(capfd.readouterr()), "llama.cpp prints nothing of it"


def test_others_work_while_it_writes_and_it_can_be_stopped(
    model: LanguageModel, tools: tuple[ToolSpec, ...]
) -> None:
    some = offered(tools)
    problems: list[str] = []

    def ask() -> None:
        try:
            text = f"{os.getpid()} " + "tell me a very long story about a lamp " * 10
            model.complete(prompt(some), text, answers(some))
        except ModelError as error:
            problems.append(str(error))

    asking = threading.Thread(target=ask)
    asking.start()
    turns = 0
    while not problems and asking.is_alive():
        turns += 1
        model.stop()
        time.sleep(0.001)
    asking.join()
    assert problems == ["the language model was stopped"]
    assert turns > 1
