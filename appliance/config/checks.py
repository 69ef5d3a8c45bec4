"""Checks what no single setting can know: files that must exist, settings that need each other."""

from collections.abc import Iterator
from pathlib import Path

from appliance.config import cloud_checks
from appliance.config.mcp import Mcp
from appliance.config.model import READY_WORDS, Board, Config, Mqtt, Wake
from appliance.config.problems import Problem, meant, show
from appliance.config.sound import Quiet

_SPI0_PINS = {7: "CE1", 8: "CE0", 9: "MISO", 10: "MOSI", 11: "SCLK"}
"""BCM numbers of the Raspberry Pi's SPI 0. Its driver claims both select lines, whichever is used
(``dtparam=spi=on``), and the kernel then gives neither to anybody else."""


SHORTEST_TOKEN = 16
"""Characters; `openssl rand -hex 16` makes 32."""

SHARED_TOPICS = ("tools", "zones")
"""Below ``mqtt.root`` beside the boxes' own topics."""


def problems(config: Config) -> list[Problem]:
    """Return what is wrong between the settings; touches only the files that they name."""
    return [
        *_device(config),
        *_wake(config.wake),
        *_ways_to_begin(config),
        *_audio(config),
        *_quiet(config.quiet),
        *_mqtt(config.mqtt),
        *_tools(config),
        *_language_model(config),
        *_board(config.board),
        *_mcp(config.mcp),
        *cloud_checks.problems(config),
        *_prices(config),
    ]


def _device(config: Config) -> Iterator[Problem]:
    if config.device.id in SHARED_TOPICS:
        yield Problem(
            ("device", "id"), f"{show(config.device.id)} means something else on the broker"
        )


def _mcp(mcp: Mcp) -> Iterator[Problem]:
    labels = [server.label for server in mcp.servers]
    for number, server in enumerate(mcp.servers):
        place = ("mcp", "servers", number)
        if server.label in labels[:number]:
            yield Problem((*place, "label"), f"{show(server.label)} is taken by another server")
        if bool(server.command) == bool(server.url):
            yield Problem(place, "needs either `command` or `url`")
        for name in server.free_tools:
            if server.allowed_tools and name not in server.allowed_tools:
                yield Problem((*place, "free_tools"), f"{show(name)} is not in allowed_tools")
    if mcp.serve and mcp.token is None:
        yield Problem(
            ("mcp", "serve"), "whoever reaches it moves the house: give the credential `mcp-token`"
        )
    if mcp.token is not None and len(mcp.token.get_secret_value()) < SHORTEST_TOKEN:
        yield Problem(("mcp", "token"), f"has less than {SHORTEST_TOKEN} characters")


def _wake(wake: Wake) -> Iterator[Problem]:
    own = {each.name for each in wake.custom}
    for number, word in enumerate(wake.words):
        if word not in READY_WORDS:
            advice = meant(word, READY_WORDS) or f"; there are: {', '.join(READY_WORDS)}"
            if word in own:
                advice = "; a word of your own needs no entry here"
            yield Problem(("wake", "words", number), f"no ready-made word {show(word)}{advice}")
        elif word in wake.words[:number]:
            yield Problem(("wake", "words", number), f"{show(word)} stands here twice")
    names = [each.name for each in wake.custom]
    for number, custom in enumerate(wake.custom):
        place = ("wake", "custom", number)
        if custom.name in READY_WORDS or custom.name in names[:number]:
            yield Problem((*place, "name"), f"{show(custom.name)} is taken; choose another name")
        yield from _file((*place, "model"), custom.model)


def _ways_to_begin(config: Config) -> Iterator[Problem]:
    if not (config.wake.words or config.wake.custom or config.board.button is not None):
        yield Problem(
            ("wake", "words"),
            "nothing could wake the box: name a wake word, or a pin in board.button",
        )


def _audio(config: Config) -> Iterator[Problem]:
    audio = config.audio
    if audio.channels and audio.microphone_channel >= audio.channels:
        yield Problem(
            ("audio", "microphone_channel"),
            f"{audio.microphone_channel} is not one of the {audio.channels} channels that"
            f" audio.channels opens; the last is {audio.channels - 1}",
        )


def _quiet(quiet: Quiet) -> Iterator[Problem]:
    if quiet.begin is not None and quiet.end is None:
        yield Problem(("quiet", "begin"), "they would never end: set quiet.end, too")
    if quiet.end is not None and quiet.begin is None:
        yield Problem(("quiet", "end"), "they would never begin: set quiet.begin, too")
    if quiet.begin is not None and quiet.begin == quiet.end:
        yield Problem(
            ("quiet", "end"),
            f"they would begin and end at {quiet.end}; for a softer box all day and night lower"
            " audio.voice_gain_db",
        )


def _mqtt(mqtt: Mqtt) -> Iterator[Problem]:
    if "://" in mqtt.host or "/" in mqtt.host:
        yield Problem(
            ("mqtt", "host"),
            "write the name alone; mqtt.tls and mqtt.port say the rest",
        )
    elif ":" in mqtt.host and mqtt.host.count(":") == 1:
        yield Problem(("mqtt", "host"), "write the name alone, and the port in mqtt.port")
    if mqtt.certificate_file is not None and mqtt.key_file is None:
        yield Problem(("mqtt", "certificate_file"), "needs its private key: set mqtt.key_file")
    if mqtt.key_file is not None and mqtt.certificate_file is None:
        yield Problem(("mqtt", "key_file"), "needs its certificate: set mqtt.certificate_file")
    if mqtt.host and mqtt.password is not None and not mqtt.user:
        yield Problem(("mqtt", "user"), "there is a password but no user name to go with it")
    for name in ("ca_file", "certificate_file", "key_file"):
        path: Path | None = getattr(mqtt, name)
        if path is None:
            continue
        if not mqtt.tls:
            yield Problem(("mqtt", name), "would not be used: set mqtt.tls = true, or remove this")
        yield from _file(("mqtt", name), path)


def _tools(config: Config) -> Iterator[Problem]:
    for number, folder in enumerate(config.tools.folders):
        place = ("tools", "folders", number)
        try:
            if not folder.is_dir():
                yield Problem(place, f"there is no folder {folder}")
        except OSError as error:
            yield Problem(place, f"{folder}: {_reason(error)}")


def _language_model(config: Config) -> Iterator[Problem]:
    settings = config.local.language_model
    place = ("local", "language_model")
    if settings.file is not None:
        yield from _file((*place, "file"), settings.file)
    if settings.wanted and settings.patience_s >= config.turn.reply_s:
        yield Problem(
            (*place, "patience_s"), f"must be below turn.reply_s ({config.turn.reply_s:g} s)"
        )


def _prices(config: Config) -> Iterator[Problem]:
    if config.money.prices_file is not None:
        yield from _file(("money", "prices_file"), config.money.prices_file)


def _board(board: Board) -> Iterator[Problem]:
    pins: dict[int, str] = {}
    if board.ring_leds and board.ring_spi_bus == 0:
        pins = {number: f"the LED ring ({wire})" for number, wire in _SPI0_PINS.items()}
    for name, pin in board.pins.items():
        if pin in pins:
            yield Problem(("board", name), f"GPIO {pin} is already used by {pins[pin]}")
        else:
            pins[pin] = f"board.{name}"


def _file(place: tuple[str | int, ...], path: Path) -> Iterator[Problem]:
    try:
        with path.open("rb") as file:
            if not file.read(1):
                yield Problem(place, f"{path} is empty")
    except OSError as error:
        yield Problem(place, f"{path}: {_reason(error)}")


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
