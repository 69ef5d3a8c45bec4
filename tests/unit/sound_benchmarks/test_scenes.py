"""Scenes made of a tiny corpus: no network, no packages."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.frames import RATE
from tests.benchmarks.audio.acoustics import (
    Placing,
    active_dbfs,
    on_another_clock,
    room,
    through_loudspeaker,
)
from tests.benchmarks.audio.corpus import Corpus, Samples
from tests.benchmarks.audio.scenes import (
    CONDITIONS,
    PARTS,
    REPORTING,
    TUNING,
    Part,
    Rendered,
    Scene,
    render,
    rendered,
    scene,
    span,
)

SCENE = Scene(7, ser_db=-5.0, slip_ms=20.0, delay_ms=60.0, rt60=0.2)


def utterance(seed: int, seconds: float) -> Samples:
    rng = np.random.default_rng(seed)
    times = np.arange(round(seconds * RATE)) / RATE
    syllables = np.clip(np.sin(2 * np.pi * rng.uniform(2.0, 4.0) * times), 0.0, 1.0)
    return np.asarray(3000 * rng.normal(size=len(times)) * syllables, dtype=np.int16)


def small_corpus() -> Corpus:
    kinds = ("far", "near_it", "near_fr", "near_ru", "near_en")
    speech = {kind: [utterance(10 * i + j, 2.0) for j in range(3)] for i, kind in enumerate(kinds)}
    return {**speech, "music": [utterance(90, 90.0)], "noise": [utterance(91, 3.0)]}


@pytest.fixture(scope="module")
def sounds() -> Rendered:
    return render(SCENE, small_corpus())


def loud(sound: NDArray[np.float32], part: Part) -> bool:
    return bool(np.mean(sound[0][span(part, 1.0, 0.5)] ** 2) > 1e-8)


def test_a_seed_sounds_the_same_every_time(sounds: Rendered) -> None:
    again = render(SCENE, small_corpus())

    assert np.array_equal(again.microphones, sounds.microphones)
    assert np.array_equal(again.reference, sounds.reference)
    assert again.bearing == sounds.bearing


def test_another_seed_is_another_room_with_other_words(sounds: Rendered) -> None:
    other = render(replace(SCENE, seed=1007), small_corpus())

    assert not np.array_equal(other.reference, sounds.reference)
    assert other.bearing != sounds.bearing


def test_who_sounds_when(sounds: Rendered) -> None:
    assert {part for part in PARTS if loud(sounds.person, part)} == {"both", "person"}
    assert {part for part in PARTS if loud(sounds.echo, part)} == {
        "echo",
        "both",
        "echo_again",
        "moved",
    }


def test_the_microphone_hears_person_echo_and_a_little_noise(sounds: Rendered) -> None:
    rest = sounds.microphones / 32768.0 - sounds.person - sounds.echo
    person = active_dbfs(sounds.person[0].astype(np.float64))

    assert 10 * np.log10(np.mean(rest**2)) == pytest.approx(person - SCENE.snr_db, abs=1.0)


def test_person_and_echo_are_as_loud_as_asked(sounds: Rendered) -> None:
    person = active_dbfs(sounds.person[0].astype(np.float64))
    echo = active_dbfs(sounds.echo[0][2 * RATE : 45 * RATE].astype(np.float64))

    assert person == pytest.approx(SCENE.person_dbfs, abs=0.1)
    assert person - echo == pytest.approx(SCENE.ser_db, abs=0.3)


def delay_in(sounds: Rendered, part: Part) -> int:
    reference, echo = sounds.reference[span(part)] / 32768.0, sounds.echo[0][span(part)]
    size = 2 * len(reference)
    cross = np.fft.rfft(echo, size) * np.conj(np.fft.rfft(reference, size))
    return int(np.argmax(np.fft.irfft(cross / (np.abs(cross) + 1e-9))[: RATE // 2]))


def test_the_echo_comes_after_the_delay_and_slips_when_the_box_is_moved(sounds: Rendered) -> None:
    before, after = delay_in(sounds, "echo"), delay_in(sounds, "moved")
    path = round(0.072 / 343.0 * RATE) + 40  # 7 cm, and the 40 samples of pyroomacoustics' filters

    assert before == pytest.approx(0.06 * RATE + path, abs=8)
    assert after - before == pytest.approx(0.02 * RATE, abs=8)


def test_every_microphone_of_an_array_hears_its_own_room() -> None:
    two = render(replace(SCENE, microphones=2), small_corpus())

    assert two.microphones.shape[0] == two.person.shape[0] == two.echo.shape[0] == 2
    assert len({row.tobytes() for row in two.microphones}) == 2


def test_a_rendered_scene_is_kept_and_comes_back_the_same(tmp_path: Path) -> None:
    made: list[Scene] = []
    first = rendered(SCENE, small_corpus(), cache=tmp_path, making=made.append)
    again = rendered(SCENE, small_corpus(), cache=tmp_path, making=made.append)

    assert made == [SCENE]
    assert np.array_equal(first.microphones, again.microphones)
    assert np.array_equal(first.person, again.person)


def test_tuning_has_the_parameters_of_reporting_and_none_of_its_seeds() -> None:
    assert not set(REPORTING) & set(TUNING)
    for seed, tuning in zip(REPORTING, TUNING, strict=True):
        assert scene(seed).seed == seed
        assert replace(scene(tuning), seed=seed) == scene(seed)


@pytest.mark.parametrize("seeds", [REPORTING, TUNING])
def test_every_condition_is_reported_on_and_tuned_on(seeds: tuple[int, ...]) -> None:
    assert {scene(seed).condition for seed in seeds} == set(CONDITIONS)


def test_another_clock_drifts_by_its_parts_per_million() -> None:
    sound = np.zeros(20 * RATE)
    sound[::RATE] = 1.0
    heard = on_another_clock(sound, 100.0)
    near_the_end = slice(19 * RATE - 100, 19 * RATE + 100)

    shift = int(np.argmax(heard[near_the_end])) - 100
    assert shift == pytest.approx(-19 * RATE * 100e-6, abs=1)
    assert np.array_equal(on_another_clock(sound, 0.0), sound)


@pytest.mark.parametrize(("headroom", "least", "most"), [(12.0, 30.0, 60.0), (2.0, 0.0, 23.0)])
def test_little_headroom_distorts(headroom: float, least: float, most: float) -> None:
    times = np.arange(RATE) / RATE
    tone = 0.3 * np.sin(2 * np.pi * 1000.0 * times)
    spectrum = np.abs(np.fft.rfft(through_loudspeaker(tone, headroom, 0.05)[RATE // 2 :])) ** 2
    fundamental = spectrum[499:502].sum()

    assert least < 10 * np.log10(fundamental / (spectrum.sum() - fundamental)) < most


def test_a_room_names_where_the_talker_stands() -> None:
    here = room(3, Placing(rt60=0.2, microphones=4, distance=1.5))
    arrivals = [int(np.argmax(np.abs(response))) for response in here.talker]

    # microphones stand at 0, 90, 180 and 270 degrees: the nearest to the bearing hears first
    assert int(np.argmin(arrivals)) in {int(here.bearing // 90), (int(here.bearing // 90) + 1) % 4}
