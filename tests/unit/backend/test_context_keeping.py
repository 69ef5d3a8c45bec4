"""The memory of a conversation."""

from appliance.backend.context import Called, Line, Owed, Said
from appliance.backend.keeping import Memory
from appliance.ports import Image, ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber

FIRST, SECOND = TurnNumber(1), TurnNumber(2)
R1, R2 = ResponseId("a/1"), ResponseId("a/2")
CALL = Called(CallId("a/call-1"), "set_light", {"state": "on"})
NOW = Seconds(10.0)


def kept(*, turns: int = 3, length: float = 60.0) -> Memory:
    return Memory(turns=turns, length=Seconds(length))


def lines(memory: Memory, now: float = 10.0, *, owed: Owed | None = None) -> list[Line]:
    return list(memory.lines(Seconds(now), house_only=False, owed=owed))


def texts(memory: Memory, now: float = 10.0, *, house_only: bool = False) -> list[str]:
    told = memory.lines(Seconds(now), house_only=house_only)
    return [line.text for line in told if isinstance(line, Said)]


def test_transcript_that_comes_late_stands_before_its_reply() -> None:
    memory = kept()
    memory.began(FIRST, R1, NOW)
    memory.said(R1, "It is ", NOW)
    memory.said(R1, "noon.", NOW)
    memory.began(SECOND, R2, NOW)
    memory.said(R2, "No.", NOW)
    memory.heard(SECOND, "Is it?", NOW)
    memory.heard(FIRST, "What time is it?", NOW)
    assert texts(memory) == ["What time is it?", "It is noon.", "Is it?", "No."]


def test_pieces_that_are_sentences_are_told_apart() -> None:
    memory = kept()
    memory.began(FIRST, R1, NOW)
    for piece in ("It is on.", "It is bright.", " And", " warm: 21.", "5 degrees"):
        memory.said(R1, piece, NOW)
    assert texts(memory) == ["It is on. It is bright. And warm: 21.5 degrees"]


def test_call_is_kept_with_its_result_but_without_its_picture() -> None:
    memory = kept()
    memory.began(FIRST, R1, NOW)
    memory.called(R1, CALL, NOW)
    assert lines(memory) == [CALL]
    memory.answered(CALL.call, ToolResult("done", image=Image(b"x", "image/png")), NOW)
    [line] = lines(memory)
    assert isinstance(line, Called)
    assert line.result == ToolResult("done")


def test_of_a_reply_that_was_talked_over_only_what_was_heard_is_kept() -> None:
    memory = kept()
    memory.began(FIRST, R1, NOW)
    memory.said(R1, "one two three four", NOW)
    memory.sounded(R1, Seconds(4.0))
    memory.cut(R1, Seconds(2.0), NOW)
    memory.said(R1, " five", NOW)
    memory.cut(R1, Seconds(0.0), NOW)
    assert texts(memory) == ["one two"]


def test_reply_that_was_heard_out_or_not_at_all_is_kept_whole_or_not_at_all() -> None:
    memory = kept()
    for response, turn, heard in ((R1, FIRST, 1.0), (R2, SECOND, 0.0)):
        memory.began(turn, response, NOW)
        memory.said(response, "one two", NOW)
        memory.sounded(response, Seconds(1.0))
        memory.cut(response, Seconds(heard), NOW)
    assert texts(memory) == ["one two"]


def test_only_the_latest_turns_are_kept() -> None:
    memory = kept(turns=2)
    for number in range(1, 5):
        memory.heard(TurnNumber(number), str(number), NOW)
    memory.heard(FIRST, "too late", NOW)
    assert texts(memory) == ["3", "4"]


def test_nothing_is_kept_where_nothing_is_to_be_kept() -> None:
    memory = kept(turns=0)
    memory.heard(FIRST, "a", NOW)
    memory.began(FIRST, R1, NOW)
    memory.said(R1, "b", NOW)
    memory.called(R1, CALL, NOW)
    memory.cut(R1, Seconds(0.0), NOW)
    assert lines(memory) == []
    assert memory.due is None


def test_old_talk_is_forgotten() -> None:
    memory = kept(length=60.0)
    memory.heard(FIRST, "1", Seconds(0.0))
    memory.began(FIRST, R1, Seconds(0.0))
    memory.heard(SECOND, "2", Seconds(30.0))
    assert memory.due == 60.0
    version = memory.version
    memory.forget(Seconds(60.0))
    assert memory.version > version
    assert texts(memory, 89.0) == ["2"]
    assert texts(memory, 90.0) == []
    memory.said(R1, "late", Seconds(91.0))
    memory.sounded(R1, Seconds(1.0))
    assert texts(memory, 91.0) == []


def test_what_was_said_in_privacy_stays_in_the_house() -> None:
    memory = kept()
    memory.heard(FIRST, "open", NOW)
    memory.private = True
    memory.heard(SECOND, "secret", NOW)
    memory.private = False
    assert texts(memory) == ["open"]
    assert texts(memory, house_only=True) == ["open", "secret"]


def test_turn_in_which_privacy_began_stays_in_the_house() -> None:
    memory = kept()
    memory.began(FIRST, R1, NOW)
    memory.private = True
    memory.said(R1, "You are offline.", NOW)
    assert texts(memory) == []


def test_what_is_owed_is_not_told_twice() -> None:
    memory = kept()
    memory.heard(FIRST, "light on", NOW)
    memory.began(FIRST, R1, NOW)
    memory.called(R1, CALL, NOW)
    assert lines(memory, owed=Owed(FIRST, (CALL,))) == [Said("user", "light on", NOW)]
    assert lines(memory, owed=Owed(FIRST)) == []
    assert lines(memory, owed=Owed(SECOND)) == lines(memory)
