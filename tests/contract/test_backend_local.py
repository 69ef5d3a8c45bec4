"""The on-device backend with its real models: what it says is what it hears."""

import asyncio
import re
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from appliance.backend.context import Handover
from appliance.backend.local import phrases
from appliance.backend.local.phonemes import phonemes
from appliance.backend.local.phrases import Phrases
from appliance.backend.local.pipeline import LocalBackend, Parts
from appliance.backend.local.stt import Transcriber
from appliance.backend.local.trim import trim
from appliance.backend.local.tts import Voice
from appliance.backend.local.understand.types import Call, Past, Understanding
from appliance.catalogue import ToolSpec
from appliance.errors import BackendUnavailable, ModelError
from appliance.events import BackendEvent, ReplyAudio, ReplyEnded, ToolCalled, Transcribed
from appliance.frames import FRAME_SAMPLES, RATE, Frame
from appliance.ports import ToolResult
from appliance.units import SampleIndex, TurnNumber
from tests.models import model_folder
from tests.recordings import recording

Sound = NDArray[np.int16]

SENTENCES = (
    "The kitchen light is on.",
    "Turn on the kitchen light.",
    "Set the living room to forty percent.",
    "I have sent it, but nothing has confirmed it.",
    "Sorry, I did not understand that.",
)


@pytest.fixture(scope="module")
def voice() -> Voice:
    """Return the voice without its dice: it says a sentence in the same way every time."""
    made = Voice(model_folder("voice-en-joe"))
    made._scales[[0, 2]] = 0.0  # noise in the sound, noise in the lengths
    return made


@pytest.fixture(scope="module")
def english() -> Phrases:
    return phrases.load("en")


@pytest.fixture(scope="module")
def base() -> Transcriber:
    return Transcriber(model_folder("moonshine-base"))


@pytest.fixture(scope="module", params=["base", "tiny"])
def transcriber(request: pytest.FixtureRequest) -> Transcriber:
    return Transcriber(model_folder(f"moonshine-{request.param}"))


def heard(sound: Sound, rate: int) -> Sound:
    """Bring speech to the rate of the microphone, with a quiet room around it."""
    room = np.random.default_rng(1).normal(0, 8, RATE).astype(np.int16)
    narrow: Sound = soxr.resample(sound, rate, RATE)
    return np.concatenate([room, narrow, room])


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower().replace("%", " percent").replace("40", "forty"))


def test_what_the_voice_says_is_understood(voice: Voice, transcriber: Transcriber) -> None:
    wrong = spoken = 0
    for sentence in SENTENCES:
        sound = heard(voice.synthesize(sentence), voice.rate)
        wrong += Levenshtein.distance(words(transcriber.transcribe(trim(sound))), words(sentence))
        spoken += len(words(sentence))
    assert wrong <= 0.15 * spoken


def test_its_own_words_are_understood(voice: Voice, base: Transcriber, english: Phrases) -> None:
    for said in (english.alone, english.working, english.cannot_answer, english.cannot_see):
        sound = heard(voice.synthesize(said), voice.rate)
        assert words(base.transcribe(trim(sound))) == words(said)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("It is 21.5 °C.", "twenty one point five degrees"),
        ("It is 10:05.", "ten oh five"),
        ("The blind is at 30 %.", "thirty percent"),
    ],
)
def test_numbers_and_units_are_said_well(english: Phrases, written: str, said: str) -> None:
    def sounds(text: str) -> str:  # which of the words are stressed is left to espeak-ng
        return phonemes(text, voice="en-us").translate({0x2C8: None, 0x2CC: None, ord("."): None})

    assert sounds(said) in sounds(english.spell_out(written))


def test_words_of_another_language_leave_no_mark_of_it() -> None:
    assert "(" not in phonemes("Le chat est là, mon ami.", voice="en-us")


def test_unknown_accent_is_an_error_of_ours() -> None:
    with pytest.raises(ModelError, match="'xx-nowhere'"):
        phonemes("Hello.", voice="xx-nowhere")


@pytest.mark.parametrize("sentence", ["", "...", "?!", "\u2014"])
def test_a_sentence_without_a_word_is_silent(voice: Voice, sentence: str) -> None:
    assert len(voice.synthesize(sentence)) == 0


@pytest.mark.parametrize(
    "sentence", ["-v xx --help", "; rm -rf /", "$(id) `id` \x00\x07", "<b>On</b>"]
)
def test_odd_text_is_only_read_aloud(voice: Voice, sentence: str) -> None:
    assert len(voice.synthesize(sentence)) > 0


