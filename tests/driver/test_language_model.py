"""The language model's thread, with a runtime that is played; the stage, with a scripted model.

And the gate: a model that writes calls of guarded things, allowed or not, opens nothing.
"""

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from appliance.backend.local import phrases
from appliance.backend.local.llm.model import SURE, LanguageModel, Tuning, load_model
from appliance.backend.local.llm.prompt import Prompt
from appliance.backend.local.llm.stage import WithModel
from appliance.backend.local.mind import LocalMind
from appliance.backend.local.parts import Parts
from appliance.backend.local.understand import StagedUnderstander
from appliance.backend.local.understand.heard import Heard
from appliance.backend.local.understand.types import Call, Past, Understanding
from appliance.backend.local.worker import Worker
from appliance.backend.pipeline.parts import Asked, Talk
from appliance.catalogue import Risk, Target, ToolSpec
from appliance.errors import ModelError
from appliance.units import Seconds
from tests.driver.test_injection import HOSTILE, Obedient, Scene
from tests.on_device import Ears, Mouth

SAY = phrases.load("en")
LONG = Seconds(20.0)
"""More than anything here takes."""

PROMPT = Prompt("one")
OTHER = Prompt("two")
SCHEMA = {"type": "object"}
PRIVATE = "the neighbour's secret"


@dataclass
class Played:
    """llama.cpp, played: says ``text`` in two tokens; waits for ``go`` before the first."""

    text: str = '{"calls":[]}'
    likely: float = -0.1
    error: object = None
    raises: Exception | None = None
    go: threading.Event = field(default_factory=threading.Event)
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    asked: list[Mapping[str, object]] = field(default_factory=list)
    stopped: int = 0

    def __post_init__(self) -> None:
        self.go.set()

    def handle_chat_completions(
        self, body: dict[str, object], callback: Callable[[Mapping[str, object]], bool]
    ) -> object:
        self.asked.append(body)
        self.begun.release()
        while not self.go.wait(0.002):
            if callback({"choices": [], "prompt_progress": {"processed": 1}}):
                self.stopped += 1
                return None
        if self.raises is not None:
            raise self.raises
        if self.error is not None:
            callback({"error": self.error})
            return None
        for piece, likely in ((self.text[:5], 0.0), (self.text[5:], self.likely), ("42", -90.0)):
            logprobs = {"content": [{"token": piece, "logprob": likely}]}
            content = piece if piece != "42" else ""
            callback({"choices": [{"delta": {"content": content}, "logprobs": logprobs}]})
        callback({"choices": [], "timings": {"cache_n": 7, "prompt_n": 3, "predicted_n": 2}})
        return None


@contextmanager
def model(runtime: Played, patience: float = LONG) -> Iterator[LanguageModel]:
    tuning = Tuning(patience=Seconds(patience))
    with closing(LanguageModel(Path("x.gguf"), tuning, load=lambda *_: runtime)) as made:
        assert made.wait(LONG)
        yield made


def read_ahead(made: LanguageModel, runtime: Played, prompt: Prompt = PROMPT) -> None:
    made.prepare(prompt)
    assert runtime.begun.acquire(timeout=LONG)
    made.complete(prompt, "x", SCHEMA)  # after it in the same thread
    assert runtime.begun.acquire(timeout=LONG)


def test_an_answer_is_written_after_its_prompt_with_its_schema() -> None:
    runtime = Played('{"calls":[1]}')
    with model(runtime) as made:
        assert made.complete(PROMPT, "turn it on", SCHEMA) == '{"calls":[1]}'
        assert made.last is not None
        assert (made.last.cached, made.last.prompt, made.last.written) == (7, 3, 2)
    (asked,) = runtime.asked
    assert asked["messages"] == PROMPT.messages("turn it on")
    assert asked["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": SCHEMA},
    }


@pytest.mark.parametrize(("likely", "kept"), [(SURE + 0.1, True), (SURE - 0.1, False)])
def test_what_the_grammar_forced_is_no_answer(likely: float, *, kept: bool) -> None:
    with model(Played(likely=likely)) as made:
        assert bool(made.complete(PROMPT, "x", SCHEMA)) is kept


def test_a_prompt_is_read_ahead_once_and_in_place_of_the_one_before() -> None:
    runtime = Played()
    with model(runtime) as made:
        runtime.go.clear()
        made.prepare(PROMPT)
        assert runtime.begun.acquire(timeout=LONG)
        assert not made.ready(PROMPT)
        made.prepare(PROMPT)
        made.prepare(OTHER)  # stops the first
        assert runtime.begun.acquire(timeout=LONG)
        runtime.go.set()
        made.complete(OTHER, "x", SCHEMA)
        assert made.ready(OTHER)
        assert not made.ready(PROMPT)
    assert runtime.stopped == 1
    assert len(runtime.asked) == 3
    assert [body["max_tokens"] for body in runtime.asked[:2]] == [1, 1]


