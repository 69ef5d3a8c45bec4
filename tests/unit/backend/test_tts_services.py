"""Cases of voices of services that no scripted server comes to."""

import base64
import json
import struct

import numpy as np
import pytest

from appliance.backend.tts.cartesia_rules import CartesiaRules, Voicing
from appliance.backend.tts.elevenlabs_rules import ElevenLabsRules
from appliance.backend.tts.sound import LONGEST_HEADER, Decoder
from appliance.errors import BackendRefused, BackendStalled, BackendUnavailable, ProtocolViolation
from appliance.units import SampleRate, Seconds

RATE = SampleRate(24_000)
ONE, TWO = b"\1\0" * 10, b"\2\0" * 10


def rules() -> CartesiaRules:
    made = CartesiaRules(Voicing("sonic-3.5", "v", ""), "c")
    made.begin()
    return made


def chunk(name: str, pcm: bytes) -> str:
    data = base64.b64encode(pcm).decode()
    return json.dumps({"type": "chunk", "context_id": name, "data": data})


def done(name: str) -> str:
    return json.dumps({"type": "done", "context_id": name})


def name_in(messages: tuple[str, ...]) -> str:
    name: str = json.loads(messages[0])["context_id"]
    return name


def test_a_context_that_ended_untold_is_over_when_the_next_one_is_heard() -> None:
    made = rules()
    first = name_in(made.say("One.", Seconds(0.0)))
    assert made.receive(chunk(first, ONE), Seconds(0.3)).sound == ONE
    second = name_in(made.say("Two.", Seconds(2.0)))
    assert second != first
    assert made.receive(chunk(second, TWO), Seconds(2.3)).sound == TWO
    assert made.receive(chunk(first, ONE), Seconds(2.4)).sound == b""
    made.finish(Seconds(2.4))
    assert not made.complete
    made.receive(done(second), Seconds(2.5))
    assert made.complete


def test_what_was_late_of_the_first_context_is_heard_before_the_second() -> None:
    made = rules()
    first = name_in(made.say("One.", Seconds(0.0)))
    made.receive(chunk(first, ONE), Seconds(0.3))
    second = name_in(made.say("Two.", Seconds(1.2)))
    assert made.receive(chunk(first, ONE), Seconds(1.3)).sound == ONE
    assert made.receive(chunk(second, TWO), Seconds(1.5)).sound == TWO


def test_a_reply_that_was_over_before_we_said_so_is_complete() -> None:
    made = rules()
    name = name_in(made.say("One.", Seconds(0.0)))
    made.receive(chunk(name, ONE), Seconds(0.3))
    made.finish(Seconds(9.0))  # the context has expired meanwhile, and nobody told us
    assert made.owed
    made.expire()
    assert made.complete


def test_an_error_about_a_context_that_is_over_is_none() -> None:
    made = rules()
    name = name_in(made.say("One.", Seconds(0.0)))
    made.receive(chunk(name, ONE), Seconds(0.3))
    made.finish(Seconds(9.0))
    error = {"type": "error", "context_id": name, "status_code": 400, "error_code": "expired"}
    made.receive(json.dumps(error), Seconds(9.1))
    assert made.complete


def test_a_service_that_owes_sound_has_stalled() -> None:
    for made in (rules(), ElevenLabsRules("e")):
        made.begin()
        before = made.owed
        made.say("One.", Seconds(0.0))
        assert (before, made.owed) == (False, True)
        with pytest.raises(BackendStalled):
            made.expire()


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("You have exceeded your quota of 10000 credits.", "quota_exceeded"),
        ("A voice with the voice_id x was not found.", "voice_not_found"),
        ("A model with the id x does not exist.", "invalid_model_id"),
        ("Invalid API key.", "invalid_api_key"),
        ("Have not received a new text input within the timeout of 20 seconds.", None),
        ("", None),
    ],
)
def test_the_reason_for_which_elevenlabs_closes_is_read(reason: str, kind: str | None) -> None:
    found = ElevenLabsRules("e").closed(1008, reason)
    assert (found.reason if isinstance(found, BackendRefused) else found) == kind
    assert rules().closed(1008, reason) is None


def test_an_error_of_elevenlabs_about_another_context_is_none() -> None:
    made = ElevenLabsRules("e")
    made.begin()
    made.say("One.", Seconds(0.0))
    made.receive(json.dumps({"error": "broken", "contextId": "e-77"}), Seconds(0.1))
    with pytest.raises(BackendUnavailable):
        made.receive(json.dumps({"error": "broken"}), Seconds(0.1))


def header(tag: int, channels: int, rate: int, bits: int, extra: bytes = b"") -> bytes:
    block = channels * bits // 8
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits) + extra
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"data\xff\xff\xff\xff"
    return b"RIFF\xff\xff\xff\xffWAVE" + chunks


def test_floating_point_becomes_integers_within_their_bounds() -> None:
    samples = np.array([0.0, 0.5, -0.5, 2.0, -2.0, np.nan, np.inf], "<f4")
    decoder = Decoder(RATE)
    heard = decoder.feed(header(3, 1, RATE, 32) + samples.tobytes()) + decoder.finish()
    wanted = [0, 16_384, -16_384, 32_767, -32_767, 0, 32_767]
    assert np.abs(np.frombuffer(heard, "<i2").astype(int) - wanted).max() <= 1


def test_the_extensible_form_says_what_it_is_further_on() -> None:
    extra = struct.pack("<HHIH", 22, 16, 4, 1) + bytes(14)
    decoder = Decoder(RATE)
    assert decoder.feed(header(0xFFFE, 1, RATE, 16, extra) + ONE) == ONE


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (header(1, 1, RATE, 24), "24 bits"),
        (header(1, 0, RATE, 16), "0 channels"),
        (header(1, 1, 12, 16), "12 Hz"),
        (header(6, 1, RATE, 8), "form 6"),
        (b"RIFF\0\0\0\0WAVEdata\0\0\0\0", "does not say what it is"),
        (b"RIFF\0\0\0\0WAVEfmt \4\0\0\0\1\0\1\0", "does not say what it is"),
        (b"RIFF\0\0\0\0WAVELIST\xff\xff\xff\x7f" + bytes(LONGEST_HEADER), "without a beginning"),
        (b"OggS\0\2", "Ogg"),
        (b"fLaC\0\0", "FLAC"),
    ],
)
def test_a_form_that_cannot_be_used_is_named(data: bytes, words: str) -> None:
    with pytest.raises(ProtocolViolation, match=words):
        Decoder(RATE).feed(data)


def test_a_header_without_sound_is_told_on() -> None:
    decoder = Decoder(RATE)
    decoder.feed(b"RIFF\0\0\0\0WAVEfmt ")
    with pytest.raises(ProtocolViolation, match="without sound"):
        decoder.finish()


def test_loud_sound_that_looks_like_one_frame_of_mp3_is_sound() -> None:
    pcm = b"\xff\xfb\x90\x00" + b"\1\0" * 2_000
    decoder = Decoder(RATE)
    assert decoder.feed(pcm[:100]) + decoder.feed(pcm[100:]) + decoder.finish() == pcm
