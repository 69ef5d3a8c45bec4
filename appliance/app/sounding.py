"""What a sounding means for the box: one judgement a line, each with what to change."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from appliance.app.enhancing import Engine, Material, Second, enhance
from appliance.app.sweeping import Taken
from appliance.audio.order import judge_order
from appliance.audio.sounding import Channel, Sounding, measure
from appliance.audio.sweep import Programme
from appliance.config import Config
from appliance.enhance.array.geometry import Array
from appliance.frames import RATE
from appliance.host.health import Check
from appliance.units import Seconds

QUIET_DB = -20.0
"""Peak of what is played: as loud as somebody who talks softly, at a usual volume."""

LOUD_DB = -6.0
"""The same, as loud as the box itself talks."""

LONGEST_DELAY = Seconds(0.5)
STEADY = Seconds(0.001)
"""A sweep that comes earlier or later by more was cut or stretched on its way."""

DRIFTED = Seconds(0.5)
"""Two clocks bring a sweep far from where one would, and hardly beside the line through all three:
what is beside it by more than half a second of their drift was cut or stretched on its way."""

SURE = Seconds(0.0001)
"""A sweep's place is found better than this, whatever the clocks."""

ONE_CLOCK_PPM = 3.0
"""What is less is the error of the measurement, and needs no following."""

MOST_PPM = 150.0
HEADROOM_DB = 1.0
SOFT_DB = 15.0
"""An echo that is so little above the noise tells hardly anything, nor does it disturb."""

LITTLE_DISTORTION_DB, MUCH_DISTORTION_DB = -20.0, -12.0
"""A linear canceller leaves what the loudspeaker adds, so its loss ends about there. With -20 dB
more than enough is left; with -12 dB much hangs on the curve that is learnt of the loudspeaker
(docs/decisions/0010, the scenes named "nonlinear")."""

NARROW_HZ = (400.0, 4_000.0)
NOISY_DB = -45.0
CANCELLED_DB, HARDLY_CANCELLED_DB = 20.0, 10.0
SYLLABLE = Seconds(0.25)
"""Of the noise in the programme: in each the canceller's success is looked at."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What the chain of the box made of the noise, beginning knowing nothing."""

    to_10_db: Seconds | None
    """From the first sound until the wake tap was 10 dB softer; ``None``: never."""

    wake_db: float
    speech_db: float
    """By how much the taps were softer in the last second."""

    drift_ppm: float
    converged: bool


def sound_out(
    config: Config, taken: Taken, played: Programme, array: Array, chain: Engine
) -> Iterator[Check]:
    """Measure what was recorded and judge it, line by line.

    Args:
        config: The settings.
        taken: The recording.
        played: What was played.
        array: The microphones.
        chain: As the box has it, fresh.
    """
    found = measure(taken.samples, played, taken.reference)
    yield from _losses(taken)
    yield from judge_loudspeaker(found, played.level_db)
    yield from judge_reference(found, array, off=config.echo.cancel == "off")
    yield from judge_clocks(found)
    yield from judge_microphones(found)
    yield from judge_places(found, array)
    if found.best is not None and found.delay is not None:
        yield from judge_cancelling(cancel(taken, played, found, array, chain))


def _losses(taken: Taken) -> Iterator[Check]:
    lost = taken.counters
    detail = f"{lost.input_overflows} overflows, {lost.output_underflows} underruns"
    hint = "something keeps the machine too busy for sound: what follows may be wrong, too"
    yield Check("losses", taken.lossless, detail, hint)


def judge_loudspeaker(found: Sounding, level_db: float) -> Iterator[Check]:
    """Judge how loud and how clean the loudspeaker is at the microphone that hears it best."""
    if found.best is None:
        hint = "turn it up (`alsamixer`), or name the right one in [audio] output and input"
        detail = "no microphone hears the loudspeaker"
        yield Check("loudspeaker", ok=False, detail=detail, remedy=hint)
        return
    heard = found.channels[found.best]
    if heard.state == "loopback":
        hint = "a copy of what is played was opened instead of a microphone: set [audio] input"
        yield Check("loudspeaker", ok=False, detail="heard, but not through air", remedy=hint)
        return
    yield _level(heard, level_db)
    yield _distortion(heard)
    yield _band(heard)


