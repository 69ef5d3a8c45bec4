import pytest

from appliance.catalogue import Risk
from appliance.config.cloud import McpServer
from appliance.tools.gate import is_remote, refusal, remote_risk

SERVERS = (
    McpServer(label="weather", url="https://mcp.example.org", free_tools=("forecast",)),
    McpServer(
        label="shop",
        url="https://shop.example.org",
        allowed_tools=("list", "buy"),
        free_tools=("list", "pay"),
    ),
)


@pytest.mark.parametrize(
    ("tool", "risk"),
    [
        ("mcp:weather/forecast", Risk.FREE),
        ("mcp:weather/send_alert", Risk.CONFIRM),
        ("mcp:shop/list", Risk.FREE),
        ("mcp:shop/buy", Risk.CONFIRM),
        ("mcp:shop/pay", Risk.NEVER),  # free, but not among those allowed
        ("mcp:nobody/forecast", Risk.NEVER),
        ("mcp:weather", Risk.NEVER),
        ("mcp:weather/", Risk.NEVER),
        ("mcp:", Risk.NEVER),
        ("mcp:weather/forecast/more", Risk.CONFIRM),
    ],
)
def test_only_remote_tools_that_the_configuration_names_are_free(tool: str, risk: Risk) -> None:
    assert remote_risk(tool, SERVERS) is risk


def test_without_servers_no_remote_tool_may_run() -> None:
    assert remote_risk("mcp:weather/forecast", ()) is Risk.NEVER


def test_nothing_but_what_is_free_passes_the_gate() -> None:
    assert [risk for risk in Risk if refusal(risk) is None] == [Risk.FREE]


def test_a_tool_of_ours_is_not_taken_for_a_remote_one() -> None:
    assert not is_remote("set_light")
    assert is_remote("mcp:weather/forecast")
