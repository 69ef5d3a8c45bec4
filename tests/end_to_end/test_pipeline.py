"""The whole box with a pipeline: recorded people, the box's own ears and voice, a model elsewhere.

The model is aimock's, over HTTP: an independent server with OpenAI's and Anthropic's interfaces.
"""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.aimock import aimock
from tests.end_to_end.conftest import Player
from tests.realtime_box import Came, Room, scene, tone
from tests.realtime_server import Script

CALL = {"name": "set_light", "arguments": {"light": "kitchen_light", "state": "on"}}
TOLD = "The kitchen light is on now, as you asked. Is there anything else that is dark?"
HEARD = "turn on the kitchen light"
FIXTURES: list[Mapping[str, object]] = [
    {"match": {"endpoint": "transcription"}, "response": {"transcription": {"text": HEARD}}},
    {
        "match": {"endpoint": "speech"},
        "response": {"audio": base64.b64encode(tone(1.0)).decode(), "format": "pcm"},
    },
    {"match": {"userMessage": "light", "hasToolResult": True}, "response": {"content": TOLD}},
    {"match": {"userMessage": "light", "hasToolResult": False}, "response": {"toolCalls": [CALL]}},
]


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with aimock(tmp_path_factory.mktemp("aimock"), FIXTURES) as listening:
        yield listening


def played(play: Player, port: int, **stages: Mapping[str, str]) -> Came:
    url = f"http://127.0.0.1:{port}/v1"
    parts: dict[str, Any] = {
        name: {"url": url, **stage} if stage["vendor"] != "local" else stage
        for name, stage in stages.items()
    }
    settings = {"backend": {"order": ["pipeline", "local"]}, "pipeline": parts}
    return Room(play, Script(), scene(16.0), settings)()


LOCAL = {"vendor": "local"}
CHAT = {"vendor": "openai", "model": "gpt-of-the-house"}


@pytest.mark.parametrize(
    "mind",
    [
        CHAT,
        {**CHAT, "api": "responses"},
        {"vendor": "anthropic", "model": "claude-of-the-house"},
    ],
    ids=["chat", "responses", "anthropic"],
)
def test_own_ears_and_voice_with_a_model_elsewhere(
    play: Player, port: int, mind: Mapping[str, str]
) -> None:
    came = played(play, port, stt=LOCAL, llm=mind, tts=LOCAL)
    assert came.named("transcript")[0].data["text"] == "Turn on the kitchen light."
    assert came.calls() == [("set_light", CALL["arguments"])]
    assert came.named("tool_answer")[0].data["status"] == "done"
    assert came.said() == TOLD
    stages = {str(entry.data["stage"]) for entry in came.named("stage")}
    assert stages == {"stt", "llm", "tts"}
    assert not came.named("backend"), "the next one of the order was not needed"


def test_own_mind_with_ears_and_a_voice_elsewhere(play: Player, port: int) -> None:
    elsewhere = {"vendor": "openai"}
    came = played(play, port, stt=elsewhere, llm=LOCAL, tts={**elsewhere, "voice": "coral"})
    assert came.named("transcript")[0].data["text"] == HEARD
    assert came.calls() == [("set_light", CALL["arguments"])]
    assert came.said() == "The kitchen light is on."
    assert came.reply.any()
    assert not came.named("backend")


def test_where_nobody_listens_the_box_itself_goes_on(play: Player) -> None:
    came = played(play, 1, stt=LOCAL, llm=CHAT, tts=LOCAL)
    assert [entry.data["name"] for entry in came.named("backend")][:1] == ["local"]
    assert came.calls() == [("set_light", {"light": "kitchen_light", "state": "on"})]
    assert "The kitchen light is on." in came.said()
