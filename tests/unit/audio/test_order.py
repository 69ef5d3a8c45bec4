import numpy as np
import pytest

from appliance.audio.order import SPEED_OF_SOUND, judge_order
from appliance.frames import RATE

CIRCLE = np.array([[0.033, 0, 0], [0, 0.033, 0], [-0.033, 0, 0], [0, -0.033, 0]])
LINE = np.array([[0.0, 0.03 * n, 0.0] for n in range(4)])


def heard(
    places: np.ndarray[tuple[int, int], np.dtype[np.float64]], source: object
) -> list[float]:
    ways = np.linalg.norm(places - np.asarray(source), axis=1) * RATE / SPEED_OF_SOUND
    return [float(way) + 12.0 for way in ways]


@pytest.mark.parametrize("source", [(0.08, 0.01, -0.05), (0.0, 0.0, -0.1), (-1.0, 2.0, 0.3)])
@pytest.mark.parametrize("places", [CIRCLE, LINE], ids=["circle", "line"])
def test_microphones_in_their_places_fit(
    places: np.ndarray[tuple[int, int], np.dtype[np.float64]], source: tuple[float, float, float]
) -> None:
    found = judge_order(heard(places, source), places.tolist())
    assert found.fits
    assert found.better is None


@pytest.mark.parametrize(
    ("places", "source"),
    [(CIRCLE, (0.3, 0.1, 0.0)), (LINE, (0.0, -0.5, 0.0))],
    ids=["circle", "line"],
)
def test_channels_that_were_exchanged_are_found(
    places: np.ndarray[tuple[int, int], np.dtype[np.float64]], source: tuple[float, float, float]
) -> None:
    right = heard(places, source)
    wrong = [right[0], right[2], right[1], right[3]]
    found = judge_order(wrong, places.tolist())
    assert not found.fits
    assert found.better is not None
    assert judge_order([wrong[n] for n in found.better], places.tolist()).fits


def test_another_board_altogether_fits_in_no_order() -> None:
    found = judge_order(heard(20 * LINE, (3.0, 0.0, 0.0)), CIRCLE.tolist())
    assert not found.fits
    assert found.better is None


def test_a_board_of_eight_is_judged_without_trying_all_its_orders() -> None:
    turns = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    places = np.stack((0.05 * np.cos(turns), 0.05 * np.sin(turns), 0 * turns), axis=1)
    right = heard(places, (0.5, 0.0, 0.0))
    assert judge_order(right, places.tolist()).fits
    found = judge_order([*right[4:6], *right[:4], *right[6:]], places.tolist())
    assert (found.fits, found.better) == (False, None)
