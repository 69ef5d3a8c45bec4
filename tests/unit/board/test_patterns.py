import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.board.patterns import AMBER, BLUE, CYAN, DARK, RED, VIOLET, Facing, light, moving
from appliance.ports import Cue
from appliance.units import Seconds

TIMES = st.floats(0, 1e5).map(Seconds)


@given(st.sampled_from(Cue), TIMES, st.integers(0, 64), st.booleans())
def test_every_light_is_within_what_leds_can_show(
    cue: Cue,
    at: Seconds,
    leds: int,
    offline: bool,  # noqa: FBT001 - drawn
) -> None:
    shown = light(cue, at, leds, offline=offline)
    assert len(shown.ring) == leds
    assert all(0 <= part <= 255 for colour in shown.ring for part in colour)
    assert 0.0 <= shown.status <= 1.0


@given(st.sampled_from(Cue), TIMES, TIMES, st.integers(0, 64))
def test_what_does_not_move_stays(cue: Cue, at: Seconds, later: Seconds, leds: int) -> None:
    if not moving(cue, at):
        for offline in (False, True):
            later_on = light(cue, Seconds(at + later), leds, offline=offline)
            assert light(cue, at, leds, offline=offline) == later_on


def test_at_rest_it_is_dark() -> None:
    assert light(Cue.IDLE, Seconds(3), 3).ring == (DARK,) * 3


@pytest.mark.parametrize("cue", [Cue.IDLE, Cue.UNHEARD, Cue.FAILED])
def test_offline_is_a_faint_light_of_its_own_colour_once_the_box_is_at_rest(cue: Cue) -> None:
    rest = light(cue, Seconds(5), 3, offline=True)
    (red, green, blue) = rest.ring[0]
    assert 0 < max(red, green, blue) <= 0.1 * 255
    assert 0 < rest.status <= 0.1
    others = [tuple(round(part * 0.08) for part in colour) for colour in (BLUE, CYAN, AMBER, RED)]
    assert rest.ring[0] not in [DARK, *others]
    assert rest.ring == (tuple(round(part * 0.08) for part in VIOLET),) * 3


@pytest.mark.parametrize("cue", [Cue.LISTENING, Cue.THINKING, Cue.SPEAKING, Cue.MUTED])
def test_offline_changes_nothing_while_the_box_does_something(cue: Cue) -> None:
    assert light(cue, Seconds(5), 3, offline=True) == light(cue, Seconds(5), 3)


def test_mute_is_red_and_still() -> None:
    assert light(Cue.MUTED, Seconds(0), 3).ring == (RED,) * 3


def test_the_thinking_light_goes_round() -> None:
    brightest = []
    for step in range(12):
        ring = light(Cue.THINKING, Seconds(step * 0.1), 12).ring
        brightest.append(max(range(12), key=lambda led: sum(ring[led])))
    assert brightest == list(range(12))


def test_failure_flashes_at_most_twice_a_second_and_ends() -> None:
    shown = [light(Cue.FAILED, Seconds(step / 100), 1).status for step in range(500)]
    flashes = sum(a < b for a, b in zip([0.0, *shown], shown, strict=False))
    assert flashes == 4
    assert shown[200:] == [0.0] * 300


@pytest.mark.parametrize(
    ("facing", "bearing", "place"),
    [
        (Facing(), 0.0, 0.0),
        (Facing(), 90.0, 9.0),  # to the left: three quarters of the way round, clockwise
        (Facing(clockwise=False), 90.0, 3.0),
        (Facing(front=4), 0.0, 4.0),
        (Facing(front=10, clockwise=False), 90.0, 1.0),
    ],
)
def test_a_bearing_points_at_a_light(facing: Facing, bearing: float, place: float) -> None:
    assert facing.towards(bearing, 12) == pytest.approx(place)


@pytest.mark.parametrize("towards", [0.0, 4.0, 11.0])
def test_while_listening_the_light_towards_the_talker_is_the_brightest(towards: float) -> None:
    ring = light(Cue.LISTENING, Seconds(0), 12, towards=towards).ring
    assert ring[int(towards)] == BLUE
    assert all(colour[2] < BLUE[2] for led, colour in enumerate(ring) if led != towards)
    assert ring[(int(towards) + 6) % 12] not in {DARK, BLUE}  # it listens all around


@given(st.sampled_from(Cue), st.floats(0, 64), st.integers(1, 64))
def test_only_listening_looks_at_the_talker(cue: Cue, towards: float, leds: int) -> None:
    seen = light(cue, Seconds(0.1), leds, towards=towards)
    assert len(seen.ring) == leds
    if cue is not Cue.LISTENING:
        assert seen == light(cue, Seconds(0.1), leds)
