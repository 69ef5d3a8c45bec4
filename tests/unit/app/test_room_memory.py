import logging
from pathlib import Path

import numpy as np
import pytest

from appliance.app.room_memory import RoomMemory
from appliance.enhance.chain import Chain
from appliance.frames import FRAME_SAMPLES, Frame
from appliance.units import SampleIndex


def play(chain: Chain, seconds: float, *, seed: int = 1) -> float:
    """Let a chain hear the echo of a noise; return how much of the first second is left, in dB."""
    rng = np.random.default_rng(seed)
    count = int(seconds * 100)
    reference = (4_000 * rng.standard_normal(count * FRAME_SAMPLES)).clip(-32_768, 32_767)
    echo = np.roll(reference, 800) * 0.3
    before = after = 0.0
    for number in range(count):
        place = slice(number * FRAME_SAMPLES, (number + 1) * FRAME_SAMPLES)
        frame = Frame(
            echo[place, np.newaxis].astype(np.int16),
            SampleIndex(number * FRAME_SAMPLES),
            reference=reference[place].astype(np.int16),
        )
        taps = chain.process(frame)
        if 20 <= number < 100:
            before += float((frame.samples.astype(float) ** 2).sum())
            after += float((taps.wake.samples.astype(float) ** 2).sum())
    return 10 * float(np.log10(after / before))


def test_what_was_learnt_is_there_at_the_next_start(tmp_path: Path) -> None:
    first = Chain()
    cold = play(first, 4.0)
    assert first.converged
    RoomMemory(first, tmp_path / "room.npz").save()

    second = Chain()
    RoomMemory(second, tmp_path / "room.npz").restore()
    warm = play(second, 1.2, seed=2)
    assert warm < cold - 6.0


def test_a_canceller_that_has_learnt_nothing_leaves_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "room.npz"
    path.write_bytes(b"what was learnt yesterday")
    RoomMemory(Chain(), path).save()
    assert path.read_bytes() == b"what was learnt yesterday"


def test_only_the_user_may_read_it(tmp_path: Path) -> None:
    chain = Chain()
    play(chain, 4.0)
    RoomMemory(chain, tmp_path / "state" / "room.npz").save()
    assert (tmp_path / "state" / "room.npz").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damaged", [b"", b"nonsense", b"PK\x03\x04 cut off"])
def test_a_damaged_memory_is_no_memory(tmp_path: Path, damaged: bytes) -> None:
    path = tmp_path / "room.npz"
    path.write_bytes(damaged)
    chain = Chain()
    RoomMemory(chain, path).restore()
    play(chain, 0.5)


def test_a_disk_that_refuses_costs_the_memory_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chain = Chain()
    play(chain, 4.0)
    (tmp_path / "file").write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        RoomMemory(chain, tmp_path / "file" / "room.npz").save()
    assert "cannot be written" in caplog.text
