"""Other players' volumes, without a sound server."""

from dataclasses import replace

import pytest

from appliance.host.softening import (
    MOST_OWNERS,
    SETTLING,
    SIGHTINGS,
    STEPS,
    Owed,
    Softening,
    Stream,
    Volumes,
)
from appliance.units import Seconds

MUSIC = Stream(1, "music", (1.0, 0.5))
SOFT = (10 ** (-20 / 60), 0.5 * 10 ** (-20 / 60))


class Server:
    """A sound server that does as it is told."""

    def __init__(self, *streams: Stream, softening: Softening | None = None) -> None:
        self.streams = {stream.index: stream for stream in streams}
        self.softening = softening or Softening(20.0)
        self.now = 0.0

    def looks(self, times: int = STEPS) -> None:
        for _ in range(times):
            self.now += 0.02
            streams = list(self.streams.values())
            for change in self.softening.step(streams, Seconds(self.now)):
                self.set(change.index, change.volumes)

    def set(self, index: int, volumes: Volumes) -> None:
        stored = tuple(round(each * 65536) / 65536 for each in volumes)
        self.streams[index] = replace(self.streams[index], volumes=stored)

    def volumes(self, index: int = 1) -> Volumes:
        return self.streams[index].volumes

    def done(self) -> bool:
        return not self.softening.moving

    def soften(self) -> None:
        self.softening.wanted = True
        self.looks()

    def restore(self) -> None:
        self.softening.wanted = False
        self.looks()


def test_players_become_softer_step_by_step_and_then_are_as_they_were() -> None:
    server = Server(MUSIC)
    server.softening.wanted = True
    server.looks(1)
    assert SOFT[0] < server.volumes()[0] < 1.0
    assert not server.done()
    server.looks(STEPS - 1)
    assert server.volumes() == pytest.approx(SOFT, abs=1e-4)
    assert server.done()
    assert list(server.softening.owed) == ["music"]

    server.softening.wanted = False
    server.looks(1)
    assert SOFT[0] < server.volumes()[0] < 1.0
    server.looks(STEPS)
    assert server.volumes() == MUSIC.volumes
    assert not server.softening.owed


def test_who_begins_meanwhile_is_made_softer_and_who_is_paused_is_not() -> None:
    server = Server(replace(MUSIC, playing=False))
    server.soften()
    assert server.volumes() == MUSIC.volumes
    server.streams[1] = MUSIC
    server.streams[2] = Stream(2, "film", (0.8,))
    server.looks()
    assert server.volumes() == pytest.approx(SOFT, abs=1e-4)
    assert server.volumes(2) == pytest.approx((0.8 * SOFT[0],), abs=1e-4)
    server.restore()
    assert server.volumes() == MUSIC.volumes
    assert server.volumes(2) == pytest.approx((0.8,), abs=1e-5)


def test_whose_volume_is_changed_by_somebody_else_meanwhile_keeps_it() -> None:
    server = Server(MUSIC)
    server.soften()
    server.now += SETTLING
    server.set(1, (0.7, 0.7))
    server.looks()
    kept = server.volumes()
    server.restore()
    assert server.volumes() == kept == pytest.approx((0.7, 0.7), abs=1e-4)
    assert not server.softening.owed
    server.soften()  # the next time it is a volume like any other
    assert server.volumes()[0] < 0.7
    server.restore()
    assert server.volumes() == kept


def test_a_reading_from_before_our_latest_change_is_nobody_elses() -> None:
    server = Server(MUSIC)
    server.softening.wanted = True
    server.looks(1)
    late = server.volumes()
    server.looks(3)
    server.streams[1] = replace(MUSIC, volumes=late)
    server.looks(STEPS - 4)
    assert server.volumes() == pytest.approx(SOFT, abs=1e-4)


def test_player_that_ends_while_it_is_soft_does_not_begin_softly_ever_after() -> None:
    server = Server(MUSIC)
    server.soften()
    soft = server.streams.pop(1)
    server.restore()
    assert list(server.softening.owed) == ["music"]
    server.streams[7] = replace(soft, index=7)  # as servers that remember volumes begin it
    server.looks()
    assert server.volumes(7) == MUSIC.volumes
    assert not server.softening.owed


