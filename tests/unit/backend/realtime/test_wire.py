"""Messages that nothing else sends, by the SDK's types."""

from appliance.backend.realtime import wire
from tests.realtime_peer import check_client_event


def test_an_item_can_be_asked_back_for_debugging() -> None:
    assert check_client_event(wire.retrieve_item("item_1"))["item_id"] == "item_1"


def test_an_answer_beside_the_conversation_is_asked_for_in_text() -> None:
    item = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "What is in the room?"}],
    }
    text = wire.out_of_band("aside-1", name="look", instructions="Be brief.", items=[item])
    response = check_client_event(text)["response"]
    assert response["conversation"] == "none"
    assert response["output_modalities"] == ["text"]
    assert response["metadata"] == {"aside": "look"}
