"""Whatever cards, programs and rooms give, what comes out of the chain is sound."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.config.sound import Echo
from appliance.enhance.array.geometry import choose
from appliance.enhance.chain import Chain
from appliance.frames import FRAME_SAMPLES, Frame
from appliance.units import SampleIndex

BLOCKS = 45
BOARDS = ("auto", "generic", "respeaker-usb-6", "no such board")


@st.composite
def sounds(draw: st.DrawFn, channels: int) -> np.ndarray:
    """Silence, full scale, offsets, noise at any level, for a while each."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    parts = []
    for _ in range(3):
        kind = draw(st.sampled_from(["silence", "loud", "noise", "soft", "stuck", "square"]))
        shape = (BLOCKS // 3 * FRAME_SAMPLES, channels)
        make: dict[str, Callable[[tuple[int, int]], np.ndarray]] = {
            "silence": np.zeros,
            "loud": lambda s: rng.choice([-32768, 32767], s),
            "noise": lambda s: 8_000 * rng.standard_normal(s),
            "soft": lambda s: 3 * rng.standard_normal(s),
            "stuck": lambda s: np.full(s, -32768),
            "square": lambda s: np.sign(np.sin(np.arange(s[0]) / 5))[:, None] * 32767 * np.ones(s),
        }
        parts.append(np.clip(make[kind](shape), -32768, 32767).astype(np.int16))
    return np.concatenate(parts)


def references(kind: str, sound: np.ndarray, rng: np.random.Generator) -> list[Any]:
    """Return what is said to be played with each block."""
    whole = len(sound)
    played = (3_000 * rng.standard_normal(whole)).astype(np.int16)
    blocks: list[Any] = np.split(played, BLOCKS)
    match kind:
        case "none":
            return [None] * BLOCKS
        case "silent":
            return [np.zeros(FRAME_SAMPLES, np.int16)] * BLOCKS
        case "stops":
            return [block if number < BLOCKS // 2 else None for number, block in enumerate(blocks)]
        case "begins":
            return [block if number > BLOCKS // 2 else None for number, block in enumerate(blocks)]
        case "short":
            return [block[: number % FRAME_SAMPLES] for number, block in enumerate(blocks)]
        case "long":
            return [np.tile(block, 3) for block in blocks]
        case "itself":
            return np.split(np.ascontiguousarray(sound[:, 0]), BLOCKS)
        case _:
            return blocks


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_whatever_is_heard_and_played_the_taps_are_whole(data: st.DataObject) -> None:
    channels = data.draw(st.sampled_from([1, 2, 4, 6, 8]))
    board = data.draw(st.sampled_from(BOARDS))
    kinds = ["none", "silent", "foreign", "stops", "begins", "short", "long", "itself"]
    kind = data.draw(st.sampled_from(kinds))
    echo = Echo(
        noise_suppression=data.draw(st.sampled_from(["off", "high"])),
        automatic_gain=data.draw(st.booleans()),
    )
    sound = data.draw(sounds(channels))
    played = references(kind, sound, np.random.default_rng(1))
    chain = Chain(
        lambda count: choose(board, "", count), echo, channel=data.draw(st.integers(0, 9))
    )
    chain.restore(data.draw(st.binary(max_size=40)))
    for number, block in enumerate(np.split(sound, BLOCKS)):
        start = SampleIndex(number * FRAME_SAMPLES)
        taps = chain.process(Frame(block, start, played[number]))
        for tap in (taps.wake, taps.speech, taps.recognition):
            assert tap.samples.shape == (FRAME_SAMPLES,)
            assert tap.samples.dtype == np.int16
            assert tap.start == start
        report = chain.report()
        assert all(np.isfinite(x) for x in (report.drift_ppm, report.erle_db or 0.0))
    again = Chain(lambda count: choose(board, "", count), echo)
    again.restore(chain.state())
    again.process(Frame(sound[:FRAME_SAMPLES], SampleIndex(0), played[0]))
