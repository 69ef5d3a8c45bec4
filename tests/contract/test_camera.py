"""The camera against the real ffmpeg; its test picture is the nearest thing to a camera here."""

import asyncio
import io
import stat
import time
from pathlib import Path

import pytest

from appliance.board.camera import Camera, find_program, why
from appliance.config.cloud import Camera as Settings
from appliance.errors import PictureError
from appliance.ports import Image
from appliance.units import Seconds

PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=1600x1200:rate=30")


@pytest.fixture(scope="module")
def ffmpeg() -> str:
    return find_program()


def look(camera: Camera) -> Image:
    return asyncio.run(camera.look())


def trouble(camera: Camera) -> tuple[str, str]:
    with pytest.raises(PictureError) as raised:
        look(camera)
    return raised.value.reason, str(raised.value)


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Return width and height, from the frame header (ITU T.81, B.2.2)."""
    stream = io.BytesIO(jpeg[2:])
    while marker := stream.read(2):
        length = int.from_bytes(stream.read(2), "big")
        body = stream.read(length - 2)
        if marker[1] in {0xC0, 0xC1, 0xC2}:
            return int.from_bytes(body[3:5], "big"), int.from_bytes(body[1:3], "big")
    raise AssertionError("no frame header")


def test_a_picture_is_one_jpeg_and_no_larger_than_asked_for(ffmpeg: str) -> None:
    settings = Settings(device="/dev/video0", width=640, height=640)
    image = look(Camera(settings, program=ffmpeg, ways=[PICTURE]))
    assert image.mime == "image/jpeg"
    assert image.data.startswith(b"\xff\xd8\xff")
    assert image.data.count(b"\xff\xd8\xff") == 1
    assert size_of(image.data) == (640, 480)
    assert "data" not in repr(image)


def test_a_small_picture_is_not_blown_up(ffmpeg: str) -> None:
    small = ("-f", "lavfi", "-i", "testsrc2=size=320x240:rate=30")
    image = look(Camera(Settings(device="x"), program=ffmpeg, ways=[small]))
    assert size_of(image.data) == (320, 240)


def test_where_one_way_does_not_open_the_next_is_tried(ffmpeg: str) -> None:
    ways = [("-f", "lavfi", "-i", "testsrc2=size=0x0"), PICTURE]
    assert look(Camera(Settings(device="x"), program=ffmpeg, ways=ways)).data


@pytest.mark.parametrize(
    ("device", "reason", "words"),
    [
        ("/dev/video-of-nobody", "missing", "is the camera plugged in"),
        ("/dev/null", "unfit", "no camera"),
        ("/tmp", "unfit", "no camera"),  # noqa: S108 - a folder is meant
        ("-version", "missing", "no such device"),
    ],
)
def test_what_is_no_camera_is_named(ffmpeg: str, device: str, reason: str, words: str) -> None:
    camera = Camera(Settings(device=device), program=ffmpeg)
    told, line = trouble(camera)
    assert told == reason
    assert line.startswith(f"camera {device}: ")
    assert words in line


@pytest.mark.parametrize(
    ("complaint", "reason"),
    [
        ("ioctl(VIDIOC_STREAMON): Device or resource busy", "busy"),
        ("Cannot open video device /dev/video0: Permission denied", "forbidden"),
        ("Not a video capture device.", "unfit"),
        ("Something else", "failed"),
        ("", "failed"),
    ],
)
def test_the_reason_is_read_from_what_ffmpeg_says(complaint: str, reason: str) -> None:
    assert why(complaint) == reason


def test_a_camera_that_hangs_is_given_up_and_the_program_is_gone(tmp_path: Path) -> None:
    program, pid = tmp_path / "ffmpeg", tmp_path / "pid"
    program.write_text(f"#!/bin/sh\necho $$ > {pid}\nexec sleep 60\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    began = time.monotonic()
    camera = Camera(Settings(device="x"), program=str(program), patience=Seconds(0.5))
    assert trouble(camera)[0] == "late"
    assert time.monotonic() - began < 10
    assert not Path(f"/proc/{pid.read_text().strip()}").exists()


def test_an_ffmpeg_that_is_not_there_is_no_crash(tmp_path: Path) -> None:
    camera = Camera(Settings(device="x"), program=str(tmp_path / "ffmpeg"))
    assert trouble(camera) == ("failed", f"{tmp_path}/ffmpeg: No such file or directory")
