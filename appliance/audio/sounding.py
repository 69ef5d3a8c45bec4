"""What a recording of the measuring programme tells of loudspeaker, clocks and microphones.

Pure: numbers in, numbers out. ``appliance.audio.sweep`` makes what is played.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from appliance.audio.sweep import SWEEP, Programme, Sound, advance, deconvolve
from appliance.frames import RATE
from appliance.units import Seconds

State = Literal["fine", "dead", "clipped", "flipped", "loopback"]

FULL_SCALE = 32_768.0
CLIPPED = 32_700
TOO_CLIPPED = 0.0005
"""Share of samples at the end of the scale while it plays; music hardly ever has one in 2000."""

_SILENCE_DB = -120.0
_HEARD = 8.0
"""A sweep was heard if its answer stands so far above the noise of the deconvolved quiet. Noise
of normal distribution reaches 5 in the longest recording."""

_JUMP = round(0.2 * RATE)
"""A gap or a slip of the card moves a sweep by less."""

_HARMONICS = range(2, 6)
_AHEAD = Seconds(float(advance(5)) + 0.1)
"""Nothing of a sweep's answer, harmonics included, stands further before it."""

_BEFORE, _AFTER = round(0.005 * RATE), round(0.05 * RATE)
"""The part of an answer that counts: from just before the direct sound, most of the room."""

_NEAR = 64
"""Samples by which microphones of one array hear later than each other: 1.4 m."""

_FINE = 16
"""Steps within a sample in which answers are laid upon each other."""

_COPY_COMPACT, _COPY_CLEAN_DB, _COPY_QUIET_DB = 0.97, -40.0, -80.0
"""What no microphone in a room is: nearly all within 1 ms, without harmonics, without noise."""

_DOWN_DB = 10.0
"""A loudspeaker's band ends where its response is down by so much."""


@dataclass(frozen=True, slots=True)
class Channel:
    """What one channel of the card told."""

    number: int
    noise_db: float
    """In the quiet before, relative to full scale."""

    echo_db: float = _SILENCE_DB
    """While a sweep plays, relative to full scale."""

    peak_db: float = _SILENCE_DB
    clipped: float = 0.0
    """Share of samples at the end of the scale while it plays."""

    heard: bool = False
    """It hears the sweeps."""

    late: float = 0.0
    """Samples by which it hears later than ``Sounding.best``."""

    upright: bool = True
    """Its phase is that of ``Sounding.best``."""

    compact: float = 0.0
    """Share of the answer's energy within 1 ms of its peak."""

    distortion_db: float = 0.0
    """Harmonics 2 to 5, relative to what is linear."""

    low_hz: float = 0.0
    high_hz: float = 0.0
    """Ends of the band in which it is heard."""

    state: State = "fine"

    @property
    def over_noise_db(self) -> float:
        """By how much the echo is louder than the noise."""
        return self.echo_db - self.noise_db


@dataclass(frozen=True, slots=True)
class Sounding:
    """What the recording told."""

    channels: tuple[Channel, ...]
    best: int | None
    """The microphone that hears the sweeps best; ``None``: none hears them."""

    begins: float = 0.0
    """Sample at which it begins to hear the first sweep."""

    delay: Seconds | None = None
    """From the reference to the best microphone; ``None``: no reference carries the sweeps."""

    wobble: Seconds = Seconds(0.0)
    """By how much one sweep came earlier or later than steady clocks allow."""

    drift_ppm: float = 0.0
    """By how much faster the microphones' clock runs than the loudspeaker's; means something
    only where ``wobble`` is small."""

    reference: Literal["none", "silent", "carries"] = "none"
    """Whether there was one, and whether it had the sweeps."""


def measure(
    recorded: NDArray[np.int16], played: Programme, reference: NDArray[np.int16] | None = None
) -> Sounding:
    """Find the programme in a recording and measure everything.

    Args:
        recorded: Shape ``(n, channels)``, at ``RATE``, from before the programme to after it.
        played: What was played.
        reference: Shape ``(n,)``, what the box knew of it, on the same clock; zeros: nothing.
    """
    if not len(recorded):
        recorded = np.zeros((1, recorded.shape[1]), dtype=np.int16)
    sound = recorded.T / FULL_SCALE
    answers = deconvolve(sound, played.sweep)
    places = [_places(answer, played) for answer in answers]
    found = [
        _channel(number, sound[number], answers[number], places[number])
        for number in range(len(sound))
    ]
    best = _best(found)
    if best is None:
        states = tuple(replace(channel, state=_state(channel)) for channel in found)
        return Sounding(states, None, reference="none" if reference is None else "silent")
    place = places[best]
    if place is None:  # ``_best`` takes only what was heard
        raise AssertionError
    compared = [_beside(channel, answers, best, place[0]) for channel in found]
    drift, wobble = _clocks(place, played)
    whole = Sounding(
        _judged(compared, best),
        best,
        begins=float(place[0]),
        wobble=wobble,
        drift_ppm=drift,
    )
    if reference is None:
        return whole
    copy = deconvolve(reference / FULL_SCALE, played.sweep)
    known = _places(copy, played)
    if known is None:
        return replace(whole, reference="silent")
    late = [
        round(there) - round(here) + _shift(_window(copy, here), _window(answers[best], there))[0]
        for here, there in zip(known.tolist(), place.tolist(), strict=True)
    ]
    return replace(whole, delay=Seconds(float(np.mean(late)) / RATE), reference="carries")


