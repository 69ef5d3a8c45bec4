"""The user's turn: sound, commits, and who finds its end."""

import base64

import pytest

from appliance.backend.realtime.protocol import RealtimeProtocol
from appliance.events import (
    BackendEvent,
    EndOfTurnFound,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    Transcribed,
    Usage,
    Used,
)
from appliance.ports import Enclosure, Image
from appliance.units import ResponseId, Seconds, TurnNumber
from tests.realtime_peer import Peer, function_call, ready, terms

FIRST, SECOND = TurnNumber(1), TurnNumber(2)
R1 = ResponseId("resp_1")


def speak(peer: Peer) -> None:
    peer.take(peer.protocol.audio(bytes(480)))


def commit(peer: Peer, turn: TurnNumber = FIRST) -> None:
    peer.take(peer.protocol.commit(turn, peer.now))


def kinds(events: list[BackendEvent]) -> list[str]:
    return [type(event).__name__ for event in events]


def listens_itself(*, auto: bool = True) -> Peer:
    return ready(ends_turns=True, auto_response=auto)


def test_sound_is_sent_whole_in_messages_that_are_not_too_long() -> None:
    peer = ready()
    sound = bytes(range(256)) * 10_000
    peer.take(peer.protocol.audio(sound))
    pieces = peer.new("input_audio_buffer.append")
    assert b"".join(base64.b64decode(piece["audio"]) for piece in pieces) == sound
    assert all(len(piece["audio"]) < 2_000_000 for piece in pieces)


def test_a_turn_is_committed_and_its_reply_asked_for() -> None:
    peer = ready()
    speak(peer)
    peer.sent.clear()

    commit(peer)

    assert [message["type"] for message in peer.sent] == [
        "input_audio_buffer.commit",
        "response.create",
    ]
    assert peer.sent[-1]["response"]["metadata"]["turn"] == "1"


def test_a_turn_without_sound_is_not_committed_but_answered() -> None:
    peer = ready()
    peer.take(peer.protocol.audio(b""))
    commit(peer)
    assert [message["type"] for message in peer.new("input_audio_buffer.commit")] == []
    assert len(peer.new("response.create")) == 1


def test_what_is_enclosed_goes_as_a_message_of_the_user() -> None:
    peer = ready()
    image = Image(b"\xff\xd8", "image/jpeg")
    peer.take(peer.protocol.enclose(Enclosure("What is this?", image)))
    item = peer.sent[-1]["item"]
    assert item["role"] == "user"
    assert item["content"] == [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": "data:image/jpeg;base64,/9g="},
    ]


def test_a_turn_that_came_to_nothing_is_forgotten_by_the_server() -> None:
    peer = ready()
    speak(peer)
    peer.take(peer.protocol.enclose(Enclosure("never mind")))
    item = peer.sent[-1]["item"]["id"]
    peer.sent.clear()

    peer.take(peer.protocol.clear())
    peer.take(peer.protocol.clear())

    assert [message["type"] for message in peer.sent] == [
        "input_audio_buffer.clear",
        "conversation.item.delete",
    ]
    assert peer.sent[-1]["item_id"] == item
    assert peer.protocol.idle


@pytest.mark.parametrize("early", [True, False], ids=["confirmed", "not confirmed yet"])
def test_a_request_that_was_taken_back_is_not_carried_out_with_the_next(*, early: bool) -> None:
    peer = ready()
    speak(peer)
    peer.take(peer.protocol.enclose(Enclosure("And this.")))
    enclosed = peer.sent[-1]["item"]["id"]
    commit(peer)
    if early:
        peer.say("input_audio_buffer.committed", item_id="item_u")
    peer.take(peer.protocol.clear())
    if not early:
        peer.say("input_audio_buffer.committed", item_id="item_u")
    deleted = [message["item_id"] for message in peer.new("conversation.item.delete")]
    assert sorted(deleted) == sorted([enclosed, "item_u"])


def test_a_request_whose_reply_has_begun_stays() -> None:
    peer = ready()
    speak(peer)
    commit(peer)
    peer.say("input_audio_buffer.committed", item_id="item_u")
    peer.begin("resp_1")
    peer.take(peer.protocol.clear())
    assert peer.new("conversation.item.delete") == []


def test_sound_after_the_end_that_the_server_found_does_not_begin_the_next_turn() -> None:
    peer = listens_itself()
    speak(peer)
    peer.say("input_audio_buffer.committed", item_id="item_u")
    commit(peer)  # some may have been on its way, behind what the server took
    assert len(peer.new("input_audio_buffer.clear")) == 1
    speak(peer)
    peer.say("input_audio_buffer.committed", item_id="item_v")
    speak(peer)
    commit(peer, SECOND)
    assert len(peer.new("input_audio_buffer.clear")) == 1


