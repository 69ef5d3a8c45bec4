"""A GGUF language model, run by llama.cpp in this process.

It has a thread of its own, which loads it, reads the prompt ahead and writes the answers: so that
neither the box's start nor a request waits longer for it than it may. Any thread may call.

Facts about xllamacpp (2026.10.11549, read and tried 2026-11-22): it prints the prompt to stderr
unless ``verbosity`` is 0; its server listens on a random port of the loopback, which is why it is
given a key that nobody knows; generating releases the interpreter's lock; the callback of a
streamed answer is called after every batch of the prompt, too, if ``return_progress`` is set, and
stops the work by returning ``True``; what was read of a prompt until then is kept.
"""

import atexit
import importlib
import importlib.util
import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from appliance.backend.local.llm.prompt import Prompt
from appliance.errors import ModelError
from appliance.units import Seconds

log = logging.getLogger(__name__)

MOST_TOKENS = 160
"""Of an answer: three calls with all their arguments are below."""

SURE = -3.0
"""Log-probability below which a token was the grammar's choice, not the model's: such an answer is
none. Found on the half of the requests that was looked at (2026-11-22, Qwen2.5-Coder-1.5B): right
answers had no token below -2.6, six of thirteen wrong ones had one below -3.4. Digits do not
count: which numbers there may be was said, and models are bad at turning minutes into seconds."""

_BATCH = 64
"""Tokens of a prompt that are read at once: after each the work can be stopped."""

_LAST_WORD = 2.0
"""Seconds that ``close`` waits for the thread: one batch, or a few tokens."""

Chunk = Mapping[str, Any]


class Runs(Protocol):
    """What of xllamacpp's ``Server`` is used."""

    def handle_chat_completions(
        self, body: dict[str, object], callback: Callable[[Chunk], bool]
    ) -> object:
        """Stream an answer; the callback returns whether to stop."""
        ...


@dataclass(frozen=True, slots=True)
class Tuning:
    """How a model is run."""

    threads: int = 1
    context: int = 2048
    """Tokens of prompt, request and answer."""

    patience: Seconds = Seconds(8.0)
    """Of a request, from asking to the last token."""


@dataclass(frozen=True, slots=True)
class Took:
    """What an answer took."""

    first: Seconds
    """From beginning with it to its first token."""

    whole: Seconds
    cached: int
    """Tokens of the prompt that had been read before."""

    prompt: int
    """Tokens of the prompt that were read now."""

    written: int


@dataclass(slots=True, eq=False)
class _Job:
    """One answer, or (``ahead``) the reading of a prompt."""

    prompt: Prompt
    body: dict[str, object] = field(repr=False)
    until: float
    ahead: bool = False
    stop: bool = False
    late: bool = False
    """Found by whoever sees it first: who waits, or the thread that works."""

    text: str = field(default="", repr=False)
    least: float = 0.0
    """The log-probability of its least likely token."""

    problem: str = ""
    took: Took | None = None
    done: threading.Event = field(default_factory=threading.Event)


