"""The speech to text of the box as a part of the pipeline. Event loop only."""

import logging
from concurrent.futures import Future
from functools import partial

import numpy as np

from appliance.backend.local.parts import Parts, Sound
from appliance.backend.local.worker import Worker
from appliance.errors import BackendUnavailable, ModelError
from appliance.events import Usage
from appliance.frames import Frame

log = logging.getLogger(__name__)


class LocalRecognition:
    """The sound of one turn; the model takes it as a whole.

    Args:
        parts: Has the model.
        worker: Runs it.
    """

    def __init__(self, parts: Parts, worker: Worker) -> None:
        self._parts = parts
        self._worker = worker
        self._frames: list[Sound] = []
        self._ahead: Future[str] | None = None

    async def hear(self, frame: Frame) -> None:
        """Keep a frame."""
        self._frames.append(frame.samples)

    def expect_end(self) -> None:
        """Begin to write down what was heard.

        The speaker's silence, long enough to be certain, is then spent on what comes after it.
        """
        self._give_up_ahead()
        self._ahead = self._worker.submit(partial(self._parts.write_down, self._sound()))

    async def finish(self, *, as_expected: bool) -> str:
        """Return what was said.

        Raises:
            BackendUnavailable: The session was closed.
            ModelError: The model failed.
        """
        if as_expected and self._ahead is not None:
            try:
                return await self._worker.wait(self._ahead)
            except BackendUnavailable:
                raise
            except Exception as error:  # noqa: BLE001 - then once more, in the usual way
                log.warning("transcription ahead failed: %s", type(error).__name__)
        self._give_up_ahead()
        sound = self._sound()
        if not len(sound):
            return ""
        text, _ = await self._worker.do("transcription", lambda: self._parts.write_down(sound))
        if text is None:
            raise ModelError("the transcription failed")
        return text

    async def drop(self) -> None:
        """Forget it."""
        self._give_up_ahead()
        self._frames.clear()

    @property
    def usage(self) -> Usage | None:
        """It costs nothing."""
        return None

    def _sound(self) -> Sound:
        return np.concatenate(self._frames) if self._frames else np.zeros(0, np.int16)

    def _give_up_ahead(self) -> None:
        if self._ahead is not None:
            self._ahead.cancel()
            self._ahead = None


class LocalStt:
    """Writes down on the box.

    Args:
        parts: Has the model.
        worker: Runs it; closed with this.
    """

    def __init__(self, parts: Parts, worker: Worker) -> None:
        self._parts = parts
        self._worker = worker

    @property
    def title(self) -> str:
        """What it is."""
        return "ears of the box"

    def listen(self) -> LocalRecognition:
        """Begin with a turn."""
        return LocalRecognition(self._parts, self._worker)

    async def close(self) -> None:
        """Take no further step."""
        self._worker.close()
