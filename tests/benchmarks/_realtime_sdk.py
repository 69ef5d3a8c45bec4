"""The vendor's agents SDK as a client, as its documentation uses it; see ``_realtime_clients``."""

import asyncio
from collections.abc import Callable

from agents.realtime.config import RealtimeSessionModelSettings
from agents.realtime.model import RealtimeModelListener
from agents.realtime.model_events import (
    RealtimeModelAudioEvent,
    RealtimeModelEvent,
    RealtimeModelRawServerEvent,
    RealtimeModelTurnEndedEvent,
)
from agents.realtime.model_inputs import RealtimeModelSendAudio, RealtimeModelSendRawMessage
from agents.realtime.openai_realtime import OpenAIRealtimeWebSocketModel

SETTINGS: RealtimeSessionModelSettings = {
    "model_name": "gpt-realtime-2.1",
    "modalities": ["audio"],
    "audio": {"input": {"format": "pcm16", "turn_detection": None}},
    "tracing": None,
}


class SdkClient(RealtimeModelListener):
    """Speaks, commits, and hands over what comes; the end of a turn is found by the box.

    Args:
        play: Gets the sound of replies.
    """

    rate = 24_000

    def __init__(self, play: Callable[[bytes], None]) -> None:
        self._play = play
        self._model = OpenAIRealtimeWebSocketModel()
        self._model.add_listener(self)
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()

    async def connect(self, url: str, key: str) -> None:
        """Open the session; ``ready`` is set when the server has taken our settings."""
        await self._model.connect(
            {
                "url": f"{url}?model=gpt-realtime-2.1",
                "api_key": key,
                "initial_model_settings": SETTINGS,
            }
        )

    async def on_event(self, event: RealtimeModelEvent) -> None:
        """Take what the model reports."""
        match event:
            case RealtimeModelAudioEvent(data=data):
                self._play(data)
            case RealtimeModelTurnEndedEvent():
                self.ended.set()
            case RealtimeModelRawServerEvent(data=data):
                if isinstance(data, dict) and data.get("type") == "session.updated":
                    self.ready.set()
            case _:
                pass

    async def send(self, pcm: bytes) -> None:
        """Send 10 ms of sound."""
        await self._model.send_event(RealtimeModelSendAudio(audio=pcm))

    async def commit(self) -> None:
        """End the turn and ask for the reply."""
        self.ended.clear()
        await self._model.send_event(
            RealtimeModelSendRawMessage(message={"type": "input_audio_buffer.commit"})
        )
        await self._model.send_event(
            RealtimeModelSendRawMessage(message={"type": "response.create"})
        )

    async def close(self) -> None:
        """End the session."""
        await self._model.close()
