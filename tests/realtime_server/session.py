"""One client of the scripted server: what it said, and what it is told."""

import asyncio
import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from tests.realtime_server.check import problems
from tests.realtime_server.plan import Frame, Ids, cancelled, plan
from tests.realtime_server.script import (
    BYTES_PER_MS,
    RATE,
    Abort,
    Ask,
    Close,
    Event,
    Plan,
    Raw,
    Reply,
    Script,
    Send,
    Step,
    Stop,
    Wait,
)
from tests.realtime_server.vad import Edge, EnergyVad
from tests.realtime_server.wire import effective, on_the_wire

AUDIO = "response.output_audio.delta"
APPEND = "input_audio_buffer.append"
LEAST_MS = 100
"""Sound that a commit must have."""


class GoneError(Exception):
    """The connection is over."""


@dataclass
class World:
    """What all clients of one server share, and what can happen to it at any moment."""

    script: Script
    ids: Ids = field(default_factory=Ids)
    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared while the server is frozen."""

    factor: float = 1.0
    """How much longer everything takes."""

    violations: list[str] = field(default_factory=list)
    """What clients did that they must not do."""

    replies: int = 0
    asides: int = 0
    commits: int = 0
    responded: bool = False


@dataclass
class _Response:
    frame: Frame
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    reason: str = ""


class Session:
    """Plays the server's side of one connection.

    Attributes:
        received: Every client event, the sound of an append replaced by its length in ``bytes``.
        received_at: When each came, on the loop's clock.
        sent: When and what was sent, by type.
        pcm: All sound ever appended.
        turns: The sound of every commit.
        items: The conversation, by id, in order.
        audio_ms: How much sound of an item was sent, by item id.
        outputs: The outputs of functions, by call id.
        approvals: What was said to questions about remote tools, by their id.
        refusals: The codes of the errors that client events were answered with.
        settings: The session as the client set it.
    """

    def __init__(self, world: World, socket: ServerConnection) -> None:
        self._world = world
        self._manners = world.script.manners
        self.socket = socket
        self.received: list[Event] = []
        self.received_at: list[float] = []
        self.sent: list[tuple[float, str]] = []
        self.pcm = bytearray()
        self.turns: list[bytes] = []
        self.items: dict[str, Event] = {}
        self.audio_ms: dict[str, float] = {}
        self.outputs: dict[str, str] = {}
        self.approvals: dict[str, bool] = {}
        self.refusals: list[str] = []
        self.settings: Event = _defaults()
        self._begin = 0  # where the sound of the present turn begins, in bytes
        self._vad: EnergyVad | None = None
        self._vad_item = ""
        self._vad_begin = 0
        self._fresh: list[Event] = []  # function outputs since the last response
        self._active: _Response | None = None
        self._tasks = asyncio.TaskGroup()
        self._handlers: Mapping[str, Callable[[Event], Awaitable[None]]] = {
            "session.update": self._on_update,
            APPEND: self._on_append,
            "input_audio_buffer.commit": self._on_commit,
            "input_audio_buffer.clear": self._on_clear,
            "conversation.item.create": self._on_item,
            "conversation.item.truncate": self._on_truncate,
            "conversation.item.delete": self._on_delete,
            "conversation.item.retrieve": self._on_retrieve,
            "response.create": self._on_create,
            "response.cancel": self._on_cancel,
        }

    def of(self, kind: str) -> list[Event]:
        """Return the client events of one type."""
        return [event for event in self.received if event["type"] == kind]

    def kinds(self) -> list[str]:
        """Return the types of what came, without the sound."""
        return [event["type"] for event in self.received if event["type"] != APPEND]

    async def run(self) -> None:
        """Serve until the connection is over."""
        try:
            async with self._tasks:
                self._start(self._read(), "read")
                self._start(self._age(), "age")
                self._start(self._greet(), "greet")
        except* GoneError:
            pass

    async def push(self, *steps: Send | Raw | Wait | Close | Abort) -> None:
        """Let something go out now, whatever else is going on."""
        await self._perform(list(steps), None)

    def _start(self, coroutine: Coroutine[None, None, None], what: str) -> None:
        self._tasks.create_task(coroutine, name=f"realtime-server.{what}")

    async def _greet(self) -> None:
        await self._perform([*self._world.script.greeting, Wait(self._world.script.created_s)])
        shown = effective(self.settings, self._manners)
        await self._emit({"type": "session.created", "session": shown})

    async def _age(self) -> None:
        if self._world.script.session_s is None:
            return
        await asyncio.sleep(self._world.script.session_s)
        reason = "Your session hit the maximum duration of 60 minutes."
        await self._perform([Close(1001, reason)])

    async def _read(self) -> None:
        while True:
            try:
                text = await self.socket.recv()
            except ConnectionClosed as error:
                raise GoneError from error
            await self._world.flowing.wait()
            await self._take(text)

    async def _take(self, text: str | bytes) -> None:
        try:
            event = json.loads(text) if isinstance(text, str) else None
        except ValueError:
            event = None
        if not isinstance(event, dict) or not isinstance(event.get("type"), str):
            self._world.violations.append("a message that is no event")
            if self._manners.drops_non_json:
                self.socket.transport.abort()
            return
        kind = event["type"]
        self._note(event)
        checked = not (self._manners.beta and kind == "session.update")
        wrong = problems(event) if checked else []
        self._world.violations += [f"{kind}: {problem}" for problem in wrong]
        if wrong or kind in self._manners.unsupported or kind not in self._handlers:
            await self._refuse(event, "unknown_or_invalid_event", "; ".join(wrong) or kind)
            return
        await self._handlers[kind](event)

    def _note(self, event: Event) -> None:
        sound = str(event.get("audio")).rstrip("=")
        size = {"type": APPEND, "bytes": len(sound) * 3 // 4}
        self.received.append(size if event["type"] == APPEND else event)
        self.received_at.append(asyncio.get_running_loop().time())

    async def _emit(self, event: Event) -> None:
        self._keep(event)
        shown = on_the_wire(event, self._manners)
        if shown is not None:
            text = json.dumps({"event_id": self._world.ids("event"), **shown})
            self.sent.append((asyncio.get_running_loop().time(), shown["type"]))
            await self._write(text)

    async def _write(self, data: str | bytes) -> None:
        await self._world.flowing.wait()
        try:
            await self.socket.send(data)
        except ConnectionClosed as error:
            raise GoneError from error

    def _keep(self, event: Event) -> None:
        if event["type"] in ("conversation.item.added", "conversation.item.done"):
            self.items[event["item"]["id"]] = event["item"]
        elif event["type"] == AUDIO and isinstance(event.get("delta"), str):
            sound = len(event["delta"]) * 3 // 4 // BYTES_PER_MS
            self.audio_ms[event["item_id"]] = self.audio_ms.get(event["item_id"], 0) + sound

    async def _perform(self, steps: Plan, response: _Response | None = None) -> None:
        clock = asyncio.get_running_loop().time
        due = clock()
        late = self._manners.late_deltas
        for step in steps:
            if response is not None and response.stopped.is_set():
                if not (isinstance(step, Send) and step.event["type"] == AUDIO and late):
                    continue
                late -= 1
            match step:
                case Send(event):
                    await self._emit(event)
                case Raw(data):
                    await self._write(data)
                case Wait(seconds):
                    due += seconds * self._world.factor
                    await _until(due, response)
                case Close(code, reason):
                    await self._world.flowing.wait()
                    await self.socket.close(code, reason)
                    raise GoneError
                case Abort():
                    self.socket.transport.abort()
                    raise GoneError
                case Stop():
                    return

    async def _refuse(
        self, event: Event, code: str | None, message: str, *, param: str | None = None
    ) -> None:
        self.refusals.append(str(code))
        error = {"type": "invalid_request_error", "code": code, "message": message}
        error |= {"param": param, "event_id": event.get("event_id")}
        await self._emit({"type": "error", "error": error})

    # What the client says.

    async def _on_update(self, event: Event) -> None:
        asked = event["session"]
        if self._manners.beta:
            _merge(self.settings, {"audio": {"input": {"turn_detection": None}}})
            flat = {"turn_detection": asked.get("turn_detection")}
            _merge(self.settings, {"audio": {"input": flat}})
            self.settings |= {
                k: v for k, v in asked.items() if k not in ("audio", "turn_detection")
            }
        else:
            _merge(self.settings, asked)
        self._set_vad()
        if self._manners.no_ack:
            return
        updated = {
            "type": "session.updated",
            "session": effective(self.settings, self._manners),
        }
        self._start(self._perform([Wait(self._world.script.updated_s), Send(updated)]), "ack")

    def _set_vad(self) -> None:
        asked = self.settings["audio"]["input"].get("turn_detection")
        if asked is None:
            self._vad = None
        elif self._vad is None:
            silence_ms, padding_ms = (
                asked.get("silence_duration_ms"),
                asked.get("prefix_padding_ms"),
            )
            self._vad = EnergyVad(padding_ms=padding_ms or 300, silence_ms=silence_ms or 500)
            self._vad.process(bytes(len(self.pcm)))

    async def _on_append(self, event: Event) -> None:
        try:
            pcm = base64.b64decode(event["audio"], validate=True)
        except binascii.Error:
            self._world.violations.append("append: no base64")
            await self._refuse(event, "invalid_value", "Invalid 'audio'.", param="audio")
            return
        if len(pcm) % 2 or len(event["audio"]) > 15 << 20:
            self._world.violations.append(f"append: {len(pcm)} bytes")
        self.pcm += pcm
        for edge in self._vad.process(pcm) if self._vad else ():
            await self._on_edge(edge)

    async def _on_edge(self, edge: Edge) -> None:
        asked = self.settings["audio"]["input"]["turn_detection"]
        if edge.kind == "started":
            self._vad_item, self._vad_begin = self._world.ids("item"), edge.at_ms * BYTES_PER_MS
            interrupts = asked.get("interrupt_response", True) and self._active is not None
            started = {"type": "input_audio_buffer.speech_started", "item_id": self._vad_item}
            told = Send({**started, "audio_start_ms": edge.at_ms})
            if interrupts and self._manners.done_before_speech_started:
                await self._stop("turn_detected")
            await self._perform([told])
            if interrupts:
                await self._stop("turn_detected")
            return
        stopped = {"type": "input_audio_buffer.speech_stopped", "item_id": self._vad_item}
        await self._emit({**stopped, "audio_end_ms": edge.at_ms})
        self._begin = max(self._begin, self._vad_begin)
        await self._commit(self._vad_item)
        if asked.get("create_response", True) and self._active is None:
            self._respond({}, out_of_band=False)

    async def _on_commit(self, event: Event) -> None:
        has_ms = (len(self.pcm) - self._begin) / BYTES_PER_MS
        if has_ms < LEAST_MS:
            message = (
                "Error committing input audio buffer: buffer too small. Expected at least 100ms "
                f"of audio, but buffer only has {has_ms:.2f}ms of audio."
            )
            await self._refuse(event, "input_audio_buffer_commit_empty", message)
            return
        await self._commit(self._world.ids("item"))

    async def _commit(self, item_id: str) -> None:
        self.turns.append(bytes(self.pcm[self._begin :]))
        self._begin = len(self.pcm)
        previous = next(reversed(self.items), None)
        committed = {"type": "input_audio_buffer.committed", "item_id": item_id}
        await self._emit({**committed, "previous_item_id": previous})
        content = [{"type": "input_audio", "transcript": None}]
        await self._add({"id": item_id, "type": "message", "role": "user", "content": content})
        number, self._world.commits = self._world.commits, self._world.commits + 1
        if self.settings["audio"]["input"].get("transcription") is not None:
            self._start(self._transcribe(item_id, number), "transcribe")

    async def _transcribe(self, item_id: str, number: int) -> None:
        script = self._world.script
        text = script.heard[number] if number < len(script.heard) else script.heard_else
        kind = "conversation.item.input_audio_transcription"
        place = {"item_id": item_id, "content_index": 0}
        used = {"type": "duration", "seconds": len(self.turns[-1]) / 2 / RATE}
        done = {"type": f"{kind}.completed", **place, "transcript": text, "usage": used}
        delta = {"type": f"{kind}.delta", **place, "delta": text}
        await self._perform([Wait(script.transcript_s), Send(delta), Send(done)])

    async def _on_clear(self, _event: Event) -> None:
        self._begin = len(self.pcm)
        await self._emit({"type": "input_audio_buffer.cleared"})

    async def _add(self, item: Event, *between: Event) -> None:
        shown = {"object": "realtime.item", "status": "completed", **item}
        place = {"previous_item_id": next(reversed(self.items), None), "item": shown}
        await self._emit({"type": "conversation.item.added", **place})
        for event in between:
            await self._emit(event)
        await self._emit({"type": "conversation.item.done", **place})

    async def _on_item(self, event: Event) -> None:
        item = {"id": self._world.ids("item"), **event["item"]}
        kind = item["type"]
        if kind == "function_call_output":
            calls = {known.get("call_id") for known in self.items.values()}
            if item["call_id"] not in calls:
                message = f"Tool call ID '{item['call_id']}' not found in conversation."
                await self._refuse(event, "invalid_tool_call_id", message)
                return
            if item["call_id"] in self.outputs:
                self._world.violations.append("a call was answered twice")
            self.outputs[item["call_id"]] = item["output"]
            self._fresh.append(item)
        if kind == "mcp_approval_response":
            self.approvals[item["approval_request_id"]] = item["approve"]
        await self._add(item)
        if kind == "mcp_approval_response" and item["approve"]:
            await self._call_remote(item["approval_request_id"])
        if kind == "function_call_output" and self._manners.takes_response:
            self._respond({}, out_of_band=False)

    async def _call_remote(self, request: str) -> None:
        asked = self.items.get(request, {})
        item_id = self._world.ids("mcp")
        item = {"id": item_id, "type": "mcp_call", "output": "42", "error": None}
        item |= {key: asked.get(key) for key in ("server_label", "name", "arguments")}
        item["approval_request_id"] = request
        place = {"item_id": item_id, "output_index": 0}
        stages = ("in_progress", "completed")
        told = [{"type": f"response.mcp_call.{stage}", **place} for stage in stages]
        await self._add(item, *told)

    async def _on_truncate(self, event: Event) -> None:
        item_id, end_ms = event["item_id"], event["audio_end_ms"]
        sent_ms = int(self.audio_ms.get(item_id, 0))
        if item_id not in self.items:
            message = f"Error truncating: item '{item_id}' does not exist."
            await self._refuse(event, "item_truncate_invalid_item_id", message, param="item_id")
        elif not sent_ms:
            message = "Only model output audio messages can be truncated"
            await self._refuse(event, "unsupported_content_type", message)
        elif end_ms > sent_ms:
            message = f"Audio content of {sent_ms}ms is already shorter than {end_ms}ms"
            await self._refuse(event, "invalid_value", message, param="audio_end_ms")
        else:
            self.audio_ms[item_id] = end_ms
            if not self._manners.silent_truncate:
                place = {"item_id": item_id, "content_index": 0, "audio_end_ms": end_ms}
                await self._emit({"type": "conversation.item.truncated", **place})

    async def _on_delete(self, event: Event) -> None:
        if self.items.pop(event["item_id"], None) is None:
            message = "Error deleting item: the item does not exist."
            await self._refuse(event, "item_delete_invalid_item_id", message, param="item_id")
            return
        await self._emit({"type": "conversation.item.deleted", "item_id": event["item_id"]})

    async def _on_retrieve(self, event: Event) -> None:
        item = self.items.get(event["item_id"])
        if item is None:
            message = "Error retrieving item: the item does not exist."
            await self._refuse(event, "item_retrieve_invalid_item_id", message, param="item_id")
            return
        await self._emit({"type": "conversation.item.retrieved", "item": item})

    async def _on_create(self, event: Event) -> None:
        asked = event.get("response") or {}
        out_of_band = asked.get("conversation") == "none"
        if not out_of_band and self._active is not None:
            message = "Conversation already has an active response"
            await self._refuse(event, "conversation_already_has_active_response", message)
            return
        self._respond(asked, out_of_band=out_of_band)

    async def _on_cancel(self, event: Event) -> None:
        asked, active = event.get("response_id"), self._active
        if active is None or asked not in (None, active.frame.response):
            message = "Cancellation failed: no active response found"
            await self._refuse(event, "response_cancel_not_active", message)
            return
        if self._manners.cancelled_event:
            await self._emit({"type": "response.cancelled", "response_id": asked})
        if self._manners.cancel_s:
            self._start(self._stop("client_cancelled", self._manners.cancel_s), "cancel")
        else:
            await self._stop("client_cancelled")

    # What it is answered.

    def _respond(self, asked: Mapping[str, Any], *, out_of_band: bool) -> None:
        modalities = asked.get("output_modalities") or self.settings["output_modalities"]
        frame = Frame(
            self._world.ids("resp"),
            self._world.ids,
            speaks="audio" in modalities,
            metadata=asked.get("metadata"),
            conversation=None if out_of_band else "conv_1",
            argument_deltas=not self._manners.no_argument_deltas,
        )
        response = _Response(frame)
        reply = self._next_reply(asked, out_of_band=out_of_band)
        if not out_of_band:
            self._active = response
        self._start(self._answer(reply, response), "respond")

    def _next_reply(self, asked: Mapping[str, Any], *, out_of_band: bool) -> Reply:
        world, script = self._world, self._world.script
        if out_of_band:
            world.asides += 1
            known = world.asides <= len(script.asides)
            return script.asides[world.asides - 1] if known else Reply()
        ask = Ask(self.turns[-1] if self.turns else b"", tuple(self._fresh), asked)
        self._fresh = []
        world.replies += 1
        known = world.replies <= len(script.replies)
        return script.replies[world.replies - 1] if known else script.otherwise(ask)

    async def _answer(self, reply: Reply, response: _Response) -> None:
        steps = plan(reply, response.frame)
        if not self._world.responded:
            self._world.responded = True
            steps = [Wait(self._manners.first_response_s), *steps]
        if self._manners.usage is not None:
            usage = dict(self._manners.usage)
            response.frame.usage = usage
            steps = [_with_usage(step, usage) for step in steps]
        last = steps[-1:] if steps and _is_done(steps[-1]) else []
        try:
            await self._perform(steps[: len(steps) - len(last)], response)
        finally:
            if self._active is response:
                self._active = None
        if response.stopped.is_set():
            last = [Send(cancelled(response.frame, response.reason))]
        await self._perform(last)
        response.over.set()

    async def _stop(self, reason: str, after: float = 0.0) -> None:
        active = self._active
        if after:
            await asyncio.sleep(after)
        if active is not None:
            active.reason = reason
            active.stopped.set()
            await active.over.wait()


def _is_done(step: Step) -> TypeGuard[Send]:
    return isinstance(step, Send) and step.event["type"] == "response.done"


def _with_usage(step: Step, usage: Event) -> Step:
    if not _is_done(step):
        return step
    return Send({**step.event, "response": {**step.event["response"], "usage": usage}})


async def _until(due: float, response: _Response | None) -> None:
    if response is None:
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        return
    try:
        async with asyncio.timeout_at(due):
            await response.stopped.wait()
    except TimeoutError:
        pass


def _merge(settings: Event, asked: Mapping[str, Any]) -> None:
    """Change the fields that are present; within ``audio`` one level deeper each."""
    for key, value in asked.items():
        if key in ("audio", "input", "output") and isinstance(value, Mapping):
            _merge(settings.setdefault(key, {}), value)
        else:
            settings[key] = value


def _defaults() -> Event:
    pcm = {"type": "audio/pcm", "rate": RATE}
    vad = {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300}
    vad |= {"silence_duration_ms": 500, "create_response": True, "interrupt_response": True}
    hears = {"format": pcm, "transcription": None, "noise_reduction": None, "turn_detection": vad}
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": "sess_1",
        "model": "gpt-realtime-2.1",
        "output_modalities": ["audio"],
        "instructions": "",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "expires_at": 1_800_000_000,
        "audio": {
            "input": hears,
            "output": {"format": pcm, "voice": "marin", "speed": 1.0},
        },
    }
