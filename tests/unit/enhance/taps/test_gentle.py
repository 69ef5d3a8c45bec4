import numpy as np

from appliance.enhance.taps.gentle import GentleSuppressor
from appliance.frames import FRAME_SAMPLES

RNG = np.random.default_rng(5)


def noise(level: float) -> np.ndarray:
    return (level * RNG.standard_normal(FRAME_SAMPLES)).astype(np.float32)


def test_without_playback_it_is_a_delay_of_one_block() -> None:
    suppressor = GentleSuppressor()
    blocks = [noise(0.1) for _ in range(20)]
    out = [suppressor.process(block, None) for block in blocks]
    assert np.allclose(out[1:], blocks[:-1], atol=1e-6)


def test_the_end_of_playback_makes_no_seam() -> None:
    suppressor = GentleSuppressor()
    silence = np.zeros(FRAME_SAMPLES, np.float32)
    blocks = [noise(0.1) for _ in range(20)]
    out = [suppressor.process(b, silence if i % 3 else None) for i, b in enumerate(blocks)]
    assert np.allclose(out[1:], blocks[:-1], atol=1e-3)


def test_what_follows_the_echo_goes_and_a_person_stays() -> None:
    suppressor = GentleSuppressor()
    left = kept = said = was = 0.0
    for i in range(600):
        echo = noise(0.1 if i // 8 % 2 else 0.01)  # as loud and as soft as speech is
        residual = 0.2 * echo
        person = noise(0.05) if i >= 400 and i // 5 % 3 == 0 else np.zeros_like(echo)
        out = suppressor.process((residual + person).astype(np.float32), echo)
        if 200 <= i < 400:
            left += float(np.mean(out**2))
            was += float(np.mean(residual**2))
        elif person.any() and i // 8 % 2 == 0:
            kept += float(np.mean(out**2))
            said += float(np.mean(person**2))
    assert 10 * np.log10(was / left) > 10
    assert 10 * np.log10(said / kept) < 3
