"""Whatever players come, go, pause and change meanwhile, they end with the volume they chose."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from appliance.host.softening import SETTLING, STEPS, Softening, Stream
from appliance.units import Seconds

OWNERS = ("music", "film", "radio")
CHOSEN = st.integers(1, 65536).map(lambda raw: (raw / 65536,))

ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("order"), st.booleans()),
        st.tuples(st.just("look"), st.integers(1, 15)),
        st.tuples(st.just("begin"), st.sampled_from(OWNERS)),
        st.tuples(st.just("end"), st.integers(0, 5)),
        st.tuples(st.just("pause"), st.integers(0, 5)),
        st.tuples(st.just("lost"), st.just(0)),
    ),
    max_size=30,
)


class House:
    """A sound server that remembers volumes, and what people want of it."""

    def __init__(self, chosen: dict[str, tuple[float, ...]]) -> None:
        self.chosen = chosen
        self.remembered = dict(chosen)
        self.streams: dict[int, Stream] = {}
        self.softening = Softening(20.0)
        self.count = 0
        self.now = 0.0

    def act(self, act: str, what: object) -> None:
        there = list(self.streams)
        match act, what:
            case "order", bool(wanted):
                self.softening.wanted = wanted
            case "look", int(times):
                self.look(times)
            case "begin", str(owner):
                self.begin(owner)
            case "end", int(place) if there:
                del self.streams[there[place % len(there)]]
            case "pause", int(place) if there:
                stream = self.streams[there[place % len(there)]]
                self.streams[stream.index] = replace(stream, playing=not stream.playing)
            case "lost", _:
                self.softening.lose()
                before, self.streams = self.streams, {}
                for stream in before.values():
                    self.begin(stream.owner)
            case _:
                pass

    def begin(self, owner: str) -> None:
        self.count += 1
        if any(stream.owner == owner for stream in self.streams.values()):
            return  # one each: what several of one owner get is in the unit tests
        self.streams[self.count] = Stream(self.count, owner, self.remembered[owner])

    def look(self, times: int) -> None:
        for _ in range(times):
            self.now += 0.02
            for change in self.softening.step(list(self.streams.values()), Seconds(self.now)):
                stream = self.streams[change.index]
                stored = tuple(round(each * 65536) / 65536 for each in change.volumes)
                self.streams[change.index] = replace(stream, volumes=stored)
                self.remembered[stream.owner] = stored


@given(st.tuples(CHOSEN, CHOSEN, CHOSEN), ACTS)
def test_everybody_has_the_volume_they_chose_in_the_end(
    chosen: tuple[tuple[float], tuple[float], tuple[float]], acts: list[tuple[str, object]]
) -> None:
    house = House(dict(zip(OWNERS, chosen, strict=True)))
    for act, what in acts:
        house.act(act, what)
        for stream in house.streams.values():
            assert stream.volumes <= house.chosen[stream.owner]
    house.softening.wanted = False
    house.look(STEPS + 3)
    for owner in OWNERS:
        house.begin(owner)
    house.look(STEPS + 3)
    for stream in house.streams.values():
        assert stream.volumes == house.chosen[stream.owner]
    assert not house.softening.owed


@given(CHOSEN, CHOSEN, st.integers(0, STEPS))
def test_a_volume_that_somebody_sets_once_all_is_soft_is_never_touched(
    chosen: tuple[float], set_to: tuple[float], more: int
) -> None:
    house = House({"music": chosen})
    house.begin("music")
    house.softening.wanted = True
    house.look(STEPS)
    house.now += SETTLING
    (stream,) = house.streams.values()
    if abs(stream.volumes[0] - set_to[0]) < 2e-4:
        return
    house.streams[1] = replace(stream, volumes=set_to)
    house.look(more + 1)
    house.softening.wanted = False
    house.look(2 * STEPS)
    assert house.streams[1].volumes == set_to
