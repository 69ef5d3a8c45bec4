"""``voice-appliance tools agent``: an agent that has the tools of the box."""

import json

from elevenlabs.types.conversational_config import ConversationalConfig
from typer.testing import CliRunner

from appliance.cli.tools import app


def test_it_prints_an_agent_with_the_tools_of_the_house() -> None:
    result = CliRunner().invoke(app, ["agent", "--simulated"])
    assert result.exit_code == 0
    made = json.loads(result.stdout)
    ConversationalConfig.model_validate(made["conversation_config"])
    tools = made["conversation_config"]["agent"]["prompt"]["tools"]
    assert "set_timer" in {tool["name"] for tool in tools}
    assert {tool["type"] for tool in tools} == {"client"}
