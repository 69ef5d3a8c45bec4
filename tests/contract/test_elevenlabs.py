"""The vendor's own client (elevenlabs 2.78.0) against our scripted agent.

It takes the server for the service: so what the server does is not only what we believe.
"""

import asyncio
import warnings
from collections.abc import Callable

from elevenlabs.client import AsyncElevenLabs

from tests.elevenlabs_server import AGENT, KEY, resampled, serving_agent
from tests.realtime_client import whistle
from tests.realtime_server import Call, Reply, Script
from tests.realtime_server.plan import tone

with warnings.catch_warnings():  # it names a class that websockets will drop
    warnings.simplefilter("ignore", DeprecationWarning)
    from elevenlabs.conversational_ai.conversation import (
        AsyncAudioInterface,
        AsyncConversation,
        ClientTools,
        ConversationInitiationData,
    )


class Room(AsyncAudioInterface):
    """Speaks once, then is silent; waits until it has heard so much."""

    def __init__(self, group: asyncio.TaskGroup, wanted: int) -> None:
        self.heard = bytearray()
        self.full = asyncio.Event()
        self._group = group
        self._wanted = wanted

    async def start(self, input_callback: Callable[[bytes], object]) -> None:
        """Speak."""

        async def speak() -> None:
            said = whistle(0.5).astype("<i2").tobytes() + bytes(32_000)
            for begin in range(0, len(said), 8_000):
                await input_callback(said[begin : begin + 8_000])  # type: ignore[misc]

        self._group.create_task(speak())

    async def stop(self) -> None:
        """Be still."""

    async def output(self, audio: bytes) -> None:
        """Hear."""
        self.heard += audio
        if len(self.heard) >= self._wanted:
            self.full.set()

    async def interrupt(self) -> None:
        """Nobody interrupts."""
        raise AssertionError


async def test_the_vendors_own_client_takes_our_server_for_the_service() -> None:
    sound = tone(0.4)
    script = Script(
        replies=[
            Reply("", calls=(Call("set_light", '{"state": "on"}'),)),
            Reply("On.", pcm=sound),
        ],
        heard=["light on"],
    )
    said: list[str] = []

    async def on_reply(text: str) -> None:
        said.append(text)

    async def on_transcript(text: str) -> None:
        said.append(text)

    async def set_light(parameters: dict[str, str]) -> str:
        return f"{parameters['state']} it is"

    base = "http://127.0.0.1:{}"
    wanted = resampled(sound, 16_000)
    async with serving_agent(script) as server, asyncio.TaskGroup() as group:
        room, tools = Room(group, len(wanted)), ClientTools(loop=asyncio.get_running_loop())
        tools.register("set_light", set_light, is_async=True)
        talk = AsyncConversation(
            AsyncElevenLabs(api_key=KEY, base_url=base.format(server.port)),  # type: ignore[arg-type]
            AGENT,
            requires_auth=False,
            audio_interface=room,
            client_tools=tools,
            config=ConversationInitiationData(dynamic_variables={"box_name": "box"}),
            callback_agent_response=on_reply,
            callback_user_transcript=on_transcript,
        )
        server.open_to_all = True
        await talk.start_session()  # type: ignore[no-untyped-call]
        async with asyncio.timeout(20.0):
            await room.full.wait()
        await talk.end_session()  # type: ignore[no-untyped-call]
        assert [each["result"] for each in server.session.results] == ["on it is"]
    assert said == ["light on", "On."]
    assert bytes(room.heard) == wanted