def _level(heard: Channel, level_db: float) -> Check:
    over = heard.over_noise_db
    detail = f"{heard.echo_db:.0f} dB of full scale, {over:.0f} dB over the noise"
    loudest = heard.peak_db - level_db
    if heard.clipped or heard.peak_db > -HEADROOM_DB:
        hint = "the microphones clip: turn the loudspeaker or the input gain down (`alsamixer`)"
        return Check("echo level", ok=False, detail=f"{detail}; clipped", remedy=hint)
    if loudest > -HEADROOM_DB:
        much = f"{loudest + HEADROOM_DB:.0f} dB"
        hint = f"turn the loudspeaker or the input gain down by {much} (`alsamixer`)"
        return Check("echo level", ok=False, detail=f"{detail}; clips at full volume", remedy=hint)
    if over < SOFT_DB:
        hint = "the loudspeaker is soft, the room loud, or the input gain low; try --loud"
        return Check("echo level", ok=True, detail=detail, remedy=hint, warning=True)
    return Check("echo level", ok=True, detail=detail)


def _distortion(heard: Channel) -> Check:
    percent = 100 * 10 ** (heard.distortion_db / 20)
    detail = f"{percent:.1f} % ({heard.distortion_db:.0f} dB)"
    hint = "turn the loudspeaker down, or take a better one: what it adds cannot be cancelled"
    if heard.distortion_db > MUCH_DISTORTION_DB:
        return Check("distortion", ok=False, detail=detail, remedy=hint)
    much = heard.distortion_db > LITTLE_DISTORTION_DB and heard.over_noise_db > SOFT_DB
    return Check("distortion", ok=True, detail=detail, remedy=hint, warning=much)


def _band(heard: Channel) -> Check:
    detail = f"{heard.low_hz:.0f} to {heard.high_hz:.0f} Hz"
    narrow = heard.low_hz > NARROW_HZ[0] or heard.high_hz < NARROW_HZ[1]
    hint = "the loudspeaker or the microphone is muffled: is something in front of it?"
    return Check("band", ok=True, detail=detail, remedy=hint, warning=narrow)


def judge_reference(found: Sounding, array: Array, *, off: bool) -> Iterator[Check]:
    """Judge whether the box knows what it plays, and whether a better source was found."""
    copies = [c.number for c in found.channels if c.state == "loopback"]
    if array.cancels:
        yield Check(
            "reference", ok=True, detail=f"the board cancels its echo itself ({array.name})"
        )
    elif off:
        hint = 'set echo.cancel = "auto"'
        detail = "half duplex: cancelling is switched off"
        yield Check("reference", ok=True, detail=detail, remedy=hint, warning=True)
    elif found.reference == "none":
        detail = "half duplex: nothing is known of what is played"
        yield Check("reference", ok=False, detail=detail, remedy=_other_source(copies))
    elif found.reference == "silent" and found.best is not None:
        detail = "it does not carry what was played"
        yield Check("reference", ok=False, detail=detail, remedy=_other_source(copies))
    elif found.reference == "carries":
        yield Check("reference", ok=True, detail="it carries what is played")
    for channel in copies:
        if channel not in array.microphones or array.reference_channel == channel:
            continue
        hint = f'set echo.reference = "channel" and echo.reference_channel = {channel}'
        detail = f"channel {channel} carries what is played, on the microphones' clock"
        yield Check("loopback", ok=True, detail=detail, remedy=hint, warning=True)


def _other_source(copies: Sequence[int]) -> str:
    if copies:
        channel = copies[0]
        return (
            f"the reference channel is {channel}: "
            f'set echo.reference = "channel" and echo.reference_channel = {channel}'
        )
    return 'set echo.reference = "own", or "monitor" where a sound server plays (docs/echo.md)'


def judge_clocks(found: Sounding) -> Iterator[Check]:
    """Judge when the echo comes, and whether it always comes then."""
    if found.best is None:
        return
    if found.delay is not None:
        fine = -0.01 < found.delay < LONGEST_DELAY
        detail = f"{1000 * found.delay:.1f} ms from the reference to its echo"
        hint = f"it must be between 0 and {1000 * LONGEST_DELAY:.0f} ms to be cancelled"
        yield Check("delay", fine, detail, hint)
    if found.wobble > min(STEADY, max(SURE, DRIFTED * 1e-6 * abs(found.drift_ppm))):
        detail = f"a sweep came {1000 * found.wobble:.1f} ms beside its time"
        hint = "sound was lost or inserted: is the machine busy, or the card on a bad USB hub?"
        yield Check("steadiness", ok=False, detail=detail, remedy=hint)
        return
    yield Check("steadiness", ok=True, detail=f"constant to {1000 * found.wobble:.2f} ms")
    drift, ppm = abs(found.drift_ppm), round(found.drift_ppm)
    if drift < ONE_CLOCK_PPM:
        yield Check("clocks", ok=True, detail=f"one clock ({ppm:+d} ppm)")
    elif drift <= MOST_PPM:
        detail = f"two clocks: {ppm:+d} ppm, followed"
        yield Check("clocks", ok=True, detail=detail)
    else:
        hint = "play and record on one card, or let one sound server run both"
        detail = f"two clocks: {ppm:+d} ppm; at most {MOST_PPM:.0f} are followed"
        yield Check("clocks", ok=False, detail=detail, remedy=hint)


