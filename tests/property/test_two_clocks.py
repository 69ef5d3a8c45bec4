"""Two sound cards with a clock each: the reference keeps its place beside the capture."""

import heapq
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from appliance.audio.follower import ACQUIRING, LONGEST_HELD, Follower
from appliance.units import SampleRate

Sound = NDArray[np.int16]
PITCH = 997.0
LEVEL = 8000.0


@dataclass
class Card:
    """One card: its clock's error, when it begins, and how late its calls may be."""

    rate: int
    ppm: float = 0.0
    begins: float = 0.0
    latest: float = 0.010
    seed: int = 0
    wander: float = 0.0
    """By how many seconds its calls move to and fro within seconds, on top."""

    stamped: float = 0.0
    """By how many seconds its driver's stamps do."""

    blocks: int = 0
    rng: np.random.Generator = field(init=False)
    called: float = 0.0

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def time_of(self, sample: float) -> float:
        """Return when this card's clock comes to a sample."""
        return self.begins + sample / self.rate / (1 + 1e-6 * self.ppm)

    def sample_at(self, time: float) -> float:
        """Return which sample its clock comes to at that time."""
        return (time - self.begins) * self.rate * (1 + 1e-6 * self.ppm)

    def next_call(self) -> float:
        """Return when it calls next: never early, never before the last call."""
        self.blocks += 1
        due = self.time_of(self.blocks * (self.rate // 100))
        late = self.rng.uniform(0.0, self.latest) + self.wander * _wave(due, 3.1)
        self.called = max(self.called, due + late)
        return self.called

    def age(self) -> float:
        """Return for how long the sound of the latest call had been there, as its driver says."""
        due = self.time_of(self.blocks * (self.rate // 100))
        return 0.03 + self.called - due - self.stamped * _wave(due, 2.3)


def _wave(time: float, period: float) -> float:
    """Return 0 to 1, in steps of a quarter of a second."""
    return float(0.5 + 0.5 * np.sin(2 * np.pi * np.floor(4 * time) / 4 / period))


@dataclass
class Heard:
    """What the reader got."""

    sound: Sound
    phases: NDArray[np.float64]
    """How far behind the writer's clock each block was read, in seconds, by the tone's phase."""

    levels: NDArray[np.float64]
    slips: int
    slips_at: list[float]
    drift_ppm: float


def run(writer: Card, reader: Card, *, seconds: float, lost: tuple[int, int] = (0, 0)) -> Heard:
    """Let two cards run; ``lost`` blocks of the writer's are never written (from, to)."""
    now = [0.0]
    follower = Follower(SampleRate(writer.rate), SampleRate(reader.rate), monotonic=lambda: now[0])
    calls = [(writer.next_call(), 0), (reader.next_call(), 1)]
    heapq.heapify(calls)
    parts: list[Sound] = []
    slips_at: list[float] = []
    block = writer.rate // 100
    while now[0] < seconds:
        now[0], who = heapq.heappop(calls)
        if who == 0:
            at = np.arange((writer.blocks - 1) * block, writer.blocks * block)
            if not lost[0] <= writer.blocks < lost[1]:
                wave = np.rint(LEVEL * np.sin(2 * np.pi * PITCH * at / writer.rate))
                follower.write(wave.astype(np.int16), writer.age())
            heapq.heappush(calls, (writer.next_call(), 0))
        else:
            slips = follower.slips
            parts.append(follower.read(reader.rate // 100, reader.age()))
            slips_at += [now[0]] * (follower.slips - slips)
            heapq.heappush(calls, (reader.next_call(), 1))
    return _judged(writer, reader, parts, slips_at, follower.drift_ppm)


def _judged(
    writer: Card, reader: Card, parts: list[Sound], slips_at: list[float], drift: float
) -> Heard:
    """Find by its phase where in the writer's sound each tenth of a second was read."""
    sound = np.concatenate(parts)
    length = reader.rate // 10
    pieces = sound[: len(sound) // length * length].reshape(-1, length).astype(np.float64)
    middle = (np.arange(len(pieces)) + 0.5) * length
    seen = (1 + 1e-6 * writer.ppm) / (1 + 1e-6 * reader.ppm)  # the tone, by the reader's clock
    turn = np.exp(
        -2j * np.pi * PITCH * seen * (np.arange(length) - length / 2)[np.newaxis] / reader.rate
    )
    found = 2 * np.mean(pieces * np.hanning(length) * 2 * turn, axis=1)
    true = np.array([writer.sample_at(reader.time_of(m)) / writer.rate for m in middle])
    phase = np.angle(found * np.exp(-2j * np.pi * PITCH * true + 0.5j * np.pi))
    behind = -np.unwrap(phase) / (2 * np.pi * PITCH)
    return Heard(sound, behind, np.abs(found), len(slips_at), slips_at, drift)


PPM = st.floats(min_value=-150.0, max_value=150.0)
RATES = st.sampled_from([(16_000, 16_000), (48_000, 16_000), (44_100, 48_000)])


@settings(max_examples=8)
@given(
    rates=RATES,
    writer_ppm=PPM,
    reader_ppm=PPM,
    latest=st.sampled_from([0.001, 0.005, 0.010]),
    begins=st.floats(min_value=0.0, max_value=0.05),
    seed=st.integers(min_value=0, max_value=99),
)
def test_reference_keeps_its_place_and_its_level_whatever_the_clocks(
    rates: tuple[int, int],
    writer_ppm: float,
    reader_ppm: float,
    latest: float,
    begins: float,
    seed: int,
) -> None:
    writer = Card(rates[0], writer_ppm, begins, latest, seed)
    reader = Card(rates[1], reader_ppm, 0.0, latest, seed + 100)

    heard = run(writer, reader, seconds=35.0)

    begun = 10 * (ACQUIRING + 0.2)
    settled = heard.phases[200:-2]
    assert heard.slips == 0
    assert np.ptp(settled) < 0.001
    assert np.ptp(heard.phases[int(begun) : -2]) < 0.002  # nor far before it has settled
    assert np.abs(heard.levels[int(begun) : -2] / LEVEL - 1).max() < 0.02
    quiet = np.abs(heard.sound[int(begun * rates[1] / 10) : -rates[1]].astype(int)).reshape(-1, 5)
    assert (quiet.max(axis=1) > 0).all()  # no gap of five samples anywhere
    assert abs(heard.drift_ppm - (writer_ppm - reader_ppm)) < 40.0


@pytest.mark.parametrize(("wander", "stamped"), [(0.009, 0.0), (0.0, 0.036)])
@pytest.mark.parametrize("who", ["writer", "reader", "both"])
def test_the_steadier_witness_of_each_clock_is_believed(
    wander: float, stamped: float, who: str
) -> None:
    writer = Card(16_000, 60.0, latest=0.002, seed=1)
    reader = Card(16_000, -20.0, latest=0.002, seed=2)
    for card in {"writer": [writer], "reader": [reader], "both": [writer, reader]}[who]:
        card.wander, card.stamped = wander, stamped

    heard = run(writer, reader, seconds=35.0)

    assert np.ptp(heard.phases[150:-2]) < 0.001
    assert not [at for at in heard.slips_at if at > 6.0]


def test_worst_clocks_are_followed_for_minutes() -> None:
    heard = run(Card(16_000, 150.0, seed=1), Card(16_000, -150.0, seed=2), seconds=150.0)

    assert heard.slips == 0
    assert np.ptp(heard.phases[300:-2]) < 0.0007
    assert abs(heard.drift_ppm - 300.0) < 10.0


def test_reader_stays_no_further_behind_than_it_must() -> None:
    behind = {}
    for latest in (0.001, 0.010):
        now = [0.0]
        follower = Follower(SampleRate(16_000), SampleRate(16_000), monotonic=partial(max, now))
        rng = np.random.default_rng(3)
        written = 0
        for number in range(300):
            now[0] = 0.01 * number + rng.uniform(0.0, latest)
            follower.write(np.full(160, 1 if number < 200 else 9, dtype=np.int16))
            written += 160
            follower.read(160)
        behind[latest] = (written - follower._position) / 16_000

    assert behind[0.001] < 0.016
    assert behind[0.010] < 0.030


def test_what_the_writer_lost_is_one_slip_and_then_all_is_as_before() -> None:
    heard = run(Card(16_000, 50.0, seed=5), Card(16_000, seed=6), seconds=30.0, lost=(1500, 1530))

    assert 1 <= heard.slips <= 2
    assert all(14.9 < at < 17.0 for at in heard.slips_at)
    assert np.ptp(heard.phases[60:140]) < 0.001
    assert np.ptp(heard.phases[190:-2]) < 0.001
    assert np.abs(heard.levels[190:-2] / LEVEL - 1).max() < 0.02


@pytest.mark.parametrize("wander", [0.0, 0.009])
def test_writer_that_stops_is_quiet_and_comes_back(wander: float) -> None:
    writer, reader = Card(16_000, 50.0, seed=5), Card(16_000, seed=6)
    reader.wander = wander
    heard = run(writer, reader, seconds=20.0, lost=(500, 800))

    quiet = heard.sound[round(5.2 * 16_000) : 8 * 16_000]
    again = heard.levels[95:-2]
    assert not quiet.any()
    assert np.abs(again / LEVEL - 1).max() < 0.02


def test_reader_that_was_away_finds_its_place_again() -> None:
    now = [0.0]
    follower = Follower(SampleRate(16_000), SampleRate(16_000), monotonic=lambda: now[0])
    out: list[Sound] = []
    for number in range(1200):
        now[0] = 0.01 * number
        follower.write(np.full(160, number + 1, dtype=np.int16))
        if not 400 <= number < 650:  # longer than the ring
            out.append(follower.read(160))
            assert len(out[-1]) == 160

    assert 0 < 1200 - int(out[-1][-1]) <= 1 + 100 * LONGEST_HELD
