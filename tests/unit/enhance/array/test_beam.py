import numpy as np
import pytest

from appliance.enhance.array.beam import DELAY, Beam
from appliance.enhance.array.geometry import choose, generic
from appliance.enhance.array.learner import WINDOW
from appliance.frames import RATE
from tests.unit.enhance.array import table
from tests.unit.enhance.array.table import Sounds

SECONDS = 5
BEGIN = RATE  # nobody talks in the first second
LEVEL = 0.05


def scene(
    snr_db: float = 3.0, degrees: float = 70.0, *, hiss: bool = False, seed: int = 5
) -> tuple[Sounds, Sounds]:
    rng = np.random.default_rng(seed)
    length = SECONDS * RATE
    person = table.from_direction(table.talk(rng, length, BEGIN), degrees)
    if hiss:  # each microphone's own: no beam helps
        noise = rng.standard_normal(person.shape).astype(np.float32)
    else:
        noise = table.noise_all_around(rng, length)
    return LEVEL * person, np.float32(LEVEL * 10 ** (-snr_db / 20)) * noise


def parts(beam: Beam, person: Sounds, noise: Sounds) -> tuple[float, float]:
    """Return by how many dB the person and the noise are changed, from the third second on.

    Each is sent through the very filters that the beam applies to their sum.
    """
    outs: list[list[Sounds]] = [[], []]
    histories = [np.zeros((len(person), WINDOW), np.float32) for _ in outs]
    both = zip(table.blocks(person), table.blocks(noise), strict=True)
    for of_person, of_noise in both:
        beam.process(of_person + of_noise)
        former = beam._former
        assert former is not None
        for out, history, block in zip(outs, histories, (of_person, of_noise), strict=True):
            history[:, :-160] = history[:, 160:].copy()
            history[:, -160:] = block
            out.append(former.apply(np.fft.rfft(history, axis=1).astype(np.complex64)))
    late = slice(3 * RATE, None)
    after = [float(np.mean(np.concatenate(out)[late] ** 2)) for out in outs]
    before = [float(np.mean(sound[0, late] ** 2)) for sound in (person, noise)]
    talk, rest = (10 * np.log10(a / b) for a, b in zip(after, before, strict=True))
    return float(talk), float(rest)


def gain_db(person: Sounds, noise: Sounds) -> float:
    talk, rest = parts(Beam(table.array()), person, noise)
    return talk - rest


def test_noise_from_all_around_is_less_behind_the_beam_and_the_talker_is_not() -> None:
    person, noise = scene()
    talk, rest = parts(Beam(table.array()), person, noise)
    assert talk - rest > 3.0
    assert talk > -4.5  # where noise is louder than the voice, its path is not known well


def test_a_second_voice_from_elsewhere_is_less_behind_the_beam() -> None:
    rng = np.random.default_rng(11)
    person, noise = scene(snr_db=20.0)
    other = table.from_direction(table.talk(rng, SECONDS * RATE, 0), 200.0)
    assert gain_db(person, noise + np.float32(0.03) * other) > 3.0


@pytest.mark.parametrize("snr_db", [-5.0, 5.0, 25.0])
def test_where_a_beam_does_not_help_it_does_no_harm(snr_db: float) -> None:
    person, noise = scene(snr_db, hiss=True)
    assert gain_db(person, noise) > -0.3


def test_a_talker_in_a_silent_room_is_not_changed() -> None:
    person, noise = scene(snr_db=60.0)
    talk, _ = parts(Beam(table.array()), person, noise)
    assert abs(talk) < 1.0


def test_the_sound_is_that_of_the_first_microphone_until_somebody_talks() -> None:
    _, noise = scene()
    beam = Beam(table.array())
    out = np.concatenate([beam.process(block) for block in table.blocks(noise[:, :RATE])])
    assert not beam.beaming
    assert np.allclose(out[DELAY:], noise[0, : RATE - DELAY], atol=1e-5)


def test_in_a_quiet_room_there_is_nothing_to_win() -> None:
    person, noise = scene(snr_db=30.0)
    beam = Beam(table.array())
    for block in table.blocks(person + noise):
        beam.process(block)
    assert not beam.beaming


def test_it_says_by_how_much_it_is_later() -> None:
    assert Beam(table.array()).delay == DELAY / RATE
    assert Beam(generic(2)).delay == 0.0


def test_a_microphone_of_its_own_is_passed_on_as_it_is() -> None:
    beam = Beam(generic(3))
    block = np.random.default_rng(1).standard_normal((3, 160)).astype(np.float32)
    assert np.array_equal(beam.process(block), block[0])
    assert not beam.beaming
    assert beam.bearing is None


def test_nothing_is_learnt_while_the_box_plays() -> None:
    person, noise = scene()
    beam = Beam(table.array())
    for block in table.blocks(person + noise):
        beam.process(block, hold=True)
    assert not beam.beaming
    assert beam.learner is not None
    assert not beam.learner.ready


def test_an_echo_while_learning_rests_does_not_take_the_beam_from_the_talker() -> None:
    person, noise = scene()
    beam = Beam(table.array())
    for block in table.blocks(person + noise):
        beam.process(block)
    assert beam.beaming
    assert beam.learner is not None
    weights = beam.learner.weights.copy()
    echo, _ = scene(degrees=250.0, seed=8)
    same = False
    for block in table.blocks(echo):
        same = np.allclose(beam.process(block, hold=True), beam.plain(block), atol=1e-5)
        assert not beam.beaming
    assert same
    assert np.array_equal(beam.learner.weights, weights)
    for block in table.blocks(person + noise)[300:]:
        beam.process(block)
    assert beam.beaming


def test_a_microphone_that_fails_is_left_out_and_the_others_go_on() -> None:
    person, noise = scene()
    both = person + noise
    both[2] = 0.0
    beam = Beam(table.array())
    for block in table.blocks(both):
        out = beam.process(block, usable=(0, 1, 3))
        assert np.isfinite(out).all()
    assert beam.beaming
    assert beam.reference in (0, 1, 3)


def test_with_a_single_microphone_left_that_is_heard() -> None:
    beam = Beam(table.array())
    block = np.random.default_rng(1).standard_normal((4, 160)).astype(np.float32)
    assert np.array_equal(beam.process(block, usable=(2,)), block[2])


def test_the_wrong_geometry_spoils_the_bearing_only() -> None:
    person, noise = scene()
    wrong = choose("ps3-eye", "", 4)
    talk, rest = parts(Beam(wrong), person, noise)
    assert talk - rest > 2.0


def test_a_noise_that_begins_and_never_ends_is_noise_in_the_end() -> None:
    rng = np.random.default_rng(3)
    length = 22 * RATE
    quiet = 0.003 * table.noise_all_around(rng, length)
    fan = table.from_direction(table.coloured(rng, length), 130.0)
    fan[:, : 2 * RATE] = 0.0
    beam = Beam(table.array())
    heard = []
    for block in table.blocks(quiet + np.float32(0.05) * fan):
        beam.process(block)
        assert beam.learner is not None
        heard.append(beam.learner.talk)
    assert np.mean(heard[300:500]) > 0.8
    assert np.mean(heard[-300:]) < 0.2
