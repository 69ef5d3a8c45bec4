"""What a Gemini session is set up with, what its refusals mean, what it bills; and its kind."""

import json
import re
from typing import Any, cast

import pytest
from google.genai import Client, _common, _live_converters, types
from pydantic import SecretStr

from appliance.backend.context import Handover, Said
from appliance.backend.gemini import billing
from appliance.backend.gemini.address import address, error_in, meaning, said
from appliance.backend.gemini.setup import schema, setup
from appliance.backend.kinds.gemini import KIND
from appliance.backend.prompting.persona import Persona
from appliance.backend.socket.reading import dump
from appliance.catalogue import Risk, ToolSpec
from appliance.config import Config
from appliance.config.services import Gemini
from appliance.errors import BackendRefused, BackendUnavailable
from tests.following import LIGHT, STOP

CONFIG = Config.model_validate({"gemini": {"voice": "Kore"}})
SERVICE = "wss://generativelanguage.googleapis.com/ws/google.ai.generativelanguage"
NEVER = ToolSpec("never", "No.", {"type": "object"}, risk=Risk.NEVER)


def wanted(fields: dict[str, Any]) -> dict[str, Any]:
    """Return what the vendor's own client sends for the same settings."""
    generation = fields["generationConfig"]
    config = types.LiveConnectConfig.model_validate(
        {
            "responseModalities": generation["responseModalities"],
            "speechConfig": generation["speechConfig"],
            **{
                key: value
                for key, value in fields.items()
                if key not in ("model", "generationConfig")
            },
        }
    )
    client = Client(api_key="none")._api_client
    parameters = types.LiveConnectParameters(model=fields["model"], config=config)
    sent = _live_converters._LiveConnectParameters_to_mldev(
        api_client=client, from_object=parameters.model_dump(exclude_none=True)
    )
    plain = json.loads(json.dumps(_common.convert_to_dict(sent["setup"])))
    return cast("dict[str, Any]", camel(plain))


def camel(value: object) -> object:
    """Name fields as JSON does: the SDK sends some in one way and some in the other."""
    if isinstance(value, list):
        return [camel(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        re.sub(r"_(.)", lambda m: m[1].upper(), key): camel(each) for key, each in value.items()
    }


def test_it_is_what_the_vendors_client_would_send() -> None:
    handover = Handover((Said("user", "hello"),))
    fields = setup(CONFIG, (LIGHT, STOP, NEVER), handover=handover, persona=Persona(voice="Puck"))
    sent = wanted(json.loads(dump(fields)))
    ours = json.loads(dump(fields))
    assert sent.pop("systemInstruction")["parts"] == ours.pop("systemInstruction")["parts"]
    assert sent == ours
    assert ours["model"] == "models/gemini-3.8-live"
    voice = ours["generationConfig"]["speechConfig"]["voiceConfig"]["prebuiltVoiceConfig"]
    assert voice == {"voiceName": "Puck"}
    assert ours["realtimeInputConfig"] == {"automaticActivityDetection": {"disabled": True}}
    declared = ours["tools"][0]["functionDeclarations"]
    assert [tool["name"] for tool in declared] == ["set_light", "stop"]


def test_a_schema_keeps_the_words_that_the_vendor_takes() -> None:
    given = {
        "type": "object",
        "properties": {
            "pattern": {"type": "string", "pattern": "^a", "minLength": 2, "default": "a"},
            "kind": {"const": "x"},
            "part": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            "many": {"type": "array", "items": {"type": "string", "not": {}}, "uniqueItems": True},
        },
        "required": ["kind"],
        "additionalProperties": False,
    }
    assert schema(given) == {
        "type": "object",
        "properties": {
            "pattern": {"type": "string"},
            "kind": {"enum": ["x"]},
            "part": {"type": "number", "minimum": 0, "maximum": 1},
            "many": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["kind"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("url", "key", "place", "headers"),
    [
        (
            "",
            "k",
            f"{SERVICE}.v1beta.GenerativeService.BidiGenerateContent",
            {"x-goog-api-key": "k"},
        ),
        (
            "",
            "auth_tokens/t",
            f"{SERVICE}.v1alpha.GenerativeService.BidiGenerateContentConstrained",
            {"Authorization": "Token auth_tokens/t"},
        ),
        ("https://relay.lan:8443/ws/own", "", "wss://relay.lan:8443/ws/own", {}),
    ],
)
def test_where_it_is(url: str, key: str, place: str, headers: dict[str, str]) -> None:
    found = address(Gemini(url=url), SecretStr(key) if key else None)
    assert (found.url, found.headers) == (place, headers)
    assert place not in repr(found)
    assert "auth_tokens" not in repr(found)


@pytest.mark.parametrize(
    ("words", "reason", "advice"),
    [
        ("API key not valid. Please pass a valid API key.", "invalid_api_key", "keys.gemini"),
        ("API key expired. Please renew the API key.", "invalid_api_key", "keys.gemini"),
        ("Method doesn't allow unregistered callers", "invalid_api_key", "keys.gemini"),
        ("models/x is not found for API version v1beta", "model_not_found", "gemini.model"),
        ("Requested voice api_name 'x' is not available", "voice_not_found", "gemini.voice"),
        ("User location is not supported for the API use", "unsupported_location", "country"),
        ("Your prepayment credits are depleted.", "insufficient_quota", "credit"),
        ("Your project has been denied access", "forbidden", "gemini.model"),
    ],
)
def test_what_will_not_get_better_by_itself(words: str, reason: str, advice: str) -> None:
    error = meaning(1007, words)
    assert isinstance(error, BackendRefused)
    assert error.reason == reason
    assert advice in error.advice
    assert "\n" not in str(error)


def test_a_rate_limit_says_when_to_come_back() -> None:
    told = {
        "code": 429,
        "status": "RESOURCE_EXHAUSTED",
        "message": "You exceeded your current quota.",
        "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "32s"}],
    }
    error = said(told)
    assert type(error) is BackendUnavailable
    assert str(error) == "the quota of the account is used up for now; it asks to wait 32 s"
    assert error_in(json.dumps({"error": told})) == told
    assert str(meaning(1011, "Quota exceeded. Please retry in 7.9s.")).endswith("wait 8 s")
    assert type(meaning(1011, "You exceeded your current quota, check your billing")) is (
        BackendUnavailable
    )


def test_what_says_nothing_special() -> None:
    assert meaning(1011, "Internal error encountered.") is None
    assert meaning(1000, "") is None
    assert str(said({"status": "INTERNAL", "message": "secret"})) == (
        "the server reports an error INTERNAL"
    )
    assert "secret" not in str(said({"status": "secret words", "message": "secret"}))


def test_what_is_in_no_detail_is_text() -> None:
    told = {  # as it came from the service (discuss.ai.google.dev 188765)
        "promptTokenCount": 522,
        "responseTokenCount": 42,
        "totalTokenCount": 564,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 332},
            {"modality": "AUDIO", "tokenCount": 165},
        ],
        "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 42}],
        "thoughtsTokenCount": 136,
    }
    usage = billing.of(told, "gemini-3.8-live")
    assert usage is not None
    assert (usage.text_in, usage.audio_in, usage.text_out, usage.audio_out) == (357, 165, 136, 42)
    assert billing.of({"promptTokenCount": "many"}, "m") is None


def test_its_facts() -> None:
    facts = KIND.facts(Config())
    assert facts.title == "gemini-3.8-live at generativelanguage.googleapis.com"
    assert facts.leaves == ("sound to generativelanguage.googleapis.com",)
    assert facts.cloud
    assert facts.usd_minute is None
    assert "gemini" in facts.missing[0]