def test_a_reply_that_nobody_waits_for_any_more_is_stopped_when_it_begins() -> None:
    peer = ready()
    commit(peer)
    assert not peer.protocol.idle
    peer.take(peer.protocol.clear())
    assert (peer.protocol.deadline(), peer.protocol.idle) == (None, True)

    assert peer.begin("resp_1") == []
    assert peer.new("response.cancel")[0]["response_id"] == "resp_1"
    assert peer.sound("resp_1", 10) == []


def test_with_detection_on_the_device_a_reply_that_nobody_asked_for_is_never_played() -> None:
    peer = ready()
    assert peer.say("response.created", response={"id": "resp_1"}) == []
    assert peer.new("response.cancel")[0]["response_id"] == "resp_1"
    assert peer.sound("resp_1", 10) == []
    assert peer.end("resp_1") == []


@pytest.mark.parametrize("early", [True, False], ids=["reply first", "commit first"])
def test_the_servers_own_reply_is_the_one_to_the_turn_being_committed(*, early: bool) -> None:
    peer = listens_itself()
    speak(peer)
    peer.say("input_audio_buffer.speech_started", item_id="item_u", audio_start_ms=0)
    peer.say("input_audio_buffer.speech_stopped", item_id="item_u", audio_end_ms=900)
    assert peer.say("input_audio_buffer.committed", item_id="item_u") == [EndOfTurnFound()]
    if early:
        assert peer.say("response.created", response={"id": "resp_1"}) == []
        assert peer.sound("resp_1", 10) == []
    commit(peer)
    if not early:
        peer.say("response.created", response={"id": "resp_1"})
        peer.sound("resp_1", 10)

    assert peer.events[1] == ReplyStarted(R1, FIRST)
    assert isinstance(peer.events[2], ReplyAudio)
    assert peer.new("response.create") == []
    assert peer.new("input_audio_buffer.commit") == []


def test_a_whole_turn_may_come_in_one_burst() -> None:
    peer = listens_itself()
    speak(peer)
    peer.say("input_audio_buffer.speech_stopped", item_id="item_u")
    peer.say("input_audio_buffer.committed", item_id="item_u")
    peer.say(
        "conversation.item.input_audio_transcription.completed",
        item_id="item_u",
        transcript="Hello.",
    )
    peer.say("response.created", response={"id": "resp_1"})
    peer.sound("resp_1", 10)
    peer.end("resp_1")
    assert peer.events == [EndOfTurnFound()]

    commit(peer)

    assert kinds(peer.events[1:]) == ["Transcribed", "ReplyStarted", "ReplyAudio", "ReplyEnded"]
    assert peer.events[1] == Transcribed(FIRST, "Hello.")
    assert peer.protocol.idle


def test_every_end_that_the_server_finds_in_a_turn_is_told() -> None:
    peer = listens_itself(auto=False)
    for item in ("item_u", "item_v"):  # the first may be doubted: it was that of the wake word
        speak(peer)
        peer.say("input_audio_buffer.speech_stopped", item_id=item)
        assert peer.say("input_audio_buffer.committed", item_id=item) == [EndOfTurnFound()]
    commit(peer)
    assert peer.begin("resp_1")
    assert peer.new("input_audio_buffer.commit") == []


def test_a_server_that_does_not_tell_of_its_commit_ends_the_turn_all_the_same() -> None:
    peer = listens_itself(auto=False)
    speak(peer)
    peer.say("input_audio_buffer.speech_stopped", item_id="item_u")
    assert peer.events == []
    peer.wait(0.3)
    assert peer.events == [EndOfTurnFound()]
    assert peer.say("input_audio_buffer.committed", item_id="item_u") == []
    peer.say("input_audio_buffer.speech_stopped", item_id="item_u")
    peer.wait(1.0)
    assert peer.events == [EndOfTurnFound()]


def test_sound_that_the_server_may_not_have_committed_yet_is_kept() -> None:
    peer = listens_itself(auto=False)
    speak(peer)
    peer.say("input_audio_buffer.speech_stopped", item_id="item_u")
    peer.wait(0.3)
    commit(peer)
    assert peer.new("input_audio_buffer.clear") == []


def test_speech_that_goes_on_does_not_end_the_turn() -> None:
    peer = listens_itself(auto=False)
    speak(peer)
    peer.say("input_audio_buffer.speech_stopped", item_id="item_u")
    peer.say("input_audio_buffer.speech_started", item_id="item_u")
    peer.wait(1.0)
    assert peer.events == []


def test_a_reply_shows_that_the_turn_has_ended_if_nothing_else_did() -> None:
    peer = listens_itself()
    speak(peer)
    peer.say("input_audio_buffer.speech_stopped", item_id="item_u")
    assert peer.say("response.created", response={"id": "resp_1"}) == [EndOfTurnFound()]


def test_where_the_server_only_finds_the_end_we_ask_for_the_reply() -> None:
    peer = listens_itself(auto=False)
    speak(peer)
    peer.say("input_audio_buffer.committed", item_id="item_u")
    commit(peer)
    assert peer.new("input_audio_buffer.commit") == []
    assert len(peer.new("response.create")) == 1