def test_next_song_of_a_player_that_is_soft_is_not_made_softer_again() -> None:
    server = Server(MUSIC)
    server.soften()
    server.streams = {2: replace(server.streams[1], index=2)}
    server.looks()
    assert server.volumes(2) == pytest.approx(SOFT, abs=1e-4)
    server.restore()
    assert server.volumes(2) == MUSIC.volumes


def test_what_another_life_of_the_program_left_soft_is_made_as_it_was() -> None:
    server = Server(replace(MUSIC, volumes=SOFT))
    server.softening = Softening(6.0, {"music": [Owed(MUSIC.volumes, 20.0)]})
    server.looks()
    assert server.volumes() == MUSIC.volumes
    assert not server.softening.owed


def test_owner_who_has_a_volume_of_their_own_is_owed_nothing_any_more() -> None:
    server = Server(replace(MUSIC, volumes=(0.3, 0.3)))
    server.softening = Softening(20.0, {"music": [Owed(MUSIC.volumes, 20.0)]})
    server.looks(SIGHTINGS - 1)
    assert server.softening.owed  # the server may still be about to give it the soft one
    server.looks(1)
    assert not server.softening.owed
    assert server.volumes() == (0.3, 0.3)


def test_server_that_comes_back_gives_everybody_what_they_had() -> None:
    server = Server(MUSIC)
    server.soften()
    server.softening.lose()
    server.streams = {9: replace(server.streams[1], index=9)}
    server.looks()
    assert server.volumes(9) == pytest.approx(SOFT, abs=1e-4)
    server.restore()
    assert server.volumes(9) == MUSIC.volumes


def test_two_streams_of_one_owner_get_each_its_own_volume_back() -> None:
    server = Server(MUSIC, Stream(2, "music", (0.25, 0.25)))
    server.soften()
    server.restore()
    assert server.volumes() == MUSIC.volumes
    assert server.volumes(2) == (0.25, 0.25)
    assert not server.softening.owed


def test_in_a_hurry_one_step_is_enough() -> None:
    server = Server(MUSIC)
    server.soften()
    server.softening.hurry()
    server.looks(1)
    assert server.volumes() == MUSIC.volumes
    assert not server.softening.owed


def test_turning_round_halfway_ends_where_it_began() -> None:
    server = Server(MUSIC)
    server.softening.wanted = True
    server.looks(4)
    server.restore()
    assert server.volumes() == MUSIC.volumes
    server.softening.wanted = True
    server.looks(STEPS)
    server.softening.wanted = False
    server.looks(3)
    server.soften()
    assert server.volumes() == pytest.approx(SOFT, abs=1e-4)


def test_silence_is_left_alone() -> None:
    server = Server(replace(MUSIC, volumes=(0.0, 0.0)))
    server.soften()
    assert not server.softening.owed


def test_two_streams_of_one_owner_outlive_the_server() -> None:
    server = Server(MUSIC, Stream(2, "music", (0.25, 0.25)))
    server.soften()
    server.softening.lose()
    server.streams = {
        7: replace(server.streams[1], index=7),
        8: replace(server.streams[2], index=8),
    }
    server.restore()
    assert server.volumes(7) == MUSIC.volumes
    assert server.volumes(8) == (0.25, 0.25)


def test_after_a_new_start_the_server_may_give_an_index_to_somebody_else() -> None:
    server = Server(MUSIC)
    server.soften()
    server.softening.lose()
    server.streams = {1: Stream(1, "film", (0.9,))}
    server.looks()
    assert server.volumes()[0] == pytest.approx(0.9 * SOFT[0], abs=1e-4)
    server.restore()
    assert server.volumes() == pytest.approx((0.9,), abs=1e-5)


def test_owner_whose_one_stream_was_let_go_is_still_owed_the_other() -> None:
    server = Server(MUSIC, replace(MUSIC, index=2))
    server.soften()
    server.now += SETTLING
    server.set(1, (0.7, 0.7))
    server.looks(1)
    server.softening.lose()
    server.streams = {3: replace(server.streams[2], index=3)}
    server.restore()
    assert server.volumes(3) == MUSIC.volumes


def test_not_everybody_who_ever_played_is_remembered() -> None:
    server = Server()
    for number in range(2 * MOST_OWNERS):
        server.streams = {number: Stream(number, f"player {number}", (1.0,))}
        server.soften()
    assert len(server.softening.owed) == MOST_OWNERS
    assert f"player {2 * MOST_OWNERS - 1}" in server.softening.owed
