"""How an agent for the box is made and what it is told, what refusals mean; and its kind."""

import pytest
from elevenlabs.types.client_tool_config_input import ClientToolConfigInput
from elevenlabs.types.conversational_config import ConversationalConfig
from pydantic import SecretStr

from appliance.backend.context import Handover, Said
from appliance.backend.elevenlabs.address import address, meaning
from appliance.backend.elevenlabs.setup import agent, client_tool, context, initiation
from appliance.backend.kinds.elevenlabs import KIND
from appliance.backend.prompting.persona import Persona
from appliance.catalogue import Risk, ToolSpec
from appliance.config import Config
from appliance.config.services import ElevenLabs
from appliance.errors import BackendRefused, BackendUnavailable
from tests.elevenlabs_check import strangers
from tests.following import LIGHT, STOP

NEVER = ToolSpec("never", "No.", {"type": "object"}, risk=Risk.NEVER)


def test_an_agent_is_one_that_the_vendor_takes() -> None:
    made = agent(Config.model_validate({"elevenlabs": {"voice": "v1"}}), (LIGHT, STOP, NEVER))
    settings = made["conversation_config"]
    assert isinstance(settings, dict)
    parsed = ConversationalConfig.model_validate(settings)
    prompt = settings["agent"]["prompt"]
    assert [tool["name"] for tool in prompt["tools"]] == ["set_light", "stop"]
    assert parsed.tts is not None
    assert (parsed.tts.agent_output_audio_format, parsed.tts.voice_id) == ("pcm_16000", "v1")
    assert parsed.asr is not None
    assert parsed.asr.user_input_audio_format == "pcm_16000"
    assert parsed.conversation is not None
    assert "agent_response_complete" in (parsed.conversation.client_events or [])


def test_a_tool_is_told_in_the_vendors_words() -> None:
    tool = client_tool(LIGHT)
    assert tool["type"] == "client"
    given = {name: value for name, value in tool.items() if name != "type"}
    assert not strangers(ClientToolConfigInput.model_validate(given), "tool")
    assert tool["parameters"] == {
        "type": "object",
        "properties": {
            "state": {"type": "string", "enum": ["on", "off"], "description": "state"},
            "level": {"type": "integer", "description": "(in %) (minimum 1)"},
        },
        "required": ["state"],
    }
    odd = ToolSpec(
        "odd",
        "Odd.",
        {
            "type": "object",
            "properties": {"many": {"type": ["array", "null"], "items": {"enum": [1, 2]}}},
        },
    )
    parameters = client_tool(odd)["parameters"]
    assert parameters == {
        "type": "object",
        "properties": {
            "many": {
                "type": "array",
                "items": {"enum": ["1", "2"], "type": "string", "description": "many"},
                "description": "many",
            }
        },
    }


def test_a_persona_speaks_by_variables() -> None:
    persona = Persona("pirate", "You are a pirate.", "v2", "nl-NL")
    fields = initiation(Config(), (LIGHT,), persona=persona)
    assert fields["conversation_config_override"] == {}
    variables = fields["dynamic_variables"]
    assert isinstance(variables, dict)
    assert variables["box_instructions"].startswith("You are a pirate.")
    assert variables["box_language"] == "nl-NL"


def test_nothing_is_told_of_a_conversation_that_begins() -> None:
    assert context() == ""
    assert context(Handover((Said("user", "hi"),))).endswith("user: hi")


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("", "wss://api.elevenlabs.io/v1/convai/conversation?agent_id=a%26b"),
        (
            "wss://api.eu.residency.elevenlabs.io/v1/convai",
            "wss://api.eu.residency.elevenlabs.io/v1/convai/conversation?agent_id=a%26b",
        ),
        ("http://relay.lan/x/conversation?agent_id=c", "ws://relay.lan/x/conversation?agent_id=c"),
    ],
)
def test_where_it_is(url: str, place: str) -> None:
    found = address(ElevenLabs(url=url, agent_id="a&b"), SecretStr("secret-key"))
    assert (found.url, found.headers) == (place, {"xi-api-key": "secret-key"})
    assert "secret-key" not in repr(found)
    assert "agent_id" not in repr(found)


@pytest.mark.parametrize(
    ("code", "words", "reason"),
    [
        (1002, "This request exceeds your quota limit.", "insufficient_quota"),
        (1008, "Override for field 'prompt' is not allowed by config.", "override_not_allowed"),
        (1008, "A voice with voice_id x was not found.", "voice_not_found"),
        (3000, "The AI agent you are trying to reach does not exist.", "agent_not_found"),
        (1008, "Missing required authorization", "invalid_api_key"),
        (401, "", "invalid_api_key"),
        (404, "", "agent_not_found"),
    ],
)
def test_what_will_not_get_better_by_itself(code: int, words: str, reason: str) -> None:
    error = meaning(code, words)
    assert isinstance(error, BackendRefused)
    assert error.reason == reason
    assert "elevenlabs" in error.advice or reason == "insufficient_quota"


def test_a_rate_limit_says_when_to_come_back() -> None:
    error = meaning(429, '{"detail": "Too many concurrent requests, retry in 20s"}')
    assert type(error) is BackendUnavailable
    assert str(error).endswith("it asks to wait 20 s")
    assert meaning(1000, "") is None
    assert meaning(1011, "internal secret") is None


def test_its_facts() -> None:
    facts = KIND.facts(Config.model_validate({"elevenlabs": {"agent_id": "agent_1"}}))
    assert facts.title == "agent_1 at api.elevenlabs.io"
    assert facts.leaves == ("sound to api.elevenlabs.io",)
    assert facts.cloud
    assert not facts.sees
    assert facts.usd_minute is None
    assert len(KIND.facts(Config()).missing) == 2