def test_a_turn_ended_by_hand_is_committed_by_us_also_when_the_server_listens() -> None:
    peer = listens_itself()
    speak(peer)
    commit(peer)
    assert len(peer.new("input_audio_buffer.commit")) == 1
    assert peer.say("input_audio_buffer.committed", item_id="item_u") == []
    assert peer.begin("resp_1") == [ReplyStarted(R1, FIRST)]


def test_the_servers_reply_to_a_turn_that_came_to_nothing_is_stopped() -> None:
    peer = listens_itself()
    speak(peer)
    peer.say("input_audio_buffer.committed", item_id="item_u")
    peer.say("response.created", response={"id": "resp_1"})
    peer.sound("resp_1", 10)

    peer.take(peer.protocol.clear())

    assert peer.new("response.cancel")[0]["response_id"] == "resp_1"
    assert peer.new("conversation.item.delete")[0]["item_id"] == "item_u"
    assert peer.end("resp_1") == []
    assert peer.protocol.idle
    speak(peer)
    commit(peer, SECOND)
    assert peer.begin("resp_2") == [ReplyStarted(ResponseId("resp_2"), SECOND)]


def test_calls_of_a_reply_that_nobody_ever_waited_for_are_settled() -> None:
    peer = listens_itself()
    speak(peer)
    peer.say("input_audio_buffer.committed", item_id="item_u")
    peer.say("response.created", response={"id": "resp_1"})
    peer.end("resp_1", function_call("call_1"))
    peer.take(peer.protocol.clear())
    assert peer.new("conversation.item.create")[-1]["item"]["output"] == "CANCELLED"
    assert peer.events == [EndOfTurnFound()]


def test_a_refused_commit_of_nothing_is_harmless() -> None:
    peer = ready()
    speak(peer)
    commit(peer)
    event = peer.new("input_audio_buffer.commit")[0]["event_id"]
    peer.fail("input_audio_buffer_commit_empty", event)
    assert peer.begin("resp_1") == [ReplyStarted(R1, FIRST)]


def test_a_turn_that_both_ends_committed_is_answered_once() -> None:
    peer = listens_itself()
    commit(peer)
    peer.begin("resp_0")
    peer.end("resp_0")
    speak(peer)
    commit(peer, SECOND)
    ours = peer.sent[-1]["event_id"]
    peer.say("input_audio_buffer.committed", item_id="item_u")
    assert peer.say("response.created", response={"id": "resp_1"}) == [ReplyStarted(R1, SECOND)]
    peer.fail("conversation_already_has_active_response", ours)
    peer.end("resp_1")
    assert peer.new("response.cancel") == []
    assert len(peer.new("response.create")) == 1  # ours, of before
    assert peer.protocol.idle


@pytest.mark.parametrize("sign", ["error", "reply"])
def test_a_commit_that_nobody_confirmed_is_not_confused_with_the_servers_next(sign: str) -> None:
    peer = listens_itself()
    speak(peer)
    commit(peer)
    if sign == "error":
        peer.fail("input_audio_buffer_commit_empty")
    peer.begin("resp_1")
    peer.end("resp_1")
    speak(peer)
    assert peer.say("input_audio_buffer.committed", item_id="item_u") == [EndOfTurnFound()]


def test_what_was_said_belongs_to_the_turn_whose_sound_it_was() -> None:
    peer = ready()
    for turn, item in ((FIRST, "item_a"), (SECOND, "item_b")):
        speak(peer)
        commit(peer, turn)
        peer.say("input_audio_buffer.committed", item_id=item)
        peer.begin(f"resp_{turn}")
        peer.end(f"resp_{turn}")
    peer.events.clear()

    kind = "conversation.item.input_audio_transcription.completed"
    usage = {"type": "duration", "seconds": 1.5}
    peer.say(kind, item_id="item_a", transcript=" Light on. ", usage=usage)

    assert peer.events == [
        Transcribed(FIRST, "Light on."),
        Used(Usage("gpt-transcribe", audio_s=Seconds(1.5)), FIRST),
    ]


def test_a_transcription_that_failed_leaves_the_reply_alone() -> None:
    peer = ready()
    commit(peer)
    peer.say("conversation.item.input_audio_transcription.failed", item_id="item_a", error={})
    assert peer.begin("resp_1") == [ReplyStarted(R1, FIRST)]


def test_memory_does_not_grow_with_the_length_of_a_session() -> None:
    peer = Peer(RealtimeProtocol(terms()))
    peer.take(peer.protocol.opened(peer.now))
    for number in range(300):
        speak(peer)
        commit(peer, TurnNumber(number))
        peer.say("input_audio_buffer.committed", item_id=f"item_{number}")
        peer.begin(f"resp_{number}")
        assert peer.end(f"resp_{number}") == [ReplyEnded(ResponseId(f"resp_{number}"))]
    assert len(peer.protocol._turns._turn_of) <= 64
    assert len(peer.protocol._responses._replies._replies) <= 16
