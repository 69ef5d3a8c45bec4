"""What goes into the ring comes out, once and in order, or is counted as dropped."""

import threading

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from appliance.audio.ring import Ring

MOVES = st.lists(
    st.tuples(st.sampled_from(["write", "read"]), st.integers(min_value=1, max_value=5)),
    min_size=20,  # shorter stories seldom go around the ring
    max_size=60,
)


@given(moves=MOVES, capacity=st.integers(min_value=4, max_value=9))
def test_ring_is_a_queue_of_samples(moves: list[tuple[str, int]], capacity: int) -> None:
    ring = Ring(capacity, channels=2)
    model: list[int] = []  # what a plain list would hold
    next_sample = 0
    dropped = 0

    for move, count in moves:
        if move == "write":
            block = np.arange(next_sample, next_sample + count, dtype=np.int16)
            next_sample += count
            if ring.write(np.stack([block, -block], axis=1)):
                assert len(model) + count <= capacity
                model += block.tolist()
            else:
                assert len(model) + count > capacity
                dropped += count
        else:
            out = ring.read(count)
            if out is None:
                assert len(model) < count
            else:
                assert out[:, 0].tolist() == model[:count]
                assert (out[:, 1] == -out[:, 0]).all()
                del model[:count]
        assert len(ring) == len(model) <= capacity
        assert ring.dropped == dropped


@given(count=st.integers(min_value=1, max_value=7))
def test_what_was_read_is_not_changed_by_what_is_written_later(count: int) -> None:
    ring = Ring(7, channels=1)
    ring.write(np.ones((count, 1), dtype=np.int16))
    taken = ring.read(count)

    ring.write(np.full((7, 1), 9, dtype=np.int16))

    assert taken is not None
    assert (taken == 1).all()


def test_two_threads_lose_nothing_and_mix_nothing_up() -> None:
    ring = Ring(1000, channels=1)
    total = 200_000
    wrong: list[int] = []

    def read() -> None:
        expected = 0
        while expected < total:
            block = ring.read(100)
            if block is not None:
                if block[0, 0] != np.int16(expected % 32_000) or block[99, 0] - block[0, 0] != 99:
                    wrong.append(expected)
                expected += 100

    reader = threading.Thread(target=read)
    reader.start()
    for begin in range(0, total, 50):
        block = (np.arange(begin, begin + 50) % 32_000).astype(np.int16)[:, np.newaxis]
        while not ring.write(block):
            pass
    reader.join()

    assert not wrong
