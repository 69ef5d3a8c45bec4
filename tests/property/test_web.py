"""Server-sent events, however they are cut; refusals, whatever is in them."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from appliance.backend.web.endings import LONGEST_WAIT, retry_after, turned_away
from appliance.backend.web.sse import EventReader
from appliance.errors import BackendError, ProtocolViolation

LINE = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20)
NAME = st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=8)
END = st.sampled_from(["\r\n", "\n", "\r"])
EVENT = st.tuples(NAME, st.lists(LINE, min_size=1, max_size=3))


def cut(data: bytes, at: list[int]) -> list[bytes]:
    places = [0, *sorted(place % (len(data) + 1) for place in at), len(data)]
    return [data[a:b] for a, b in pairwise(places)]


def read_all(pieces: list[bytes]) -> None:
    reader = EventReader(longest=1_000)
    for piece in pieces:
        reader.feed(piece)


def read(*pieces: bytes) -> list[tuple[str, str]]:
    reader = EventReader()
    found = [event for piece in pieces for event in reader.feed(piece)]
    return found + reader.finish()


@given(st.lists(EVENT, max_size=5), END, st.lists(st.integers(0, 10_000), max_size=12), LINE)
def test_events_are_the_same_however_the_stream_is_cut(
    events: list[tuple[str, list[str]]], end: str, at: list[int], comment: str
) -> None:
    text = "".join(
        f":{comment}{end}event: {name}{end}" + "".join(f"data: {x}{end}" for x in lines) + end
        for name, lines in events
    )

    assert read(*cut(text.encode(), at)) == [(name, "\n".join(lines)) for name, lines in events]


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=9))
def test_any_bytes_give_the_same_events_however_they_are_cut(data: bytes, at: list[int]) -> None:
    assert read(*cut(data, at)) == read(data)


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_lines_end_in_three_ways_one_of_them_cut_in_two(end: str) -> None:
    data = f"data: a{end}data:b{end}{end}data: c{end}{end}".encode()

    assert read(*(data[n : n + 1] for n in range(len(data)))) == [("", "a\nb"), ("", "c")]


def test_a_stream_may_begin_with_a_mark_and_end_without_an_empty_line() -> None:
    assert read(b"\xef\xbb\xbfdata: a\n\ndata: b\n") == [("", "a"), ("", "b")]
    assert read(b"data: a\n\ndata: [DONE]") == [("", "a"), ("", "[DONE]")]
    assert read(b"data: {") == []


def test_an_event_that_never_ends_is_not_kept() -> None:
    for piece in (b"data: aaaa\n", b"aaaaaaaaaa"):
        with pytest.raises(ProtocolViolation):
            read_all([piece] * 1_000)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["error", "detail", "code", "type", "status", "param", "message"])
        | st.text(max_size=5),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip
HEADERS = st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms"]), st.text(max_size=9))


@given(st.integers(300, 999), JSON | st.binary(max_size=80), HEADERS)
def test_every_refusal_is_one_line_of_ours(
    status: int, said: object, headers: dict[str, str]
) -> None:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()

    error = turned_away(status, headers, body, "pipeline.llm")

    assert isinstance(error, BackendError)
    assert "\n" not in str(error)
    assert len(str(error)) < 200


@given(st.integers(300, 999), st.text("ksAB-0123456789_", min_size=12, max_size=40))
def test_nothing_that_a_server_writes_for_people_is_passed_on(status: int, key: str) -> None:
    assume(any(each.isdigit() or each == "-" for each in key))
    quoted = f"Incorrect API key provided: {key}"
    for body in (
        {"error": {"message": quoted, "code": key, "type": quoted}},
        {"detail": {"message": quoted, "status": quoted}},
        {"error": quoted, "message": quoted, "err_code": key},
    ):
        error = turned_away(status, {}, json.dumps(body).encode(), "pipeline.tts")
        assert key.lower() not in str(error).lower()


@given(st.text(max_size=12) | st.floats().map(str))
def test_a_wait_is_a_number_of_seconds_or_not_said(text: str) -> None:
    wait = retry_after({"retry-after": text})

    assert wait is None or 0.0 <= wait <= LONGEST_WAIT


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry-after": "-1"}, None),
        ({}, None),
    ],
)
def test_the_wait_is_read_from_either_header(headers: dict[str, Any], seconds: object) -> None:
    assert retry_after(headers) == seconds
