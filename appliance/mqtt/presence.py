"""What the appliance tells the house of itself (docs/mqtt.md).

Topics below ``<root>/<id>``: ``availability``, ``state``, ``backend``, ``money``, ``volume``,
``wake_word`` and ``diagnostics`` (retained), ``event``, ``duck`` and ``unduck``. No speech and no
transcript, unless the settings say so. What it can be told is in ``commands``.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial

from appliance.errors import BrokerError
from appliance.events import (
    BackendChanged,
    CallAnswered,
    Happening,
    ReplyEnded,
    ReplyText,
    SpeechEnded,
    TextAsked,
    Transcribed,
    WakeWordHeard,
)
from appliance.mqtt.bridge import MqttBridge
from appliance.mqtt.requests import clean
from appliance.mqtt.topics import PHASES, Topics, topics
from appliance.ports import Cue
from appliance.units import Seconds

__all__ = ["BILL_PAUSE", "Bill", "Presence", "Serving", "Shown", "Topics", "Waking", "topics"]

log = logging.getLogger(__name__)

BILL_PAUSE = Seconds(3.0)
"""Between two publications of what was spent: a turn is booked in several parts."""

LONGEST_SPEECH = 2_000
"""Characters of one event; a story has more."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What was spent, as the house is told."""

    day_usd: float
    month_usd: float
    day_cap_usd: float | None = None
    month_cap_usd: float | None = None
    state: str = "ok"
    """``ok``, ``warned`` or ``exhausted``."""


@dataclass(frozen=True, slots=True)
class Serving:
    """Who answers, as the house is told."""

    name: str = ""
    """As in ``backend.order``; empty until it is known."""

    reason: str = ""
    """As in ``BackendChanged``."""

    private: bool = False
    """Whether nothing may leave the house."""

    chosen: str = ""
    """Who was chosen to answer, as in ``backend.order``; empty: nobody in particular."""


@dataclass(frozen=True, slots=True)
class Shown:
    """How loud the box is, as the house is told; 0 to 100 each."""

    volume: int
    """Of voice and chimes: what holds now."""

    chime_volume: int
    """Of chimes, within that."""

    alarm_volume: int

    quiet: bool = False
    """Whether it is quiet hours."""


@dataclass(frozen=True, slots=True)
class Waking:
    """What the box listens for, as the house is told."""

    word: str
    """One of the words that can be chosen, or that of all that are configured."""

    sensitivity: float
    """0 to 1."""

    last: str | None = None
    """When it was called the last time since its start: a date and time with its zone."""


class Presence:
    """Publishes phase, facts and events. Event loop only.

    Implements ``ports.Indicator`` and ``ports.Observer``, so that it can stand beside the others.

    Args:
        bridge: The broker.
        own: Our topics.
        speech: Whether events carry what was said.
        clock: The time of day, with its zone.
    """

    def __init__(
        self,
        bridge: MqttBridge,
        own: Topics,
        *,
        speech: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self._bridge = bridge
        self._own = own
        self._speech = speech
        self._clock = clock
        self._said: list[str] = []
        self._serving = Serving()
        self._waking: Waking | None = None
        self._bill: Bill | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._untold: Callable[[], None] | None = None
        self.phase = "idle"
        """What ``state`` says."""

        self.show(Cue.IDLE)

    @property
    def serving(self) -> Serving:
        """Who answers, as the house was told."""
        return self._serving

    def show(self, cue: Cue) -> None:
        """Publish the phase that a cue stands for."""
        self.phase = PHASES[cue]
        self._bridge.retain(self._own.state, _json({"phase": self.phase}))

    def note(self, happening: Happening, at: Seconds) -> None:
        """Publish what others in the house may want to act on."""
        match happening:
            case WakeWordHeard(word=word):
                self._tell({"type": "wake", "word": word}, at)
                if self._waking is not None:
                    last = self._clock().isoformat(timespec="seconds")
                    self._show_waking(replace(self._waking, last=last))
            case SpeechEnded():
                self._tell({"type": "turn_end"}, at)
            case BackendChanged(name=name, reason=reason):
                self._show(replace(self._serving, name=name, reason=reason))
            case CallAnswered(tool=tool, status=status, took=took):
                event = {"type": "tool", "tool": tool, "status": status, "took_s": round(took, 3)}
                self._tell(event, at)
            case _ if self._speech:
                self._note_speech(happening, at)
            case _:
                pass

    def _note_speech(self, happening: Happening, at: Seconds) -> None:
        match happening:
            case Transcribed(text=text) | TextAsked(text=text):
                self._tell({"type": "heard", "text": clean(text)[:LONGEST_SPEECH]}, at)
            case ReplyText(text=text):
                self._said.append(text)
            case ReplyEnded():
                said, self._said = clean("".join(self._said)), []
                if said:
                    self._tell({"type": "said", "text": said[:LONGEST_SPEECH]}, at)
            case _:
                pass

    def _tell(self, event: Mapping[str, object], at: Seconds) -> None:
        try:
            self._bridge.publish(self._own.event, _json({**event, "at_s": round(at, 3)}))
        except BrokerError as error:
            log.debug("mqtt: event %s not told: %s", event["type"], error)

    def show_serving(self, name: str, reason: str) -> None:
        """Publish who answers, and why; what changes later ``note`` sees."""
        self._show(replace(self._serving, name=name, reason=reason))

    def show_private(self, *, private: bool) -> None:
        """Publish whether anything may leave the house."""
        self._show(replace(self._serving, private=private))

    def show_chosen(self, name: str) -> None:
        """Publish who was chosen to answer; empty: nobody in particular."""
        self._show(replace(self._serving, chosen=name))

    def show_waking(self, word: str, sensitivity: float) -> None:
        """Publish what the box listens for."""
        last = None if self._waking is None else self._waking.last
        self._show_waking(Waking(word, round(sensitivity, 3), last))

    def _show_waking(self, waking: Waking) -> None:
        self._waking = waking
        self._bridge.retain(self._own.wake_word, _json(asdict(waking)))

    def show_money(self, bill: Bill) -> None:
        """Publish what was spent: now, or the latest after a pause. Needs a running loop."""
        self._bill = bill
        if self._pause is None:
            self._tell_bill()

    def show_volumes(self, shown: Shown) -> None:
        """Publish how loud the box is."""
        self._bridge.retain(self._own.volume, _json(asdict(shown)))

    def show_ducking(self, *, soft: bool, by_db: float) -> None:
        """Tell the players of the house to be softer, or to be as they were.

        What cannot be told now is told once there is a broker again (``reconnected``), so that no
        player stays soft because a message was lost.
        """
        topic = self._own.duck if soft else self._own.unduck
        try:
            self._bridge.publish(topic, _json({"by_db": by_db}))
        except BrokerError as error:
            log.debug("mqtt: ducking not told: %s", error)
            self._untold = None if soft else partial(self.show_ducking, soft=False, by_db=by_db)
        else:
            self._untold = None

    def reconnected(self) -> None:
        """Tell what could not be told before."""
        if self._untold is not None:
            self._untold()

    def _show(self, serving: Serving) -> None:
        self._serving = serving
        self._bridge.retain(self._own.backend, _json(asdict(serving)))

    def _tell_bill(self) -> None:
        self._pause = None
        if self._bill is None:  # nothing new since the last time
            return
        self._bridge.retain(self._own.money, _json(asdict(self._bill)))
        self._bill = None
        self._pause = asyncio.get_running_loop().call_later(BILL_PAUSE, self._tell_bill)

    def close(self) -> None:
        """Publish nothing more by ourselves."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
