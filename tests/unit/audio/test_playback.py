import asyncio

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from appliance.audio.counters import CardCounters
from appliance.audio.loudness import Gains
from appliance.audio.playback import Playback
from appliance.events import PlaybackDrained, PlaybackStarted
from appliance.units import ResponseId, SampleRate, Seconds

A = ResponseId("a")
B = ResponseId("b")
RATE = SampleRate(16_000)
BLOCK = 160


class Room:
    """A loudspeaker of which every block is written down."""

    def __init__(
        self, *, latency: float = 0.0, channels: int = 1, gain_db: float = 0.0, rate: int = RATE
    ) -> None:
        self.news: list[PlaybackStarted | PlaybackDrained] = []
        self.counters = CardCounters()
        self.playback = Playback(self.news.append, self.counters, gain_db=gain_db)
        self.playback.opened(SampleRate(rate), channels, Seconds(latency))
        self.block = rate // 100

    def blocks(self, count: int) -> NDArray[np.int16]:
        played = b"".join(self.playback.fill(self.block) for _ in range(count))
        return np.frombuffer(played, dtype=np.int16)

    async def told(self) -> list[PlaybackStarted | PlaybackDrained]:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        told, self.news[:] = list(self.news), []
        return told


def pcm(count: int, value: int = 1000) -> bytes:
    return np.full(count, value, dtype=np.int16).tobytes()


async def test_reply_is_played_whole_and_reported_at_its_first_and_last_sample() -> None:
    room = Room()
    room.playback.play(A, pcm(200), RATE)
    room.playback.play(A, pcm(100), RATE)

    assert (room.blocks(1) == 1000).all()
    assert await room.told() == [PlaybackStarted(A)]
    room.playback.finish(A)
    rest = room.blocks(1)

    assert (rest[:140] == 1000).all()
    assert (rest[140:] == 0).all()
    assert await room.told() == [PlaybackDrained(A)]
    assert room.playback.silent
    assert room.counters.reply_gaps == 0


async def test_reply_is_drained_only_after_the_latency_of_the_output() -> None:
    room = Room(latency=0.03)
    room.playback.play(A, pcm(BLOCK), RATE)
    room.playback.finish(A)

    room.blocks(3)
    assert await room.told() == [PlaybackStarted(A)]
    assert not room.playback.silent

    room.blocks(1)
    assert await room.told() == [PlaybackDrained(A)]


async def test_late_piece_leaves_a_gap_that_is_counted_once() -> None:
    room = Room()
    room.playback.play(A, pcm(100), RATE)

    gap = room.blocks(3)
    room.playback.play(A, pcm(BLOCK), RATE)
    after = room.blocks(1)

    assert (gap[:100] == 1000).all()
    assert (gap[100:] == 0).all()
    assert (after == 1000).all()
    assert room.counters.reply_gaps == 1


async def test_waiting_for_the_first_piece_is_no_gap() -> None:
    room = Room(rate=48_000)
    room.playback.play(A, pcm(1), RATE)  # all of it is still in the resampler

    room.blocks(3)

    assert room.counters.reply_gaps == 0


async def test_stop_silences_within_one_block_and_says_what_was_heard() -> None:
    room = Room(latency=0.02)
    room.playback.play(A, pcm(10 * BLOCK), RATE)
    room.blocks(5)

    heard = room.playback.stop()
    last = room.blocks(1)

    assert heard == pytest.approx(0.03)
    assert last[0] == 1000
    assert abs(last[-1]) < 10  # dies away, without a click
    assert (room.blocks(5) == 0).all()
    assert await room.told() == []  # a reply that was stopped is no news
    assert room.playback.silent


async def test_stop_before_anything_reached_the_ear_means_nothing_was_heard() -> None:
    room = Room(latency=0.05)
    assert room.playback.stop() == 0.0

    room.playback.play(A, pcm(BLOCK), RATE)
    room.blocks(2)

    assert room.playback.stop() == 0.0


async def test_each_of_two_replies_in_a_row_has_its_own_ledger() -> None:
    room = Room(latency=0.02)
    room.playback.play(A, pcm(4 * BLOCK), RATE)
    room.playback.finish(A)
    room.playback.play(B, pcm(4 * BLOCK), RATE)
    room.blocks(5)
    assert room.playback.heard(A) == pytest.approx(0.03)
    assert room.playback.heard(B) == 0.0

    room.blocks(2)
    await room.told()
    assert room.playback.heard(A) == 0.0  # it is over
    assert room.playback.heard(B) == pytest.approx(0.01)
    assert room.playback.heard(ResponseId("never played")) == 0.0


