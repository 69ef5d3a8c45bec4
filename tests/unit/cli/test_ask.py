import asyncio
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from pydantic import SecretStr

from appliance.app.assistant import _why_not, check_backend, check_key, check_privacy
from appliance.app.backends import Answers, was_private
from appliance.app.camera import camera_for_tools, open_camera
from appliance.app.spending import Accounts, open_meter, spending_file
from appliance.backend.choice import Choice
from appliance.backend.failover import Failover
from appliance.cli.ask import LARGEST_MB, _Teller, picture
from appliance.config import Config
from appliance.config.cloud import Camera, Realtime
from appliance.errors import BackendRefused, ConfigError, PictureError
from appliance.events import ReplyEnded, ReplyText
from appliance.ports import Backend
from appliance.timeline import Entry, Timeline
from appliance.units import ResponseId, Seconds

JPEG = b"\xff\xd8\xff\xe0 and so on"
PNG = b"\x89PNG\r\n\x1a\n and so on"


@pytest.mark.parametrize(
    ("name", "data", "mime"), [("a.png", JPEG, "image/jpeg"), ("a.txt", PNG, "image/png")]
)
def test_what_a_picture_is_its_first_bytes_say(
    tmp_path: Path, name: str, data: bytes, mime: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    image = picture(path)
    assert (image.data, image.mime) == (data, mime)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"GIF89a", "is neither JPEG nor PNG"),
        (b"\x89PNG\n\n", "is neither JPEG nor PNG"),
        (JPEG + bytes(LARGEST_MB * 2**20), "has more than 10 MB"),
    ],
    ids=["empty", "gif", "half a signature", "large"],
)
def test_a_file_that_is_no_picture_is_refused_in_one_line(
    tmp_path: Path, data: bytes, said: str
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    with pytest.raises(PictureError, match=said) as raised:
        picture(path)
    assert str(raised.value).startswith(f"{path}: ")


def test_the_largest_picture_is_still_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(JPEG.ljust(LARGEST_MB * 2**20, b"\0"))
    assert len(picture(path).data) == LARGEST_MB * 2**20


def test_a_pipe_is_not_waited_for_and_a_missing_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    for name, said in (("pipe.jpg", "not a file"), ("none.jpg", "no such file"), (".", "not a")):
        with pytest.raises(PictureError, match=said):
            picture(tmp_path / name)


def test_without_a_key_the_realtime_service_is_refused_before_anything_else() -> None:
    with pytest.raises(ConfigError, match=r"^realtime\.api_key: there is no key"):
        check_key(Config())
    check_key(Config(realtime=Realtime(url="ws://gpu.local:8000/v1/realtime")))


def test_a_backend_that_is_asked_for_by_name_must_be_able_to_answer() -> None:
    with pytest.raises(ConfigError, match=r"^realtime: there is no key for it: give"):
        check_backend(Config(), "realtime", private=False)
    with pytest.raises(ConfigError, match=r"^nobody: there is no backend nobody"):
        check_backend(Config(), "nobody", private=False)
    own = Config(realtime=Realtime(url="ws://gpu.local:8000/v1/realtime"))
    check_backend(own, "realtime", private=True)
    check_backend(Config(), "local", private=True)
    far = Config(realtime=Realtime(api_key=SecretStr("sk-of-the-house-1234567890")))
    check_backend(far, "realtime", private=False)
    with pytest.raises(BackendRefused, match="privacy mode is on"):
        check_backend(far, "realtime", private=True)


def test_a_camera_that_is_not_configured_is_no_tool_but_is_named_to_who_asks() -> None:
    assert camera_for_tools(Config()) is None
    with pytest.raises(PictureError, match="no camera is configured"):
        open_camera(Config())


def test_without_ffmpeg_there_is_no_tool_and_the_log_says_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    config = Config(camera=Camera(device="/dev/video0"))
    assert camera_for_tools(config) is None
    assert "the program ffmpeg is missing" in caplog.text


def test_privacy_mode_that_was_kept_counts_for_questions_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    assert not was_private()
    (tmp_path / "kept.json").write_text('{"private": true}')
    assert was_private()
    with pytest.raises(BackendRefused, match="privacy mode is on"):
        check_privacy(private=was_private())


def test_what_is_told_beside_a_reply_stands_in_a_line_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def scene() -> None:
        timeline = Timeline()
        teller = _Teller(timeline, None, as_json=False)
        reply = ResponseId("r")
        teller.tell(ReplyText(reply, "I'm on my own now."))
        timeline.say(Entry("trouble", Seconds(0.0), "the cable"))
        teller.tell(ReplyText(reply, "It is on."))
        teller.tell(ReplyText(reply, "So is the fan."))
        teller.tell(ReplyEnded(reply))

    asyncio.run(scene())
    assert capsys.readouterr().out == "I'm on my own now.\nIt is on. So is the fan.\n"


@pytest.mark.parametrize(
    ("private", "cap", "words"),
    [(True, 0.0, "privacy mode"), (False, 0.0, "a cap is reached"), (False, 1.0, "")],
)
def test_who_asks_is_told_why_the_realtime_service_is_not_asked(
    *, private: bool, cap: float, words: str, tmp_path: Path
) -> None:
    config = Config.model_validate({"money": {"day_usd": cap}})
    accounts = Accounts(open_meter(config, spending_file(tmp_path)))
    failover = SimpleNamespace(choice=Choice(("realtime", "local"), frozenset({"realtime"})))
    answers = Answers(cast("Backend", None), cast("Failover", failover), accounts=accounts)
    why = _why_not(answers, private=private)
    assert (words in why) if words else not why
    assert not _why_not(Answers(cast("Backend", None)), private=True)
