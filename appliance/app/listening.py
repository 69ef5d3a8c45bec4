"""A short listen to the sound card, for ``doctor``: what it gives, how loud, what was lost."""

import asyncio
from dataclasses import dataclass

import numpy as np

from appliance.app.live import wish
from appliance.audio.capture import Capture
from appliance.audio.card import CardFormat, Exchange
from appliance.audio.counters import CardCounters
from appliance.audio.playback import Playback
from appliance.audio.pyaudio_card import PyAudioCard
from appliance.config import Config
from appliance.units import Seconds

FULL_SCALE = 32_768
CLIPPED = 32_700


@dataclass(frozen=True, slots=True)
class Levels:
    """What was heard in a second or two."""

    form: CardFormat | None
    """How the card was open; ``None``: it could not be opened."""

    reason: str
    """What was chosen and why, or why it could not be opened."""

    seconds: Seconds
    rms_db: tuple[float, ...] = ()
    """Loudness of each channel relative to full scale."""

    clipped: float = 0.0
    """Share of samples at the end of the scale."""

    counters: CardCounters | None = None


async def listen_to_card(config: Config, length: Seconds) -> Levels:
    """Open the configured card and listen; plays nothing."""
    loop = asyncio.get_running_loop()
    counters = CardCounters()
    capture = Capture(counters)
    playback = Playback(lambda _: None, counters)
    told: asyncio.Future[str] = loop.create_future()

    def tell(words: str) -> None:
        if not told.done():
            told.set_result(words)

    exchange = Exchange(capture, playback, counters)
    card = PyAudioCard(wish(config), exchange, on_lost=tell, on_found=tell)
    card.start()
    reason, form = "the sound system does not answer", None
    async with asyncio.TaskGroup() as group:
        reader = asyncio.to_thread(lambda: [frame.samples for frame in capture.frames()])
        reading = group.create_task(reader, name="listen")
        try:
            async with asyncio.timeout(10.0):
                reason = await told
            form = card.form
            await asyncio.sleep(length if form is not None else 0.0)
        except TimeoutError:
            pass
        finally:
            await asyncio.to_thread(card.close)
            capture.close()
    heard = reading.result()
    if not heard:
        return Levels(form, reason, Seconds(0.0), counters=counters)
    sound = np.concatenate(heard).astype(np.float64)
    power = np.sqrt(np.mean(sound**2, axis=0)) / FULL_SCALE
    rms = tuple(float(20 * np.log10(max(value, 1e-6))) for value in power)
    clipped = float(np.mean(np.abs(sound) >= CLIPPED))
    return Levels(form, reason, Seconds(len(sound) / 16_000), rms, clipped, counters)
