"""A backend of one's own: it says back what it hears (docs/backends/own.md)."""

import asyncio
from collections.abc import AsyncIterator

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appliance.backend.context import Handover
from appliance.backend.kinds.seam import Facts, Means
from appliance.config import Config
from appliance.errors import BackendError, BackendRefused, BackendUnavailable
from appliance.events import BackendEvent, ReplyAudio, ReplyEnded, ReplyStarted, ReplyText
from appliance.frames import Frame
from appliance.ports import Enclosure, ToolResult
from appliance.units import CallId, ResponseId, SampleRate, Seconds, TurnNumber

RATE = SampleRate(16_000)
"""Of the frames that a backend is given; a reply may have another one."""


class Settings(BaseModel):
    """``[extension.parrot]`` of the configuration; what is written there we check ourselves."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repeats: int = Field(default=1, ge=1, le=3)
    """How often it says what it heard."""


class Parrot:
    """One session (``appliance.ports.Backend``); nothing leaves the box."""

    ends_turns = False

    def __init__(self, repeats: int) -> None:
        self._repeats = repeats
        self._heard: list[bytes] = []
        self._events: asyncio.Queue[BackendEvent | BackendError] = asyncio.Queue()

    async def events(self) -> AsyncIterator[BackendEvent]:
        """Yield what happens; a real one connects here, not before."""
        while True:
            event = await self._events.get()
            if isinstance(event, BackendError):
                raise event  # never end without a word
            yield event

    async def send_audio(self, frame: Frame) -> None:
        """Keep what the user says."""
        self._heard.append(frame.samples.tobytes())

    async def enclose(self, enclosure: Enclosure) -> None:
        """Take no pictures and no text."""
        del enclosure
        raise BackendError("a parrot cannot read")

    async def expect_end(self) -> None:
        """Prepare nothing."""

    async def commit_turn(self, turn: TurnNumber, *, as_expected: bool = False) -> None:
        """Answer the turn: every one has a reply, and every reply an end."""
        del as_expected
        pcm, self._heard = b"".join(self._heard), []
        response = ResponseId(f"parrot-{turn}")
        self._events.put_nowait(ReplyStarted(response, turn))
        self._events.put_nowait(ReplyText(response, "…"))
        for _ in range(self._repeats):
            self._events.put_nowait(ReplyAudio(response, pcm, RATE))
        self._events.put_nowait(ReplyEnded(response))

    async def clear_turn(self) -> None:
        """Forget what was heard."""
        self._heard.clear()

    async def cancel_reply(self, response: ResponseId, *, heard: Seconds) -> None:
        """There is nothing to stop: a reply is told at once."""

    async def answer_call(self, call: CallId, result: ToolResult) -> None:
        """It calls no tools."""

    async def take_reply(self, turn: TurnNumber) -> None:
        """It offers nothing."""

    async def close(self) -> None:
        """End the session."""
        self._events.put_nowait(BackendUnavailable("closed"))


class ParrotKind:
    """What the entry point names (``appliance.backend.kinds.seam.Kind``)."""

    def facts(self, config: Config) -> Facts:
        """Describe it with these settings."""
        try:
            _settings(config)
        except ValidationError as error:
            missing = tuple(
                f"extension.parrot.{'.'.join(map(str, each['loc']))}: {each['msg']}"
                for each in error.errors()
            )
        else:
            missing = ()
        return Facts(title="a parrot", cloud=False, missing=missing, usd_minute=0.0)

    def open(self, means: Means, handover: Handover) -> Parrot:
        """Make a session; it is told what was said before, which a parrot does not need."""
        del handover
        return Parrot(_settings(means.config).repeats)

    async def probe(self, means: Means) -> str:
        """Say that there is nothing to reach; a real one connects, or raises."""
        if self.facts(means.config).missing:
            raise BackendRefused("settings", "look at [extension.parrot]")
        return "it sits on its perch"


def _settings(config: Config) -> Settings:
    return Settings.model_validate(config.extension.get("parrot", {}))


KIND = ParrotKind()
