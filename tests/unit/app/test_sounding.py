from dataclasses import replace

import numpy as np
import pytest

from appliance.app.sounding import (
    Cancelled,
    cancel,
    judge_cancelling,
    judge_clocks,
    judge_loudspeaker,
    judge_microphones,
    judge_places,
    judge_reference,
    sound_out,
)
from appliance.app.sweeping import Taken
from appliance.audio.card import CardFormat
from appliance.audio.counters import CardCounters
from appliance.audio.sounding import Channel, Sounding, measure
from appliance.config import Config
from appliance.enhance.array.geometry import Array, choose, generic
from appliance.enhance.types import Report
from appliance.frames import RATE, Frame, Taps
from appliance.host.health import Check
from appliance.units import SampleRate, Seconds
from tests.measuring import PLAYED, Scene, Way, reference

GOOD = Channel(
    0,
    noise_db=-66.0,
    echo_db=-30.0,
    peak_db=-24.0,
    heard=True,
    compact=0.8,
    distortion_db=-45.0,
    low_hz=125.0,
    high_hz=6350.0,
)
WELL = Sounding((GOOD,), 0, 0.0, Seconds(0.093), reference="carries")


def heard(**changes: object) -> Sounding:
    channel: Channel = replace(GOOD, **changes)  # type: ignore[arg-type]  # of its own fields
    return replace(WELL, channels=(channel,))


def only(checks: list[Check], name: str) -> Check:
    (check,) = [check for check in checks if check.name == name]
    return check


def test_all_is_well_where_it_is() -> None:
    checks = [
        *judge_loudspeaker(WELL, -20.0),
        *judge_reference(WELL, generic(1), off=False),
        *judge_clocks(WELL),
        *judge_microphones(WELL),
        *judge_cancelling(Cancelled(Seconds(0.5), 24.0, 35.0, 0.0, converged=True)),
    ]
    assert all(check.ok and not check.warning for check in checks)
    assert only(checks, "delay").detail == "93.0 ms from the reference to its echo"
    assert only(checks, "echo level").detail == "-30 dB of full scale, 36 dB over the noise"
    assert only(checks, "distortion").detail == "0.6 % (-45 dB)"
    assert only(checks, "clocks").detail == "one clock (+0 ppm)"
    assert only(checks, "channel 0").detail == "noise -66 dB, echo -30 dB"


def test_a_loudspeaker_that_would_clip_the_microphones_says_by_how_much_to_turn_it_down() -> None:
    check = only(list(judge_loudspeaker(heard(peak_db=-14.0), -20.0)), "echo level")
    assert not check.ok
    assert "turn the loudspeaker or the input gain down by 7 dB" in check.remedy
    at_full_volume = list(judge_loudspeaker(heard(peak_db=-14.0), 0.0))
    assert only(at_full_volume, "echo level").ok


def test_clipping_while_it_plays_is_wrong() -> None:
    check = only(list(judge_loudspeaker(heard(peak_db=0.0, clipped=0.01), -6.0)), "echo level")
    assert not check.ok
    assert "clipped" in check.detail


@pytest.mark.parametrize(
    ("db", "ok", "note"), [(-30.0, True, False), (-16.0, True, True), (-9.0, False, False)]
)
def test_distortion_is_judged_by_what_it_costs(
    db: float,
    ok: bool,  # noqa: FBT001
    note: bool,  # noqa: FBT001
) -> None:
    check = only(list(judge_loudspeaker(heard(distortion_db=db), -20.0)), "distortion")
    assert (check.ok, check.warning) == (ok, note)
    assert "turn the loudspeaker down" in check.remedy


def test_a_muffled_loudspeaker_and_a_soft_one_are_notes() -> None:
    checks = list(judge_loudspeaker(heard(high_hz=2500.0, echo_db=-58.0), -20.0))
    assert only(checks, "band").warning
    assert only(checks, "echo level").warning


