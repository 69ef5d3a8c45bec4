"""Real speech, streamed to a server whose recogniser is a real model.

The server speaks Deepgram's protocol, or Cartesia's; what it hears is written down by Moonshine.
Sound that is late, lost, doubled or of another rate would not be the right words.
"""

import asyncio
import re

import pytest
from pydantic import SecretStr

from appliance.backend.local.stt import Transcriber
from appliance.backend.local.trim import trim
from appliance.backend.pipeline.parts import SpeechToText
from appliance.backend.stt import cartesia, deepgram
from appliance.config import Config
from appliance.frames import RATE
from tests.models import model_folder
from tests.recordings import quiet, recording
from tests.stt_servers import KEY, Sound, SttServer, Ways, frames, serving
from tests.virtual_time import run_virtual


@pytest.fixture(scope="module")
def base() -> Transcriber:
    return Transcriber(model_folder("moonshine-base"))


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def made(server: SttServer, vendor: str) -> SpeechToText:
    config = Config.model_validate({
        "pipeline": {"stt": {"vendor": vendor, "url": server.url}},
        "keys": {"stt": SecretStr(KEY)},
    })  # fmt: skip
    module = cartesia if vendor == "cartesia" else deepgram
    service: SpeechToText = module.speech_to_text(config)
    return service


async def order(service: SpeechToText, *names: str) -> str:
    """Say one thing after the other in one turn, as the box hears it."""
    turn = service.listen()

    async def hear(sound: Sound) -> None:
        for frame in frames(sound):
            await turn.hear(frame)
            await asyncio.sleep(len(frame.samples) / RATE)

    for name in names:
        await hear(recording(name))
        turn.expect_end()
        await hear(quiet(0.7))
    return await turn.finish(as_expected=True)


@pytest.mark.parametrize("vendor", ["deepgram", "cartesia"])
def test_what_people_say_arrives_as_they_say_it(base: Transcriber, vendor: str) -> None:
    async def scene() -> tuple[str, str]:
        ways = Ways(recogniser=lambda sound: base.transcribe(trim(sound)), window_s=60.0)
        async with serving(ways) as server:
            service = made(server, vendor)
            try:
                first = await order(service, "order_latte")
                return first, await order(service, "order_mocha", "order_latte")
            finally:
                await service.close()

    def directly(name: str) -> list[str]:
        return words(base.transcribe(trim(recording(name))))

    latte, mocha = directly("order_latte"), directly("order_mocha")
    first, second = run_virtual(scene())
    assert "latte" in latte
    assert "mocha" in mocha
    assert words(first) == latte
    assert words(second) == mocha + latte