def test_a_sentence_said_again_is_not_made_again(voice: Voice) -> None:
    assert voice.synthesize("Again.") is voice.synthesize("Again.")


def test_what_is_kept_is_bounded() -> None:
    small = Voice(model_folder("voice-en-joe"), cache_bytes=100_000)
    first = small.synthesize("One light is on.")
    small.keep("Nothing works.")
    for sentence in ("Two lights are on.", "Three lights are on.", "Four lights are on."):
        small.synthesize(sentence)
    assert small.synthesize("One light is on.") is not first
    assert small.synthesize("Nothing works.") is small.synthesize("Nothing works.")


def test_speech_rate_makes_it_shorter(voice: Voice) -> None:
    fast = Voice(model_folder("voice-en-joe"), rate=1.6)
    assert len(fast.synthesize(SENTENCES[3])) < 0.8 * len(voice.synthesize(SENTENCES[3]))


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(0, np.int16),
        np.zeros(100, np.int16),
        np.zeros(RATE, np.int16),
        np.random.default_rng(5).normal(0, 3000, 2 * RATE).astype(np.int16),
        np.full(RATE, -32_768, np.int16),
    ],
    ids=["nothing", "6 ms", "silence", "noise", "clipped"],
)
def test_what_is_not_speech_does_no_harm(transcriber: Transcriber, sound: Sound) -> None:
    assert len(transcriber.transcribe(sound)) < 80


def test_a_broken_folder_is_an_error_of_ours() -> None:
    with pytest.raises(ModelError):
        Transcriber(model_folder("voice-en-joe"))


class OneLamp:
    """Understands every request as one that is about the lamp."""

    def understand(self, text: str, catalogue: Sequence[ToolSpec]) -> Understanding:
        assert catalogue
        return Understanding("sentences", (Call("light", {"on": "latte" in text.lower()}),))

    def remember(self, past: Sequence[Past], catalogue: Sequence[ToolSpec]) -> None:
        raise NotImplementedError


def frames(sound: Sound) -> Iterator[Frame]:
    for start in range(0, len(sound) - FRAME_SAMPLES, FRAME_SAMPLES):
        yield Frame(sound[start : start + FRAME_SAMPLES], SampleIndex(start))


@pytest.fixture
def order() -> Sound:
    """Return a request of a person."""
    return recording("order_latte")


async def test_a_spoken_request_becomes_a_call_and_a_spoken_answer(
    voice: Voice, base: Transcriber, english: Phrases, order: Sound
) -> None:
    parts = Parts(base, OneLamp(), voice, english)
    lamp = ToolSpec("light", "Switches lamps.", {"type": "object"})
    backend = LocalBackend(parts, lambda: (lamp,))
    events: list[BackendEvent] = []
    for frame in frames(order):
        await backend.send_audio(frame)
    await backend.commit_turn(TurnNumber(1))
    async with asyncio.timeout(30):
        try:
            async for event in backend.events():
                events.append(event)
                if isinstance(event, ToolCalled):
                    assert event.arguments == {"on": True}
                    result = ToolResult("done", "The kitchen light is on.")
                    await backend.answer_call(event.call, result)
                if isinstance(event, ReplyEnded) and not event.calls_tool:
                    await backend.close()
        except BackendUnavailable:
            pass
    assert "latte" in next(event.text for event in events if isinstance(event, Transcribed))
    pcm = b"".join(event.pcm for event in events if isinstance(event, ReplyAudio))
    reply = heard(np.frombuffer(pcm, "<i2"), voice.rate)
    assert "kitchen light is" in base.transcribe(trim(reply)).lower()


async def test_the_sign_of_a_session_that_takes_over_costs_nothing(
    voice: Voice, base: Transcriber, english: Phrases, order: Sound
) -> None:
    parts = Parts(base, OneLamp(), voice, english)
    await asyncio.to_thread(voice.keep, english.alone)
    lamp = ToolSpec("light", "Switches lamps.", {"type": "object"})
    backend = LocalBackend(parts, lambda: (lamp,), handover=Handover(notice=True))
    for frame in frames(order):
        await backend.send_audio(frame)
    await backend.commit_turn(TurnNumber(1))
    clock = asyncio.get_running_loop().time
    begun, times = clock(), dict[type[BackendEvent], float]()
    async with asyncio.timeout(30):
        async for event in backend.events():
            times.setdefault(type(event), clock() - begun)
            if isinstance(event, ReplyEnded):
                await backend.close()
                break
    assert times[ReplyAudio] < 0.5 * times[Transcribed]
