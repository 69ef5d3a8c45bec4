"""Who wants the box mute or private, under any story."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.board.wishes import Wish, Wishes

STORIES = st.lists(st.tuples(st.sampled_from(["switch", "ask"]), st.booleans()))
STARTS = st.builds(Wishes, st.booleans(), st.booleans())


@given(STARTS, STORIES)
def test_a_closed_switch_always_counts_and_every_change_is_told_once(
    start: Wishes, story: list[tuple[str, bool]]
) -> None:
    told: list[bool] = []
    wish = Wish(told.append)
    wish.start(start)
    closed = start.switch
    for kind, on in story:
        if kind == "switch":
            wish.switched(on)
            closed = on
            assert wish.granted == on  # who stands at the box has the last word
        else:
            assert wish.ask(wanted=on) == (wish.granted == on)
            assert on <= wish.granted
            assert wish.asked_outside == on
        assert closed <= wish.granted
        assert wish.granted == (told[-1] if told else False)
    assert told == [number % 2 == 0 for number in range(len(told))]