def test_patience_ends_the_question_and_the_work() -> None:
    runtime = Played()
    with model(runtime, patience=0.05) as made:
        runtime.go.clear()
        with pytest.raises(ModelError, match=r"took over 0\.05 s"):
            made.complete(PROMPT, "x", SCHEMA)
        made.prepare(OTHER)  # the thread is free again
        assert runtime.begun.acquire(timeout=LONG)
        assert runtime.begun.acquire(timeout=LONG)
        assert runtime.stopped == 1


def test_stop_ends_the_answer_but_not_what_is_read_ahead() -> None:
    runtime = Played()
    with model(runtime) as made:
        runtime.go.clear()
        made.prepare(PROMPT)
        assert runtime.begun.acquire(timeout=LONG)
        made.stop()
        runtime.go.set()
        made.complete(PROMPT, "x", SCHEMA)
        assert runtime.stopped == 0
        assert runtime.begun.acquire(timeout=LONG)
        runtime.go.clear()
        problems: list[str] = []

        def ask() -> None:
            try:
                made.complete(PROMPT, "x", SCHEMA)
            except ModelError as error:
                problems.append(str(error))

        asking = threading.Thread(target=ask)
        asking.start()
        assert runtime.begun.acquire(timeout=LONG)
        made.stop()
        asking.join(LONG)
        assert problems == ["the language model was stopped"]


@pytest.mark.parametrize(
    "runtime",
    [
        Played(error={"type": "exceed_context_size_error", "message": PRIVATE}),
        Played(raises=RuntimeError(PRIVATE)),
    ],
)
def test_errors_are_told_without_what_was_said(runtime: Played) -> None:
    with model(runtime) as made:
        with pytest.raises(ModelError, match="the language model failed") as told:
            made.complete(PROMPT, PRIVATE, SCHEMA)
        assert PRIVATE not in str(told.value)


def test_tools_that_it_cannot_read_are_said_and_it_is_not_asked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runtime = Played(error={"type": "exceed_context_size_error", "message": PRIVATE})
    with model(runtime) as made:
        made.prepare(PROMPT)
        with pytest.raises(ModelError):
            made.complete(PROMPT, "x", SCHEMA)  # after it in the same thread
        assert not made.ready(PROMPT)
    assert "it cannot read what the tools are" in caplog.text
    assert PRIVATE not in caplog.text


def test_a_model_that_cannot_be_loaded_is_never_usable() -> None:
    def fail(_file: Path, _tuning: Tuning) -> Played:
        raise ModelError("x.gguf: broken")

    with closing(LanguageModel(Path("x.gguf"), load=fail)) as made:
        assert not made.wait(LONG)
        made.prepare(PROMPT)
        assert not made.ready(PROMPT)
        with pytest.raises(ModelError, match="broken"):
            made.complete(PROMPT, "x", SCHEMA)


def test_closing_stops_what_runs_and_ends_the_thread() -> None:
    runtime = Played()
    with model(runtime) as made:
        runtime.go.clear()
        made.prepare(PROMPT)
        assert runtime.begun.acquire(timeout=LONG)
    assert runtime.stopped == 1
    assert not any(thread.name == "language-model" for thread in threading.enumerate())
    with pytest.raises(ModelError):
        made.complete(PROMPT, "x", SCHEMA)


def test_no_file_and_no_model_are_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such file"):
        load_model(tmp_path / "x.gguf", Tuning())
    (tmp_path / "x.gguf").write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"x\.gguf: llama\.cpp cannot use it"):
        load_model(tmp_path / "x.gguf", Tuning())


# ---------------------------------------------------------------------------------------------
# the stage

LIGHT = ToolSpec(
    "set_light",
    "Switch a lamp.",
    {
        "type": "object",
        "properties": {
            "light": {"type": "string"},
            "state": {"enum": ["on", "off"]},
            "level": {"type": "integer", "minimum": 0, "maximum": 100, "x-unit": "percent"},
        },
        "required": ["light"],
        "minProperties": 2,
        "additionalProperties": False,
    },
    examples=("turn {state} the {light}",),
    targets=(Target("desk", "desk lamp", kind="light"), Target("hall", "hall light", area="hall")),
    target_parameter="light",
)
DOOR = replace(LIGHT, name="set_door", description="Open a door.", risk=Risk.PIN)
ON = Call("set_light", {"light": "desk", "state": "on"})
DARK = "it is so gloomy over there"


