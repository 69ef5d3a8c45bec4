"""What a whole box tells and takes on a real broker, with Home Assistant's eyes and an enemy's."""

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from appliance import turn
from appliance.app import home_assistant
from appliance.config import Config
from appliance.events import (
    CallAnswered,
    ReplyEnded,
    ReplyText,
    SpeechEnded,
    Transcribed,
    WakeWordHeard,
)
from appliance.mqtt.presence import Bill
from appliance.mqtt.requests import Allowance
from appliance.units import CallId, ResponseId, SampleIndex, Seconds, TurnNumber
from tests.broker import Broker, broker
from tests.house import until
from tests.published import Watch, watched
from tests.standing import Standing, standing

OWN = "voice-appliance/box"
CONFIG = "homeassistant/device/voice-appliance-box/config"
CALLS = "voice-appliance/zones/home/wake"
SETS = (
    "mute",
    "private",
    "backend",
    "stop",
    "volume",
    "chime_volume",
    "alarm_volume",
    "duck",
    "listen",
    "say",
    "ask",
    "wake_word",
    "sensitivity",
)
REQUESTS = (
    *("say", "ask", "listen", "stop", "duck", "mute", "volume", "backend"),
    *("state", "ping"),
)


class Phone:
    """Another client: sends, and hears the answers."""

    def __init__(self, port: int) -> None:
        self.answers: list[tuple[str, bytes, bytes | None]] = []
        self._latest: paho.MQTTMessageInfo | None = None
        self.client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        ready = threading.Event()
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.on_message = self._take
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.client.subscribe("voice-appliance/+/response/#", qos=1)
        assert ready.wait(5.0)

    def _take(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        correlation = getattr(message.properties, "CorrelationData", None)
        self.answers.append((message.topic, bytes(message.payload), correlation))

    def send(
        self,
        topic: str,
        payload: bytes | str = b"",
        *,
        retain: bool = False,
        respond_to: str | None = None,
        correlation: bytes | None = None,
    ) -> None:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if respond_to is not None:
            properties.ResponseTopic = respond_to
        if correlation is not None:
            properties.CorrelationData = correlation
        self._latest = self.client.publish(topic, payload, 1, retain, properties)

    async def arrived(self) -> None:
        """Wait until the broker has all of it."""
        assert self._latest is not None
        await asyncio.to_thread(self._latest.wait_for_publish, 5.0)

    async def answer(self, count: int = 1) -> tuple[str, dict[str, object], bytes | None]:
        await until(lambda: len(self.answers) >= count)
        topic, payload, correlation = self.answers[count - 1]
        return topic, json.loads(payload), correlation

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    with broker(tmp_path) as made:
        yield made


@pytest.fixture
def watch(house: Broker) -> Iterator[Watch]:
    with watched(house.port) as made:
        yield made


@pytest.fixture
def phone(house: Broker) -> Iterator[Phone]:
    made = Phone(house.port)
    yield made
    made.close()


def config(house: Broker, **more: Mapping[str, object]) -> Config:
    table = {"mqtt": {"host": "127.0.0.1", "port": house.port}, **more}
    return Config.model_validate(table)


async def there(box: Standing, watch: Watch) -> None:
    await until(lambda: {f"{OWN}/diagnostics", CONFIG, CALLS} <= set(watch.seen))
    assert isinstance(box.box.conversation.state, turn.Idle)


async def test_all_that_a_box_publishes_has_a_schema_and_keeps_to_it(
    house: Broker, watch: Watch, tmp_path: Path
) -> None:
    async with standing(config(house, homeassistant={"speech": True}), tmp_path) as made:
        await there(made, watch)
        note = made.box.timeline.note
        for happening in (
            WakeWordHeard("hey_jarvis", 0.9, SampleIndex(0)),
            SpeechEnded(SampleIndex(1)),
            Transcribed(TurnNumber(1), "turn on\nthe light"),
            CallAnswered(CallId("1"), "set_light", "done", Seconds(0.1)),
            ReplyText(ResponseId("1"), "The light "),
            ReplyText(ResponseId("1"), "is on."),
            ReplyEnded(ResponseId("1")),
        ):
            note(happening, Seconds(1.0))
        made.house.show_money(Bill(0.1, 0.2, 1.0))
        made.box.private.append(lambda _: None)
        made.house.tell("Dinner is ready.")
        await until(lambda: f"{OWN}/money" in watch.seen and f"{OWN}/unduck" in watch.seen)
        called = [json.loads(p) for p in watch.seen[f"{OWN}/wake_word"]][-1]
        assert called["last"] is not None
    await until(lambda: b"offline" in watch.seen[f"{OWN}/availability"])
    said = [json.loads(payload) for payload in watch.seen[f"{OWN}/event"]]
    assert [event["text"] for event in said if "text" in event] == [
        "turn on the light",
        "The light is on.",
    ]
    ours = {"event-wake", "event-turn-end", "event-tool", "event-heard", "event-said"}
    ours |= {"duck", "unduck", "wake_word", "announcement", "diagnostics", "money", "backend"}
    assert ours <= watch.used


async def test_nothing_that_was_said_is_told_unless_the_settings_say_so(
    house: Broker, watch: Watch, tmp_path: Path
) -> None:
    async with standing(config(house), tmp_path) as made:
        await there(made, watch)
        note = made.box.timeline.note
        note(Transcribed(TurnNumber(1), "xyzzy"), Seconds(1.0))
        note(ReplyText(ResponseId("1"), "xyzzy"), Seconds(1.0))
        note(ReplyEnded(ResponseId("1")), Seconds(1.0))
        note(SpeechEnded(SampleIndex(1)), Seconds(1.0))
        await until(lambda: f"{OWN}/event" in watch.seen)
    assert not [topic for topic, seen in watch.seen.items() if b"xyzzy" in b"".join(seen)]


async def test_what_is_written_is_said_or_answered(
    house: Broker, watch: Watch, phone: Phone, tmp_path: Path
) -> None:
    async with standing(config(house), tmp_path) as made:
        await there(made, watch)
        phone.send(f"{OWN}/set/say", "Dinner\nis ready")
        await until(lambda: "Dinner is ready" in made.voice.said)
        phone.send(f"{OWN}/set/ask", "what is the time")
        await until(lambda: bool(made.backend.committed))
        assert [each.text for each in made.backend.enclosed] == ["what is the time"]
        phone.send(f"{OWN}/request/ask", '{"text": "and now", "transaction": 7}')
        _, answer, _ = await phone.answer()
        assert answer == {"status": "rejected", "transaction": 7, "reason": "busy"}
        phone.send(f"{OWN}/set/stop")
        await until(lambda: isinstance(made.box.conversation.state, turn.Idle))
        phone.send(f"{OWN}/set/listen")
        await until(lambda: isinstance(made.box.conversation.state, turn.Listening))
        phone.send(f"{OWN}/set/mute", "on")
        await until(lambda: isinstance(made.box.conversation.state, turn.Muted))
        for number, verb in enumerate(("say", "ask", "listen"), start=2):
            phone.send(f"{OWN}/request/{verb}", "hello")
            assert (await phone.answer(number))[1]["reason"] == "muted"


async def test_wake_word_and_sensitivity_are_chosen_while_it_runs_and_remembered(
    house: Broker, watch: Watch, phone: Phone, tmp_path: Path
) -> None:
    async with standing(config(house), tmp_path) as made:
        await there(made, watch)
        phone.send(f"{OWN}/set/wake_word", "alexa")
        phone.send(f"{OWN}/set/sensitivity", "0.8")
        phone.send(f"{OWN}/set/wake_word", "somebody")
        phone.send(f"{OWN}/set/sensitivity", "nan")
        await until(lambda: b'"word":"alexa","sensitivity":0.8' in watch.seen[WORD][-1])
        assert made.loaded[-1].wake.words == ("alexa",)
        made.broken = True
        phone.send(f"{OWN}/set/wake_word", "okay_nabu")
        await until(lambda: made.failed == 1)
        kept = tmp_path / "kept.json"
        async with asyncio.timeout(10.0):
            while b'"alexa"' not in await asyncio.to_thread(kept.read_bytes):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    async with standing(config(house), tmp_path) as made:
        await until(lambda: bool(made.loaded))
        assert (made.loaded[-1].wake.words, made.loaded[-1].wake.sensitivity) == (("alexa",), 0.8)
    # who writes other settings means them
    async with standing(config(house, wake={"sensitivity": 0.3}), tmp_path) as made:
        await until(lambda: b'"sensitivity":0.3' in watch.seen[WORD][-1])
        await asyncio.sleep(0.4)
        assert made.loaded == []


WORD = f"{OWN}/wake_word"


async def test_requests_are_answered_to_whom_they_belong(
    house: Broker, watch: Watch, phone: Phone, tmp_path: Path
) -> None:
    async with standing(config(house), tmp_path) as made:
        await there(made, watch)
        phone.send(f"{OWN}/request/ping", '{"transaction": "a-1"}')
        assert await phone.answer() == (
            f"{OWN}/response/ping",
            {"status": "done", "transaction": "a-1"},
            None,
        )
        mine = "voice-appliance/phone/response/box"
        phone.send(f"{OWN}/request/state", respond_to=mine, correlation=b"\x00\xff")
        topic, answer, correlation = await phone.answer(2)
        assert (topic, correlation) == (mine, b"\x00\xff")
        assert (answer["phase"], answer["volume"]) == ("idle", 100)
        phone.send(f"{OWN}/request/volume", '{"value": 30}', respond_to="lock/set")
        assert (await phone.answer(3))[1] == {"status": "rejected", "reason": "response_topic"}
        phone.send(f"{OWN}/request/state")
        assert (await phone.answer(4))[1]["volume"] == 100
        phone.send(f"{OWN}/request/volume", '{"value": 30}')
        assert (await phone.answer(5))[1] == {"status": "done"}
        await until(lambda: b'"volume":30' in watch.seen[f"{OWN}/volume"][-1])


HOSTILE = (
    b"",
    b"\xff\xfe\x00",
    b"\x00" * 5000,
    b"[" * 4000,
    b'{"a":' * 700,
    b'{"transaction":' + b"[" * 4000,
    b'{"transaction": {"a": 1}, "text": "hello"}',
    b'{"value": NaN}',
    b'{"value": 1e999, "transaction": true}',
    b'{"value": -Infinity}',
    b'{"value": ' + b"9" * 4000 + b"}",
    b'{"text": "\\ud800\\u0000\\u202e", "transaction": "\\ud800"}',
    b"nan",
    b"1e400",
    b"-1",
    "१००".encode(),
    b"../../etc",
    b"{{ 7 * 7 }}",
)


async def test_box_outlives_whatever_is_sent_to_it_and_publishes_nothing_but_answers(
    house: Broker,
    watch: Watch,
    phone: Phone,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(Allowance, "take", lambda *_: True)  # every one is looked at
    async with standing(config(house), tmp_path) as made:
        await there(made, watch)
        before = set(watch.seen)
        for payload in HOSTILE:
            for name in SETS:
                phone.send(f"{OWN}/set/{name}", payload)
            for name in REQUESTS:
                phone.send(f"{OWN}/request/{name}", payload, respond_to=f"{OWN}/set/#")
                phone.send(f"{OWN}/request/{name}", payload)
            phone.send(f"{OWN}/set/stop")
            await _still_there(phone)
        for kind in ("set", "request"):
            phone.send(f"{OWN}/{kind}/say", b"x" * 3_000_000)
        answer = await _still_there(phone)
        assert (answer["volume"], answer["muted"], answer["private"]) == (100, False, False)
        assert answer["wake_word"] == "hey_jarvis"
        assert 0.0 <= float(str(answer["sensitivity"])) <= 1.0
        told = {topic for topic in set(watch.seen) - before if "/response/" not in topic}
        assert not [record.message for record in caplog.records if record.levelname == "ERROR"]
        told -= {
            f"{OWN}/{kind}/{name}" for kind in ("set", "request") for name in (*SETS, *REQUESTS)
        }
        assert told <= {f"{OWN}/event", f"{OWN}/duck", f"{OWN}/unduck"}


async def _still_there(phone: Phone) -> dict[str, object]:
    """Return its answer to a question that comes after all the others."""
    mine = f"voice-appliance/phone/response/{len(phone.answers)}"
    phone.send(f"{OWN}/request/state", respond_to=mine)
    await until(lambda: any(topic == mine for topic, _, _ in phone.answers))
    found: dict[str, object] = json.loads(phone.answers[-1][1])
    return found


async def test_flood_is_not_answered_for_ever(
    house: Broker, watch: Watch, phone: Phone, tmp_path: Path
) -> None:
    async with standing(config(house), tmp_path) as made:
        await there(made, watch)
        for number in range(500):
            phone.client.publish(f"{OWN}/request/say", f"message {number}", 1)
        await asyncio.sleep(1.5)
        assert 6 <= len(made.voice.said) <= 8
        assert len(phone.answers) < 200
        await asyncio.sleep(0.5)
        phone.answers.clear()
        phone.send(f"{OWN}/request/ping")
        assert (await phone.answer())[1] == {"status": "done"}


async def test_retained_commands_are_ignored(
    house: Broker, watch: Watch, phone: Phone, tmp_path: Path
) -> None:
    for name, payload in (("say", "hello"), ("ask", "hello"), ("mute", "on"), ("volume", "1")):
        phone.send(f"{OWN}/set/{name}", payload, retain=True)
        phone.send(f"{OWN}/request/{name}", payload, retain=True)
    await phone.arrived()
    async with standing(config(house), tmp_path) as made:
        await there(made, watch)
        phone.send(f"{OWN}/request/state")
        _, answer, _ = await phone.answer()
        assert (answer["muted"], answer["volume"]) == (False, 100)
        assert made.voice.said == []
        assert made.backend.enclosed == []


async def test_box_announces_itself_again_when_home_assistant_starts(
    house: Broker, watch: Watch, phone: Phone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home_assistant, "SPREAD", 0.1)
    phone.send("homeassistant/status", "online", retain=True)
    await phone.arrived()
    async with standing(config(house), tmp_path) as made:
        await there(made, watch)
        phone.send("homeassistant/status", "offline")
        await asyncio.sleep(0.4)
        assert len(watch.seen[CONFIG]) == 1

        phone.send("homeassistant/status", "online")
        await until(lambda: len(watch.seen[CONFIG]) == 2)
        await asyncio.to_thread(house.kill)
        await asyncio.to_thread(house.start)
        await until(lambda: len(watch.seen[CONFIG]) == 3)
        assert len(set(watch.seen[CONFIG])) == 1


async def test_announcement_can_be_taken_back(
    house: Broker, watch: Watch, phone: Phone, tmp_path: Path
) -> None:
    phone.send(CONFIG, "{}", retain=True)
    await until(lambda: CONFIG in watch.seen)
    async with standing(config(house, homeassistant={"discovery": False}), tmp_path):
        await until(lambda: watch.seen[CONFIG][-1] == b"")
    watch.problems.clear()  # that of the phone
