"""A part that cannot be made: the session says why, as soon as its events are iterated."""

from collections.abc import AsyncIterator, Sequence

from appliance.backend.pipeline.parts import Recognition, Talk, Thought, Trio
from appliance.catalogue import ToolSpec
from appliance.errors import BackendError
from appliance.events import Usage
from appliance.units import SampleRate


class Unfit:
    """Takes the place of every part; ``Prepares`` is where it fails.

    Args:
        error: Why there is no other.
    """

    title = "nothing"
    sees = False
    rate = SampleRate(16_000)

    def __init__(self, error: BackendError) -> None:
        self._error = error

    async def prepare(self) -> None:
        """Say why.

        Raises:
            BackendError: Always.
        """
        raise self._error

    def listen(self) -> Recognition:
        """Fail.

        Raises:
            BackendError: Always.
        """
        raise self._error

    def think(
        self,
        talk: Talk,  # noqa: ARG002 - as every mind
        tools: Sequence[ToolSpec],  # noqa: ARG002 - as every mind
    ) -> AsyncIterator[Thought]:
        """Fail.

        Raises:
            BackendError: Always.
        """
        raise self._error

    def speak(
        self,
        sentences: AsyncIterator[str],  # noqa: ARG002 - as every voice
    ) -> AsyncIterator[bytes | Usage]:
        """Fail.

        Raises:
            BackendError: Always.
        """
        raise self._error

    async def close(self) -> None:
        """There is nothing to close."""


def unfit(error: BackendError) -> Trio:
    """Return three parts that cannot be used."""
    part = Unfit(error)
    return Trio(part, part, part)
