"""What happened, as entries that a person or a program can read.

``Timeline`` is the one ``ports.Observer``: it turns happenings into entries and hands each to
whoever watches. Entries carry what was said, so they go to the user's own screen or to a local
socket, never to a log.
"""

import asyncio
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from appliance.events import (
    BackendChanged,
    BackendLost,
    ButtonPressed,
    CallAnswered,
    DeadlineReached,
    EndOfTurnFound,
    Happening,
    ListenAsked,
    MuteSwitched,
    PlaybackDrained,
    PlaybackStarted,
    ReplyAudio,
    ReplyCut,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    SpeechEnded,
    SpeechPaused,
    SpeechStarted,
    StageTook,
    StopAsked,
    TextAsked,
    ToolCalled,
    Transcribed,
    Understood,
    WakeWordHeard,
)
from appliance.frames import seconds
from appliance.ports import Cue, Observer
from appliance.units import ResponseId, Seconds


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline."""

    event: str
    """``wake``, ``speech``, ``end_of_turn``, ``transcript``, ``understood``, ``tool_call``,
    ``tool_answer``, ``stage``, ``reply``, ``sound``, ``played``, ``rest``, ``backend``,
    ``note`` …"""

    at: Seconds
    """When, on the session's clock: in a recording, its own time."""

    text: str = field(default="", repr=False)
    """For people."""

    took: Seconds | None = None
    """Wall-clock cost of this step, where it has one."""

    data: Mapping[str, object] = field(default_factory=dict, repr=False)
    """For programs: the event's own fields."""

    def as_json(self) -> dict[str, object]:
        """Return the entry as plain JSON data."""
        cost = {} if self.took is None else {"took_ms": round(self.took * 1000, 1)}
        data = self.data or ({"text": self.text} if self.text else {})
        return {"event": self.event, "at": round(self.at, 3), **cost, **data}


Watcher = Callable[[Entry], None]

_CUES = {
    Cue.PROMPT: ("prompt", "still listening"),
    Cue.UNHEARD: ("rest", "nobody spoke"),
    Cue.FAILED: ("failed", "no answer"),
    Cue.IDLE: ("rest", "listening for the wake word"),
    Cue.MUTED: ("muted", "microphone off"),
}


_BETWEEN = re.compile(r"(?<=[.!?…])[\"”)]*\s+")
"""Where one sentence ends and the next begins."""

_WHOLE = re.compile(r"\S+\s.*[.!?…][\"”)]*\s*", re.DOTALL)
"""A piece that is a sentence by itself, as the on-device backend gives them."""


class _Sentences:
    """Makes entries of what is said: some backends tell it in pieces of words."""

    def __init__(self) -> None:
        self._text = ""

    def add(self, piece: str, at: Seconds) -> list[Entry]:
        """Take the next piece; return an entry for each sentence that it completes."""
        self._text += piece
        if _WHOLE.fullmatch(piece):
            return self.end(at)
        *whole, self._text = _BETWEEN.split(self._text)
        return [_reply(sentence, at) for sentence in whole]

    def end(self, at: Seconds) -> list[Entry]:
        """Return an entry for what is left."""
        text, self._text = self._text.strip(), ""
        return [_reply(text, at)] if text else []


def _reply(text: str, at: Seconds) -> Entry:
    return Entry("reply", at, f"“{text}”", data={"text": text})


class Timeline:
    """Tells watchers what happens, with the latencies that a user feels.

    Args:
        wall: The clock of the costs; the event loop's where ``None``.
        start: When the session began, on its own clock; entries count from there.
    """

    def __init__(
        self, wall: Callable[[], float] | None = None, *, start: Seconds = Seconds(0.0)
    ) -> None:
        self._start = start
        self._sound: Seconds | None = None  # when the sound began, as entries count
        self._wall = wall or (lambda: asyncio.get_running_loop().time())
        self._watchers: list[Watcher] = []
        self._observers: list[Observer] = []
        self._ended: float | None = None  # wall-clock time of the latest end of turn
        self._sounding: ResponseId | None = None
        self._playing: ResponseId | None = None
        self._saying = _Sentences()
        self.latencies: list[Seconds] = []

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Have every further entry given to ``watcher``; return its undo."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def tell(self, observer: Observer) -> None:
        """Have every further happening given to another observer, too."""
        self._observers.append(observer)

    def note(self, happening: Happening, at: Seconds) -> None:
        """Take what happened; see ``appliance.ports.Observer``."""
        since = self.since_start(at)
        for entry in self._entries(happening, since):
            self.say(entry)
        for observer in self._observers:
            observer.note(happening, since)

    def since_start(self, at: Seconds) -> Seconds:
        """Return a moment of the session's clock as entries count it."""
        return Seconds(at - self._start)

    def sound_began(self, at: Seconds) -> None:
        """Count places in the sound from here, a moment of the session's clock; the first counts.

        A card that comes back goes on counting as if it had never been away.
        """
        if self._sound is None:
            self._sound = self.since_start(at)

    def say(self, entry: Entry) -> None:
        """Give an entry to the watchers."""
        for watcher in list(self._watchers):
            watcher(entry)

    def _entries(self, happening: Happening, at: Seconds) -> list[Entry]:
        match happening:
            case SpeechEnded(at=position):
                self._ended = self._wall()
                self._sounding = None
                end = round(seconds(position) + (self._sound or 0.0), 3)
                return [Entry("end_of_turn", at, f"{end:.2f} s", data={"speech_end": end})]
            case EndOfTurnFound():
                self._ended = self._wall()
                self._sounding = None
                return [Entry("end_of_turn", at, "found by the backend", data={"by": "backend"})]
            case ReplyAudio(response=response) if response != self._sounding:
                self._sounding = response
                return self._first_sound(response, at)
            case PlaybackStarted(response=response):
                self._playing = response
                return [Entry("sound", at, "the reply is heard", data={"response": response})]
            case PlaybackDrained(response=response) if response != self._playing:
                return []  # it had no sound: it only called tools
            case ReplyText(text=text):
                return self._saying.add(text, at)
            case ReplyStarted() | ReplyEnded():
                return self._saying.end(at)
            case ReplyAudio() | DeadlineReached() | SpeechPaused():
                return []
            case _:
                entry = _plain(happening, at, sound=self._sound or Seconds(0.0))
                return [] if entry is None else [entry]

    def _first_sound(self, response: ResponseId, at: Seconds) -> list[Entry]:
        if self._ended is None:
            return []
        took = Seconds(self._wall() - self._ended)
        self._ended = None
        self.latencies.append(took)
        text = "first sound of the reply is ready"
        return [Entry("first_sound", at, text, took, {"response": response})]


