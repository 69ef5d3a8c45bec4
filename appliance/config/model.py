"""The settings, with units, limits and defaults. Every field's docstring is its documentation.

``appliance.config.load`` reads them from TOML, ``appliance.config.checks`` looks at what no single
field can know; ``docs/config.example.toml`` shows them all and is made from this module.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from appliance.config.cloud import Backends, Camera, Money, Realtime
from appliance.config.guardrails import Guardrails
from appliance.config.house import Devices, Gate, HomeAssistant, Household, Timers
from appliance.config.keys import Keys
from appliance.config.lacking import lacking
from appliance.config.language_model import LanguageModel
from appliance.config.mcp import Mcp
from appliance.config.pipeline import Pipeline
from appliance.config.prompts import Prompts
from appliance.config.section import Fraction, Patience, Section
from appliance.config.services import ElevenLabs, Gemini, Live
from appliance.config.sound import Audio, Ducking, Echo, Quiet, Recorder

Port = Annotated[int, Field(ge=1, le=65_535)]
Pin = Annotated[int, Field(ge=0, le=27)]


READY_WORDS = ("hey_jarvis", "alexa", "hey_mycroft", "okay_nabu")
"""The wake words that come with the appliance (the models of pymicro-wakeword)."""


class Device(Section):
    """Who this box is."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")] = "box"
    """Name on the network and in MQTT topics: lower-case letters, digits and hyphens."""

    name: str = "Voice appliance"
    """As people call it."""

    area: Annotated[str | None, Field(examples=["kitchen"])] = None
    """The room it stands in: "turn on the light" means the light here."""

    language: Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")] = "en"
    """Spoken language of requests and replies; the parts for it must be installed."""


class CustomWakeWord(Section):
    """A wake word of one's own: an ONNX head over the speech-embedding backbone."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+$", examples=["hey_house"])]
    """What logs and the timeline call it: lower-case letters, digits and underscores."""

    model: Annotated[Path, Field(examples=["hey_house.onnx"])]
    """The head: 16 embeddings of 96 values in, one score out."""

    phrase: str = ""
    """How it is spoken; removed from the start of the request. Empty: the name."""


class Wake(Section):
    """The wake word."""

    words: tuple[str, ...] = ("hey_jarvis",)
    """Ready-made words listened for: hey_jarvis, alexa, hey_mycroft, okay_nabu."""

    custom: tuple[CustomWakeWord, ...] = ()
    """Wake words of one's own, besides the ready-made ones."""

    sensitivity: Fraction = 0.5
    """0 hears only the clearest call, 1 nearly anything like it."""

    refractory_s: Annotated[float, Field(ge=0.0, le=10.0)] = 2.0
    """After a wake word, the time in which another is not looked for."""

    pre_roll_s: Annotated[float, Field(ge=0.0, le=3.0)] = 0.2
    """Sound from before the detection that belongs to the request. The detection comes about 0.2 s
    after the end of the word; more than that only adds the end of the word to the request."""


class Speech(Section):
    """Speech and the end of a turn."""

    threshold: Annotated[float, Field(ge=0.05, le=0.95)] = 0.5
    """Probability from which a frame counts as speech."""

    trailing_silence_s: Annotated[float, Field(ge=0.2, le=5.0)] = 0.7
    """Silence that ends a turn."""

    shortest_s: Annotated[float, Field(ge=0.0, le=2.0)] = 0.09
    """Shorter sounds are not speech. Counted in steps of 32 ms: this is three of them."""

    longest_s: Annotated[float, Field(ge=2.0, le=120.0)] = 30.0
    """A turn is ended here even if somebody goes on talking."""


