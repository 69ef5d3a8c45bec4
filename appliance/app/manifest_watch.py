"""Notices that manifests have changed, and reads them anew."""

import asyncio
import logging
from collections.abc import Callable

from appliance.app.folder_watch import changes
from appliance.app.manifest_folders import Found, manifest_folders, read_manifests
from appliance.config import Loaded
from appliance.units import Seconds

log = logging.getLogger(__name__)

LOOK_EVERY = Seconds(2.0)
"""Between two looks: an editor's file is there before one has said the sentence."""


async def watch_manifests(
    loaded: Loaded, take: Callable[[Found], None], *, simulated: bool = False
) -> None:
    """Hand over what the folders hold each time it has changed, until cancelled.

    A file that is wrong is left out and named, as at the start; the others go on.
    """
    folders = await asyncio.to_thread(manifest_folders, loaded, simulated=simulated)
    async for _ in changes(lambda: folders, lambda: LOOK_EVERY):
        log.info("manifests have changed: read anew")
        take(await asyncio.to_thread(read_manifests, loaded, simulated=simulated))