async def test_stop_while_the_last_sound_is_on_its_way_counts_what_arrived() -> None:
    room = Room(latency=0.05)
    room.playback.play(A, pcm(10 * BLOCK), RATE)
    room.playback.finish(A)
    room.blocks(13)

    assert room.playback.stop() == pytest.approx(0.08)
    room.blocks(10)
    assert await room.told() == []


async def test_next_reply_follows_without_a_gap_and_stop_speaks_of_it() -> None:
    room = Room()
    room.playback.play(A, pcm(100), RATE)
    room.playback.finish(A)
    room.playback.play(B, pcm(300, 2000), RATE)

    played = room.blocks(2)

    assert (played[:100] == 1000).all()
    assert (played[100:] == 2000).all()
    assert await room.told() == [PlaybackStarted(A), PlaybackStarted(B), PlaybackDrained(A)]
    assert room.playback.stop() == pytest.approx(220 / RATE)


async def test_new_reply_can_start_right_after_a_stop() -> None:
    room = Room()
    room.playback.play(A, pcm(10 * BLOCK), RATE)
    room.blocks(1)
    room.playback.stop()
    room.playback.play(B, pcm(BLOCK, 2000), RATE)
    room.playback.finish(B)

    played = room.blocks(2)

    assert (played[BLOCK:] == 2000).all()
    assert await room.told() == [PlaybackStarted(B), PlaybackDrained(B)]


async def test_reply_without_sound_is_drained_at_once() -> None:
    room = Room()

    room.playback.finish(A)

    assert await room.told() == [PlaybackDrained(A)]


async def test_without_a_loudspeaker_replies_are_swallowed_and_drained() -> None:
    room = Room()
    room.playback.opened(SampleRate(0), 0, Seconds(0.0))
    room.playback.play(A, pcm(BLOCK), RATE)
    room.playback.chime(np.ones(10, dtype=np.int16), RATE)
    room.playback.finish(A)

    assert await room.told() == [PlaybackDrained(A)]
    assert room.playback.stop() == 0.0


async def test_lost_loudspeaker_keeps_nobody_waiting() -> None:
    room = Room()
    room.playback.play(A, pcm(10 * BLOCK), RATE)
    room.playback.finish(A)
    room.playback.play(B, pcm(10 * BLOCK), RATE)
    room.blocks(1)
    room.playback.lost()

    assert await room.told() == [PlaybackStarted(A), PlaybackDrained(A)]
    room.playback.play(B, pcm(BLOCK), RATE)
    room.playback.finish(B)
    assert await room.told() == [PlaybackDrained(B)]

    room.playback.opened(RATE, 1, Seconds(0.0))
    assert abs(room.blocks(1)).max() <= 1000  # what was playing dies away
    assert (room.blocks(2) == 0).all()


