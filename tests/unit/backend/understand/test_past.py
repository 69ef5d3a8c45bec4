from appliance.backend.local.understand.past import requests
from appliance.backend.local.understand.sentences import Request
from appliance.backend.local.understand.types import Call
from appliance.catalogue import Target, ToolSpec

LIGHT = ToolSpec(
    "light",
    "Switches lights.",
    {"type": "object"},
    targets=(Target("a", "desk lamp"), Target("b", "ceiling light"), Target("c", "floor lamp")),
    target_parameter="which",
)
TIME = ToolSpec("time", "Tells the time.", {"type": "object"})
TOOLS = (LIGHT, TIME)


def test_calls_that_differ_in_their_target_only_are_one_request() -> None:
    calls = [
        Call("light", {"which": "a", "state": "on"}),
        Call("light", {"state": "on", "which": "b"}),
        Call("light", {"which": "c", "state": "off"}),
        Call("time", {}),
    ]
    assert requests(calls, TOOLS) == (
        Request("light", {"state": "on"}, ("a", "b")),
        Request("light", {"state": "off"}, ("c",)),
        Request("time", {}),
    )


def test_a_list_of_targets_is_one_request() -> None:
    calls = [Call("light", {"which": ["c", "a"], "state": "on"})]
    assert requests(calls, TOOLS) == (Request("light", {"state": "on"}, ("a", "c")),)


def test_what_is_not_in_the_house_is_left_out() -> None:
    calls = [
        Call("fridge", {"which": "a"}),
        Call("light", {"which": "z"}),
        Call("light", {"which": None}),
        Call("light", {"which": {"a": 1}}),
        Call("light", {"which": ["z", "b"]}),
    ]
    assert requests(calls, TOOLS) == (Request("light", {}, ("b",)),)
    assert requests(calls[:-1], TOOLS) == ()