def judge_microphones(found: Sounding) -> Iterator[Check]:
    """Judge each channel."""
    for channel in found.channels:
        name = f"channel {channel.number}"
        noise = f"noise {channel.noise_db:.0f} dB"
        levels = f"{noise}, echo {channel.echo_db:.0f} dB" if channel.heard else noise
        match channel.state:
            case "dead" if found.best is None:
                yield Check(name, ok=True, detail=levels)
            case "dead":
                hint = "it hears nothing of the loudspeaker: is it muted, or not connected?"
                yield Check(name, ok=False, detail=f"dead; {levels}", remedy=hint)
            case "clipped":
                hint = "turn the input gain down (`alsamixer`)"
                yield Check(name, ok=False, detail=f"clipped; {levels}", remedy=hint)
            case "flipped":
                hint = "its phase is turned: the beam leaves it out; are its wires exchanged?"
                detail = f"flipped; {levels}"
                yield Check(name, ok=True, detail=detail, remedy=hint, warning=True)
            case "loopback":
                yield Check(name, ok=True, detail="loopback: what is played, not a microphone")
            case "fine":
                noisy = channel.noise_db > NOISY_DB
                hint = "the room is loud, or the input gain is very high"
                yield Check(name, ok=True, detail=levels, remedy=hint, warning=noisy)


def judge_places(found: Sounding, array: Array) -> Iterator[Check]:
    """Judge whether the microphones hear in the order in which they stand."""
    if array.positions is None or found.best is None:
        return
    by_number = {c.number: c for c in found.channels if c.heard and c.state != "loopback"}
    heard = [
        (number, by_number[number].late, place)
        for number, place in zip(array.microphones, array.positions, strict=True)
        if number in by_number
    ]
    if len(heard) < 2:
        return
    order = judge_order([late for _, late, _ in heard], [place for _, _, place in heard])
    if order.fits:
        detail = f"the times of arrival fit {array.name}"
        yield Check("order", ok=True, detail=detail)
        return
    detail = f"the times of arrival do not fit {array.name} (off by {order.off:.1f} samples)"
    if order.better is None:
        hint = "is it another board? name it in audio.array (`voice-appliance enhance --help`)"
    else:
        right = ", ".join(str(heard[place][0]) for place in order.better)
        hint = f"the order {right} would fit: are channels exchanged?"
    yield Check("order", ok=True, detail=detail, remedy=hint, warning=True)


def cancel(
    taken: Taken, played: Programme, found: Sounding, array: Array, chain: Engine
) -> Cancelled:
    """Put the programme's noise through a chain that knows nothing of this room yet."""
    late = round((found.delay or 0.0) * RATE)
    offset = round(found.begins) - played.sweeps[0]
    first = max(0, offset - late + played.noise[0] - RATE // 2)
    last = min(len(taken.samples), offset + played.noise[1])
    known = None if taken.reference is None else taken.reference[first:last]
    material = Material(np.ascontiguousarray(taken.samples[first:last]), known)
    every = round(100 * SYLLABLE)
    told = list(enhance(material, chain, array, lambda _: None, every=every))
    playing = [second for second in told if second.playing]
    began = playing[0].at - SYLLABLE if playing else Seconds(0.0)
    latest = playing[-round(1 / SYLLABLE) :]
    report = told[-1].report if told else None
    return Cancelled(
        to_10_db=next((Seconds(s.at - began) for s in playing if _softer(s) >= 10.0), None),
        wake_db=_mean([_softer(second) for second in latest]),
        speech_db=_mean([second.erle_db(second.speech_db) for second in latest]),
        drift_ppm=0.0 if report is None else report.drift_ppm,
        converged=False if report is None else report.converged,
    )


def judge_cancelling(done: Cancelled) -> Iterator[Check]:
    """Judge what the chain made of its own voice."""
    detail = f"{done.wake_db:.0f} dB on the wake tap, {done.speech_db:.0f} dB on the speech tap"
    soon = "never 10 dB" if done.to_10_db is None else f"10 dB after {done.to_10_db:.1f} s"
    hint = "see what is wrong above; until then the box may hear itself, and barge-in is careful"
    fine = done.speech_db >= HARDLY_CANCELLED_DB
    weak = done.speech_db < CANCELLED_DB or done.to_10_db is None
    yield Check("cancelling", fine, f"{detail}; {soon}", hint, warning=weak)


def _softer(second: Second) -> float:
    return second.erle_db(second.wake_db)


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0
