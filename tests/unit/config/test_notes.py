from collections.abc import Mapping
from pathlib import Path

import pytest

from appliance.config import load

KEY = {"OPENAI_API_KEY": "sk-test-1234"}
CAP = "money.month_usd = 5.0\n"


def notes(folder: Path, text: str, env: Mapping[str, str] = KEY) -> list[str]:
    file = folder / "config.toml"
    file.write_text(CAP + text)
    return [note.replace(f"{folder}/", "") for note in load(file, env=env, system=file).notes]


@pytest.mark.parametrize("text", ["", "[camera]\ndevice = '/dev/video0'"])
def test_there_is_nothing_to_note_of_a_usual_configuration(tmp_path: Path, text: str) -> None:
    assert notes(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "backend.order = ['realtime']",
            (
                '2: backend.order: without "local" nothing answers while the network or'
                " the service"
                " is away"
            ),
        ),
        (
            "realtime.model = 'gpt-realtime'",
            (
                "2: realtime.model: gpt-realtime ends on 2027-01-20; gpt-realtime-2.1 takes its"
                " place"
            ),
        ),
        (
            "realtime.model = 'gpt-realtime-mini'",
            (
                "2: realtime.model: gpt-realtime-mini ends on 2027-01-20; gpt-realtime-2.1-mini"
                " takes its place"
            ),
        ),
        (
            "realtime.transcription.model = 'whisper-1'",
            (
                "2: realtime.transcription.model: whisper-1 ends on 2027-02-26;"
                " gpt-transcribe takes"
                " its place"
            ),
        ),
        (
            (
                "backend.order = ['pipeline', 'local']\npipeline.llm.model = 'm'\n"
                "pipeline.stt = {vendor = 'openai'}\npipeline.tts.vendor = 'openai'\n"
            ),
            (
                "5: pipeline.tts.model: gpt-4o-mini-tts ends on 2027-01-06; all of OpenAI's"
                " voices over HTTP do: choose another vendor by then"
            ),
        ),
        (
            "realtime.prompt.id = 'pmpt_1'",
            (
                "2: realtime.prompt.id: OpenAI ends its stored prompts on 2026-11-30;"
                " write the text"
                " into realtime.instructions"
            ),
        ),
        (
            (
                "realtime.provider = 'azure'\n"
                "realtime.url = 'https://x.openai.azure.com/openai/realtime?api-version=1'\n"
            ),
            (
                '3: realtime.url: Azure addresses with "api-version" speak the older dialect: if'
                ' nothing answers, set realtime.dialect = "beta"'
            ),
        ),
        (
            (
                "realtime.url = 'wss://x.example/voice-live/realtime'\nrealtime.dialect = 'beta'\n"
                "realtime.mcp = [{ label = 'a', url = 'https://a.example' }]"
            ),
            '4: realtime.mcp: is not used: with dialect = "beta" none are called',
        ),
    ],
)
def test_what_should_be_known_is_one_line(tmp_path: Path, text: str, expected: str) -> None:
    env = KEY | {"VOICE_APPLIANCE_REALTIME_API_KEY": "0123"}
    assert notes(tmp_path, text, env) == [f"config.toml:{expected}"]


def test_without_the_realtime_service_its_settings_are_not_judged(tmp_path: Path) -> None:
    text = "realtime.model = 'gpt-realtime'\ncamera.device = '/dev/video0'\n"
    assert notes(tmp_path, text, {}) == [
        "config.toml:3: camera.device: is not used: no backend of the order can see"
    ]


KEYS = {"DEEPGRAM_API_KEY": "dg-of-the-house-1234567890", **KEY}
GPU = "[pipeline.llm]\nurl = 'http://gpu.local:8000/v1'\nmodel = 'ours'\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[live]\nvoice = 'cedar'\n",
            ['2: live: is not used: backend.order does not name "live"'],
        ),
        (
            "[extension.parrot]\nrepeats = 2\n",
            ['2: extension.parrot: is not used: backend.order does not name "parrot"'],
        ),
        (f"backend.order = ['pipeline', 'local']\n{GPU}", []),
        (
            "backend.order = ['pipeline', 'local']\n[pipeline.stt]\nvendor = 'deepgram'\n" + GPU,
            [
                (
                    "4: pipeline.stt.vendor: what people say leaves the house, to deepgram:"
                    " privacy mode bars the whole pipeline"
                )
            ],
        ),
    ],
)
def test_what_is_not_used_and_what_leaves_the_house_unawares_is_noted(
    tmp_path: Path, text: str, expected: list[str]
) -> None:
    assert notes(tmp_path, text, KEYS) == [f"config.toml:{line}" for line in expected]


def test_every_vendor_that_asks_for_money_needs_a_cap(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    for order, count in (("live", 1), ("local", 0)):
        file.write_text(
            f'backend.order = ["{order}", "local"]\n'.replace('"local", "local"', '"local"')
        )
        assert len(load(file, env=KEYS, system=file).notes) == count


def test_spending_without_a_cap_is_noted(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("")
    assert load(file, env={}, system=file).notes == ()
    (note,) = load(file, env=KEY, system=file).notes
    assert note.endswith(
        "money.month_usd: no cap is set: the spending is counted but nothing ends it"
    )
