from hypothesis import given
from hypothesis import strategies as st

from appliance.board.patterns import DARK, RED, light, moving
from appliance.ports import Cue
from appliance.units import Seconds

TIMES = st.floats(0, 1e5).map(Seconds)


@given(st.sampled_from(Cue), TIMES, st.integers(0, 64))
def test_every_light_is_within_what_leds_can_show(cue: Cue, at: Seconds, leds: int) -> None:
    shown = light(cue, at, leds)
    assert len(shown.ring) == leds
    assert all(0 <= part <= 255 for colour in shown.ring for part in colour)
    assert 0.0 <= shown.status <= 1.0


@given(st.sampled_from(Cue), TIMES, TIMES, st.integers(0, 64))
def test_what_does_not_move_stays(cue: Cue, at: Seconds, later: Seconds, leds: int) -> None:
    if not moving(cue, at):
        assert light(cue, at, leds) == light(cue, Seconds(at + later), leds)


def test_at_rest_it_is_dark() -> None:
    assert light(Cue.IDLE, Seconds(3), 3).ring == (DARK,) * 3


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