class Turn(Section):
    """Patience."""

    first_word_s: Patience = 5.0
    """Silence after the wake word before the box gives up."""

    reply_s: Annotated[float, Field(gt=0.0, le=120.0)] = 12.0
    """From the end of a turn to the first piece of the reply."""

    stall_s: Annotated[float, Field(gt=0.0, le=60.0)] = 6.0
    """Longest gap inside a reply."""

    follow_up_s: Patience = 4.0
    """After a reply, how long one may go on without the wake word; 0: never."""

    barge_in: Literal["auto", "wake_word", "speech"] = "auto"
    """What interrupts a reply: the wake word always; speech too where the box cancels its own echo
    well enough (``auto``) or in any case (``speech``: the card cancels it, or headphones)."""

    barge_in_sensitivity: Fraction = 0.5
    """How readily speech interrupts a reply: 0 takes a loud, long interruption, 1 nearly any."""

    echo_guard_s: Annotated[float, Field(ge=0.0, le=2.0)] = 0.3
    """After a reply, the time in which the room still rings with it and is not listened to."""


class Local(Section):
    """The on-device backend."""

    transcriber: Literal["auto", "base", "tiny"] = "auto"
    """Moonshine's size; auto: base where there is memory for it."""

    nearest: bool = True
    """Whether a request that no sentence matches is compared with the examples."""

    nearest_threshold: Fraction = 0.55
    """Likeness (cosine) from which an example counts."""

    speech_rate: Annotated[float, Field(ge=0.5, le=2.0)] = 1.0
    """How fast the box speaks."""

    language_model: LanguageModel = LanguageModel()
    """A language model for what it does not understand otherwise."""


class Mqtt(Section):
    """The broker of the house. Without a host, a private one with a simulated kitchen is used."""

    host: str = ""
    """Name or address of the broker, without ``mqtt://`` and without a port."""

    port: Annotated[Port | None, Field(examples=[1883])] = None
    """Unset: 1883, with TLS 8883."""

    user: str = ""
    """User name at the broker; empty: none."""

    password: Annotated[
        SecretStr | None, Field(examples=["only if nobody else can read this"])
    ] = None
    """Better as the credential ``mqtt-password``, which wins over this."""

    password_file: Annotated[Path | None, Field(examples=["mqtt-password"])] = None
    """A file of mode 0600 with the password as its only line."""

    tls: bool = False
    """Whether the connection is encrypted."""

    ca_file: Annotated[Path | None, Field(examples=["ca.pem"])] = None
    """Who vouches for the broker, PEM; unset: the authorities that the system trusts."""

    certificate_file: Annotated[Path | None, Field(examples=["box.pem"])] = None
    """The box's own certificate, PEM, for brokers that ask for one."""

    key_file: Annotated[Path | None, Field(examples=["box.key"])] = None
    """The private key of that certificate, PEM, without a passphrase."""

    root: Annotated[str, Field(pattern=r"^[^#+/$][^#+]*[^#+/]$")] = "voice-appliance"
    """First level of our own topics."""

    version: Literal["auto", "5", "3.1.1"] = "auto"
    """Of the protocol; auto: 5, and 3.1.1 where the broker is old."""

    queue: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Messages that may wait for the broker's acknowledgement."""


class Tools(Section):
    """Where tools come from."""

    folders: tuple[Path, ...] = ()
    """Folders of manifests (``*.toml``), besides ``tools.d`` beside the configuration."""

    patience_s: Annotated[float, Field(ge=0.5, le=30.0)] = 2.5
    """A tool that takes longer works on in the background: the box says so and goes on."""

    from_broker: bool = True
    """Whether retained manifests on ``<root>/tools/+/config`` are accepted."""


