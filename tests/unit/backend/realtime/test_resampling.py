import numpy as np
import pytest
import soxr

from appliance.backend.socket.resampling import Upsampler


def sound(seconds: float) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    noise = np.random.default_rng(7).normal(0.0, 4_000.0, round(seconds * 16_000))
    return noise.astype(np.int16)


def pieces(
    upsampler: Upsampler, samples: np.ndarray[tuple[int], np.dtype[np.int16]]
) -> list[bytes]:
    return [
        upsampler.process(samples[begin : begin + 160]) for begin in range(0, len(samples), 160)
    ]


@pytest.mark.parametrize("frames", [1, 2, 3, 7, 100])
def test_a_turn_has_half_as_many_samples_more_to_the_sample(frames: int) -> None:
    upsampler = Upsampler()

    whole = b"".join(pieces(upsampler, sound(frames / 100))) + upsampler.finish()

    assert len(whole) == frames * 240 * 2


def test_in_pieces_it_is_the_same_as_at_once() -> None:
    upsampler, said = Upsampler(), sound(1.0)

    whole = b"".join(pieces(upsampler, said)) + upsampler.finish()

    at_once = soxr.resample(said, 16_000, 24_000, quality="MQ")
    apart = np.abs(np.frombuffer(whole, "<i2").astype(int) - at_once)
    assert apart.max() <= 2  # dither


def test_no_more_than_48_ms_are_ever_inside() -> None:
    upsampler, out = Upsampler(), 0

    for number, piece in enumerate(pieces(upsampler, sound(3.0)), start=1):
        out += len(piece) // 2
        assert number * 240 - out <= 48 * 24


def test_about_thirty_pieces_a_second_come_out() -> None:
    came = [piece for piece in pieces(Upsampler(), sound(1.0)) if piece]

    assert 25 <= len(came) <= 35


@pytest.mark.parametrize("how", ["finish", "reset"])
def test_nothing_of_a_turn_is_left_in_the_next(how: str) -> None:
    upsampler = Upsampler()
    pieces(upsampler, sound(0.5))
    getattr(upsampler, how)()

    silence = b"".join(pieces(upsampler, sound(0.5) * 0)) + upsampler.finish()

    assert np.abs(np.frombuffer(silence, "<i2")).max() <= 1  # dither
    assert len(silence) == 24_000


def test_a_turn_without_sound_is_empty() -> None:
    upsampler = Upsampler()

    assert upsampler.finish() == b""
    assert upsampler.finish() == b""
