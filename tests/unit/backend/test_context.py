"""What a new session is told."""

from appliance.backend.context import NOTHING, Called, Handover, Owed, Said
from appliance.ports import ToolResult
from appliance.units import CallId, TurnNumber


def test_nothing_that_was_said_or_asked_for_shows_in_a_repr() -> None:
    called = Called(CallId("c"), "set_light", {"room": "s3cret"}, ToolResult("done", "s3cret"))
    handover = Handover((Said("user", "s3cret"), called), Owed(TurnNumber(1), (called,)))
    assert "s3cret" not in repr(handover)


def test_conversation_begins_with_nothing() -> None:
    assert Handover() == NOTHING