@dataclass
class Scripted:
    """A model that writes what it is told to."""

    text: str = '{"calls":[]}'
    is_ready: bool = True
    error: ModelError | None = None
    prepared: list[Prompt] = field(default_factory=list)
    asked: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    def prepare(self, prompt: Prompt) -> None:
        self.prepared.append(prompt)

    def ready(self, prompt: Prompt) -> bool:
        return self.is_ready and prompt in self.prepared

    def complete(self, prompt: Prompt, request: str, schema: Mapping[str, object]) -> str:
        assert prompt == self.prepared[-1]
        self.asked.append((request, schema))
        if self.error is not None:
            raise self.error
        return self.text

    def stop(self) -> None:
        self.events.append("stop")

    def close(self) -> None:
        self.events.append("close")


def written(*calls: Call) -> str:
    return json.dumps({"calls": [{"tool": c.tool, "arguments": dict(c.arguments)} for c in calls]})


def stage(scripted: Scripted, *, speaks: bool = False) -> WithModel:
    staged = StagedUnderstander(area="kitchen", nearest=False)
    return WithModel(staged, scripted, area="kitchen", speaks=speaks)


def test_what_nobody_else_understands_is_the_model_s() -> None:
    scripted = Scripted(written(ON))
    understanding = stage(scripted).understand(DARK, [LIGHT])
    assert (understanding.stage, understanding.calls) == ("model", (ON,))
    assert understanding.trace[-1].stage == "model"
    assert understanding.trace[-1].outcome == "set_light"
    assert [request for request, _ in scripted.asked] == [DARK]


@pytest.mark.parametrize(
    "text",
    [
        "turn on the desk lamp",  # the sentences understand it
        "again",  # there is nothing before
        "do that again",
        "hm",
        "unlock the front door please",
        "is the garage open",
    ],
)
def test_the_model_is_not_asked_for_anything_else(text: str) -> None:
    scripted = Scripted(written(ON))
    lone = StagedUnderstander(area="kitchen", nearest=False)
    expected = lone.understand(text, [LIGHT])
    understanding = stage(scripted).understand(text, [LIGHT])
    assert scripted.asked == []
    assert (understanding.stage, understanding.calls) == (expected.stage, expected.calls)
    assert understanding.say == expected.say


