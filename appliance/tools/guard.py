"""Stands at the gate: brings ``appliance.tools.gate`` its time, its people and its memory.

A call that passes is carried out; one that a person must confirm becomes a challenge, and is
carried out, or not, when somebody has said something to it. Either way there is one answer, and a
line in the audit log.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from appliance.catalogue import Risk
from appliance.config.house import Gate
from appliance.ports import Challenge, Confirming, ToolResult, Word
from appliance.tools import audit
from appliance.tools.audit import Record
from appliance.tools.case import Case, Pins, Waiting, Work, is_text
from appliance.tools.gate import machine, pin
from appliance.tools.gate.machine import Asked, Check, Limits, Open, Passed, Refused, Wanted
from appliance.tools.gate.risk import Judgement, highest, judge
from appliance.tools.plan import Act, Sent
from appliance.tools.wording import Wording
from appliance.units import Seconds

log = logging.getLogger(__name__)


class Guard:
    """Implements ``ports.Confirmations``. Event loop only.

    Args:
        settings: The owner's.
        wording: The phrases of the language.
        strangers: Text of strangers can enter the conversation without our seeing it.
        clock: The wall-clock time, for the audit log.
    """

    def __init__(
        self,
        settings: Gate,
        wording: Wording,
        *,
        strangers: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self._settings = settings
        self._wording = wording
        self._strangers = strangers
        self._clock = clock
        self._limits = Limits(
            challenge=Seconds(settings.challenge_s),
            grace=Seconds(settings.grace_s),
            taint=Seconds(settings.taint_s),
            tries=settings.tries,
            lockout=Seconds(settings.lockout_s),
            most_calls=settings.most_calls,
            most_guarded=settings.most_guarded,
        )
        self._state = machine.State()
        self._waiting: Waiting | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._watchers: list[Callable[[Confirming], None]] = []
        self._pins: Pins | None = None
        self._keep: Callable[[Mapping[str, object]], None] = lambda _: None
        self._write: Callable[[Record], None] = lambda _: None

    def equip(
        self,
        *,
        pins: Pins,
        remembered: object = None,
        keep: Callable[[Mapping[str, object]], None] | None = None,
    ) -> None:
        """Take PINs from now on.

        Args:
            pins: Where the PIN's hash is; read at each use, on another thread.
            remembered: What ``keep`` was given last, in an earlier life; ``None``: nothing.
            keep: Remembers JSON data, soon; must not block.
        """
        self._pins = pins
        self._state = machine.restored(remembered, self._limits, _now())
        if keep is not None:
            self._keep = keep

    def log_to(self, write: Callable[[Record], None]) -> None:
        """Have every decision given to ``write``, which must neither block nor raise."""
        self._write = write

    # -------------------------------------------------------------------------------- calls

    def admit(self) -> bool:
        """Count a call; ``False``: there were too many, and it must be refused."""
        self._state, admitted = machine.admit(self._state, self._limits, self._tick())
        return admitted

    def taint(self) -> None:
        """Take note that text of strangers has entered the conversation."""
        self._state = machine.taint(self._state, self._limits, self._tick())

    def refuse(self, work: Work, reason: str, *problems: str) -> ToolResult:
        """Return the answer to a call that is not carried out, and log it."""
        return self._refused(Case(_id(), work, Judgement(Risk.FREE)), reason, *problems)

    def leave(self, work: Work, reason: str | None) -> ToolResult:
        """Return the answer to a remote tool that asks for leave, and log it.

        Args:
            work: The call; its plan is never run.
            reason: Why there is none, as a key of the phrases; ``None``: there is.
        """
        log.info("remote tool %.80r: %s", work.tool, reason or "allowed")  # a name of others
        if reason is not None:
            return self.refuse(work, reason, f"{work.tool:.200} may not be called")
        self.taint()  # what it returns is read by the model, not by us
        result = ToolResult("done")
        self._log(Case(_id(), work, Judgement(Risk.FREE)), "leave", result)
        return result

    async def carry_out(self, work: Work) -> ToolResult:
        """Carry a call out, or ask for it, or refuse it. Raises only when cancelled."""
        judgement = judge(work.tool, work.plan.acts, self._settings.rules)
        case = Case(_id(), work, judgement)
        if self._strangers:
            self.taint()
        pins = await self._read_pins() if judgement.risk is Risk.PIN else None
        wanted = Wanted(_id(), judgement.risk, judgement.keys, lowered=judgement.lowered)
        self._state, verdict = machine.judge(
            self._state, self._limits, wanted, self._tick(), has_pin=pins is not None
        )
        match verdict:
            case Passed(why):
                return await self._do(case, why)
            case Asked(opened):
                challenge = self._open(case, opened, pins)
                result = self._asked(challenge)
                self._log(case, "asked", result)
                self._tell(Confirming(challenge, "opened"))
                return result
            case Refused(why):
                return self._refused(case, why, f"{work.tool} is of risk {judgement.risk.value}")

    def weighed(self, tool: str, acts: Iterable[Act]) -> tuple[Act, ...]:
        """Return acts as risky as they are now, by their kind and by the owner's rules."""
        judged = judge(tool, acts, self._settings.rules).acts
        return tuple(replace(act, at_least=highest((act.at_least, risk))) for act, risk in judged)

    async def carry_out_approved(self, work: Work) -> ToolResult:
        """Carry out what has passed the gate before, when it was asked for; log it."""
        judgement = judge(work.tool, work.plan.acts, self._settings.rules)
        case = Case(_id(), work, judgement)
        if judgement.risk is Risk.NEVER:
            return self._refused(case, "never")
        return await self._do(case, "approved before")

    async def _do(self, case: Case, decision: str) -> ToolResult:
        """Carry out what has passed; whatever becomes of it, it is answered and logged."""
        plan, began = case.work.plan, _now()
        result = ToolResult("failed", self._wording.answers["failed"])
        with audit.collecting() as sent:
            try:
                async with asyncio.timeout(plan.patience):
                    result = await plan.run()
            except Exception as error:  # noqa: BLE001 - the caller is owed an answer
                # the message may quote what was said
                log.warning("tool %s failed: %s", case.work.tool, type(error).__name__)
            finally:
                if (
                    plan.untrusted
                    or result.image is not None
                    or is_text(result.data.get("reported"))
                ):
                    self.taint()
                self._log(case, decision, result, tuple(sent), Seconds(_now() - began))
        return result

    # --------------------------------------------------------------------------- challenges

    def open(self) -> Challenge | None:
        """Return the challenge that waits for a person now; see ``ports.Confirmations``."""
        self._tick()
        if self._waiting is None or self._state.open is None or self._state.open.checking:
            return None
        return self._waiting.challenge

    def on_challenge(self, tell: Callable[[Confirming], None]) -> Callable[[], None]:
        """Have ``tell`` called for what becomes of challenges; see ``ports.Confirmations``."""
        self._watchers.append(tell)
        return lambda: self._watchers.remove(tell)

    async def settle(self, challenge: str, word: Word) -> ToolResult:
        """Take a person's word; see ``ports.Confirmations``."""
        now = self._tick()
        waiting = self._waiting
        if waiting is None or waiting.challenge.id != challenge or not self._may_say(word):
            return self._answer("rejected", "over")
        self._state, verdict = machine.answer(
            self._state, self._limits, challenge, now, yes=word.yes, has_pin=word.pin is not None
        )
        match verdict:
            case Passed(why):
                self._close()
                self._tell(Confirming(waiting.challenge, "answered"))
                return await self._finish(waiting, f"{why} by {word.by:.16}")
            case Asked():
                return self._asked(waiting.challenge)
            case Check():
                return await self._check(waiting, word)
            case Refused("over"):  # a PIN is being checked just now
                return self._answer("rejected", "over")
            case Refused(why):
                self._close()
                return self._settled(waiting, self._refused(waiting.case, why))

    def _may_say(self, word: Word) -> bool:
        allowed = {"button": self._settings.button, "phone": self._settings.phone}
        return allowed.get(word.by, True)

    async def _check(self, waiting: Waiting, word: Word) -> ToolResult:
        """See whether a PIN is right; the try is counted already, and remembered."""
        self._arm()  # the check has its own time
        self._remember()
        self._tell(Confirming(waiting.challenge, "answered"))
        right = await asyncio.to_thread(pin.same, word.pin or "", waiting.pins or "")
        now = self._tick()
        self._state, verdict = machine.checked(
            self._state, self._limits, waiting.challenge.id, now, right=right, next_id=_id()
        )
        self._remember()
        match verdict:
            case Passed(why):
                self._close()
                return await self._finish(waiting, f"{why} by {word.by:.16}")
            case Asked(opened):
                challenge = self._open(waiting.case, opened, waiting.pins, again=True)
                result = self._asked(challenge)
                self._log(waiting.case, "wrong_pin", result)
                self._settled(waiting, result)
                self._tell(Confirming(challenge, "opened"))
                return result
            case Refused("over"):  # the check took too long, and that has been told
                return self._answer("rejected", "pin_unchecked")
            case Refused(why):
                self._close()
                return self._settled(waiting, self._refused(waiting.case, why))

    async def _finish(self, waiting: Waiting, decision: str) -> ToolResult:
        result = ToolResult("failed", self._wording.answers["failed"])
        try:
            result = await self._do(waiting.case, decision)
        finally:
            self._settled(waiting, result)
        return result

    def _settled(self, waiting: Waiting, result: ToolResult) -> ToolResult:
        self._tell(Confirming(waiting.challenge, "settled", result))
        return result

    def _open(
        self, case: Case, opened: Open, pins: str | None, *, again: bool = False
    ) -> Challenge:
        question = case.question(self._wording, opened, again=again)
        challenge = Challenge(opened.wanted.id, question, opened.pin, opened.until)
        self._waiting = Waiting(case, challenge, pins)
        self._arm()
        return challenge

    def _close(self) -> None:
        """Wait for nobody any more: a word was taken."""
        self._waiting = None
        self._arm()

    def _asked(self, challenge: Challenge) -> ToolResult:
        note = self._wording.text("gate", "model")
        return ToolResult("asked", data={"note": note}, challenge=challenge)

    def _tick(self) -> Seconds:
        """Let time pass: answer for the challenge that nobody answered; return the time."""
        now = _now()
        self._state, over = machine.expire(self._state, now)
        waiting = self._waiting
        if over is not None and waiting is not None:
            self._close()
            result = self._refused(waiting.case, "expired")
            self._tell(Confirming(waiting.challenge, "expired", result))
        return now

    def _arm(self) -> None:
        """Be there when the open challenge's time is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting is not None and self._state.open is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(self._state.open.until, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._tick()
        self._arm()  # it may have come a moment early

    # -------------------------------------------------------------------------------- words

    def _refused(self, case: Case, reason: str, *problems: str) -> ToolResult:
        log.info("tool call rejected: %s", reason)
        result = self._answer("rejected", reason, *problems)
        self._log(case, reason, result)
        return result

    def _answer(self, status: str, reason: str, *problems: str) -> ToolResult:
        data = {"problem": "; ".join(problems) or reason}
        return ToolResult(status, self._wording.answers[reason], data)

    def _tell(self, told: Confirming) -> None:
        for watcher in tuple(self._watchers):
            try:
                watcher(told)
            except Exception:  # one that fails must not keep the others from it, nor a call
                log.exception("a watcher of challenges failed")

    def _log(
        self,
        case: Case,
        decision: str,
        result: ToolResult,
        sent: tuple[Sent, ...] = (),
        took: Seconds = Seconds(0.0),
    ) -> None:
        if decision != "free" or case.judgement.acts:  # else it only told something
            self._write(case.record(self._clock(), decision, result, sent, took))

    def _remember(self) -> None:
        self._keep(machine.saved(self._state))

    async def _read_pins(self) -> str | None:
        if self._pins is None:
            return None
        try:
            return await asyncio.to_thread(self._pins.read)
        except (OSError, ValueError) as error:
            log.warning("the PIN cannot be read: %s", error)
            return None


def _now() -> Seconds:
    return Seconds(asyncio.get_running_loop().time())


def _id() -> str:
    return secrets.token_hex(8)
