import logging

import numpy as np
import pytest

from appliance.enhance import memory

LEARNT = {"canceller.taps": np.arange(6, dtype=np.float32).reshape(2, 3)}


def test_what_was_packed_is_unpacked() -> None:
    found = memory.unpack(memory.pack(LEARNT))
    assert found.keys() == LEARNT.keys()
    assert found["canceller.taps"].tolist() == LEARNT["canceller.taps"].tolist()


def test_nothing_learnt_is_nothing() -> None:
    assert memory.pack({}) == b""
    assert memory.unpack(b"") == {}


def _other_version() -> bytes:
    memory.VERSION += 1
    try:
        return memory.pack(LEARNT)
    finally:
        memory.VERSION -= 1


@pytest.mark.parametrize(
    "state",
    [
        b"nonsense",
        memory.pack(LEARNT)[:-9],
        memory.pack(LEARNT)[:40],
        memory.pack({"a": np.array([np.nan], np.float32)}),
        _other_version(),
    ],
    ids=["nonsense", "cut", "shorter", "no number", "another version"],
)
def test_what_is_not_whole_is_ignored_with_a_line(
    state: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert memory.unpack(state) == {}
    assert "learnt anew" in caplog.text


def test_stages_do_not_see_each_others_arrays() -> None:
    both = memory.named("a", {"x": np.zeros(1, np.float32)}) | memory.named(
        "ab", {"x": np.ones(1, np.float32)}
    )
    assert memory.part(both, "a")["x"].tolist() == [0.0]
