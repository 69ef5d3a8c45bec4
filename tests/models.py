"""The real models, for tests that need them.

A model that is not there fails the test; it never skips it. ``./run tests`` sets models up.
"""

from functools import cache
from pathlib import Path

import pytest

from appliance.errors import ModelError
from appliance.store import ModelStore


@cache
def _store() -> ModelStore:
    return ModelStore.default()


@cache
def model_folder(name: str) -> Path:
    """Return the folder of a model, or fail the test that asks."""
    try:
        return _store().folder(name)
    except ModelError as error:
        pytest.fail(f"{error} (or all that the tests need: ./run models --tests)", pytrace=False)
