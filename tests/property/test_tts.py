"""Voices of services under any bytes and any messages."""

import base64
import json
import struct
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from appliance.backend.tts.cartesia_rules import CartesiaRules, Voicing
from appliance.backend.tts.elevenlabs_rules import ElevenLabsRules
from appliance.backend.tts.rules import Rules
from appliance.backend.tts.sound import Decoder
from appliance.backend.tts.text import LONGEST, parts, speakable
from appliance.errors import BackendError, ProtocolViolation
from appliance.units import SampleRate, Seconds

RATE = SampleRate(24_000)
SOFT = st.lists(st.integers(-900, 900), max_size=300).map(
    lambda samples: struct.pack(f"<{len(samples)}h", *samples)
)
"""Sound as speech begins: soft."""

CUTS = st.lists(st.integers(1, 97), min_size=1, max_size=20)


def cut(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    at = number = 0
    while at < len(data):
        size = sizes[number % len(sizes)]
        yield data[at : at + size]
        at, number = at + size, number + 1


def through(data: bytes, sizes: list[int]) -> list[bytes]:
    decoder = Decoder(RATE)
    return [*map(decoder.feed, cut(data, sizes)), decoder.finish()]


@given(SOFT, CUTS)
def test_sound_comes_out_as_it_went_in_however_it_is_cut(pcm: bytes, sizes: list[int]) -> None:
    pieces = through(pcm, sizes)
    assert b"".join(pieces) == pcm
    assert all(len(piece) % 2 == 0 for piece in pieces)


@given(SOFT, CUTS)
def test_half_a_sample_at_the_end_is_dropped(pcm: bytes, sizes: list[int]) -> None:
    assert b"".join(through(pcm + b"\1", sizes)) == pcm


def wav(pcm: bytes, *, rate: int, channels: int, size: int | None, extra: bytes) -> bytes:
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * 2 * channels, 2 * channels, 16)
    length = len(pcm) if size is None else size
    chunks = b"fmt " + struct.pack("<I", len(form)) + form
    if extra:
        chunks += b"LIST" + struct.pack("<I", len(extra)) + extra + b"\0" * (len(extra) % 2)
    head = b"RIFF" + struct.pack("<I", 0xFFFF_FFFF) + b"WAVE"
    return head + chunks + b"data" + struct.pack("<I", length) + pcm


@given(SOFT, CUTS, st.sampled_from([None, 0, 0xFFFF_FFFF]), st.binary(max_size=60), st.binary())
def test_a_wav_is_its_sound_wherever_its_header_is_cut(
    pcm: bytes, sizes: list[int], size: int | None, extra: bytes, behind: bytes
) -> None:
    data = wav(pcm, rate=RATE, channels=1, size=size, extra=extra)
    if size is None and pcm:  # its length is known: what stands behind is none of it
        data += behind
    assert b"".join(through(data, sizes)) == pcm


@given(
    st.integers(1, 400),
    st.sampled_from([8_000, 16_000, 22_050, 44_100, 48_000]),
    st.sampled_from([1, 2]),
    CUTS,
)
def test_a_wav_of_another_rate_lasts_as_long(
    frames: int, rate: int, channels: int, sizes: list[int]
) -> None:
    pcm = struct.pack("<h", 300) * frames * channels
    data = wav(pcm, rate=rate, channels=channels, size=None, extra=b"")
    heard = b"".join(through(data, sizes))
    assert abs(len(heard) / 2 - frames * RATE / rate) <= 2


@given(
    st.sampled_from(
        [b"", b"RIFF", b"RIFF0000WAVE", b"RIFF0000WAVEfmt \x10\0\0\0", b"\xff\xfb\x90"]
    ),
    st.binary(max_size=400),
    CUTS,
)
def test_no_bytes_raise_anything_of_their_own(head: bytes, rest: bytes, sizes: list[int]) -> None:
    try:
        pieces = through(head + rest, sizes)
    except ProtocolViolation:
        return
    assert all(len(piece) % 2 == 0 for piece in pieces)


@given(st.text(max_size=60))
def test_what_is_spoken_has_a_word_or_a_number_in_it(text: str) -> None:
    spoken = speakable(text)
    assert spoken == "" or (spoken in text and any(letter.isalnum() for letter in spoken))
    assert bool(spoken) == any(letter.isalnum() for letter in text)


@given(st.text("ab ", min_size=1, max_size=3), st.integers(1, 6_000))
def test_a_text_is_cut_into_requests_without_a_loss(word: str, times: int) -> None:
    text = word * times
    cuts = parts(text)
    assert "".join(cuts) == text
    assert all(0 < len(each) <= LONGEST for each in cuts)


