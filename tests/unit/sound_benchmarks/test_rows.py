import math

import pytest

from tests.benchmarks import Row


@pytest.mark.parametrize(
    ("value", "limit", "least", "exceeded"),
    [
        (5.0, None, None, False),
        (5.0, 5.0, None, False),
        (5.1, 5.0, None, True),
        (5.0, None, 5.0, False),
        (4.9, None, 5.0, True),
        (5.0, 6.0, 4.0, False),
        (math.nan, None, 5.0, True),
        (math.nan, 5.0, None, True),
        (math.nan, None, None, False),
        ("never", 5.0, 5.0, False),
    ],
)
def test_a_value_beyond_a_limit_or_below_the_least_is_found(
    value: float | str, limit: float | None, least: float | None, *, exceeded: bool
) -> None:
    assert Row("figure", value, limit=limit, least=least).exceeded == exceeded