def test_a_loudspeaker_that_is_not_heard_is_wrong() -> None:
    (check,) = judge_loudspeaker(Sounding((Channel(0, -70.0),), None), -20.0)
    assert not check.ok
    assert "no microphone hears the loudspeaker" in check.detail


def test_a_monitor_is_no_microphone() -> None:
    (check,) = judge_loudspeaker(heard(state="loopback"), -20.0)
    assert not check.ok
    assert "set [audio] input" in check.remedy


def test_without_a_reference_the_box_is_half_duplex() -> None:
    (check,) = judge_reference(replace(WELL, reference="none"), generic(1), off=False)
    assert not check.ok
    assert check.detail == "half duplex: nothing is known of what is played"
    (check,) = judge_reference(replace(WELL, reference="none"), generic(1), off=True)
    assert (check.ok, check.warning) == (True, True)
    assert check.remedy == 'set echo.cancel = "auto"'


def test_the_channel_that_carries_what_is_played_is_named() -> None:
    loop = replace(GOOD, number=5, state="loopback")
    found = replace(WELL, channels=(GOOD, loop), reference="silent")
    told, better = judge_reference(found, generic(6), off=False)
    assert not told.ok
    assert "the reference channel is 5" in told.remedy
    assert "echo.reference_channel = 5" in better.remedy
    board = choose("respeaker-usb-6", "", 6)
    (told,) = judge_reference(replace(found, reference="carries"), board, off=False)
    assert told.ok


def test_a_board_that_cancels_by_itself_needs_no_reference() -> None:
    board = Array("board", "", (0,), cancels=True)
    (check,) = judge_reference(replace(WELL, reference="none"), board, off=False)
    assert check.ok


@pytest.mark.parametrize(
    ("drift", "ok", "words"),
    [
        (0.4, True, "one clock"),
        (87.2, True, "two clocks: +87 ppm, followed"),
        (-400.0, False, "two clocks: -400 ppm"),
    ],
)
def test_two_clocks_are_told_of(
    drift: float,
    ok: bool,  # noqa: FBT001
    words: str,
) -> None:
    check = only(list(judge_clocks(replace(WELL, drift_ppm=drift))), "clocks")
    assert check.ok == ok
    assert check.detail.startswith(words)


@pytest.mark.parametrize(("drift", "wobble_ms", "ok"), [(592.0, 0.9, False), (87.0, 0.03, True)])
def test_sound_that_was_lost_between_two_sweeps_is_no_drift(
    drift: float,
    wobble_ms: float,
    ok: bool,  # noqa: FBT001
) -> None:
    found = replace(WELL, drift_ppm=drift, wobble=Seconds(wobble_ms / 1000))
    checks = list(judge_clocks(found))
    assert only(checks, "steadiness").ok == ok
    assert ("clocks" in [check.name for check in checks]) == ok


def test_a_delay_that_jumps_or_is_too_long_is_wrong() -> None:
    jumped = list(judge_clocks(replace(WELL, wobble=Seconds(0.012))))
    assert not only(jumped, "steadiness").ok
    assert "12.0 ms" in only(jumped, "steadiness").detail
    assert not [check for check in jumped if check.name == "clocks"]  # means nothing then
    assert not only(list(judge_clocks(replace(WELL, delay=Seconds(0.9)))), "delay").ok


@pytest.mark.parametrize(
    ("state", "ok", "note", "words"),
    [
        ("dead", False, False, "muted"),
        ("clipped", False, False, "input gain down"),
        ("flipped", True, True, "phase"),
    ],
)
def test_each_microphone_says_what_is_wrong_with_it(
    state: str,
    ok: bool,  # noqa: FBT001
    note: bool,  # noqa: FBT001
    words: str,
) -> None:
    second = replace(GOOD, number=1, state=state)  # type: ignore[arg-type]  # one of them
    _, check = judge_microphones(replace(WELL, channels=(GOOD, second)))
    assert (check.name, check.ok, check.warning) == ("channel 1", ok, note)
    assert words in check.remedy


