"""The settings of sound: the card, echo, other players, quiet hours, the recorder."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from appliance.config.section import Fraction, Section

Gain = Annotated[float, Field(ge=-60.0, le=12.0)]
TimeOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class Audio(Section):
    """The sound card."""

    input: str = ""
    """Part of the microphone's name as ``voice-appliance doctor`` prints it; empty: chosen."""

    output: str = ""
    """Part of the loudspeaker's name; empty: chosen, on the microphone's card if it has one."""

    rate_hz: Annotated[int, Field(ge=0, le=192_000)] = 0
    """Rate of the card; 0: 16 kHz if the card can, else its own."""

    channels: Annotated[int, Field(ge=0, le=8)] = 0
    """Microphone channels to open; 0: one, unless the device demands more."""

    microphone_channel: Annotated[int, Field(ge=0, le=7)] = 0
    """Which channel is listened to, counted from 0."""

    voice_gain_db: Gain = 0.0
    """Loudness of replies."""

    chime_gain_db: Gain = -12.0
    """Loudness of the short sounds."""

    alarm_gain_db: Gain = 0.0
    """Loudness of alarms and timers; the volume does not touch it."""

    chimes: bool = True
    """Whether there are short sounds at all; the lights stay."""

    array: str = "auto"
    """Which microphone array it is, by its name in ``hardware/microphones.toml``; auto: found by
    the card's name, else treated as single microphones."""


class Echo(Section):
    """What keeps the box from hearing itself."""

    cancel: Literal["auto", "off"] = "auto"
    """auto: wherever what the loudspeaker plays is known, unless the board cancels it itself."""

    reference: Literal["auto", "own", "channel", "monitor"] = "auto"
    """Where it is known from: the box's own playback, a channel of the microphone's card that
    carries it, or the monitor of the sound server, which has other programs' sound, too. auto: a
    channel where the array has one, else the own playback."""

    reference_channel: Annotated[int | None, Field(ge=0, le=7, examples=[5])] = None
    """That channel, counted from 0; unset: the array's."""

    monitor: str = ""
    """Part of the monitor's name; empty: the default loudspeaker's."""

    remember: bool = True
    """Whether what was learnt of the room is kept for the next start."""

    residual_model: Annotated[Path | None, Field(examples=["dtln_aec_128"])] = None
    """A folder with a neural residual echo suppressor of one's own for the speech tap
    (docs/echo.md); unset: the built-in one."""

    noise_suppression: Literal["off", "low", "moderate", "high"] = "off"
    """On what recognition and backends hear; realtime models have their own."""

    automatic_gain: bool = False
    """Whether soft talkers are made louder for recognition and backends."""


class Ducking(Section):
    """Other players, made softer while somebody talks with the box."""

    players: Literal["auto", "off"] = "auto"
    """auto: those of the sound server (PipeWire, PulseAudio), where there is one."""

    by_db: Annotated[float, Field(ge=0.0, le=60.0)] = 20.0
    """By how much."""

    mqtt: bool = True
    """Whether players of the house are told, too (``duck`` and ``unduck``, docs/mqtt.md)."""


class Quiet(Section):
    """Hours in which the box is softer."""

    begin: Annotated[TimeOfDay | None, Field(examples=["22:00"])] = None
    """Local time at which they begin, ``HH:MM``; unset: there are none."""

    end: Annotated[TimeOfDay | None, Field(examples=["07:00"])] = None
    """Local time at which they end."""

    volume: Fraction = 0.3
    """The loudest that the box speaks then."""

    chimes: bool = False
    """Whether there are short sounds then; alarms always sound."""


class Recorder(Section):
    """A recording of all that is heard, for reports of what went wrong. It holds speech."""

    folder: Annotated[Path | None, Field(examples=["/var/lib/voice-appliance/recordings"])] = None
    """Where it goes; unset: nothing is recorded."""

    minutes: Annotated[float, Field(ge=0.1, le=120.0)] = 10.0
    """The latest so many are kept, older sound is deleted."""
