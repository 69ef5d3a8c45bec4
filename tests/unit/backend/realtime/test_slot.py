"""The owner of response.create, by itself."""

import pytest

from appliance.backend.realtime.slot import Free, Purpose, Request, Slot
from appliance.errors import BackendStalled
from appliance.units import ResponseId, Seconds, TurnNumber

R1, R2 = ResponseId("resp_1"), ResponseId("resp_2")
FIRST, SECOND = Request(TurnNumber(1)), Request(TurnNumber(2))


def at(seconds: float) -> Seconds:
    return Seconds(seconds)


def asked(request: Request = FIRST) -> tuple[Slot, Request]:
    slot = Slot(Seconds(4.0))
    sent = slot.want(request, at(0.0))
    assert sent is not None
    return slot, sent


def active() -> Slot:
    slot, sent = asked()
    assert slot.created(R1, sent.id, at(0.0), by_order=False) == sent
    return slot


def test_every_request_has_a_name_of_its_own() -> None:
    slot, first = asked()
    slot.created(R1, first.id, at(0.0), by_order=False)
    slot.want(SECOND, at(0.0))
    second = slot.ended(R1, at(1.0))
    assert second is not None
    assert second.turn == 2
    assert second.id != first.id


def test_what_is_wanted_meanwhile_waits() -> None:
    slot = active()
    assert slot.want(SECOND, at(1.0)) is None
    assert slot.owes


def test_an_older_turn_does_not_push_a_newer_one_aside() -> None:
    slot = active()
    slot.want(SECOND, at(1.0))
    slot.want(FIRST, at(1.0))
    sent = slot.ended(R1, at(1.0))
    assert sent is not None
    assert sent.turn == 2


def test_a_response_that_names_another_request_is_not_ours() -> None:
    slot, _ = asked()
    assert slot.created(R1, "reply-99", at(0.0), by_order=True) is None
    assert slot.owes


def test_a_response_that_names_none_is_ours_only_by_order() -> None:
    slot, sent = asked()
    assert slot.created(R1, "", at(0.0), by_order=False) is None
    assert slot.created(R1, "", at(0.0), by_order=True) == sent


def test_the_watchdog_is_put_off_by_signs_of_life_of_its_own_response_only() -> None:
    slot = active()
    slot.heard(R2, at(3.0))
    assert slot.deadline == 4.0
    slot.heard(R1, at(3.0))
    assert slot.deadline == 7.0
    slot.heard(R1, at(3.0), Seconds(60.0))
    assert slot.deadline == 63.0


def test_the_watchdog_barks_at_its_deadline_and_not_before() -> None:
    slot = active()
    assert slot.expire(at(3.9)) is None
    with pytest.raises(BackendStalled):
        slot.expire(at(4.0))


def test_nobody_waits_for_what_was_abandoned_until_something_else_is_wanted() -> None:
    slot, _ = asked()
    slot.abandon()
    assert (slot.deadline, slot.owes) == (None, False)
    slot.want(SECOND, at(10.0))
    assert (slot.deadline, slot.owes) == (14.0, True)
    taken = slot.created(R1, "", at(10.0), by_order=True)
    assert taken is not None
    assert taken.purpose is Purpose.NOBODYS
    slot.cancelled(R1, at(10.0))
    sent = slot.ended(R1, at(10.0))
    assert sent is not None
    assert sent.turn == 2


def test_what_the_server_begins_by_itself_is_not_asked_for() -> None:
    slot = Slot(Seconds(4.0))
    expected = slot.want(Request(TurnNumber(1), asked=False), at(0.0))
    assert expected is not None
    assert not expected.id
    assert slot.created(R1, "", at(0.0), by_order=False) == expected


def test_what_the_server_begins_in_place_of_a_cancelled_one_is_taken() -> None:
    slot = active()
    slot.cancelled(R1, at(0.0))
    slot.want(Request(TurnNumber(2), asked=False), at(0.0))
    taken = slot.created(R2, "", at(0.1), by_order=False)
    assert taken is not None
    assert taken.turn == 2
    assert slot.ended(R1, at(0.2)) is None


def test_a_blocked_request_gives_way_to_a_newer_turn() -> None:
    slot, sent = asked()
    slot.blocked(sent.id, at(0.0))
    assert slot.want(SECOND, at(0.1)) is None
    again = slot.ended(R2, at(0.2))
    assert again is not None
    assert again.turn == 2


def test_a_blocked_request_that_nobody_waits_for_is_forgotten() -> None:
    slot, sent = asked()
    slot.abandon()
    slot.blocked(sent.id, at(0.0))
    assert slot.state == Free()


def test_refusals_of_other_requests_change_nothing() -> None:
    slot, sent = asked()
    slot.blocked("reply-99", at(0.0))
    assert slot.refused("reply-99") is None
    assert slot.refused("") is None
    assert slot.refused(sent.id) == sent
    assert slot.state == Free()