def test_a_noisy_microphone_is_a_note() -> None:
    (check,) = judge_microphones(heard(noise_db=-40.0))
    assert check.warning


def test_microphones_in_another_order_are_told_of() -> None:
    board = choose("respeaker-usb-6", "", 6)
    assert board.positions is not None
    source = np.array([0.2, 0.3, 0.05])
    ways = np.linalg.norm(np.array(board.positions) - source, axis=1) * RATE / 343.0
    channels = tuple(
        replace(GOOD, number=number, late=float(way))
        for number, way in zip(board.microphones, ways, strict=True)
    )
    (check,) = judge_places(replace(WELL, channels=channels), board)
    assert (check.ok, check.warning) == (True, False)
    exchanged = (
        channels[0],
        replace(channels[2], number=2),
        replace(channels[1], number=3),
        channels[3],
    )
    (check,) = judge_places(replace(WELL, channels=exchanged), board)
    assert check.warning
    assert "are channels exchanged?" in check.remedy
    assert not list(judge_places(WELL, generic(1)))


@pytest.mark.parametrize(
    ("speech_db", "soon", "ok", "note"),
    [
        (35.0, 0.5, True, False),
        (35.0, None, True, True),
        (15.0, 0.5, True, True),
        (4.0, None, False, True),
    ],
)
def test_cancelling_is_judged_by_its_speech_tap(
    speech_db: float,
    soon: float | None,
    ok: bool,  # noqa: FBT001
    note: bool,  # noqa: FBT001
) -> None:
    done = Cancelled(None if soon is None else Seconds(soon), 12.0, speech_db, 0.0, converged=True)
    (check,) = judge_cancelling(done)
    assert (check.ok, check.warning) == (ok, note)


class After:
    """A chain whose taps are softer by 20 dB from the n-th frame with a reference on."""

    def __init__(self, frames: int) -> None:
        self._frames = frames

    def process(self, frame: Frame) -> Taps:
        samples = frame.samples[:, 0]
        if frame.reference is not None and np.abs(frame.reference).max() > 60:
            self._frames -= 1
        if self._frames <= 0:
            samples = (samples // 10).astype(np.int16)
        tap = Frame(samples, frame.start)
        return Taps(tap, tap, tap)

    def report(self) -> Report:
        return Report(drift_ppm=5.0, converged=self._frames <= 0)


def taken(scene: Scene) -> Taken:
    recorded = scene.recorded()
    rate = SampleRate(RATE)
    form = CardFormat("m", rate, 1, "l", rate, 1, Seconds(0.03), one_clock=True)
    return Taken(form, "chosen", recorded, reference()[: len(recorded)], CardCounters())


def test_the_chain_is_tried_on_the_noise_from_its_first_syllable_on() -> None:
    sound = taken(Scene(delay=1500.0))
    found = measure(sound.samples, PLAYED, sound.reference)
    done = cancel(sound, PLAYED, found, generic(1), After(60))
    assert done.to_10_db == pytest.approx(1.0, abs=0.26)
    assert done.speech_db == pytest.approx(20.0, abs=1.0)
    assert (done.converged, done.drift_ppm) == (True, 5.0)
    assert cancel(sound, PLAYED, found, generic(1), After(9999)).to_10_db is None


def test_a_recording_is_judged_from_the_loudspeaker_to_the_canceller() -> None:
    scene = Scene((Way(), Way(1.0, gain=-0.5), Way(2.0)), drift_ppm=60.0)
    checks = list(sound_out(Config(), taken(scene), PLAYED, generic(3), After(40)))
    names = [check.name for check in checks]
    assert names == [
        "losses",
        "echo level",
        "distortion",
        "band",
        "reference",
        "delay",
        "steadiness",
        "clocks",
        "channel 0",
        "channel 1",
        "channel 2",
        "cancelling",
    ]
    assert "+60 ppm" in only(checks, "clocks").detail
    assert only(checks, "channel 1").detail.startswith("flipped")
