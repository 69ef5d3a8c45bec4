"""The gate's memory, its audit log, and confirming from a phone over the broker (docs/gate.md).

Below ``<root>/<id>``: ``confirmation`` (retained while something waits to be confirmed, empty
otherwise), an ``event`` for each thing that becomes of it, and, to us, ``set/confirm``.
"""

import asyncio
import json
import logging
from collections.abc import Callable

from appliance.app.box import Box
from appliance.app.ground import Ground, Part
from appliance.errors import BrokerError
from appliance.host.audit_log import AuditLog
from appliance.host.kept import box_folder
from appliance.host.ledger_file import LedgerFile
from appliance.host.pin_file import PinFile
from appliance.ports import Confirming, Message, Word
from appliance.tools.audit import Record

log = logging.getLogger(__name__)

LONGEST = 1_000
"""Bytes of a message to us."""

MOST_WORDS = 8
"""That wait to be taken; at most one of them can mean anything."""


class GatePart(Part):
    """Gives the gate a memory and the house a say. Event loop only."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._topic = f"{ground.own.root}/confirmation"
        self._words: asyncio.Queue[tuple[str, Word]] = asyncio.Queue(MOST_WORDS)
        self._undo: list[Callable[[], None]] = []
        self._log: AuditLog | None = None
        self._memory: LedgerFile | None = None
        ground.timeline.tell(ground.tools.asker)

    async def prepare(self) -> None:
        """Read how often the PIN was guessed at, and open the audit log."""
        state, guard = self._ground.state, self._ground.tools.guard
        if state is None:  # a command beside the box: it may ask for the PIN, and writes nothing
            guard.equip(pins=PinFile(await asyncio.to_thread(box_folder)))
            return
        self._memory = LedgerFile(state / "gate.json")
        remembered = await asyncio.to_thread(_remembered, self._memory)
        guard.equip(pins=PinFile(state), remembered=remembered, keep=self._memory.keep)
        self._log = AuditLog(state)
        guard.log_to(self._write)

    def serve(self, box: Box, say: Callable[[str], None]) -> None:  # noqa: ARG002 - as every part
        """Let phones see what waits to be confirmed, and confirm it."""
        self._undo.append(self._ground.tools.on_challenge(self._on_challenge))
        if self._ground.config.gate.phone:
            topic = f"{self._ground.own.root}/set/confirm"
            self._undo.append(self._ground.bridge.subscribe(topic, self._on_confirm))
        self._ground.bridge.retain(self._topic, b"")  # what was open in an earlier life is void

    def leave(self) -> None:
        """Take nobody's word from the broker any more."""
        for undo in self._undo:
            undo()
        self._undo.clear()
        self._ground.bridge.retain(self._topic, b"")

    async def run(self) -> None:
        """Carry out what was confirmed from outside, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    challenge, word = await self._words.get()
                    settling = self._ground.tools.settle(challenge, word)
                    group.create_task(settling, name="gate.settle")
        finally:
            await asyncio.to_thread(self._close)

    def _close(self) -> None:
        if self._log is not None:
            self._log.close()
        if self._memory is not None:
            self._memory.close()

    def _write(self, record: Record) -> None:
        if self._log is not None:
            self._log.write(record.as_json())

    def _on_challenge(self, told: Confirming) -> None:
        challenge = told.challenge
        event: dict[str, object] = {"type": "confirmation", "id": challenge.id}
        event["state"] = told.state
        if told.result is not None:
            event["status"] = told.result.status
        if told.state == "opened":
            left = challenge.until - asyncio.get_running_loop().time()
            shown = {
                "id": challenge.id,
                "question": challenge.question,
                "pin": challenge.pin,
                "expires_s": round(max(0.0, left), 1),
            }
            self._ground.bridge.retain(self._topic, _json(shown))
        elif self._ground.tools.open() is None:
            self._ground.bridge.retain(self._topic, b"")
        try:
            self._ground.bridge.publish(self._ground.own.event, _json(event))
        except BrokerError as error:
            log.debug("mqtt: a confirmation was not told: %s", error)

    def _on_confirm(self, message: Message) -> None:
        if message.retained:  # a "yes" that lies about would confirm whatever comes
            log.warning("mqtt: a retained message on set/confirm is ignored")
            return
        found = _answer(message.payload)
        if found is None:
            log.warning("mqtt: set/confirm: this value will not do")
            return
        challenge, yes = found
        waiting = self._ground.tools.open()
        if waiting is not None and waiting.pin and yes:
            log.warning("mqtt: set/confirm: what needs the PIN is not confirmed from outside")
            return
        try:
            self._words.put_nowait((challenge, Word(yes=yes, by="phone")))
        except asyncio.QueueFull:
            log.warning("mqtt: set/confirm: too many at once")


def _remembered(file: LedgerFile) -> object:
    """Read what the gate remembers; what was broken counts as a lockout."""
    found: object = file.read(lambda document: document)
    return "broken" if found is None and file.broken.exists() else found


def _answer(payload: bytes) -> tuple[str, bool] | None:
    """Return a challenge's id and whether it is confirmed; ``None``: it says neither."""
    if len(payload) > LONGEST:
        return None
    try:
        match json.loads(payload):
            case {"id": str(challenge), "answer": "yes" | "no" as answer}:
                return challenge, answer == "yes"
            case _:
                return None
    except (ValueError, RecursionError):
        return None


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