def cue_entry(cue: Cue, at: Seconds) -> Entry | None:
    """Return the entry of a cue that nothing else in the timeline tells of, if it is one."""
    if cue not in _CUES:
        return None
    event, text = _CUES[cue]
    return Entry(event, at, text)


def _plain(happening: Happening, at: Seconds, *, sound: Seconds) -> Entry | None:
    match happening:
        case WakeWordHeard(word=word, score=score, at=position, bearing=bearing):
            said = word.replace("_", " ")
            score = round(score, 3) if math.isfinite(score) else 0.0
            place = round(seconds(position) + sound, 3)
            data: dict[str, object] = {"word": word, "score": score, "position": place}
            origin = ""
            if bearing is not None and math.isfinite(bearing):
                data["bearing_deg"] = round(bearing) % 360
                origin = f", from {round(bearing) % 360}°"
            return Entry("wake", at, f"{said} ({score:.2f}){origin}", data=data)
        case SpeechStarted(at=position):
            begin = round(seconds(position) + sound, 3)
            return Entry("speech", at, f"from {begin:.2f} s", data={"speech_start": begin})
        case Transcribed(turn=turn, text=text, took=took):
            return Entry("transcript", at, f"“{text}”", took, {"turn": turn, "text": text})
        case Understood(turn=turn, stage=stage, summary=summary, took=took):
            data = {"turn": turn, "stage": stage, "calls": summary}
            return Entry("understood", at, f"{summary}  [{stage}]", took, data)
        case ToolCalled() | CallAnswered():
            return _tool(happening, at)
        case PlaybackDrained(response=response):
            return Entry("played", at, "the reply has been heard", data={"response": response})
        case _:
            return _rare(happening, at)


def _tool(happening: ToolCalled | CallAnswered, at: Seconds) -> Entry:
    match happening:
        case ToolCalled(call=call, tool=tool, arguments=arguments):
            listed = ", ".join(f"{key}={value}" for key, value in arguments.items())
            data = {"call": call, "tool": tool, "arguments": dict(arguments)}
            return Entry("tool_call", at, f"{tool}({listed})", data=data)
        case CallAnswered(call=call, tool=tool, status=status, took=took):
            data = {"call": call, "tool": tool, "status": status}
            return Entry("tool_answer", at, f"{tool}: {status}", took, data)


def _rare(happening: Happening, at: Seconds) -> Entry | None:
    match happening:
        case ButtonPressed():
            return Entry("button", at, "pressed")
        case MuteSwitched(muted=muted):
            return Entry("mute", at, "on" if muted else "off", data={"muted": muted})
        case StopAsked():
            return Entry("stop", at, "asked to stop")
        case ListenAsked():
            return Entry("listen", at, "asked to listen")
        case TextAsked(text=text):
            return Entry("asked", at, f"“{text}”", data={"text": text})
        case BackendChanged(name=name, reason=reason, previous=previous):
            data = {"name": name, "reason": reason, "previous": previous}
            return Entry("backend", at, f"{name}  ({reason})", data=data)
        case ReplyCut(response=response, rule=rule):
            data = {"response": response, "rule": rule}
            return Entry("cut", at, f"the reply breaks a rule  ({rule})", data=data)
        case BackendLost(code=code):
            return Entry("backend_lost", at, code, data={"code": code})
        case StageTook(turn=turn, stage=stage, title=title, first=first, took=took):
            ms = round(first * 1000, 1)
            times = {"turn": turn, "stage": stage, "title": title, "first_ms": ms}
            return Entry("stage", at, f"{stage}: {title}, first {ms:.0f} ms", took, times)
        case _:
            return None