class LanguageModel:
    """A model that writes answers which fit a JSON schema.

    Args:
        file: A GGUF file with a chat template.
        tuning: How to run it.
        load: Loads it; for tests.
    """

    def __init__(
        self,
        file: Path,
        tuning: Tuning | None = None,
        *,
        load: "Callable[[Path, Tuning], Runs] | None" = None,
    ) -> None:
        self.last: Took | None = None
        """What the latest answer took; for the benchmark."""

        self._file = file
        self._tuning = tuning or Tuning()
        self._load = load or load_model
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._now: _Job | None = None
        self._wanted: Prompt | None = None
        self._read: Prompt | None = None
        self._loaded = threading.Event()
        self._closed = False
        self._failed = ""
        self._thread = threading.Thread(target=self._work, name="language-model", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def wait(self, limit: Seconds) -> bool:
        """Wait until it is loaded, or could not be; return whether it can be asked."""
        self._loaded.wait(limit)
        return self.usable

    @property
    def usable(self) -> bool:
        """Whether it is loaded."""
        return self._loaded.is_set() and not self._failed and not self._closed

    def ready(self, prompt: Prompt) -> bool:
        """Whether it is loaded and has read this prompt."""
        return self.usable and self._read == prompt

    def prepare(self, prompt: Prompt) -> None:
        """Have a prompt read ahead, in place of any other; returns at once."""
        if prompt == self._wanted or self._closed:
            return
        self._wanted = prompt
        now = self._now
        if now is not None and now.ahead:
            now.stop = True
        self._jobs.put(_Job(prompt, self._body(prompt, "", None), until=float("inf"), ahead=True))

    def complete(self, prompt: Prompt, request: str, schema: Mapping[str, object]) -> str:
        """Return an answer; an empty one if the model would have written something else.

        Args:
            prompt: What stands before the request.
            request: What was said.
            schema: What the answer fits, unless it had to be cut off.

        Raises:
            ModelError: It is not loaded, failed, or took longer than it may.
        """
        if not self.usable:
            raise ModelError(self._failed or "the language model is not loaded yet")
        until = time.monotonic() + self._tuning.patience
        job = _Job(prompt, self._body(prompt, request, schema), until)
        self._jobs.put(job)
        if not job.done.wait(self._tuning.patience):
            job.stop = True
            job.late = True
        if job.late:
            raise ModelError(f"the language model took over {self._tuning.patience:g} s")
        if job.problem:
            raise ModelError(job.problem)
        self.last = job.took
        return job.text if job.least >= SURE else ""

    def stop(self) -> None:
        """End the answer that is being written, if there is one: nobody waits for it any more."""
        now = self._now
        if now is not None and not now.ahead:
            now.stop = True

    def close(self) -> None:
        """Stop, and give the memory back; idempotent."""
        if self._closed:
            return
        self._closed = True
        now = self._now
        if now is not None:
            now.stop = True
        self._jobs.put(None)
        self._thread.join(_LAST_WORD)
        atexit.unregister(self.close)

    def _body(
        self, prompt: Prompt, request: str, schema: Mapping[str, object] | None
    ) -> dict[str, object]:
        body: dict[str, object] = {
            "messages": prompt.messages(request),
            "stream": True,
            "return_progress": True,
            "cache_prompt": True,
            "temperature": 0,
            "logprobs": True,
            "top_logprobs": 1,
            "max_tokens": 1 if schema is None else MOST_TOKENS,
        }
        if schema is not None:
            json_schema = {"name": "answer", "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": json_schema}
        return body

    def _work(self) -> None:
        """Be the thread."""
        try:
            server = self._load(self._file, self._tuning)
        except ModelError as error:
            self._failed = str(error)
            log.warning("%s", error)
            return
        finally:
            self._loaded.set()
        while not self._closed and (job := self._jobs.get()) is not None:
            if job.stop or (job.ahead and job.prompt != self._wanted):
                job.problem = "the language model was stopped"
                job.done.set()
                continue
            self._now = job
            _answer(server, job)
            self._now = None
            if not job.problem:
                self._read = job.prompt
            elif job.ahead and not job.stop:
                log.warning("%s: it cannot read what the tools are", job.problem)
            job.done.set()


def _answer(server: Runs, job: _Job) -> None:
    """Write one answer into its job; never raises."""
    begun = time.monotonic()
    first = begun
    written: list[str] = []
    timings: Mapping[str, Any] = {}

    def take(chunk: Chunk) -> bool:
        nonlocal first, timings
        if "error" in chunk:
            job.problem = f"the language model failed: {_said(chunk['error'])}"
            return True
        timings = chunk.get("timings", timings)
        for choice in chunk.get("choices", ()):
            job.least = min(job.least, *_likely(choice), 0.0)
            text = choice.get("delta", {}).get("content")
            if text:
                first = time.monotonic() if not written else first
                written.append(text)
        if time.monotonic() > job.until:
            job.late = True
        return job.stop or job.late or bool(job.problem)

    try:
        server.handle_chat_completions(job.body, take)
    except Exception as error:  # noqa: BLE001 - llama.cpp raises what it likes
        # its message may quote the request
        job.problem = f"the language model failed: {type(error).__name__}"
    job.text = "".join(written)
    if job.stop and not job.problem:
        job.problem = "the language model was stopped"
    job.took = Took(
        first=Seconds(first - begun),
        whole=Seconds(time.monotonic() - begun),
        cached=int(timings.get("cache_n", 0)),
        prompt=int(timings.get("prompt_n", 0)),
        written=int(timings.get("predicted_n", len(written))),
    )


def _likely(choice: Mapping[str, Any]) -> Iterator[float]:
    """Yield the log-probabilities of the tokens that count."""
    for token in (choice.get("logprobs") or {}).get("content") or ():
        if not token["token"].strip().isdecimal():
            yield float(token["logprob"])


def _said(error: object) -> str:
    """Return the kind of an error, never its message, which may quote the request."""
    kind = error.get("type", "") if isinstance(error, Mapping) else ""
    return str(kind)[:80] or "unknown error"


def is_installed() -> bool:
    """Whether the runtime (extra ``llm``) is there."""
    return importlib.util.find_spec("xllamacpp") is not None


def load_model(file: Path, tuning: Tuning) -> Runs:
    """Load a model; takes seconds, and its size in memory.

    Raises:
        ModelError: The runtime is not installed, or cannot use the file.
    """
    try:
        runtime = importlib.import_module("xllamacpp")
    except ImportError as error:
        raise ModelError(
            'the language model needs the extra "llm": pip install "voice-appliance[llm]"'
        ) from error
    if not file.is_file():
        raise ModelError(f"{file}: there is no such file")
    params = runtime.CommonParams()
    params.model.path = str(file)
    params.n_ctx = tuning.context
    params.n_parallel = 1
    params.n_batch = params.n_ubatch = _BATCH
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = tuning.threads
    params.verbosity = 0
    params.cache_ram_mib = 0  # else prompts are kept in up to 8 GiB
    params.warmup = False
    params.ui = False
    params.api_keys = [secrets.token_urlsafe(32)]
    try:
        server: Runs = runtime.Server(params)
    except Exception as error:  # a file that is none, too little memory
        raise ModelError(f"{file}: llama.cpp cannot use it: {error}") from error
    return server
