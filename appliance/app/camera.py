"""The camera that the settings name, if there is one and it can be used."""

import logging

from appliance.board.camera import Camera, find_program
from appliance.config import Config
from appliance.errors import PictureError

log = logging.getLogger(__name__)


def open_camera(config: Config) -> Camera:
    """Return the configured camera; blocks for a moment, and opens nothing yet.

    Raises:
        PictureError: None is configured, or the program that looks is missing.
    """
    if not config.camera.device:
        raise PictureError("missing", "camera.device: no camera is configured")
    return Camera(config.camera, program=find_program())


def camera_for_tools(config: Config) -> Camera | None:
    """Return the camera for the tool that looks; ``None``: there is to be no such tool.

    A camera that is configured but not plugged in is one: it may be, when somebody asks.
    """
    if not config.camera.device:
        return None
    try:
        return open_camera(config)
    except PictureError as error:
        log.warning("%s; nobody can look", error, extra={"code": error.code})
        return None
