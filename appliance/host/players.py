"""Other players on the sound server, made softer for a while: PulseAudio's protocol.

PipeWire speaks it, too (``pipewire-pulse``). What is to be done is decided in ``softening``; here
it is carried out, on a thread of its own, because the library waits for its answers. Without a
server, or without the library, nothing happens.

What players are owed lies in a small file meanwhile: whoever ends while they are soft, we, they or
the server, they get their volume back when all are there again.
"""

import json
import logging
import os
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from appliance.host.flushed import replace_document
from appliance.host.softening import STEPS, Change, Owed, Softening, Stream
from appliance.units import Seconds

try:
    import pulsectl
except (ImportError, OSError):  # it loads libpulse, which not every machine has
    pulsectl = None

log = logging.getLogger(__name__)

RAMP = Seconds(0.2)
"""From loud to soft: quick enough not to be spoken over, slow enough not to be a click."""

WATCH = Seconds(0.1)
"""Between two looks while players are soft: who begins meanwhile is loud for so long at most."""

SLOW = Seconds(1.0)
"""Between two looks for a player that is still owed its volume, and two calls for a server."""

AWAY = Seconds(30.0)
"""Between two calls for a server that is wanted for nothing but old debts."""

ENDING = Seconds(1.0)
"""So long the end may take; a server that hangs is left alone."""

LEFT_ALONE = frozenset({"a11y", "phone", "production", "test"})
"""Roles of streams (PulseAudio's ``media.role``) that nobody wants softer: a screen reader, a
call, work on sound, a measurement."""

_Order = Literal["soft", "loud", "end"]


class Players:
    """Makes other players softer, and gives them back what they had.

    ``soften`` and ``restore`` return at once, from any thread.

    Args:
        memory: The file of what players are owed; its folder is made when it is needed.
        by_db: By how much they are made softer; more than 0.
        server: The server's address; ``None``: the user's.
    """

    def __init__(self, memory: Path, *, by_db: float, server: str | None = None) -> None:
        self._memory = memory
        self._by_db = by_db
        self._server = server
        self._orders: queue.SimpleQueue[_Order] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="players", daemon=True)

    def start(self) -> None:
        """Begin: give back what is owed from before, and wait for orders."""
        if pulsectl is None:
            log.info("players: no libpulse, so other players stay as loud as they are")
            return
        self._thread.start()

    def soften(self) -> None:
        """Make them softer, and whoever begins to play meanwhile."""
        self._order("soft")

    def restore(self) -> None:
        """Give them back what they had."""
        self._order("loud")

    def close(self) -> None:
        """Give back what they had without a ramp, and end; blocks for a moment; idempotent."""
        self._order("end")
        if self._thread.ident is not None:
            self._thread.join(ENDING)

    def _order(self, order: _Order) -> None:
        if self._thread.is_alive():  # otherwise nobody takes it
            self._orders.put(order)

    def _run(self) -> None:
        softening = Softening(self._by_db, _read(self._memory))
        link = _Link(self._server)
        ledger = _Ledger(self._memory, softening)
        try:
            while self._take_orders(softening, self._patience(softening, link)):
                if softening.wanted or softening.owed or softening.moving:
                    link.turn(softening, ledger)
                else:
                    link.close()
            softening.hurry()
            if softening.owed and link.open:
                link.turn(softening, ledger)
        finally:
            link.close()

    def _patience(self, softening: Softening, link: "_Link") -> Seconds | None:
        if softening.wanted or softening.moving:
            if not link.open:
                return SLOW
            return Seconds(RAMP / STEPS) if softening.moving else WATCH
        if softening.owed:
            return SLOW if link.open or not link.tried else AWAY
        return None

    def _take_orders(self, softening: Softening, patience: Seconds | None) -> bool:
        """Wait for an order, not longer than asked; return whether to go on."""
        try:
            order = self._orders.get(timeout=patience)
            while True:
                if order == "end":
                    return False
                softening.wanted = order == "soft"
                order = self._orders.get_nowait()
        except queue.Empty:
            return True


