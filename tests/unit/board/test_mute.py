from appliance.board.mute import Mute
from appliance.board.wishes import Wishes
from appliance.events import MuteSwitched


class FakeLamp:
    def __init__(self) -> None:
        self.on = False

    def light(self, *, on: bool) -> None:
        self.on = on


def test_nobody_outside_can_open_a_closed_switch() -> None:
    told: list[MuteSwitched] = []
    closed = True
    mute = Mute(told.append)
    mute.switched(closed)
    assert not mute.ask(muted=False)
    assert mute.muted
    assert told == [MuteSwitched(muted=True)]


def test_opening_the_switch_takes_back_a_wish_from_outside() -> None:
    told: list[MuteSwitched] = []
    closed = True
    mute = Mute(told.append)
    mute.ask(muted=True)
    mute.switched(closed)
    mute.switched(not closed)
    assert told == [MuteSwitched(muted=True), MuteSwitched(muted=False)]


def test_the_lamp_is_lit_whoever_muted() -> None:
    lamp = FakeLamp()
    mute = Mute(lambda _: None, lamp=lamp)
    seen = []
    for wish in (True, False):
        mute.ask(muted=wish)
        seen.append(lamp.on)
    mute.start(Wishes(switch=True))
    assert [*seen, lamp.on] == [True, False, True]