@pytest.mark.parametrize(
    "scripted",
    [
        Scripted(),
        Scripted("rubbish"),
        Scripted('{"calls":[{"tool":"set_light","argum'),
        Scripted(written(replace(ON, arguments={"light": "cellar", "state": "on"}))),
        Scripted(written(replace(ON, arguments={"light": "desk"}))),
        Scripted(written(replace(ON, arguments={"light": "desk", "level": 40}))),  # nobody said 40
        Scripted(written(ON, Call("set_door", ON.arguments))),
        Scripted(error=ModelError("the language model took over 8 s")),
        Scripted(written(ON), is_ready=False),
    ],
)
def test_where_the_model_is_of_no_use_nothing_was_understood(
    scripted: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        understanding = stage(scripted, speaks=False).understand(DARK, [LIGHT, DOOR])
    assert (understanding.stage, understanding.calls) == ("none", ())
    assert understanding.say == StagedUnderstander().not_understood
    assert DARK not in caplog.text


def test_a_number_is_taken_where_it_was_said() -> None:
    call = replace(ON, arguments={"light": "desk", "level": 40})
    scripted = Scripted(written(call))
    understanding = stage(scripted).understand("forty per cent by the computer", [LIGHT])
    assert understanding.calls == (call,)


def test_what_it_did_can_be_gone_on_with() -> None:
    scripted = Scripted(written(ON))
    both = stage(scripted)
    both.understand(DARK, [LIGHT])
    follow = both.understand("and the hall light", [LIGHT])
    assert follow.stage != "model"
    assert follow.calls == (Call("set_light", {"light": "hall", "state": "on"}),)


def test_guarded_tools_are_neither_shown_nor_allowed() -> None:
    scripted = Scripted()
    stage(scripted).understand(DARK, [LIGHT, DOOR])
    assert "set_door" not in scripted.prepared[-1].system
    assert "set_door" not in json.dumps(scripted.asked[0][1])


@pytest.mark.parametrize("speaks", [True, False])
def test_it_speaks_only_where_it_may(*, speaks: bool) -> None:
    scripted = Scripted('{"calls":[],"say":"It is\\n blue."}')
    understanding = stage(scripted, speaks=speaks).understand("what colour has the sky", [LIGHT])
    assert (understanding.say == "It is blue.") is speaks
    assert ("say" in json.dumps(scripted.asked[0][1])) is speaks


def test_the_prompt_is_read_when_the_tools_are_known_and_when_they_change() -> None:
    scripted = Scripted()
    both = stage(scripted)
    both.warm([LIGHT])
    assert len(scripted.prepared) == 1
    both.understand("turn on the desk lamp", [LIGHT, replace(LIGHT, name="set_lamp")])
    assert scripted.prepared[-1] != scripted.prepared[0]
    both.forget()
    both.stop()
    both.close()
    assert scripted.events == ["stop", "close"]


class Slow(Scripted):
    """A model that writes until it is stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()
        self.stopped = threading.Event()

    def complete(self, prompt: Prompt, request: str, schema: Mapping[str, object]) -> str:
        del prompt, request, schema
        self.begun.set()
        assert self.stopped.wait(LONG)
        raise ModelError("stopped")

    def stop(self) -> None:
        self.stopped.set()


async def test_who_interrupts_does_not_wait_for_the_model() -> None:
    slow = Slow()
    parts = Parts(Ears(), WithModel(Lost(), slow), Mouth(), SAY)
    mind = LocalMind(parts, Worker(parts.in_use), lambda: [LIGHT])

    async def ask() -> None:
        async for _ in mind.think(Talk((), Asked(DARK)), [LIGHT]):
            pass

    async with asyncio.TaskGroup() as group:
        asking = group.create_task(ask())
        assert await asyncio.to_thread(slow.begun.wait, LONG)
        asking.cancel()
    assert asking.cancelled()
    assert slow.stopped.is_set()
    await mind.close()


# ---------------------------------------------------------------------------------------------
# the gate


class Lost:
    """Stages that understand nothing."""

    not_understood = "What?"

    def understand(self, text: str, catalogue: Sequence[ToolSpec]) -> Understanding:
        del text, catalogue
        return self.meant

    def __init__(self, meant: Understanding | None = None) -> None:
        self.meant = meant or Understanding("none", say=self.not_understood)

    def heard(self, text: str, catalogue: Sequence[ToolSpec]) -> Heard:
        del text
        said = {"position": (30, 100), "temperature": (65,), "level": (40,)}
        return {spec.name: said for spec in catalogue}

    def is_serious(self, text: str) -> bool:
        del text
        return False

    def warm(self, catalogue: Sequence[ToolSpec]) -> None:
        del catalogue

    def remember(self, past: Sequence[Past], catalogue: Sequence[ToolSpec]) -> None:
        del past, catalogue

    def forget(self) -> None: ...


@pytest.mark.parametrize(
    "meant",
    [
        Understanding("sentences", say="Which lamp?"),
        Understanding("none", say="There was nothing before."),
        Understanding("nearest", (ON,)),
    ],
)
def test_a_question_back_is_the_answer(meant: Understanding) -> None:
    scripted = Scripted(written(ON))
    assert WithModel(Lost(meant), scripted).understand(DARK, [LIGHT]) is meant
    assert scripted.asked == []


def calls_of(text: str, catalogue: Sequence[ToolSpec]) -> Iterator[Call]:
    """Yield the worst that a model can write: every value of every tool, guarded or not."""
    for spec in catalogue:
        ids: list[str | None] = [target.id for target in spec.targets] or [None]
        for device in ids:
            named = {} if device is None else {spec.target_parameter or "device": device}
            for change in _CHANGES:
                yield Call(spec.name, {**named, **change})
            yield Call(spec.name, {**named, "text": text})


_CHANGES: tuple[dict[str, object], ...] = (
    {"action": "unlock"},
    {"action": "disarm"},
    {"action": "open"},
    {"position": 100},
    {"temperature": 65},
    {"state": "on"},
    {},
)


@pytest.mark.parametrize("text", HOSTILE[::25])
async def test_a_model_that_wants_to_open_everything_opens_nothing(text: str) -> None:
    scene = Scene(text)
    catalogue = scene.registry.catalogue()
    hostile = Obedient(scene)
    scripted = Scripted()
    both = WithModel(Lost(), scripted)
    tried = 0
    for call in calls_of(text, catalogue):
        scripted.text = written(call)
        for made in both.understand(DARK, catalogue).calls:  # past the schema: now the gate
            tried += 1
            await hostile.do(made.tool, dict(made.arguments))
    assert tried, "some of them fit the schema, or nothing was tested"
    assert hostile.asked, "and the gate asked a person about some of those"
    scene.check()