# -- rules ----------------------------------------------------------------------------------------

OWN, OLD, NOBODY = "own", "old", "nobody"


def makers() -> list[Rules]:
    voicing = Voicing("sonic-3.5", "v", "en")
    return [CartesiaRules(voicing, "p"), ElevenLabsRules("p")]


def name_in(messages: tuple[str, ...]) -> str:
    name: str = json.loads(messages[0])["context_id"]
    return name


JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)
SOUNDS = st.binary(max_size=9).map(lambda data: base64.b64encode(data).decode())
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["chunk", "done", "error", "flush_done", "timestamps"]) | JUNK,
        "context": st.sampled_from([OWN, OLD, NOBODY]) | JUNK,
        "data": SOUNDS | JUNK,
        "audio": SOUNDS | JUNK,
        "isFinal": st.booleans() | JUNK,
        "is_final": st.booleans() | JUNK,
        "error": st.sampled_from(["quota_exceeded", "max_active_conversations"]) | JUNK,
        "error_code": st.sampled_from(["voice_not_found", None]) | JUNK,
        "status_code": st.sampled_from([200, 206, 401, 429, 500]) | JUNK,
        "message": st.sampled_from(["A voice was not found.", ""]) | JUNK,
    },
)
STEPS = st.lists(
    st.sampled_from(["say", "finish", "cancel", "begin", "beat", "expire", "wait"])
    | MESSAGES
    | st.text(max_size=8)
    | st.binary(max_size=4),
    max_size=25,
)


@given(st.integers(0, 1), STEPS)
def test_whatever_comes_nothing_but_our_own_errors_is_raised(which: int, steps: list[Any]) -> None:
    rules, now, names = makers()[which], Seconds(0.0), {OWN: "p-1", OLD: "p-0", NOBODY: "x"}
    rules.begin()
    for step in steps:
        try:
            sent = take(rules, step, now, names)
        except BackendError:
            rules.cancel()
            rules.begin()
            continue
        now = Seconds(now + 0.4)
        assert all(isinstance(json.loads(message), dict) for message in sent)
        assert isinstance(rules.owed, bool)
        assert not (rules.complete and rules.owed)


def take(rules: Rules, step: Any, now: Seconds, names: dict[str, str]) -> tuple[str, ...]:  # noqa: ANN401 - whatever was drawn
    match step:
        case "say":
            sent = rules.say("Hello.", now)
            names[OWN] = name_in(sent)
            return sent
        case "finish":
            return rules.finish(now)
        case "cancel":
            return rules.cancel()
        case "begin":
            rules.cancel()
            rules.begin()
            names[OLD] = names[OWN]
        case "beat":
            return rules.beat()
        case "expire":
            rules.expire()
        case dict():
            context = step.get("context", "")
            named = names.get(context, context) if isinstance(context, str) else context
            message = {**step, "context_id": named, "contextId": named}
            heard = rules.receive(json.dumps(message), now)
            assert len(heard.sound) % 2 == 0
            assert not heard.sound or named == names[OWN] or named.startswith("p-")
            return heard.send
        case str() | bytes():
            return rules.receive(step, now).send
        case _:
            raise AssertionError(step)
    return ()


@given(
    st.integers(0, 1),
    st.lists(st.tuples(st.sampled_from([OWN, OLD, NOBODY]), st.binary(min_size=1, max_size=40))),
)
def test_no_sound_but_that_of_the_reply_is_ever_heard(
    which: int, pieces: list[tuple[str, bytes]]
) -> None:
    rules, now = makers()[which], Seconds(1.0)
    rules.begin()
    old = name_in(rules.say("Old.", now))
    rules.cancel()
    rules.begin()
    own = name_in(rules.say("Own.", now))
    assert own != old
    names = {OWN: own, OLD: old, NOBODY: "p-77"}
    heard = b""
    for name, data in pieces:
        soft = bytes(byte & 1 for byte in data)  # never like the beginning of a file
        heard += rules.receive(piece_of(which, names[name], soft), now).sound
    wanted = b"".join(bytes(byte & 1 for byte in data) for name, data in pieces if name == OWN)
    heard += rules.receive(end_of(which, own), now).sound
    assert heard == wanted[: len(wanted) // 2 * 2]


def piece_of(which: int, name: str, data: bytes) -> str:
    coded = base64.b64encode(data).decode()
    if which:
        return json.dumps({"audio": coded, "contextId": name})
    return json.dumps({"type": "chunk", "data": coded, "context_id": name})


def end_of(which: int, name: str) -> str:
    if which:
        return json.dumps({"isFinal": True, "contextId": name})
    return json.dumps({"type": "done", "done": True, "context_id": name})
