"""In which form a conversation's sound goes and comes. Pure."""

import re
from typing import Final

from appliance.backend.socket.reading import Message, object_of, text_of
from appliance.errors import BackendRefused
from appliance.units import SampleRate

_PCM: Final = re.compile(r"pcm_(8000|16000|22050|24000|44100|48000)")
"""As ``TtsOutputFormat`` of elevenlabs 2.78.0; µ-law is for telephones."""

_USUAL: Final = "pcm_16000"
_ADVICE: Final = "set the agent's {} format to PCM 16000 Hz (docs/backends/elevenlabs.md)"


def output_rate(metadata: Message) -> SampleRate:
    """Return the rate of the agent's sound, of ``conversation_initiation_metadata``.

    Raises:
        BackendRefused: It comes in a form that cannot be played, or it wants the user's in one
            that is not made.
    """
    formats = object_of(metadata, "conversation_initiation_metadata_event")
    comes = text_of(formats, "agent_output_audio_format") or _USUAL
    goes = text_of(formats, "user_input_audio_format") or _USUAL
    rate = _PCM.fullmatch(comes)
    if rate is None:
        raise BackendRefused("unplayable_format", _ADVICE.format("output"))
    if goes != _USUAL:
        raise BackendRefused("unfit_input_format", _ADVICE.format("input"))
    return SampleRate(int(rate[1]))