class _Ledger:
    """The file of what players are owed."""

    def __init__(self, path: Path, softening: Softening) -> None:
        self._path = path
        self._softening = softening
        self._written = dict(softening.owed)

    def write(self, *, only_more: bool = False) -> None:
        """Write what is owed now, if it is news; ``only_more``: if somebody is owed more."""
        owed = self._softening.owed
        if owed == self._written or (only_more and owed.items() <= self._written.items()):
            return
        self._written = dict(owed)
        try:
            if owed:
                replace_document(self._path, _document(owed))
            else:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s cannot be written: %s", self._path, error)


class _Link:
    """The connection to the sound server; players' thread only."""

    def __init__(self, server: str | None) -> None:
        self._server = server
        self._pulse: pulsectl.Pulse | None = None
        self._process = str(os.getpid())
        self.tried = False
        """Somebody has looked for a server."""

    @property
    def open(self) -> bool:
        """Whether there is one."""
        return self._pulse is not None

    def turn(self, softening: Softening, ledger: _Ledger) -> None:
        """Look at all players once, and set what is to be set."""
        try:
            pulse = self._connected()
            changes = softening.step(list(self._streams(pulse)), Seconds(time.monotonic()))
            ledger.write(only_more=True)  # before it becomes true: we may end at any moment
            for change in changes:
                _set(pulse, change)
            if not pulse.connected:
                raise pulsectl.PulseDisconnected  # noqa: TRY301 - one end for all of them
            ledger.write()
        except (pulsectl.PulseError, pulsectl.PulseDisconnected, ValueError) as error:
            if self.open or not self.tried:
                log.info("players: no sound server (%s); they stay as they are", error)
            self.tried = True
            softening.lose()
            self.close()

    def close(self) -> None:
        """Hang up; idempotent."""
        if self._pulse is not None:
            self._pulse.close()
            self._pulse = None

    def _connected(self) -> "pulsectl.Pulse":
        if self._pulse is None:
            pulse = pulsectl.Pulse("voice-appliance", server=self._server, connect=False)
            try:
                # Without a timeout: with one it always waits that long. libpulse itself gives up
                # on a server that hangs after 30 s.
                pulse.connect(autospawn=False)
            except pulsectl.PulseError:
                pulse.close()
                raise
            self._pulse, self.tried = pulse, True
        return self._pulse

    def _streams(self, pulse: "pulsectl.Pulse") -> Iterator[Stream]:
        """Yield what other programs play.

        What has no program behind it is a part of the server itself, a loopback or a filter, and
        our own sound may go through it.
        """
        for each in pulse.sink_input_list():
            told: Mapping[str, str] = each.proplist
            process = told.get("application.process.id")
            if process in (None, self._process) or "node.link-group" in told:
                continue
            if told.get("media.role") in LEFT_ALONE:
                continue
            owner = told.get("module-stream-restore.id") or told.get("application.name") or "?"
            yield Stream(each.index, owner, tuple(each.volume.values), playing=not each.corked)


def _set(pulse: "pulsectl.Pulse", change: Change) -> None:
    try:
        volumes = pulsectl.PulseVolumeInfo(list(change.volumes))
        pulse.sink_input_volume_set(change.index, volumes)
    except pulsectl.PulseOperationFailed:  # it ended a moment ago, or cannot be set
        log.debug("players: stream %d cannot be set", change.index)


def _document(owed: Mapping[str, tuple[Owed, ...]]) -> dict[str, list[dict[str, object]]]:
    return {
        owner: [{"before": list(one.before), "by_db": one.by_db} for one in each]
        for owner, each in owed.items()
    }


def _read(path: Path) -> dict[str, tuple[Owed, ...]]:
    """Return what the file says; what cannot be read, or is nonsense, counts as nothing."""
    try:
        found = json.loads(path.read_bytes())
        return {
            str(owner): tuple(
                Owed(tuple(float(v) for v in one["before"]), float(one["by_db"])) for one in each
            )
            for owner, each in found.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning("%s cannot be read: %s", path, error)
        return {}
