"""Several ways to show a cue, as one."""

from collections.abc import Callable, Sequence

from appliance.audio.chimes import FOR_CUE, make_chimes
from appliance.audio.playback import Playback
from appliance.config import Config
from appliance.ports import Cue
from appliance.units import SampleRate

CHIME_RATE = SampleRate(24_000)
"""Their highest tone is an overtone just below 2 kHz; resampled for the card."""


class Together:
    """Shows every cue in several ways; see ``appliance.ports.Indicator``."""

    def __init__(self, ways: Sequence[Callable[[Cue], None]]) -> None:
        self._ways = ways  # may grow: the broker comes later

    def show(self, cue: Cue) -> None:
        """Replace the cue shown now."""
        for way in self._ways:
            way(cue)


def chimes(config: Config, playback: Playback) -> Callable[[Cue], None]:
    """Return what plays the short sound of a cue, where it has one."""
    if not config.audio.chimes:
        return lambda _: None
    sounds = make_chimes(CHIME_RATE, peak_db=config.audio.chime_gain_db)

    def play(cue: Cue) -> None:
        if (chime := FOR_CUE.get(cue)) is not None:
            playback.chime(sounds[chime], CHIME_RATE)

    return play
