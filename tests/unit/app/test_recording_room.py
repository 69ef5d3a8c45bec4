from pathlib import Path

import numpy as np

from appliance.app.recording_room import Recorded, make_recorder
from appliance.audio.counters import CardCounters
from appliance.audio.recording import read
from appliance.config import Config
from appliance.frames import FRAME_SAMPLES, Frame, Taps
from appliance.units import SampleIndex


class Halving:
    """An enhancer that gives half of what it gets."""

    converged = True
    bearing: float | None = 30.0

    def process(self, frame: Frame) -> Taps:
        half = Frame(frame.samples[:, 0] // 2, frame.start)
        return Taps(half, half, half)


def settings(folder: Path) -> Config:
    return Config.model_validate({"recorder": {"folder": str(folder), "minutes": 1}})


def test_nothing_is_recorded_unless_a_folder_is_configured() -> None:
    assert make_recorder(Config(), CardCounters(), dict) is None


def test_what_is_heard_passes_through_and_is_recorded_but_not_in_private(tmp_path: Path) -> None:
    recorder = make_recorder(settings(tmp_path / "room"), CardCounters(blocks=7), dict)
    assert recorder is not None
    private = [False]
    enhancer = Recorded(Halving(), recorder, private=lambda: private[0])
    recorder.start()
    for number in range(20):
        private[0] = number >= 10
        raw = np.full((FRAME_SAMPLES, 1), 100 + number, dtype=np.int16)
        taps = enhancer.process(Frame(raw, SampleIndex(number * FRAME_SAMPLES)))
        assert taps.wake.samples[0] == (100 + number) // 2
    recorder.close()

    assert (enhancer.converged, enhancer.bearing) == (True, 30.0)
    kept = read(tmp_path / "room" / "hearing-000001.flac").samples
    assert kept[::FRAME_SAMPLES, 0].tolist() == list(range(100, 110))
    assert kept[::FRAME_SAMPLES, 2].tolist() == [n // 2 for n in range(100, 110)]
    assert '"blocks": 7' in (tmp_path / "room" / "hearing-000001.json").read_text()
