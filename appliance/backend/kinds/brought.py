"""A kind that another package brought: what it raises ends its session, never the box."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from traceback import extract_tb

from appliance.backend.context import Handover
from appliance.backend.kinds.seam import Facts, Kind, Means
from appliance.config import Config
from appliance.errors import BackendError, BackendUnavailable
from appliance.events import BackendEvent
from appliance.frames import Frame
from appliance.ports import Backend, Enclosure, ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber

log = logging.getLogger(__name__)


class BroughtKind:
    """Somebody else's kind.

    Args:
        name: As in ``backend.order``.
        kind: What the package gives.
    """

    def __init__(self, name: str, kind: Kind) -> None:
        self._name = name
        self._kind = kind

    def facts(self, config: Config) -> Facts:
        """Describe it; what cannot be described lacks something, and may not be told secrets."""
        try:
            found: object = self._kind.facts(config)
        except Exception as error:  # noqa: BLE001 - whatever somebody else's package does
            return broken(f"its description fails: {type(error).__name__}")
        return found if isinstance(found, Facts) else broken("its description is none")

    def open(self, means: Means, handover: Handover) -> Backend:
        """Make a session; one that cannot be made fails as one that cannot connect does."""
        try:
            return BroughtSession(self._name, self._kind.open(means, handover))
        except Exception as error:  # noqa: BLE001 - as above
            return BroughtSession(self._name, None, reason=_reason(self._name, error))

    async def probe(self, means: Means) -> str:
        """Try the service.

        Raises:
            BackendError: It will not have us, cannot be reached, or the package is at fault.
        """
        try:
            return str(await self._kind.probe(means))
        except Exception as error:
            raise _error(self._name, error) from error


class BroughtSession:
    """Somebody else's session (``ports.Backend``). Event loop only.

    Args:
        name: Of its backend.
        inner: The session; ``None``: it could not be made.
        reason: Why not.
    """

    def __init__(self, name: str, inner: Backend | None, *, reason: str = "") -> None:
        self._name = name
        self._inner = inner
        self._reason = reason

    @property
    def ends_turns(self) -> bool:
        """Whether it finds the end of the user's turn itself."""
        try:
            return self._inner is not None and bool(self._inner.ends_turns)
        except Exception as error:  # noqa: BLE001 - as above
            _reason(self._name, error)
            return False

    @property
    def ready(self) -> bool:
        """Whether it would serve a turn at once; one that does not say so is believed to."""
        return self._inner is not None and bool(getattr(self._inner, "ready", True))

    async def events(self) -> AsyncIterator[BackendEvent]:
        """Yield what happens."""
        try:
            async for event in self._there().events():
                yield event
        except Exception as error:
            raise _error(self._name, error) from error

    async def send_audio(self, frame: Frame) -> None:
        """Add one frame to the user's turn."""
        await self._do(lambda inner: inner.send_audio(frame))

    async def enclose(self, enclosure: Enclosure) -> None:
        """Add text or a picture to the user's turn."""
        await self._do(lambda inner: inner.enclose(enclosure))

    async def expect_end(self) -> None:
        """Say that the user may have finished."""
        await self._do(lambda inner: inner.expect_end())

    async def commit_turn(self, turn: TurnNumber, *, as_expected: bool = False) -> None:
        """Say that the user has finished."""
        await self._do(lambda inner: inner.commit_turn(turn, as_expected=as_expected))

    async def clear_turn(self) -> None:
        """Forget the audio of a turn that came to nothing."""
        await self._do(lambda inner: inner.clear_turn())

    async def cancel_reply(self, response: ResponseId, *, heard: Seconds) -> None:
        """Stop a reply."""
        await self._do(lambda inner: inner.cancel_reply(response, heard=heard))

    async def answer_call(self, call: CallId, result: ToolResult) -> None:
        """Give a tool's result back."""
        await self._do(lambda inner: inner.answer_call(call, result))

    async def take_reply(self, turn: TurnNumber) -> None:
        """Take what it offered."""
        await self._do(lambda inner: inner.take_reply(turn))

    async def close(self) -> None:
        """End the session."""
        if self._inner is not None:
            await self._do(lambda inner: inner.close())

    def _there(self) -> Backend:
        if self._inner is None:
            raise BackendUnavailable(self._reason)
        return self._inner

    async def _do(self, what: Callable[[Backend], Awaitable[None]]) -> None:
        try:
            await what(self._there())
        except Exception as error:
            raise _error(self._name, error) from error


def broken(why: str) -> Facts:
    """Return the facts of what cannot be used."""
    return Facts(title="", cloud=True, missing=(why,))


def _error(name: str, error: Exception) -> BackendError:
    """Return an error as ours: its kind only, for its text may say anything."""
    return error if isinstance(error, BackendError) else BackendUnavailable(_reason(name, error))


def _reason(name: str, error: Exception) -> str:
    if isinstance(error, BackendError):
        return str(error)
    frames = extract_tb(error.__traceback__)
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "nowhere"
    log.warning("%s fails: %s at %s", name, type(error).__name__, where)
    return f"{name} fails: {type(error).__name__}"
