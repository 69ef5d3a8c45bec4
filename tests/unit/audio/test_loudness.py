"""From volumes to gains."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.audio.loudness import Gains, Night, Volumes, gains

VOLUME = st.integers(0, 100)
VOLUMES = st.builds(Volumes, VOLUME, VOLUME, VOLUME)
NIGHTS = st.builds(Night, VOLUME, st.booleans(), st.none() | VOLUME)


def test_full_volume_changes_nothing_and_a_half_is_12_db_softer() -> None:
    assert gains(Volumes()) == Gains(1.0, 1.0, 1.0)
    assert gains(Volumes(main=50)).voice == pytest.approx(0.25)
    assert gains(Volumes(main=50, chimes=50)).chimes == pytest.approx(0.0625)
    assert gains(Volumes(alarms=50), alarm_db=12.0).alarms == pytest.approx(0.995, abs=1e-3)


def test_quiet_hours_put_a_ceiling_over_the_voice_and_take_the_chimes() -> None:
    night = Night(ceiling=30)
    soft = gains(Volumes(), night=night)
    assert [soft.voice, soft.chimes, soft.alarms] == pytest.approx([0.09, 0.0, 1.0])
    assert gains(Volumes(main=10), night=night).voice == pytest.approx(0.01)
    assert gains(Volumes(), night=Night(30, chimes=True)).chimes == pytest.approx(0.09)


def test_what_is_asked_for_in_quiet_hours_goes_over_the_ceiling() -> None:
    assert Night(30, asked=80).main(Volumes()) == 80
    assert Night(30, asked=5).main(Volumes()) == 5
    assert Night(30, asked=0).main(Volumes()) == 0


@given(VOLUMES, NIGHTS)
def test_nothing_touches_alarms_but_their_own_volume(volumes: Volumes, night: Night) -> None:
    assert gains(volumes, night=night).alarms == gains(Volumes(alarms=volumes.alarms)).alarms


@given(VOLUMES, VOLUME, st.booleans())
def test_quiet_hours_make_nothing_louder(volumes: Volumes, ceiling: int, chimes: bool) -> None:  # noqa: FBT001 - an example
    day, night = gains(volumes), gains(volumes, night=Night(ceiling, chimes))
    assert 0.0 <= night.voice <= day.voice <= 1.0
    assert 0.0 <= night.chimes <= day.chimes <= day.voice
    assert night.voice <= (ceiling / 100) ** 2
