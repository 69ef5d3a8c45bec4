"""The audio front end of one box: the chain behind its card, and the debug recorder around it."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import asdict
from functools import partial

from appliance.app.recording_room import Recorded, make_recorder
from appliance.audio.card import Exchange
from appliance.audio.recorder import Recorder
from appliance.board import xvf3800
from appliance.config import Config
from appliance.enhance.array.geometry import Array, choose
from appliance.enhance.chain import Chain
from appliance.errors import DeviceError
from appliance.ports import Enhancer
from appliance.units import Seconds

log = logging.getLogger(__name__)

ASK_BOARD = Seconds(5.0)
"""Between two questions to a board that cancels the echo itself, until it says that it does."""


class FrontEnd:
    """What makes taps of a card's frames; made on the event loop, used by the hearing thread.

    Args:
        config: The settings.
        exchange: Of the card, for its name and counters.
        private: Whether nothing may be recorded now; hearing thread.
    """

    def __init__(self, config: Config, exchange: Exchange, *, private: Callable[[], bool]) -> None:
        self._board_converged = True  # until a board that can be asked is found
        self.chain = Chain(
            partial(_array, config, exchange),
            config.echo,
            channel=config.audio.microphone_channel,
            board=lambda: self._board_converged,
        )
        self._recorder: Recorder | None = make_recorder(
            config, exchange.counters, lambda: asdict(self.chain.report())
        )
        self.enhancer: Enhancer = self.chain
        if self._recorder is not None:
            self.enhancer = Recorded(self.chain, self._recorder, private=private)

    def start(self) -> None:
        """Begin to record, where that is wanted; before the first frame."""
        if self._recorder is not None:
            self._recorder.start()

    def close(self) -> None:
        """End the recording; waits for its file; idempotent."""
        if self._recorder is not None:
            self._recorder.close()

    async def watch_board(self) -> None:
        """Ask a board that cancels the echo itself until it says that it has converged."""
        node = await asyncio.to_thread(xvf3800.find)
        self._board_converged = node is None
        while node is not None and not self._board_converged:
            try:
                self._board_converged = await asyncio.to_thread(xvf3800.converged, node)
            except DeviceError as error:
                log.warning(
                    "%s; its echo canceller is believed", error, extra={"code": error.code}
                )
                self._board_converged = True
            else:
                await asyncio.sleep(ASK_BOARD)


def _array(config: Config, exchange: Exchange, channels: int) -> Array:
    array = choose(config.audio.array, exchange.input_name, channels)
    log.info("microphones: %s (%s)", array.title, array.why)
    return array