class Board(Section):
    """Buttons and lights, by GPIO number (BCM); what is not there is left out."""

    button: Annotated[Pin | None, Field(examples=[17])] = None
    """Talk button, closed to ground: pressed wakes the box, held for 2 s stops it."""

    mute_switch: Annotated[Pin | None, Field(examples=[22])] = None
    """Closed to ground means muted."""

    mute_led: Annotated[Pin | None, Field(examples=[27])] = None
    """Lit while muted, whoever muted it."""

    offline_switch: Annotated[Pin | None, Field(examples=[23])] = None
    """Closed to ground: nothing leaves the house (privacy mode)."""

    backend_button: Annotated[Pin | None, Field(examples=[24])] = None
    """Closed to ground for a moment: the next of ``backend.order`` answers from the next turn
    on, and the box says who; each press goes on by one."""

    status_led: Annotated[Pin | None, Field(examples=[25])] = None
    """One light that tells what the ring would."""

    ring_leds: Annotated[int, Field(ge=0, le=64)] = 0
    """APA102 LEDs on SPI; 0: none."""

    ring_spi_bus: Annotated[int, Field(ge=0, le=6)] = 0
    """The first number of ``/dev/spidev0.1``."""

    ring_spi_device: Annotated[int, Field(ge=0, le=2)] = 0
    """The second number of ``/dev/spidev0.1``."""

    ring_brightness: Fraction = 0.3
    """0 is dark, 1 dazzles."""

    ring_front_led: Annotated[int, Field(ge=0, le=63)] = 0
    """The LED, counted from 0, at the front of the microphones (``hardware/microphones.toml``)."""

    ring_clockwise: bool = True
    """Whether the LEDs are counted clockwise, seen from above."""

    @property
    def pins(self) -> dict[str, int]:
        """The GPIO numbers that are set, by key."""
        pins = {
            "button": self.button,
            "mute_switch": self.mute_switch,
            "mute_led": self.mute_led,
            "offline_switch": self.offline_switch,
            "backend_button": self.backend_button,
            "status_led": self.status_led,
        }
        return {name: pin for name, pin in pins.items() if pin is not None}


class Config(Section):
    """Everything."""

    device: Device = Device()
    """Who this box is."""

    audio: Audio = Audio()
    """The sound card."""

    echo: Echo = Echo()
    """What keeps the box from hearing itself."""

    ducking: Ducking = Ducking()
    """Other players, made softer while somebody talks with the box."""

    quiet: Quiet = Quiet()
    """Hours in which the box is softer."""

    recorder: Recorder = Recorder()
    """A recording of all that is heard, for reports of what went wrong."""

    wake: Wake = Wake()
    """The wake word."""

    speech: Speech = Speech()
    """Speech and the end of a turn."""

    turn: Turn = Turn()
    """Patience."""

    backend: Backends = Backends()
    """Who answers, and when another one does."""

    keys: Keys = Keys()
    """Keys of the services."""

    realtime: Realtime = Realtime()
    """The realtime service."""

    live: Live = Live()
    """OpenAI Live."""

    pipeline: Pipeline = Pipeline()
    """Speech to text, a language model, text to speech: of any three makers."""

    elevenlabs: ElevenLabs = ElevenLabs()
    """ElevenLabs Agents."""

    gemini: Gemini = Gemini()
    """Gemini Live."""

    extension: Annotated[
        dict[str, dict[str, object]], Field(examples=[{"my_backend": {"url": "http://gpu.local"}}])
    ] = Field(default_factory=dict)
    """Settings of backends that came with packages of their own, by the name of the backend."""

    prompts: Prompts = Prompts()
    """Who the assistant is."""

    guardrails: Guardrails = Guardrails()
    """What it does not speak of."""

    money: Money = Money()
    """What it may cost."""

    camera: Camera = Camera()
    """A camera to look through."""

    local: Local = Local()
    """The on-device backend."""

    mqtt: Mqtt = Mqtt()
    """The broker of the house."""

    tools: Tools = Tools()
    """Where tools come from."""

    devices: Devices = Devices()
    """Devices that are found on the broker."""

    gate: Gate = Gate()
    """What it takes before something that matters is done."""

    timers: Timers = Timers()
    """Timers, alarms and reminders."""

    household: Household = Household()
    """Other boxes in the house."""

    mcp: Mcp = Mcp()
    """Tools over MCP."""

    homeassistant: HomeAssistant = HomeAssistant()
    """How the box shows itself to Home Assistant."""

    board: Board = Board()
    """Buttons and lights."""

    @property
    def backends(self) -> tuple[str, ...]:
        """``backend.order`` without what lacks something, as far as the settings say."""
        return tuple(name for name in self.backend.order if not lacking(self, name))
