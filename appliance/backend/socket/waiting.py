"""What was asked of a session that is not ready yet. Pure."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from appliance.backend.socket.rules import Out
from appliance.errors import BackendUnavailable


@dataclass(frozen=True, slots=True)
class _Item:
    command: Callable[[], Out]
    of_turn: bool


class Waiting:
    """Keeps commands in order.

    Args:
        room: Bytes of sound that may wait.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._left = room
        self._items: deque[_Item] = deque()

    def __len__(self) -> int:
        """How many commands wait."""
        return len(self._items)

    def add(self, command: Callable[[], Out], *, of_turn: bool, sound: int = 0) -> None:
        """Append a command.

        Args:
            command: Tells the protocol.
            of_turn: It belongs to the user's turn, and goes with it.
            sound: Bytes of sound in it.

        Raises:
            BackendUnavailable: There is no room for more sound.
        """
        if sound > self._left:
            raise BackendUnavailable("the session is not ready, and no more sound can wait")
        self._left -= sound
        self._items.append(_Item(command, of_turn))

    def drop_turn(self) -> None:
        """Forget what belongs to the user's turn; none of it has left."""
        self._items = deque(item for item in self._items if not item.of_turn)
        self._left = self._room

    def drain(self) -> Iterator[Out]:
        """Carry all of them out, in order."""
        while self._items:
            yield self._items.popleft().command()
        self._left = self._room
