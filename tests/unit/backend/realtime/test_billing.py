"""Usage as the service reports it."""

import pytest

from appliance.backend.realtime import billing
from appliance.events import Usage
from appliance.units import Seconds

MODEL = "gpt-realtime-2.1"


def test_a_reply_is_billed_by_kind() -> None:
    usage = {
        "total_tokens": 253,
        "input_tokens": 132,
        "output_tokens": 121,
        "input_token_details": {
            "text_tokens": 119,
            "audio_tokens": 13,
            "image_tokens": 7,
            "cached_tokens": 64,
            "cached_tokens_details": {"text_tokens": 60, "audio_tokens": 4, "image_tokens": 2},
        },
        "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
    }
    assert billing.of_response(usage, MODEL) == Usage(
        MODEL,
        text_in=119,
        text_cached=60,
        audio_in=13,
        audio_cached=4,
        image_in=7,
        image_cached=2,
        text_out=30,
        audio_out=91,
    )


def test_tokens_of_no_kind_are_text() -> None:
    usage = {"input_tokens": 132, "output_tokens": 121}
    assert billing.of_response(usage, MODEL) == Usage(MODEL, text_in=132, text_out=121)


def test_cached_tokens_of_no_kind_are_text_as_far_as_there_is_any() -> None:
    usage = {"input_token_details": {"text_tokens": 10, "audio_tokens": 5, "cached_tokens": 12}}
    assert billing.of_response(usage, MODEL) == Usage(
        MODEL, text_in=10, text_cached=10, audio_in=5
    )


@pytest.mark.parametrize(
    "usage",
    [{}, {"input_tokens": 0}, {"input_tokens": -5}, {"input_tokens": "9"}, {"input_tokens": True}],
)
def test_nothing_or_nonsense_costs_nothing(usage: dict[str, object]) -> None:
    assert billing.of_response(usage, MODEL) is None


def test_a_transcription_is_billed_by_tokens_or_by_time() -> None:
    tokens = {
        "type": "tokens",
        "input_tokens": 14,
        "output_tokens": 9,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
    }
    by_time = {"type": "duration", "seconds": 2.5}
    assert billing.of_transcription(tokens, "m") == Usage("m", audio_in=14, text_out=9)
    assert billing.of_transcription(by_time, "m") == Usage("m", audio_s=Seconds(2.5))
    assert billing.of_transcription({"type": "duration", "seconds": None}, "m") is None
