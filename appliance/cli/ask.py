"""``voice-appliance ask``: one question in text, with or without a picture."""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from appliance.app.asking import ask as put
from appliance.app.assistant import check_backend, open_assistant
from appliance.app.backends import was_private
from appliance.app.camera import open_camera
from appliance.app.open_house import open_house
from appliance.audio.recording import WavSink
from appliance.audio.track import Track
from appliance.cli.show import json_lines, line
from appliance.cli.terminal import AsJson, ConfigFile, Verbose, console, errors, models_for
from appliance.config import Loaded, load
from appliance.errors import PictureError
from appliance.events import Happening, ReplyAudio, ReplyEnded, ReplyText
from appliance.host.journal import set_up_logging
from appliance.ports import Enclosure, Image
from appliance.timeline import Entry, Timeline
from appliance.units import ResponseId, SampleRate, Seconds

LARGEST_MB = 10
"""A picture of a telephone has 3 to 8; the service takes no more than this in one event."""

RATE = SampleRate(24_000)
"""Of the file with the reply; what realtime services speak at."""

LONGEST = RATE * 3600
"""Samples of one reply that are written."""

_MAGIC = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the command line says."""

    question: str = field(repr=False)
    image: Path | None
    look: bool
    backend: str | None
    simulated: bool


def ask(  # noqa: PLR0913 - one parameter for each option
    question: Annotated[str, typer.Argument(metavar="TEXT", help="What you would say.")],
    *,
    image: Annotated[Path | None, typer.Option(help="Show it this picture (JPEG or PNG).")] = None,
    look: Annotated[
        bool, typer.Option("--look", help="Show it what the configured camera sees now.")
    ] = False,
    backend: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Who answers (see `backends`), in the order or not; else as the order says.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the spoken reply here (WAV).")] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Use the simulated kitchen, not your broker.")
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Ask the assistant one thing in text; what it is asked to do is really done.

    The answer is printed as it comes; which tools it used is told beside it (on stderr). The tools
    are those of your broker if one is configured, else of a simulated kitchen.

    Example: voice-appliance ask "what is on the table?" --image table.jpg --out reply.wav
    """
    set_up_logging(verbose=verbose, quiet=True)
    if not question.strip():
        raise typer.BadParameter("there is nothing in it", param_hint="TEXT")
    if look and image is not None:
        raise typer.BadParameter("give --image or --look, not both", param_hint="--look")
    loaded = load(config)
    wish = _Wish(question, image, look, backend, simulated)
    asyncio.run(_ask(loaded, wish, out, as_json=as_json))


def picture(path: Path) -> Image:
    """Read a picture; what it is, its first bytes say, not its name.

    Raises:
        PictureError: It is not there, too large, or neither JPEG nor PNG.
    """
    try:
        if not path.is_file():
            problem = "is not a file" if path.exists() else "there is no such file"
            raise PictureError("missing", f"{path}: {problem}")
        with path.open("rb") as file:
            data = file.read(LARGEST_MB * 2**20 + 1)
    except OSError as error:
        raise PictureError("forbidden", f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > LARGEST_MB * 2**20:
        raise PictureError("unfit", f"{path}: has more than {LARGEST_MB} MB; make it smaller")
    for magic, mime in _MAGIC.items():
        if data.startswith(magic):
            return Image(data, mime)
    raise PictureError("unfit", f"{path}: {'is neither JPEG nor PNG' if data else 'is empty'}")


async def _ask(loaded: Loaded, wish: _Wish, out: Path | None, *, as_json: bool) -> None:
    config = loaded.config
    private = await asyncio.to_thread(was_private)
    if wish.backend is not None:  # before anything is loaded, and before the camera looks
        await asyncio.to_thread(partial(check_backend, config, wish.backend, private=private))
    image = None if wish.image is None else await asyncio.to_thread(picture, wish.image)
    if wish.look:
        image = await (await asyncio.to_thread(open_camera, config)).look()
    store = await asyncio.to_thread(models_for, config)
    timeline = Timeline()
    with ExitStack() as stack:
        sink = None
        if out is not None:
            sink = stack.enter_context(await asyncio.to_thread(WavSink, out, RATE))
        async with open_house(loaded, timeline, simulated=wish.simulated, guest=True) as house:
            await house.settle()
            if not house.connected:
                errors.print(f"the house cannot be reached: {house.trouble}", soft_wrap=True)
            async with open_assistant(
                config, store, house.tools, wish.backend, private=private
            ) as assistant:
                if assistant.note:
                    errors.print(assistant.note, style="dim", soft_wrap=True)
                teller = _Teller(timeline, sink, as_json=as_json)
                beside = None if assistant.companion is None else assistant.companion()
                asked = Enclosure(wish.question, image)
                await put(asked, assistant.backend, house.tools, teller.tell, companion=beside)


class _Teller:
    """Prints what happens, and writes down what is said."""

    def __init__(self, timeline: Timeline, sink: WavSink | None, *, as_json: bool) -> None:
        self._timeline = timeline
        self._sink = sink
        self._as_json = as_json
        self._began = asyncio.get_running_loop().time()
        self._printed = ""
        self._track: Track | None = None
        timeline.watch(json_lines() if as_json else self._aside)

    def tell(self, happening: Happening) -> None:
        """Take what happens."""
        self._timeline.note(happening, Seconds(asyncio.get_running_loop().time() - self._began))
        match happening:
            case ReplyText(text=text) if not self._as_json:
                self._say(text)
            case ReplyEnded():
                self._end()
            case ReplyAudio(response=response, pcm=pcm, rate=rate):
                self._sound(response, pcm, rate)
            case _:
                pass

    def _say(self, text: str) -> None:
        """Print a piece of the reply: a sentence, or a part of one."""
        apart = self._printed[-1:] in {".", "!", "?", "…"} and not text[:1].isspace()
        shown = "".join(each for each in text if each.isprintable() or each == "\n")
        console.out(" " + shown if apart else shown, end="", highlight=False)
        self._printed = text

    def _end(self) -> None:
        if self._printed:
            console.out("")
            self._printed = ""
        self._finish()

    def _sound(self, response: ResponseId, pcm: bytes, rate: SampleRate) -> None:
        if self._track is None or self._track.response != response:
            self._finish()
            self._track = Track(response, RATE)
        self._track.add(pcm, rate)

    def _finish(self) -> None:
        """Write a reply: at the rate of the file, whatever its own was."""
        track, self._track = self._track, None
        if track is not None and self._sink is not None:
            track.finish()
            self._sink.write(track.take(LONGEST, 0))

    def _aside(self, entry: Entry) -> None:
        if entry.event != "reply":
            if self._printed:  # what has come of the reply; a terminal shows both
                console.out("")
                self._printed = ""
            errors.print(line(entry), soft_wrap=True)
