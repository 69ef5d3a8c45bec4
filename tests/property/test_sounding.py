"""Whatever the card, the room and the microphones are, they are measured as what they are."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from appliance.audio.sounding import measure
from appliance.audio.sweep import SWEEP
from appliance.frames import RATE
from tests.measuring import PLAYED, Scene, Way, reference, sounded

DRAWN = (Phase.explicit, Phase.reuse, Phase.generate)
"""An example takes a tenth of a second: to shrink one would take minutes."""

FAULTS = ("fine", "flipped", "dead", "clipped")


def way(fault: str, seed: int) -> Way:
    match fault:
        case "flipped":
            return Way(float(seed), gain=-0.4, seed=seed)
        case "dead":
            return Way(float(seed), gain=0.0, noise_db=-75.0, seed=seed)
        case "clipped":
            return Way(float(seed), gain=14.0, seed=seed)
        case _:
            return Way(float(seed), gain=0.5, seed=seed)


@settings(max_examples=8, deadline=None, phases=DRAWN)
@given(
    delay=st.floats(0.0, 7000.0),
    drift=st.floats(-200.0, 200.0),
    gain=st.floats(0.1, 4.0),
    noise_db=st.floats(-90.0, -66.0),
)
def test_delay_drift_and_level_are_measured_as_they_are(
    delay: float, drift: float, gain: float, noise_db: float
) -> None:
    scene = Scene((Way(gain=gain, noise_db=noise_db),), delay=delay, drift_ppm=drift)
    found = sounded(scene)
    assert found.drift_ppm == pytest.approx(drift, abs=3.0)
    assert found.wobble < 0.2 / RATE
    # the delay drifts meanwhile: the middle of the sweeps is what is told
    middle = delay + drift * 1e-6 * float(np.mean(PLAYED.sweeps))
    # and a sweep that is stretched is heard beside its beginning, by its high end at most
    stretched = abs(drift) * 1e-6 * SWEEP * RATE
    assert found.delay == pytest.approx(middle / RATE, abs=(4.0 + stretched) / RATE)
    (channel,) = found.channels
    assert channel.state == "fine"
    loud = sounded(Scene((Way(gain=1.0, noise_db=noise_db),))).channels[0]
    assert channel.echo_db - loud.echo_db == pytest.approx(20 * np.log10(gain), abs=0.7)


@settings(max_examples=8, deadline=None, phases=DRAWN)
@given(st.lists(st.sampled_from(FAULTS), min_size=1, max_size=3))
def test_each_microphone_is_told_for_what_it_is(faults: list[str]) -> None:
    faults = ["fine", "fine", *faults]
    if faults.count("flipped") >= faults.count("fine"):  # who is upright is what most are
        faults += ["fine"] * (faults.count("flipped") + 1 - faults.count("fine"))
    faults = faults[:8]
    found = sounded(Scene(tuple(way(fault, seed) for seed, fault in enumerate(faults))))
    assert [channel.state for channel in found.channels] == faults


@settings(max_examples=15, deadline=None, phases=DRAWN)
@given(
    channels=st.integers(1, 8),
    length=st.integers(0, 240_000),
    loudness=st.integers(0, 32_767),
    seed=st.integers(0, 99),
    known=st.booleans(),
)
def test_no_noise_is_taken_for_the_programme(
    channels: int, length: int, loudness: int, seed: int, *, known: bool
) -> None:
    rng = np.random.default_rng(seed)
    noise = rng.integers(-loudness, loudness + 1, (length, channels)).astype(np.int16)
    played = reference()[:length] if known else None
    found = measure(noise, PLAYED, played)
    assert found.best is None
    assert found.delay is None
    assert len(found.channels) == channels
    for channel in found.channels:
        assert np.isfinite([channel.noise_db, channel.echo_db, channel.distortion_db]).all()
