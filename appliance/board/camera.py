"""Looks through a camera, once, by ffmpeg.

It runs as a program of its own: its licence is the GPL, and this process stays outside of it.
"""

import asyncio
import contextlib
import re
import shutil
from collections.abc import Sequence

from appliance.config.cloud import Camera as Settings
from appliance.errors import PictureError
from appliance.ports import Image
from appliance.units import Seconds

PROGRAM = "ffmpeg"

PATIENCE = Seconds(8.0)
"""A webcam takes 1 to 2 s to open; what takes longer than this hangs."""

WARM_UP = 15
"""Pictures thrown away while the camera finds its exposure: half a second of most, 3 s of one with
5 pictures a second in the dark."""

LARGEST = 8 * 2**20
"""Bytes of a picture. A full HD one has 0.5 MB; more than this is sent to nobody."""

_REASONS = (
    ("missing", r"no such (file|device)"),
    ("forbidden", r"permission denied|not permitted"),
    ("busy", r"\bbusy\b"),
    (
        "unfit",
        r"inappropriate ioctl|not a (tty|video capture)|invalid (argument|data)|directory",
    ),
)
_ADVICE = {
    "missing": "there is no such device; is the camera plugged in?",
    "forbidden": "not allowed; is the user in the group video?",
    "busy": "another program uses it",
    "unfit": "that is no camera, or it knows no such picture size",
    "late": f"it gave no picture within {PATIENCE:.0f} s",
    "failed": "ffmpeg got no picture from it",
}


def find_program() -> str:
    """Return where ffmpeg is: the one that comes with the extra ``camera``, else the system's.

    Blocks for a moment; call it once, before anything runs.

    Raises:
        PictureError: There is none.
    """
    with contextlib.suppress(ImportError, RuntimeError):  # it raises that where it has none
        import imageio_ffmpeg  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    found = shutil.which(PROGRAM)
    if found is None:
        raise PictureError(
            "missing",
            "camera: the program ffmpeg is missing; install the package ffmpeg, "
            "or: pip install 'voice-appliance[camera]'",
        )
    return found


def v4l2(settings: Settings) -> tuple[tuple[str, ...], ...]:
    """Return the ways to open a camera, best first: compressed, then as the camera likes it."""
    size = f"{settings.width}x{settings.height}"
    common = ("-f", "v4l2", "-video_size", size)
    there = ("-i", settings.device)
    return (*common, "-input_format", "mjpeg", *there), (*common, *there)


class Camera:
    """Takes one picture at a time; implements ``tools.looking.Camera``. Event loop only.

    The camera is open only while it looks.

    Args:
        settings: Which camera, and the largest picture wanted.
        program: ffmpeg; see ``find_program``.
        ways: Input arguments of ffmpeg to try in turn; those of the V4L2 device if not given.
        patience: Longest time for one picture.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        program: str,
        ways: Sequence[Sequence[str]] | None = None,
        patience: Seconds = PATIENCE,
    ) -> None:
        self._settings = settings
        self._program = program
        self._ways = v4l2(settings) if ways is None else tuple(ways)
        self._patience = patience

    async def look(self) -> Image:
        """Return what is to be seen now, as a JPEG no larger than the settings say.

        Raises:
            PictureError: There is no picture; ``reason`` says why.
        """
        reason = "failed"
        try:
            async with asyncio.timeout(self._patience):
                for way in self._ways:
                    data, said = await self._run(way)
                    if data:
                        return self._image(data)
                    reason = why(said)
                    if reason not in {"unfit", "failed"}:
                        break  # another format would not help
        except TimeoutError:
            reason = "late"
        raise self._trouble(reason)

    async def _run(self, way: Sequence[str]) -> tuple[bytes, str]:
        """Run ffmpeg to its end; return the picture and what it complained of."""
        wide, high = self._settings.width, self._settings.height
        smaller = f"scale='min({wide},iw)':'min({high},ih)':force_original_aspect_ratio=decrease"
        try:
            running = await asyncio.create_subprocess_exec(
                *(self._program, "-hide_banner", "-nostdin", "-loglevel", "error", *way),
                *("-vf", f"select='gte(n,{WARM_UP})',{smaller}", "-frames:v", "1"),
                *("-f", "image2pipe", "-c:v", "mjpeg", "-q:v", "4", "-"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise PictureError("failed", f"{self._program}: {error.strerror}") from error
        try:
            data, said = await running.communicate()
        finally:
            if running.returncode is None:  # cancelled, or too late
                running.kill()
                await running.wait()
        return data, said.decode(errors="replace")

    def _image(self, data: bytes) -> Image:
        if len(data) > LARGEST:
            problem = f"camera {self._settings.device}: the picture is too large; set a smaller"
            raise PictureError("failed", f"{problem} camera.width and camera.height")
        return Image(data, "image/jpeg")

    def _trouble(self, reason: str) -> PictureError:
        return PictureError(reason, f"camera {self._settings.device}: {_ADVICE[reason]}")


def why(complaint: str) -> str:
    """Return the reason (see ``PictureError``) that ffmpeg's complaint gives."""
    for reason, pattern in _REASONS:
        if re.search(pattern, complaint, re.IGNORECASE):
            return reason
    return "failed"