@pytest.mark.parametrize("rate", [8_000, 22_050, 24_000, 48_000])
@pytest.mark.parametrize("card", [16_000, 44_100, 48_000])
async def test_any_rate_is_played_in_its_own_time(rate: int, card: int) -> None:
    room = Room(rate=card)
    wave = np.rint(8000 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)).astype(np.int16)
    whole = wave.tobytes()
    cut = [whole[n : n + 3001] for n in range(0, len(whole), 3001)]  # pieces end within a sample
    for piece in cut:
        room.playback.play(A, piece, SampleRate(rate))
    room.playback.finish(A)

    played = room.blocks(110)

    assert await room.told() == [PlaybackStarted(A), PlaybackDrained(A)]
    length = np.flatnonzero(played)[-1]
    assert length == pytest.approx(card, abs=card * 0.005)
    expected = 8000 * np.sin(2 * np.pi * 440 * np.arange(card) / card)
    inner = slice(card // 10, -card // 10)
    assert np.abs(played[:card][inner] - expected[inner]).max() < 250


async def test_every_channel_plays_the_same() -> None:
    room = Room(channels=2)
    room.playback.play(A, np.arange(BLOCK, dtype=np.int16).tobytes(), RATE)

    stereo = room.blocks(1).reshape(-1, 2)

    assert (stereo[:, 0] == np.arange(BLOCK)).all()
    assert (stereo[:, 1] == stereo[:, 0]).all()
    assert len(room.playback.fill(7)) == 7 * 2 * 2


async def test_loudness_is_two_gains_and_changes_at_once() -> None:
    room = Room(gain_db=-20.0)
    room.playback.play(A, pcm(3 * BLOCK, 10_000), RATE)

    assert room.blocks(1)[0] == 1000
    room.playback.set_gains(Gains(voice=0.25))
    assert room.blocks(1)[0] == 250
    room.playback.set_gains(Gains(voice=0.0))
    assert room.blocks(1)[0] == 0


async def test_each_kind_of_sound_has_its_own_loudness() -> None:
    room = Room(gain_db=-20.0)
    room.playback.set_gains(Gains(voice=0.5, chimes=0.25, alarms=2.0))
    room.playback.play(A, pcm(4 * BLOCK, 10_000), RATE)
    room.playback.chime(np.full(BLOCK, 400, dtype=np.int16), RATE)
    room.playback.chime(np.full(BLOCK + 1, 400, dtype=np.int16), RATE, alarm=True)
    room.playback.chime(np.full(BLOCK - 1, 40, dtype=np.int16), RATE)

    blocks = room.blocks(4).reshape(4, -1)
    assert (blocks[0] == 500 + 100).all()
    assert (blocks[1] == 500 + 800).all()
    assert blocks[2].tolist() == [500 + 800] + [500 + 10] * (BLOCK - 1)
    assert (blocks[3] == 500).all()


async def test_too_loud_is_clipped_and_not_turned_over() -> None:
    room = Room(gain_db=12.0)
    room.playback.play(A, pcm(BLOCK, 30_000), RATE)

    assert (room.blocks(1) == 32_767).all()


async def test_chime_is_mixed_into_a_reply_and_belongs_to_none() -> None:
    room = Room()
    room.playback.play(A, pcm(2 * BLOCK), RATE)
    room.playback.chime(np.full(200, 300, dtype=np.int16), RATE)

    played = room.blocks(2)
    heard = room.playback.stop()

    assert (played[:200] == 1300).all()
    assert (played[200:] == 1000).all()
    assert heard == pytest.approx(0.02)


async def test_chime_alone_is_played_at_the_cards_rate_and_outlives_a_stop() -> None:
    room = Room(rate=48_000)
    wave = np.rint(8000 * np.sin(2 * np.pi * 500 * np.arange(1600) / RATE)).astype(np.int16)
    room.playback.chime(wave, RATE)
    silent_before = room.playback.silent

    room.playback.stop()
    played = room.blocks(12)

    assert np.abs(played[1000:4000]).max() == pytest.approx(8000, rel=0.05)
    assert np.flatnonzero(played)[-1] == pytest.approx(4800, abs=50)
    assert (silent_before, room.playback.silent) == (False, True)
    assert await room.told() == []


async def test_news_after_the_loop_has_ended_is_nobodys() -> None:
    room = Room()
    room.playback.play(A, pcm(BLOCK), RATE)
    other = asyncio.new_event_loop()
    other.close()
    room.playback._loop = other

    assert (room.blocks(1) == 1000).all()


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("play"), st.integers(min_value=0, max_value=400)),
        st.tuples(st.just("fill"), st.integers(min_value=1, max_value=4)),
        st.tuples(st.just("finish"), st.just(0)),
        st.tuples(st.just("stop"), st.just(0)),
    ),
    max_size=40,
)


@given(moves=MOVES, latency=st.sampled_from([0.0, 0.005, 0.03]))
def test_heard_is_never_more_than_played_nor_played_more_than_given(
    moves: list[tuple[str, int]], latency: float
) -> None:
    async def story() -> None:
        room = Room(latency=latency)
        number, given_of, finished = 0, 0, False
        drained: list[ResponseId] = []
        for move, count in moves:
            response = ResponseId(str(number))
            if move == "play" and not finished:
                room.playback.play(response, pcm(count, 1), RATE)
                given_of += count
            elif move == "fill":
                room.blocks(count)
            elif move == "finish":
                finished = True
                room.playback.finish(response)
            elif move == "stop":
                heard = room.playback.stop()
                assert 0.0 <= heard * RATE <= given_of
                room.blocks(2)
                assert (room.blocks(1) == 0).all()
            news = await room.told()
            drained = [event.response for event in news if isinstance(event, PlaybackDrained)]
            assert set(drained) <= {response}
            if move == "stop" or drained:
                number, given_of, finished = number + 1, 0, False
        room.playback.finish(ResponseId(str(number)))
        room.blocks(150)
        news = await room.told()
        assert PlaybackDrained(ResponseId(str(number))) in news
        assert room.playback.silent

    asyncio.run(story())
