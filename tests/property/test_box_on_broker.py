"""What the box tells Home Assistant of itself, and what it makes of what others send it."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.app.wake_choice import CONFIGURED, Choice, chosen, configured, options
from appliance.config import Config
from appliance.config.model import READY_WORDS
from appliance.mqtt import requests
from appliance.mqtt.announcement import About, announcement, topic
from appliance.mqtt.requests import Allowance, Asked
from appliance.mqtt.topics import topics
from appliance.units import Seconds
from tests.published import rules

NAMES = st.one_of(
    st.text(max_size=100),
    st.sampled_from(["", "  ", "Küche\n", "{{ 7 * 7 }}", "\u202eevil", "a" * 100, "\ud800"]),
)
IDS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
WORDS = st.lists(st.sampled_from(READY_WORDS), min_size=0, max_size=3, unique=True)


def announced(about: About) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(announcement(about))
    return found


@given(
    box=IDS,
    name=NAMES,
    area=st.none() | NAMES,
    online=st.booleans(),
    words=WORDS.filter(bool),
    root=st.sampled_from(["voice-appliance", "home/voice"]),
)
def test_every_component_is_complete_whatever_a_box_is_called(
    box: str, name: str, area: str | None, *, online: bool, words: list[str], root: str
) -> None:
    own = topics(root, box)
    about = About(box, name, "1.0", own, words, area, online, ("realtime", "local"))
    (rule,) = (rule for rule in rules() if rule.name == "announcement")
    assert rule.problem(announcement(about)) is None
    assert rule.pattern.fullmatch(topic("homeassistant", box))
    components = announced(about)["components"]
    ids = [component["unique_id"] for component in components.values()]
    assert len(set(ids)) == len(ids)
    labels = [component["name"] for component in components.values()]
    assert len(set(labels)) == len(labels)
    for component in components.values():
        for key in ("state_topic", "command_topic"):
            assert component.get(key, own.root).startswith(own.root)


def test_every_topic_that_is_announced_is_one_that_we_publish_or_take() -> None:
    own = topics("voice-appliance", "box")
    taken = {own.command(name) for name in COMMANDS}
    about = About("box", "Box", "1", own, ["alexa"], None, online=True, backends=("a", "b"))
    for component in announced(about)["components"].values():
        if (state := component.get("state_topic")) is not None:
            assert [rule.name for rule in rules() if rule.pattern.fullmatch(state)], state
        assert component.get("command_topic", next(iter(taken))) in taken


COMMANDS = (
    "mute",
    "private",
    "backend",
    "stop",
    "volume",
    "chime_volume",
    "alarm_volume",
    "listen",
    "say",
    "ask",
    "wake_word",
    "sensitivity",
)


def test_what_costs_nothing_shows_no_costs() -> None:
    own = topics("voice-appliance", "box")
    shown = announced(About("box", "Box", "1", own, ["alexa"]))["components"]
    assert not {"cost_day", "cost_month", "backend"} & shown.keys()


@pytest.mark.parametrize("backends", [(), ("local",), ("mine", "local")])
def test_a_choice_is_shown_where_there_is_one(backends: tuple[str, ...]) -> None:
    own = topics("voice-appliance", "box")
    components = announced(About("box", "Box", "1", own, ["alexa"], backends=backends))[
        "components"
    ]
    shown = components.get("backend", {}).get("options")
    expected = ["automatic", *backends, "on the device"] if len(backends) > 1 else None
    assert shown == expected


@given(st.one_of(st.binary(max_size=5000), st.text(max_size=5000).map(str.encode)))
def test_nothing_that_is_sent_raises(payload: bytes) -> None:
    for read in (requests.read_command, requests.read_request):
        asked = read(payload)
        if asked is None:
            continue
        assert len(asked.value) <= requests.LARGEST
        said = requests.text(asked.value)
        assert said is None or (said.isprintable() and 0 < len(said) <= requests.LONGEST_TEXT)
        assert requests.level(asked.value) in (None, *range(101))
        assert 0.0 <= (requests.fraction(asked.value) or 0.0) <= 1.0
        assert requests.switch(asked.value) in (None, True, False)
        json.loads(requests.answer(asked, ""))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=10,
)


@given(value=JSON, transaction=JSON)
def test_transactions_come_back_as_they_came_or_the_request_is_refused(
    value: object, transaction: object
) -> None:
    payload = json.dumps({"value": value, "transaction": transaction}).encode()
    asked = requests.read_request(payload)
    if asked is None:
        return
    answer = json.loads(requests.answer(asked, ""))
    assert answer.get("transaction") == transaction
    assert isinstance(transaction, str | int | None)


@given(st.text(alphabet="abc/+#$\0", max_size=30) | st.text(max_size=300))
def test_answers_go_below_our_own_root_to_where_answers_belong(wanted: str) -> None:
    for each in (wanted, f"root/{wanted}", f"root/{wanted}/response/x", f"$SYS/{wanted}"):
        found = requests.answer_topic("root", "root/box/response/say", each)
        if found is None:
            continue
        assert re.fullmatch(r"root/([^+#$/]+/)*response(/[^+#$/]+)*", found), found
        assert not {"set", "request"} & set(found.split("/"))


def test_answers_go_where_they_are_wanted() -> None:
    usual = "root/box/response/say"
    assert requests.answer_topic("root", usual, None) == usual
    assert requests.answer_topic("root", usual, "root/phone/response/1") == "root/phone/response/1"
    assert requests.answer_topic("root", usual, "lock/front/set") is None
    assert requests.answer_topic("root", usual, "root/box/set/response") is None


def test_text_that_is_too_long_is_not_cut() -> None:
    assert requests.text("a" * 500) == "a" * 500
    assert requests.text("a" * 501) is None


def test_depth_is_no_way_in() -> None:
    assert requests.read_request(b'{"transaction":' + b"[" * 4000) is None
    assert requests.read_request(b'{"a":' * 800) is None


def test_requests_may_be_plain_or_json() -> None:
    assert requests.read_request(b" hello ") == Asked("hello")
    assert requests.read_request(b'{"text": "hello", "transaction": 1}') == Asked("hello", 1)
    assert requests.read_request(b'{"value": true}') == Asked("on")
    assert requests.read_request(b'{"value": 30}') == Asked("30")
    assert requests.read_request(b'{"value": NaN}') is None
    assert requests.read_request(b'{"value": [1]}') is None


@given(
    burst=st.integers(1, 10),
    pause=st.floats(0.01, 10.0),
    waits=st.lists(st.floats(0.0, 20.0), max_size=60),
)
def test_never_more_is_allowed_than_a_burst_and_one_in_each_pause(
    burst: int, pause: float, waits: list[float]
) -> None:
    allowance, now, taken = Allowance(burst, Seconds(pause)), 0.0, list[float]()
    for wait in waits:
        now += wait
        if allowance.take(Seconds(now)):
            taken.append(now)
    for first, begin in enumerate(taken):
        for count, end in enumerate(taken[first:], start=1):
            assert count <= burst + (end - begin) / pause + 1e-6
    if waits:
        assert taken  # the first is always allowed


@given(words=WORDS, sensitivity=st.floats(0.0, 1.0), pick=st.data())
def test_only_words_that_there_are_can_be_chosen_and_each_of_them_works(
    words: list[str], sensitivity: float, pick: st.DataObject
) -> None:
    custom = [{"name": "hey_house", "model": "hey_house.onnx"}]
    config = Config.model_validate({"wake": {"words": words, "custom": custom}})
    assert set(options(config)) == {configured(config), *READY_WORDS, "hey_house"}
    word = pick.draw(st.sampled_from(options(config)))
    made = chosen(config, Choice(word, sensitivity)).wake
    assert made.sensitivity == sensitivity
    listened = (*made.words, *(each.name for each in made.custom))
    if word == CONFIGURED:
        assert listened == (*words, "hey_house")
    else:
        assert listened == (word,)