def _places(answer: Sound, played: Programme) -> NDArray[np.float64] | None:
    """Return where each sweep begins to be heard, in samples; ``None``: at most one is.

    One of three may be spoilt by sound that was lost; then its place is not to be trusted, and
    what is off the line through all shows it.
    """
    spans = np.array(played.sweeps) - played.sweeps[0]
    power = answer**2
    smooth = np.convolve(power, np.ones(81), mode="same")
    count = len(answer) - int(spans[-1])
    if count < len(played.sweep):
        return None
    first = int(np.argmax(sum(smooth[span : span + count] for span in spans)))
    tops = []
    for span in spans:
        begin = max(0, first + int(span) - _JUMP)
        tops.append(begin + int(np.argmax(power[begin : first + int(span) + _JUMP])))
    quiet = power[: max(0, tops[0] - round(_AHEAD * RATE))]
    floor = float(np.mean(quiet)) if len(quiet) > RATE // 20 else float(np.median(power))
    if sorted(power[top] for top in tops)[1] <= max(_HEARD**2 * floor, 1e-12):
        return None
    model = _window(answer, max(tops, key=lambda top: float(power[top])))
    exact = [top + _shift(model, _window(answer, top))[0] for top in tops]
    return np.array(exact)


def _channel(
    number: int, sound: Sound, answer: Sound, places: NDArray[np.float64] | None
) -> Channel:
    if places is None:
        return Channel(number, noise_db=_db(_quietest(sound)))
    tops = [round(place) for place in places]
    quiet = sound[RATE // 5 : max(RATE // 5 + 1, tops[0] - RATE // 20)]
    length = round(SWEEP * RATE)
    echo = np.concatenate([sound[top : top + length] for top in tops])
    spoilt, top = min((_distortion(answer, tops[0], top), top) for top in tops)
    body = answer[max(0, top - _BEFORE) : top + _AFTER]
    energy = float(np.sum(body**2))
    near = float(np.sum(answer[top - RATE // 1000 : top + RATE // 1000 + 1] ** 2))
    low, high = _band(body)
    return Channel(
        number,
        noise_db=_db(np.mean(quiet**2)),
        echo_db=_db(np.mean(echo**2)),
        peak_db=_db(np.max(echo**2)),
        clipped=float(np.mean(np.abs(sound[tops[0] :]) * FULL_SCALE >= CLIPPED)),
        heard=True,
        compact=near / energy if energy else 0.0,
        distortion_db=spoilt,
        low_hz=low,
        high_hz=high,
    )


def _quietest(sound: Sound) -> float:
    """Return the power of the tenth part of a channel that is the least loud."""
    length = RATE // 10
    whole = sound[: len(sound) // length * length].reshape(-1, length)
    return float(np.quantile(np.mean(whole**2, axis=1), 0.1)) if len(whole) else 0.0


def _distortion(answer: Sound, first: int, top: int) -> float:
    """Return the harmonics' energy beside the linear one, without the share of noise."""
    linear = float(np.sum(answer[max(0, top - _BEFORE) : top + _AFTER] ** 2))
    quiet = answer[: max(1, first - round(_AHEAD * RATE))]
    floor = float(np.mean(quiet**2)) * (_BEFORE + _AFTER)
    harmonics = 0.0
    for harmonic in _HARMONICS:
        place = top - round(advance(harmonic) * RATE)
        body = answer[max(0, place - _BEFORE) : place + _AFTER]
        harmonics += max(0.0, float(np.sum(body**2)) - floor)
    return _db(harmonics / linear) if linear else 0.0


def _band(body: Sound) -> tuple[float, float]:
    """Return the ends of the band, in third octaves around 1 kHz."""
    size = 4096
    power = np.abs(np.fft.rfft(body, size)) ** 2
    middles = 1000.0 * 2.0 ** (np.arange(-10, 9) / 3)
    edges = np.rint(np.outer((2 ** (-1 / 6), 2 ** (1 / 6)), middles) * size / RATE).astype(int)
    levels = np.array(
        [_db(np.mean(power[a : max(a + 1, b)])) for a, b in edges.T if a < len(power)]
    )
    middles = middles[: len(levels)]
    usual = np.median(levels[(middles >= 300) & (middles <= 3400)])
    weak = levels < usual - _DOWN_DB
    centre = 10  # 1 kHz
    below = np.flatnonzero(weak[:centre])
    above = np.flatnonzero(weak[centre + 1 :])
    low = below[-1] + 1 if len(below) else 0
    high = centre + above[0] if len(above) else len(levels) - 1
    return float(middles[low]), float(middles[high])


def _best(channels: list[Channel]) -> int | None:
    """Return the microphone with the most echo over its noise; a copy only if nothing else."""
    heard = [channel for channel in channels if channel.heard]
    real = [channel for channel in heard if not _is_copy(channel)] or heard
    sound = [channel for channel in real if channel.clipped <= TOO_CLIPPED] or real
    return max(sound, key=lambda c: c.over_noise_db).number if sound else None


def _is_copy(channel: Channel) -> bool:
    return (
        channel.heard
        and channel.compact > _COPY_COMPACT
        and channel.distortion_db < _COPY_CLEAN_DB
        and channel.noise_db < _COPY_QUIET_DB
    )


def _beside(channel: Channel, answers: Sound, best: int, place: float) -> Channel:
    """Compare a microphone's direct sound with the best one's."""
    if not channel.heard:
        return channel
    model = _window(answers[best], place)
    late, sign = _shift(model, _window(answers[channel.number], place))
    return replace(channel, late=late, upright=sign > 0)


def _judged(channels: list[Channel], best: int) -> tuple[Channel, ...]:
    """Say how each is doing; who is upright is what most are."""
    copies = {c.number for c in channels if _is_copy(c)}
    if best in copies:  # nothing but copies: the card hears itself, not the room
        copies = {c.number for c in channels}
    votes = [c for c in channels if c.heard and c.number not in copies]
    most = 2 * sum(c.upright for c in votes) >= len(votes)
    judged = []
    for channel in channels:
        turned = replace(channel, upright=channel.upright == most)
        state: State = "loopback" if channel.number in copies else _state(turned)
        judged.append(replace(turned, state=state))
    return tuple(judged)


def _state(channel: Channel) -> State:
    if not channel.heard:
        return "dead"
    if channel.clipped > TOO_CLIPPED:
        return "clipped"
    return "fine" if channel.upright else "flipped"


def _clocks(places: NDArray[np.float64], played: Programme) -> tuple[float, Seconds]:
    """Lay a line through when the sweeps were played and heard: drift, and what is off it."""
    begins = np.array(played.sweeps, dtype=np.float64)
    slope, offset = np.polyfit(begins, places, 1)
    off = np.abs(places - (slope * begins + offset)).max()
    return float((slope - 1.0) * 1e6), Seconds(float(off) / RATE)


def _window(answer: Sound, place: float) -> Sound:
    """Return the direct sound and what follows at once; zeros beyond the recording."""
    begin, end = round(place) - 2 * _NEAR, round(place) + 4 * _NEAR
    padded = np.pad(answer, (max(0, -begin), max(0, end - len(answer))))
    begin += max(0, -begin)
    return np.asarray(padded[begin : begin + 6 * _NEAR])


def _shift(model: Sound, other: Sound) -> tuple[float, float]:
    """Return by how many samples ``other`` comes later than ``model``, and its sign."""
    size = 2 * len(model)
    cross = np.conj(np.fft.rfft(model, size)) * np.fft.rfft(other, size)
    fine = np.fft.irfft(cross, size * _FINE)  # zeros added above: a finer grid
    lags = np.concatenate((fine[-_NEAR * _FINE :], fine[: _NEAR * _FINE + 1]))
    top = int(np.argmax(np.abs(lags)))
    peak = lags[top]
    bend = 0.0
    if 0 < top < len(lags) - 1:
        before, after = np.abs(lags[top - 1]), np.abs(lags[top + 1])
        curve = before - 2 * abs(peak) + after
        bend = 0.5 * float((before - after) / curve) if curve else 0.0
    return (top + bend) / _FINE - _NEAR, float(np.sign(peak) or 1.0)


def _db(power: float | np.floating) -> float:
    return max(_SILENCE_DB, float(10 * np.log10(max(float(power), 1e-12))))
