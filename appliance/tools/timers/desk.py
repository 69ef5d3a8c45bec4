"""Takes orders about timers, from people and programs, and says what came of them."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from appliance.ports import ToolResult
from appliance.tools.timers import clock, machine, wishes
from appliance.tools.timers.keeper import Keeper
from appliance.tools.timers.model import (
    Add,
    Cancel,
    Event,
    Item,
    Kind,
    Pause,
    Phase,
    Resume,
    Snooze,
    Start,
    Stop,
    Wish,
)
from appliance.tools.timers.telling import Teller, today

_SAYS: Mapping[Kind, str] = {
    Kind.TIMER: "set_timer",
    Kind.ALARM: "set_alarm",
    Kind.REMINDER: "remind_me",
    Kind.ACTION: "do_later",
}


class Desk:
    """The counter in front of a keeper. Event loop only.

    Args:
        keeper: Keeps the timers.
        teller: Makes the sentences.
    """

    def __init__(self, keeper: Keeper, teller: Teller) -> None:
        self._keeper = keeper
        self._teller = teller
        self._changes: Mapping[str, Callable[[Mapping[str, object]], ToolResult]] = {
            "cancel": self._cancel,
            "cancel_all": self._cancel_all,
            "stop": self._stop,
            "pause": self._pause,
            "resume": self._resume,
            "add": self._add,
            "take": self._take,
        }

    def start(self, kind: Kind, arguments: Mapping[str, object]) -> ToolResult:
        """Set one; the arguments are those of the tools."""
        try:
            wish = wishes.wish(kind, arguments, self.local())
        except wishes.Unusable as error:
            return self._refused(str(error))
        return self.set(wish)

    def set(self, wish: Wish) -> ToolResult:
        """Set what is wished for."""
        taken = self._keeper.do(Start(wish))
        if taken.problem:
            return self._refused(taken.problem)
        item = taken.happened[-1].item
        now = self._keeper.now()
        left = machine.remaining(item, self._keeper.state, now) or 0.0
        timed = wish.kind in (Kind.REMINDER, Kind.ACTION)
        when = self._teller.set_for(item, today(now)) if timed else self._when(item)
        values = {
            "thing": self._teller.thing(item),
            "duration": self._teller.duration(left),
            "when": when,
            "text": wish.text,
        }
        said = self._teller.say(_SAYS[wish.kind], "say", values)
        return ToolResult("done", said, self._row(item))

    def change(self, arguments: Mapping[str, object]) -> ToolResult:
        """Change one, or several; ``action`` says how."""
        action = str(arguments.get("action"))
        if action == "cancel" and "duration_s" in arguments and self._takes(arguments):
            action = "take"
        return self._changes[action](arguments)

    def snooze(self, arguments: Mapping[str, object]) -> ToolResult:
        """Let what rings ring again later."""
        seconds = arguments.get("duration_s")
        ident = arguments.get("id")
        wanted = float(seconds) if isinstance(seconds, int | float) else None
        taken = self._keeper.do(Snooze(wanted, str(ident) if ident is not None else None))
        if taken.problem:
            return self._refused(taken.problem)
        item = taken.happened[-1].item
        left = machine.remaining(item, self._keeper.state, self._keeper.now()) or 0.0
        said = self._teller.say("snooze", "say", {"duration": self._teller.duration(left)})
        return ToolResult("done", said, self._row(item))

    def stop_ringing(self) -> bool:
        """Silence all that rings; return whether anything did."""
        if not machine.ringing(self._keeper.state):
            return False
        return not self._keeper.do(Stop()).problem

    def tell(self, arguments: Mapping[str, object]) -> ToolResult:
        """Say what is set."""
        state, now = self._keeper.state, self._keeper.now()
        items = wishes.meant(state.items, arguments)
        if not arguments:
            items = state.items
        data = {"timers": [self._row(item) for item in items]}
        if not items:
            return ToolResult("done", self._teller.problem("none"), data)
        if len(items) == 1:
            return ToolResult("done", self._teller.status(items[0], state, now), data)
        listed = self._teller.listed(items, state, now)
        return ToolResult("done", self._teller.say("list_timers", "say", {"things": listed}), data)

    def rows(self, *, speech: bool) -> list[dict[str, object]]:
        """Return everything that is set, as the broker is told.

        Args:
            speech: Whether it is told what the user is to be reminded of.
        """
        items = self._keeper.state.items
        return [self._row(item) | ({} if speech else {"name": item.wish.name}) for item in items]

    def _cancel(self, arguments: Mapping[str, object]) -> ToolResult:
        return self._one("cancel", arguments, lambda item: Cancel(item.id))

    def _cancel_all(self, arguments: Mapping[str, object]) -> ToolResult:
        kind = arguments.get("kind")
        items = [
            item for item in self._keeper.state.items if kind is None or item.wish.kind == kind
        ]
        for item in items:
            self._keeper.do(Cancel(item.id))
        if not items:
            return self._refused("none")
        said = self._teller.say("change_timer", "say_cancel_all", {"count": len(items)})
        return ToolResult("done", said, {"cancelled": len(items)})

    def _stop(self, arguments: Mapping[str, object]) -> ToolResult:
        """Stop what rings; one that does not ring is ended for good."""
        if not arguments.keys() & {"which", "id", "name"} and self.stop_ringing():
            return ToolResult("done", "")
        return self._one(
            "cancel",
            arguments,
            lambda item: (
                Stop(item.id) if item.phase in (Phase.RINGING, Phase.SNOOZED) else Cancel(item.id)
            ),
        )

    def _pause(self, arguments: Mapping[str, object]) -> ToolResult:
        return self._one("pause", self._running(arguments), lambda item: Pause(item.id))

    def _resume(self, arguments: Mapping[str, object]) -> ToolResult:
        paused = [i for i in self._keeper.state.items if i.phase is Phase.PAUSED]
        return self._one("resume", arguments, lambda item: Resume(item.id), among=paused)

    def _add(self, arguments: Mapping[str, object]) -> ToolResult:
        return self._lengthen("add", arguments, +1)

    def _take(self, arguments: Mapping[str, object]) -> ToolResult:
        return self._lengthen("take", arguments, -1)

    def _lengthen(self, action: str, arguments: Mapping[str, object], sign: int) -> ToolResult:
        seconds = arguments.get("duration_s")
        if not isinstance(seconds, int | float):
            return self._refused("length")
        others = {name: value for name, value in arguments.items() if name != "duration_s"}
        kind = {"kind": Kind.TIMER.value} | others
        return self._one(action, kind, lambda item: Add(item.id, sign * float(seconds)))

    def _takes(self, arguments: Mapping[str, object]) -> bool:
        """Tell whether "remove two minutes" can only mean to take them away."""
        length = {"length_s": arguments["duration_s"]}
        return not wishes.meant(self._keeper.state.items, length)

    def _running(self, arguments: Mapping[str, object]) -> Mapping[str, object]:
        return {"kind": Kind.TIMER.value, **arguments}

    def _one(
        self,
        action: str,
        arguments: Mapping[str, object],
        event: Callable[[Item], Event],
        *,
        among: Iterable[Item] | None = None,
    ) -> ToolResult:
        """Do something with the one that is meant, or ask which one."""
        state = self._keeper.state
        told = {k: v for k, v in arguments.items() if k != "duration_s"}
        if "duration_s" in arguments:
            told["length_s"] = arguments["duration_s"]
        items = wishes.meant(state.items if among is None else among, told)
        if not items:
            return self._refused("unknown" if state.items else "none")
        if len(items) > 1:
            listed = self._teller.listed(items, state, self._keeper.now())
            said = self._teller.say("change_timer", "say_which", {"things": listed})
            data = {"problem": "several", "timers": [self._row(item) for item in items]}
            return ToolResult("rejected", said, data)
        return self._done(action, items[0], self._keeper.do(event(items[0])).problem)

    def _done(self, action: str, item: Item, problem: str) -> ToolResult:
        if problem:
            return self._refused(problem)
        state, now = self._keeper.state, self._keeper.now()
        changed = next((one for one in state.items if one.id == item.id), item)
        left = machine.remaining(changed, state, now) or 0.0
        values = {"thing": self._teller.thing(item), "duration": self._teller.duration(left)}
        said = self._teller.say("change_timer", f"say_{action}", values)
        return ToolResult("done", said, self._row(changed))

    def _when(self, item: Item) -> str:
        return self._teller.when(item, today(self._keeper.now()))

    def _row(self, item: Item) -> dict[str, object]:
        state, now = self._keeper.state, self._keeper.now()
        left = machine.remaining(item, state, now)
        believed = clock.wall(state, now)
        ends = None
        if left is not None and believed is not None and item.phase is not Phase.PAUSED:
            ends = datetime.fromtimestamp(believed + left, UTC).isoformat(timespec="seconds")
        return {
            "id": item.id,
            "kind": item.wish.kind.value,
            "name": item.wish.name or item.wish.text,
            "state": item.phase.value,
            "ends_at": ends,
            "remaining_s": None if left is None else round(left, 1),
        }

    def _refused(self, why: str) -> ToolResult:
        return ToolResult("rejected", self._teller.problem(why), {"problem": why})

    def local(self) -> datetime:
        """Return the local time, as far as anybody knows it."""
        now = self._keeper.now()
        believed = clock.wall(self._keeper.state, now)
        return clock.local(now.wall if believed is None else believed, now.zone)
